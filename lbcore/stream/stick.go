package stream

import (
	"gohap/lbcore/acl"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/stick"
)

// This file is the stick rules of a backend: what they look up of a request names
// its server, and what they take of a request or response is stored with the
// server once that has answered.

// mostStores is how many keys one exchange may store (reference).
const mostStores = 8

// store is a key that waits to be stored.
type store struct {
	table *proxy.Table
	key   []byte // in the stream's arena
}

// stickRequest runs the rules on a request, behind all else that names a server:
// the first entry that is found decides, where nothing has yet, and for each table
// the first key that a rule takes is kept. Reference: rules about a table for which
// one is kept are passed over, those that only match too.
func (s *Stream) stickRequest() {
	rules := s.BE.StickRules
	for i := range rules {
		r := &rules[i]
		if s.keepsOf(r.Table, 0) {
			continue
		}
		match := r.Match && s.cookie.server == nil // reference: ignore-persist is about cookies
		keep := r.Store && len(s.stores) < mostStores
		if !match && !keep {
			continue
		}
		key, ok := s.stickKey(r)
		if !ok {
			continue
		}
		if match {
			s.stickTo(r.Table, key)
		}
		if keep {
			s.keepKey(r.Table, key)
		}
	}
}

// stickKey returns what a rule takes, in the stream's arena; ok is false when it
// does not apply.
func (s *Stream) stickKey(r *proxy.StickRule) (key []byte, ok bool) {
	if r.Cond != nil && r.Cond.Eval(&s.Ctx) != acl.Pass {
		return nil, false
	}
	v := s.Ctx.Borrow()
	defer s.Ctx.Release()
	if !r.Expr.Eval(&s.Ctx, sample.Any, v) {
		return nil, false
	}
	return r.Table.KeyOf(&s.Ctx, v)
}

// stickTo makes the server of a key's entry the one that persistence names.
// Reference: looking it up makes the entry live on.
func (s *Stream) stickTo(t *proxy.Table, key []byte) {
	now := s.W.millis()
	e, ok := t.Get(key, now)
	if !ok {
		return
	}
	if srv := s.BE.StuckServer(t, e); srv != nil && s.reaches(srv) {
		s.cookie.server = srv
	}
	e.Touch(now)
	e.Release()
}

// keepsOf tells whether a key for the table is kept already, from one of those on.
func (s *Stream) keepsOf(t *proxy.Table, from int) bool {
	for _, k := range s.stores[from:] {
		if k.table == t {
			return true
		}
	}
	return false
}

func (s *Stream) keepKey(t *proxy.Table, key []byte) { s.stores = append(s.stores, store{t, key}) }

// sticks tells whether there is something to store, or rules that may take it.
func (s *Stream) sticks() bool { return len(s.stores) > 0 || len(s.BE.StoreRules) > 0 }

// stickResponse runs stick store-response and stores what the exchange has kept.
// It is called once the server has answered, in mode tcp when its connection
// stands and the response's content rules are through.
func (s *Stream) stickResponse() {
	rules, from := s.BE.StoreRules, len(s.stores)
	for i := range rules {
		if r := &rules[i]; len(s.stores) < mostStores && !s.keepsOf(r.Table, from) {
			if key, ok := s.stickKey(r); ok {
				s.keepKey(r.Table, key)
			}
		}
	}
	if s.Server != nil && !s.Server.NonStick {
		now := s.W.millis()
		for i := range s.stores {
			s.stick(s.stores[i].table, s.stores[i].key, now)
		}
	}
	s.stores = s.stores[:0]
}

// stickTCP is stickResponse in mode tcp.
func (s *Stream) stickTCP() {
	s.Ctx.Dir = sample.Response
	s.stickResponse()
	s.Ctx.Dir = sample.Request
}

// stick stores the server under a key; a full table that purges nothing takes none.
func (s *Stream) stick(t *proxy.Table, key []byte, now uint32) {
	e, _, ok := t.Create(key, now)
	if !ok {
		return
	}
	e.Set(stick.ServerID, 0, uint64(uint32(s.Server.ID)))
	e.SetText(stick.ServerKey, s.Server.StickKey(t))
	e.Touch(now)
	e.Release()
}
