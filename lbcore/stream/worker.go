package stream

import (
	"net/netip"

	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
)

// Worker is what the streams and sessions of one loop share. It belongs to the
// loop.
type Worker struct {
	Loop   *loop.Loop
	Mux    *mux.Worker
	Proc   *proxy.Process
	Limits proxy.Limits
	// FindBackend serves use_backend rules whose name is computed.
	FindBackend func(name []byte) *proxy.Proxy

	streams  []*Stream
	sessions []*Session
	line     []byte // scratch for log lines
	totals   *proxy.LoopCounters
	active   streamList
	idle     sessionList
}

// NewWorker returns the shared parts for a loop.
func NewWorker(l *loop.Loop, p *proxy.Process, lim proxy.Limits) *Worker {
	return &Worker{
		Loop: l, Mux: mux.NewWorker(l), Proc: p, Limits: lim,
		line: make([]byte, 0, 8192), totals: p.Totals.For(l),
	}
}

// Active returns how many streams live on this loop.
func (w *Worker) Active() int { return w.active.n }

// Sessions returns how many client connections live on this loop.
func (w *Worker) Sessions() int { return w.idle.n }

// Walk calls f for each stream from at on, nil meaning the first, until f
// returns false; it returns where to go on. Loop only: whoever walks a large
// population does so in slices.
func (w *Worker) Walk(at *Stream, f func(*Stream) bool) *Stream {
	if at == nil {
		at = w.active.head
	}
	for ; at != nil; at = at.next {
		if !f(at) {
			return at
		}
	}
	return nil
}

// CloseIdle closes the client connections that wait between requests, as a
// soft stop does.
func (w *Worker) CloseIdle() {
	for s := w.idle.head; s != nil; {
		next := s.next
		s.h1.CloseIdle()
		s = next
	}
}

// Acceptor takes the connections of one bind line on one loop.
type Acceptor struct {
	W        *Worker
	Bind     *proxy.Bind
	Listener *loop.Listener
	counters *proxy.LoopCounters
	fe       *proxy.LoopCounters
}

// NewAcceptor prepares accepting on a loop.
func NewAcceptor(w *Worker, b *proxy.Bind) *Acceptor {
	a := &Acceptor{W: w, Bind: b, fe: b.Proxy.FE.For(w.Loop)}
	if b.Counters != nil {
		a.counters = b.Counters.For(w.Loop)
	}
	return a
}

// Full implements loop.Acceptor: the frontend, the bind line or the process
// has as many connections as it may.
func (a *Acceptor) Full() bool {
	p := a.W.Proc
	if max := p.Maxconn.Load(); max > 0 && p.Conn.Load() >= max {
		p.MaxReached.Add(1)
		return true
	}
	fe := a.Bind.Proxy
	if max := fe.Maxconn.Load(); max > 0 && fe.FEConn.Load() >= max {
		return true
	}
	return a.Bind.Maxconn > 0 && a.Bind.Conn.Load() >= a.Bind.Maxconn
}

// Accepted implements loop.Acceptor.
func (a *Acceptor) Accepted(l *loop.Loop, fd int32, peer netip.AddrPort) {
	if l != a.W.Loop {
		panic("stream: connection accepted for another loop's worker")
	}
	s := a.W.session()
	s.open(a, fd, peer)
}

type streamList struct {
	head *Stream
	n    int
}

func (l *streamList) push(s *Stream) {
	s.prev, s.next = nil, l.head
	if l.head != nil {
		l.head.prev = s
	}
	l.head = s
	l.n++
}

func (l *streamList) remove(s *Stream) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		l.head = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
	l.n--
}

type sessionList struct {
	head *Session
	n    int
}

func (l *sessionList) push(s *Session) {
	s.prev, s.next = nil, l.head
	if l.head != nil {
		l.head.prev = s
	}
	l.head = s
	l.n++
}

func (l *sessionList) remove(s *Session) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		l.head = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
	l.n--
}
