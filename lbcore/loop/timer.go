package loop

import "math/bits"

// Timer is a deadline of an object that lives on a loop. It is embedded in its
// owner; the zero value with an owner set is ready. Deadlines move lazily:
// pushing one back only stores it, and the wheel re-queues the timer when its
// old slot comes up.
type Timer struct {
	next, prev *Timer
	deadline   int64  // monotonic ns, zero when disarmed
	tick       uint32 // tick that it is queued for, its low bits
	slot       int32  // its slot plus one, zero when not queued
	Owner      Expirer
}

// Expirer is the owner of a timer; Expired runs on the loop, once a deadline.
type Expirer interface{ Expired(t *Timer) }

// Deadline returns the monotonic deadline in ns, zero when disarmed.
func (t *Timer) Deadline() int64 { return t.deadline }

// The wheel has three levels of slots: 1 ms, 1.024 s and 262 s wide. Later
// deadlines sit in the last level and are re-queued when they come up.
const (
	tickNs   = int64(1e6)
	bits0    = 10
	bitsHigh = 8
	slots0   = 1 << bits0
	slotsH   = 1 << bitsHigh
)

type wheel struct {
	tick  int64 // last tick that was processed
	count int   // queued timers
	fired int64 // timers fired so far
	// firing is the timer whose owner is being told, so that a panic finds it.
	firing *Timer
	slots  [slots0 + 2*slotsH]*Timer
	busy   [slots0 / 64]uint64 // which slots of level 0 may hold timers
}

// place returns the slot of a tick. A level takes exactly as many ticks ahead
// as it has slots, so that what a cascade spreads never lands in the slot that
// it came from.
func (w *wheel) place(tick int64) int32 {
	delta := tick - w.tick
	switch {
	case delta <= slots0:
		return int32(tick & (slots0 - 1))
	case delta <= slots0<<bitsHigh:
		return int32(slots0 + (tick>>bits0)&(slotsH-1))
	default:
		delta = min(delta, slots0<<(2*bitsHigh)-1)
		return int32(slots0 + slotsH + ((w.tick+delta)>>(bits0+bitsHigh))&(slotsH-1))
	}
}

func (w *wheel) insert(t *Timer) {
	// Round up: a timer never fires early.
	tick := max((t.deadline+tickNs-1)/tickNs, w.tick+1)
	s := w.place(tick)
	t.tick, t.slot, t.prev, t.next = uint32(tick), s+1, nil, w.slots[s]
	if t.next != nil {
		t.next.prev = t
	}
	w.slots[s] = t
	if s < slots0 {
		w.busy[s>>6] |= 1 << (s & 63)
	}
	w.count++
}

func (w *wheel) unlink(t *Timer) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[t.slot-1] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.slot = nil, nil, 0
	w.count--
}

// requeue empties a slot of a higher level into the levels below.
func (w *wheel) requeue(s int64) {
	t := w.slots[s]
	w.slots[s] = nil
	for t != nil {
		next := t.next
		t.next, t.prev, t.slot = nil, nil, 0
		w.count--
		if t.deadline != 0 {
			w.insert(t)
		}
		t = next
	}
}

// advance moves the wheel to now and fires what is due, at most budget timers;
// it reports whether all that is due has fired.
func (w *wheel) advance(now int64, budget int) bool {
	target := now / tickNs
	if w.count == 0 {
		w.tick = max(w.tick, target)
		return true
	}
	for w.tick < target {
		next := w.tick + 1
		if next&(slots0-1) == 0 {
			// Cascade before the tick counts as processed: place needs w.tick < tick.
			w.tick = next - 1
			if next&(slots0<<bitsHigh-1) == 0 {
				w.requeue(slots0 + slotsH + (next>>(bits0+bitsHigh))&(slotsH-1))
			}
			w.requeue(slots0 + (next>>bits0)&(slotsH-1))
		}
		s := next & (slots0 - 1)
		for t := w.slots[s]; t != nil; t = w.slots[s] {
			if budget == 0 {
				return false
			}
			w.unlink(t)
			switch {
			case t.deadline == 0:
			case t.deadline > next*tickNs:
				w.insert(t)
			default:
				budget--
				w.fired++
				t.deadline = 0
				w.firing = t
				t.Owner.Expired(t)
				w.firing = nil
			}
		}
		w.busy[s>>6] &^= 1 << (s & 63)
		w.tick = next
	}
	return true
}

// wait returns how many ms from now until the next slot that may hold a timer
// or needs a cascade; -1 when there is no timer at all.
func (w *wheel) wait(now int64) int {
	if w.count == 0 {
		return -1
	}
	start := (w.tick + 1) & (slots0 - 1)
	next := w.tick + (slots0 - w.tick&(slots0-1)) // the next cascade
	for i := start; i < slots0; i = (i | 63) + 1 {
		if word := w.busy[i>>6] >> (i & 63); word != 0 {
			next = w.tick + 1 + (i + int64(bits.TrailingZeros64(word)) - start)
			break
		}
	}
	return int(max(0, (next*tickNs-now+tickNs-1)/tickNs))
}

// Arm sets the deadline (monotonic ns) of a timer; loop thread only.
func (l *Loop) Arm(t *Timer, deadline int64) {
	t.deadline = deadline
	if t.slot != 0 {
		// Lazily: an old slot that comes up first re-queues it. Deadlines lie
		// less than 2^31 ticks (24 days) ahead, so that low bits compare.
		if int32(t.tick-uint32(deadline/tickNs)) <= 1 {
			return
		}
		l.timers.unlink(t)
	}
	l.timers.insert(t)
}

// Disarm cancels a deadline; the timer may be armed again. Loop thread only.
func (l *Loop) Disarm(t *Timer) { t.deadline = 0 }

// DropTimer takes a timer out of the wheel for good: its owner goes away.
func (l *Loop) DropTimer(t *Timer) {
	t.deadline = 0
	if t.slot != 0 {
		l.timers.unlink(t)
	}
}
