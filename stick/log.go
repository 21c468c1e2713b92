package stick

import (
	"sort"
	"sync"
	"sync/atomic"
)

// log has the numbers of entries in the order of their last change. A reader has a
// cursor: the number of the last change that it took. An entry that changed since
// is taken once, with what it holds then.
//
// An entry whose last change nobody took yet is not written again: counting on a
// busy entry costs two loads.
type log struct {
	mu      sync.Mutex
	records []record      // by seq
	stale   int           // about how many of them an entry has left
	seq     uint32        // of the last one
	taken   atomic.Uint32 // the last one that any reader took
	armed   atomic.Bool   // tell is due at the next change
	tell    atomic.Pointer[func()]
}

// keepChanges is how far back the log reaches, changes: numbers are told apart
// serially as far as that. An entry that nobody changed since is forgotten.
const keepChanges = 1 << 30

// record is a change. Numbers are compared serially: they wrap.
type record struct{ seq, id uint32 }

// Changed tells peers of the entry; it has what was counted before.
func (e Entry) Changed() {
	t := e.t
	if !t.Peers {
		return
	}
	w := t.mem.word(e.id, wSeq)
	if last := atomic.LoadUint32(w); last != 0 && int32(last-t.log.taken.Load()) > 0 {
		return
	}
	if l := &t.log; l.add(t, e.id, w) && l.armed.Load() && l.armed.CompareAndSwap(true, false) {
		if f := l.tell.Load(); f != nil {
			(*f)()
		}
	}
}

// add writes a change of an entry whose last one was taken.
func (l *log) add(t *Table, id uint32, w *uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := atomic.LoadUint32(w); last != 0 {
		if int32(last-l.taken.Load()) > 0 {
			return false
		}
		l.stale++
	}
	if l.seq++; l.seq == 0 {
		l.seq = 1
	}
	atomic.StoreUint32(w, l.seq)
	l.records = append(l.records, record{l.seq, id})
	if l.seq&(keepChanges>>10-1) == 0 {
		l.age(t)
	}
	if l.stale > len(l.records)/2 && l.stale > 1024 {
		l.compact(t)
	}
	return true
}

// age drops what lies too far back.
func (l *log) age(t *Table) {
	n := sort.Search(len(l.records), func(i int) bool { return l.seq-l.records[i].seq < keepChanges })
	for _, r := range l.records[:n] {
		if !atomic.CompareAndSwapUint32(t.mem.word(r.id, wSeq), r.seq, 0) {
			l.stale--
		}
	}
	l.records = append(l.records[:0], l.records[n:]...)
	if int32(l.seq-keepChanges-l.taken.Load()) > 0 {
		l.taken.Store(l.seq - keepChanges)
	}
}

// forget counts the record of an entry that is removed.
func (t *Table) forget(id uint32) {
	if t.Peers && atomic.LoadUint32(t.mem.word(id, wSeq)) != 0 {
		t.log.mu.Lock()
		t.log.stale++
		t.log.mu.Unlock()
	}
}

// compact drops records whose entries have a later one or are gone.
func (l *log) compact(t *Table) {
	kept := l.records[:0]
	for _, r := range l.records {
		if atomic.LoadUint32(t.mem.word(r.id, wSeq)) == r.seq {
			kept = append(kept, r)
		}
	}
	l.records, l.stale = kept, 0
}

// Changes calls f for entries that changed after a cursor, held meanwhile, oldest
// change first, at most n; it returns the cursor behind them. f is given the
// change's number too. No lock is held in f. A cursor that is more than Behind
// allows has missed changes: Walk instead.
func (t *Table) Changes(cursor uint32, n int, f func(e Entry, seq uint32)) uint32 {
	l := &t.log
	l.mu.Lock()
	i := sort.Search(len(l.records), func(i int) bool { return int32(l.records[i].seq-cursor) > 0 })
	some := make([]record, 0, min(n, len(l.records)-i))
	for ; i < len(l.records) && len(some) < n; i++ {
		r := l.records[i]
		if cursor = r.seq; atomic.LoadUint32(t.mem.word(r.id, wSeq)) == r.seq {
			some = append(some, r)
		}
	}
	if i == len(l.records) { // the last ones' entries may be gone
		cursor = l.seq
	}
	if int32(cursor-l.taken.Load()) > 0 {
		l.taken.Store(cursor)
	}
	l.mu.Unlock()
	for _, r := range some {
		if e, ok := t.holdRecord(r); ok {
			f(e, r.seq)
			e.Release()
		}
	}
	return cursor
}

// holdRecord holds a record's entry unless it was removed meanwhile.
func (t *Table) holdRecord(r record) (Entry, bool) {
	s := t.shard(atomic.LoadUint32(t.mem.word(r.id, wHash)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if atomic.LoadUint32(t.mem.word(r.id, wSeq)) == 0 {
		return Entry{}, false
	}
	atomic.AddUint32(t.mem.word(r.id, wRef), 1)
	return Entry{t, r.id}, true
}

// Last returns the number of the last change: a cursor that has seen all.
func (t *Table) Last() uint32 {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	return t.log.seq
}

// Take is Last for a reader that is going to read all entries: what changes from
// now on has a later number.
func (t *Table) Take() uint32 {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	t.log.taken.Store(t.log.seq)
	return t.log.seq
}

// Behind tells that a cursor is so old that the log may have dropped changes after
// it. Ask at least every 2^30 changes.
func (t *Table) Behind(cursor uint32) bool { return t.Last()-cursor > keepChanges-keepChanges>>10 }

// Notify sets what is called at the next change after Arm: on the goroutine that
// made it, a loop's too, so f must not wait. There is one at a time.
func (t *Table) Notify(f func()) { t.log.tell.Store(&f) }

// Arm asks for one call of what Notify set, at the next change; more tells that
// there are changes after the cursor already.
func (t *Table) Arm(cursor uint32) (more bool) {
	t.log.armed.Store(true)
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	// What changed before it was armed and is taken by nobody yet has a record.
	return int32(t.log.seq-cursor) > 0
}
