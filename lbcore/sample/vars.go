package sample

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"gohap/lbcore/buffer"
	"gohap/lbcore/keyword"
	"gohap/lbcore/message"
)

// Scope is the life time of a variable.
type Scope uint8

// The scopes. The parent scopes are words of the language, but no stream has a
// parent here: what they name is never set.
const (
	ScopeProc Scope = iota
	ScopeSess
	ScopeTxn
	ScopeReq
	ScopeRes
	ScopeCheck
	ScopeParentSess
	ScopeParentTxn
	ScopeParentReq
	ScopeParentRes
	scopeCount
)

var scopeNames = [scopeCount]string{"proc", "sess", "txn", "req", "res", "check", "psess", "ptxn", "preq", "pres"}

// String returns the scope's word.
func (s Scope) String() string { return scopeNames[s] }

// Var is a variable's name, resolved once. ID is a hash of the name inside its
// scope: equal names have equal IDs in every configuration.
type Var struct {
	Scope Scope
	ID    uint64
	Name  string // with its scope, "txn.foo"
}

// ParseVar reads "scope.name".
func ParseVar(text string) (Var, error) {
	scope, name, ok := strings.Cut(text, ".")
	v := Var{Scope: scopeCount, Name: text}
	for i, n := range scopeNames {
		if n == scope && ok && name != "" {
			v.Scope = Scope(i)
		}
	}
	if v.Scope == scopeCount {
		return Var{}, fmt.Errorf("invalid variable name '%s'. A variable name must start with its scope. The scope can be 'proc', '(p)sess', '(p)txn', '(p)req', '(p)res' or 'check'", text)
	}
	if i := strings.IndexFunc(name, notVarChar); i >= 0 {
		return Var{}, fmt.Errorf("invalid syntax at char '%c'", name[i])
	}
	v.ID = varID(name)
	return v, nil
}

// ParseVar is ParseVar for a scope that is there.
func (o *Options) ParseVar(text string) (Var, error) {
	v, err := ParseVar(text)
	if scope, _, _ := strings.Cut(text, "."); err == nil && o.Words != nil && o.Words.Lookup(keyword.VarScope, scope) == nil {
		return Var{}, errors.New(keyword.Refusal("variable scope '" + scope + "'"))
	}
	return v, err
}

