package build

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gohap/lbcore/acl"
	"gohap/lbcore/certs"
	"gohap/lbcore/check"
	"gohap/lbcore/config"
	"gohap/lbcore/h1"
	"gohap/lbcore/keyword"
	"gohap/lbcore/log"
	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/resolvers"
)

// Result is what a configuration came to.
type Result struct {
	Proxies []*proxy.Proxy // in order of declaration, disabled ones left out
	Global  Global
	Rings   map[string]*log.Ring
	// RingOrder are the rings in order of declaration, Forwards where their lines go.
	RingOrder []*log.Ring
	Forwards  []RingForward
	Loggers   map[*log.Target]*log.Logger
	// GlobalLoggers are the outputs of the process's own messages.
	GlobalLoggers []*log.Logger
	Alerts        map[*proxy.Proxy]*check.Alerts
	Endpoints     map[*proxy.Server]check.Endpoints
	AgentWords    []check.AgentWord // what agents may say
	Plans         []*check.Plan
	ProcVars      *sample.ProcVars // scope proc, with what the rules name
	Lists         *acl.Refs        // the patterns of ACLs and maps
	Certs         *certs.Store
	Peers         []*proxy.Peers       // sections in order of declaration, incomplete ones left out
	Tables        []*proxy.Table       // in order of declaration, those of peers sections included
	Resolvers     []*resolvers.Section // in order of declaration
	// Servers reads the servers that are added while the instance runs.
	Servers *Servers
	// Late are the errors that -c does not notice and a start does.
	Late []string
}

// RingForward is a server line of a ring.
type RingForward struct {
	Ring *log.Ring
	To   *log.Forward
}

// Finish checks what only shows once everything was read, resolves references
// and returns the proxies; nil when there were errors, which Diag was told.
func (b *Builder) Finish() *Result {
	parsing := b.Diag.Errors()
	b.defaultResolvers()
	b.numberProxies()
	r := &Result{Rings: map[string]*log.Ring{}, ProcVars: b.procVars, Certs: b.certs}
	for _, rc := range b.ringOrder {
		ring := rc.newRing()
		r.Rings[rc.name], r.RingOrder = ring, append(r.RingOrder, ring)
		for _, f := range rc.to {
			r.Forwards = append(r.Forwards, RingForward{ring, f})
		}
	}
	for _, t := range b.Global.LogTargets {
		b.findRing(nil, t)
	}
	b.readCases()
	b.settleResolverUsers()
	b.settleNameservers()
	for _, s := range b.sections {
		b.settle(s)
	}
	b.settleVars()
	for _, s := range b.sections {
		b.connect(s)
	}
	b.settleUserlists()
	b.tracks()
	b.settleAlerts()
	for _, s := range b.sections {
		b.settleSticks(s)
	}
	b.shareTables()
	b.settleTableUsers()
	r.Peers = b.settlePeers()
	b.resolveReferences()
	b.refuseDatagrams()
	for _, s := range b.sections {
		askFirst(s.p, s.monitors...)
		for _, u := range s.useServers {
			askFirst(s.p, u.cond)
		}
		for _, r := range s.p.PersistRules {
			askFirst(s.p, r.Cond)
		}
		for _, r := range s.p.StickRules {
			askFirst(s.p, r.Cond)
		}
	}
	b.fullconn()
	b.warnCPUs()
	for _, s := range b.sections {
		for _, l := range s.binds {
			b.checkThreads(s, l)
			if l.Shards < 0 {
				l.Shards = b.Global.Shards
			}
		}
	}
	for _, t := range b.Global.LogTargets {
		r.GlobalLoggers = append(r.GlobalLoggers, b.logger(t))
	}
	for _, s := range b.sections {
		b.warnTimeouts(s)
		if !s.disabled {
			r.Proxies = append(r.Proxies, s.p)
		}
	}
	r.Loggers, r.Tables = b.loggers, b.served(r.Proxies)
	r.Alerts, r.Endpoints, r.Plans, r.AgentWords = b.alerts, b.checkEnds, b.plans, b.agentWords()
	r.Global, r.Late = b.Global, b.late
	for _, c := range b.resolvers {
		r.Resolvers = append(r.Resolvers, c.Section)
	}
	b.lists.Number()
	r.Lists = b.lists
	r.Servers = &Servers{builder: b}
	b.certs.ReadLine = b.listLine
	switch {
	case parsing > 0: // reference: the two worded so
		b.Diag.Rawf(config.Alert, "config : Fatal errors found in configuration.")
		return nil
	case b.Diag.Errors() > 0:
		b.Diag.Rawf(config.Alert, "Fatal errors found in configuration.")
		return nil
	case b.unresolved():
		b.Diag.Rawf(config.Alert, "Failed to initialize server(s) addr.")
		return nil
	}
	return r
}

