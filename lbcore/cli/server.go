package cli

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gohap/lbcore/clock"
)

// Server takes connections of command sockets and serves each on a goroutine of
// its own. The fields are set before the first Serve.
type Server struct {
	Commands *Commands
	// Host is what commands act on; the package that owns a command asserts
	// the interface that it declares.
	Host any
	// Router leads commands to other processes; nil for a process that has none.
	Router Router
	// Fleet has other nodes execute commands; nil for a process that is in none.
	Fleet Fleet
	// Idle is "stats timeout": how long a connection may neither send nor take
	// anything. Zero means 10 seconds, the reference's default.
	Idle time.Duration
	// MaxConn is "stats maxconn", the connections served at once over all
	// sockets; further ones wait. Zero means 10, the reference's default.
	MaxConn int
	// BufSize is tune.bufsize: a line with its payload must fit. Zero means
	// 16384.
	BufSize int
	Clock   clock.Source // nil means the machine's clock
	Started int64        // monotonic ns, for the timed prompt
	// Opened and Closed are told of each connection, on its goroutine; nil
	// means nobody counts.
	Opened, Closed func()
	// Warn takes what the process's log shall say; nil discards it.
	Warn func(msg string)

	total atomic.Int64
	slots chan struct{} // one element a connection being served

	mu        sync.Mutex // guards what follows
	ctx       context.Context
	stop      context.CancelFunc
	listeners map[net.Listener]Socket
	conns     map[*conn]bool
	closed    bool
	gate      chan struct{} // paused: closed by the end of the pause
	wait      sync.WaitGroup
}

// errClosed is what Serve returns after Close.
var errClosed = errors.New("command socket: server closed")

// setup makes what the zero value lacks; the caller holds mu.
func (s *Server) setup() {
	if s.ctx != nil {
		return
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.listeners = map[net.Listener]Socket{}
	s.conns = map[*conn]bool{}
	if s.Idle <= 0 {
		s.Idle = 10 * time.Second
	}
	if s.MaxConn <= 0 {
		s.MaxConn = 10
	}
	if s.BufSize <= 0 {
		s.BufSize = 16384
	}
	if s.Clock == nil {
		s.Clock = clock.System
	}
	s.slots = make(chan struct{}, s.MaxConn)
}

// Total returns how many connections were taken since the start; any goroutine.
func (s *Server) Total() int64 { return s.total.Load() }

// Sockets returns the sockets being served, for "show cli sockets".
func (s *Server) Sockets() []Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Socket
	for _, k := range s.listeners {
		if !k.Internal {
			all = append(all, k)
		}
	}
	return sortSockets(all)
}

// Conns returns how many connections there are now; any goroutine.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Pause leaves new connections waiting until the pause ends; any goroutine.
func (s *Server) Pause(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case on && s.gate == nil:
		s.gate = make(chan struct{})
	case !on && s.gate != nil:
		close(s.gate)
		s.gate = nil
	}
}

// passes waits for the end of a pause; false means that the server closes.
func (s *Server) passes(ctx context.Context) bool {
	for {
		s.mu.Lock()
		gate := s.gate
		s.mu.Unlock()
		if gate == nil {
			return true
		}
		select {
		case <-gate:
		case <-ctx.Done():
			return false
		}
	}
}

// Serve takes connections from l until Close or an error that lasts; it blocks
// and owns l from now on. k says what the socket's connections may do.
func (s *Server) Serve(l net.Listener, k Socket) error {
	s.mu.Lock()
	s.setup()
	if s.closed {
		s.mu.Unlock()
		l.Close()
		return errClosed
	}
	s.listeners[l] = k
	ctx := s.ctx
	s.mu.Unlock()
	defer s.forget(l)
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return errClosed
			}
			return err
		}
		if !s.passes(ctx) {
			nc.Close()
			return errClosed
		}
		select { // a full server leaves further connections in the kernel's queue
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			nc.Close()
			return errClosed
		}
		c := s.begin(nc, k)
		if c == nil {
			nc.Close()
			return errClosed
		}
		go s.run(c)
	}
}

func (s *Server) forget(l net.Listener) {
	l.Close()
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
}

// begin makes a connection known, or returns nil after Close.
func (s *Server) begin(nc net.Conn, k Socket) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.total.Add(1)
	c := newConn(s, nc, k)
	s.conns[c] = true
	s.wait.Add(1)
	return c
}

func (s *Server) run(c *conn) {
	defer s.wait.Done()
	defer func() {
		c.cancel()
		c.Conn.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		if s.Closed != nil {
			s.Closed()
		}
		<-s.slots
	}()
	if s.Opened != nil {
		s.Opened()
	}
	c.serve()
}

// Close ends all listeners and connections and waits for their goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	s.setup()
	s.closed = true
	s.stop()
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.Conn.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
}
