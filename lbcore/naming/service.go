package naming

import (
	"fmt"
	"net/netip"
	"slices"

	"gohap/lbcore/proxy"
	"gohap/resolvers"
)

// service is the servers of one backend that are the records of a service.
type service struct {
	names *Names
	slots []*slot
}

// slot is one of them.
type slot struct {
	*member
	record *resolvers.Service // nil: none
}

// services begins to resolve the services of a backend; the caller holds mu.
func (n *Names) services(p *proxy.Proxy) {
	type key struct {
		section *resolvers.Section
		name    string
	}
	all := map[key]*service{}
	for _, s := range p.Set().All {
		r := s.Resolving
		if r == nil || r.Service == "" {
			continue
		}
		k := key{r.Section, r.Service}
		v := all[k]
		if v == nil {
			v = &service{names: n}
			if _, err := r.Section.Watch(r.Service, resolvers.Services, v.told); err != nil {
				n.Log(p, fmt.Sprintf("%s/%s: '%s' is no domain name.", p.Name, s.Name, r.Service))
				continue
			}
			all[k] = v
		}
		v.slots = append(v.slots, &slot{member: n.member(s), record: restored(s)})
	}
}

// restored is the record that a server had in the process before.
func restored(s *proxy.Server) *resolvers.Service {
	if at := s.Address(); s.Host() != "" && at.Addr().IsValid() && !at.Relative {
		return &resolvers.Service{Target: s.Host(), Port: at.To.IP.Port()}
	}
	return nil
}

// removed is why a server of a service goes: its record did, or (reference) the whole
// service, by whatever error.
const removed = "entry removed from SRV record"

// told takes an event, on a goroutine of package resolvers.
func (v *service) told(e *resolvers.Event) {
	n := v.names
	n.Changing.Lock() // for Demote
	defer n.Changing.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return
	}
	v.slots = slices.DeleteFunc(v.slots, func(s *slot) bool { return n.members[s.srv] != s.member })
	if e.Status != resolvers.Valid {
		for _, s := range v.slots {
			n.leave(s.member)
			s.record = nil
			n.lose(s.srv, removed)
			s.nameless()
		}
		n.settle()
		v.demote()
		return
	}
	now := make([]*resolvers.Service, len(v.slots))
	for i, s := range v.slots {
		now[i] = s.record
	}
	given := resolvers.AssignServices(now, e.Services, len(v.slots) > 0 && v.slots[0].srv.Resolving.ByPriority)
	for i, s := range v.slots {
		if given[i] != nil {
			n.serve(s, given[i])
		}
	}
	n.settle() // first, so that there is a server at any moment
	for i, s := range v.slots {
		if given[i] == nil && (s.record != nil || s.srv.Host() != "") {
			n.leave(s.member)
			s.record = nil
			n.lose(s.srv, removed)
			s.nameless()
		}
	}
	n.settle()
	v.demote()
}

// demote makes the servers of records that are not of the lowest priority backups,
// where that is asked for.
func (v *service) demote() {
	lowest, which := -1, map[*proxy.Server]bool{}
	for _, s := range v.slots {
		if s.record != nil && (lowest < 0 || int(s.record.Priority) < lowest) {
			lowest = int(s.record.Priority)
		}
	}
	for _, s := range v.slots {
		if !s.srv.Resolving.ByPriority || s.srv.Backup {
			continue
		}
		if down := s.record != nil && int(s.record.Priority) > lowest; down != s.srv.IsBackup() {
			which[s.srv] = down
		}
	}
	if len(which) > 0 {
		v.names.Demote(v.slots[0].srv.Proxy, which)
	}
}

// nameless forgets what a record said.
func (s *slot) nameless() {
	s.srv.SetHost("")
	at := s.srv.Address().WithoutAddress(0)
	at.Relative, at.Offset = false, 0
	s.srv.Move(at)
}

// serve makes a server that of a record.
func (n *Names) serve(s *slot, r *resolvers.Service) {
	srv, named := s.srv, ""
	if old := srv.Host(); old != r.Target {
		n.leave(s.member)
		srv.SetHost(r.Target)
		srv.SetOwnAdmin(proxy.NameSet, 0, n.Checker.Clock.Wall().Unix())
		if old == "" {
			old = "(null)"
		}
		named = fmt.Sprintf("%s/%s changed its FQDN from %s to %s by 'SRV record'", srv.Proxy.Name, srv.Name, old, r.Target)
	}
	s.record, s.port = r, int(r.Port)
	if w := resolvers.ScaleWeight(r.Weight); !srv.Resolving.IgnoreWeight && srv.UserWeight() != w {
		srv.SetWeight(w)
	}
	if len(r.Addresses) == 0 {
		n.log(srv, named)
		if at := srv.Address(); at.Relative || at.Port() != r.Port { // reference: nothing is said of it
			if srv.Move(at.AtPort(r.Port)); at.Addr().IsValid() {
				n.Checker.Moved(srv)
			}
		}
		if s.group == nil && !n.join(s.member, r.Target) {
			n.lose(srv, "No IP for server ")
		}
		return
	}
	n.leave(s.member)
	ip := srv.Address().Addr()
	if !slices.Contains(r.Addresses, ip) {
		ip = preferred(srv.Resolving, r)
	}
	n.place(srv, ip, s.port, additional, named)
}

// preferred is the address that a record's server is connected to.
func preferred(r *proxy.Resolving, rec *resolvers.Service) (best netip.Addr) {
	score := -1
	for _, a := range rec.Addresses {
		n := 0
		if slices.ContainsFunc(r.Nets, func(p netip.Prefix) bool { return p.Contains(a) }) {
			n = 2
		}
		if a.Is4() == r.Prefer4 {
			n++
		}
		if n > score {
			best, score = a, n
		}
	}
	return best
}

func additional() string { return "DNS additional record" }
