package fleet

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"gohap/stick"
)

// Table is a fleet table: what each process of the fleet contributes to the entries
// of a stick table. Any goroutine may call it; loops call Reset and Renew alone.
type Table struct {
	Stick  *stick.Table
	fields []field
	owner  atomic.Pointer[Section] // who shares it now

	flushing sync.Mutex // one goroutine at a time takes what changed
	cursor   uint32     // in the table's log of changes

	mu sync.Mutex
	slab
	sources  []source // the first is this process
	byID     map[SourceID]uint32
	arrivals uint64
	lamport  uint64
	now      uint32 // of the last call, ms
	peers    []peer // the other nodes that there should be
	leaving  []leaving
	inUse    []uint32 // own records that go once nobody uses their entries
	scratch  []uint64 // a word a field
	ending   bool     // this process ends: it folds nothing in

	refused int64 // keys that found no room
	partial bool  // it learned of a table that is not exact
	late    int64 // contributions that were left out for their size
}

// self is this process's source.
const self = 0

// peer is another node that there should be, and all changes up to which number of
// each source its present process said to have.
type peer struct {
	node uint64
	have []uint64 // by source
}

// leaving is a record that goes once every node has it.
type leaving struct {
	n   uint32
	seq uint64
}

// Peers sets the nodes that there should be besides this one; this one is among them
// when it ends and another process of it takes over.
func (t *Table) Peers(names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]peer, len(names))
	for i, name := range names {
		all[i].node = NodeID(name)
		if p := t.peer(all[i].node); p != nil {
			all[i] = *p
		}
	}
	t.peers = all
}

// told tells that all other nodes have a change of a source, and the process that takes
// over where this one ends. A source's own node has what it says.
func (t *Table) told(src uint32, seq uint64) bool {
	own := t.sources[self].id.Node
	for i := range t.peers {
		p := &t.peers[i]
		if p.node == t.sources[src].id.Node && p.node != own {
			continue
		}
		if int(src) >= len(p.have) || p.have[src] < seq {
			return false
		}
	}
	return true
}

// has notes what a node's present process said to have of a source.
func (t *Table) has(node uint64, src uint32, seq uint64) {
	if p := t.peer(node); p != nil {
		for int(src) >= len(p.have) {
			p.have = append(p.have, 0)
		}
		p.have[src] = seq
	}
}

// lacks notes that a node has another process, or will have: what the former one had
// says nothing of it.
func (t *Table) lacks(node uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.peer(node); p != nil {
		clear(p.have)
	}
}

// peer returns one of those that there should be, nil for another node.
func (t *Table) peer(node uint64) *peer {
	for i := range t.peers {
		if p := &t.peers[i]; p.node == node {
			return p
		}
	}
	return nil
}

// NewTable makes the fleet's side of a stick table that has none: an own life begins.
func NewTable(t *stick.Table, node string, now uint32) *Table {
	return newTable(t, SourceID{NodeID(node), rand.Uint64()}, node, now)
}

func newTable(t *stick.Table, id SourceID, name string, now uint32) *Table {
	f := &Table{Stick: t, byID: map[SourceID]uint32{}, now: now}
	f.fields, f.slab.words = fieldsOf(t)
	f.scratch = make([]uint64, len(f.fields))
	f.source(id, name)
	t.Join(f)
	return f
}

// Of returns the fleet's side of a stick table, nil without one.
func Of(t *stick.Table) *Table {
	f, _ := t.Joined().(*Table)
	return f
}

