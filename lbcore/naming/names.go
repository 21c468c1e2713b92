package naming

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"gohap/lbcore/check"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/resolvers"
)

// Names keeps the addresses of an instance's servers. The fields are set before Start.
type Names struct {
	Sections []*resolvers.Section // in order of declaration
	Checker  *check.Checker
	// Log writes a line to the log targets of a backend alone. Any goroutine.
	Log func(p *proxy.Proxy, line string)

	// Changing is held while servers change places in a backend, and Demote makes them
	// backups or not.
	Changing sync.Locker
	Demote   func(p *proxy.Proxy, which map[*proxy.Server]bool)

	mu      sync.Mutex
	members map[*proxy.Server]*member
	groups  map[groupKey]*group
	pending []*group // whose members changed since what is known was applied
	stopped bool
}

// member is a server whose name is resolved.
type member struct {
	srv   *proxy.Server
	group *group // whose name gives its address, nil for none
	port  int    // that of its record; -1: that of the configuration
}

// groupKey names the servers that share the addresses of a name.
type groupKey struct {
	p       *proxy.Proxy
	section *resolvers.Section
	host    string
	kind    resolvers.Kind
}

// group is those servers.
type group struct {
	groupKey
	names   *Names
	members []*member
	watch   *resolvers.Watch
	last    *resolvers.News // nil as long as nothing is known
}

// Start begins to resolve the names of the servers of proxies.
func (n *Names) Start(proxies []*proxy.Proxy) {
	n.mu.Lock()
	n.members, n.groups = map[*proxy.Server]*member{}, map[groupKey]*group{}
	for _, p := range proxies {
		n.services(p)
		for _, s := range p.Set().All {
			if s.Resolving != nil && s.Resolving.Service == "" {
				m := n.member(s)
				n.join(m, s.Host())
			}
		}
	}
	n.settle()
	n.mu.Unlock()
	for _, s := range n.Sections {
		s.Start()
	}
}

// Stop ends all resolutions and waits for their goroutines; nothing changes any more.
func (n *Names) Stop() {
	n.mu.Lock()
	n.stopped = true
	n.mu.Unlock()
	for _, s := range n.Sections {
		s.Stop()
	}
}

