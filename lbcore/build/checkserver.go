//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"gohap/lbcore/check"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

// serverChecks is what a server line says about checks beside their times.
type serverChecks struct {
	observe    proxy.Observe
	onError    proxy.OnError
	errorLimit int
	killDown   bool
	killBackup bool
	track      string
	initState  string
	agent      bool
	agentPort  int
	agentAddr  string
	agentInter time.Duration
	agentSend  string
	transport  check.Transport
	proto      string
}

func checkServerRows() []keyword.Row {
	row := func(name, args, good, summary string, f func(b *Builder, to *serverLine, arg string) error) keyword.Row {
		return keyword.Row{Class: keyword.Server, Name: name, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 " + good}},
			Impl: ServerFunc(func(b *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
				n := 1
				if args != "" {
					n = 2
				}
				arg := ""
				if len(w) > 1 && n == 2 {
					arg = w[1]
				}
				return n, f(b, to, arg)
			})}
	}
	flag := func(name, summary string, set func(*serverLine)) keyword.Row {
		return row(name, "", name, summary, func(_ *Builder, to *serverLine, _ string) error { set(to); return nil })
	}
	choice := func(name, good, summary string, expects string, set func(to *serverLine, arg string) bool) keyword.Row {
		return row(name, "<mode>", name+" "+good, summary, func(b *Builder, to *serverLine, arg string) error {
			if name == "observe" && arg == "" {
				return errors.New("'observe' expects <mode> as argument.")
			}
			known := name == "init-state" || b.Set.Lookup(watchValue, name+":"+arg) != nil
			if !known || !set(to, arg) {
				return fmt.Errorf("'%s' expects %s but got '%s'", name, expects, arg)
			}
			return nil
		})
	}
	return append([]keyword.Row{
		choice("observe", "layer4", "judges the server by its traffic too", "one of 'none', 'layer4', 'layer7'", func(to *serverLine, arg string) bool {
			modes := map[string]proxy.Observe{"none": proxy.ObserveNone, "layer4": proxy.ObserveLayer4, "layer7": proxy.ObserveLayer7}
			m, ok := modes[arg]
			to.more.observe = m
			return ok
		}),
		choice("on-error", "mark-down", "what too many errors of traffic do", "one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down'", func(to *serverLine, arg string) bool {
			modes := map[string]proxy.OnError{"fastinter": proxy.FastInter, "fail-check": proxy.FailCheck, "sudden-death": proxy.SuddenDeath, "mark-down": proxy.MarkDown}
			m, ok := modes[arg]
			to.more.onError = m
			return ok
		}),
		choice("on-marked-down", "shutdown-sessions", "what else happens when the server goes down", "'shutdown-sessions'", func(to *serverLine, arg string) bool {
			to.more.killDown = arg == "shutdown-sessions"
			return to.more.killDown
		}),
		choice("on-marked-up", "shutdown-backup-sessions", "what else happens when the server comes up", "'shutdown-backup-sessions'", func(to *serverLine, arg string) bool {
			to.more.killBackup = arg == "shutdown-backup-sessions"
			return to.more.killBackup
		}),
		choice("init-state", "down", "the state that the server starts in", "one of 'none', 'fully-up', 'up', 'down', or 'fully-down'", func(to *serverLine, arg string) bool {
			to.more.initState = arg
			return arg == "none" || arg == "fully-up" || arg == "up" || arg == "down" || arg == "fully-down"
		}),
		row("error-limit", "<number>", "error-limit 5", "consecutive errors of traffic that count", func(_ *Builder, to *serverLine, arg string) error {
			if arg == "" {
				return errors.New("'error-limit' expects an integer argument.")
			}
			if to.more.errorLimit = atoi(arg); to.more.errorLimit <= 0 {
				return errors.New("error-limit has to be > 0.")
			}
			return nil
		}),
		row("track", "[<backend>/]<server>", "track other/s2", "has the state of another server", func(_ *Builder, to *serverLine, arg string) error {
			if to.more.track = arg; arg == "" {
				return errors.New("'track' expects [<proxy>/]<server> as argument.")
			}
			return nil
		}),
	}, slices.Concat(agentRows(row, flag), checkTransportRows(row, flag))...)
}

type rowMaker func(name, args, good, summary string, f func(b *Builder, to *serverLine, arg string) error) keyword.Row

