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
}

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
	l := &t.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := atomic.LoadUint32(w); last != 0 {
		if int32(last-l.taken.Load()) > 0 {
			return
		}
		l.stale++
	}
	if l.seq++; l.seq == 0 {
		l.seq = 1
	}
	atomic.StoreUint32(w, l.seq)
	l.records = append(l.records, record{l.seq, e.id})
	if l.stale > len(l.records)/2 && l.stale > 1024 {
		l.compact(t)
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
// change first, at most n; it returns the cursor behind them. No lock is held in f.
func (t *Table) Changes(cursor uint32, n int, f func(e Entry)) uint32 {
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
	if int32(cursor-l.taken.Load()) > 0 {
		l.taken.Store(cursor)
	}
	l.mu.Unlock()
	for _, r := range some {
		if e, ok := t.holdRecord(r); ok {
			f(e)
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
	if atomic.LoadUint32(t.mem.word(r.id, wSeq)) == 0 || t.shard(atomic.LoadUint32(t.mem.word(r.id, wHash))) != s {
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
