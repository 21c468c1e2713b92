package fleet

import (
	"gohap/peers"
	"gohap/stick"
)

// feed is how far a session is with telling what a source contributes to a table:
// what arrived here up to a number was told. It grows by nothing while it waits.
type feed struct {
	src  uint32
	from uint64 // changes up to this one are not wanted
	at   uint64 // arrival of the last record that was told
	hint uint32 // that record, if it did not move since
	told uint64 // the last mark
}

// next returns the record that a feed tells next, 0 when there is none. Reading on is
// a step; where the last record moved, the place is looked for from the end.
func (t *Table) next(f *feed) uint32 {
	s := &t.sources[f.src]
	n := s.first
	if f.hint != 0 && f.at != 0 {
		if r := t.rec(f.hint); r[rAt] == f.at && kind(r) != 0 {
			n = high(r[rList])
		} else {
			n = t.behind(s, f.at)
		}
	}
	for n != 0 {
		r := t.rec(n)
		if r[rAt] > f.at && r[rSeq] > f.from {
			return n
		}
		f.at, f.hint = max(f.at, r[rAt]), n
		n = high(r[rList])
	}
	return 0
}

// behind returns the first record of a source that arrived behind a number.
func (t *Table) behind(s *source, at uint64) uint32 {
	n := s.last
	for n != 0 && t.rec(n)[rAt] > at {
		before := low(t.rec(n)[rList])
		if before == 0 {
			return n
		}
		if t.rec(before)[rAt] <= at {
			return n
		}
		n = before
	}
	return 0
}

// atOnce is how many changes are told while loops that reset a counter wait, at most.
const atOnce = 128

// tell calls f for the changes that a feed has still to tell, until f says no; more
// tells that there are others.
func (t *Table) tell(fd *feed, now uint32, f func(e stick.Entry, r []uint64) bool) (more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	t.sweep()
	for range atOnce {
		n := t.next(fd)
		if n == 0 {
			return false
		}
		r := t.rec(n)
		at := r[rAt]
		if e, ok := t.holdOf(n, r); ok {
			ok = f(e, r)
			if e.Release(); !ok {
				return true
			}
		}
		fd.at, fd.hint = at, n
	}
	return true
}

// mark returns the number of the last change when a feed that has told everything
// has news of it.
func (t *Table) mark(fd *feed) (seq uint64, partial, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	seq = t.sources[fd.src].have
	if t.next(fd) != 0 || seq <= fd.told || seq <= fd.from {
		return 0, false, false
	}
	fd.told = seq
	return seq, t.inexact(), true
}

// Absorb takes all that another table knows, of which this one takes the place.
func (t *Table) Absorb(old *Table, now uint32) {
	l := &layout{key: old.Stick.Config.Key, keyLen: old.Stick.Config.KeyLen, stays: old.Stick.Expire == 0}
	for i := range old.fields {
		o := &old.fields[i]
		l.fields = append(l.fields, t.fieldOf(o.data, o.i, old.Stick.Period(o.data)))
	}
	for old.Flush(now) {
	}
	old.mu.Lock()
	known := append([]source(nil), old.sources...)
	old.mu.Unlock()
	ours := make([]uint32, len(known))
	t.mu.Lock()
	t.now = now
	for i, s := range known {
		if !s.forgotten {
			ours[i] = t.source(s.id, s.name)
			o := &t.sources[ours[i]]
			o.ended, o.beat, o.heard, o.masked = s.ended, s.beat, s.heard, s.masked
		}
	}
	t.mu.Unlock()
	source := func(n uint64) (uint32, bool) { return ours[n], true }
	number := func(src uint32) uint64 { return uint64(src) }
	var c change
	var buf []byte
	for i, s := range known {
		if s.forgotten {
			continue
		}
		fd := feed{src: uint32(i)}
		for more := true; more; {
			var told []change
			more = old.tell(&fd, now, func(e stick.Entry, r []uint64) bool {
				buf = old.appendChange(buf[:0], 0, e, r, number, now)
				in := reader{peers.Reader{B: buf}}
				in.Number()
				if t.readChange(&in, l, source, &c, now) == nil {
					one := c
					one.key = append([]byte(nil), c.key...)
					told = append(told, one)
					c = change{}
				}
				return true
			})
			for k := range told {
				t.learn(&told[k], now)
			}
		}
		t.complete(ours[i], s.have, false)
	}
}
