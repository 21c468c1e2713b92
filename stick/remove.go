package stick

import "sync/atomic"

// Remove ends the hold and removes the entry. False: somebody else holds it too;
// it stays, and so does the hold.
func (e Entry) Remove() bool {
	t := e.t
	s := t.shard(atomic.LoadUint32(t.mem.word(e.id, wHash)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !atomic.CompareAndSwapUint32(t.mem.word(e.id, wRef), 1, 0) {
		return false
	}
	s.remove(t, e.id)
	return true
}

// ByID finds the entry that had a number when Entry.ID told it, or the one that
// has it by now, and holds it until Entry.Release; ok is false without one.
func (t *Table) ByID(id, now uint32) (e Entry, ok bool) {
	if piece := int(id-1) >> t.mem.shift; id == 0 || piece >= len(t.mem.pieces) || t.mem.pieces[piece].Load() == nil {
		return Entry{}, false
	}
	s := t.shard(atomic.LoadUint32(t.mem.word(id, wHash)))
	s.mu.Lock()
	defer s.mu.Unlock()
	hash := atomic.LoadUint32(t.mem.word(id, wHash)) // free entries keep theirs
	if t.shard(hash) != s {
		return Entry{}, false
	}
	for at := *s.bucket(hash); at != id; at = *t.mem.word(at, wChain) {
		if at == 0 {
			return Entry{}, false
		}
	}
	if t.dead(s, id, now) {
		return Entry{}, false
	}
	atomic.AddUint32(t.mem.word(id, wRef), 1)
	return Entry{t, id}, true
}
