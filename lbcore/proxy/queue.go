package proxy

import (
	"sync"
	"sync/atomic"

	"gohap/lbcore/invariant"
	"gohap/lbcore/loop"
)

// This file is the queue of a backend: a protocol between loops, no counter.
//
//	        Join                 a slot is free: Server.Feed
//	idle ─────────► waiting ───────────────────────────────► granted
//	                   │ Leave                    Leave │       │ on the waiter's loop
//	                   ▼                                ▼       ▼
//	               cancelled            cancelled: passed on   taken
//
// Every server has a line and its backend has one. A slot that is freed goes to
// the first of the server's line and of the backend's line, whichever has the
// smaller key. It is taken for the waiter before the waiter is told, so nobody
// can come between; the waiter's loop is told by a post and takes it, unless it
// left meanwhile: then the slot goes to the next. The states change by compare
// and swap, lines under the queue's lock.
//
// Newcomers never overtake: who finds anybody in a line that the server feeds
// joins a line himself. Nobody is forgotten: a waiter joins first and then looks
// for a free slot, whoever frees one frees it first and then looks for waiters.

// Queue is what a backend's lines share.
type Queue struct {
	// All counts the waiters of all lines: while it is zero no slot costs more
	// than its gauge.
	All Gauge

	mu   sync.Mutex
	line line // of requests that any server may have
	came int64
}

// line is requests in order of their keys.
type line struct {
	heap []*Waiter
	// Waiting is the length, exact, with its maximum: qcur and qmax.
	waiting Gauge
	served  int64 // how many left by a grant, under Queue.mu
}

// lineKey is a place in line: lower first. Reference: by class, then by the time of
// arrival in ms plus the offset.
type lineKey struct{ class, ms, order int64 }

func (k lineKey) before(o lineKey) bool {
	switch {
	case k.class != o.class:
		return k.class < o.class
	case k.ms != o.ms:
		return k.ms < o.ms
	}
	return k.order < o.order
}

// The states of a waiter.
const (
	idle int32 = iota
	waiting
	granted
	taken
	cancelled
)

// Queued is who waits. Granted is called on the loop that joined, once, unless
// the waiter left: with a server, a slot of it is now the caller's to release;
// with nil the line was dissolved, and a server has to be chosen anew.
type Queued interface{ Granted(w *Waiter, s *Server) }

// Waiter is a place in a line. It belongs to the loop that joined.
type Waiter struct {
	pool   *Waiters
	owner  Queued
	post   func()
	be     *Proxy
	at     *line // joined
	forced bool
	key    lineKey
	since  int64 // line.served on arrival
	place  int64 // how many of the line were served from its arrival to its own end, itself included

	state atomic.Int32
	index int     // in the heap, -1 outside; under Queue.mu
	to    *Server // granted
	next  *Waiter // granted in one go
}

// Waiters makes the waiters of one loop.
type Waiters struct {
	Loop *loop.Loop
	free []*Waiter
}

// Priority says where in line a request stands (http-request
// set-priority-class, set-priority-offset).
type Priority struct {
	Class  int16 // -2047 to 2047, lower first
	Offset int32 // ms
}

// Join puts a request of this loop in the line of s, or of the whole backend
// where s is nil. It returns nil when the server's line is as long as maxqueue
// allows. forced stays in line whatever becomes of the server.
func (p *Waiters) Join(be *Proxy, s *Server, owner Queued, pr Priority, forced bool) *Waiter {
	w := p.get()
	q := &be.Queue
	w.owner, w.be, w.forced = owner, be, forced
	w.at = &q.line
	if s != nil {
		w.at = &s.line
	}
	q.mu.Lock()
	if s != nil && s.Maxqueue > 0 && w.at.waiting.Load() >= int64(s.Maxqueue) {
		q.mu.Unlock()
		p.put(w)
		return nil
	}
	q.came++
	w.key = lineKey{int64(pr.Class), p.Loop.Now()/1e6 + int64(pr.Offset), q.came}
	w.since, w.to = w.at.served, nil
	w.state.Store(waiting)
	w.at.push(w)
	q.All.Inc()
	q.mu.Unlock()
	if s != nil {
		s.Touched()
		s.Feed()
	}
	return w
}

