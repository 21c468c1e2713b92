package stick

import (
	"sync"
	"sync/atomic"
)

// This file is the seam to package peers/fleet. In a fleet table an entry's own words
// have what this process counted; beside them stands what the others counted, made by
// the fleet whenever it learns something, so that reading a counter is one addition.
// A word of the entry leads the fleet to what it knows of it.

// Fleet is who keeps the others' shares of a fleet table.
type Fleet interface {
	// Reset makes a counter zero for the whole fleet, as far as it is known here, and
	// returns what it was. A loop calls it.
	Reset(e Entry, d Data, i int) uint64
	// Renew makes the others' share of a rate anew for a time, if that can be done
	// without waiting. A loop calls it.
	Renew(e Entry, d Data, i int, now uint32)
}

// Join sets who keeps the others' shares, before any loop has the table.
func (t *Table) Join(f Fleet) { t.fleet = f }

// Joined returns what Join set, nil without.
func (t *Table) Joined() Fleet { return t.fleet }

// The words of the others' share of a rate: a line that falls until one of the
// contributors' periods ends. The first two are one number of 64 bits, in
// events × period at a time.
const (
	lineEvents  = iota
	_           // its other half
	lineFall    // events × period it falls by each ms
	lineAt      // that time, ms
	lineEnd     // until when the line is right, ms
	lineVersion // odd while it is written
	lineWords
)

// addFleet places the words of a fleet table behind the others.
func (l *layout) addFleet(c *Config, at int) int {
	l.chain = at
	at++
	for _, s := range c.Store {
		d, n := s.Data, int(l.n[s.Data])
		switch d.Sharing() {
		case ShareSum, ShareNow:
			words := 1
			if d.Form() == Wide {
				words = 2
				at += at & 1
			}
			l.others[d] = int16(at)
			at += n * words
		case ShareRate:
			at += at & 1
			l.others[d] = int16(at)
			at += n * lineWords
		case ShareLast:
			l.learned[d] = int16(at)
			at += n
		}
	}
	return at
}

// Sharing is how the nodes' values of a datum become the fleet's.
type Sharing uint8

// The ways of sharing.
const (
	ShareNot  Sharing = iota // each node has its own
	ShareSum                 // counters add up
	ShareRate                // so do rates, each on its own clock
	ShareNow                 // and what is counted at present, of nodes that live
	ShareLast                // the last writer's value
)

// Sharing returns how d is shared by a fleet. Server numbers are not: they are
// positions in a configuration.
func (d Data) Sharing() Sharing {
	switch {
	case d == ServerID:
		return ShareNot
	case d == ConnCur:
		return ShareNow
	case d == GPT0 || d == GPT || d == ServerKey:
		return ShareLast
	case d.Form() == Rate:
		return ShareRate
	}
	return ShareSum
}

// othersOf returns the others' share of a number of 32 bits.
func (e Entry) othersOf(d Data, i int) uint32 {
	w := e.t.others[d]
	if w == 0 {
		return 0
	}
	return atomic.LoadUint32(e.t.mem.word(e.id, int(w)+i))
}

// othersWide is othersOf for 64 bits.
func (e Entry) othersWide(d Data) uint64 {
	w := e.t.others[d]
	if w == 0 {
		return 0
	}
	return atomic.LoadUint64(e.t.mem.wide(e.id, int(w)))
}

// Own returns what this process counted or stored.
func (e Entry) Own(d Data, i int) uint64 {
	if d.Form() == Wide {
		return atomic.LoadUint64(e.t.mem.wide(e.id, int(e.t.at[d])))
	}
	return uint64(atomic.LoadUint32(e.t.mem.word(e.id, int(e.t.at[d])+i)))
}

// AddOwn adds to it, modulo its size, so that it may take away as well.
func (e Entry) AddOwn(d Data, i int, by uint64) {
	if d.Form() == Wide {
		atomic.AddUint64(e.t.mem.wide(e.id, int(e.t.at[d])), by)
		return
	}
	atomic.AddUint32(e.t.mem.word(e.id, int(e.t.at[d])+i), uint32(by))
}

// SetOthers stores the others' share of a counter. Fleet only, one goroutine at a time.
func (e Entry) SetOthers(d Data, i int, n uint64) {
	if d.Form() == Wide {
		atomic.StoreUint64(e.t.mem.wide(e.id, int(e.t.others[d])), n)
		return
	}
	atomic.StoreUint32(e.t.mem.word(e.id, int(e.t.others[d])+i), uint32(n))
}

// Written tells that somebody stored a value with a last writer since the fleet
// did, and returns it.
func (e Entry) Written(d Data, i int) (v uint32, written bool) {
	v = atomic.LoadUint32(e.t.mem.word(e.id, int(e.t.at[d])+i))
	return v, v != atomic.LoadUint32(e.t.mem.word(e.id, int(e.t.learned[d])+i))
}

// Noted tells that the fleet knows of a value that was Written.
func (e Entry) Noted(d Data, i int, v uint32) {
	atomic.StoreUint32(e.t.mem.word(e.id, int(e.t.learned[d])+i), v)
}

