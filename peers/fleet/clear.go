package fleet

import (
	"slices"

	"gohap/stick"
)

// This file clears and sets. Who clears an entry names every contribution to it with
// what it had seen of it, in a baseline; readers subtract that, and what was counted
// meanwhile elsewhere stays. A contribution's process notes it in the contribution
// itself, which makes the baseline superfluous.

// Reset implements stick.Fleet.
func (t *Table) Reset(e stick.Entry, d stick.Data, i int) (was uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k := range t.fields {
		if f := &t.fields[k]; f.data == d && f.i == i {
			return t.reset(e, []*field{f})
		}
	}
	return 0
}

// reset clears some fields of an entry and returns what the first one was.
func (t *Table) reset(e stick.Entry, fields []*field) (was uint64) {
	own, r := t.needOwn(e)
	t.snapshot(e, r)
	var base uint32
	for n := e.Chain(); n != 0; {
		o := t.rec(n)
		if kind(o) == kindContribution && n != own {
			item := uint32(0)
			for k, f := range fields {
				v, some := t.seen(e, o, f)
				if !some {
					continue
				}
				if k == 0 && f.share == stick.ShareSum {
					was += v - t.clearedOf(e, o, f)
				}
				if item == 0 {
					item = t.item(low(o[rMeta]), o[rBirth], o[rSeq])
				}
				t.rec(item)[f.at+1] = v
				if f.share == stick.ShareRate { // its process says the same soon
					o[f.at], o[f.at+1] = 0, 0
				}
			}
			if item != 0 {
				if base == 0 {
					base, _ = t.add(e, self, t.sources[self].have+1, kindBaseline)
				}
				b := t.rec(base)
				setHigh(&t.rec(item)[rEntry], low(b[rItems]))
				setLow(&b[rItems], item)
			}
		}
		n = high(o[rEntry])
	}
	for k, f := range fields {
		if k == 0 && f.share == stick.ShareSum {
			was += r[f.at] - r[f.at+1]
		}
		t.clearOwn(e, r, f, r[f.at])
	}
	t.publish(own, r)
	if base != 0 {
		t.publish(base, t.rec(base))
	}
	t.sum(e, t.now)
	return was
}

// seen returns what a baseline says of a contribution's field; some is false where
// there is nothing to clear.
func (t *Table) seen(e stick.Entry, r []uint64, f *field) (v uint64, some bool) {
	switch f.share {
	case stick.ShareSum, stick.ShareLast:
		return r[f.at], r[f.at] > t.clearedOf(e, r, f)
	case stick.ShareRate:
		return 1, r[f.at]|r[f.at+1] != 0
	}
	return 0, false
}

// item makes one that names a contribution.
func (t *Table) item(src uint32, birth, seq uint64) uint32 {
	n := t.take()
	r := t.rec(n)
	r[rMeta] = kindItem<<32 | uint64(src)
	r[rBirth], r[rSeq] = birth, seq
	return n
}

// clearOwn clears a field of an own contribution up to what somebody had seen of it.
func (t *Table) clearOwn(e stick.Entry, r []uint64, f *field, upTo uint64) (changed bool) {
	switch f.share {
	case stick.ShareSum:
		if d := int64(min(upTo, r[f.at]) - r[f.at+1]); d > 0 {
			r[f.at+1] += uint64(d)
			e.AddOwn(f.data, f.i, -uint64(d))
			return true
		}
	case stick.ShareLast:
		if upTo > r[f.at+1] {
			r[f.at+1] = upTo
			return true
		}
	case stick.ShareRate:
		if upTo != 0 {
			e.SetRateParts(f.data, f.i, t.now, 0, 0, 0)
			t.snapshot(e, r)
			return true
		}
	}
	return false
}

// Clear takes everything off an entry, for the whole fleet, and removes it where
// nobody uses it; the caller's hold ends.
func (t *Table) Clear(e stick.Entry, now uint32) {
	t.mu.Lock()
	t.now = now
	t.sweep()
	t.reset(e, t.all())
	own := t.own(e)
	t.retire(e, own, t.rec(own))
	removed := t.tidy(e)
	t.mu.Unlock()
	if !removed { // else there is nobody to tell
		e.Changed()
		e.Release()
	}
}

// all returns every field.
func (t *Table) all() (list []*field) {
	for i := range t.fields {
		list = append(list, &t.fields[i])
	}
	return list
}

// Set makes a field of an entry a number, for the whole fleet.
func (t *Table) Set(e stick.Entry, d stick.Data, i int, v uint64, now uint32) {
	t.mu.Lock()
	t.now = now
	for k := range t.fields {
		f := &t.fields[k]
		if f.data != d || f.i != i {
			continue
		}
		switch f.share {
		case stick.ShareSum:
			t.reset(e, []*field{f})
			e.AddOwn(d, i, v)
		case stick.ShareRate:
			t.reset(e, []*field{f})
			e.SetRateParts(d, i, now, 0, uint32(v), 0)
		default:
			e.Set(d, i, v)
		}
		t.note(e, now)
	}
	if d == stick.ServerID {
		e.Set(d, i, v)
	}
	t.mu.Unlock()
	e.Changed()
}

