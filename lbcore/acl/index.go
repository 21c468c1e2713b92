package acl

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync/atomic"
)

// index finds entries of a store by one way of matching. Patterns that are looked
// for as bytes (a string, a beginning, an end, a part between delimiters, an
// address with its mask, one number) stand in a hash table; the others (parts of
// strings, expressions, ranges, masks with holes) in a list that is walked.
//
//	slot: hash, place of a text with the key, number of the entry, first of its key
//	                                                       \--> next --> next
//
// A slot is all that is between a key and its text: each further step would be a
// line that no cache holds. IPv4 networks stand in the slot themselves.
//
// One goroutine at a time writes, readers take no lock: a link and the list are
// single atomic stores, a slot's key is written once, behind its entry. A table
// that fills is followed by a larger one, into which each change moves a few slots;
// readers see it when it is whole.
type index struct {
	how    how
	lens   atomic.Pointer[[]int32] // the lengths of hashed keys, longest first
	listed atomic.Pointer[[]listed]
	table  atomic.Pointer[table]

	// The writer's.
	links   []*linkBlock
	used    int           // slots that are not empty, stones included
	heads   int           // slots that hold an entry
	grown   *table        // the larger table while slots move
	moved   int           // slots in front of it are in the larger table too
	count   map[int32]int // entries by length
	stale   int           // listed entries that died
	scratch []byte
}

// listed is a pattern that no table can hold, made ready to compare.
type listed struct {
	id   uint32
	what any // intRange, ipNet, *sample.Regex, message.Method; nil for text
}

// link is an entry's place among those of the same key. The first one's prev is
// the last one.
type link struct {
	next, prev uint32
}

type linkBlock [entryPiece]link

// table is the hash table. Most of what is looked for at a length is not there:
// seen has three bits of one word for the hashes of all that was put in, and stays
// in the caches.
type table struct {
	slots []slot
	seen  []atomic.Uint64
	nets  bool // keys with the top bit are IPv4 networks
}

// slot is a place of the table; a key of 0 is an empty one. A key that was written
// stays as long as the table, so that who has read it reads what belongs to it:
//
//	key  hash | piece of the text + 1, or an IPv4 network, see netKey
//	at   place in that piece | number of the entry, 0 once it has gone
//
// The text is that of an entry with the key, alive or not: texts do not change. Where
// its piece has gone the entry tells where its own is.
type slot struct {
	key, at atomic.Uint64
}

// seenBits is how many bits there are for each slot.
const seenBits = 4

func newTable(n int, nets bool) *table {
	n = max(firstSlots, 1<<bits.Len(uint(n)))
	return &table{make([]slot, n), make([]atomic.Uint64, n*seenBits/64), nets}
}

// bitsOf returns the word of seen that a hash has and its bits there.
func (t *table) bitsOf(tag uint32) (word uint32, set uint64) {
	x := uint64(tag) * 0x9e3779b97f4a7c15
	return tag >> 6 & uint32(len(t.seen)-1), 1<<(x>>58) | 1<<(x>>52&63) | 1<<(x>>46&63)
}

// may tells whether a hash was put in; it may say so of another one.
func (t *table) may(tag uint32) bool {
	word, set := t.bitsOf(tag)
	return t.seen[word].Load()&set == set
}

const (
	firstSlots = 64
	moveSlots  = 512 // how many slots a change moves
	numberMask = 1<<32 - 1
)

var hashSeed = maphash.MakeSeed()

// addrSeed keys the hash of IPv4 networks, which are looked for at every length of
// mask there is.
var addrSeed = maphash.Bytes(hashSeed, []byte("addresses")) | 1

// isNet marks the key of a slot that is an IPv4 network.
const isNet = 1 << 63

// netKey is the key of an IPv4 network in a slot.
func netKey(n4 uint32, length int) uint64 { return isNet | uint64(length)<<32 | uint64(n4) }

func netTag(key uint64) uint32 {
	hi, lo := bits.Mul64(key^addrSeed, 0x9e3779b97f4a7c15)
	hi, lo = bits.Mul64(hi^lo^addrSeed, 0xd6e8feb86659fd93)
	return uint32(hi ^ lo)
}