// StoreLast stores the fleet's value unless somebody else stored another one since.
func (e Entry) StoreLast(d Data, i int, v uint32) {
	last := e.t.mem.word(e.id, int(e.t.learned[d])+i)
	if atomic.CompareAndSwapUint32(e.t.mem.word(e.id, int(e.t.at[d])+i), atomic.LoadUint32(last), v) {
		atomic.StoreUint32(last, v)
		if d == ServerKey {
			e.Set(ServerID, 0, 0) // it was the former server's
		}
	}
}

// RateWords returns an own rate as it is stored: when its period began, how many
// events in it and in the one before.
func (e Entry) RateWords(d Data, i int) (began, cur, prev uint32) {
	at, c, p := e.rate(d, i)
	for {
		began = atomic.LoadUint32(at)
		cur, prev = atomic.LoadUint32(c), atomic.LoadUint32(p)
		if began&turning == 0 && atomic.LoadUint32(at) == began {
			return began, cur, prev
		}
	}
}

// SetOthersRate stores the others' share of a rate as a line: events × period at a
// time, how much it falls by each ms, and until when. Fleet only, one goroutine at a
// time.
func (e Entry) SetOthersRate(d Data, i int, events uint64, fall, at, end uint32) {
	w := int(e.t.others[d]) + i*lineWords
	version := e.t.mem.word(e.id, w+lineVersion)
	atomic.AddUint32(version, 1)
	atomic.StoreUint64(e.t.mem.wide(e.id, w+lineEvents), events)
	atomic.StoreUint32(e.t.mem.word(e.id, w+lineFall), fall)
	atomic.StoreUint32(e.t.mem.word(e.id, w+lineAt), at)
	atomic.StoreUint32(e.t.mem.word(e.id, w+lineEnd), end)
	atomic.AddUint32(version, 1)
}

// othersRate returns the others' share of a rate. Behind the line's end the fleet is
// asked for another one; where it is busy, the line's end counts.
func (e Entry) othersRate(d Data, i int, now uint32) uint32 {
	n, end, any := e.line(d, i, now)
	if any && int32(now-end) >= 0 && e.t.fleet != nil {
		e.t.fleet.Renew(e, d, i, now)
		n, _, _ = e.line(d, i, now)
	}
	return n
}

// line reads the line; any is false where nobody else counts.
func (e Entry) line(d Data, i int, now uint32) (n, end uint32, any bool) {
	w := int(e.t.others[d]) + i*lineWords
	version := e.t.mem.word(e.id, w+lineVersion)
	for {
		v := atomic.LoadUint32(version)
		events := atomic.LoadUint64(e.t.mem.wide(e.id, w+lineEvents))
		fall := uint64(atomic.LoadUint32(e.t.mem.word(e.id, w+lineFall)))
		at := atomic.LoadUint32(e.t.mem.word(e.id, w+lineAt))
		end = atomic.LoadUint32(e.t.mem.word(e.id, w+lineEnd))
		if v&1 != 0 || atomic.LoadUint32(version) != v {
			continue
		}
		if events == 0 {
			return 0, end, false
		}
		if int32(now-end) > 0 {
			now = end
		}
		by := fall * uint64(max(0, int32(now-at)))
		return uint32((events - min(by, events)) / uint64(e.t.period[d])), end, true
	}
}

// Chain returns the fleet's number for what it knows of the entry, 0: nothing.
func (e Entry) Chain() uint32 { return atomic.LoadUint32(e.t.mem.word(e.id, e.t.chain)) }

// SetChain stores it.
func (e Entry) SetChain(n uint32) { atomic.StoreUint32(e.t.mem.word(e.id, e.t.chain), n) }

// dropped are the chains of entries that were removed, until the fleet takes them.
type dropped struct {
	mu     sync.Mutex
	chains []uint32
}

// dropChain notes the chain of an entry that is removed; its shard is locked.
func (t *Table) dropChain(id uint32) {
	if t.chain == 0 {
		return
	}
	if n := atomic.SwapUint32(t.mem.word(id, t.chain), 0); n != 0 {
		t.dropped.mu.Lock()
		t.dropped.chains = append(t.dropped.chains, n)
		t.dropped.mu.Unlock()
	}
}

// Dropped returns the chains of entries that were removed since the last call.
func (t *Table) Dropped() []uint32 {
	t.dropped.mu.Lock()
	defer t.dropped.mu.Unlock()
	some := t.dropped.chains
	t.dropped.chains = nil
	return some
}

// RemoveIf is Remove where, with nobody else holding the entry, ok says yes. The
// shard is locked meanwhile: ok takes no lock but leaves.
func (e Entry) RemoveIf(ok func() bool) bool {
	t := e.t
	s := t.shard(atomic.LoadUint32(t.mem.word(e.id, wHash)))
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := t.mem.word(e.id, wRef)
	if atomic.LoadUint32(ref) != 1 || !ok() || !atomic.CompareAndSwapUint32(ref, 1, 0) {
		return false
	}
	s.remove(t, e.id)
	return true
}

// Text returns a server key by its number, "" without one; Number is the other way
// round, 0 for none and where there are too many.
func (t *Table) Text(id uint32) string { return t.dict.text(id) }

// Number returns the number of a server key.
func (t *Table) Number(text string) uint32 { return t.dict.id(text) }

// Full tells that a new key would find no room, or take another's.
func (t *Table) Full() bool { return t.live.Load() >= int64(t.Size) }
