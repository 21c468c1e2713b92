package fleet

import "gohap/stick"

// This file is the memory of what the processes of the fleet contribute to the
// entries of a table: records of equal size without pointers, in pieces that come as
// they are needed. Number 0 is no record. All of it is guarded by Table.mu.

// The words of a record, 64 bits each. Values follow.
const (
	rEntry = iota // the stick entry's number; above it the next record of its chain
	rList         // the record before in its source's list; above it the one behind
	rMeta         // the source; above it kind and flags
	rSeq
	rBirth
	rAt    // number of its arrival here
	rItems // the first item; above it, of own records, until when the entry is known to live
	rValues
)

// Kinds and flags, in the upper half of rMeta.
const (
	kindContribution = 1 + iota // what a process counted on an entry
	kindBaseline                // what somebody cleared
	kindItem                    // one contribution in a baseline, or one that was folded
	kindMask         = 0xff

	flagGone  = 1 << 8 // everything was cleared and its process does not use the entry
	flagInUse = 1 << 9 // everything was cleared while somebody used the entry: in Table.inUse
)

// field is a datum that contributions have, or an element of one.
type field struct {
	data  stick.Data
	i     int
	share stick.Sharing
	at    int // its first word
}

// The words of fields: of a counter what was counted in all and how much of that was
// cleared, of a rate when its period began with the events in it, and those in the
// one before, of what is counted at present that, of a value with a last writer the
// Lamport number of its writing, up to which number it was cleared, and itself.
var fieldWords = map[stick.Sharing]int{stick.ShareSum: 2, stick.ShareRate: 2, stick.ShareNow: 1, stick.ShareLast: 3}

// fieldsOf returns the fields of a table and the words of a record.
func fieldsOf(t *stick.Table) (fields []field, words int) {
	words = rValues
	for d := range stick.DataKinds {
		n := fieldWords[d.Sharing()]
		if n == 0 {
			continue
		}
		for i := range t.Elements(d) {
			fields = append(fields, field{d, i, d.Sharing(), words})
			words += n
		}
	}
	return fields, words
}

// slab is the records.
type slab struct {
	words  int
	pieces [][]uint64
	free   uint32
	used   int // records in use
}

// perPiece is how many records come at once.
const perPiece = 256

// rec returns a record.
func (s *slab) rec(n uint32) []uint64 {
	n--
	i := int(n%perPiece) * s.words
	return s.pieces[n/perPiece][i : i+s.words : i+s.words]
}

// take returns the number of a record of zeros.
func (s *slab) take() uint32 {
	if s.free == 0 {
		s.pieces = append(s.pieces, make([]uint64, s.words*perPiece))
		first := uint32(len(s.pieces)-1)*perPiece + 1
		for n := first + perPiece - 1; n >= first; n-- {
			s.rec(n)[rEntry] = uint64(s.free)
			s.free = n
		}
	}
	n := s.free
	r := s.rec(n)
	s.free = uint32(r[rEntry])
	clear(r)
	s.used++
	return n
}

// give takes a record back.
func (s *slab) give(n uint32) {
	r := s.rec(n)
	clear(r)
	r[rEntry] = uint64(s.free)
	s.free = n
	s.used--
}

func low(w uint64) uint32  { return uint32(w) }
func high(w uint64) uint32 { return uint32(w >> 32) }

func setLow(w *uint64, v uint32)  { *w = *w&^0xffffffff | uint64(v) }
func setHigh(w *uint64, v uint32) { *w = *w&0xffffffff | uint64(v)<<32 }

// kind of a record.
func kind(r []uint64) uint32 { return high(r[rMeta]) & kindMask }

// gone tells flagGone.
func gone(r []uint64) bool { return high(r[rMeta])&flagGone != 0 }

func setGone(r []uint64, is bool) { setFlag(r, flagGone, is) }

func inUse(r []uint64) bool { return high(r[rMeta])&flagInUse != 0 }

func setInUse(r []uint64, is bool) { setFlag(r, flagInUse, is) }

