package naming

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gohap/lbcore/balance"
	"gohap/lbcore/check"
	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/resolvers"
)

// world is a backend whose servers are resolved by a section that nobody answers: tests
// say what its names are.
type world struct {
	*Names
	p     *proxy.Proxy
	lines []string // logged since the last look
}

// newWorld makes a backend of servers, by what of proxy.Resolving is their own. at is
// their address in the configuration.
func newWorld(t testing.TB, at string, servers ...proxy.Resolving) *world {
	t.Helper()
	return newWorldOf(t, resolvers.New("dns"), at, servers...)
}

func newWorldOf(t testing.TB, section *resolvers.Section, at string, servers ...proxy.Resolving) *world {
	t.Helper()
	w := &world{p: &proxy.Proxy{Name: "be", IsBackend: true}}
	host, port, _ := strings.Cut(at, ":")
	for i, r := range servers {
		s := &proxy.Server{Name: fmt.Sprintf("s%d", i+1), ID: i + 1, Weight0: 1, FQDN: host, Check: &proxy.CheckConfig{Type: "tcp", Rise: 1, Fall: 1}}
		r.Section = section
		if r.Service != "" {
			s.FQDN = ""
		}
		s.Resolving = &r
		to := netip.MustParseAddrPort("0.0.0.0:" + port)
		s.Move(&proxy.Address{To: &loop.Sockaddr{IP: netip.AddrPortFrom(netip.Addr{}, to.Port())}})
		s.SetAdmin(proxy.ResolutionMaint, 0, 0)
		w.p.AddServer(s)
		s.Init(1e9, nil)
	}
	w.p.Balance(roundRobin)
	w.p.Refresh(1e9)
	log := func(_ *proxy.Proxy, line string) { w.lines = append(w.lines, line) }
	c := &check.Checker{Proxies: []*proxy.Proxy{w.p}, Clock: clock.NewFake(time.Unix(1e9, 0)), Log: func(p *proxy.Proxy, _ int, line string) { log(p, line) }}
	c.Prepare()
	w.Names = &Names{Sections: []*resolvers.Section{section}, Checker: c, Log: log, Changing: &sync.Mutex{},
		Demote: func(p *proxy.Proxy, which map[*proxy.Server]bool) { p.Demote(which, roundRobin) }}
	w.Start([]*proxy.Proxy{w.p})
	t.Cleanup(w.Stop)
	return w
}

func roundRobin(_ *proxy.Proxy, servers []*proxy.Server, _ bool) balance.Policy {
	if len(servers) == 0 {
		return nil
	}
	nodes := make([]balance.Node, len(servers))
	for i, s := range servers {
		nodes[i] = proxy.Node{Server: s}
	}
	return balance.NewRoundRobin(nodes)
}

// says has a name's answer come.
func (w *world) says(host string, news resolvers.News) {
	var all []*group
	w.mu.Lock()
	for k, g := range w.groups {
		if k.host == host {
			all = append(all, g)
		}
	}
	w.mu.Unlock()
	for _, g := range all {
		g.told(&resolvers.Event{News: &news})
	}
}

func (w *world) addresses(host, list string) { w.says(host, resolvers.News{Addresses: ips(list)}) }

