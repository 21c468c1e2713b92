package stick

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// wheelSlots is how many slots of time a wheel has. The time that entries live is
// at most half of them, so that what lies ahead is told from what is over.
const wheelSlots = 256

// shard is a part of a table: the entries whose keys' hashes fall to it. All is
// guarded by mu, but for the words of entries that say otherwise.
type shard struct {
	mu      sync.Mutex
	buckets []uint32 // the first entry of each, a power of two
	live    int
	free    uint32 // the first entry without a key
	swept   uint32 // the number of the slot that the wheel stands at
	wheel   [wheelSlots]struct{ first, last uint32 }
}

const firstBuckets = 16

// gone stands for the previous one on the wheel in an entry without a key.
const gone = ^uint32(0)

// bucket returns where the first entry of a hash stands, and of others that share it.
func (s *shard) bucket(hash uint32) *uint32 {
	return &s.buckets[hash>>shardBits&uint32(len(s.buckets)-1)]
}

// find returns the entry of a key, 0 without one.
func (s *shard) find(t *Table, hash uint32, key []byte) uint32 {
	for id := *s.bucket(hash); id != 0; id = *t.mem.word(id, wChain) {
		if *t.mem.word(id, wHash) == hash && t.sameKey(id, key) {
			return id
		}
	}
	return 0
}

// sameKey compares an entry's key.
func (t *Table) sameKey(id uint32, key []byte) bool { return bytes.Equal(t.keyOf(id), key) }

// keyOf returns an entry's key in place.
func (t *Table) keyOf(id uint32) []byte {
	if t.text {
		return t.mem.bytes(id, t.layout.key+1, int(*t.mem.word(id, t.layout.key)))
	}
	return t.mem.bytes(id, t.layout.key, t.keyLen)
}

// insert makes an entry of a key that is not there; 0 without memory.
func (s *shard) insert(t *Table, hash uint32, key []byte, expire uint32) uint32 {
	if s.free == 0 && !s.grow(t) {
		return 0
	}
	id := s.free
	m := t.mem
	s.free = *m.word(id, wChain)
	m.clear(id, t.layout.key)
	at := t.layout.key
	if t.text {
		*m.word(id, at) = uint32(len(key))
		at++
	}
	copy(m.bytes(id, at, len(key)), key)
	atomic.StoreUint32(m.word(id, wRef), 0)
	atomic.StoreUint32(m.word(id, wExpire), expire)
	atomic.StoreUint32(m.word(id, wSeq), 0)
	atomic.StoreUint32(m.word(id, wHash), hash)
	if s.live >= len(s.buckets) {
		s.rehash(t)
	}
	b := s.bucket(hash)
	*m.word(id, wChain) = *b
	*b = id
	s.live++
	s.sort(t, id, expire)
	return id
}

// grow takes a piece of memory for the shard.
func (s *shard) grow(t *Table) bool {
	first, ok := t.mem.more()
	if !ok {
		return false
	}
	for id := first + 1<<t.mem.shift - 1; id >= first; id-- {
		*t.mem.word(id, wChain) = s.free
		s.free = id
	}
	return true
}

// rehash doubles the buckets: a shard has some thousand entries.
func (s *shard) rehash(t *Table) {
	old := s.buckets
	s.buckets = make([]uint32, 2*len(old))
	for _, id := range old {
		for id != 0 {
			next := t.mem.word(id, wChain)
			b := s.bucket(*t.mem.word(id, wHash))
			id, *next, *b = *next, *b, id
		}
	}
}

// remove takes an entry that nobody holds out.
func (s *shard) remove(t *Table, id uint32) {
	m := t.mem
	at := s.bucket(*m.word(id, wHash))
	for *at != id {
		at = m.word(*at, wChain)
	}
	*at = *m.word(id, wChain)
	s.unsort(t, id)
	t.forget(id)
	t.dropChain(id)
	atomic.StoreUint32(m.word(id, wSeq), 0)
	*m.word(id, wPrev) = gone
	*m.word(id, wChain) = s.free
	s.free = id
	s.live--
	t.live.Add(-1)
}

// slot returns where on the wheel a time is.
func (t *Table) slot(at uint32) uint32 { return at >> t.width & (wheelSlots - 1) }