// tag returns the hash of a key, and the key of its slot where that is the whole
// of it.
func (h *how) tag(key []byte) (tag uint32, whole uint64) {
	if h.matcher != MatchIP {
		return uint32(maphash.Bytes(hashSeed, key)), 0
	}
	if len(key) == 6 {
		whole = netKey(binary.BigEndian.Uint32(key[2:]), int(key[1]))
		return netTag(whole), whole
	}
	return uint32(maphash.Bytes(hashSeed, key)) &^ (isNet >> 32), 0
}

// tagOf returns the hash of a slot's key.
func (t *table) tagOf(key uint64) uint32 {
	if t.nets && key&isNet != 0 {
		return netTag(key)
	}
	return uint32(key >> 32)
}

// newIndex makes an index with room for n entries.
func newIndex(h how, n int) *index {
	x := &index{how: h, count: map[int32]int{}}
	x.lens.Store(&[]int32{})
	x.listed.Store(&[]listed{})
	x.table.Store(newTable(n*2, h.matcher == MatchIP))
	return x
}

func (x *index) link(id uint32) *link {
	n := int(id / entryPiece)
	for n >= len(x.links) {
		x.links = append(x.links, nil)
	}
	if x.links[n] == nil {
		x.links[n] = &linkBlock{}
	}
	return &x.links[n][id%entryPiece]
}

// forget drops the links of a piece of entries that have all died.
func (x *index) forget(id uint32) {
	if n := int(id / entryPiece); n < len(x.links) {
		x.links[n] = nil
	}
}

// head returns the first entry with a key and its slot; 0 without one. Any
// goroutine may call it.
func (x *index) head(s *store, key []byte) (id uint32, at int) {
	t := x.table.Load()
	tag, whole := x.how.tag(key)
	switch {
	case whole != 0:
		return t.net(tag, whole)
	case !t.may(tag):
		return 0, 0
	}
	return x.probe(s, t, tag, key)
}

// probe looks into the slots for a key that is no IPv4 network.
func (x *index) probe(s *store, t *table, tag uint32, key []byte) (id uint32, at int) {
again:
	mask := uint32(len(t.slots) - 1)
	for i := tag & mask; ; i = (i + 1) & mask {
		w := &t.slots[i]
		k := w.key.Load()
		if k == 0 {
			return 0, 0
		}
		if uint32(k>>32) != tag {
			continue
		}
		v := w.at.Load()
		if id = uint32(v); id == 0 {
			continue
		}
		switch x.same(s, k, v, key) {
		case yes:
			return id, int(i)
		case gone: // while it was looked at: the slot holds another one now
			if now := x.table.Load(); w.at.Load() != v || now != t {
				t = now
				goto again
			}
		}
	}
}

// same compares the text of a slot with a key.
func (x *index) same(s *store, slotKey, at uint64, key []byte) verdict {
	if b := (*s.texts.Load())[uint32(slotKey)-1]; b != nil {
		if x.how.equal(text(b.text(uint32(at>>32))), key) {
			return yes
		}
		return no
	}
	return x.how.same(s, uint32(at), key)
}

// net returns the first entry with an IPv4 network and its slot; 0 without one. Any
// goroutine may call it.
func (t *table) net(tag uint32, key uint64) (id uint32, at int) {
	if !t.may(tag) {
		return 0, 0
	}
	mask := uint32(len(t.slots) - 1)
	for i := tag & mask; ; i = (i + 1) & mask {
		switch w := &t.slots[i]; w.key.Load() {
		case key: // there is one slot for it
			return uint32(w.at.Load()), int(i)
		case 0:
			return 0, 0
		}
	}
}

// insert puts an entry in the index.
func (x *index) insert(s *store, id uint32, text string) {
	k := x.how.place(x.scratch[:0], text)
	if k.listed {
		list := append(*x.listed.Load(), listed{id, k.what})
		x.listed.Store(&list)
		return
	}
	x.scratch = k.key
	x.counted(k.length, 1)
	x.step()
	if h, _ := x.head(s, k.key); h != 0 {
		first := x.link(h)
		last := first.prev
		x.link(last).next = id
		*x.link(id) = link{0, last}
		first.prev = id
		return
	}
	*x.link(id) = link{0, id}
	x.heads++
	place := s.at(id).key.Load() - 1
	tag, key := x.how.tag(k.key)
	if key == 0 {
		key = uint64(tag)<<32 | (place>>32 + 1)
	}
	v := place<<32 | uint64(id)
	t := x.table.Load()
	at, fresh := t.place(tag, key, v)
	if fresh {
		x.used++
	}
	if x.grown != nil && at < x.moved {
		x.grown.place(tag, key, v)
	}
	if x.grown == nil && x.used*2 > len(t.slots) {
		x.moved = 0
		x.grown = newTable(x.heads*3, t.nets)
	}
}

