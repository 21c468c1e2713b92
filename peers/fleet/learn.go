package fleet

import "gohap/stick"

// change is what a process tells of an entry: its contribution to it, or a baseline.
// Values are those of a record, and so are the items'.
type change struct {
	kind   uint32
	gone   bool
	src    uint32 // in the table that learns it
	birth  uint64
	seq    uint64
	left   uint32 // until the entry expires, ms
	key    []byte
	values []uint64 // by word of a record, from rValues on
	items  []itemChange
}

// itemChange is an item of a change.
type itemChange struct {
	src    uint32
	birth  uint64
	seq    uint64
	values []uint64
}

// learn takes a change that another process told, or a third one of it; false: there
// is no room for the key.
func (t *Table) learn(c *change, now uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	t.sweep()
	if c.src == self {
		return true
	}
	for i := range t.fields {
		if f := &t.fields[i]; f.share == stick.ShareLast && c.kind == kindContribution {
			t.lamport = max(t.lamport, c.values[f.at-rValues])
		}
	}
	have := t.sources[c.src].have
	e, ok := t.Stick.Get(c.key, now)
	made := !ok
	if made {
		switch {
		case c.seq <= have || c.gone && t.told(c.src, c.seq):
			return true // it was here and went, or need not come
		case t.Stick.Full():
			t.refused++
			return false
		}
		if e, _, ok = t.Stick.Create(c.key, now); !ok {
			t.refused++
			return false
		}
	}
	n := t.find(e, c.src, c.birth, c.kind)
	switch {
	case n == 0 && c.seq <= have, n != 0 && c.seq <= t.rec(n)[rSeq]:
		e.Release()
		return true
	case n == 0:
		n, _ = t.add(e, c.src, c.birth, c.kind)
	default:
		t.unlink(n, t.rec(n))
		t.link(n, t.rec(n))
	}
	t.store(e, n, c, made, now)
	if t.tidy(e) {
		return true
	}
	t.sum(e, now)
	e.Release()
	return true
}

// store stores a change in a record; made tells that its entry is new.
func (t *Table) store(e stick.Entry, n uint32, c *change, made bool, now uint32) {
	r := t.rec(n)
	r[rSeq] = c.seq
	copy(r[rValues:], c.values)
	if setGone(r, c.gone); c.gone {
		t.leaving = append(t.leaving, leaving{n, c.seq})
	}
	if t.Stick.Expire != 0 && (made || c.kind == kindContribution && c.left > e.Left(now)) {
		e.TouchLearned(now, c.left)
	}
	t.dropItems(r)
	for i := range c.items {
		it := &c.items[i]
		m := t.item(it.src, it.birth, it.seq)
		item := t.rec(m)
		copy(item[rValues:], it.values)
		setHigh(&item[rEntry], low(r[rItems]))
		setLow(&r[rItems], m)
		switch {
		case c.kind != kindBaseline:
		case it.src == self:
			t.obey(e, item)
		default:
			t.obeyFolded(e, it.src, it.birth, item)
			t.still(e, item)
		}
	}
	if c.kind == kindContribution {
		t.obeyFolded(e, c.src, c.birth, r)
	}
}

// obeyFolded clears what somebody cleared of a contribution after this process took it
// over; by says how much of it in all. The item that names it remembers how much is
// done.
func (t *Table) obeyFolded(e stick.Entry, src uint32, birth uint64, by []uint64) {
	n := t.own(e)
	if n == 0 {
		return
	}
	r := t.rec(n)
	i := t.itemOf(r, src, birth)
	if i == 0 {
		return
	}
	item := t.rec(i)
	changed := t.snapshot(e, r)
	for k := range t.fields {
		f := &t.fields[k]
		switch upTo := min(by[f.at+1], item[f.at+1]); {
		case f.share == stick.ShareSum && upTo > item[f.at]:
			changed = t.clearOwn(e, r, f, r[f.at+1]+upTo-item[f.at]) || changed
			item[f.at] = upTo
		case f.share == stick.ShareLast && upTo > item[f.at]:
			changed = t.clearOwn(e, r, f, upTo) || changed
			item[f.at] = upTo
		}
	}
	if changed {
		setGone(r, false)
		t.publish(n, r)
		t.retire(e, n, r)
	}
}

