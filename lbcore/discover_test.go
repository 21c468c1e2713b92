package lbcore

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiscoverReadsOnce: a configuration may come through a pipe, which gives its
// text once: what Discover has read, Load takes.
func TestDiscoverReadsOnce(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go os.WriteFile(pipe, []byte("global\n    daemon\n    pidfile /nowhere\nfrontend f\n    mode http\n    timeout client 5s\n    bind 127.0.0.1:1\n"), 0)
	var said strings.Builder
	o := &Options{Stderr: &said, Paths: []string{pipe}}
	if l := Discover(o); !l.Daemon || l.PidFile != "/nowhere" {
		t.Errorf("discovered %+v", l)
	}
	if c, _ := Load(o); c == nil || !c.HasListeners() {
		t.Errorf("loaded %v\n%s", c != nil, said.String())
	}
}

// TestLoadReadsAgain: what Discover has read serves one Load; the next one sees
// what has changed since.
func TestLoadReadsAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cfg")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("frontend f\n    mode http\n    timeout client 5s\n    bind 127.0.0.1:1\n")
	var said strings.Builder
	o := &Options{Stderr: &said, Paths: []string{path}}
	Discover(o)
	write("nonsense\n")
	if c, _ := Load(o); c == nil {
		t.Errorf("the first Load reads what Discover did not\n%s", said.String())
	}
	if c, _ := Load(o); c != nil {
		t.Error("the second Load does not read again")
	}
}