// refuseDatagrams tells of servers whose address is no stream's.
func (b *Builder) refuseDatagrams() {
	for _, s := range b.sections {
		for _, l := range s.servers {
			if l.addr.Datagram {
				b.Diag.Rawf(config.Alert, "[%s] : unsupported transport for server address in '%s' backend.", l.pos, s.mode)
			}
		}
	}
}

// unresolved tells of servers whose name has no address: whether there is one.
func (b *Builder) unresolved() bool {
	found := false
	for _, s := range b.sections {
		for _, l := range s.servers {
			if l.unresolved != "" {
				found = true
				b.Diag.Rawf(config.Alert, "[%s] : %s%s", l.pos, l.label, l.unresolved)
			}
		}
	}
	return found
}

// numberProxies gives automatic ids; explicit ones are reserved first.
func (b *Builder) numberProxies() {
	taken := map[int]*section{}
	for _, s := range b.sections {
		if s.id == 0 {
			continue
		}
		taken[s.id] = s
	}
	for i, s := range b.sections {
		next := 1 + i // reference: those with a number of their own are counted
		if b.statsAt >= 0 && i >= b.statsAt {
			next++ // the proxy of the command sockets is one of them
		}
		s.p.ForcedID = s.id != 0
		if s.id == 0 {
			for taken[next] != nil {
				next++
			}
			s.id = next
			taken[next] = s
		}
		s.p.ID = s.id
	}
}

// settle turns a section's settings into its proxy's.
func (b *Builder) settle(s *section) {
	p := s.p
	p.Mode, p.Options, p.Timeouts, p.Disabled = s.mode, s.options, s.timeouts, s.disabled
	p.Backlog, p.Retries, p.RedispatchEvery, p.Reuse = s.backlog, s.retries, s.redispatch, s.reuse
	p.Fullconn = s.fullconn
	p.KeepAliveQueue = s.keepQueue
	p.StateFrom, p.StateFile = s.stateFrom, s.stateFile
	p.RetryOn, p.SessionConns = s.retryOn, s.sessConns
	p.ForwardFor, p.OriginalTo, p.Pages = s.forwardFor, s.originalTo, b.settlePages(s)
	p.CookieCapture = s.cookieCapture
	p.MonitorURI, p.MonitorFail = []byte(s.monitorURI), s.monitors
	p.InspectDelay, p.InspectResp = s.inspectDelay, s.inspectResp
	if p.IsFrontend {
		b.checkCaptures(s)
		b.settleLog(s)
		p.Maxconn.Store(s.maxconn)
		p.MaxSessRate.Store(s.sessRate)
		p.Logging = b.logging(s)
		p.UniqueID = b.format(s, s.uniqueFormat, sample.ForID, sample.FrontendRequestHeader, "unique-id")
		p.UniqueIDHeader = []byte(strings.ToLower(s.uniqueHeader))
		p.Client = b.clientConfig(s)
		b.settleTLS(s)
	}
	if p.IsBackend {
		b.settleServers(s)
		b.settleForwarded(s)
		b.settleCookie(s)
		b.settlePersist(s)
		if !p.IsFrontend { // for what becomes of its servers
			p.Logging = &proxy.Logging{Tag: b.tagOf(s), Loggers: b.loggersOf(s)}
		}
	}
	b.settleStats(s)
	b.warnMode(s)
	if s.p.IsFrontend && len(s.binds) == 0 {
		b.Diag.Rawf(config.Warning, "%s '%s' has no 'bind' directive. Please declare it as a backend if this was intended.", s.noun(), s.name)
	}
}

// settleLog replaces the HTTP log line of a proxy that speaks none.
func (b *Builder) settleLog(s *section) {
	name, builtin := strings.CutPrefix(s.logFormat.text, builtinFormat+"http")
	if s.mode == proxy.HTTP || !builtin {
		return
	}
	if name == "s" {
		b.Diag.Rawf(config.Warning, "parsing [%s] : 'option httpslog' not usable with %s '%s' (needs 'mode http'). Falling back to 'option tcplog'.", s.logFormat.pos, s.noun(), s.name)
		s.logFormat.text = builtinFormat + "tcp"
		return
	}
	b.Diag.Rawf(config.Warning, "parsing [%s] : 'option httplog' not usable with %s '%s' (needs 'mode http'). Falling back to 'option tcplog'.", s.logFormat.pos, s.noun(), s.name)
	s.logFormat.text = builtinFormat + "tcp" + name
}