// obey clears of the own contribution what another process cleared.
func (t *Table) obey(e stick.Entry, item []uint64) {
	n := t.find(e, self, item[rBirth], kindContribution)
	if n == 0 {
		return
	}
	r := t.rec(n)
	t.snapshot(e, r)
	for i := range t.fields {
		if f := &t.fields[i]; f.share != stick.ShareNow {
			t.clearOwn(e, r, f, item[f.at+1])
		}
	}
	t.publish(n, r)
	t.retire(e, n, r)
}

// still ends the rates of a contribution that a baseline names, until its process
// says the same.
func (t *Table) still(e stick.Entry, item []uint64) {
	n := t.find(e, low(item[rMeta]), item[rBirth], kindContribution)
	if n == 0 {
		return
	}
	r := t.rec(n)
	for i := range t.fields {
		if f := &t.fields[i]; f.share == stick.ShareRate && item[f.at+1] != 0 && r[rSeq] <= item[rSeq] {
			r[f.at], r[f.at+1] = 0, 0
		}
	}
}

// complete notes that all changes of a source up to a number are here; partial that
// who told them lacks some.
func (t *Table) complete(src uint32, seq uint64, partial bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if src != self {
		s := &t.sources[src]
		s.have = max(s.have, seq)
	}
	t.partial = t.partial || partial
}

// deadAfter is after how long without a sign of life a process counts as dead, ms.
const deadAfter = 10000

// forgetAfter is how long a process is remembered that is over and of which nothing
// is left, ms.
const forgetAfter = 600000

// alive notes how many signs of life of a source another process knows of; dead: that
// one counts it as dead. Signs are counted, not dated: a time that goes round between
// nodes would grow younger with every way.
func (t *Table) alive(src uint32, beat uint64, ended, dead bool) {
	s := &t.sources[src]
	if src == self {
		return
	}
	s.ended = s.ended || ended
	if beat > s.beat {
		s.beat, s.heard = beat, t.now
		if dead {
			s.heard -= deadAfter
		}
	}
}

// Tick does what time brings: processes count as dead, or live again, what an earlier
// life of this node counted is taken over, and what every node knows goes. Loops that
// reset a counter meanwhile wait for atOnce records.
func (t *Table) Tick(now uint32) {
	t.mu.Lock()
	t.now = now
	t.sweep()
	t.sources[self].beat++
	n := uint32(len(t.sources))
	t.mu.Unlock()
	for src := uint32(self + 1); src < n; src++ {
		t.tickSource(src, now)
	}
	t.retireLater(now)
	t.tidyLeft(now)
}

func (t *Table) tickSource(src, now uint32) {
	t.mu.Lock()
	s := &t.sources[src]
	if s.forgotten {
		t.mu.Unlock()
		return
	}
	age := int32(now - s.heard)
	dead := s.ended || s.direct == 0 && (age >= deadAfter || s.masked && age < -deadAfter) // after 25 days
	turned := dead != s.masked
	s.masked = dead
	if dead && s.count == 0 && int32(now-s.emptied) >= forgetAfter {
		s.forgotten = true
	}
	visited := s.visited
	visit := t.prune
	if !t.ending && s.id.Node == t.sources[self].id.Node {
		visit = t.fold
	}
	t.mu.Unlock()
	if turned && t.Stick.Elements(stick.ConnCur) != 0 {
		all := feed{src: src}
		for t.visit(&all, now, t.again) {
		}
	}
	if !dead {
		return
	}
	visited.src = src
	more := true
	for k := 0; k < visitsAtOnce && more; k++ {
		more = t.visit(&visited, now, visit)
	}
	if !more { // from the beginning next time
		visited = feed{}
	}
	t.mu.Lock()
	t.sources[src].visited = visited
	t.mu.Unlock()
}

