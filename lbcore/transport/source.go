package transport

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gohap/lbcore/loop"
)

// Source says where the connections to a server come from. It is made once and
// shared by all loops; Foreign ones of a single stream belong to it.
type Source struct {
	// From is the local address, nil for the kernel's choice. Port zero: any.
	From *loop.Sockaddr
	// Ports, where there are any, take turns: From's port is not used.
	Ports *PortRange
	// Foreign: the address need not be one of this machine (IP_TRANSPARENT,
	// CAP_NET_RAW or CAP_NET_ADMIN), as for clients that servers are to see.
	Foreign bool
	// Device is the network interface, "" for any. Reference: one that is not
	// there, or that may not be used, is passed over in silence.
	Device string
	// UserTimeout is how long sent bytes may stay unacknowledged, milliseconds,
	// zero for the system's default.
	UserTimeout int
	// Mark is the netfilter mark of the connection's packets, TOS their type of
	// service, where the flags say so. Reference: what the kernel refuses is
	// passed over.
	Mark            uint32
	TOS             uint8
	HasMark, HasTOS bool
}

// PortRange is a range of local ports, both ends included.
type PortRange struct {
	Low, High uint16
	turn      atomic.Uint32
}

// Why a socket could not connect before it tried, as error numbers that no
// system has.
const (
	ErrSource  loop.Errno = 1<<12 + iota // the source address cannot be bound
	ErrForeign                           // one that is not this machine's cannot
	ErrPorts                             // no source port is free
)

// Same tells whether connections from both look the same to a server.
func (s *Source) Same(o *Source) bool {
	if s == o || s == nil || o == nil {
		return s == o
	}
	return (s.From == o.From || s.From != nil && o.From != nil && s.From.IP == o.From.IP) &&
		s.Ports == o.Ports && s.Foreign == o.Foreign && s.Device == o.Device && s.UserTimeout == o.UserTimeout &&
		s.HasMark == o.HasMark && s.Mark == o.Mark && s.HasTOS == o.HasTOS && s.TOS == o.TOS
}

// tries is how many sockets Dial may spend on finding a free port: the whole
// range, within reason.
func (s *Source) tries() int {
	if s == nil || s.Ports == nil {
		return 1
	}
	return min(int(s.Ports.High)-int(s.Ports.Low)+1, 256)
}

// next is the address to bind a socket to, nil for none.
func (s *Source) next() *loop.Sockaddr {
	if s.Ports == nil {
		return s.From
	}
	n := uint32(s.Ports.High) - uint32(s.Ports.Low) + 1
	return s.From.WithPort(s.Ports.Low + uint16((s.Ports.turn.Add(1)-1)%n))
}

// Apply sets a socket up to connect to an address of a family. It has no effect
// on sockets that are not of IP. The caller is the only user of fd.
func (s *Source) Apply(k Binder, fd int32, family int) loop.Errno {
	if s == nil || family != unix.AF_INET && family != unix.AF_INET6 {
		return 0
	}
	if s.Device != "" {
		k.SetDevice(fd, s.Device)
	}
	if s.UserTimeout > 0 {
		k.SetOption(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, s.UserTimeout)
	}
	if s.HasMark {
		k.SetOption(fd, unix.SOL_SOCKET, unix.SO_MARK, int(s.Mark))
	}
	if s.HasTOS {
		level, option := unix.IPPROTO_IP, unix.IP_TOS
		if family == unix.AF_INET6 {
			level, option = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
		}
		k.SetOption(fd, level, option, int(s.TOS))
	}
	from := s.next()
	if from == nil {
		return 0
	}
	failed := ErrSource
	if s.Foreign {
		failed = ErrForeign
		AllowForeign(k, fd, family)
	}
	if from.IP.Port() == 0 {
		k.SetOption(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) // connect finds one for the pair of addresses
	} else {
		k.SetOption(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	switch e := k.Bind(fd, from); {
	case e == 0:
		return 0
	case e == unix.EADDRINUSE && s.Ports != nil:
		return ErrPorts
	}
	return failed
}

// Binder is what Apply asks of the system.
type Binder interface {
	Bind(fd int32, at *loop.Sockaddr) loop.Errno
	SetDevice(fd int32, name string) loop.Errno
	SetOption(fd int32, level, option, value int) loop.Errno
}

// AllowForeign lets a socket be bound to an address that is not one of this
// machine: to speak for it where the process may, else to the address at least.
func AllowForeign(k Binder, fd int32, family int) {
	level, option := unix.IPPROTO_IP, unix.IP_TRANSPARENT
	if family == unix.AF_INET6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT
	}
	if k.SetOption(fd, level, option, 1) != 0 {
		k.SetOption(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
	}
}

// System is the Binder of sockets that no loop owns; any goroutine.
type System struct{}

// Bind implements Binder.
func (System) Bind(fd int32, at *loop.Sockaddr) loop.Errno {
	return errno(unix.Bind(int(fd), at.System()))
}

// SetDevice implements Binder.
func (System) SetDevice(fd int32, name string) loop.Errno {
	return errno(unix.BindToDevice(int(fd), name))
}

// SetOption implements Binder.
func (System) SetOption(fd int32, level, option, value int) loop.Errno {
	return errno(unix.SetsockoptInt(int(fd), level, option, value))
}

func errno(err error) (e loop.Errno) {
	errors.As(err, &e)
	return e
}
