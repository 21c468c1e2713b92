package log

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func listenLogs(t *testing.T) (*net.TCPListener, *Target) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	l.SetDeadline(time.Now().Add(10 * time.Second))
	return l, &Target{Kind: TCP, Addr: netip.MustParseAddrPort(l.Addr().String())}
}

// Lines from before the connection, and those that are left at the end, arrive;
// a server that ends the connection is connected to again.
func TestStream(t *testing.T) {
	l, to := listenLogs(t)
	var missed atomic.Uint64
	s := NewStream(to, &missed, time.Now)
	s.Line([]byte("one\n"))
	accept := func() (net.Conn, *bufio.Reader) {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(10 * time.Second))
		return c, bufio.NewReader(c)
	}
	expect := func(r *bufio.Reader, want string) {
		t.Helper()
		if line, err := r.ReadString('\n'); err != nil || line != want+"\n" {
			t.Fatalf("got %q, %v, want %q", line, err, want)
		}
	}
	c, r := accept()
	expect(r, "one")
	s.Line([]byte("two\n"))
	expect(r, "two")
	c.Close()
	_, r = accept()
	s.Line([]byte("three\n"))
	expect(r, "three")
	s.Line([]byte("four\n"))
	s.Close()
	expect(r, "four")
	if _, err := r.ReadString('\n'); err == nil {
		t.Error("the connection stays open")
	}
	if n := missed.Load(); n != 0 {
		t.Errorf("%d lines are missed", n)
	}
}

// A server that is away costs the oldest lines, counted, and Close does not wait.
func TestStreamAway(t *testing.T) {
	l, to := listenLogs(t)
	var missed atomic.Uint64
	const lines = 5000
	long := strings.Repeat("x", 100)
	l.Close()
	s := NewStream(to, &missed, time.Now)
	for i := range lines {
		if !s.Line(fmt.Appendf(nil, "%d %s\n", i, long)) {
			t.Fatal("a line is refused")
		}
	}
	begin := time.Now()
	s.Close()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("Close took %v", took)
	}
	// What a connection would have found.
	here, there := net.Pipe()
	go func() { s.send(here, new(Cursor)); here.Close() }()
	got := 0
	for lines := bufio.NewScanner(there); lines.Scan(); got++ {
	}
	if got == 0 || got+int(missed.Load()) != lines {
		t.Errorf("%d lines and %d missed of %d", got, missed.Load(), lines)
	}
}