// Leave takes the waiter out, whatever its state; its owner is not told any
// more. A slot that was granted meanwhile goes to the next. It returns the
// waiter's place, see Place. Its loop only.
func (w *Waiter) Leave() (place int64) {
	q := &w.be.Queue
	if w.state.CompareAndSwap(waiting, cancelled) {
		q.mu.Lock()
		if w.index >= 0 {
			w.at.remove(w)
			q.All.Dec()
		}
		place = w.at.served - w.since + 1
		q.mu.Unlock()
		w.pool.put(w)
		return place
	}
	place = w.place
	if w.state.CompareAndSwap(granted, cancelled) && w.to != nil {
		w.to.free() // the letter is on its way: it finds the waiter cancelled
	}
	return place
}

// Place returns the number of the waiter among those of its line that were
// served since it came, one for the first; valid while Granted runs.
func (w *Waiter) Place() int64 { return w.place }

// InBackend tells whether it waits, or waited, for any server of the backend.
func (w *Waiter) InBackend() bool { return w.at == &w.be.Queue.line }

// deliver brings a grant to the loop that waits.
func (w *Waiter) deliver() {
	defer w.pool.put(w)
	if w.state.CompareAndSwap(granted, taken) {
		w.owner.Granted(w, w.to)
	}
}

func (p *Waiters) get() *Waiter {
	if n := len(p.free); n > 0 {
		w := p.free[n-1]
		p.free = p.free[:n-1]
		return w
	}
	w := &Waiter{pool: p, index: -1}
	w.post = w.deliver
	return w
}

func (p *Waiters) put(w *Waiter) {
	invariant.Check(w.index < 0, "waiter given back in line")
	w.owner, w.to, w.next = nil, nil, nil
	w.state.Store(idle)
	p.free = append(p.free, w)
}

// tell brings a chain of grants to their loops.
func tell(w *Waiter) {
	for w != nil {
		next := w.next
		w.next = nil
		if !w.pool.Loop.Post(w.post) { // the instance has ended
			if to := w.to; w.state.CompareAndSwap(granted, cancelled) && to != nil {
				to.Conn.Dec()
			}
		}
		w = next
	}
}

// Feed gives the free slots of the server to those in line for it; any
// goroutine, with no lock held. It returns how many got one.
func (s *Server) Feed() (fed int64) {
	q := &s.Proxy.Queue
	if q.All.Load() == 0 {
		return 0
	}
	var first *Waiter
	last := &first
	q.mu.Lock()
	for {
		l := s.nextLine(q)
		if l == nil || !s.Conn.TryInc(s.Limit()) {
			break
		}
		w := l.heap[0]
		if !q.take(l, w, s) { // it is leaving
			s.Conn.Dec()
			continue
		}
		l.served++
		fed++
		*last, last = w, &w.next
	}
	q.mu.Unlock()
	if first != nil {
		s.Touched()
		tell(first)
	}
	return fed
}

// take ends w's wait; the caller holds mu.
func (q *Queue) take(l *line, w *Waiter, to *Server) bool {
	l.remove(w)
	q.All.Dec()
	w.to, w.place = to, l.served-w.since+1
	return w.state.CompareAndSwap(waiting, granted)
}

// nextLine returns the line whose first the server's next slot is for, nil when
// nobody waits for it; the caller holds mu.
func (s *Server) nextLine(q *Queue) *line {
	own, any := &s.line, &q.line
	switch {
	case len(any.heap) == 0 || !s.inUse():
		if len(own.heap) == 0 {
			return nil
		}
		return own
	case len(own.heap) == 0 || any.heap[0].key.before(own.heap[0].key):
		return any
	}
	return own
}

// inUse tells whether the backend's policy may choose the server now.
func (s *Server) inUse() bool {
	p := s.Proxy
	if !s.Usable() || !s.IsBackup() {
		return s.Usable()
	}
	if p.Availability().Active > 0 {
		return false
	}
	if p.Has(OptAllBackups) {
		return true
	}
	for _, b := range p.Set().Backups {
		if b.Usable() {
			return b == s
		}
	}
	return false
}