func agentRows(row rowMaker, flag func(string, string, func(*serverLine)) keyword.Row) []keyword.Row {
	return []keyword.Row{
		flag("agent-check", "asks an agent for state, weight and maxconn", func(to *serverLine) { to.more.agent = true }),
		flag("no-agent-check", "asks no agent", func(to *serverLine) { to.more.agent = false }),
		row("agent-port", "<port>", "agent-port 9000", "port of the agent", func(_ *Builder, to *serverLine, arg string) error {
			if arg == "" {
				return errors.New("'agent-port' expects a port number as argument.")
			}
			if to.more.agentPort = atoi(arg); to.more.agentPort > 65535 {
				return fmt.Errorf("'agent-port' : invalid port %d", to.more.agentPort)
			}
			return nil
		}),
		row("agent-addr", "<address>", "agent-addr 127.0.0.2", "address of the agent", func(b *Builder, to *serverLine, arg string) error {
			if arg == "" {
				return errors.New("'agent-addr' expects an address as argument.")
			}
			if to.more.agentAddr = arg; net.ParseIP(arg) == nil {
				ip, err := b.rules(config.BindRules).Resolve(arg, config.AnyIP)
				if err != nil {
					return fmt.Errorf("parsing agent-addr failed. Check if '%s' is correct address.", arg)
				}
				to.more.agentAddr = ip.String()
			}
			return nil
		}),
		row("agent-send", "<text>", "agent-send hello", "what the agent is sent", func(_ *Builder, to *serverLine, arg string) error {
			if to.more.agentSend = arg; arg == "" {
				return errors.New("'agent-send' expects a string as argument.")
			}
			return nil
		}),
		row("agent-inter", "<time>", "agent-inter 2s", "interval of asking the agent", func(_ *Builder, to *serverLine, arg string) error {
			if arg == "" {
				return errors.New("'agent-inter' expects a delay as argument.")
			}
			t, err := serverTime(to, "agent-inter", arg)
			if err != nil {
				return err
			}
			if to.more.agentInter = t.Value; t.Value <= 0 {
				return fmt.Errorf("invalid value %d for argument 'agent-inter' of server %s.", 0, to.srv.Name)
			}
			return nil
		}),
	}
}

func checkTransportRows(row rowMaker, flag func(string, string, func(*serverLine)) keyword.Row) []keyword.Row {
	return []keyword.Row{
		flag("check-ssl", "checks through TLS", func(to *serverLine) { to.more.transport.SSL = true }),
		flag("no-check-ssl", "does not check through TLS", func(to *serverLine) { to.more.transport.SSL, to.more.transport.NoSSL = false, true }),
		flag("check-send-proxy", "checks begin with a PROXY line", func(to *serverLine) { to.more.transport.SendProxy = true }),
		flag("no-check-send-proxy", "checks begin without a PROXY line", func(to *serverLine) { to.more.transport.SendProxy = false }),
		row("check-sni", "<name>", "check-sni www.example", "the name that checks send in TLS", func(_ *Builder, to *serverLine, arg string) error {
			if to.more.transport.SNI = arg; arg == "" {
				return errors.New("'check-sni' : missing SNI")
			}
			return nil
		}),
		row("check-alpn", "<protocols>", "check-alpn http/1.1", "the protocols that checks offer in TLS", func(_ *Builder, to *serverLine, arg string) error {
			if arg == "" {
				return errors.New("'check-alpn' : missing the comma-delimited ALPN protocol suite")
			}
			to.more.transport.ALPN = strings.Split(arg, ",")
			return nil
		}),
		row("check-proto", "<name>", "check-proto none", "the protocol that checks speak", func(_ *Builder, to *serverLine, arg string) error {
			switch to.more.proto = arg; arg {
			case "":
				return errors.New("'check-proto' : missing value")
			case "h1", "none", "h2", "fcgi":
				return nil
			}
			return fmt.Errorf("'check-proto' :  unknown MUX protocol '%s'", arg)
		}),
	}
}

// settleMore carries the checks of a server line to its server.
func (l *serverLine) settleMore(b *Builder, s *section) {
	m, srv := &l.more, l.srv
	fail := func(format string, args ...any) {
		b.Diag.Rawf(config.Alert, "config : [%s] : 'server %s/%s' : %s", l.pos, s.name, srv.Name, fmt.Sprintf(format, args...))
	}
	if l.check && m.track != "" {
		fail("unable to enable checks and tracking at the same time!")
		return
	}
	if m.observe == proxy.ObserveLayer7 && s.mode != proxy.HTTP {
		fail("'layer7' can only be used in http proxies..")
		return
	}
	srv.Watch = proxy.Watch{Observe: m.observe, OnError: m.onError, ErrorLimit: int64(m.errorLimit), KillOnDown: m.killDown, KillBackupsOnUp: m.killBackup}
	if srv.Watch.ErrorLimit == 0 {
		srv.Watch.ErrorLimit = 10
	}
	if m.agent {
		if _, ok := b.hasCheck(s, checksAgent); !ok {
			return
		}
		if m.agentPort == 0 {
			fail("server %s does not have agent port. Agent check has been disabled.", srv.Name)
			return
		}
		b.agent(l, s)
	}
	if l.check {
		b.transport(l, s)
	}
}