// NodeID is the identity of a node by its name: FNV-1a, 64 bits.
func NodeID(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// source returns the place of a process, which it makes; it stays.
func (t *Table) source(id SourceID, name string) uint32 {
	if n, ok := t.byID[id]; ok {
		if s := &t.sources[n]; name != "" {
			s.name, s.forgotten = name, false
		}
		return n
	}
	n := uint32(len(t.sources))
	t.sources = append(t.sources, source{id: id, name: name, heard: t.now, emptied: t.now})
	t.byID[id] = n
	return n
}

// find returns the contribution or baseline of a source in an entry's chain.
func (t *Table) find(e stick.Entry, src uint32, birth uint64, what uint32) uint32 {
	for n := e.Chain(); n != 0; {
		r := t.rec(n)
		if low(r[rMeta]) == src && r[rBirth] == birth && kind(r) == what {
			return n
		}
		n = high(r[rEntry])
	}
	return 0
}

// own returns this process's contribution to an entry, 0 without one.
func (t *Table) own(e stick.Entry) uint32 {
	for n := e.Chain(); n != 0; {
		r := t.rec(n)
		if low(r[rMeta]) == self && kind(r) == kindContribution {
			return n
		}
		n = high(r[rEntry])
	}
	return 0
}

// add makes a record of an entry, at the end of its source's list.
func (t *Table) add(e stick.Entry, src uint32, birth uint64, what uint32) (uint32, []uint64) {
	n := t.take()
	r := t.rec(n)
	r[rMeta] = uint64(what)<<32 | uint64(src)
	r[rBirth] = birth
	t.chainIn(e, n, r)
	t.link(n, r)
	return n, r
}

// publish gives an own record the number of a new change.
func (t *Table) publish(n uint32, r []uint64) {
	t.sources[self].have++
	r[rSeq] = t.sources[self].have
	t.unlink(n, r)
	t.link(n, r)
}

// needOwn returns this process's contribution to an entry, which it makes: the caller
// publishes it.
func (t *Table) needOwn(e stick.Entry) (uint32, []uint64) {
	if n := t.own(e); n != 0 {
		return n, t.rec(n)
	}
	return t.add(e, self, t.sources[self].have+1, kindContribution)
}

// Flush takes what this process counted since the last time, at most some entries
// at once; more tells that there is more.
func (t *Table) Flush(now uint32) (more bool) {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	const some = 1024
	n := 0
	note := func(e stick.Entry) {
		t.mu.Lock()
		t.now = now
		t.sweep()
		t.note(e, now)
		t.mu.Unlock()
	}
	if t.Stick.Behind(t.cursor) { // nobody asked for a long time
		t.cursor = t.Stick.Take()
		t.Stick.Walk(now, func(e stick.Entry) bool {
			note(e)
			return true
		})
	}
	t.cursor = t.Stick.Changes(t.cursor, some, func(e stick.Entry, _ uint32) {
		n++
		note(e)
	})
	return n == some
}

// Arm asks the stick table to tell of the next change; more tells that there are
// some already.
func (t *Table) Arm() (more bool) {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	return t.Stick.Arm(t.cursor)
}

// note publishes what this process counted on an entry since, or that it lives on.
func (t *Table) note(e stick.Entry, now uint32) {
	n, r := t.needOwn(e)
	changed := t.snapshot(e, r) || r[rSeq] == 0
	if t.Stick.Expire != 0 && (changed || !gone(r)) {
		until := now + e.Left(now)
		if ahead := int32(until - high(r[rItems])); ahead > int32(t.Stick.Expire/8) || changed {
			setHigh(&r[rItems], until)
			changed = true
		}
	}
	if changed {
		setGone(r, false)
		t.publish(n, r)
	}
}

// snapshot brings an own record up to what the entry has and tells whether anything
// is new.
func (t *Table) snapshot(e stick.Entry, r []uint64) (changed bool) {
	for i := range t.fields {
		f := &t.fields[i]
		v := r[f.at:]
		switch f.share {
		case stick.ShareSum:
			d := e.Own(f.data, f.i) - (v[0] - v[1])
			if f.data.Form() != stick.Wide {
				d = uint64(uint32(d))
			}
			v[0] += d
			changed = changed || d != 0
		case stick.ShareRate:
			began, cur, prev := e.RateWords(f.data, f.i)
			w := uint64(began)<<32 | uint64(cur)
			changed = changed || w != v[0] || uint64(prev) != v[1]
			v[0], v[1] = w, uint64(prev)
		case stick.ShareNow:
			n := e.Own(f.data, f.i)
			changed = changed || n != v[0]
			v[0] = n
		case stick.ShareLast:
			if n, written := e.Written(f.data, f.i); written {
				t.lamport++
				v[0], v[2] = t.lamport, uint64(n)
				e.Noted(f.data, f.i, n)
				changed = true
			}
		}
	}
	return changed
}

// written notes values of an entry that somebody here stored and no flush saw yet,
// before the fleet's are stored.
func (t *Table) written(e stick.Entry) {
	for i := range t.fields {
		if f := &t.fields[i]; f.share == stick.ShareLast {
			if _, is := e.Written(f.data, f.i); is {
				n, r := t.needOwn(e)
				if t.snapshot(e, r) {
					setGone(r, false)
					t.publish(n, r)
				}
				return
			}
		}
	}
}

// clearedOf returns how much of a field of a contribution is cleared: by its own
// process, or by others who named it.
func (t *Table) clearedOf(e stick.Entry, r []uint64, f *field) uint64 {
	c := r[f.at+1]
	for n := e.Chain(); n != 0; {
		o := t.rec(n)
		for i := low(o[rItems]); i != 0; {
			item := t.rec(i)
			if low(item[rMeta]) == low(r[rMeta]) && item[rBirth] == r[rBirth] {
				c = max(c, item[f.at+1])
			}
			i = high(item[rEntry])
		}
		n = high(o[rEntry])
	}
	return c
}

// net returns what a contribution adds to a counter.
func (t *Table) net(e stick.Entry, r []uint64, f *field) uint64 {
	v, c := r[f.at], t.clearedOf(e, r, f)
	return v - min(c, v)
}

// sum makes the others' shares of an entry anew.
func (t *Table) sum(e stick.Entry, now uint32) {
	t.written(e)
	for i := range t.fields {
		f := &t.fields[i]
		switch f.share {
		case stick.ShareRate:
			t.sumRate(e, f, now)
		case stick.ShareLast:
			t.sumLast(e, f)
		default:
			n := uint64(0)
			t.others(e, func(r []uint64) {
				if f.share == stick.ShareSum {
					n += t.net(e, r, f)
				} else if !t.sources[low(r[rMeta])].masked {
					n += r[f.at]
				}
			})
			if f.share == stick.ShareSum {
				n -= t.lost(e, f)
			}
			e.SetOthers(f.data, f.i, n)
		}
	}
}

// lost returns how much of what this process counted another life of its node has taken
// over, which believed it dead: it is among the others' share.
func (t *Table) lost(e stick.Entry, f *field) uint64 {
	if n := t.own(e); n != 0 {
		r := t.rec(n)
		return t.clearedOf(e, r, f) - r[f.at+1]
	}
	return 0
}

// others calls f for the contributions of other processes.
func (t *Table) others(e stick.Entry, f func(r []uint64)) {
	for n := e.Chain(); n != 0; {
		r := t.rec(n)
		if low(r[rMeta]) != self && kind(r) == kindContribution {
			f(r)
		}
		n = high(r[rEntry])
	}
}

// sumRate adds the others' sliding averages up to one line that falls, as each of
// them does until its period ends.
func (t *Table) sumRate(e stick.Entry, f *field, now uint32) {
	period := t.Stick.Period(f.data)
	var events, fall uint64
	end := now + period
	t.others(e, func(r []uint64) {
		cur, prev, age, ok := rateAt(r[f.at], r[f.at+1], now, period)
		if !ok {
			r[f.at], r[f.at+1] = 0, 0 // before the clock comes round
			return
		}
		events += uint64(cur)*uint64(period) + uint64(prev)*uint64(period-age)
		fall += uint64(prev)
		if left := now + period - age; int32(left-end) < 0 {
			end = left
		}
	})
	e.SetOthersRate(f.data, f.i, events, uint32(min(fall, 1<<32-1)), now, end)
}

// rateAt returns a stored rate as it is at a time: the events of the present period
// and of the one before, and how old the present one is; ok is false once all is over.
func rateAt(w0, w1 uint64, now, period uint32) (cur, prev, age uint32, ok bool) {
	cur, prev = low(w0), low(w1)
	if w0 == 0 && w1 == 0 {
		return 0, 0, 0, false
	}
	switch age = uint32(max(0, int32(now-high(w0)))); {
	case age >= 2*period:
		return 0, 0, 0, false
	case age >= period:
		cur, prev, age = 0, cur, age-period
	}
	return cur, prev, age, cur|prev != 0
}

// sumLast stores the last writer's value.
func (t *Table) sumLast(e stick.Entry, f *field) {
	var stamp, value uint64
	var by SourceID
	for n := e.Chain(); n != 0; {
		r := t.rec(n)
		if kind(r) == kindContribution && r[f.at] > t.clearedOf(e, r, f) {
			if id := t.sources[low(r[rMeta])].id; r[f.at] > stamp || r[f.at] == stamp && by.less(id) {
				stamp, value, by = r[f.at], r[f.at+2], id
			}
		}
		n = high(r[rEntry])
	}
	e.StoreLast(f.data, f.i, uint32(value))
}

// Renew implements stick.Fleet.
func (t *Table) Renew(e stick.Entry, d stick.Data, i int, now uint32) {
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	for k := range t.fields {
		if f := &t.fields[k]; f.data == d && f.i == i {
			t.sumRate(e, f, now)
			return
		}
	}
}
