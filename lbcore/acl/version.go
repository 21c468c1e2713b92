package acl

import (
	"sync/atomic"

	"gohap/lbcore/sample"
)

// shortList is how many patterns are walked; more are indexed.
const shortList = 16

// version is the content of a list under one number. Readers go from the list's
// current one to a view to an entry without a lock; a change is made in place.
type version struct {
	*store
	views []*view // by use
	texts *index  // by key as written, once there is an index; the writer's
}

// view is a version as one use looks at it: walked while it is short, else
// indexed.
type view struct {
	short atomic.Pointer[Patterns]
	long  atomic.Pointer[index]
}

func newVersion(uses []*Use) *version {
	v := &version{store: newStore()}
	for _, u := range uses {
		v.attach(u)
	}
	return v
}

// attach makes the view of a further use, which must know all texts.
func (v *version) attach(u *Use) {
	w := &view{}
	v.views = append(v.views, w)
	if v.texts == nil {
		w.short.Store(v.compile(u))
		return
	}
	w.long.Store(v.index(u))
}

// compile makes the short list of a use.
func (v *version) compile(u *Use) *Patterns {
	var texts []string
	var ids []uint32
	for id := v.next(0); id != 0; id = v.next(id) {
		if t, ok := v.key(id); ok {
			texts, ids = append(texts, string(t)), append(ids, id)
		}
	}
	return compile(&u.how, texts, ids)
}

func (v *version) index(u *Use) *index {
	if u.plain() {
		return v.texts
	}
	x := newIndex(u.how, int(v.live.Load()))
	v.fill(x)
	return x
}

func (v *version) fill(x *index) {
	if x.how.matcher == MatchFound || x.how.matcher == MatchBool {
		return
	}
	for id := v.next(0); id != 0; id = v.next(id) {
		if t, ok := v.key(id); ok {
			x.insert(v.store, id, text(t))
		}
	}
}

// lengthen gives every use an index with room for n entries.
func (v *version) lengthen(uses []*Use, n int) {
	v.texts = newIndex(how{matcher: MatchStr}, n)
	v.fill(v.texts)
	for i, u := range uses {
		v.views[i].long.Store(v.index(u))
		v.views[i].short.Store(nil)
	}
}

// indexes yields every index once.
func (v *version) indexes(yield func(*index)) {
	if v.texts == nil {
		return
	}
	yield(v.texts)
	for _, w := range v.views {
		if x := w.long.Load(); x != v.texts && x.how.matcher != MatchFound && x.how.matcher != MatchBool {
			yield(x)
		}
	}
}

// recompile makes the short lists anew.
func (v *version) recompile(uses []*Use) {
	for i, u := range uses {
		v.views[i].short.Store(v.compile(u))
	}
}

// append adds an entry that every use has checked. With hold the short lists are
// left to a later recompile.
func (v *version) append(uses []*Use, serial uint64, key, val string, hasVal, hold bool) {
	id := v.add(serial, key, val, hasVal)
	switch {
	case v.texts != nil:
		v.indexes(func(x *index) { x.insert(v.store, id, key) })
	case v.live.Load() > shortList:
		v.lengthen(uses, 4*shortList)
	case !hold:
		v.recompile(uses)
	}
}

// delete ends an entry; it is found no more when this returns.
func (v *version) delete(uses []*Use, id uint32) {
	t, ok := v.key(id)
	if !ok {
		return
	}
	text := string(t)
	v.indexes(func(x *index) { x.remove(v.store, id, text) })
	if gone := v.kill(id); gone {
		v.indexes(func(x *index) { x.forget(id) })
	}
	if v.texts == nil {
		v.recompile(uses)
	}
}

// withKey returns the entries with a key as written, in order; the writer's.
func (v *version) withKey(key string) (ids []uint32) {
	if v.texts != nil {
		v.texts.all(v.store, []byte(key), func(id uint32) { ids = append(ids, id) })
		return ids
	}
	for id := v.next(0); id != 0; id = v.next(id) {
		if t, ok := v.key(id); ok && string(t) == key {
			ids = append(ids, id)
		}
	}
	return ids
}

// has tells whether a key as written is there.
func (v *version) has(key string) bool { return len(v.withKey(key)) > 0 }

// find returns the entry that a use finds for a value of its matcher's type, 0
// without one. Any goroutine may call it; it does not allocate.
func (v *version) find(use int, s *sample.Sample) uint32 {
	w := v.views[use]
	if p := w.short.Load(); p != nil {
		if i := p.Find(s); i >= 0 {
			return p.ids[i]
		}
		return 0
	}
	return w.long.Load().find(v.store, s)
}
