package loop

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Acceptor takes the connections of a listener. Accepted runs on the loop that
// shall own the descriptor.
type Acceptor interface {
	Accepted(l *Loop, fd int32, peer netip.AddrPort)
	// Full tells that no further connection may be taken now; the listener
	// pauses until Resume.
	Full() bool
}

// Listener is a listening descriptor's registration with one loop. A shared
// one (unix, abns, inherited: no SO_REUSEPORT) is registered with every loop
// and hands what it accepts to the least-loaded one.
type Listener struct {
	fd     int32
	loop   *Loop
	group  *Group // set when shared
	to     Acceptor
	paused bool
	closed bool
	burst  int
	passed bool // connections come as descriptors over fd
}

// Listen begins to accept on fd; burst bounds the connections taken a turn.
func (l *Loop) Listen(fd int32, to Acceptor, burst int, shared *Group) (*Listener, Errno) {
	ln := &Listener{fd: fd, loop: l, to: to, burst: burst, group: shared}
	if shared != nil && len(shared.Loops) == 1 {
		ln.group = nil
	}
	l.Attach(fd, ln)
	l.Stats.Ctls++
	return ln, l.Kernel.Add(fd, ln.interest(), l.slot(fd).gen)
}

// Receive begins to take the descriptors that are passed over fd, a connected
// unix socket, as if they had been accepted; the rest is as for Listen. When the
// other end is gone nothing more can come: that is said, and fd is let go.
func (l *Loop) Receive(fd int32, to Acceptor, burst int, shared *Group) (*Listener, Errno) {
	ln, e := l.Listen(fd, to, burst, shared)
	ln.passed = true
	return ln, e
}

// accept takes the next connection.
func (ln *Listener) accept() (int32, netip.AddrPort, Errno) {
	k := ln.loop.Kernel
	if !ln.passed {
		return k.Accept(ln.fd)
	}
	fd, e := k.Receive(ln.fd)
	return fd, netip.AddrPort{}, e
}

// deserted tells whether an error of Receive is for good: the other end is gone, or
// was never there.
func deserted(e Errno) bool {
	return e == unix.ENOTCONN || e == unix.ECONNRESET || e == unix.EINVAL || e == unix.EOPNOTSUPP
}

// interest is level-triggered: what a burst leaves is reported again.
func (ln *Listener) interest() Readiness {
	if ln.group != nil {
		return In | exclusive
	}
	return In
}

// Ready accepts what waits, up to the burst.
func (ln *Listener) Ready(Readiness) {
	l := ln.loop
	for range ln.burst {
		if ln.paused || ln.closed {
			return
		}
		if ln.to.Full() {
			ln.Pause()
			return
		}
		l.Stats.Accepts++
		fd, peer, e := ln.accept()
		switch e {
		case 0:
			if fd < 0 {
				continue // a message without a descriptor
			}
		case unix.EAGAIN, unix.EINTR, unix.ECONNABORTED:
			return
		default:
			if ln.passed && deserted(e) {
				l.Log.Warn("nobody passes connections over this descriptor any more", "fd", ln.fd, "error", e.Error())
				ln.Release()
				return
			}
			// Out of descriptors or memory: what waits stays in the queue. A
			// pause keeps the level-triggered event from spinning the loop.
			ln.Pause()
			l.Arm(&Timer{Owner: resumer{ln}}, l.now+int64(100e6))
			l.Log.Warn("cannot accept", "error", e.Error())
			return
		}
		ln.hand(fd, peer)
	}
}

func (ln *Listener) hand(fd int32, peer netip.AddrPort) {
	if ln.group != nil {
		if to := ln.group.LeastLoaded(); to != ln.loop {
			ln.loop.Stats.Handed++
			to.Opened() // counted at once, so that a burst spreads
			if to.Post(func() { to.Closed(); ln.to.Accepted(to, fd, peer) }) {
				return
			}
			to.Closed()
		}
	}
	ln.to.Accepted(ln.loop, fd, peer)
}

// Panicked keeps the listener open: a panic while accepting costs one connection.
func (ln *Listener) Panicked(any) {}

// Pause stops accepting; connections wait in the kernel's queue.
func (ln *Listener) Pause() {
	if !ln.paused && !ln.closed {
		ln.paused = true
		ln.loop.Stats.Ctls++
		// EPOLLEXCLUSIVE registrations cannot be modified: take them out.
		ln.loop.Kernel.Remove(ln.fd)
	}
}

// Resume accepts again after Pause.
func (ln *Listener) Resume() {
	if ln.paused && !ln.closed {
		ln.paused = false
		ln.loop.Stats.Ctls++
		ln.loop.Kernel.Add(ln.fd, ln.interest(), ln.loop.slot(ln.fd).gen)
	}
}

// To returns who takes the connections.
func (ln *Listener) To() Acceptor { return ln.to }

// Paused tells whether the listener is paused.
func (ln *Listener) Paused() bool { return ln.paused }

// Close drains the accept queue, so that nothing in it is reset, and ends the
// registration. The descriptor stays open: its owner closes it once every
// loop has let go.
func (ln *Listener) Close() {
	if ln.closed {
		return
	}
	ln.paused = false
	for !ln.to.Full() {
		fd, peer, e := ln.accept()
		if e != 0 {
			break
		}
		if fd < 0 {
			continue
		}
		ln.to.Accepted(ln.loop, fd, peer)
	}
	ln.closed = true
	ln.loop.Detach(ln.fd)
}

// Release ends the registration without touching the accept queue: another
// process or instance goes on accepting from the same socket.
func (ln *Listener) Release() {
	if !ln.closed {
		ln.closed = true
		ln.loop.Detach(ln.fd)
	}
}

type resumer struct{ ln *Listener }

func (r resumer) Expired(*Timer) { r.ln.Resume() }
