package control

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"gohap/lbcore/acl"
	"gohap/lbcore/certs"
	"gohap/lbcore/check"
	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
	"gohap/lbcore/loop"
	"gohap/lbcore/naming"
	"gohap/lbcore/proxy"
	"gohap/lbcore/renew"
	"gohap/lbcore/sample"
)

// Host is what the commands of this package act on.
type Host interface{ Control() *Control }

// Control is one running instance as commands change it.
type Control struct {
	Words   *keyword.Set
	Proxies []*proxy.Proxy
	Peers   []*proxy.Peers
	Tables  []*proxy.Table // those of peers sections included, in order of declaration
	Checks  *check.Checker
	Names   *naming.Names
	// Lists are the patterns of ACLs and maps.
	Lists *acl.Refs
	// Certs are certificates and authorities, and how TLS is spoken.
	Certs *certs.Store
	// Renewals keeps OCSP responses up to date.
	Renewals *renew.Updater
	// Shutdown ends the sessions of a server; cause is the first letter of their
	// termination state. It returns at once.
	Shutdown func(s *proxy.Server, cause byte)
	// Refuses says why no server can be added to a backend, "" when some can. Add
	// adds one, of which words are name, address and options; Delete takes one out.
	// An error is what is answered, notes come before it is said that all went well.
	Refuses func(*proxy.Proxy) string
	Add     func(p *proxy.Proxy, words []string) (notes string, err error)
	Delete  func(*proxy.Server) error

	Process *proxy.Process
	Vars    *sample.ProcVars
	// SetFrontend pauses or resumes a frontend's listeners and reports false when
	// they are that already; StopFrontend gives them up for good.
	SetFrontend  func(p *proxy.Proxy, on bool) bool
	StopFrontend func(*proxy.Proxy)
	// Readmit lets listeners look whether they may accept more than before.
	Readmit func()
	// ShutdownStream ends the stream that show sess lists under an address and
	// reports false when there is none.
	ShutdownStream func(address uint64) bool
}

func control(r *cli.Request) *Control { return r.Host.(Host).Control() }

// backend returns a backend by name, or by number behind "#"; nil without one.
func (c *Control) backend(name string) *proxy.Proxy {
	id, byID := strings.CutPrefix(name, "#")
	for _, p := range c.Proxies {
		if p.IsBackend && (p.Name == name || byID && strconv.Itoa(p.ID) == id) {
			return p
		}
	}
	return nil
}

// server finds the server that the first word names, or answers why not.
func (c *Control) server(r *cli.Request) *proxy.Server {
	of, name, ok := named(r.Args)
	if !ok {
		r.Fail("Require 'backend/server'.")
		return nil
	}
	if c.backend(of) == nil {
		r.Fail("No such backend.")
		return nil
	}
	s := c.find(of, name)
	if s == nil {
		r.Fail("No such server.")
	}
	return s
}

// find returns a server by names, or by numbers behind "#"; nil without one.
func (c *Control) find(of, name string) *proxy.Server {
	p := c.backend(of)
	if p == nil {
		return nil
	}
	if s := p.Server(name); s != nil {
		return s
	}
	id, byID := strings.CutPrefix(name, "#")
	for _, s := range p.Set().All {
		if byID && strconv.Itoa(s.ID) == id {
			return s
		}
	}
	return nil
}

// on is a command that acts on one server.
func on(f func(c *Control, s *proxy.Server, r *cli.Request)) func(*cli.Request) {
	return func(r *cli.Request) {
		c := control(r)
		if s := c.server(r); s != nil {
			f(c, s, r)
		}
	}
}

// word returns the i-th word behind the server's name, "" without one.
func word(r *cli.Request, i int) string {
	if i+1 < len(r.Args) {
		return r.Args[i+1]
	}
	return ""
}

// refuse answers an error unless it is empty.
func refuse(r *cli.Request, text string) {
	if text != "" {
		r.Fail("%s", text)
	}
}

func getWeight(_ *Control, s *proxy.Server, r *cli.Request) {
	r.Printf("%d (initial %d)\n", s.UserWeight(), s.Weight0)
}

func setWeight(c *Control, s *proxy.Server, r *cli.Request) {
	refuse(r, c.Checks.SetWeight(s, word(r, 0)))
}

func setMaxconn(_ *Control, s *proxy.Server, r *cli.Request) {
	refuse(r, check.SetMaxconn(s, word(r, 0)))
}

func enable(c *Control, s *proxy.Server, _ *cli.Request)  { c.Checks.Enable(s) }
func disable(c *Control, s *proxy.Server, _ *cli.Request) { c.Checks.SetAdmin(s, "maint") }

func enableHealth(_ *Control, s *proxy.Server, r *cli.Request) {
	if s.Check == nil {
		r.Fail("Health check was not configured on this server, cannot enable.")
		return
	}
	s.EnableChecks(true)
}

