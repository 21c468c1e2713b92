package proxy

import (
	"sync/atomic"

	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
)

// idlePool is a loop's idle connections to one server, the most recently used
// last. It belongs to its loop.
type idlePool struct {
	// open counts those of conns that no other loop has claimed; any loop.
	open  atomic.Int64
	conns []*mux.H1Server
	free  []*mux.H1Server // objects of closed connections
	used  int             // connections in use on this loop
	peak  int             // most in use since the last purge
	need  int             // what the last periods needed
	// purge is when the next purge is due, monotonic ns.
	purge int64
	_     [64]byte
}

// Prepare makes the per-loop state for n loops.
func (s *Server) Prepare(n int) { s.pools = make([]idlePool, n) }

// Reused takes an idle connection of this loop, the latest one, or returns nil;
// with proven only one that has served more than one request. Loop only.
// It is one that comes from where the stream's would, with the same mark.
func (s *Server) Reused(l *loop.Loop, up mux.Upper, by mux.Route, proven bool) *mux.H1Server {
	p := &s.pools[l.ID]
	named, _ := up.(mux.Named)
	for i := len(p.conns) - 1; i >= 0; i-- {
		c := p.conns[i]
		if proven && !isProven(c) || s.SNI != nil && named != nil && !c.Names(named) || !c.From(by.From) {
			continue
		}
		if !p.claim(0) { // all are on their way to other loops
			return nil
		}
		s.unlist(p, i)
		s.take(p)
		c.Attach(up)
		return c
	}
	return nil
}

// isProven tells whether a connection was reused before.
func isProven(c *mux.H1Server) bool { return c.Uses > 1 }

// list makes a connection idle, unlist takes place i of the pool away.
func (s *Server) list(p *idlePool, c *mux.H1Server) {
	p.conns = append(p.conns, c)
	p.open.Add(1)
	s.Idle.Inc()
	if isProven(c) {
		s.Safe.Inc()
	}
}

func (s *Server) unlist(p *idlePool, i int) *mux.H1Server {
	c := p.conns[i]
	copy(p.conns[i:], p.conns[i+1:])
	p.conns[len(p.conns)-1] = nil
	p.conns = p.conns[:len(p.conns)-1]
	s.Idle.Dec()
	if isProven(c) {
		s.Safe.Dec()
	}
	return c
}

// Keep makes the connection one that a session holds idle for itself: it is
// neither in use nor in the pool. Loop only.
func (s *Server) Keep(l *loop.Loop, c *mux.H1Server) {
	s.pools[l.ID].used--
	s.Used.Dec()
	c.Kept = true
}

// Unkeep takes such a connection into use again. Loop only.
func (s *Server) Unkeep(l *loop.Loop, c *mux.H1Server) {
	c.Kept = false
	s.take(&s.pools[l.ID])
}

func (s *Server) take(p *idlePool) {
	s.peak.Observe(uint64(s.Used.Inc()))
	p.used++
	if p.used > p.peak {
		p.peak = p.used
	}
}

// Fresh returns a connection object to dial with; nil where strict-maxconn allows
// no further connection and this loop has no idle one to close for it. Loop only.
func (s *Server) Fresh(l *loop.Loop) *mux.H1Server {
	p := &s.pools[l.ID]
	limit := int64(0)
	if s.Strict {
		limit = s.Maxconn.Load()
	}
	if s.limits != nil && crowded(l, s.limits.High) {
		s.evict(l)
	}
	if !s.Open.TryInc(limit) && (!s.evict(l) || !s.Open.TryInc(limit)) {
		return nil
	}
	s.take(p)
	if n := len(p.free); n > 0 {
		c := p.free[n-1]
		p.free = p.free[:n-1]
		return c
	}
	return new(mux.H1Server)
}

