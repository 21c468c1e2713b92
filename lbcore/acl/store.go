package acl

import (
	"encoding/binary"
	"sync/atomic"
)

// The sizes of a store's pieces: entries, bytes of text.
const (
	entryPiece = 256
	textPiece  = 64 << 10
)

// textHead stands in front of each text: its length and its entry's number.
const textHead = 8

// entry is one pattern of a list and its value. The key and the value are places
// in the store's text; zero is no value.
type entry struct {
	key, val atomic.Uint64
	serial   uint64 // of the configuration, never used twice
	dead     atomic.Bool
}

type entryBlock [entryPiece]entry

// textBlock is a piece of text. What was written once is never changed: whoever
// has seen its place may keep the bytes. The counters are the writer's.
type textBlock struct {
	buf        []byte
	used, live int
}

// store holds the entries of a version of a list, in order, in pieces that hold
// no pointers. One goroutine at a time writes; any other one reads at the same
// time, without a lock. Numbers of entries begin at 1 and are not used again.
type store struct {
	blocks atomic.Pointer[[]*entryBlock]
	texts  atomic.Pointer[[]*textBlock]
	last   atomic.Uint32 // the latest entry's number
	live   atomic.Int64
	dead   []uint16 // by block, how many entries died
}

func newStore() *store {
	s := &store{}
	s.blocks.Store(&[]*entryBlock{})
	s.texts.Store(&[]*textBlock{})
	return s
}

// at returns an entry by number, nil when it has been gone for long.
func (s *store) at(id uint32) *entry {
	b := (*s.blocks.Load())[id/entryPiece]
	if b == nil {
		return nil
	}
	return &b[id%entryPiece]
}

// text returns the text at a place; false when it has moved elsewhere.
func (s *store) text(place uint64) ([]byte, bool) {
	b := (*s.texts.Load())[(place-1)>>32]
	if b == nil {
		return nil, false
	}
	return b.text(uint32(place - 1)), true
}

// text returns the text at a place of a piece.
func (b *textBlock) text(at uint32) []byte {
	buf := b.buf[at:]
	end := textHead + uint(binary.LittleEndian.Uint32(buf))
	return buf[textHead:end:end]
}

// key returns the key of a living entry; false when it lives no more.
func (s *store) key(id uint32) ([]byte, bool) {
	for {
		e := s.at(id)
		if e == nil || e.dead.Load() {
			return nil, false
		}
		if t, ok := s.text(e.key.Load()); ok {
			return t, true
		}
	}
}

// value returns the value of a living entry, nil when it has none; false when the
// entry lives no more.
func (s *store) value(id uint32) ([]byte, bool) {
	for {
		e := s.at(id)
		if e == nil || e.dead.Load() {
			return nil, false
		}
		place := e.val.Load()
		if place == 0 {
			return nil, true
		}
		if t, ok := s.text(place); ok {
			return t, true
		}
	}
}

// put writes a text for an entry and returns its place.
func (s *store) put(id uint32, text string) uint64 {
	texts := *s.texts.Load()
	need := textHead + len(text)
	var b *textBlock
	if n := len(texts); n > 0 {
		b = texts[n-1]
	}
	if b == nil || b.used+need > len(b.buf) {
		b = &textBlock{buf: make([]byte, max(textPiece, need))}
		texts = append(texts, b)
		s.texts.Store(&texts)
	}
	at := b.used
	binary.LittleEndian.PutUint32(b.buf[at:], uint32(len(text)))
	binary.LittleEndian.PutUint32(b.buf[at+4:], id)
	copy(b.buf[at+textHead:], text)
	b.used += need
	b.live += need
	return uint64(len(texts)-1)<<32 + uint64(at) + 1
}

// free tells that the text at a place is not needed any more. A piece that is
// nearly empty gives its last texts to another one and goes.
func (s *store) free(place uint64) {
	if place == 0 {
		return
	}
	texts := *s.texts.Load()
	n := (place - 1) >> 32
	b := texts[n]
	if b == nil { // gone with the last of its texts: those of the dead do not count
		return
	}
	b.live -= textHead + int(binary.LittleEndian.Uint32(b.buf[uint32(place-1):]))
	if int(n) == len(texts)-1 || b.live*4 > b.used {
		return
	}
	s.evacuate(n, b)
	texts = *s.texts.Load() // a copy: readers may hold the old one
	texts = append(make([]*textBlock, 0, cap(texts)), texts...)
	texts[n] = nil
	s.texts.Store(&texts)
}

func (s *store) evacuate(n uint64, b *textBlock) {
	for at := 0; at < b.used && b.live > 0; {
		size := int(binary.LittleEndian.Uint32(b.buf[at:]))
		id := binary.LittleEndian.Uint32(b.buf[at+4:])
		place := n<<32 + uint64(at) + 1
		if e := s.at(id); e != nil && !e.dead.Load() {
			text := string(b.buf[at+textHead : at+textHead+size])
			switch place {
			case e.key.Load():
				e.key.Store(s.put(id, text))
				b.live -= textHead + size
			case e.val.Load():
				e.val.Store(s.put(id, text))
				b.live -= textHead + size
			}
		}
		at += textHead + size
	}
}

// add appends an entry and returns its number. It is found by walking at once,
// by an index when it is put there.
func (s *store) add(serial uint64, key, val string, hasVal bool) uint32 {
	id := s.last.Load() + 1
	blocks := *s.blocks.Load()
	if int(id/entryPiece) >= len(blocks) {
		blocks = append(blocks, &entryBlock{})
		s.blocks.Store(&blocks)
		s.dead = append(s.dead, 0)
	}
	e := &blocks[id/entryPiece][id%entryPiece]
	e.serial = serial
	e.key.Store(s.put(id, key))
	if hasVal {
		e.val.Store(s.put(id, val))
	}
	s.live.Add(1)
	s.last.Store(id)
	return id
}

// set gives an entry another value.
func (s *store) set(id uint32, val string) {
	e := s.at(id)
	old := e.val.Load()
	e.val.Store(s.put(id, val))
	s.free(old)
}

// kill ends an entry, which no index holds any more; it reports whether it was
// the last one of its piece.
func (s *store) kill(id uint32) (gone bool) {
	e := s.at(id)
	e.dead.Store(true)
	s.live.Add(-1)
	s.free(e.key.Load())
	s.free(e.val.Load())
	n := id / entryPiece
	s.dead[n]++
	full := uint16(entryPiece)
	if n == 0 {
		full-- // the numbers begin at 1
	}
	if s.dead[n] < full {
		return false
	}
	blocks := *s.blocks.Load()
	blocks = append(make([]*entryBlock, 0, cap(blocks)), blocks...)
	blocks[n] = nil
	s.blocks.Store(&blocks)
	return true
}

// next returns the first living entry behind a number, 0 without one.
func (s *store) next(id uint32) uint32 {
	last := s.last.Load()
	for id++; id <= last; id++ {
		e := s.at(id)
		if e == nil {
			id |= entryPiece - 1
			continue
		}
		if !e.dead.Load() {
			return id
		}
	}
	return 0
}

// bySerial returns the living entry with a serial, 0 without one. Serials rise
// with numbers.
func (s *store) bySerial(serial uint64) uint32 {
	for id := s.next(0); id != 0; id = s.next(id) {
		if e := s.at(id); e != nil && e.serial == serial {
			return id
		}
	}
	return 0
}