// requeue follows a change of the server's state or weight: what waits for a
// server in maintenance, or with option redispatch for one that is down, and what
// waits for a backend without any, is told to choose anew; a server that may
// serve is fed. Reference: without that option what waits for a server that is
// down goes on waiting for it. It returns how many were told.
func (s *Server) requeue() (told int64) {
	p := s.Proxy
	if p == nil || p.Queue.All.Load() == 0 {
		return 0
	}
	q := &p.Queue
	var first *Waiter
	last := &first
	dissolve := func(l *line) {
		for i := 0; i < len(l.heap); {
			w := l.heap[i]
			if w.forced {
				i++
				continue
			}
			if q.take(l, w, nil) {
				*last, last = w, &w.next
				told++
			}
		}
	}
	q.mu.Lock()
	if s.Admin().Maint() || s.Oper() == Down && p.Has(OptRedispatch) {
		dissolve(&s.line)
	}
	if p.Availability() == (Availability{}) {
		dissolve(&q.line)
	}
	q.mu.Unlock()
	tell(first)
	return told + s.Feed()
}

// Requeued returns how many waiting requests the last change of the server's
// state or weight moved; any goroutine.
func (s *Server) Requeued() int64 { return s.requeued.Load() }

// Limit is how many streams the server may have now, zero for no limit.
// Reference: with minconn it follows the load of the backend up to fullconn; while
// the server warms up it is in proportion to the time.
func (s *Server) Limit() int64 {
	most := s.Maxconn.Load()
	if low := int64(s.Minconn); low != 0 && low < most {
		n, full := s.Proxy.BEConn.Load(), int64(s.Proxy.Fullconn)
		if n < full {
			most = max(low, n*most/full)
		}
	}
	if s.Slowstart != 0 && most > 0 && s.Oper() == Starting {
		return max(1, most*s.warm.Load()/int64(s.Slowstart))
	}
	return most
}

// SetMaxconn changes maxconn, zero for no limit; any goroutine. Who waits for a
// slot that there is now gets it.
func (s *Server) SetMaxconn(n int64) {
	s.Maxconn.Store(n)
	s.Feed()
}

// QueueLen returns how many requests wait for this server alone; any goroutine.
func (s *Server) QueueLen() int64 { return s.line.waiting.Load() }

// Queue lengths as statistics show them: of the server's own line, and of the
// backend's own line.
func (s *Server) QueueGauge() *Gauge { return &s.line.waiting }

// QueueGauge is described at Server.QueueGauge.
func (p *Proxy) QueueGauge() *Gauge { return &p.Queue.line.waiting }

// free ends one stream's use of the server.
func (s *Server) free() {
	s.Conn.Dec()
	s.Touched()
	s.Feed()
}

// Slot is a stream's place on a server: one of maxconn. Releasing it twice is
// harmless. The zero value holds nothing. It belongs to the stream's loop.
type Slot struct{ s *Server }

// Try takes a slot of s when one is free and nobody waits for it.
func (l *Slot) Try(s *Server) bool {
	l.Release()
	if limit := s.Limit(); limit == 0 {
		s.Conn.Inc()
	} else if s.line.waiting.Load() > 0 || s.Proxy.Queue.line.waiting.Load() > 0 && s.inUse() || !s.Conn.TryInc(limit) {
		return false
	}
	l.s = s
	s.Touched()
	return true
}

// Keep holds the slot of s that was granted.
func (l *Slot) Keep(s *Server) {
	l.Release()
	l.s = s
}

// Release gives the slot back: to who waits for it, if anybody does.
func (l *Slot) Release() {
	if s := l.s; s != nil {
		l.s = nil
		s.free()
	}
}

// Held tells whether a slot is held.
func (l *Slot) Held() bool { return l.s != nil }

// push and remove keep a binary heap; the caller holds mu.
func (l *line) push(w *Waiter) {
	w.index = len(l.heap)
	l.heap = append(l.heap, w)
	l.up(w.index)
	l.waiting.Inc()
}

func (l *line) remove(w *Waiter) {
	i, n := w.index, len(l.heap)-1
	l.swap(i, n)
	l.heap[n] = nil
	l.heap = l.heap[:n]
	if i < n {
		l.up(i)
		l.down(i)
	}
	w.index = -1
	l.waiting.Dec()
}

func (l *line) swap(i, j int) {
	h := l.heap
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (l *line) up(i int) {
	for i > 0 && l.heap[i].key.before(l.heap[(i-1)/2].key) {
		l.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (l *line) down(i int) {
	for {
		c := 2*i + 1
		if c+1 < len(l.heap) && l.heap[c+1].key.before(l.heap[c].key) {
			c++
		}
		if c >= len(l.heap) || !l.heap[c].key.before(l.heap[i].key) {
			return
		}
		l.swap(i, c)
		i = c
	}
}