func notVarChar(r rune) bool {
	return !(r == '_' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
}

// varID is FNV-1a of the name.
func varID(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// Vars are the stores that an evaluation sees; a nil one is a scope that does
// not exist here. Scope proc lives in Process.ProcVars.
type Vars struct {
	// Session makes the store of scope sess when it is first needed: a client
	// connection without such variables carries none. Sess wins when set.
	Session                    SessionVars
	Sess, Txn, Req, Res, Check *Store
}

// SessionVars is the owner of the variables of scope sess.
type SessionVars interface{ Vars() *Store }

func (v *Vars) store(s Scope) *Store {
	if s == ScopeSess && v.Sess == nil && v.Session != nil {
		return v.Session.Vars()
	}
	switch s {
	case ScopeSess:
		return v.Sess
	case ScopeTxn:
		return v.Txn
	case ScopeReq:
		return v.Req
	case ScopeRes:
		return v.Res
	case ScopeCheck:
		return v.Check
	}
	return nil
}

// Store holds the variables of one scope. It owns copies of its values and
// reuses their memory after Reset, so that a pooled store settles without
// allocation. The zero value is ready. It belongs to one loop.
type Store struct {
	Limit int     // bytes, tune.vars.*-max-size; 0 means none
	Up    *Store  // the scope around this one, which counts its bytes too; nil for none
	Pool  *Budget // of the outermost one, shared with others; nil for none
	vars  []storedVar
	n     int // in use
	used  int // bytes, those of the scopes inside included; counted where there are limits
}

// Budget is memory that the variables of several stores share
// (tune.vars.proc-max-size, tune.vars.global-max-size). Any goroutine.
type Budget struct {
	Limit int64   // bytes, 0 means none
	Up    *Budget // counts the same bytes too; nil for none
	used  atomic.Int64
}

// take counts n bytes, or gives them back when n is negative; false when they are
// more than what is left: nothing is counted then.
func (b *Budget) take(n int64) bool {
	for u := b; u != nil; u = u.Up {
		if u.used.Add(n) > u.Limit && u.Limit > 0 && n > 0 {
			for v := b; v != u.Up; v = v.Up {
				v.used.Add(-n)
			}
			return false
		}
	}
	return true
}

// grow counts n bytes in this scope and in those around it, as take.
func (t *Store) grow(n int) bool {
	top := t
	for u := t; u != nil; u = u.Up {
		if n > 0 && u.Limit > 0 && u.used+n > u.Limit {
			return false
		}
		top = u
	}
	if top.Pool != nil && !top.Pool.take(int64(n)) {
		return false
	}
	for u := t; u != nil; u = u.Up {
		u.used += n
	}
	return true
}

type storedVar struct {
	id     uint64
	set    bool
	typ    Type
	method message.Method
	num    int64
	ip     netip.Addr
	buf    []byte
}

// varOverhead is what a variable counts against the limits beside its bytes.
const varOverhead = 80 // reference

// Get fills s with the variable. Its Data belongs to the store and lives until
// the variable is set again.
func (t *Store) Get(id uint64, s *Sample) bool {
	v := t.find(id)
	if v == nil || !v.set {
		return false
	}
	v.load(s)
	return true
}

// Has reports whether the variable was ever set and whether it is now.
func (t *Store) Has(id uint64) (exists, set bool) {
	v := t.find(id)
	return v != nil, v != nil && v.set
}

// Set copies s into the variable; false means that the limit forbids it and
// the variable is as before.
func (t *Store) Set(id uint64, s *Sample) bool {
	v := t.find(id)
	grow := len(s.Data)
	if v == nil {
		grow += varOverhead
	} else if v.set {
		grow -= len(v.buf)
	}
	if s.Type != Str && s.Type != Bin && s.Type != Meth {
		grow -= len(s.Data)
	}
	if !t.grow(grow) {
		return false
	}
	if v == nil {
		v = t.add(id)
	}
	v.save(s)
	return true
}

// Unset forgets the value; the name stays known to the scope.
func (t *Store) Unset(id uint64) {
	if v := t.find(id); v != nil && v.set {
		t.grow(-len(v.buf))
		v.set, v.buf = false, v.buf[:0]
	}
}

// Reset empties the store and keeps its memory.
func (t *Store) Reset() {
	t.n = 0
	if t.used != 0 {
		t.grow(-t.used)
	}
}

func (t *Store) find(id uint64) *storedVar {
	for i := range t.vars[:t.n] {
		if t.vars[i].id == id {
			return &t.vars[i]
		}
	}
	return nil
}

func (t *Store) add(id uint64) *storedVar {
	if t.n == len(t.vars) {
		t.vars = append(t.vars, storedVar{})
	}
	v := &t.vars[t.n]
	t.n++
	v.id, v.buf = id, v.buf[:0]
	return v
}

func (v *storedVar) save(s *Sample) {
	v.set, v.typ, v.method, v.num, v.ip = true, s.Type, s.Method, s.Int, s.IP
	v.buf = append(v.buf[:0], s.Data...)
	if s.Type != Str && s.Type != Bin && s.Type != Meth {
		v.buf = v.buf[:0]
	}
}

func (v *storedVar) load(s *Sample) {
	s.Type, s.Method, s.Int, s.IP, s.Data = v.typ, v.method, v.num, v.ip, v.buf
}

// ProcVars are the variables of scope proc, shared by all loops and the
// command socket. A name exists from the moment a configuration mentions it.
type ProcVars struct {
	// Budget counts their bytes, and those of all sessions; nil without limits. It is
	// set before anything runs.
	Budget *Budget

	mu   sync.RWMutex
	vars map[uint64]*storedVar
	name map[uint64]string
}

// NewProcVars returns an empty set.
func NewProcVars() *ProcVars {
	return &ProcVars{vars: map[uint64]*storedVar{}, name: map[uint64]string{}}
}

// Declare makes a name known, as its mention in a configuration does.
func (p *ProcVars) Declare(v Var) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.vars[v.ID] == nil {
		p.vars[v.ID], p.name[v.ID] = &storedVar{id: v.ID}, v.Name
	}
}

// Get fills s; what it holds is copied into the arena of c.
func (p *ProcVars) Get(c *Context, id uint64, s *Sample) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	v := p.vars[id]
	if v == nil || !v.set {
		return false
	}
	v.load(s)
	if len(s.Data) > 0 {
		s.Data = c.Arena.Copy(s.Data)
	}
	return true
}

