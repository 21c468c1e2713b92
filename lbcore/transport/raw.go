package transport

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"gohap/lbcore/invariant"
	"gohap/lbcore/loop"
)

// Raw is a plain socket. It is embedded in its owner; Open makes it ready.
//
// The loop knows the handler from Open on, so that nothing of it is kept here.
// Reading and writing are tried first. The descriptor is registered, once and
// edge-triggered, when a transfer meets EAGAIN or the owner asks by Watch. A
// short read on a socket that has not hung up means that it is drained: no
// further read is tried until the next edge.
type Raw struct {
	loop    *loop.Loop
	fd      int32
	err     int32 // a loop.Errno
	open    bool
	watched bool
	drained bool // no input until the next edge
	blocked bool // no output until the next edge
	hup     bool
	reset   bool // the peer broke the connection
	eof     bool
	prompt  bool // TCP_NODELAY is set
}

// Open takes a connected (or connecting) non-blocking descriptor; h is told of
// its edges.
func (r *Raw) Open(l *loop.Loop, fd int32, h loop.Handler) {
	*r = Raw{loop: l, fd: fd, open: true}
	l.Attach(fd, h)
}

// FD returns the descriptor.
func (r *Raw) FD() int32 { return r.fd }

// IsOpen tells whether the connection has not been closed.
func (r *Raw) IsOpen() bool { return r.open }

// Recv implements Conn.
func (r *Raw) Recv(p []byte) (int, State) {
	if r.drained {
		r.Watch()
		return 0, Again
	}
	if r.eof {
		return 0, EOF
	}
	for {
		n, e := r.loop.Recv(r.fd, p)
		switch {
		case e == 0 && n == 0:
			r.eof, r.hup = true, true
			return 0, EOF
		case e == 0:
			if n < len(p) && !r.hup {
				r.drained = true
			}
			return n, OK
		}
		if s, over := r.stopped(e, &r.drained); over {
			return 0, s
		}
	}
}

// stopped says what follows from an error: waits is set where the direction has to
// wait for an edge; over is false for a call that is to be made again.
func (r *Raw) stopped(e loop.Errno, waits *bool) (s State, over bool) {
	switch e {
	case unix.EINTR:
		return OK, false
	case unix.EAGAIN:
		*waits = true
		r.Watch()
		return Again, true
	}
	r.err = int32(e)
	return Failed, true
}

// Peek reads without taking: what it returns comes again. It is for headers of
// which nobody knows the length; each call looks at the socket.
func (r *Raw) Peek(p []byte) (int, State) {
	for {
		n, e := r.loop.Kernel.Peek(r.fd, p)
		switch {
		case e == 0 && n == 0:
			return 0, EOF
		case e == 0:
			r.Watch() // for what is still to come
			return n, OK
		}
		var nothing bool // the next reader looks for himself
		if s, over := r.stopped(e, &nothing); over {
			return 0, s
		}
	}
}

// Send implements Conn.
func (r *Raw) Send(p []byte) (int, State) { return r.send(p, false) }

// SendLast implements Conn: the kernel keeps a piece that fills no segment until
// the end comes, which leaves in the same segment.
func (r *Raw) SendLast(p []byte) (int, State) { return r.send(p, true) }

func (r *Raw) send(p []byte, more bool) (int, State) {
	if r.blocked {
		return 0, Again
	}
	sent := 0
	for {
		n, e := r.loop.Send(r.fd, p[sent:], more)
		sent += n
		switch {
		case e == 0 && sent == len(p):
			return sent, OK
		case e == 0:
			continue
		}
		if s, over := r.stopped(e, &r.blocked); over {
			return sent, s
		}
	}
}

// Pending implements Conn; a plain socket holds nothing back.
func (r *Raw) Pending() bool { return false }

// Ready implements Conn.
func (r *Raw) Ready(ev loop.Readiness) (in, out bool) {
	if ev&(loop.RdHup|loop.Hup|loop.Err) != 0 {
		r.hup = true
		in = true
	}
	if ev&loop.Err != 0 {
		r.reset = true
	}
	if ev&loop.In != 0 {
		in = true
	}
	if in {
		r.drained = false
	}
	if ev&(loop.Out|loop.Hup|loop.Err) != 0 && r.blocked {
		r.blocked = false
		out = true
	}
	return in, out
}

// Quiet implements Conn.
func (r *Raw) Quiet() bool { return r.drained && r.watched }