func (b *Builder) endpoints(srv *proxy.Server, set func(*check.Endpoints)) {
	if b.checkEnds == nil {
		b.checkEnds = map[*proxy.Server]check.Endpoints{}
	}
	e := b.checkEnds[srv]
	set(&e)
	b.checkEnds[srv] = e
}

func (b *Builder) agent(l *serverLine, s *section) {
	m := &l.more
	host := m.agentAddr
	if host == "" {
		host = "127.0.0.1"
		if ip := l.srv.Address().To.IP; ip.IsValid() {
			host = ip.Addr().String()
		}
	}
	inter := m.agentInter
	if inter == 0 {
		inter = 2 * time.Second
	}
	l.srv.Agent = &proxy.AgentConfig{Inter: inter, Timeout: s.timeouts.Check}
	b.endpoints(l.srv, func(e *check.Endpoints) {
		e.Agent = check.Agent{Network: "tcp", Address: net.JoinHostPort(host, strconv.Itoa(m.agentPort)), Send: m.agentSend, Follows: m.agentAddr == ""}
	})
}

// transport settles what checks connect through.
func (b *Builder) transport(l *serverLine, s *section) {
	m := &l.more
	wantsHTTP := s.check.option == "httpchk"
	if p := m.proto; p != "" && (p == "none") == wantsHTTP || p == "h2" || p == "fcgi" {
		b.Diag.Rawf(config.Alert, "config: %s '%s': server '%s' uses an incompatible MUX protocol for the selected check type", s.noun(), s.name, l.srv.Name)
		return
	}
	t := m.transport
	// Reference: checks speak what traffic does, unless they go elsewhere.
	t.Follows = l.tls.back != nil && !t.NoSSL && l.port == 0 && l.addrOf == nil
	if t.SSL || t.Follows || b.plansSSL(s) {
		back := l.tls.back
		t.TLS = func() *tls.Config { return back.Config() }
	} else if !t.SendProxy {
		return
	}
	b.endpoints(l.srv, func(e *check.Endpoints) { e.Transport = &t })
}

// plansSSL tells whether a rule of the proxy opens TLS.
func (b *Builder) plansSSL(s *section) bool {
	for _, rules := range [][]checkRule{s.check.tcp, s.check.http} {
		for _, r := range rules {
			if r.Connect != nil && r.Connect.SSL {
				return true
			}
		}
	}
	return false
}

// tracks connects servers with those that they track.
func (b *Builder) tracks() {
	for _, s := range b.sections {
		for _, l := range s.servers {
			if l.more.track != "" {
				b.track(s, l)
			}
		}
	}
	for _, s := range b.sections {
		for _, l := range s.servers {
			if l.srv.Watch.Track != nil {
				b.checkChain(s, l)
			}
		}
	}
}

func (b *Builder) track(s *section, l *serverLine) {
	fail := func(format string, args ...any) {
		b.Diag.Rawf(config.Alert, "[%s] : 'server %s/%s' : %s", l.pos, s.name, l.srv.Name, fmt.Sprintf(format, args...))
	}
	to, name := s, l.more.track
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		if to = b.byName[name[:i]]; to == nil || !to.p.IsBackend {
			fail("unable to find required proxy '%s' for tracking.", name[:i])
			return
		}
		name = name[i+1:]
	}
	if l.srv.Watch.Track = to.p.Server(name); l.srv.Watch.Track == nil {
		fail("unable to find required server '%s' for tracking.", name)
		return
	}
	for t := l.srv.Watch.Track; t != nil; t = t.Watch.Track { // earlier chains do not loop
		if t == l.srv {
			first := l.srv.Watch.Track
			fail("unable to track %s/%s as it belongs to a tracking chain looping back to %s/%s.", first.Proxy.Name, first.Name, s.name, l.srv.Name)
			l.srv.Watch.Track = nil
			return
		}
	}
}

// checkChain refuses a chain that ends at a server without checks.
func (b *Builder) checkChain(s *section, l *serverLine) {
	t := l.srv.Watch.Track
	last := t
	for last.Watch.Track != nil {
		last = last.Watch.Track
	}
	if last.Check == nil && last.Agent == nil {
		if !b.tracking(last) { // else it was told
			b.Diag.Rawf(config.Alert, "[%s] : 'server %s/%s' : unable to use %s/%s for tracking as it does not have any check nor agent enabled.",
				l.pos, s.name, l.srv.Name, t.Proxy.Name, t.Name)
		}
		return
	}
	t.Pin()
	t.AddFollower(l.srv)
}

// tracking tells whether a server was to track another, which was refused.
func (b *Builder) tracking(srv *proxy.Server) bool {
	for _, s := range b.sections {
		for _, l := range s.servers {
			if l.srv == srv {
				return l.more.track != ""
			}
		}
	}
	return false
}