func (b *Builder) clientConfig(s *section) mux.ClientConfig {
	t := s.timeouts
	var cases h1.Cases
	if s.options&proxy.OptCaseClient != 0 {
		cases = b.cases
	}
	return mux.ClientConfig{
		Cases:         cases,
		Decode:        b.decode(s.options&proxy.OptRelaxedRequest != 0),
		RequestTime:   int64(cmp.Or(t.HTTPRequest, t.Client)),
		KeepAliveTime: int64(cmp.Or(t.KeepAlive, t.HTTPRequest, t.Client)),
		ClientTime:    int64(t.Client),
		IgnoreProbes:  s.options&proxy.OptIgnoreProbes != 0,
		Policy: h1.Policy{FrontendClose: s.options&proxy.OptClose != 0,
			FrontendServerClose: s.options&proxy.OptServerClose != 0},
		InsecureReuse: b.Global.InsecureTE,
		NoLinger:      s.options&proxy.OptNoLinger != 0,
	}
}

func (b *Builder) decode(relaxed bool) h1.Options {
	l := b.Global.Limits
	return h1.Options{MaxFields: b.Global.MaxHeaders - 1, MaxHead: l.BufSize - l.MaxRewrite, MaxLine: l.BufSize - 64, Relaxed: relaxed, AnyPayload: b.Global.AnyPayload}
}

func (b *Builder) settleServers(s *section) {
	p := s.p
	var plan *check.Plan
	if slices.ContainsFunc(s.servers, func(l *serverLine) bool { return l.check }) {
		plan = b.checkPlan(s)
	}
	b.settleChecks(s)
	taken, named := map[int]bool{}, map[string]*serverLine{}
	for _, l := range s.servers {
		taken[l.srv.ID] = true
		if o := named[l.srv.Name]; o != nil {
			b.Diag.Rawf(config.Alert, "parsing [%s] : %s '%s', another server named '%s' was already defined at line %d, please use distinct names.", l.pos, s.noun(), s.name, l.srv.Name, o.pos.Line)
		}
		named[l.srv.Name] = l
		b.settleResolving(s, l)
		b.initAddr(s, l)
		if l.check {
			b.checkPort(s, l)
		}
	}
	s.plan = plan
	for i, l := range s.servers {
		next := i + 1 // reference: likewise
		l.srv.ForcedID = l.srv.ID != 0
		if l.srv.ID == 0 {
			for taken[next] {
				next++
			}
			l.srv.ID = next
			taken[next] = true
		}
		b.settleServer(s, l)
		if l.down {
			l.srv.SetAdmin(proxy.ForcedMaint|proxy.ConfigMaint, 0, 0)
		}
		p.AddServer(l.srv)
		b.serverCookie(s, l)
	}
	b.settleBalance(s)
	b.settleDispatch(s)
}

// settleServer turns a line with an id into its server.
func (b *Builder) settleServer(s *section, l *serverLine) {
	l.srv.RingKey = l.ringKey()
	l.settleLimits()
	l.settleSendProxy()
	l.settleTLVs(b, s)
	l.settleSource(b, s)
	l.srv.Config.Decode = b.decode(s.options&proxy.OptRelaxedResponse != 0)
	if s.options&proxy.OptCaseServer != 0 {
		l.srv.Config.Cases = b.cases
	}
	if l.check {
		l.settleCheck(s)
		l.srv.Check.Init = l.more.initState
		if s.plan != nil {
			l.srv.Check.Plan = s.plan
		}
	}
	l.settleProbes()
	if l.settleTLS(b, s) {
		l.settleMore(b, s)
	}
}

// settleProbes says what the line gives for checks and the agent of its own.
// Reference: the port in an address of checks is not shown.
func (l *serverLine) settleProbes() {
	l.srv.Rise, l.srv.Fall = l.checks.Rise, l.checks.Fall
	c := proxy.Probe{Port: l.port}
	if l.addrOf != nil {
		c.Addr = l.addrOf.IP
	}
	a := c
	if ip, err := netip.ParseAddr(l.more.agentAddr); err == nil {
		a.Addr = ip
	}
	if l.more.agentPort != 0 {
		a.Port = l.more.agentPort
	}
	switch {
	case l.tls.on:
		l.srv.SaySSL(1)
	case l.tls.denied:
		l.srv.SaySSL(-1)
	}
	l.srv.SetCheckAt(c)
	l.srv.SetAgentAt(a)
}