func disableHealth(_ *Control, s *proxy.Server, _ *cli.Request) {
	if s.Check != nil {
		s.EnableChecks(false)
	}
}

func enableAgent(c *Control, s *proxy.Server, r *cli.Request) {
	if s.Agent == nil {
		r.Fail("Agent was not configured on this server, cannot enable.")
		return
	}
	c.Checks.EnableAgent(s, true)
}

func disableAgent(c *Control, s *proxy.Server, _ *cli.Request) {
	if s.Agent != nil {
		c.Checks.EnableAgent(s, false)
	}
}

func shutdownServer(c *Control, s *proxy.Server, _ *cli.Request) { c.Shutdown(s, 'K') }

// setting changes one thing of a server.
type setting func(*Control, *proxy.Server, *cli.Request)

// settings are the words of "set server", in the order of its usage line.
var settings = []struct {
	name, args, summary string
	set                 setting
}{
	{"addr", "<addr> [port <port>]", "where the server is", setAddr},
	{"agent", "up|down", "what the agent says, until it says otherwise", setAgent},
	{"agent-addr", "<addr> [port <port>]", "where the agent is asked", ofAgent.setAddr},
	{"agent-port", "<port>", "the agent's port", ofAgent.setPort},
	{"agent-send", "<text>", "what the agent is sent", setAgentSend},
	{"check-addr", "<addr> [port <port>]", "where checks go", ofChecks.setAddr},
	{"check-port", "<port>", "the port that checks go to", ofChecks.setPort},
	{"fqdn", "<name>", "the name that the address is of", setFQDN},
	{"health", "up|stopping|down", "the health, until checks find another", setHealth},
	{"ssl", "on|off", "whether connections to it speak TLS", setSSL},
	{"state", "ready|drain|maint", "the administrative state", setState},
	{"weight", "<weight>[%]", "the weight, absolute or in percent of the configured one", setServerWeight},
}

// usage has all of the reference's words.
const usage = "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | health | ssl | state | weight"

func setServer(c *Control, s *proxy.Server, r *cli.Request) {
	name := word(r, 0)
	if row := c.Words.Lookup(keyword.SetServer, name); row != nil {
		row.Impl.(setting)(c, s, r)
		return
	}
	r.Fail("%s", usage)
}

func setServerWeight(c *Control, s *proxy.Server, r *cli.Request) {
	refuse(r, c.Checks.SetWeight(s, word(r, 1)))
}

func setState(c *Control, s *proxy.Server, r *cli.Request) {
	if !c.Checks.SetAdmin(s, word(r, 1)) {
		r.Fail("'set server <srv> state' expects 'ready', 'drain' and 'maint'.")
	}
}

func setHealth(c *Control, s *proxy.Server, r *cli.Request) {
	switch {
	case s.Watch.Track != nil:
		r.Fail("cannot change health on a tracking server.")
	case !c.Checks.SetHealth(s, word(r, 1)):
		r.Fail("'set server <srv> health' expects 'up', 'stopping', or 'down'.")
	}
}

func setAgent(c *Control, s *proxy.Server, r *cli.Request) {
	switch {
	case s.Agent == nil:
		r.Fail("agent checks are not enabled on this server.")
	case !c.Checks.SetAgent(s, word(r, 1)):
		r.Fail("'set server <srv> agent' expects 'up' or 'down'.")
	}
}

// setSSL switches TLS. Reference: whether it can be comes before what is asked.
func setSSL(_ *Control, s *proxy.Server, r *cli.Request) {
	on := word(r, 1) == "on"
	switch {
	case s.Dynamic:
		r.Fail("'set server <srv> ssl' not supported on dynamic servers")
	case s.TLS == nil:
		r.Fail("'set server <srv> ssl' cannot be set.  default-server should define ssl settings")
	case !on && word(r, 1) != "off":
		r.Fail("'set server <srv> ssl' expects 'on' or 'off'.")
	default:
		s.SetTLS(on)
		r.Message(cli.Notice, "server ssl setting updated.")
	}
}

// setFQDN has another name give a server its address.
func setFQDN(c *Control, s *proxy.Server, r *cli.Request) {
	name := word(r, 1)
	if name == "" {
		r.Fail("set server <b>/<s> fqdn requires a FQDN.")
		return
	}
	text, ok := c.Names.SetHost(s, name)
	if !ok {
		r.Fail("%s", text)
		return
	}
	r.Message(cli.Notice, "%s", text)
}

func setAgentSend(c *Control, s *proxy.Server, r *cli.Request) {
	text := word(r, 1)
	if s.Agent == nil {
		r.Fail("agent checks are not enabled on this server.")
		return
	}
	c.Checks.ChangeAgent(s, func(a *check.Agent) { a.Send = text })
}

