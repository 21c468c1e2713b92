package log

import (
	"net"
	"sync"
	"time"
)

// sendLimit bounds how long a datagram waits for room in a socket.
const sendLimit = 50 * time.Millisecond

// Sockets is the Sender of goroutines off the loops: one connected socket a
// target, opened when first needed. Any goroutine may call it.
type Sockets struct {
	Now func() time.Time // for deadlines
	// SendBuffer is as loop.Datagrams has it.
	SendBuffer int

	mu    sync.Mutex
	conns map[*Target]net.Conn
}

// Datagram sends a line; a target that refuses or is full drops it, and the
// socket is opened again for the next one.
func (s *Sockets) Datagram(to *Target, line []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conns[to]
	if c == nil {
		var err error
		if c, err = dialTarget(to); err != nil {
			return false
		}
		if s.conns == nil {
			s.conns = map[*Target]net.Conn{}
		}
		if b, ok := c.(interface{ SetWriteBuffer(int) error }); ok && s.SendBuffer > 0 {
			_ = b.SetWriteBuffer(s.SendBuffer) // the kernel's choice will do
		}
		s.conns[to] = c
	}
	if s.Now != nil {
		c.SetWriteDeadline(s.Now().Add(sendLimit))
	}
	if _, err := c.Write(line); err != nil {
		c.Close()
		delete(s.conns, to)
		return false
	}
	return true
}

func dialTarget(to *Target) (net.Conn, error) {
	if to.Kind == Unix {
		return net.DialUnix("unixgram", nil, &net.UnixAddr{Name: to.Path, Net: "unixgram"})
	}
	return net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to.Addr))
}

// Close closes the sockets.
func (s *Sockets) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for to, c := range s.conns {
		c.Close()
		delete(s.conns, to)
	}
}
