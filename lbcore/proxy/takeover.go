package proxy

import (
	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
)

// This file is how a loop gets an idle server connection of another loop
// (tune.idle-pool.shared).
//
//	loop A                              loop B, which has idle ones
//	Claim: one of B's is ours   ──────► give: takes it out of its epoll
//	Adopt: registers it         ◄────── posts it, or nil where it closed meanwhile
//
// What may be claimed is a number by pool, which both loops lower by compare and
// swap: B never uses what A has claimed, A never waits for more than there is.

// IdleLimits are the process's rules for idle connections, for a loop. They are
// set before the loops run.
type IdleLimits struct {
	Apart bool // loops leave each other's alone
	// Low and High are descriptors of a loop: from Low on a server has one idle
	// connection there at the most, from High on none, and a fresh one costs one.
	Low, High int64
}

// Share says which loops the server's connections are on, in order of their
// ids, and the limits; while the instance is made.
func (s *Server) Share(loops []*loop.Loop, limits *IdleLimits) { s.loops, s.limits = loops, limits }

// claim lowers the number of a pool's connections that nobody has claimed,
// unless it is keep or less.
func (p *idlePool) claim(keep int64) bool {
	for {
		n := p.open.Load()
		if n <= max(keep, 0) {
			return false
		}
		if p.open.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// Claim claims an idle connection of another loop that has more of them than
// pool-low-conn, and has got called on l with it, or with nil when it closed
// meanwhile. The connection is idle no more: got has to Adopt it or to give it to
// Shelve. Claim reports false when there is none. l's loop only; proven asks for
// one that was reused before.
func (s *Server) Claim(l *loop.Loop, proven bool, got func(*mux.H1Server)) bool {
	if len(s.loops) < 2 || s.limits.Apart || s.Idle.Load() == 0 {
		return false
	}
	for i := 1; i < len(s.loops); i++ {
		o := s.loops[(l.ID+i)%len(s.loops)]
		if !s.pools[o.ID].claim(int64(s.LowIdle)) {
			continue
		}
		if o.Post(func() { s.give(o, l, proven, got) }) {
			return true
		}
		s.pools[o.ID].open.Add(1)
	}
	return false
}

// give hands a claimed connection of this loop over.
func (s *Server) give(from, to *loop.Loop, proven bool, got func(*mux.H1Server)) {
	p := &s.pools[from.ID]
	var c *mux.H1Server
	for i := len(p.conns) - 1; i >= 0 && c == nil; i-- {
		if proven && !isProven(p.conns[i]) {
			continue
		}
		if p.conns[i].Hand() {
			c = s.unlist(p, i)
		}
	}
	if c == nil && int64(len(p.conns)) > p.open.Load() { // the claim is void: the connection stays
		p.open.Add(1)
	}
	if !to.Post(func() { got(c) }) && c != nil {
		c.Drop()
		s.Open.Dec()
	}
}

// Adopt puts a connection that was claimed into use on this loop. Loop only.
func (s *Server) Adopt(w *mux.Worker, c *mux.H1Server, up mux.Upper) {
	s.take(&s.pools[w.Loop.ID])
	c.Adopt(w, up)
}

// Shelve keeps a connection that was claimed for somebody who is gone. Loop only.
func (s *Server) Shelve(w *mux.Worker, c *mux.H1Server) {
	s.Adopt(w, c, nil)
	s.Return(w.Loop, c, true)
}

// crowded tells whether the process has more descriptors in use than a limit, as
// far as this loop's share shows.
func crowded(l *loop.Loop, limit int64) bool { return l.Conns() >= limit }

// evict closes the oldest idle connection of the loop and tells whether there
// was one.
func (s *Server) evict(l *loop.Loop) bool {
	p := &s.pools[l.ID]
	if len(p.conns) == 0 || !p.claim(0) {
		return false
	}
	c := p.conns[0]
	p.open.Add(1) // unpool counts it out
	s.IdleClosed(c)
	c.Abort(false)
	return true
}

// EvictElsewhere has another loop close an idle connection, soon; it reports
// false when none has one.
func (s *Server) EvictElsewhere(l *loop.Loop) bool {
	for i := 1; i < len(s.loops); i++ {
		o := s.loops[(l.ID+i)%len(s.loops)]
		if s.pools[o.ID].open.Load() > 0 && o.Post(func() { s.evict(o) }) {
			return true
		}
	}
	return false
}