// Section returns a section by name, nil without one.
func (n *Names) Section(name string) *resolvers.Section {
	for _, s := range n.Sections {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// member makes a server one that is resolved; the caller holds mu.
func (n *Names) member(s *proxy.Server) *member {
	m := &member{srv: s, port: -1}
	n.members[s] = m
	s.OnUnreached(func() { n.unreached(m) })
	return m
}

// unreached asks for the name of a server that could not be connected to. It does not
// block: where servers are being changed the answer is new anyway.
func (n *Names) unreached(m *member) {
	if !n.mu.TryLock() {
		return
	}
	defer n.mu.Unlock()
	if m.group != nil && m.group.watch != nil {
		m.group.watch.Now()
	}
}

// Forget resolves a server's name no more. Any goroutine.
func (n *Names) Forget(s *proxy.Server) {
	if s.Resolving == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if m := n.members[s]; m != nil {
		n.leave(m)
		delete(n.members, s)
		n.settle()
	}
	s.OnUnreached(nil)
}

func kindOf(r *proxy.Resolving) resolvers.Kind {
	if r.Prefer4 {
		return resolvers.PreferIPv4
	}
	return resolvers.PreferIPv6
}

// join has a name give a server its address, from the next settle on; false when it
// cannot be a name. The caller holds mu.
func (n *Names) join(m *member, host string) bool {
	r := m.srv.Resolving
	k := groupKey{m.srv.Proxy, r.Section, strings.ToLower(host), kindOf(r)}
	g := n.groups[k]
	if g == nil {
		g = &group{groupKey: k, names: n}
		w, err := r.Section.Watch(host, k.kind, g.told)
		if err != nil {
			return false
		}
		g.watch = w
		n.groups[k] = g
	}
	g.members = append(g.members, m)
	m.group = g
	n.pending = append(n.pending, g)
	return true
}

// settle gives the servers what is known of names that others joined or left: once a
// name, however many there are. The caller holds mu.
func (n *Names) settle() {
	done := map[*group]bool{}
	for _, g := range n.pending {
		if !done[g] && g.last != nil && n.groups[g.groupKey] == g {
			g.apply(cached)
		}
		done[g] = true
	}
	n.pending = nil
}

// leave ends that; what the server had is for the others, from the next settle on. The
// caller holds mu.
func (n *Names) leave(m *member) {
	g := m.group
	if g == nil {
		return
	}
	m.group = nil
	for i, o := range g.members {
		if o == m {
			g.members = append(g.members[:i:i], g.members[i+1:]...)
			break
		}
	}
	n.pending = append(n.pending, g)
	if len(g.members) == 0 {
		g.watch.Stop()
		delete(n.groups, g.groupKey)
	}
}

// cached is who changes are by that no answer brought.
func cached() string { return "DNS cache" }

// told takes an event, on a goroutine of package resolvers.
func (g *group) told(e *resolvers.Event) {
	n := g.names
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped || n.groups[g.groupKey] != g {
		return
	}
	g.last = e.News
	g.apply(e.Origin)
}

// reasons are what an error is in log lines.
var reasons = map[resolvers.Status]string{
	resolvers.NX: "DNS NX status", resolvers.Refused: "DNS refused status", resolvers.Timeout: "DNS timeout status", resolvers.Other: "unspecified DNS error",
}

// apply gives the servers what is known; the caller holds mu.
func (g *group) apply(by func() string) {
	n := g.names
	if g.last.Status != resolvers.Valid {
		for _, m := range g.members {
			n.lose(m.srv, reasons[g.last.Status])
		}
		return
	}
	slots := make([]resolvers.Slot, len(g.members))
	for i, m := range g.members {
		r := m.srv.Resolving
		slots[i] = resolvers.Slot{Now: m.srv.Address().Addr(), Nets: r.Nets, AllowDup: r.AllowDup || r.Service != ""}
	}
	given := resolvers.Assign(slots, g.last.Addresses)
	for i, m := range g.members {
		if given[i].IsValid() {
			n.place(m.srv, given[i], m.port, by, "")
		}
	}
	for i, m := range g.members { // last, so that there is a server at any moment
		if !given[i].IsValid() {
			n.lose(m.srv, "No IP for server ")
		}
	}
}

// lose takes a server out that has no address.
func (n *Names) lose(s *proxy.Server, reason string) {
	n.Checker.Unresolved(s, reason)
	if a := s.Address(); a.Addr().IsValid() {
		s.Move(a.WithoutAddress(a.To.IP.Port()))
	}
}

// place moves a server to an address, and to a port unless that is negative, and brings
// it back where it had none. named is a line of its own for the log targets, "" for none.
func (n *Names) place(s *proxy.Server, ip netip.Addr, port int, by func() string, named string) {
	old := s.Address()
	at := *old
	had := int(old.Port())
	var changes []string
	at.Lost = false
	if was := old.Addr(); was != ip {
		from := "(none)"
		if was.IsValid() {
			from = was.String()
		}
		changes = append(changes, fmt.Sprintf("IP changed from '%s' to '%s'", from, ip))
	}
	if port >= 0 && (old.Relative || had != port) {
		at.Relative, at.Offset = false, 0
		changes = append(changes, fmt.Sprintf("port changed from '%s' to '%d'", portText(old), port))
	} else {
		port = had
	}
	if len(changes) > 0 {
		at.To = loop.IPSockaddr(netip.AddrPortFrom(ip, uint16(port)))
		_, shown := at.Shown()
		at.Text = net.JoinHostPort(ip.String(), strconv.FormatUint(uint64(shown), 10))
		s.Move(&at)
		n.Checker.Moved(s)
		n.Checker.Tell(s.Proxy, fmt.Sprintf("%s/%s: %s by '%s'.", s.Proxy.Name, s.Name, strings.Join(changes, ", "), by()))
	}
	n.log(s, named)
	n.Checker.Resolved(s)
}

// log writes a line, unless it is empty, to the log targets of a server's backend.
func (n *Names) log(s *proxy.Server, line string) {
	if line != "" {
		n.Log(s.Proxy, line)
	}
}

func portText(a *proxy.Address) string {
	if a.Relative {
		return fmt.Sprintf("%+d", a.Offset)
	}
	return strconv.Itoa(int(a.Port()))
}

// SetHost gives a server another name (set server fqdn) and returns what is answered;
// ok is false when nothing came of it. Any goroutine.
func (n *Names) SetHost(s *proxy.Server, host string) (text string, ok bool) {
	switch {
	case s.Resolving == nil:
		return "set server <b>/<s> fqdn failed because no resolution is configured.", false
	case s.Resolving.Service != "":
		return "set server <b>/<s> fqdn failed because SRV resolution is configured.", false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	m, old := n.members[s], s.Host()
	switch {
	case m == nil || n.stopped:
		return "set server <b>/<s> fqdn failed because no resolution is configured.", false
	case strings.EqualFold(old, host):
		return "no need to change the FDQN by 'stats socket command'", true
	case !resolvers.IsName(host):
		return fmt.Sprintf("could not update %s/%s FQDN by 'stats socket command'", s.Proxy.Name, s.Name), false
	}
	n.leave(m)
	s.SetHost(host)
	s.SetOwnAdmin(proxy.NameSet, 0, n.Checker.Clock.Wall().Unix())
	n.join(m, host)
	n.settle()
	return fmt.Sprintf("%s/%s changed its FQDN from %s to %s by 'stats socket command'", s.Proxy.Name, s.Name, old, host), true
}