// Return takes a connection back at the end of an exchange: it is kept idle
// when it may be used again and the pool has not got more than what traffic
// needed lately, closed otherwise. Loop only.
func (s *Server) Return(l *loop.Loop, c *mux.H1Server, keep bool) {
	p := &s.pools[l.ID]
	if s.limits != nil && (crowded(l, s.limits.High) || len(p.conns) > 0 && crowded(l, s.limits.Low)) {
		keep = false
	}
	if !keep || !c.Reusable() || !s.room(p) || s.MaxReuse >= 0 && c.Uses > s.MaxReuse {
		c.Abort(false) // counts itself out by Closed
		return
	}
	p.used--
	s.Used.Dec()
	c.IdleSince = l.Now()
	s.list(p, c)
	c.Park()
	if p.purge == 0 {
		p.purge = l.Now() + int64(s.PurgeTime)
	}
}

// room tells whether one more idle connection is wanted: not at all with a
// pool-purge-delay of zero, else within pool-max-conn
// and no more, idle and used together, than the highest recent need.
func (s *Server) room(p *idlePool) bool {
	if s.PurgeTime == 0 || s.Gone() || s.MaxIdle >= 0 && s.Idle.Load() >= int64(s.MaxIdle) {
		return false
	}
	return p.used-1+len(p.conns) < max(p.peak, p.need, s.LowIdle)
}

// Purge lets go of half of the connections that were not needed since the last
// call; each loop calls it every pool-purge-delay.
func (s *Server) Purge(l *loop.Loop) {
	s.estimate(l.Now())
	p := &s.pools[l.ID]
	if p.purge == 0 || l.Now() < p.purge {
		return
	}
	p.purge = l.Now() + int64(s.PurgeTime)
	p.need = (p.peak + p.need + 1) / 2
	p.peak = p.used
	extra := p.used + len(p.conns) - max(p.need, s.LowIdle)
	if extra <= 0 {
		return
	}
	for _, c := range append([]*mux.H1Server(nil), p.conns[:min((extra+1)/2, len(p.conns))]...) {
		s.IdleClosed(c)
		c.Abort(false)
	}
}

// CloseIdle closes all idle connections of a loop.
func (s *Server) CloseIdle(l *loop.Loop) {
	p := &s.pools[l.ID]
	for len(p.conns) > 0 {
		c := p.conns[len(p.conns)-1]
		s.IdleClosed(c)
		c.Abort(false)
	}
}

// IdleClosed implements mux.ServerOwner: an idle connection leaves the pool.
func (s *Server) IdleClosed(c *mux.H1Server) {
	p := &s.pools[c.Loop().ID]
	for i := len(p.conns) - 1; i >= 0; i-- {
		if p.conns[i] == c {
			s.unlist(p, i)
			p.claim(0) // where it is claimed the claim is void
			// It counts as in use until Closed, which follows.
			s.Used.Inc()
			p.used++
			return
		}
	}
}

// Closed implements mux.ServerOwner.
func (s *Server) Closed(c *mux.H1Server) {
	p := &s.pools[c.Loop().ID]
	if c.Kept {
		c.Kept = false
	} else {
		p.used--
		s.Used.Dec()
	}
	s.Open.Dec()
	p.free = append(p.free, c)
}

// Dropped gives back an object whose dial failed before there was a socket.
func (s *Server) Dropped(l *loop.Loop, c *mux.H1Server) {
	p := &s.pools[l.ID]
	p.used--
	s.Used.Dec()
	s.Open.Dec()
	p.free = append(p.free, c)
}

// estimate follows how many connections the server needs at a time: half of what
// it was and half of the most of the last pool-purge-delay. One of the loops that
// call it each second does it.
func (s *Server) estimate(now int64) {
	due := s.estimateAt.Load()
	if now < due || !s.estimateAt.CompareAndSwap(due, now+int64(s.PurgeTime)) || due == 0 {
		return
	}
	s.need.Store((s.need.Load() + int64(s.peak.Load())) / 2)
	s.peak.Reset(uint64(s.Used.Load()))
}

// Need estimates how many connections the server needs at a time; any goroutine.
func (s *Server) Need() int64 { return max(s.need.Load(), int64(s.peak.Load())) }