// retire marks an own contribution of which everything is cleared and that nobody
// here uses: others need not keep it.
func (t *Table) retire(e stick.Entry, n uint32, r []uint64) {
	if !t.void(e, r, false) {
		return
	}
	if e.Holds() > 1 { // a command looks at it, or a request counts
		if !inUse(r) {
			setInUse(r, true)
			t.inUse = append(t.inUse, n)
		}
		return
	}
	if !gone(r) {
		setGone(r, true)
		t.publish(n, r)
		t.leaving = append(t.leaving, leaving{n, r[rSeq]})
	}
}

// void tells that a contribution adds nothing: all of it is cleared, and its rates
// are over; covered counts what others cleared too.
func (t *Table) void(e stick.Entry, r []uint64, covered bool) bool {
	for i := range t.fields {
		f := &t.fields[i]
		switch f.share {
		case stick.ShareSum, stick.ShareLast:
			c := r[f.at+1]
			if covered {
				c = t.clearedOf(e, r, f)
			}
			if r[f.at] > c {
				return false
			}
		case stick.ShareRate:
			if _, _, _, alive := rateAt(r[f.at], r[f.at+1], t.now, t.Stick.Period(f.data)); alive {
				return false
			}
		case stick.ShareNow:
			s := &t.sources[low(r[rMeta])]
			if r[f.at] != 0 && !s.masked {
				return false
			}
		}
	}
	return true
}

// tidy drops what an entry's chain need not have any more, and removes an entry that
// was cleared everywhere; then the hold is over, which it tells.
func (t *Table) tidy(e stick.Entry) (removed bool) {
	own, rest, went := uint32(0), 0, 0
	for n := e.Chain(); n != 0; {
		r := t.rec(n)
		next := high(r[rEntry])
		switch src := low(r[rMeta]); {
		case kind(r) == kindBaseline:
			if t.settle(e, r); low(r[rItems]) == 0 {
				t.drop(e, n)
			} else {
				rest++
			}
		case src == self:
			own = n
		case t.superfluous(e, r):
			if gone(r) {
				t.forgetItems(e, src, r[rBirth])
			}
			t.drop(e, n)
			went++
		default:
			rest++
		}
		n = next
	}
	switch {
	case rest > 0 || own == 0 && e.Chain() != 0:
		return false
	case own == 0:
		return went > 0 && e.RemoveIf(func() bool { return t.blank(e) })
	}
	r := t.rec(own)
	if !gone(r) {
		return false
	}
	if !t.told(self, r[rSeq]) {
		return false
	}
	return e.RemoveIf(func() bool { return t.untouched(e, r) })
}

// superfluous tells that another process's contribution need not be kept: all of it
// is cleared and every node knows, or a later life of its node took it over. One that
// took over what is still here goes behind that.
func (t *Table) superfluous(e stick.Entry, r []uint64) bool {
	src := low(r[rMeta])
	if gone(r) {
		return r[rSeq] <= t.sources[src].have && t.told(src, r[rSeq]) && t.void(e, r, true) && !t.covers(e, r)
	}
	return t.takenOver(e, src, r[rBirth]) != 0 && t.void(e, r, true)
}

// covers tells that a record names a contribution that is here.
func (t *Table) covers(e stick.Entry, r []uint64) bool {
	for i := low(r[rItems]); i != 0; i = high(t.rec(i)[rEntry]) {
		if item := t.rec(i); t.find(e, low(item[rMeta]), item[rBirth], kindContribution) != 0 {
			return true
		}
	}
	return false
}

// takenOver returns the item by which a later life of its node took a contribution
// over, 0 without one.
func (t *Table) takenOver(e stick.Entry, src uint32, birth uint64) uint32 {
	for n := e.Chain(); n != 0; {
		o := t.rec(n)
		if by := low(o[rMeta]); kind(o) == kindContribution && by != src && t.sources[by].id.Node == t.sources[src].id.Node {
			if i := t.itemOf(o, src, birth); i != 0 {
				return i
			}
		}
		n = high(o[rEntry])
	}
	return 0
}

// itemOf returns the item of a record that names a contribution, 0 without one.
func (t *Table) itemOf(r []uint64, src uint32, birth uint64) uint32 {
	for i := low(r[rItems]); i != 0; {
		item := t.rec(i)
		if low(item[rMeta]) == src && item[rBirth] == birth {
			return i
		}
		i = high(item[rEntry])
	}
	return 0
}

// inParts does f for what a list holds, atOnce at a time under the lock; f may put
// things into the list anew.
func inParts[E any](t *Table, list *[]E, now uint32, f func(E)) {
	t.mu.Lock()
	all := *list
	*list = nil
	t.mu.Unlock()
	for part := range slices.Chunk(all, atOnce) {
		t.mu.Lock()
		t.now = now
		for _, x := range part {
			f(x)
		}
		t.mu.Unlock()
	}
}

// tidyLeft looks again at records that were to go once every node has them.
func (t *Table) tidyLeft(now uint32) {
	inParts(t, &t.leaving, now, func(l leaving) {
		if t.tidyOne(l) {
			t.leaving = append(t.leaving, l)
		}
	})
}

