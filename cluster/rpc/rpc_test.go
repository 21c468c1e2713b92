package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"gohap/cluster/keyring"
	"gohap/cluster/port"
)

type end struct {
	port    *port.Port
	address string
	*Server
	*Client
}

func start(t *testing.T, id string, s keyring.Secret, set func(*Server)) *end {
	t.Helper()
	ring, err := keyring.New(id, []keyring.Secret{s})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	p := port.New(port.Config{Ring: ring, Log: log})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &end{p, l.Addr().String(), NewServer(log), NewClient(p)}
	if set != nil {
		set(e.Server)
	}
	e.Serve(p.Handle(Protocol))
	p.Serve(l)
	t.Cleanup(func() {
		e.Client.Close()
		e.Server.Close()
		p.Close()
	})
	return e
}

// TestCalls: questions, answers, errors, contents both ways, over connections that are
// used again.
func TestCalls(t *testing.T) {
	s := keyring.NewSecret()
	a := start(t, "a", s, func(s *Server) {
		s.Handle("who", func(_ context.Context, c *Call) (any, error) {
			var word string
			if err := c.Args(&word); err != nil {
				return nil, err
			}
			return word + " " + c.Peer, nil
		})
		s.Handle("not", func(context.Context, *Call) (any, error) { return nil, &Error{"no", "not today"} })
		s.Handle("panic", func(context.Context, *Call) (any, error) { panic("x") })
		s.Handle("double", func(_ context.Context, c *Call) (any, error) {
			b, err := io.ReadAll(c.Body)
			return Contents{len(b), io.NopCloser(bytes.NewReader(append(b, b...))), int64(2 * len(b))}, err
		})
		s.Handle("nothing", func(context.Context, *Call) (any, error) { return Contents{}, errors.New("no contents") })
		s.Handle("ignore", func(context.Context, *Call) (any, error) { return nil, nil })
	})
	b := start(t, "b", s, nil)
	ask := func(q Question) (string, error) {
		q.Address = a.address
		return b.Ask(t.Context(), q)
	}
	for range 3 {
		var got string
		if id, err := ask(Question{Method: "who", Args: "I am", Into: &got}); err != nil || id != "a" || got != "I am b" {
			t.Errorf("%q %q %v", id, got, err)
		}
		var e *Error
		if _, err := ask(Question{Method: "not", ID: "a"}); !errors.As(err, &e) || *e != (Error{"no", "not today"}) {
			t.Error(err)
		}
		if _, err := ask(Question{Method: "other"}); !errors.As(err, &e) || e.Code != "unknown-method" {
			t.Error(err)
		}
		if _, err := ask(Question{Method: "nothing"}); err == nil || err.Error() != "no contents" {
			t.Error(err)
		}
		if _, err := ask(Question{Method: "panic"}); !errors.As(err, &e) {
			t.Error(err)
		}
		if _, err := ask(Question{Method: "who", Args: 5}); err == nil {
			t.Error("a number is a word")
		}
		if _, err := ask(Question{Method: "who", Args: "x", Into: new(int)}); err == nil {
			t.Error("a word is a number")
		}
		text := bytes.Repeat([]byte("0123456789"), 100_000)
		var n int
		var twice []byte
		_, err := ask(Question{Method: "double", Body: bytes.NewReader(text), Size: int64(len(text)), Into: &n, Take: func(r io.Reader, size int64) (err error) {
			twice, err = io.ReadAll(r)
			return err
		}})
		if err != nil || n != len(text) || !bytes.Equal(twice, append(text, text...)) {
			t.Errorf("%d, %d bytes, %v", n, len(twice), err)
		}
		if _, err := ask(Question{Method: "ignore", Body: bytes.NewReader(text), Size: int64(len(text))}); err != nil {
			t.Error(err)
		}
		if n := len(b.idle[a.address+" "]); n != 1 {
			t.Errorf("%d connections wait", n)
		}
		if _, err := ask(Question{Method: "ignore", Body: strings.NewReader("x"), Size: 2}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	}
	if _, err := ask(Question{Method: "who", ID: "c", Args: "x"}); err == nil {
		t.Error("another node answers")
	}
}

// TestRestart: a connection that waited and was closed costs no call.
func TestRestart(t *testing.T) {
	s := keyring.NewSecret()
	set := func(s *Server) {
		s.Handle("x", func(context.Context, *Call) (any, error) { return 1, nil })
	}
	a, b := start(t, "a", s, set), start(t, "b", s, nil)
	ask := func() error {
		_, err := b.Ask(t.Context(), Question{Address: a.address, Method: "x"})
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.idle[a.address+" "] {
		c.NetConn().Close()
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
}

// TestLimits: a caller goes when he likes; the server ends what hangs; many at once.
func TestLimits(t *testing.T) {
	s := keyring.NewSecret()
	begun := make(chan struct{}, 100)
	a := start(t, "a", s, func(s *Server) {
		s.Handle("wait", func(ctx context.Context, _ *Call) (any, error) {
			begun <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		s.Handle("x", func(context.Context, *Call) (any, error) { return 1, nil })
	})
	b := start(t, "b", s, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	if _, err := b.Ask(ctx, Question{Address: a.address, Method: "wait"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := b.Ask(t.Context(), Question{Address: a.address, Method: "x"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	done := make(chan error, 1)
	go func() {
		_, err := b.Ask(t.Context(), Question{Address: a.address, Method: "wait"})
		done <- err
	}()
	<-begun
	a.Server.Close()
	if err := <-done; err == nil {
		t.Error("a call of a server that is gone succeeds")
	}
}

// TestBadFrames: what is no call ends its connection, and takes no memory.
func TestBadFrames(t *testing.T) {
	s := keyring.NewSecret()
	a, b := start(t, "a", s, nil), start(t, "b", s, nil)
	head := func(n uint32, text string) string { return string(binary.BigEndian.AppendUint32(nil, n)) + text }
	for _, text := range []string{head(0, ""), head(1<<31, "x"), head(2, "xx"), head(30, `{"method":"x","body":-1}      `), head(38, `{"method":"x","body":999999999999999}  `)} {
		c, err := b.port.Dial(t.Context(), a.address, Protocol, "a")
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte(text))
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if got, err := io.ReadAll(c); len(got) > 0 || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: %q %v", text, got, err)
		}
		c.Close()
	}
}

func FuzzHead(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0e" + `{"method":"x"}`))
	f.Add([]byte("\x00\x00\x00\xff{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var q request
		if readHead(bytes.NewReader(b), &q) != nil {
			return
		}
		var out bytes.Buffer
		if err := writeFrame(&out, q, nil, 0); err != nil {
			t.Fatal(err)
		}
		var again request
		if err := readHead(&out, &again); err != nil || again.Method != q.Method || again.Body != q.Body {
			t.Fatalf("%+v %+v %v", q, again, err)
		}
	})
}
