package simkernel

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"gohap/lbcore/loop"
)

// The system calls of loop.Kernel.

// Accept implements loop.Kernel.
func (k *calls) Accept(fd int32) (int32, netip.AddrPort, loop.Errno) {
	l := k.socks[fd]
	if len(l.listening) == 0 {
		return -1, netip.AddrPort{}, unix.EAGAIN
	}
	s := l.listening[0]
	l.listening = l.listening[1:]
	if len(l.listening) > 0 {
		k.queue(l)
	}
	return s.fd, s.remote, 0
}

// calls gives a Kernel the method set of loop.Kernel: its Accept is that of a
// listening descriptor, the test's is that of a served address.
type calls struct{ *Kernel }

// Loop returns the kernel as loops see it.
func (k *Kernel) Loop() loop.Kernel { return &calls{k} }

// Peek implements loop.Kernel.
func (k *Kernel) Peek(fd int32, p []byte) (int, loop.Errno) {
	s := k.socks[fd]
	in := append([]byte(nil), s.in...)
	n, e := k.Recv(fd, p)
	s.in = in
	return n, e
}

// Recv implements loop.Kernel.
func (k *Kernel) Recv(fd int32, p []byte) (int, loop.Errno) {
	s := k.socks[fd]
	switch {
	case s.reset:
		return 0, unix.ECONNRESET
	case len(s.in) > 0:
		n := copy(p, s.in)
		s.in = append(s.in[:0], s.in[n:]...)
		return n, 0
	case s.eof:
		return 0, 0
	}
	return 0, unix.EAGAIN
}

// Send implements loop.Kernel. With more, the peer sees nothing before the next
// send without it or the end: whoever forgets to go on hangs.
func (k *Kernel) Send(fd int32, p []byte, more bool) (int, loop.Errno) {
	s := k.socks[fd]
	n := len(p)
	switch {
	case s.reset:
		return 0, unix.ECONNRESET
	case s.shut:
		return 0, unix.EPIPE
	case s.connect == connecting:
		return 0, unix.EAGAIN
	case s.room == 0:
		return 0, unix.EAGAIN
	case s.room > 0:
		n = min(n, s.room)
		s.room -= n
	}
	s.held = append(s.held, p[:n]...)
	if !more {
		s.push()
	}
	return n, 0
}

// push lets the peer have what was sent.
func (s *sock) push() {
	s.out, s.held = append(s.out, s.held...), s.held[:0]
}

// SendBatch implements loop.Kernel: datagrams go nowhere and always fit.
func (k *Kernel) SendBatch(_ int32, b []loop.Datagram) (int, loop.Errno) { return len(b), 0 }

// Socket implements loop.Kernel.
func (k *Kernel) Socket(int, int) (int32, loop.Errno) { return k.sock().fd, 0 }

// Connect implements loop.Kernel; a second call asks for the outcome.
func (k *Kernel) Connect(fd int32, to *loop.Sockaddr) loop.Errno {
	s := k.socks[fd]
	if s.remote.IsValid() {
		switch s.connect {
		case connecting:
			return unix.EALREADY
		case refused:
			return unix.ECONNREFUSED
		}
		return unix.EISCONN
	}
	v := k.servers[to.IP]
	s.remote = to.IP
	if v == nil || v.mode == Refusing {
		s.connect = refused
		return unix.ECONNREFUSED
	}
	k.nextPort++
	switch {
	case !s.local.IsValid():
		s.local = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), k.nextPort)
	case s.local.Port() == 0:
		s.local = netip.AddrPortFrom(s.local.Addr(), k.nextPort)
	}
	v.waiting = append(v.waiting, &Peer{k: k, s: s, To: to.IP})
	if v.mode == Slow {
		s.connect = connecting
	}
	return unix.EINPROGRESS
}

// Bind implements loop.Kernel: each address is this machine's, and each pair of
// them is free but for those that the kernel was told of by Occupy.
func (k *Kernel) Bind(fd int32, at *loop.Sockaddr) loop.Errno {
	if k.occupied[at.IP] {
		return unix.EADDRINUSE
	}
	k.socks[fd].local = at.IP
	return 0
}

// SetDevice implements loop.Kernel.
func (k *Kernel) SetDevice(int32, string) loop.Errno { return 0 }

// Receive implements loop.Kernel: Dial put it there.
func (k *calls) Receive(over int32) (int32, loop.Errno) {
	if l := k.socks[over]; l.eof && len(l.listening) == 0 {
		return -1, unix.ENOTCONN
	}
	fd, _, e := k.Accept(over)
	return fd, e
}

// Pass implements loop.Kernel: Passed tells the other end.
func (k *Kernel) Pass(over int32) (int32, loop.Errno) {
	o := k.socks[over]
	if o.eof {
		return -1, unix.EPIPE
	}
	s := k.sock()
	o.passed = append(o.passed, &Peer{k: k, s: s})
	return s.fd, 0
}

// Close implements loop.Kernel.
func (k *Kernel) Close(fd int32) loop.Errno {
	s := k.socks[fd]
	if s == nil || s.closed {
		return unix.EBADF
	}
	s.closed = true
	if !s.linger {
		s.push()
	}
	k.Closed++
	return 0
}

// Shutdown implements loop.Kernel.
func (k *Kernel) Shutdown(fd int32, _ int) loop.Errno {
	k.socks[fd].shut = true
	k.socks[fd].push()
	return 0
}

// SetOption implements loop.Kernel; only a zero linger means something here.
func (k *Kernel) SetOption(fd int32, level, option, value int) loop.Errno {
	if level == unix.SOL_SOCKET && option == unix.SO_LINGER && value == 0 {
		k.socks[fd].linger = true
	}
	return 0
}

// SocketError implements loop.Kernel.
func (k *Kernel) SocketError(fd int32) loop.Errno {
	if k.socks[fd].reset {
		return unix.ECONNRESET
	}
	return 0
}

// LocalAddr implements loop.Kernel.
func (k *Kernel) LocalAddr(fd int32) netip.AddrPort { return k.socks[fd].local }

// Release implements loop.Kernel.
func (k *Kernel) Release() {}