func (l *serverLine) settleCheck(s *section) {
	c := l.checks
	c.ConnectTime, c.Timeout = s.timeouts.Connect, s.timeouts.Check
	c.Addr = l.srv.Address().To
	if ip := l.srv.Address().To.IP; (ip.IsValid() || l.addr.Host != "") && (l.port != 0 || l.addrOf != nil) {
		a, port := ip.Addr(), ip.Port()
		if l.addrOf != nil && l.addrOf.IP.IsValid() {
			a = l.addrOf.IP
			if l.addrOf.HasPort {
				port = uint16(l.addrOf.Port)
			}
		}
		if l.port != 0 {
			port = uint16(l.port)
		}
		c.Addr = &loop.Sockaddr{IP: netip.AddrPortFrom(a, port)} // of a name that has no address yet
		if a.IsValid() {
			c.Addr = loop.IPSockaddr(netip.AddrPortFrom(a, port))
		}
		c.OwnAddr, c.OwnPort = l.addrOf != nil, l.port != 0 || l.addrOf != nil && l.addrOf.HasPort
	}
	l.srv.Check = &c
}

// connect resolves the names of backends.
func (b *Builder) connect(s *section) {
	if !s.p.IsFrontend {
		return
	}
	if d := s.defBackend; d.text != "" {
		s.p.DefaultBackend = b.backend(s, d, "default_backend")
	}
	for _, sw := range s.switches {
		r := proxy.Switch{Cond: sw.cond, Line: sw.pos.Line}
		if strings.Contains(sw.name, "%[") {
			r.Name = b.format(s, placed{sw.name, sw.pos}, sample.ForString, sample.FrontendUseBackend, "use_backend rule '"+sw.name+"'")
		} else if r.Backend = b.backend(s, placed{sw.name, sw.pos}, "use_backend"); r.Backend == nil {
			continue
		}
		s.p.Switches = append(s.p.Switches, r)
	}
}

func (b *Builder) backend(s *section, to placed, what string) *proxy.Proxy {
	t := b.byName[to.text]
	switch {
	case t == nil || !t.p.IsBackend:
		b.Diag.Rawf(config.Alert, "Proxy '%s': unable to find required %s: '%s'.", s.name, what, to.text)
		return nil
	case !s.speaksTo(t):
		how := "in a '" + what + "' rule"
		if what == "default_backend" {
			how = "as its default backend"
		}
		b.Diag.Rawf(config.Alert, "%s %s '%s' (%s) tries to use incompatible %s %s '%s' (%s) %s (see 'mode').",
			s.mode, s.noun(), s.name, s.pos, t.mode, t.noun(), t.name, t.pos, how)
		return nil
	}
	return t.p
}

// resolveReferences binds the arguments of expressions that name proxies and
// servers.
func (b *Builder) resolveReferences() {
	var lost []string
	for _, r := range b.Global.refs {
		if text := b.resolve(r); text != "" {
			lost = append(lost, fmt.Sprintf("parsing [%s:%d]: %s in proxy '%s'.", r.File, r.Line, text, r.Proxy))
		}
	}
	switch {
	case len(lost) == 1:
		b.Diag.Add(config.Alert, lost[0])
	case len(lost) > 1: // reference: one message, a line each
		b.Diag.Add(config.Alert, "multiple argument resolution errors:\n        "+strings.Join(lost, "\n        "))
	}
}

// resolve binds one argument and says what is missing.
func (b *Builder) resolve(r heldRef) string {
	name := r.Arg.Str
	if name == "" {
		name = r.Proxy
	}
	word := fmt.Sprintf("referenced in arg %d of %s", r.Index, r.what())
	switch r.Arg.Type {
	case sample.ArgFrontend, sample.ArgBackend:
		t := b.byName[name]
		want := r.Arg.Type == sample.ArgFrontend
		if t == nil || want && !t.p.IsFrontend || !want && !t.p.IsBackend {
			return fmt.Sprintf("unable to find %s '%s' %s", r.Arg.Type, name, word)
		}
		r.Arg.Ref = t.p
	case sample.ArgServer:
		px, sv, ok := strings.Cut(name, "/")
		if !ok {
			px, sv = r.Proxy, name
		}
		t := b.byName[px]
		if t == nil || t.p.Server(sv) == nil {
			return fmt.Sprintf("unable to find server '%s' in proxy '%s', %s", sv, px, word)
		}
		t.p.Server(sv).Pin()
		r.Arg.Ref = t.p.Server(sv)
	case sample.ArgTable:
		t := b.table(name)
		if t == nil {
			return fmt.Sprintf("unable to find table '%s' %s", name, word)
		}
		r.Arg.Ref = t
	case sample.ArgUserlist:
		return b.resolveUserlist(r)
	default:
		return keyword.Refusal(fmt.Sprintf("a %s as argument of '%s'", r.Arg.Type, r.Word))
	}
	return ""
}