// Idle implements Conn: there is nothing to give back.
func (r *Raw) Idle() {}

// Watch implements Conn.
func (r *Raw) Watch() {
	if r.watched || !r.open {
		return
	}
	r.watched = true
	if e := r.loop.Register(r.fd); e != 0 {
		r.err = int32(e)
	}
}

// ShutdownWrite implements Conn.
func (r *Raw) ShutdownWrite() { r.loop.Kernel.Shutdown(r.fd, unix.SHUT_WR) }

// Close implements Conn.
func (r *Raw) Close(reset bool) {
	if !r.open {
		invariant.Failed("connection closed twice")
		return
	}
	r.open = false
	if reset {
		r.loop.Kernel.SetOption(r.fd, unix.SOL_SOCKET, unix.SO_LINGER, 0)
	}
	r.loop.Forget(r.fd)
	r.loop.Kernel.Close(r.fd)
}

// Hand lets the descriptor go, still open, for another owner: a mux that
// replaces this one, or another loop. The transport is closed afterwards.
func (r *Raw) Hand() int32 {
	if r.watched {
		r.loop.Detach(r.fd)
	} else {
		r.loop.Forget(r.fd)
	}
	r.open, r.watched = false, false
	return r.fd
}

// Move makes dst, in another owner, this connection; h is told of its edges from
// now on.
func (r *Raw) Move(dst *Raw, h loop.Handler) {
	*dst = *r
	r.loop.Rehandle(r.fd, h)
	r.open, r.watched = false, false
}

// Err implements Conn.
func (r *Raw) Err() loop.Errno { return loop.Errno(r.err) }

// Local implements Conn.
func (r *Raw) Local() netip.AddrPort {
	if !r.open {
		return netip.AddrPort{}
	}
	return r.loop.Kernel.LocalAddr(r.fd)
}

// HungUp implements Conn.
func (r *Raw) HungUp() bool { return r.hup }

// WasReset tells whether the peer is known to have reset the connection.
func (r *Raw) WasReset() bool { return r.reset }

// NoDelay makes small sends leave at once. The first send of a connection does so
// anyway: whoever sends more than once asks for it before the second.
func (r *Raw) NoDelay() {
	if !r.prompt {
		r.prompt = true
		r.loop.Kernel.SetOption(r.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
}

// Dial opens a socket towards an address and begins to connect, from nil for the
// kernel's choice. Connected tells when it is done.
func (r *Raw) Dial(l *loop.Loop, to *loop.Sockaddr, from *Source, h loop.Handler) loop.Errno {
	l.Stats.Connects++
	if to.Family == loop.Passed {
		fd, e := l.Kernel.Pass(to.Over)
		if e != 0 {
			*r = Raw{err: int32(e)}
			return e
		}
		r.Open(l, fd, h)
		return 0
	}
	var e loop.Errno
	for range from.tries() {
		var fd int32
		if fd, e = start(l.Kernel, to, from); e == 0 {
			r.Open(l, fd, h)
			return 0
		}
		if e != ErrPorts {
			break
		}
	}
	*r = Raw{err: int32(e)}
	return e
}

// start makes one socket and begins to connect it.
func start(k loop.Kernel, to *loop.Sockaddr, from *Source) (int32, loop.Errno) {
	fd, e := k.Socket(to.Family, unix.SOCK_STREAM)
	if e != 0 {
		return -1, e
	}
	if e = from.Apply(k, fd, to.Family); e == 0 {
		e = k.Connect(fd, to)
	}
	switch e {
	case 0, unix.EINPROGRESS:
		return fd, 0
	case unix.EADDRNOTAVAIL: // the pair of addresses is in use, all of them without a port
		e = ErrPorts
	}
	k.Close(fd)
	return -1, e
}

// Connected asks whether the connection stands: OK, Again (the handler is told
// of an output edge when that changes) or Failed. Asking the kernel once more
// by connect is what makes trying to write at once safe: on a loopback or a
// near server the handshake is often over by now, and a request is encoded
// for a connection that stands.
func (r *Raw) Connected(to *loop.Sockaddr) State {
	if to.Family == loop.Passed {
		return OK
	}
	switch e := r.loop.Kernel.Connect(r.fd, to); e {
	case 0, unix.EISCONN:
		return OK
	case unix.EALREADY, unix.EINPROGRESS, unix.EINTR:
		r.blocked = true
		r.Watch()
		return Again
	default:
		r.err = int32(e)
		return Failed
	}
}
