package loop

import (
	"log/slog"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"gohap/lbcore/clock"
)

// pair returns both ends of a unix socket pair.
func pair(t *testing.T) (a, b int32) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return int32(fds[0]), int32(fds[1])
}

func kernel(t *testing.T) Kernel {
	t.Helper()
	k, err := NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Release)
	return k
}

// descriptors counts those that are open.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestPass: what one end passes the other receives, connected, non-blocking, and
// without a descriptor left over; neither way allocates.
func TestPass(t *testing.T) {
	k := kernel(t)
	a, b := pair(t)
	if fd, e := k.Receive(b); fd != -1 || e != unix.EAGAIN {
		t.Fatalf("nothing was passed: %d, %v", fd, e)
	}
	before := descriptors(t)
	ping, p := []byte("ping"), make([]byte, 8)
	once := func() {
		here, e := k.Pass(a)
		if e != 0 {
			t.Fatal(e)
		}
		there, e := k.Receive(b)
		if e != 0 || there < 0 {
			t.Fatal(there, e)
		}
		if _, e := k.Recv(there, p); e != unix.EAGAIN {
			t.Fatalf("an empty connection answers %v", e)
		}
		k.Send(here, ping, false)
		if n, e := k.Recv(there, p); e != 0 || string(p[:n]) != "ping" {
			t.Fatalf("%q, %v", p[:n], e)
		}
		k.Close(here)
		if n, e := k.Recv(there, p); n != 0 || e != 0 {
			t.Fatalf("the end came as %d, %v", n, e)
		}
		k.Close(there)
	}
	if n := testing.AllocsPerRun(50, once); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// TestReceiveWhatever: bytes without a descriptor are nothing, of several
// descriptors the first counts and the others are closed, one that blocks no
// longer does, and an end that is gone says so.
func TestReceiveWhatever(t *testing.T) {
	k := kernel(t)
	a, b := pair(t)
	send := func(fds ...int) {
		t.Helper()
		var rights []byte
		if len(fds) > 0 {
			rights = unix.UnixRights(fds...)
		}
		if err := unix.Sendmsg(int(a), []byte("x"), rights, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	send()
	if fd, e := k.Receive(b); fd != -1 || e != 0 {
		t.Errorf("bytes alone: %d, %v", fd, e)
	}
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	before := descriptors(t)
	for n := 1; n <= 3; n++ {
		send([]int{p[0], p[1], p[1]}[:n]...)
		fd, e := k.Receive(b)
		if e != 0 || fd < 0 {
			t.Fatalf("%d descriptors: %d, %v", n, fd, e)
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 || flags&unix.O_ACCMODE != unix.O_RDONLY {
			t.Errorf("%d descriptors: flags %#x, %v", n, flags, err)
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%d descriptors: open in children", n)
		}
		k.Close(fd)
		if after := descriptors(t); after != before {
			t.Errorf("%d descriptors left %d open, %d before", n, after, before)
		}
	}
	unix.Shutdown(int(a), unix.SHUT_RDWR)
	if fd, e := k.Receive(b); fd != -1 || e != unix.ENOTCONN {
		t.Errorf("after the end: %d, %v", fd, e)
	}
	if fd, e := k.Pass(b); fd != -1 || e != unix.EPIPE {
		t.Errorf("passed after the end: %d, %v", fd, e)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// taker notes what a listener hands over.
type taker struct {
	fds  []int32
	full bool
}

func (x *taker) Full() bool                                   { return x.full }
func (x *taker) Accepted(_ *Loop, fd int32, _ netip.AddrPort) { x.fds = append(x.fds, fd) }

// TestListenerReceives: a bounded number of descriptors a turn, none while it is
// full, the rest when it closes, and no turning in circles once the other end is
// gone.
func TestListenerReceives(t *testing.T) {
	k := kernel(t)
	a, b := pair(t)
	l := New(0, k, clock.System, 1024, slog.New(slog.DiscardHandler))
	x := &taker{}
	ln, e := l.Receive(b, x, 2, nil)
	if e != 0 {
		t.Fatal(e)
	}
	pass := func(n int) {
		for range n {
			fd, e := k.Pass(a)
			if e != 0 {
				t.Fatal(e)
			}
			defer k.Close(fd)
		}
	}
	pass(5)
	for _, want := range []int{2, 4, 5} {
		if l.Turn(); len(x.fds) != want {
			t.Fatalf("%d taken, want %d", len(x.fds), want)
		}
	}
	x.full = true
	pass(1)
	if l.Turn(); len(x.fds) != 5 || !ln.Paused() {
		t.Fatalf("%d taken while full", len(x.fds))
	}
	x.full = false
	ln.Resume()
	pass(3)
	ln.Close()
	if len(x.fds) != 9 {
		t.Errorf("%d taken, 9 were passed", len(x.fds))
	}
	ln, _ = l.Receive(b, x, 2, nil)
	unix.Shutdown(int(a), unix.SHUT_RDWR)
	if l.Turn(); !ln.closed {
		t.Error("it goes on after the end")
	}
	for _, fd := range x.fds {
		k.Close(fd)
	}
}