// target is what checks or the agent connect to, as "set server" moves it.
type target struct {
	what   string // of the words
	absent string // the answer for a server that has none
	has    func(*proxy.Server) bool
	move   func(*check.Checker, *proxy.Server, netip.Addr, int) bool
}

var (
	ofAgent = target{"agent", "agent checks are not enabled on this server",
		func(s *proxy.Server) bool { return s.Agent != nil }, (*check.Checker).MoveAgent}
	ofChecks = target{"check", "health checks are not enabled on this server",
		func(s *proxy.Server) bool { return s.Check != nil }, (*check.Checker).MoveCheck}
)

func (t *target) setAddr(c *Control, s *proxy.Server, r *cli.Request) {
	if !t.has(s) {
		r.Message(cli.Warning, "%s", t.absent)
	} else if at, port, ok := addrOf(r, t.what+"-addr"); ok {
		t.move(c.Checks, s, at, port)
	}
}

func (t *target) setPort(c *Control, s *proxy.Server, r *cli.Request) {
	if !t.has(s) {
		r.Message(cli.Warning, "%s", t.absent)
	} else if port, ok := portOf(r, word(r, 1), t.what+"-port"); ok {
		t.move(c.Checks, s, netip.Addr{}, port)
	}
}

// portOf reads a port, or answers why it is none.
func portOf(r *cli.Request, text, what string) (int, bool) {
	n, err := strconv.Atoi(text)
	switch {
	case text == "" && strings.HasSuffix(what, "-port"):
		r.Fail("set server <b>/<s> %s requires a port.", what)
	case err != nil:
		r.Message(cli.Warning, "provided port is not an integer")
	case n < 0 || n > 65535:
		r.Message(cli.Warning, "provided port is invalid")
	default:
		return n, true
	}
	return 0, false
}

// addrOf reads an address and perhaps a port, -1 without one, of checks and
// agents, or answers why they are none.
func addrOf(r *cli.Request, what string) (at netip.Addr, port int, ok bool) {
	text := word(r, 1)
	if text == "" {
		r.Fail("set server <b>/<s> %s requires an address and optionally a port.", what)
		return at, 0, false
	}
	at, err := netip.ParseAddr(text)
	if err != nil {
		r.Message(cli.Warning, "invalid addr '%s'", text)
		return at, 0, false
	}
	if word(r, 2) != "port" {
		return at, -1, true
	}
	port, ok = portOf(r, word(r, 3), what)
	return at, port, ok
}

// setAddr moves a server. Reference: what changed is answered.
func setAddr(c *Control, s *proxy.Server, r *cli.Request) {
	text := word(r, 1)
	if text == "" {
		r.Fail("set server <b>/<s> addr requires an address and optionally a port.")
		return
	}
	old := s.Address()
	if !old.To.IP.IsValid() {
		r.Fail("Update for the current server address family is only supported through configuration file.")
		return
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		r.Message(cli.Warning, "Invalid addr '%s'", text)
		return
	}
	at := *old
	port := int(old.To.IP.Port())
	oldPort := portText(old)
	if word(r, 2) == "port" {
		if port, at.Offset, at.Relative, err = newPort(word(r, 3), old); err != nil {
			r.Message(cli.Warning, "%s", err)
			return
		}
	}
	at.To = loop.IPSockaddr(netip.AddrPortFrom(ip, uint16(port)))
	at.Text = net.JoinHostPort(ip.String(), strconv.Itoa(port))
	var changes []string
	if was := old.To.IP.Addr(); was != ip {
		changes = append(changes, fmt.Sprintf("IP changed from '%s' to '%s'", was, ip))
	}
	if now := portText(&at); now != oldPort {
		changes = append(changes, fmt.Sprintf("port changed from '%s' to '%s'", oldPort, now))
	}
	if len(changes) == 0 {
		r.Message(cli.Warning, "nothing changed")
		return
	}
	s.Move(&at)
	c.Checks.Moved(s)
	r.Message(cli.Warning, "%s by 'stats socket command'", strings.Join(changes, ", "))
}

// newPort reads the port of an address: absolute, or relative to the client's.
func newPort(text string, old *proxy.Address) (port, offset int, relative bool, err error) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, 0, false, fmt.Errorf("problem converting port '%s' to an int", text)
	case text[0] == '+' || text[0] == '-':
		return int(old.To.IP.Port()), n, true, nil
	case n < 1 || n > 65535:
		return 0, 0, false, fmt.Errorf("provided port is not valid")
	}
	return n, 0, false, nil
}

func portText(a *proxy.Address) string {
	if a.Relative {
		return fmt.Sprintf("%+d", a.Offset)
	}
	return strconv.Itoa(int(a.To.IP.Port()))
}
