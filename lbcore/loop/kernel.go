package loop

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"gohap/lbcore/buffer"
)

// Errno is the operating system's error number; zero means success.
type Errno = syscall.Errno

// Readiness is a set of edges that a poll reports.
type Readiness uint32

// Readiness bits, with epoll's values.
const (
	In    Readiness = unix.EPOLLIN
	Out   Readiness = unix.EPOLLOUT
	Hup   Readiness = unix.EPOLLHUP
	RdHup Readiness = unix.EPOLLRDHUP
	Err   Readiness = unix.EPOLLERR

	edgeTriggered = Readiness(unix.EPOLLET & 0xffffffff)
	exclusive     = Readiness(unix.EPOLLEXCLUSIVE)
)

// Event is one entry of a poll's answer. Gen is the registration's generation:
// descriptor numbers are reused, generations are not.
type Event struct {
	Events Readiness
	FD     int32
	Gen    int32
}

// Kernel is what a loop asks of the operating system. Every call is
// non-blocking except Wait, and only the owning loop's thread calls it, Wake
// and Close excepted.
type Kernel interface {
	// Wait fills ev with what is ready. It waits at most ms milliseconds (-1
	// for ever). With yield the calling goroutine's processor may run others
	// meanwhile.
	Wait(ev []Event, ms int, yield bool) (int, Errno)
	// Add registers a descriptor, Modify changes the edges that it reports.
	Add(fd int32, want Readiness, gen int32) Errno
	Modify(fd int32, want Readiness, gen int32) Errno
	Remove(fd int32) Errno
	// Wake makes a Wait in progress, or the next one, return; any goroutine.
	Wake()
	// Woken consumes wake-ups; IsWake tells whether an event is one.
	Woken()
	IsWake(ev *Event) bool

	Accept(fd int32) (int32, netip.AddrPort, Errno)
	Recv(fd int32, p []byte) (int, Errno)
	// Peek is Recv that leaves the bytes where they are.
	Peek(fd int32, p []byte) (int, Errno)
	Send(fd int32, p []byte, more bool) (int, Errno) // more: MSG_MORE
	Socket(family, kind int) (int32, Errno)
	// SendBatch sends datagrams and returns how many were taken.
	SendBatch(fd int32, b []Datagram) (int, Errno)
	Connect(fd int32, to *Sockaddr) Errno
	Bind(fd int32, at *Sockaddr) Errno
	// SetDevice binds a socket to a network interface.
	SetDevice(fd int32, name string) Errno
	// Receive takes a descriptor that was passed over a unix socket, -1 when the
	// message brought none; ENOTCONN when the other end is gone.
	Receive(over int32) (int32, Errno)
	// Pass makes a pair of connected sockets, passes one over a unix socket and
	// returns the other; EAGAIN when the socket is full.
	Pass(over int32) (int32, Errno)
	// Splice moves up to n bytes from a socket into a pipe, or from a pipe to a
	// socket, without copying them; zero bytes without an error are the end.
	Splice(from, to int32, n int) (int, Errno)
	buffer.PipeKernel
	Close(fd int32) Errno
	Shutdown(fd int32, how int) Errno
	SetOption(fd int32, level, option, value int) Errno
	// SocketError returns and clears the pending error of a socket.
	SocketError(fd int32) Errno
	// LocalAddr returns a socket's own address, or the zero value.
	LocalAddr(fd int32) netip.AddrPort
	// Release frees what the kernel side of a loop holds.
	Release()
}

// Sockaddr is a socket address in the kernel's form, encoded once.
type Sockaddr struct {
	raw    [110]byte
	length uint32
	Family int            // unix.AF_INET, AF_INET6, AF_UNIX or Passed
	IP     netip.AddrPort // for AF_INET and AF_INET6
	Path   string         // for AF_UNIX
	Over   int32          // for Passed: the unix socket that takes descriptors
}

// Passed is the family of no address at all: whoever connects makes a pair of
// sockets and passes one of them over a descriptor that both ends know.
const Passed = -1

// PassedSockaddr is where connections go as descriptors, over fd.
func PassedSockaddr(fd int) *Sockaddr { return &Sockaddr{Family: Passed, Over: int32(fd)} }

// IPSockaddr encodes an IP address and port.
func IPSockaddr(ap netip.AddrPort) *Sockaddr {
	s := &Sockaddr{IP: ap}
	port := ap.Port()
	if a := ap.Addr(); a.Is4() || a.Is4In6() {
		s.Family = unix.AF_INET
		ip := a.Unmap().As4()
		copy(s.raw[4:], ip[:])
		s.length = unix.SizeofSockaddrInet4
	} else {
		s.Family = unix.AF_INET6
		ip := a.As16()
		copy(s.raw[8:], ip[:])
		s.length = unix.SizeofSockaddrInet6
	}
	s.raw[0] = byte(s.Family) // sa_family is in host order: little endian here
	s.raw[2], s.raw[3] = byte(port>>8), byte(port)
	return s
}

// System returns an IP address as the system's wrappers take it, for sockets that
// no loop owns.
func (s *Sockaddr) System() unix.Sockaddr {
	ip, port := s.IP.Addr(), int(s.IP.Port())
	if s.Family == unix.AF_INET {
		return &unix.SockaddrInet4{Port: port, Addr: ip.Unmap().As4()}
	}
	return &unix.SockaddrInet6{Port: port, Addr: ip.As16()}
}

// WithPort returns a copy of an IP address with another port.
func (s *Sockaddr) WithPort(port uint16) *Sockaddr {
	return IPSockaddr(netip.AddrPortFrom(s.IP.Addr(), port))
}

// UnixSockaddr encodes a path; one that begins with a NUL byte is abstract.
// It reports false when the path is too long for a socket address.
func UnixSockaddr(path string) (*Sockaddr, bool) {
	s := &Sockaddr{Family: unix.AF_UNIX, Path: path}
	most := len(s.raw) - 3 // and a zero byte behind it
	if path != "" && path[0] == 0 {
		most++
	}
	if len(path) > most {
		return nil, false
	}
	s.raw[0] = unix.AF_UNIX
	copy(s.raw[2:], path)
	s.length = uint32(2 + len(path))
	if path != "" && path[0] != 0 {
		s.length++
	}
	return s, true
}
