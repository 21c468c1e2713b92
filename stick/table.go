package stick

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// Table is a stick table. Make one by New.
type Table struct {
	Config
	layout
	width    uint // of a slot of the wheel: 1<<width ms
	mem      *slab
	shards   []shard
	live     atomic.Int64  // entries
	searched atomic.Uint32 // when a full table looked for what has expired
	dict     dict
	log      log
	fleet    Fleet // set by Join, before loops have the table; nil of others
	dropped  dropped

	// What became of entries and keys since the start.
	Expired atomic.Int64 // entries whose time was over
	Evicted atomic.Int64 // entries that made room
	Refused atomic.Int64 // keys that found no room
}

// noExpire is how long an entry of a table without expiry is told from an older
// one, ms.
const noExpire = 1 << 31

// searchEvery is how often a full table that purges nothing looks for what has
// expired before it refuses a key, ms.
const searchEvery = 10

// shardBits are the bits of a hash that choose the shard; buckets go by the rest.
const shardBits = 11

// perShard is how many entries a shard is meant for: a lock is held for the time
// of moving so many at the most.
const perShard = 4096

var seed = maphash.MakeSeed()

// New makes an empty table at a time; the error names it.
func New(c Config, now uint32) (*Table, error) {
	if c.Size < 1 {
		return nil, fmt.Errorf("table %s: a size of %d", c.Name, c.Size)
	}
	if c.Expire >= noExpire {
		return nil, fmt.Errorf("table %s: entries cannot expire after more than 24 days", c.Name)
	}
	l, err := newLayout(&c)
	if err != nil {
		return nil, err
	}
	if c.BytesFactor == 0 {
		c.BytesFactor = 1
	}
	t := &Table{Config: c, layout: l}
	life := c.Expire
	if life == 0 {
		life = noExpire - 1
	}
	t.width = uint(max(0, bits.Len32(life)-7)) // at most 128 slots
	n := 1 << bits.Len(uint(c.Size/perShard))
	n = min(n, 1<<shardBits)
	t.shards = make([]shard, n)
	shift := uint(min(8, max(2, bits.Len(uint(c.Size/n/8)))))
	t.mem = newSlab(l.stride, c.Size+c.Size/4+n<<shift, shift) // shards fill unevenly
	for i := range t.shards {
		t.shards[i].swept = now >> t.width
		t.shards[i].buckets = make([]uint32, firstBuckets)
	}
	return t, nil
}

// Len returns how many entries there are, those included that have expired within
// the last hundredth of the table's expiry.
func (t *Table) Len() int { return int(t.live.Load()) }

// hash of a key.
func (t *Table) hash(key []byte) uint32 { return uint32(maphash.Bytes(seed, key)) }

func (t *Table) shard(hash uint32) *shard { return &t.shards[hash&uint32(len(t.shards)-1)] }

// Get finds the entry of a key and holds it until Entry.Release; ok is false
// without one. key is as Key makes it.
func (t *Table) Get(key []byte, now uint32) (e Entry, ok bool) {
	h := t.hash(key)
	s := t.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.find(t, h, key)
	if id == 0 || t.dead(s, id, now) {
		return Entry{}, false
	}
	atomic.AddUint32(t.mem.word(id, wRef), 1)
	return Entry{t, id}, true
}

// dead removes an entry whose time is over.
func (t *Table) dead(s *shard, id, now uint32) bool {
	if t.Expire == 0 || atomic.LoadUint32(t.mem.word(id, wRef)) != 0 || !over(atomic.LoadUint32(t.mem.word(id, wExpire)), now) {
		return false
	}
	s.remove(t, id)
	t.Expired.Add(1)
	return true
}

// Create finds the entry of a key or makes one, and holds it until Entry.Release.
// made tells that it is new. ok is false where a full table has no room: with
// Config.NoPurge, or when all its entries are held.
func (t *Table) Create(key []byte, now uint32) (e Entry, made, ok bool) {
	h := t.hash(key)
	s := t.shard(h)
	for range 4 {
		s.mu.Lock()
		id := s.find(t, h, key)
		if id != 0 && !t.dead(s, id, now) {
			atomic.AddUint32(t.mem.word(id, wRef), 1)
			s.mu.Unlock()
			return Entry{t, id}, false, true
		}
		if t.live.Add(1) <= int64(t.Size) {
			if id = s.insert(t, h, key, t.expiry(now)); id != 0 {
				atomic.StoreUint32(t.mem.word(id, wRef), 1)
				s.mu.Unlock()
				return Entry{t, id}, true, true
			}
		}
		t.live.Add(-1)
		s.mu.Unlock()
		if !t.room(h, now) {
			break
		}
	}
	t.Refused.Add(1)
	return Entry{}, false, false
}

// expiry returns when an entry that is touched now is over.
func (t *Table) expiry(now uint32) uint32 {
	if t.Expire == 0 {
		return now
	}
	return now + t.Expire
}

// room makes a full table take one more: what has expired goes, else the oldest
// entry of the key's shard, else that of another one.
func (t *Table) room(hash, now uint32) bool {
	if t.NoPurge {
		if last := t.searched.Load(); now-last < searchEvery || !t.searched.CompareAndSwap(last, now) {
			return false
		}
	}
	n := uint32(len(t.shards))
	for i := range n {
		s := &t.shards[(hash+i)&(n-1)]
		s.mu.Lock()
		before := s.live
		s.sweep(t, now, t.NoPurge)
		ok := s.live < before || !t.NoPurge && s.evict(t, now)
		s.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}

// Tick removes entries that have expired, those of the last hundredth of the
// expiry aside. Something calls it every Interval.
func (t *Table) Tick(now uint32) {
	if t.Expire == 0 {
		return
	}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		s.sweep(t, now, false)
		s.mu.Unlock()
	}
}

// Interval is how often Tick has something to do, ms; 0: never.
func (t *Table) Interval() uint32 {
	if t.Expire == 0 {
		return 0
	}
	return max(100, uint32(1)<<t.width)
}

// Delete removes the entry of a key. held tells that somebody holds it: it stays.
func (t *Table) Delete(key []byte, now uint32) (found, held bool) {
	h := t.hash(key)
	s := t.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.find(t, h, key)
	if id == 0 || t.dead(s, id, now) {
		return false, false
	}
	if atomic.LoadUint32(t.mem.word(id, wRef)) != 0 {
		return true, true
	}
	s.remove(t, id)
	return true, false
}

// Parts is how many Part knows.
func (t *Table) Parts() int { return len(t.shards) }

// Part appends the numbers of the entries of a part of the table, from 0 on, for a
// walk that pauses: they are not held; see Hold.
func (t *Table) Part(i int, now uint32, ids []uint32) []uint32 {
	s := &t.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(t, now, true)
	for _, id := range s.buckets {
		for ; id != 0; id = *t.mem.word(id, wChain) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Hold holds an entry by a number that Part gave; ok is false when it was removed.
// Its key may be another one by now.
func (t *Table) Hold(id uint32) (e Entry, ok bool) {
	s := t.shard(atomic.LoadUint32(t.mem.word(id, wHash))) // ids stay in their shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if *t.mem.word(id, wPrev) == gone {
		return Entry{}, false
	}
	atomic.AddUint32(t.mem.word(id, wRef), 1)
	return Entry{t, id}, true
}