// sort puts an entry at the end of the slot of a time.
func (s *shard) sort(t *Table, id, at uint32) {
	w := &s.wheel[t.slot(at)]
	*t.mem.word(id, wSorted) = at
	*t.mem.word(id, wPrev), *t.mem.word(id, wNext) = w.last, 0
	if w.last == 0 {
		w.first = id
	} else {
		*t.mem.word(w.last, wNext) = id
	}
	w.last = id
}

// sooner puts an entry that is held where the wheel comes by at a time, if it stands
// further on: what others told of need not have the whole of the table's expiry left.
func (t *Table) sooner(id, at uint32) {
	s := t.shard(atomic.LoadUint32(t.mem.word(id, wHash)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.swept << t.width; int32(at-first) < 0 { // it stands there already
		at = first
	}
	if sorted := *t.mem.word(id, wSorted); int32(at-sorted) < 0 && t.slot(at) != t.slot(sorted) {
		s.unsort(t, id)
		s.sort(t, id, at)
	}
}

// unsort takes it out of its slot.
func (s *shard) unsort(t *Table, id uint32) {
	w := &s.wheel[t.slot(*t.mem.word(id, wSorted))]
	prev, next := *t.mem.word(id, wPrev), *t.mem.word(id, wNext)
	if prev == 0 {
		w.first = next
	} else {
		*t.mem.word(prev, wNext) = next
	}
	if next == 0 {
		w.last = prev
	} else {
		*t.mem.word(next, wPrev) = prev
	}
}

// sweep removes what has expired: the slots that the wheel passed since, and with
// whole what stands in the one it is at.
func (s *shard) sweep(t *Table, now uint32, whole bool) {
	if t.Expire == 0 {
		return
	}
	at := now >> t.width
	n := min(at-s.swept, wheelSlots)
	if int32((at-s.swept)<<t.width) < 0 {
		return // a caller whose clock was read before another one's
	}
	for k := at - n; k != at; k++ {
		s.sweepSlot(t, k&(wheelSlots-1), now)
	}
	s.swept = at
	if whole {
		s.sweepSlot(t, at&(wheelSlots-1), now)
	}
}

func (s *shard) sweepSlot(t *Table, slot, now uint32) {
	for id := s.wheel[slot].first; id != 0; {
		next := *t.mem.word(id, wNext)
		expire := atomic.LoadUint32(t.mem.word(id, wExpire))
		if atomic.LoadUint32(t.mem.word(id, wRef)) != 0 {
			expire = now + t.Expire // who holds it touches it in the end; until then it stays
		} else if over(expire, now) {
			s.remove(t, id)
			t.Expired.Add(1)
			id = next
			continue
		}
		if t.slot(expire) != slot {
			s.unsort(t, id)
			s.sort(t, id, expire)
		}
		id = next
	}
}

// over tells whether a time has come.
func over(expire, now uint32) bool { return int32(now-expire) >= 0 }

// scanned is how many entries of a slot are compared to find the oldest one.
const scanned = 64

// evict removes the entry that expires first among those that nobody holds.
func (s *shard) evict(t *Table, now uint32) bool {
	start := s.swept
	if t.Expire == 0 {
		start = (now - noExpire/2) >> t.width // what was touched last stands at now
	}
	for k := range uint32(wheelSlots) {
		slot := (start + k) & (wheelSlots - 1)
		if id := s.oldest(t, slot); id != 0 {
			s.remove(t, id)
			t.Evicted.Add(1)
			return true
		}
	}
	return false
}

// oldest returns the first entry to expire among the first of a slot's; those that
// were touched since they were sorted are sorted again.
func (s *shard) oldest(t *Table, slot uint32) (best uint32) {
	var first uint32
	last := s.wheel[slot].last
	n := 0
	for id := s.wheel[slot].first; id != 0 && n < scanned; {
		next := *t.mem.word(id, wNext)
		expire := atomic.LoadUint32(t.mem.word(id, wExpire))
		if expire != *t.mem.word(id, wSorted) {
			s.unsort(t, id)
			s.sort(t, id, expire)
		}
		if t.slot(expire) == slot && atomic.LoadUint32(t.mem.word(id, wRef)) == 0 {
			if n++; best == 0 || int32(expire-first) < 0 {
				best, first = id, expire
			}
		}
		if id == last {
			break // behind it stand those that were sorted just now
		}
		id = next
	}
	return best
}