func setFlag(r []uint64, flag uint32, is bool) {
	m := high(r[rMeta]) &^ flag
	if is {
		m |= flag
	}
	setHigh(&r[rMeta], m)
}

// source is a process that contributes to a table: a node in one of its lives.
type source struct {
	id    SourceID
	name  string // of its node
	have  uint64 // all changes up to this one are here, or were
	first uint32 // the first record of its list, by arrival
	last  uint32
	count int

	beat      uint64 // its signs of life that are known of
	heard     uint32 // when the last one came, ms
	ended     bool   // it said that it is over
	masked    bool   // what it counts at present is left out
	forgotten bool   // it is over and nothing is left of it: others are told no more
	visited   feed   // how far a turn came with what is left of a dead one
	direct    int    // sessions that it has itself with this process
	bytes     uint64 // that came of it
	emptied   uint32 // when its last record went, ms
}

// SourceID tells processes apart: a node, by the hash of its name, and its life.
type SourceID struct{ Node, Epoch uint64 }

// less orders them, so that of two writers at once one is the last.
func (a SourceID) less(b SourceID) bool {
	return a.Node < b.Node || a.Node == b.Node && a.Epoch < b.Epoch
}

// link puts a record at the end of its source's list.
func (t *Table) link(n uint32, r []uint64) {
	s := &t.sources[low(r[rMeta])]
	t.arrivals++
	r[rAt] = t.arrivals
	r[rList] = uint64(s.last)
	if s.last != 0 {
		setHigh(&t.rec(s.last)[rList], n)
	} else {
		s.first = n
	}
	s.last = n
	s.count++
}

// unlink takes it out.
func (t *Table) unlink(n uint32, r []uint64) {
	s := &t.sources[low(r[rMeta])]
	before, behind := low(r[rList]), high(r[rList])
	if before != 0 {
		setHigh(&t.rec(before)[rList], behind)
	} else {
		s.first = behind
	}
	if behind != 0 {
		setLow(&t.rec(behind)[rList], before)
	} else {
		s.last = before
	}
	if s.count--; s.count == 0 {
		s.emptied = t.now
	}
}

// chainIn puts a record into an entry's chain.
func (t *Table) chainIn(e stick.Entry, n uint32, r []uint64) {
	r[rEntry] = uint64(e.Chain())<<32 | uint64(e.ID())
	e.SetChain(n)
}

// chainOut takes it out.
func (t *Table) chainOut(e stick.Entry, n uint32, r []uint64) {
	if e.Chain() == n {
		e.SetChain(high(r[rEntry]))
		return
	}
	for at := e.Chain(); at != 0; {
		a := t.rec(at)
		if high(a[rEntry]) == n {
			setHigh(&a[rEntry], high(r[rEntry]))
			return
		}
		at = high(a[rEntry])
	}
}

// drop removes a record of an entry.
func (t *Table) drop(e stick.Entry, n uint32) {
	r := t.rec(n)
	t.chainOut(e, n, r)
	t.discard(n, r)
}

// discard frees a record that is in no chain any more.
func (t *Table) discard(n uint32, r []uint64) {
	t.unlink(n, r)
	t.dropItems(r)
	t.give(n)
}

func (t *Table) dropItems(r []uint64) {
	for i := low(r[rItems]); i != 0; {
		next := high(t.rec(i)[rEntry])
		t.give(i)
		i = next
	}
	setLow(&r[rItems], 0)
}

// sweep frees the records of entries that the table removed.
func (t *Table) sweep() {
	for _, n := range t.Stick.Dropped() {
		for n != 0 {
			r := t.rec(n)
			next := high(r[rEntry])
			t.discard(n, r)
			n = next
		}
	}
}

// holdOf holds the entry of a record; ok is false when it was removed meanwhile.
func (t *Table) holdOf(n uint32, r []uint64) (e stick.Entry, ok bool) {
	if e, ok = t.Stick.Hold(low(r[rEntry])); !ok {
		return e, false
	}
	for at := e.Chain(); at != 0; at = high(t.rec(at)[rEntry]) {
		if at == n {
			return e, true
		}
	}
	e.Release()
	return e, false
}
