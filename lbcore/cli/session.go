package cli

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
	"unsafe"
)

// Session is one connection of a command socket as "show sess" lists it.
type Session struct {
	ID     uint64 // differs from that of every other object
	Socket Socket
	Source netip.AddrPort // invalid for a unix socket
	Age    time.Duration
	Idle   time.Duration // how long it may stay silent
	FD     int           // -1 when it is closed
}

// Sessions returns the connections there are now, the oldest first; any
// goroutine.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Session, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c.session())
	}
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(cmp.Compare(b.Age, a.Age), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Sessions returns the connections of the server that executes the command.
func (r *Request) Sessions() []Session { return r.conn.server.Sessions() }

// session reads what does not change while the connection lives.
func (c *conn) session() Session {
	x := Session{ID: uint64(uintptr(unsafe.Pointer(c))), Socket: c.socket, Age: time.Duration(c.server.Clock.Mono() - c.accepted), Idle: c.server.Idle, FD: -1}
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		x.Source = tcp.AddrPort()
	}
	if d, ok := c.Conn.(syscall.Conn); ok {
		if raw, err := d.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { x.FD = int(fd) })
		}
	}
	return x
}
