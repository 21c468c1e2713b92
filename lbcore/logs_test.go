package lbcore

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// load reads a configuration of a test.
func load(t *testing.T, text string) *Config {
	t.Helper()
	var said strings.Builder
	c, _ := Load(&Options{Stderr: &said, Builtin: text})
	if c == nil {
		t.Fatal(said.String())
	}
	return c
}

// TestLogDescriptorOutlivesInstances: the descriptor of a log target is whose it was
// before; an instance that is gone has not closed it for the next one.
func TestLogDescriptorOutlivesInstances(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fd := int(w.Fd())
	serve := func() {
		in, err := load(t, fmt.Sprintf("global\n log fd@%d format raw local0\nfrontend f\n mode http\n timeout client 5s\n bind unix@%s\n log global\n", fd, filepath.Join(t.TempDir(), "s"))).Start(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		in.Stop()
	}
	serve()
	for range 5 { // what is not held any more is cleaned up, as this is
		cleaned := make(chan struct{})
		runtime.AddCleanup(new([64]byte), func(c chan struct{}) { close(c) }, cleaned)
		runtime.GC()
		<-cleaned
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		t.Errorf("descriptor %d: %v", fd, err)
	}
}

// TestFailedOpenLeavesLogServer: a configuration that cannot be opened holds no
// connection to its log server.
func TestFailedOpenLeavesLogServer(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := load(t, fmt.Sprintf("global\n log tcp@%s local0\nfrontend f\n mode http\n timeout client 5s\n bind %s\n log global\n", server.Addr(), taken.Addr()))
	if _, err := c.Open(slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("an address in use was bound")
	}
	limit := time.Now().Add(3 * time.Second)
	for {
		server.(*net.TCPListener).SetDeadline(time.Now().Add(200 * time.Millisecond))
		conn, err := server.Accept()
		if err != nil {
			return // nobody comes any more
		}
		conn.SetReadDeadline(limit)
		if _, err := conn.Read(make([]byte, 1)); os.IsTimeout(err) {
			t.Fatal("its connection stays")
		}
		conn.Close()
	}
}