// what names the word that holds the argument.
func (r heldRef) what() string {
	switch {
	case r.in == "" && r.Conv:
		return fmt.Sprintf("conversion keyword '%s' for ACL keyword '%s'", r.Word, r.Of)
	case r.in == "":
		return fmt.Sprintf("ACL keyword '%s'", r.Word)
	case r.Conv:
		return fmt.Sprintf("conversion keyword '%s' for sample fetch keyword '%s' in %s", r.Word, r.Of, r.in)
	}
	return fmt.Sprintf("sample fetch keyword '%s' in %s", r.Word, r.in)
}

// fullconn computes the default of fullconn: 10 % of the sum of the maxconn of
// the frontends that reach a backend, at least 1.
func (b *Builder) fullconn() {
	for _, s := range b.sections {
		reached := map[*proxy.Proxy]bool{}
		if s.p.IsFrontend {
			if s.p.DefaultBackend != nil {
				reached[s.p.DefaultBackend] = true
			} else if s.p.IsBackend {
				reached[s.p] = true
			}
			for _, sw := range s.p.Switches {
				if sw.Backend != nil {
					reached[sw.Backend] = true
				}
			}
		}
		for p := range reached {
			if s.maxconn == 0 {
				p.Unlimited++
			}
			p.Reachable += s.maxconn
		}
	}
	for _, s := range b.sections {
		switch {
		case !s.p.IsBackend:
		case s.p.Fullconn == 0:
			s.p.SetFullconn(0)
		default:
			s.p.Unlimited = 0 // what was configured stays
		}
	}
}

// warnTimeouts tells of time-outs that are needed and missing: one text that
// names all three (reference).
func (b *Builder) warnTimeouts(s *section) {
	if s.disabled {
		return
	}
	t := s.timeouts
	front := s.p.IsFrontend && t.Client == 0
	back := s.p.IsBackend && len(s.servers) > 0 && (t.Connect == 0 || t.Server == 0)
	if front || back {
		b.Diag.Rawf(config.Warning, "missing timeouts for %s '%s'.\n"+
			"   | While not properly invalid, you will certainly encounter various problems\n"+
			"   | with such a configuration. To fix this, please ensure that all following\n"+
			"   | timeouts are set to a non-zero value: 'client', 'connect', 'server'.", s.noun(), s.name)
	}
}

// warnMode tells of what a tcp proxy ignores.
func (b *Builder) warnMode(s *section) {
	if s.kind != "defaults" {
		b.checkProtos(s)
	}
	if s.mode == proxy.HTTP || s.kind == "defaults" || s.upgrades() {
		return
	}
	p := s.p
	b.warnCookie(s)
	if s.monitorURI != "" {
		b.Diag.Rawf(config.Warning, "'monitor-uri' statement ignored for %s '%s' as it requires HTTP mode.", s.noun(), s.name)
		p.MonitorURI, p.MonitorFail = nil, nil
	}
	b.warnStats(s)
	if len(p.HTTPReqRules) > 0 {
		b.Diag.Rawf(config.Warning, "'http-request' rules ignored for %s '%s' as they require HTTP mode.", s.noun(), s.name)
		p.HTTPReqRules = nil
	}
	if len(p.HTTPResRules) > 0 {
		b.Diag.Rawf(config.Warning, "'http-response' rules ignored for %s '%s' as they require HTTP mode.", s.noun(), s.name)
		p.HTTPResRules = nil
	}
	if len(p.HTTPAfterRules) > 0 {
		b.Diag.Rawf(config.Warning, "'http-after-response' rules ignored for %s '%s' as they require HTTP mode.", s.noun(), s.name)
		p.HTTPAfterRules = nil
	}
	for _, o := range []struct {
		bit  proxy.Options
		name string
	}{{proxy.OptForwardFor, "forwardfor"}, {proxy.OptOriginalTo, "originalto"}} {
		if s.options&o.bit != 0 {
			b.Diag.Rawf(config.Warning, "'option %s' ignored for %s '%s' as it requires HTTP mode.", o.name, s.noun(), s.name)
			p.Options &^= o.bit
		}
	}
}
