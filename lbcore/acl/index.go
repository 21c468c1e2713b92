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
//	slot: hash | number --> entry, first of its key --> next --> next
//
// One goroutine at a time writes, readers take no lock: a slot, a link and the
// list are single atomic stores. A table that fills is followed by a larger one,
// into which each change moves a few slots; readers see it when it is whole.
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
// seen has a bit for the hashes of all that was put in, and stays in the caches.
type table struct {
	slots []atomic.Uint64
	seen  []atomic.Uint64
}

// seenBits is how many bits there are for each slot.
const seenBits = 4

func newTable(n int) *table {
	n = max(firstSlots, 1<<bits.Len(uint(n)))
	return &table{make([]atomic.Uint64, n), make([]atomic.Uint64, n*seenBits/64)}
}

// may tells whether a hash was put in; it may say so of another one.
func (t *table) may(tag uint32) bool {
	return t.seen[tag>>6&uint32(len(t.seen)-1)].Load()&(1<<(tag&63)) != 0
}

const (
	firstSlots = 64
	moveSlots  = 512 // how many slots a change moves
	stone      = ^uint32(0)
)

var hashSeed = maphash.MakeSeed()

// addrSeed keys the hash of IPv4 networks, which are looked for at every length of
// mask there is.
var addrSeed = maphash.Bytes(hashSeed, []byte("addresses")) | 1

func (h *how) tag(key []byte) uint32 {
	if h.matcher == MatchIP && len(key) == 6 {
		hi, lo := bits.Mul64(uint64(binary.BigEndian.Uint32(key[2:]))<<8|uint64(key[1])^addrSeed, 0x9e3779b97f4a7c15)
		hi, lo = bits.Mul64(hi^lo^addrSeed, 0xd6e8feb86659fd93)
		return uint32(hi ^ lo)
	}
	return uint32(maphash.Bytes(hashSeed, key))
}

// newIndex makes an index with room for n entries.
func newIndex(h how, n int) *index {
	x := &index{how: h, count: map[int32]int{}}
	x.lens.Store(&[]int32{})
	x.listed.Store(&[]listed{})
	x.table.Store(newTable(n * 2))
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
func (x *index) head(s *store, key []byte) (id uint32, slot int) {
	tag := x.how.tag(key)
again:
	t := x.table.Load()
	if !t.may(tag) {
		return 0, 0
	}
	slots := t.slots
	mask := uint32(len(slots) - 1)
	for i := tag & mask; ; i = (i + 1) & mask {
		v := slots[i].Load()
		if v == 0 {
			return 0, 0
		}
		if uint32(v>>32) != tag || uint32(v) == stone {
			continue
		}
		switch id = uint32(v); x.how.same(s, id, key) {
		case yes:
			return id, int(i)
		case gone: // while it was looked at: the slot holds another one now
			if slots[i].Load() != v || x.table.Load() != t {
				goto again
			}
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
	tag := x.how.tag(k.key)
	v := uint64(tag)<<32 | uint64(id)
	t := x.table.Load()
	at, fresh := t.place(v)
	if fresh {
		x.used++
	}
	if x.grown != nil && at < x.moved {
		x.grown.place(v)
	}
	if x.grown == nil && x.used*2 > len(t.slots) {
		x.moved = 0
		x.grown = newTable(x.heads * 3)
	}
}

// place stores a value in the first free slot; fresh tells that it was empty.
func (t *table) place(v uint64) (at int, fresh bool) {
	tag, slots := uint32(v>>32), t.slots
	t.seen[tag>>6&uint32(len(t.seen)-1)].Or(1 << (tag & 63))
	mask := uint32(len(slots) - 1)
	for i := uint32(v>>32) & mask; ; i = (i + 1) & mask {
		old := slots[i].Load()
		if old == 0 || uint32(old) == stone {
			slots[i].Store(v)
			return int(i), old == 0
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
		if v := slots[x.moved].Load(); v != 0 && uint32(v) != stone {
			x.grown.place(v)
		}
	}
	if x.moved == len(slots) {
		x.table.Store(x.grown)
		x.grown, x.used = nil, x.heads
	}
}

// replace puts another value in the slot that holds old.
func (x *index) replace(at int, old, v uint64) {
	x.table.Load().slots[at].Store(v)
	if x.grown == nil || at >= x.moved {
		return
	}
	slots := x.grown.slots
	mask := uint32(len(slots) - 1)
	for i := uint32(old>>32) & mask; ; i = (i + 1) & mask {
		if slots[i].Load() == old {
			slots[i].Store(v)
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
	old := x.table.Load().slots[at].Load()
	if own.next == 0 {
		x.heads--
		x.replace(at, old, old|uint64(stone))
		return
	}
	x.link(own.next).prev = own.prev // the last one, which may be the next itself
	x.replace(at, old, old&^uint64(stone)|uint64(own.next))
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