// external settles the command of external checks.
func (b *Builder) external(s *section) *check.External {
	x := &check.External{Command: s.check.command, Path: s.check.path, Listener: [2]string{"NOT_USED", "NOT_USED"}}
	if b.Global.ExternalCheck == preserveEnv {
		x.Environ = b.Env.Pairs()
	}
	for _, l := range s.p.Binds {
		switch a := l.Sockaddr; {
		case a == nil:
			continue
		case a.IP.IsValid():
			x.Listener = [2]string{a.IP.Addr().String(), strconv.Itoa(int(a.IP.Port()))}
		default:
			x.Listener = [2]string{a.Path, "NOT_USED"}
		}
		break
	}
	return x
}

// settleChecks says what is missing or without effect.
func (b *Builder) settleChecks(s *section) {
	c := &s.check
	if !s.p.IsBackend {
		return
	}
	if c.option == "external-check" {
		if b.Global.ExternalCheck == noExternal {
			b.Diag.Rawf(config.Alert, "Proxy '%s' : 'option external-check' unable to find required 'global.external-check'.", s.name)
		}
		if c.command == "" {
			b.Diag.Rawf(config.Alert, "Proxy '%s' : 'option external-check' unable to find required 'external-check command'.", s.name)
		}
		if !b.Global.ForkWanted {
			b.Diag.Rawf(config.Warning, "Proxy '%s' : 'insecure-fork-wanted' not enabled in the global section, 'option external-check' will likely fail.", s.name)
		}
	} else if c.command != "" || c.path != "" {
		word := "command"
		if c.command == "" {
			word = "path"
		}
		b.Diag.Rawf(config.Warning, "'external-check %s' will be ignored for %s '%s' (requires 'option external-check').", word, s.noun(), s.name)
	}
	if c.option != "tcp-check" && c.ownTCP && len(c.tcp) > 0 {
		b.Diag.Rawf(config.Warning, "%s '%s' uses tcp-check rules without 'option tcp-check', so the rules are ignored.", s.noun(), s.name)
	}
	if c.option != "httpchk" && c.ownHTTP && len(c.http) > 0 {
		b.Diag.Rawf(config.Warning, "%s '%s' uses http-check rules without 'option httpchk', so the rules are ignored.", s.noun(), s.name)
	}
}

// checkPort tells whether a checked server has a port to connect to.
func (b *Builder) checkPort(s *section, l *serverLine) {
	if l.addr.Host != "" && !l.dynamic { // reference: a name may get a port with its address
		return
	}
	if l.addr.Port != 0 || l.port != 0 || l.srv.Address().To.Path != "" || l.srv.Address().To.Family == loop.Passed {
		return
	}
	text := "neither service port nor check port"
	if l.dynamic { // reference
		text += " nor tcp_check rule 'connect' with port information"
	}
	rules := s.check.tcp
	if s.check.option == "httpchk" {
		rules = s.check.http
	}
	if s.check.option == "tcp-check" || s.check.option == "httpchk" {
		connects, all := 0, true
		for _, r := range rules {
			if c := r.Connect; c != nil {
				has := c.Port != 0 || c.PortExpr != nil
				if connects++; connects == 1 && !has {
					text = "neither service port nor check port nor tcp_check rule 'connect' with port information"
				} else if !has {
					text = "neither service port nor check port, and a tcp_check rule 'connect' with no port information"
				}
				all = all && has
			}
		}
		if connects > 0 && all {
			return
		}
	}
	b.Diag.Rawf(config.Alert, "config: %s '%s': server '%s' has %s.", s.noun(), s.name, l.srv.Name, text)
}

// serverTime reads the time of a server's option; the error has the reference's
// wording, which is one for the options of checks, another for the rest.
func serverTime(to *serverLine, name, text string) (config.Time, error) {
	t, err := config.ParseTime(text, time.Millisecond)
	switch {
	case err == nil:
		return t, nil
	case name == "pool-purge-delay" && errors.Is(err, config.ErrTimeOverflow):
		return t, errors.New(config.OverflowText(text, name))
	case name == "pool-purge-delay":
		return t, fmt.Errorf("%w in argument to <%s>.", err, name)
	case !errors.Is(err, config.ErrTimeOverflow):
		return t, fmt.Errorf("%w in '%s' argument of server %s.", err, name, to.srv.Name)
	case name == "slowstart":
		return t, fmt.Errorf("overflow in argument <%s> to <%s> of server %s, maximum value is 2147483647 ms (~24.8 days).", text, name, to.srv.Name)
	}
	return t, fmt.Errorf("%w in argument <%s> to <%s> of server %s, maximum value is 2147483647 ms (~24.8 days).", err, text, name, to.srv.Name)
}