// visitsAtOnce is how many times atOnce records of a dead process are looked at in one
// turn.
const visitsAtOnce = 64

// visit calls f for the next entries that a source contributes to; f ends the hold.
// more tells that there are others.
func (t *Table) visit(fd *feed, now uint32, f func(e stick.Entry, r []uint64)) (more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	for range atOnce {
		n := t.next(fd)
		if n == 0 {
			return false
		}
		r := t.rec(n)
		before, at := *fd, r[rAt]
		fd.at, fd.hint = at, n
		if kind(r) == kindContribution {
			if e, ok := t.holdOf(n, r); ok {
				f(e, r)
			}
		}
		if kind(r) == 0 || r[rAt] != at { // it went: the one before leads on
			*fd = before
		}
	}
	return true
}

// again sums up anew what depends on whether a process lives.
func (t *Table) again(e stick.Entry, _ []uint64) {
	t.sum(e, t.now)
	e.Release()
}

// prune drops what need not be kept of a dead process.
func (t *Table) prune(e stick.Entry, r []uint64) {
	if !t.superfluous(e, r) || !t.tidy(e) {
		e.Release()
	}
}

// fold takes over what an earlier life of this node counted: it is added to the own
// contribution, which names it, so that others drop it in the same step. Rates stay
// until they are over.
func (t *Table) fold(e stick.Entry, r []uint64) {
	if t.foldOne(e, r); !t.tidy(e) {
		e.Release()
	}
}

// inherited bounds the earlier lives that a contribution names.
const inherited = 4

func (t *Table) foldOne(e stick.Entry, r []uint64) {
	own, o := t.needOwn(e)
	news := t.snapshot(e, o)
	i := t.itemOf(o, low(r[rMeta]), r[rBirth])
	if i == 0 {
		i = t.item(low(r[rMeta]), r[rBirth], r[rSeq])
		for k := range t.fields {
			if f := &t.fields[k]; f.share == stick.ShareSum || f.share == stick.ShareLast {
				t.rec(i)[f.at] = t.clearedOf(e, r, f)
			}
		}
		setHigh(&t.rec(i)[rEntry], low(o[rItems]))
		setLow(&o[rItems], i)
		t.inherit(o, r)
		news = true
	}
	item := t.rec(i)
	add := t.scratch[:len(t.fields)]
	clear(add)
	for k := range t.fields {
		f := &t.fields[k]
		if f.share != stick.ShareSum && f.share != stick.ShareLast {
			continue
		}
		v, c := r[f.at], t.clearedOf(e, r, f)
		if v > c {
			news = true
			if f.share == stick.ShareSum {
				add[k] = v - c
			} else if v > o[f.at] {
				o[f.at], o[f.at+2] = v, r[f.at+2]
			}
		}
		item[f.at+1] = max(v, c)
	}
	if !news {
		return
	}
	t.sum(e, t.now) // without it first: nobody reads it twice
	for k := range t.fields {
		if f := &t.fields[k]; add[k] != 0 {
			o[f.at] += add[k]
			e.AddOwn(f.data, f.i, add[k])
		}
	}
	setGone(o, false)
	if t.retire(e, own, o); !gone(o) {
		t.publish(own, o)
	}
}

// inherit moves the names of still earlier lives to the contribution that takes
// another one over.
func (t *Table) inherit(o, r []uint64) {
	n := 1
	for i := low(r[rItems]); i != 0 && n < inherited; n++ {
		item := t.rec(i)
		if low(item[rMeta]) != self && t.itemOf(o, low(item[rMeta]), item[rBirth]) == 0 {
			c := t.item(low(item[rMeta]), item[rBirth], item[rSeq])
			copy(t.rec(c)[rValues:], item[rValues:])
			setHigh(&t.rec(c)[rEntry], low(o[rItems]))
			setLow(&o[rItems], c)
		}
		i = high(item[rEntry])
	}
}
