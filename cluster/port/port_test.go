package port

import (
	"context"
	"io"
	"log/slog"
	"net"
	"runtime"
	"testing"
	"time"

	"gohap/cluster/keyring"
)

func ring(t *testing.T, id string, s ...keyring.Secret) *keyring.Ring {
	t.Helper()
	r, err := keyring.New(id, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start makes a port that echoes what comes over "echo".
func start(t *testing.T, c Config) (p *Port, address string) {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	p = New(c)
	echo := p.Handle("echo")
	p.Handle("idle")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Serve(l)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := echo.AcceptConn()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.Write([]byte(c.Peer + "\n"))
				io.Copy(c, c)
			}()
		}
	}()
	t.Cleanup(func() {
		p.Close()
		<-done
	})
	return p, l.Addr().String()
}

func says(t *testing.T, c *Conn, want string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Errorf("%q, %v", b, err)
	}
}

// TestPort: each end knows who the other is; what is not served is refused.
func TestPort(t *testing.T) {
	s := keyring.NewSecret()
	a, address := start(t, Config{Ring: ring(t, "a", s)})
	b, _ := start(t, Config{Ring: ring(t, "b", s)})
	for _, id := range []string{"a", ""} {
		c, err := b.Dial(t.Context(), address, "echo", id)
		if err != nil {
			t.Fatal(err)
		}
		if c.Peer != "a" || c.Protocol != "echo" {
			t.Errorf("%q, %q", c.Peer, c.Protocol)
		}
		says(t, c, "b\n")
		c.Write([]byte("hello"))
		says(t, c, "hello")
		c.Close()
		c.Close()
	}
	if c, err := b.Dial(t.Context(), address, "echo", "c"); err == nil {
		c.Close()
		t.Error("another node's id is taken")
	}
	if c, err := b.Dial(t.Context(), address, "gohap-raft", "a"); err == nil {
		c.Close()
		t.Error("a protocol that nobody serves is taken")
	}
	plain, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	plain.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	plain.SetDeadline(time.Now().Add(5 * time.Second))
	if text, _ := io.ReadAll(plain); len(text) > 7 { // an alert
		t.Errorf("a stranger is told %q", text)
	}
	plain.Close()
	if a.Refused.Load() == 0 {
		t.Error("nobody was refused")
	}
}

// TestStrangersWait: as many as there may be who say nothing keep no member out, and
// go when their time is over.
func TestStrangersWait(t *testing.T) {
	s := keyring.NewSecret()
	_, address := start(t, Config{Ring: ring(t, "a", s), Waiting: 8, Handshake: 2 * time.Second})
	b, _ := start(t, Config{Ring: ring(t, "b", s)})
	before := runtime.NumGoroutine()
	var all []net.Conn
	for range 200 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all = append(all, c)
	}
	c, err := b.Dial(t.Context(), address, "echo", "a")
	if err != nil {
		t.Fatal(err)
	}
	says(t, c, "b\n")
	c.Close()
	if n := runtime.NumGoroutine(); n > before+50 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	for _, c := range all {
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatal("a stranger is answered")
		} else if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Fatal("a stranger stays")
		}
	}
}

// TestRotation: connections end whose secret is removed, the others stay.
func TestRotation(t *testing.T) {
	one, two := keyring.NewSecret(), keyring.NewSecret()
	a, address := start(t, Config{Ring: ring(t, "a", two, one)})
	late, _ := start(t, Config{Ring: ring(t, "late", one, two)})
	done, _ := start(t, Config{Ring: ring(t, "done", two, one)})
	stays, err := done.Dial(t.Context(), address, "echo", "a")
	if err != nil {
		t.Fatal(err)
	}
	goes, err := late.Dial(t.Context(), address, "echo", "a")
	if err != nil {
		t.Fatal(err)
	}
	says(t, stays, "done\n")
	says(t, goes, "late\n")
	a.SetRing(ring(t, "a", two))
	stays.Write([]byte("x"))
	says(t, stays, "x")
	goes.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := goes.Read(make([]byte, 1)); err == nil {
		t.Error("a session of a secret that was removed goes on")
	}
	if c, err := late.Dial(t.Context(), address, "echo", "a"); err == nil { // TLS 1.3: the verdict comes later
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("the secret that was removed is taken")
		}
		c.Close()
	}
}

// TestUnserved: connections that nobody takes are refused when enough of them wait,
// and the port ends with all of them.
func TestUnserved(t *testing.T) {
	s := keyring.NewSecret()
	a, address := start(t, Config{Ring: ring(t, "a", s)})
	b, _ := start(t, Config{Ring: ring(t, "b", s)})
	over := make(chan bool, queued+1)
	for range queued + 1 {
		c, err := b.Dial(t.Context(), address, "idle", "a")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			_, err := c.Read(make([]byte, 1))
			over <- err == nil
		}()
	}
	ends := func(n int) {
		for range n {
			select {
			case answered := <-over:
				if answered {
					t.Error("answered")
				}
			case <-time.After(10 * time.Second):
				t.Fatal("more wait")
			}
		}
	}
	ends(1) // the one too many
	if len(over) > 0 {
		t.Error("one of those that may wait was refused")
	}
	a.Close()
	ends(queued)
	if _, err := b.Dial(t.Context(), address, "echo", "a"); err == nil {
		t.Error("it listens still")
	}
}

// TestSilentServer: whoever does not answer is given up.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := New(Config{Ring: ring(t, "a", keyring.NewSecret()), Log: slog.New(slog.DiscardHandler), Handshake: 100 * time.Millisecond})
	defer p.Close()
	if _, err := p.Dial(context.Background(), l.Addr().String(), "echo", ""); err == nil {
		t.Error("a handshake with nobody")
	}
}
