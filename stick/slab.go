package stick

import (
	"sync/atomic"
	"unsafe"
)

// slab is the memory of a table's entries: pieces of equal entries that come as
// they are needed and stay. An entry's number leads to it without a lock; 0 is no
// entry. Pieces are of words without pointers, which the collector never reads.
type slab struct {
	stride int // words of an entry
	shift  uint
	pieces []atomic.Pointer[uint64]
	used   atomic.Uint32 // pieces that there are
}

// newSlab makes room for n entries in pieces of 1<<shift.
func newSlab(stride, n int, shift uint) *slab {
	return &slab{stride: stride, shift: shift, pieces: make([]atomic.Pointer[uint64], n>>shift+1)}
}

// more adds a piece and returns the numbers of its entries, from first on; ok is
// false when all are there.
func (s *slab) more() (first uint32, ok bool) {
	p := s.used.Add(1) - 1
	if int(p) >= len(s.pieces) {
		s.used.Add(^uint32(0))
		return 0, false
	}
	words := make([]uint64, s.stride/2<<s.shift)
	s.pieces[p].Store(&words[0])
	return p<<s.shift + 1, true
}

// word returns the address of a word of an entry.
func (s *slab) word(id uint32, w int) *uint32 {
	id--
	p := unsafe.Pointer(s.pieces[id>>s.shift].Load())
	n := uintptr(id&(1<<s.shift-1))*uintptr(s.stride) + uintptr(w)
	return (*uint32)(unsafe.Add(p, n*4))
}

// wide returns the address of a 64-bit datum, whose first word is even.
func (s *slab) wide(id uint32, w int) *uint64 { return (*uint64)(unsafe.Pointer(s.word(id, w))) }

// bytes returns n bytes of an entry from a word on.
func (s *slab) bytes(id uint32, w, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(s.word(id, w))), n)
}

// clear zeroes the words of an entry from one on.
func (s *slab) clear(id uint32, from int) {
	for w := from; w < s.stride; w++ {
		atomic.StoreUint32(s.word(id, w), 0)
	}
}
