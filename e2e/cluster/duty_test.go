package cluster

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// track reads what keepalived is told.
func (n *node) track() string {
	text, _ := os.ReadFile(filepath.Join(n.dir, "track"))
	return strings.TrimSpace(string(text))
}

// silent tells whether new connections are ignored, neither taken nor refused.
func (n *node) silent(t *testing.T) bool {
	t.Helper()
	c, err := net.DialTimeout("tcp", fmt.Sprint("127.0.0.1:", n.web), 200*time.Millisecond)
	if err == nil {
		c.Close()
		return false
	}
	if e, ok := err.(net.Error); !ok || !e.Timeout() {
		t.Fatal("refused:", err)
	}
	return true
}

// TestDuty: a node goes out of service and comes back, whatever it serves meanwhile and
// with nobody else there.
func TestDuty(t *testing.T) {
	f := newFleet(t)
	n := f.nodes[0]
	ready := func() int { return code(exec.Command(f.bin, "ready", "--data-dir", n.dir).Run()) }
	if c := ready(); c != 2 {
		t.Errorf("ready: exit code %d where nobody is there", c)
	}
	f.start(n)
	f.serve("one", patience, n)
	f.await("it is ready", patience, func() bool { return ready() == 0 && n.track() == "0" })
	f.must(n, "node", "ready")

	keeps := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}
	ask := func() (last bool) {
		r, err := keeps.Get(fmt.Sprintf("http://127.0.0.1:%d/", n.web))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
		return r.Close
	}
	if ask() {
		t.Error("a connection ends before the drain")
	}
	drained := make(chan string, 1)
	go func() {
		out, _ := f.run(n, "node", "drain")
		drained <- out
	}()
	f.await("a connection that is kept ends with its next request", time.Second, ask)
	if out := <-drained; !strings.Contains(out, "The node is out of service; 0 connections are left.") {
		t.Error(out)
	}
	out := func(what string) {
		t.Helper()
		if !n.silent(t) {
			t.Error(what, "a connection is taken")
		}
		if text, err := f.run(n, "node", "ready"); code(err) != 1 || !strings.Contains(text, "not ready: it is draining") || ready() != 1 || n.track() != "1" {
			t.Errorf("%s %d %s, track file %q", what, code(err), text, n.track())
		}
		if text := f.must(n, "node", "status"); !strings.Contains(text, "state    draining") {
			t.Error(what, text)
		}
	}
	out("drained:")
	if text := f.must(n, "node", "drain"); !strings.Contains(text, "out of service") {
		t.Error("again:", text)
	}
	f.write("two")
	if err := n.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	f.await("a reload", patience, func() bool { return strings.Contains(n.Said.String(), "web stopped") })
	out("behind a reload:")

	f.must(n, "node", "undrain")
	f.await("it is back", patience, func() bool { return ready() == 0 && n.track() == "0" })
	f.serve("two", patience, n)
	if ask() {
		t.Error("a connection ends after the drain")
	}
	keeps.CloseIdleConnections()

	if text := f.must(n, "node", "leave"); !strings.Contains(text, "out of service") {
		t.Error(text)
	}
	if !oracle.Eventually(5*time.Second, func() bool { return ready() == 2 && n.track() == "1" }) {
		t.Errorf("it goes on: ready %d, track file %q", ready(), n.track())
	}
}

// TestUndrain: an undrain ends a drain that waits for a request.
func TestUndrain(t *testing.T) {
	f := newFleet(t)
	n := f.nodes[0]
	f.start(n)
	f.serve("one", patience, n)
	f.await("it is ready", patience, func() bool { _, err := f.run(n, "node", "ready"); return err == nil })
	c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", n.web))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: nothing\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	drained := make(chan error, 1)
	go func() {
		text, err := f.run(n, "node", "drain", "--wait", "1m")
		if !strings.Contains(text, "ended by an undrain") {
			t.Error(text)
		}
		drained <- err
	}()
	f.await("it drains", patience, func() bool {
		text, _ := f.run(n, "node", "ready")
		return strings.Contains(text, "draining")
	})
	f.must(n, "node", "undrain")
	if err := <-drained; code(err) != 1 {
		t.Error(err)
	}
	f.serve("one", patience, n)
	f.must(n, "node", "ready")
}