func ips(list string) (all []netip.Addr) {
	for text := range strings.FieldsSeq(list) {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// state shows all servers: address and port, "-" for none, what is unusual about them.
func (w *world) state() string {
	var all []string
	for _, s := range w.p.Set().All {
		a := s.Address()
		text := "-"
		if a.Addr().IsValid() {
			text = a.To.IP.String()
		}
		if n := s.UserWeight(); n != 1 {
			text += fmt.Sprintf("*%d", n)
		}
		if s.IsBackup() {
			text += "+backup"
		}
		if a.Addr().IsValid() == (s.Admin()&proxy.ResolutionMaint != 0) {
			text += "!" // no address and maintenance are one
		}
		if a.Addr().IsValid() && w.Checker.Target(s).IP != a.To.IP {
			text += "!" // checks go where the traffic goes
		}
		if s.Admin()&proxy.ForcedMaint != 0 {
			text += "+maint"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func (w *world) want(t testing.TB, want string) {
	t.Helper()
	if got := w.state(); got != want {
		t.Fatalf("servers are %s\nwant        %s", got, want)
	}
}

// said checks the lines that were logged since the last call.
func (w *world) said(t testing.TB, want ...string) {
	t.Helper()
	if !slices.Equal(w.lines, want) {
		t.Fatalf("logged:\n%s\nwant:\n%s", strings.Join(w.lines, "\n"), strings.Join(want, "\n"))
	}
	w.lines = nil
}

func plain(n int) []proxy.Resolving { return make([]proxy.Resolving, n) }

// Servers keep, lose, get addresses, each change one line in the reference's words.
func TestAddresses(t *testing.T) {
	w := newWorld(t, "a.test:80", plain(3)...)
	w.want(t, "- - -")
	w.addresses("a.test", "1.1.1.1 2.2.2.2")
	w.want(t, "1.1.1.1:80 2.2.2.2:80 -")
	w.said(t, "be/s1: IP changed from '(none)' to '1.1.1.1' by 'DNS cache'.",
		"Server be/s1 ('a.test') is UP/READY (resolves again).", "Server be/s1 administratively READY thanks to valid DNS answer.",
		"be/s2: IP changed from '(none)' to '2.2.2.2' by 'DNS cache'.",
		"Server be/s2 ('a.test') is UP/READY (resolves again).", "Server be/s2 administratively READY thanks to valid DNS answer.")
	w.addresses("a.test", "2.2.2.2 3.3.3.3")
	w.want(t, "3.3.3.3:80 2.2.2.2:80 -")
	w.said(t, "be/s1: IP changed from '1.1.1.1' to '3.3.3.3' by 'DNS cache'.")
	w.addresses("a.test", "3.3.3.3")
	w.want(t, "3.3.3.3:80 - -")
	w.said(t, "Server be/s2 is going DOWN for maintenance (No IP for server ). 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.")
	w.says("a.test", resolvers.News{Status: resolvers.Timeout})
	w.want(t, "- - -")
	w.said(t, "Server be/s1 is going DOWN for maintenance (DNS timeout status). 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
		"backend be has no server available!")
	w.addresses("a.test", "9.9.9.9")
	w.want(t, "9.9.9.9:80 - -")
}

// Each error has its reason, and is told once.
func TestReasons(t *testing.T) {
	for status, reason := range map[resolvers.Status]string{resolvers.NX: "DNS NX status", resolvers.Refused: "DNS refused status",
		resolvers.Timeout: "DNS timeout status", resolvers.Other: "unspecified DNS error"} {
		w := newWorld(t, "a.test:80", plain(1)...)
		w.addresses("a.test", "1.1.1.1")
		w.lines = nil
		w.says("a.test", resolvers.News{Status: status})
		w.says("a.test", resolvers.News{Status: status})
		if text := strings.Join(w.lines, "\n"); strings.Count(text, "("+reason+")") != 1 {
			t.Errorf("%d: %s", status, text)
		}
	}
}

// What an operator wants stays, whatever name servers say.
func TestOperatorsMaintenance(t *testing.T) {
	w := newWorld(t, "a.test:80", plain(1)...)
	w.addresses("a.test", "1.1.1.1")
	s := w.p.Server("s1")
	w.Checker.SetAdmin(s, "maint")
	w.says("a.test", resolvers.News{Status: resolvers.NX})
	w.want(t, "-+maint")
	w.lines = nil
	w.addresses("a.test", "2.2.2.2")
	w.want(t, "2.2.2.2:80+maint")
	w.said(t, "be/s1: IP changed from '(none)' to '2.2.2.2' by 'DNS cache'.", "Server be/s1 ('a.test') resolves again but remains in maintenance.",
		"Server be/s1 administratively READY thanks to valid DNS answer.")
	w.Checker.SetAdmin(s, "ready")
	w.want(t, "2.2.2.2:80")
}

// An operator gives a server another name: what it had is for the others.
func TestSetHost(t *testing.T) {
	w := newWorld(t, "a.test:80", plain(2)...)
	w.addresses("a.test", "1.1.1.1")
	w.want(t, "1.1.1.1:80 -")
	one := w.p.Server("s1")
	text, ok := w.SetHost(one, "b.test")
	if !ok || text != "be/s1 changed its FQDN from a.test to b.test by 'stats socket command'" {
		t.Errorf("%v %s", ok, text)
	}
	w.addresses("b.test", "7.7.7.7")
	w.want(t, "7.7.7.7:80 1.1.1.1:80")
	if text, ok := w.SetHost(one, "B.test"); !ok || text != "no need to change the FDQN by 'stats socket command'" {
		t.Errorf("%v %s", ok, text)
	}
	if text, ok := w.SetHost(one, "no name"); ok || text != "could not update be/s1 FQDN by 'stats socket command'" {
		t.Errorf("%v %s", ok, text)
	}
	// One that comes back to a name that is known has what is left at once.
	w.addresses("a.test", "1.1.1.1 2.2.2.2")
	if _, ok := w.SetHost(one, "a.test"); !ok {
		t.Error("not changed back")
	}
	w.want(t, "2.2.2.2:80 1.1.1.1:80")
	w.Forget(one)
	w.addresses("a.test", "3.3.3.3")
	w.want(t, "2.2.2.2:80 3.3.3.3:80")
	if text, ok := w.SetHost(one, "c.test"); ok || text != "set server <b>/<s> fqdn failed because no resolution is configured." {
		t.Errorf("%v %s", ok, text)
	}
	w.Stop()
	w.addresses("a.test", "4.4.4.4")
	w.want(t, "2.2.2.2:80 3.3.3.3:80")
}

// Whatever answers follow each other: who has an address that an answer has keeps it,
// every freed server is filled while there are addresses, none has one twice unless it
// may, and a server without an address is in maintenance.
func TestAddressesAlways(t *testing.T) {
	pool := ips("10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.1.0.1 10.1.0.2 ::1 ::2")
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		servers := plain(1 + r.IntN(6))
		dups := r.IntN(3) == 0
		for i := range servers {
			servers[i].AllowDup = dups
		}
		w := newWorld(t, "a.test:80", servers...)
		for step := range 12 {
			before := map[*proxy.Server]netip.Addr{}
			for _, s := range w.p.Set().All {
				before[s] = s.Address().Addr()
			}
			news := resolvers.News{Status: []resolvers.Status{resolvers.Valid, resolvers.Valid, resolvers.Valid, resolvers.Valid, resolvers.NX, resolvers.Timeout}[r.IntN(6)]}
			if news.Status == resolvers.Valid {
				for range r.IntN(len(pool) + 3) {
					news.Addresses = append(news.Addresses, pool[r.IntN(len(pool))]) // some of them twice
				}
			}
			w.lines = nil
			w.says("a.test", news)
			if wrong := w.wrong(news, before, dups); wrong != "" {
				t.Fatalf("seed %d, step %d: %s\n%+v\n%s", seed, step, wrong, news, w.state())
			}
		}
	}
}

// wrong tells what does not hold after an answer.
func (w *world) wrong(news resolvers.News, before map[*proxy.Server]netip.Addr, dups bool) string {
	if strings.Contains(w.state(), "!") {
		return "no address, but no maintenance, or checks elsewhere"
	}
	different := map[netip.Addr]bool{}
	for _, a := range news.Addresses {
		different[a] = true
	}
	held, have := map[netip.Addr]int{}, 0
	for _, s := range w.p.Set().All {
		a := s.Address().Addr()
		if !a.IsValid() {
			continue
		}
		have++
		held[a]++
		if !different[a] {
			return fmt.Sprintf("%s has %v, which is not in the answer", s.Name, a)
		}
		if old := before[s]; different[old] && a != old {
			return fmt.Sprintf("%s had %v and has %v", s.Name, old, a)
		}
		if held[a] > 1 && !dups {
			return fmt.Sprintf("%v twice", a)
		}
	}
	all := len(w.p.Set().All)
	switch {
	case dups && len(different) > 0:
		if have != all {
			return fmt.Sprintf("%d of %d have an address", have, all)
		}
	case have != min(all, len(different)):
		return fmt.Sprintf("%d of %d have one of %d addresses", have, all, len(different))
	}
	moved := 0
	for s, old := range before {
		if a := s.Address().Addr(); a.IsValid() && a != old {
			moved++
		}
	}
	if n := strings.Count(strings.Join(w.lines, "\n"), ": IP changed from "); n != moved {
		return fmt.Sprintf("%d lines for %d changes", n, moved)
	}
	return ""
}

// 500 servers have new addresses after one answer, each with one change.
func TestMany(t *testing.T) {
	w := newWorld(t, "a.test:80", plain(500)...)
	for round := range 3 {
		var list []netip.Addr
		for i := range 500 {
			list = append(list, netip.AddrFrom4([4]byte{10, byte(round), byte(i / 250), byte(i % 250)}))
		}
		w.lines = nil
		begun := clock.Mono()
		w.says("a.test", resolvers.News{Addresses: list})
		took := time.Duration(clock.Mono() - begun)
		if n := strings.Count(strings.Join(w.lines, "\n"), ": IP changed from "); n != 500 || strings.Contains(w.state(), "-") {
			t.Fatalf("round %d: %d changes\n%s", round, n, w.state())
		}
		if took > time.Second {
			t.Errorf("round %d took %v", round, took)
		}
		w.addresses("a.test", "")
		w.want(t, strings.TrimSuffix(strings.Repeat("- ", 500), " "))
	}
}

// A check that gets no connection in time has the server's name asked for at once, as
// does, where that is asked for, a stream that cannot connect.
func TestUnreached(t *testing.T) {
	section := resolvers.New("dns")
	section.Resolve, section.Retry, section.Retries = time.Hour, time.Millisecond, 1
	asked := make(chan bool, 100)
	section.Add(&resolvers.Nameserver{Name: "n1", TCP: true, Dial: func(context.Context) (net.Conn, error) {
		asked <- true
		return nil, net.ErrClosed
	}})
	w := newWorldOf(t, section, "a.test:80", proxy.Resolving{Prefer4: true, OnError: true}, proxy.Resolving{Prefer4: true})
	again := func(why string) {
		t.Helper()
		select {
		case <-asked:
		case <-time.After(10 * time.Second):
			t.Fatalf("not asked: %s", why)
		}
	}
	again("at the start")
	w.p.Server("s2").Unreached()
	again("a check")
	eager, other := w.p.Server("s1"), w.p.Server("s2")
	eager.Connected(false)
	again("a stream")
	other.Connected(false)
	eager.Connected(true)
	select {
	case <-asked:
		t.Error("asked although nobody wants it")
	case <-time.After(300 * time.Millisecond):
	}
}