// Lookup returns the type and the text of a variable by its whole name, for people;
// any goroutine. ok is false without a value.
func (p *ProcVars) Lookup(name string) (kind Type, text string, ok bool) {
	v, err := ParseVar(name)
	if err != nil || v.Scope != ScopeProc {
		return 0, "", false
	}
	c := Context{Arena: new(buffer.Arena)}
	var s Sample
	if !p.Get(&c, v.ID, &s) {
		return 0, "", false
	}
	kind = s.Type
	if kind == Meth || !s.Cast(&c, Str) { // what has no text shows none
		return kind, "", true
	}
	return kind, string(s.Data), true
}

// Has reports whether the name is known and whether it has a value.
func (p *ProcVars) Has(id uint64) (exists, set bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	v := p.vars[id]
	return v != nil, v != nil && v.set
}

// Set stores a copy of s. It creates the name when it is unknown. False means that
// a limit forbids it, and the variable is as before.
func (p *ProcVars) Set(v Var, s *Sample) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.vars[v.ID]
	if p.Budget != nil {
		n := int64(0)
		if s.Type == Str || s.Type == Bin || s.Type == Meth {
			n = int64(len(s.Data))
		}
		if e == nil || !e.set {
			n += varOverhead
		} else {
			n -= int64(len(e.buf))
		}
		if !p.Budget.take(n) {
			return false
		}
	}
	if e == nil {
		e = &storedVar{id: v.ID}
		p.vars[v.ID], p.name[v.ID] = e, v.Name
	}
	// A reader under RLock has copied; nobody holds the old bytes.
	e.save(s)
	return true
}

// Unset forgets the value and keeps the name.
func (p *ProcVars) Unset(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.vars[id]; v != nil {
		if p.Budget != nil && v.set {
			p.Budget.take(-int64(len(v.buf) + varOverhead))
		}
		v.set, v.buf = false, v.buf[:0]
	}
}

// Get fills s with the value of v in c.
func (v Var) Get(c *Context, s *Sample) bool {
	if v.Scope == ScopeProc {
		return c.Process != nil && c.Process.ProcVars != nil && c.Process.ProcVars.Get(c, v.ID, s)
	}
	t := c.Vars.store(v.Scope)
	return t != nil && t.Get(v.ID, s)
}

// Set copies s into v; false means that the scope does not exist here or is
// full.
func (v Var) Set(c *Context, s *Sample) bool {
	if v.Scope == ScopeProc {
		if c.Process == nil || c.Process.ProcVars == nil {
			return false
		}
		return c.Process.ProcVars.Set(v, s)
	}
	t := c.Vars.store(v.Scope)
	return t != nil && t.Set(v.ID, s)
}

// Unset forgets the value of v.
func (v Var) Unset(c *Context) {
	if v.Scope == ScopeProc {
		if c.Process != nil && c.Process.ProcVars != nil {
			c.Process.ProcVars.Unset(v.ID)
		}
		return
	}
	if t := c.Vars.store(v.Scope); t != nil {
		t.Unset(v.ID)
	}
}

// Has reports whether v exists in c and whether it has a value.
func (v Var) Has(c *Context) (exists, set bool) {
	if v.Scope == ScopeProc {
		if c.Process == nil || c.Process.ProcVars == nil {
			return false, false
		}
		return c.Process.ProcVars.Has(v.ID)
	}
	if t := c.Vars.store(v.Scope); t != nil {
		return t.Has(v.ID)
	}
	return false, false
}