// retireLater looks again at own records whose entries were in use when they were
// cleared.
func (t *Table) retireLater(now uint32) {
	inParts(t, &t.inUse, now, func(n uint32) {
		r := t.rec(n)
		if !inUse(r) {
			return // it went
		}
		setInUse(r, false)
		if e, ok := t.holdOf(n, r); ok {
			if t.retire(e, n, r); !t.tidy(e) {
				e.Release()
			}
		}
	})
}

// tidyOne tells whether the record is to be looked at again.
func (t *Table) tidyOne(l leaving) bool {
	r := t.rec(l.n)
	left := func() bool { return kind(r) == kindContribution && gone(r) && r[rSeq] == l.seq }
	if !left() {
		return false
	}
	src := low(r[rMeta])
	if !t.told(src, l.seq) || r[rSeq] > t.sources[src].have {
		return true
	}
	e, ok := t.holdOf(l.n, r)
	if !ok || t.tidy(e) {
		return false
	}
	e.Release()
	return left()
}

// blank tells that an entry without an own record has nothing of its own.
func (t *Table) blank(e stick.Entry) bool {
	for i := range t.fields {
		f := &t.fields[i]
		switch f.share {
		case stick.ShareSum, stick.ShareNow:
			if e.Own(f.data, f.i) != 0 {
				return false
			}
		case stick.ShareLast:
			if v, is := e.Written(f.data, f.i); is || v != 0 {
				return false
			}
		}
	}
	return true
}

// untouched tells that an entry has what its own record says.
func (t *Table) untouched(e stick.Entry, r []uint64) bool {
	for i := range t.fields {
		f := &t.fields[i]
		switch f.share {
		case stick.ShareSum:
			d := e.Own(f.data, f.i) - (r[f.at] - r[f.at+1])
			if f.data.Form() != stick.Wide {
				d = uint64(uint32(d))
			}
			if d != 0 {
				return false
			}
		case stick.ShareLast:
			if _, is := e.Written(f.data, f.i); is {
				return false
			}
		}
	}
	return true
}

// settle drops the items of a baseline whose contributions say the same themselves.
func (t *Table) settle(e stick.Entry, base []uint64) {
	var before uint32
	for i := low(base[rItems]); i != 0; {
		item := t.rec(i)
		next := high(item[rEntry])
		if !t.known(e, item) {
			before, i = i, next
			continue
		}
		if before == 0 {
			setLow(&base[rItems], next)
		} else {
			setHigh(&t.rec(before)[rEntry], next)
		}
		t.give(i)
		i = next
	}
}

// known tells that the process of a contribution that an item names knows of it, or
// the one that took the contribution over.
func (t *Table) known(e stick.Entry, item []uint64) bool {
	by := t.takenOver(e, low(item[rMeta]), item[rBirth])
	if by == 0 {
		n := t.find(e, low(item[rMeta]), item[rBirth], kindContribution)
		return n != 0 && t.said(t.rec(n), item)
	}
	over := t.rec(by)
	for i := range t.fields {
		f := &t.fields[i]
		if (f.share == stick.ShareSum || f.share == stick.ShareLast) && min(item[f.at+1], over[f.at+1]) > over[f.at] {
			return false
		}
	}
	return true
}

// said tells that a contribution's process knows of an item.
func (t *Table) said(r, item []uint64) bool {
	if r[rSeq] <= item[rSeq] {
		return false
	}
	for i := range t.fields {
		if f := &t.fields[i]; (f.share == stick.ShareSum || f.share == stick.ShareLast) && r[f.at+1] < item[f.at+1] {
			return false
		}
	}
	return true
}

// forgetItems drops the items of baselines that name a contribution which is over.
func (t *Table) forgetItems(e stick.Entry, src uint32, birth uint64) {
	for n := e.Chain(); n != 0; {
		r := t.rec(n)
		if kind(r) == kindBaseline {
			var before uint32
			for i := low(r[rItems]); i != 0; {
				item := t.rec(i)
				next := high(item[rEntry])
				if low(item[rMeta]) == src && item[rBirth] == birth {
					if before == 0 {
						setLow(&r[rItems], next)
					} else {
						setHigh(&t.rec(before)[rEntry], next)
					}
					t.give(i)
				} else {
					before = i
				}
				i = next
			}
		}
		n = high(r[rEntry])
	}
}

// Hidden tells that an entry was cleared and stays only until all who contributed to
// it know.
func (t *Table) Hidden(e stick.Entry, now uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	own := t.own(e)
	if e.Chain() == 0 || own == 0 && !t.blank(e) || own != 0 && (!gone(t.rec(own)) || !t.untouched(e, t.rec(own))) {
		return false
	}
	some := false
	for n := e.Chain(); n != 0; n = high(t.rec(n)[rEntry]) {
		r := t.rec(n)
		if n == own || kind(r) == kindBaseline {
			some = true
			continue
		}
		if !t.void(e, r, true) {
			return false
		}
		some = some || gone(r)
	}
	return some
}
