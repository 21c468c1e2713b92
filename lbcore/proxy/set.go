package proxy

import (
	"maps"
	"slices"
	"sync/atomic"

	"gohap/lbcore/balance"
)

// This file is how servers come and go while requests run.
//
//	control goroutine                          loops
//	Join: copies the set, adds the server ───► Set: one pointer load a choice
//	Part: copies the set, leaves it out        a turn that began with the old set
//	      waits until every loop has turned    ends with it
//	      the server is nobody's now
//
// A set is never changed once a loop has seen it: the index that a policy returns
// is one of the set that it was asked in. The policy of a new set takes over what
// the old one knew of the servers that stay.

// ServerSet is the servers of a backend at one moment. It is filled while the
// proxy is built and read-only from then on.
type ServerSet struct {
	All     []*Server      // in order of declaration
	Active  []*Server      // those that are not backups, in the policy's order
	Backups []*Server      // the others, likewise
	Policy  balance.Policy // over Active, nil when there are none
	Backup  balance.Policy // over Backups, likewise

	byName   map[string]*Server
	byID     map[int]*Server
	byCookie map[string][]*Server
}

var noServers ServerSet

// Set returns the servers as they are now; any goroutine or loop. What is done
// about one request's choice is done with one set.
func (p *Proxy) Set() *ServerSet {
	if s := p.set.Load(); s != nil {
		return s
	}
	return &noServers
}

// Server returns a server by name, nil when there is none; any goroutine.
func (p *Proxy) Server(name string) *Server { return p.Set().byName[name] }

// ServerNamed is Server for a name in bytes; it allocates nothing.
func (p *Proxy) ServerNamed(name []byte) *Server { return p.Set().byName[string(name)] }

// ServerID returns a server by its number, nil when there is none; any goroutine.
func (p *Proxy) ServerID(id int) *Server { return p.Set().byID[id] }

// AddServer appends a server while the proxy is built.
func (p *Proxy) AddServer(s *Server) {
	set := p.set.Load()
	if set == nil {
		set = &ServerSet{byName: map[string]*Server{}, byID: map[int]*Server{}, byCookie: map[string][]*Server{}}
		p.set.Store(set)
	}
	s.Proxy, s.NameBytes = p, []byte(s.Name)
	set.add(s)
}

func (set *ServerSet) add(s *Server) {
	set.All = append(set.All, s)
	set.byName[s.Name] = s
	if set.byID[s.ID] == nil {
		set.byID[s.ID] = s
	}
	if s.IsBackup() {
		set.Backups = append(set.Backups, s)
	} else {
		set.Active = append(set.Active, s)
	}
	if s.Cookie != "" {
		set.byCookie[s.Cookie] = append(slices.Clip(set.byCookie[s.Cookie]), s)
	}
}

// SetCookie gives the server its cookie's value while the proxy is built.
func (p *Proxy) SetCookie(s *Server, value string) {
	s.Cookie = value
	if set := p.Set(); value != "" && set.byName[s.Name] == s {
		set.byCookie[value] = append(set.byCookie[value], s)
	}
}

// ByCookie returns the servers whose cookie has that value, in order of
// declaration; any goroutine once the proxy runs.
func (p *Proxy) ByCookie(value []byte) []*Server { return p.Set().byCookie[string(value)] }

// PolicyMaker makes the policy that chooses among servers, all of which are
// backups or none of which is; nil for no server.
type PolicyMaker func(p *Proxy, servers []*Server, backups bool) balance.Policy

// Balance makes the policies of the set that the proxy was built with; before the
// instance runs.
func (p *Proxy) Balance(make PolicyMaker) {
	set := p.Set()
	if len(set.All) == 0 {
		return
	}
	set.Policy, set.Backup = make(p, set.Active, false), make(p, set.Backups, true)
	set.seat()
}

// Rebalance tells the policies that weights or states changed; any goroutine.
func (p *Proxy) Rebalance() { p.Set().rebalance(false) }

func (set *ServerSet) rebalance(settle bool) {
	for _, policy := range [...]balance.Policy{set.Policy, set.Backup} {
		if policy != nil {
			policy.Update()
		}
		if s, ok := policy.(interface{ Settle() }); ok && settle {
			s.Settle()
		}
	}
}

// Join adds a server that is ready in all its parts and in maintenance. One
// goroutine at a time joins and parts the servers of a proxy.
func (p *Proxy) Join(s *Server, make PolicyMaker) {
	s.Proxy, s.NameBytes = p, []byte(s.Name)
	if len(p.Set().All) == 0 { // reference: it has been down since the start, or since its last server went
		p.isDown.Store(true)
	}
	p.change(func(set *ServerSet) { set.add(s) }, make)
}

// Part takes a server out. Who has it from an older set may go on with it until
// every loop has turned.
func (p *Proxy) Part(s *Server, make PolicyMaker) {
	p.change(func(set *ServerSet) { set.remove(s) }, make)
	s.seated.Store(nil)
	if len(p.Set().All) == 0 {
		p.isDown.Store(false)
	}
}

// Return puts a server that was parted back where it was in the set before.
func (p *Proxy) Return(old *ServerSet, s *Server, make PolicyMaker) {
	p.change(func(set *ServerSet) {
		now := set.byName
		set.reset()
		for _, o := range old.All {
			if o == s || now[o.Name] == o {
				set.add(o)
			}
		}
	}, make)
}

func (set *ServerSet) reset() {
	set.All, set.Active, set.Backups = nil, nil, nil
	set.byName, set.byID, set.byCookie = map[string]*Server{}, map[int]*Server{}, map[string][]*Server{}
}

