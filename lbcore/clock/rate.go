package clock

import "sync/atomic"

// Rate counts events over a sliding period of one second, as the reference
// does: the current second's count plus the share of the previous second that
// the sliding window still covers. It is exact at all times and shared by all
// loops; every method may be called by any goroutine. The zero value is ready.
type Rate struct {
	cur  atomic.Uint64 // second<<32 | count
	prev atomic.Uint64 // second<<32 | count
}

const (
	period    = int64(1e9)
	countMask = 1<<32 - 1
)

// Add counts n events at monotonic time now (nanoseconds) and returns the
// number counted in the current second.
func (r *Rate) Add(now int64, n uint32) uint32 {
	sec := uint64(now/period) & countMask
	for {
		c := r.cur.Load()
		if c>>32 == sec {
			if r.cur.CompareAndSwap(c, c+uint64(n)) {
				return uint32(c) + n
			}
			continue
		}
		if r.cur.CompareAndSwap(c, sec<<32|uint64(n)) {
			r.prev.Store(c)
			return n
		}
	}
}

// Read returns the events of the last second, seen at monotonic time now.
func (r *Rate) Read(now int64) uint32 {
	curr, past, remain := r.window(now)
	return uint32(curr + past*remain/uint64(period))
}

// Wait returns how long, in nanoseconds, until one more event keeps the rate
// at or below limit per second; zero when it may happen now.
func (r *Rate) Wait(now int64, limit uint32) int64 {
	curr, past, remain := r.window(now)
	if curr+past*remain/uint64(period) < uint64(limit) {
		return 0
	}
	if past == 0 || curr >= uint64(limit) {
		return int64(remain)
	}
	// The window slides: past*remain' + curr < limit decides remain'.
	need := (uint64(limit) - curr) * uint64(period) / past
	if need >= remain {
		return 1e6
	}
	return int64(remain - need)
}

func (r *Rate) window(now int64) (curr, past, remain uint64) {
	sec := uint64(now/period) & countMask
	remain = uint64(period - now%period)
	c, p := r.cur.Load(), r.prev.Load()
	switch c >> 32 {
	case sec:
		curr = c & countMask
		if p>>32 == sec-1 {
			past = p & countMask
		}
	case sec - 1:
		past = c & countMask
	}
	return curr, past, remain
}

// Max keeps the highest value seen.
type Max struct{ v atomic.Uint64 }

// Observe raises the maximum to v when v is higher.
func (m *Max) Observe(v uint64) {
	for {
		old := m.v.Load()
		if v <= old || m.v.CompareAndSwap(old, v) {
			return
		}
	}
}

// Load returns the maximum.
func (m *Max) Load() uint64 { return m.v.Load() }

// Reset forgets the maximum, as "clear counters" does.
func (m *Max) Reset(v uint64) { m.v.Store(v) }
