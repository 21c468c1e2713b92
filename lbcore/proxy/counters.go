package proxy

import (
	"math/bits"
	"sync/atomic"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
)

// Counter names a cumulative counter of a frontend, backend, listener or
// server.
type Counter uint8

// The counters.
const (
	CumConns Counter = iota // connections accepted
	CumSess                 // sessions; for servers and backends: streams
	CumReq                  // HTTP requests
	BytesIn
	BytesOut
	DeniedReq
	DeniedResp
	DeniedConn
	DeniedSess
	FailedReq // request errors
	FailedConns
	FailedResp
	Retries
	Redispatches
	FailedRewrites
	InternalErrors
	CliAborts
	SrvAborts
	Intercepted
	Connects
	Reuses
	LBTotal
	Resp1xx
	Resp2xx
	Resp3xx
	Resp4xx
	Resp5xx
	RespOther
	H1Req
	FailedChecks
	Downs
	QTimeSum // ms, of the streams in CumSess: for the averages
	CTimeSum
	DTimeSum
	TTimeSum
	SSLSess          // full handshakes
	SSLReused        // resumed sessions
	FailedHandshakes // handshakes that did not succeed
	Stapled          // OCSP responses that went along
	StaplesFailed    // and those that did not: out of date, or not there yet
	SplicedIn        // bytes of requests, and below of responses, that went through a pipe
	SplicedOut
	OpenStreams // of frontends: HTTP requests that came less those that are over, never cleared
	counters
)

// Counters are the cumulative counters of one object: a column a loop.
type Counters struct {
	loops []*LoopCounters
	base  [counters]atomic.Int64 // subtracted from what is read, see Clear
}

// NewCounters returns counters for n loops.
func NewCounters(n int) *Counters {
	return &Counters{loops: make([]*LoopCounters, n)}
}

// For returns the column of a loop, allocated on first use. Loop only.
func (c *Counters) For(l *loop.Loop) *LoopCounters {
	lc := c.loops[l.ID]
	if lc == nil {
		lc = &LoopCounters{loop: l}
		c.loops[l.ID] = lc
	}
	return lc
}

// Prepare allocates every loop's column before the loops start.
func (c *Counters) Prepare(loops []*loop.Loop) {
	for _, l := range loops {
		c.For(l)
	}
}

// Sum returns a counter over all loops; any goroutine.
func (c *Counters) Sum(k Counter) int64 {
	n := -c.base[k].Load()
	for _, lc := range c.loops {
		if lc != nil {
			n += lc.published[k].Load()
		}
	}
	return n
}

// Clear makes all sums zero, as "clear counters all" does; any goroutine.
func (c *Counters) Clear() {
	for k := range OpenStreams {
		c.base[k].Add(c.Sum(k))
	}
}

// Restore adds to what is read, before anything is counted; any goroutine.
func (c *Counters) Restore(k Counter, n int64) { c.base[k].Add(-n) }

// LoopCounters is one loop's column: plain integers that only the loop
// touches, published once a turn.
type LoopCounters struct {
	loop      *loop.Loop
	v         [counters]int64
	dirty     uint64
	published [counters]atomic.Int64
}

// Add counts; loop only.
func (lc *LoopCounters) Add(k Counter, n int64) {
	if lc.dirty == 0 {
		lc.loop.PublishLater(lc)
	}
	lc.dirty |= 1 << k
	lc.v[k] += n
}

// Publish implements loop.Publisher.
func (lc *LoopCounters) Publish() {
	for d := lc.dirty; d != 0; d &= d - 1 {
		k := bits.TrailingZeros64(d)
		lc.published[k].Store(lc.v[k])
	}
	lc.dirty = 0
}

// Gauge is a number of things in progress, exact at all times and shared by
// all loops, with its maximum and an optional limit. It is padded so that
// neighbours do not share a cache line.
type Gauge struct {
	_   [64]byte
	cur atomic.Int64
	max clock.Max
	_   [48]byte
}

// Inc adds one and returns the new value.
func (g *Gauge) Inc() int64 {
	n := g.cur.Add(1)
	g.max.Observe(uint64(n))
	return n
}

// TryInc adds one unless that would exceed limit; a limit of zero is none.
func (g *Gauge) TryInc(limit int64) bool {
	if limit <= 0 {
		g.Inc()
		return true
	}
	for {
		n := g.cur.Load()
		if n >= limit {
			return false
		}
		if g.cur.CompareAndSwap(n, n+1) {
			g.max.Observe(uint64(n + 1))
			return true
		}
	}
}

// Dec takes one off.
func (g *Gauge) Dec() { g.cur.Add(-1) }

// Load returns the number now.
func (g *Gauge) Load() int64 { return g.cur.Load() }

// Max returns the highest number seen.
func (g *Gauge) Max() int64 { return int64(g.max.Load()) }

// ResetMax makes the present number the highest.
func (g *Gauge) ResetMax() { g.max.Reset(uint64(g.cur.Load())) }

// Lease is one unit of a gauge that somebody holds. Releasing it twice is
// harmless, so that whoever is aborted in whatever phase gives back what it
// holds exactly once. The zero value holds nothing.
type Lease struct{ g *Gauge }

// Take holds one unit of g; what was held before is released.
func (l *Lease) Take(g *Gauge) {
	l.Release()
	g.Inc()
	l.g = g
}

// TryTake is Take within a limit.
func (l *Lease) TryTake(g *Gauge, limit int64) bool {
	if !g.TryInc(limit) {
		return false
	}
	l.Release()
	l.g = g
	return true
}

// Release gives the unit back.
func (l *Lease) Release() {
	if l.g != nil {
		l.g.Dec()
		l.g = nil
	}
}

// Held tells whether a unit is held.
func (l *Lease) Held() bool { return l.g != nil }

// Rate is a rate per second with its maximum and total.
type Rate struct {
	clock.Rate
	max clock.Max
}

// Count counts one event at now (ns) and keeps the maximum.
func (r *Rate) Count(now int64) { r.max.Observe(uint64(r.Add(now, 1))) }

// Max returns the highest number of events in one second.
func (r *Rate) Max() int64 { return int64(r.max.Load()) }

// ResetMax forgets the maximum.
func (r *Rate) ResetMax() { r.max.Reset(0) }
