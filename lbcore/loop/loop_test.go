package loop

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// echo is a handler that sends back what it reads.
type echo struct {
	l       *Loop
	fd      int32
	boom    bool
	aborted *atomic.Int32
}

func (e *echo) Ready(r Readiness) {
	if e.boom {
		panic("boom")
	}
	var p [512]byte
	for {
		n, errno := e.l.Recv(e.fd, p[:])
		if errno != 0 {
			return
		}
		if n == 0 {
			e.close()
			return
		}
		if bytes.HasPrefix(p[:n], []byte("panic")) {
			e.boom = true
			e.Ready(r)
		}
		e.l.Send(e.fd, p[:n], false)
	}
}

func (e *echo) close() {
	e.l.Forget(e.fd)
	e.l.Kernel.Close(e.fd)
}

func (e *echo) Panicked(any) { e.aborted.Add(1); e.close() }

type echoServer struct{ aborted atomic.Int32 }

func (s *echoServer) Full() bool { return false }
func (s *echoServer) Accepted(l *Loop, fd int32, _ netip.AddrPort) {
	e := &echo{l: l, fd: fd, aborted: &s.aborted}
	l.Attach(fd, e)
	if errno := l.Register(fd); errno != 0 {
		panic(errno)
	}
}

func startEcho(t *testing.T, loops int) (*Group, *echoServer, string) {
	t.Helper()
	var logged bytes.Buffer
	g, err := NewGroup(loops, 16384, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	fd := int(f.Fd()) // Fd makes the descriptor blocking each time it is asked
	unix.SetNonblock(fd, true)
	s := &echoServer{}
	g.Start()
	g.Each(func(l *Loop) {
		if _, e := l.Listen(int32(fd), s, 8, g); e != 0 {
			t.Error(e)
		}
	})
	t.Cleanup(func() { g.Stop(); ln.Close(); f.Close() })
	return g, s, ln.Addr().String()
}

func TestLoopsServeAndSurvivePanics(t *testing.T) {
	_, s, addr := startEcho(t, 2)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(10 * time.Second))
			var p [16]byte
			if i%5 == 0 {
				c.Write([]byte("panic now"))
				if n, err := c.Read(p[:]); err == nil {
					t.Errorf("read %q from a handler that panicked", p[:n])
				}
				return
			}
			for range 50 {
				c.Write([]byte("ping"))
				if n, err := c.Read(p[:]); err != nil || string(p[:n]) != "ping" {
					t.Errorf("read %q, %v", p[:n], err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := s.aborted.Load(); n != 4 {
		t.Errorf("%d handlers aborted, want 4", n)
	}
}

func TestPostRunsInOrderAndSliced(t *testing.T) {
	g, _, _ := startEcho(t, 1)
	l := g.Loops[0]
	var got []int
	done := make(chan int64)
	for i := range 100 {
		l.Post(func() { got = append(got, i) })
	}
	steps := 0
	l.PostSliced(func() bool {
		steps++
		for end := l.clock.Mono() + int64(100*time.Microsecond); l.clock.Mono() < end; {
		}
		return steps < 20
	})
	l.Post(func() { done <- l.Stats.Turns })
	turns := <-done
	for i, v := range got {
		if i != v {
			t.Fatalf("posted work ran out of order: %v", got)
		}
	}
	if len(got) != 100 || steps != 20 {
		t.Fatalf("%d posts, %d slices", len(got), steps)
	}
	if turns < 5 {
		t.Errorf("2 ms of sliced work ran in %d turns; it must not block the loop", turns)
	}
}

func TestPostPanicKeepsTheLoop(t *testing.T) {
	g, _, _ := startEcho(t, 1)
	l := g.Loops[0]
	done := make(chan int64)
	l.Post(func() { panic("posted") })
	l.Post(func() { done <- l.Stats.Panics })
	if n := <-done; n != 1 {
		t.Fatalf("panics %d", n)
	}
}

type timed struct {
	t    Timer
	done chan time.Time
}

func (x *timed) Expired(*Timer) { x.done <- time.Now() }

func TestTimerOnARunningLoop(t *testing.T) {
	g, _, _ := startEcho(t, 1)
	l := g.Loops[0]
	x := &timed{done: make(chan time.Time, 1)}
	x.t.Owner = x
	start := time.Now()
	l.Post(func() { l.Arm(&x.t, l.Precise()+int64(30*time.Millisecond)) })
	if d := (<-x.done).Sub(start); d < 30*time.Millisecond {
		t.Errorf("fired after %v", d)
	}
}

// A walk over descriptors goes on where it stopped.
func TestDescriptorsGoOn(t *testing.T) {
	g, err := NewGroup(1, 16384, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g.Start()
	t.Cleanup(g.Stop)
	want := []int32{slotChunk - 1, slotChunk, 3*slotChunk + 7}
	g.Each(func(l *Loop) {
		for _, fd := range want {
			l.Attach(fd, &echo{fd: fd})
		}
		var got []int32
		calls := 0
		for at := int32(0); at >= 0; calls++ {
			at = l.Descriptors(at, func(fd int32, h Handler) bool {
				if h.(*echo).fd != fd {
					t.Errorf("descriptor %d has the handler of %d", fd, h.(*echo).fd)
				}
				got = append(got, fd)
				return false
			})
		}
		if !slices.Equal(got, want) || calls != len(want)+1 {
			t.Errorf("visited %v in %d calls", got, calls)
		}
		for _, fd := range want {
			l.Forget(fd)
		}
	})
}