func (set *ServerSet) remove(s *Server) {
	is := func(o *Server) bool { return o == s }
	set.All, set.Active, set.Backups = slices.DeleteFunc(set.All, is), slices.DeleteFunc(set.Active, is), slices.DeleteFunc(set.Backups, is)
	delete(set.byName, s.Name)
	if set.byID[s.ID] == s {
		delete(set.byID, s.ID)
	}
	if rest := slices.DeleteFunc(slices.Clone(set.byCookie[s.Cookie]), is); len(rest) > 0 {
		set.byCookie[s.Cookie] = rest
	} else {
		delete(set.byCookie, s.Cookie)
	}
}

// change publishes a changed copy of the set.
func (p *Proxy) change(f func(*ServerSet), make PolicyMaker) {
	old := p.Set()
	set := &ServerSet{All: slices.Clone(old.All), Active: slices.Clone(old.Active), Backups: slices.Clone(old.Backups),
		Policy: old.Policy, Backup: old.Backup, byName: maps.Clone(old.byName), byID: maps.Clone(old.byID), byCookie: maps.Clone(old.byCookie)}
	if set.byName == nil {
		set.byName, set.byID, set.byCookie = map[string]*Server{}, map[int]*Server{}, map[string][]*Server{}
	}
	f(set)
	if !slices.Equal(set.Active, old.Active) {
		set.Policy = inherit(p, set.Active, false, old.Active, old.Policy, make)
	}
	if !slices.Equal(set.Backups, old.Backups) {
		set.Backup = inherit(p, set.Backups, true, old.Backups, old.Backup, make)
	}
	set.seat()
	p.set.Store(set)
	// What changed while the new policies were made told the old ones.
	set.rebalance(true)
}

// inherit makes a policy that goes on where the old one is.
func inherit(p *Proxy, servers []*Server, backups bool, before []*Server, old balance.Policy, maker PolicyMaker) balance.Policy {
	policy := maker(p, servers, backups)
	heir, ok := policy.(balance.Heir)
	if !ok || old == nil {
		return policy
	}
	was := make(map[*Server]int, len(before))
	for i, s := range before {
		was[s] = i
	}
	from := make([]int, len(servers))
	for i, s := range servers {
		at, ok := was[s]
		if !ok {
			at = balance.None
		}
		from[i] = at
	}
	heir.Inherit(old, from)
	return policy
}

// seat is a server's place in the policy that chooses it.
type seat struct {
	policy balance.Policy
	node   int
}

// seat tells the servers which policies choose them.
func (set *ServerSet) seat() {
	for i, s := range set.Active {
		s.Balanced(set.Policy, i)
	}
	for i, s := range set.Backups {
		if set.Backup.Name() != firstBackup {
			s.Balanced(set.Backup, i)
		}
	}
}

// firstBackup is the policy of backups without option allbackups, which asks
// nothing and is told nothing.
const firstBackup = "first backup"

// Balanced says which policy chooses the server, as its node i.
func (s *Server) Balanced(p balance.Policy, i int) { s.seated.Store(&seat{p, i}) }

// FixedWeight tells whether the policy that chooses the server takes no other
// weights than zero and the configured one.
func (s *Server) FixedWeight() bool {
	at := s.seated.Load()
	return at != nil && !at.policy.Dynamic()
}

// Touched tells the policy that the server's load changed; any loop, with no
// lock held.
func (s *Server) Touched() {
	if at := s.seated.Load(); at != nil {
		at.policy.Touch(at.node)
	}
}

// IndexOf returns the server's place among the active ones of the set, -1 when it
// is none of them.
func (set *ServerSet) IndexOf(s *Server) int {
	if s == nil {
		return balance.None
	}
	if at := s.seated.Load(); at != nil && at.node < len(set.Active) && set.Active[at.node] == s {
		return at.node
	}
	return slices.Index(set.Active, s)
}

// life is what ends a server.
type life struct {
	gone      atomic.Bool
	pinned    atomic.Bool
	followers atomic.Pointer[[]*Server]
}

// Gone tells that the server was deleted; any goroutine or loop. Who came by its
// pointer without asking a set has to ask this.
func (s *Server) Gone() bool { return s.life.gone.Load() }

// SetGone marks the server as deleted, or takes that back: no connection to it is
// kept from now on; any goroutine.
func (s *Server) SetGone(v bool) { s.life.gone.Store(v) }

// Pin says that something of the configuration points to the server: it cannot be
// deleted; any goroutine.
func (s *Server) Pin() { s.life.pinned.Store(true) }

// Pinned tells whether Pin was called; any goroutine.
func (s *Server) Pinned() bool { return s.life.pinned.Load() }

// StartInMaint is Init for a server that is added while the instance runs:
// reference: it begins in maintenance.
func (s *Server) StartInMaint(disabled bool, wallSec int64, onChange func(*Server)) {
	s.Dynamic = true
	admin := ForcedMaint
	if disabled {
		admin |= ConfigMaint
	}
	s.admin.Store(uint32(admin))
	s.Init(wallSec, onChange)
}

// InUse tells whether requests use the server or wait for it; any goroutine.
func (s *Server) InUse() bool {
	return s.Conn.Load() > 0 || s.QueueLen() > 0 || s.Used.Load() > 0
}

// Followers returns the servers that track this one; any goroutine.
func (s *Server) Followers() []*Server {
	if f := s.life.followers.Load(); f != nil {
		return *f
	}
	return nil
}

// AddFollower adds a server that tracks this one. One goroutine at a time adds and
// drops.
func (s *Server) AddFollower(f *Server) {
	all := append(slices.Clone(s.Followers()), f)
	s.life.followers.Store(&all)
}

// DropFollower takes one out.
func (s *Server) DropFollower(f *Server) {
	all := slices.DeleteFunc(slices.Clone(s.Followers()), func(o *Server) bool { return o == f })
	s.life.followers.Store(&all)
}