// place stores an entry in the first empty slot, or in one with its key that an
// entry has left; fresh tells that it was empty.
func (t *table) place(tag uint32, key, v uint64) (at int, fresh bool) {
	word, set := t.bitsOf(tag)
	t.seen[word].Or(set)
	mask := uint32(len(t.slots) - 1)
	for i := tag & mask; ; i = (i + 1) & mask {
		w := &t.slots[i]
		switch k := w.key.Load(); {
		case k == 0:
			w.at.Store(v)
			w.key.Store(key)
			return int(i), true
		case k == key && uint32(w.at.Load()) == 0:
			w.at.Store(v)
			return int(i), false
		}
	}
}

// step moves slots into the larger table, and puts it in place when all are there.
func (x *index) step() {
	if x.grown == nil {
		return
	}
	slots := x.table.Load().slots
	for end := min(x.moved+moveSlots, len(slots)); x.moved < end; x.moved++ {
		w := &slots[x.moved]
		if v := w.at.Load(); uint32(v) != 0 {
			key := w.key.Load()
			x.grown.place(x.grown.tagOf(key), key, v)
		}
	}
	if x.moved == len(slots) {
		x.table.Store(x.grown)
		x.grown, x.used = nil, x.heads
	}
}

// replace puts another entry, or none, in the place of one.
func (x *index) replace(at int, id, by uint32) {
	w := &x.table.Load().slots[at]
	key, v := w.key.Load(), w.at.Load()&^numberMask|uint64(by)
	w.at.Store(v)
	if x.grown == nil || at >= x.moved {
		return
	}
	mask := uint32(len(x.grown.slots) - 1)
	for i := x.grown.tagOf(key) & mask; ; i = (i + 1) & mask {
		if w := &x.grown.slots[i]; uint32(w.at.Load()) == id {
			w.at.Store(v)
			return
		}
	}
}

// remove takes a living entry out of the index.
func (x *index) remove(s *store, id uint32, text string) {
	k := x.how.place(x.scratch[:0], text)
	if k.listed {
		x.unlist(s, id)
		return
	}
	x.scratch = k.key
	x.counted(k.length, -1)
	x.step()
	h, at := x.head(s, k.key)
	if h == 0 {
		return
	}
	own := x.link(id)
	if h != id {
		x.link(own.prev).next = own.next
		if own.next != 0 {
			x.link(own.next).prev = own.prev
		} else {
			x.link(h).prev = own.prev
		}
		return
	}
	if own.next == 0 {
		x.heads--
	} else {
		x.link(own.next).prev = own.prev // the last one, which may be the next itself
	}
	x.replace(at, id, own.next)
}

// unlist makes the list new once half of it has died; the dead are passed over.
func (x *index) unlist(s *store, id uint32) {
	x.stale++
	old := *x.listed.Load()
	if x.stale*2 < len(old) {
		return
	}
	list := make([]listed, 0, len(old))
	for _, l := range old {
		if e := s.at(l.id); l.id != id && e != nil && !e.dead.Load() {
			list = append(list, l)
		}
	}
	x.listed.Store(&list)
	x.stale = 0
}

// counted keeps the list of lengths.
func (x *index) counted(length int32, by int) {
	n := x.count[length] + by
	x.count[length] = n
	if n > 1 || n == 1 && by < 0 {
		return
	}
	old := *x.lens.Load()
	lens := make([]int32, 0, len(old)+1)
	for _, l := range old {
		if l != length {
			lens = append(lens, l)
		}
	}
	if n == 1 {
		lens = append(lens, length)
		slices.SortFunc(lens, func(a, b int32) int { return int(b - a) })
	} else {
		delete(x.count, length)
	}
	x.lens.Store(&lens)
}

// all yields the entries with the key of one, in order; the writer's.
func (x *index) all(s *store, key []byte, yield func(id uint32)) {
	id, _ := x.head(s, key)
	for id != 0 {
		next := x.link(id).next
		yield(id)
		id = next
	}
}

// number makes a key of a number.
func number(dst []byte, n int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(n)) }
