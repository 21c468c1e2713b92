package clock

import "sync/atomic"

// Rate counts events over a sliding period of one second, as the reference
// does: the current period's count plus the share of the period before that the
// sliding window still covers. Reference: periods follow one another from the
// first event on, and begin anew at the first event after a pause of two. It is
// exact at all times and shared by all loops; every method may be called by any
// goroutine. The zero value is ready.
type Rate struct {
	cur  atomic.Uint64 // the period's begin in ms<<32 | count
	prev atomic.Uint64
}

const (
	period    = 1000 // ms
	countMask = 1<<32 - 1
	// behind is how far a loop's time may be behind another's.
	behind = 10_000
)

// age is how long before monotonic time now a period began, in milliseconds.
func age(now int64, begin uint64) uint32 {
	if d := uint32(now/1e6) - uint32(begin); d < 1<<32-behind {
		return d
	}
	return 0
}

// Add counts n events at monotonic time now (nanoseconds) and returns the
// number counted in the current period.
func (r *Rate) Add(now int64, n uint32) uint32 {
	for {
		c := r.cur.Load()
		begin := c >> 32
		d := age(now, begin)
		if d < period {
			if r.cur.CompareAndSwap(c, c+uint64(n)) {
				return uint32(c) + n
			}
			continue
		}
		begin = uint64(uint32(now / 1e6))
		if d < 2*period {
			begin = uint64(uint32(c>>32) + period)
		}
		if r.cur.CompareAndSwap(c, begin<<32|uint64(n)) {
			r.prev.Store(c)
			return n
		}
	}
}

// Read returns the events of the last second, seen at monotonic time now.
func (r *Rate) Read(now int64) uint32 {
	curr, past, remain := r.window(now)
	return uint32(curr + past*remain/period)
}

// Wait returns how long, in nanoseconds, until one more event keeps the rate
// at or below limit per second; zero when it may happen now.
func (r *Rate) Wait(now int64, limit uint32) int64 {
	curr, past, remain := r.window(now)
	if curr+past*remain/period < uint64(limit) {
		return 0
	}
	if past == 0 || curr >= uint64(limit) {
		return int64(remain) * 1e6
	}
	// The window slides: past*remain' + curr < limit decides remain'.
	need := (uint64(limit) - curr) * period / past
	if need >= remain {
		return 1e6
	}
	return int64(remain-need) * 1e6
}

// window returns the counts of this period and the one before, and how much of
// the latter the window covers, in milliseconds.
func (r *Rate) window(now int64) (curr, past, remain uint64) {
	c, p := r.cur.Load(), r.prev.Load()
	switch d := uint64(age(now, c>>32)); {
	case d < period:
		if curr, remain = c&countMask, period-d; uint32(c>>32)-uint32(p>>32) == period {
			past = p & countMask
		}
	case d < 2*period:
		past, remain = c&countMask, 2*period-d
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
