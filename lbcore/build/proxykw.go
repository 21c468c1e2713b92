package build

import (
	"fmt"
	"strings"
	"time"

	"gohap/lbcore/acl"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

func proxyRow(name string, where keyword.Where, args, summary, good string, f ProxyFunc, bad ...string) keyword.Row {
	return keyword.Row{Class: keyword.Proxy, Name: name, Where: where, Args: args, Summary: summary,
		Good: []keyword.Example{{Config: good}}, Bad: bad, Impl: f}
}

func proxyRows() []keyword.Row {
	const (
		all = keyword.InProxies
		fe  = keyword.InFrontends
		be  = keyword.InBackends
	)
	return []keyword.Row{
		proxyRow("mode", all, "tcp|http", "protocol that the proxy speaks", "mode http", modeKeyword, "mode ftp", "mode"),
		proxyRow("timeout", all, "<name> <time>", "an inactivity or stage time-out", "timeout client 30s", timeoutKeyword, "timeout clint 3s", "timeout client x"),
		proxyRow("maxconn", fe, "<number>", "most connections of a frontend", "maxconn 2000", maxconnKeyword, "maxconn"),
		proxyRow("backlog", fe, "<number>", "length of the listen queue", "backlog 1024", intKeyword(true, false, func(s *section, n int) { s.backlog = n })),
		proxyRow("fullconn", be, "<number>", "connections at which minconn reaches maxconn", "fullconn 100", intKeyword(false, true, func(s *section, n int) { s.fullconn = n })),
		proxyRow("retries", be, "<number>", "connection attempts after the first", "retries 3", intKeyword(false, true, func(s *section, n int) { s.retries = n }), "retries"),
		proxyRow("default_backend", fe, "<backend>", "the backend of what no use_backend rule takes", "default_backend app", defaultBackendKeyword, "default_backend"),
		proxyRow("use_backend", keyword.InFrontend|keyword.InListen, "<backend> [if|unless <condition>]", "chooses a backend", "use_backend static if { path_beg /static }", useBackendKeyword, "use_backend", "use_backend a if {"),
		proxyRow("acl", keyword.InFrontend|keyword.InListen|keyword.InBackend, "<name> <criterion> [flags] [values]…", "names a test", "acl static path_beg /static", aclKeyword, "acl bad/name path /"),
		proxyRow("description", keyword.InFrontend|keyword.InListen|keyword.InBackend, "<text>", "text shown in statistics", "description front door", func(b *Builder, s *section, st *config.Statement) {
			switch {
			case s.kind == "defaults":
				b.alertTight(st.Pos, "'description' not allowed in 'defaults' section.")
			case len(st.Words) < 2:
				b.alertTight(st.Pos, "'description' expects a string argument.")
				b.stop = true
			default:
				s.p.Desc = strings.Join(st.Words[1:], " ")
			}
		}),
		proxyRow("id", keyword.InFrontend|keyword.InListen|keyword.InBackend, "<number>", "numeric identifier", "id 10", idKeyword, "id 0", "id x"),
		proxyRow("disabled", all, "", "the proxy does not start", "disabled", enabledKeyword(true), "disabled x"),
		proxyRow("enabled", all, "", "the proxy starts", "enabled", enabledKeyword(false), "enabled x"),
		proxyRow("http-reuse", be, "never|safe|aggressive|always", "sharing of idle server connections", "http-reuse safe", reuseKeyword, "http-reuse sometimes"),
		proxyRow("monitor-uri", fe, "<uri>", "a URI that is answered here with 200", "monitor-uri /alive", func(b *Builder, s *section, st *config.Statement) {
			if b.needs(s, st, "monitor-uri", true, false) {
				if len(st.Words) < 2 {
					b.Alertf(st, "'monitor-uri' expects an URI.")
					return
				}
				if b.tooMany(st, 2) {
					return
				}
				s.monitorURI = st.Words[1]
			}
		}, "monitor-uri"),
		proxyRow("monitor", keyword.InFrontend|keyword.InListen, "fail if|unless <condition>", "when monitor-uri answers 503", "monitor fail if { always_true }", monitorKeyword, "monitor ok"),
		proxyRow("capture", keyword.InFrontend|keyword.InListen, "cookie|request header|response header <name> len <n>", "keeps a header or cookie for the log", "capture request header Host len 20", captureKeyword, "capture request Host"),
		proxyRow("declare", keyword.InFrontend|keyword.InListen, "capture request|response len <n>", "a capture that rules fill by its number", "declare capture request len 20", declareKeyword, "declare capture", "declare capture request len 0", "declare table"),
		proxyRow("rate-limit", fe, "sessions <rate>", "most sessions a second", "rate-limit sessions 100", func(b *Builder, s *section, st *config.Statement) {
			rateLimit(b, s, st)
		}, "rate-limit hits 3"),
		proxyRow("bind", keyword.InFrontend|keyword.InListen, "[<address>]:<port>[,…] [options]", "an address to listen on", "bind :8080", bindKeyword, "bind", "bind :8080 nonsense"),
		proxyRow("server", keyword.InListen|keyword.InBackend, "<name> <address>[:<port>] [options]", "a server of the backend", "server s1 127.0.0.1:80", serverKeyword, "server s1", "server s1 127.0.0.1:80 nonsense"),
		proxyRow("default-server", all, "[options]", "options of the servers that follow", "default-server inter 5s", defaultServerKeyword, "default-server nonsense"),
		{Class: keyword.Proxy, Name: "option", Where: all, Args: "<name>", Summary: "switches a behaviour on", Flags: keyword.Negatable,
			Good: []keyword.Example{{Config: "option httplog"}}, Bad: []string{"option htplog"}, Impl: ProxyFunc(optionKeyword)},
		proxyRow("unique-id-format", fe, "<format>", "how a request's unique id is made", "unique-id-format %{+X}o\\ %ci:%cp", func(b *Builder, s *section, st *config.Statement) {
			if len(st.Words) < 2 {
				b.Alertf(st, "unique-id-format expects an argument.")
				return
			}
			if len(st.Words) > 2 {
				b.Alertf(st, "unique-id-format expects only one argument, don't forget to escape spaces!")
				return
			}
			s.uniqueFormat = placed{st.Word(1), st.Pos}
		}),
		proxyRow("unique-id-header", fe, "<name>", "the header that carries the unique id", "unique-id-header X-Unique-ID", func(b *Builder, s *section, st *config.Statement) {
			if len(st.Words) < 2 {
				b.Alertf(st, "unique-id-header expects an argument.")
				return
			}
			s.uniqueHeader = st.Word(1)
		}),
	}
}

func modeKeyword(b *Builder, s *section, st *config.Statement) {
	m := st.Word(1)
	switch row := b.Set.Lookup(keyword.Mode, m); {
	case row != nil && m == "http":
		s.mode = proxy.HTTP
	case row != nil && m == "tcp":
		s.mode = proxy.TCP
	case m == "health":
		b.Alertf(st, "'mode health' doesn't exist anymore. Please use 'http-request return status 200' instead.")
	default:
		if _, ok := keyword.Known(keyword.Mode, m); ok {
			b.Alertf(st, "%s.", keyword.Refusal("mode '"+m+"'"))
			return
		}
		b.Alertf(st, "unknown proxy mode '%s'.", m)
		return
	}
	s.modeSet = true
	b.tooMany(st, 2)
}

// timeoutSetters are the words of timeout.
var timeoutSetters = map[string]struct {
	set      func(*proxy.Timeouts, time.Duration)
	fe, be   bool
	negative string
}{
	"client":          {func(t *proxy.Timeouts, d time.Duration) { t.Client = d }, true, false, ""},
	"server":          {func(t *proxy.Timeouts, d time.Duration) { t.Server = d }, false, true, ""},
	"connect":         {func(t *proxy.Timeouts, d time.Duration) { t.Connect = d }, false, true, ""},
	"queue":           {func(t *proxy.Timeouts, d time.Duration) { t.Queue = d }, false, true, ""},
	"check":           {func(t *proxy.Timeouts, d time.Duration) { t.Check = d }, false, true, ""},
	"tunnel":          {func(t *proxy.Timeouts, d time.Duration) { t.Tunnel = d }, false, true, ""},
	"http-request":    {func(t *proxy.Timeouts, d time.Duration) { t.HTTPRequest = d }, true, true, ""},
	"http-keep-alive": {func(t *proxy.Timeouts, d time.Duration) { t.KeepAlive = d }, true, true, ""},
	"tarpit":          {func(t *proxy.Timeouts, d time.Duration) { t.Tarpit = d }, true, true, ""},
	"client-hs":       {func(t *proxy.Timeouts, d time.Duration) { t.ClientHS = d }, true, false, ""},
	"client-fin":      {func(t *proxy.Timeouts, d time.Duration) { t.ClientFin = d }, true, false, ""},
	"server-fin":      {func(t *proxy.Timeouts, d time.Duration) { t.ServerFin = d }, false, true, ""},
}

// timeoutNames are the words in the order of the reference's message.
var timeoutNames = []string{"client", "server", "connect", "check", "queue", "http-keep-alive", "http-request",
	"tunnel", "tarpit", "client-fin", "server-fin", "client-hs"}

func timeoutRows() []keyword.Row {
	var rows []keyword.Row
	for _, name := range timeoutNames {
		rows = append(rows, keyword.Row{Class: keyword.Timeout, Name: name, Where: keyword.InProxies, Args: "<time>",
			Summary: "timeout " + name, Good: []keyword.Example{{Config: "timeout " + name + " 5s"}},
			Bad: []string{"timeout " + name, "timeout " + name + " 5x"}, Impl: timeoutSetters[name].set})
	}
	return rows
}

func timeoutKeyword(b *Builder, s *section, st *config.Statement) {
	name := st.Word(1)
	row := b.Set.Lookup(keyword.Timeout, name)
	if row == nil {
		names := timeoutNames
		if _, ok := keyword.Known(keyword.Timeout, name); ok {
			b.Alertf(st, "%s.", keyword.Refusal("'timeout "+name+"'"))
			return
		}
		b.Alertf(st, "'timeout' supports %s (got '%s')", quotedList(names), name)
		return
	}
	what := "timeout " + name
	if len(st.Words) < 3 {
		b.Alertf(st, "'%s' expects an integer value (in milliseconds)", what)
		return
	}
	t := timeoutSetters[name]
	if side := s.lacks(t.fe, t.be); side != "" {
		b.Warnf(st, "'%s' will be ignored because %s '%s' has no %s capability", what, s.noun(), s.name, side)
		return
	}
	tm, err := config.ParseTime(st.Words[2], time.Millisecond)
	if err != nil {
		b.time(st, st.Words[2], what, time.Millisecond)
		return
	}
	if tm.Trailing != "" {
		b.trailing(tm, st.Words[2])
	}
	if tm.Small() {
		b.Warnf(st, "%s", tm.SmallText(what, fmt.Sprintf("%s '%s'", s.noun(), s.name)))
	}
	t.set(&s.timeouts, tm.Value)
	b.tooMany3(st)
}

func (b *Builder) tooMany3(st *config.Statement) {
	if len(st.Words) > 3 {
		b.Alertf(st, "'%s %s' : unexpected extra argument '%s' after value '%s'.", st.Words[0], st.Words[1], st.Words[3], st.Words[2])
	}
}

func quotedList(names []string) string {
	if len(names) < 2 {
		return quoted(names)
	}
	return quoted(names[:len(names)-1]) + " and '" + names[len(names)-1] + "'"
}

// atoi reads a number as C's atol does: the reference takes what leads and
// ignores the rest for these keywords.
func atoi(text string) int {
	n := 0
	for i := 0; i < len(text) && text[i] >= '0' && text[i] <= '9' && n < 1<<30; i++ {
		n = n*10 + int(text[i]-'0')
	}
	return n
}

func intKeyword(fe, be bool, set func(*section, int)) ProxyFunc {
	return func(b *Builder, s *section, st *config.Statement) {
		if !b.needs(s, st, st.Words[0], fe, be) {
			return
		}
		if len(st.Words) < 2 {
			b.Alertf(st, "'%s' expects an integer argument%s.", st.Words[0], map[bool]string{true: " (dispatch counts for one)"}[st.Words[0] == "retries"])
			return
		}
		if !b.tooMany(st, 2) {
			set(s, atoi(st.Words[1]))
		}
	}
}

func maxconnKeyword(b *Builder, s *section, st *config.Statement) {
	intKeyword(true, false, func(s *section, n int) { s.maxconn = int64(n) })(b, s, st)
}

func defaultBackendKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "default_backend", true, false) {
		return
	}
	if len(st.Words) < 2 {
		b.Alertf(st, "'default_backend' expects a backend name.")
		return
	}
	if !b.tooMany(st, 2) {
		s.defBackend = placed{st.Words[1], st.Pos}
	}
}

// options returns what an expression at this place may use; in names what it
// stands in, "" a condition.
func (b *Builder) options(s *section, st *config.Statement, place sample.Validity, in string) sample.Options {
	return sample.Options{Place: place, Words: b.Set, Files: b.Files, ProcVars: b.procVars, Lists: b.lists, Proxy: s.name, File: st.Pos.File, Line: st.Pos.Line, Env: b.Env.Lookup,
		Refs: b.holdRefs(in), Warn: func(text string) { b.Warnf(st, "%s", text) }}
}

// cond parses the condition that ends a rule, which what names in messages;
// words may be empty.
func (b *Builder) cond(s *section, st *config.Statement, what string, words []string, place sample.Validity) (*acl.Cond, bool) {
	if len(words) == 0 {
		return nil, true
	}
	c, err := acl.ParseCond(s.scope, words, b.options(s, st, place, ""))
	if err != nil {
		b.Alertf(st, "error detected while parsing %s : %s.", what, err)
		return nil, false
	}
	return c, true
}

func useBackendKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "defaults" {
		b.Alertf(st, "'use_backend' not allowed in 'defaults' section.")
		return
	}
	if !b.needs(s, st, "use_backend", true, false) {
		return
	}
	if len(st.Words) < 2 {
		b.Alertf(st, "'use_backend' expects a backend name.")
		return
	}
	if w := st.Word(2); w != "" && w != "if" && w != "unless" {
		b.Alertf(st, "unexpected keyword '%s' after switching rule, only 'if' and 'unless' are allowed.", w)
		return
	}
	c, ok := b.cond(s, st, "switching rule", st.Words[2:], placeFrontendSwitch)
	if ok {
		b.ruleOrder(s, st, rankBackend)
		s.switches = append(s.switches, switchLine{c, st.Words[1], st.Pos})
	}
}

func aclKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "defaults" && !s.named {
		b.Alertf(st, "'acl' not allowed in anonymous 'defaults' section.")
		return
	}
	if err := s.scope.Add(st.Words[1:], b.options(s, st, 0, "")); err != nil {
		b.Alertf(st, "%s.", strings.TrimSuffix(err.Error(), "."))
	}
}

func enabledKeyword(disabled bool) ProxyFunc {
	return func(b *Builder, s *section, st *config.Statement) {
		if !b.tooMany(st, 1) {
			s.disabled = disabled
		}
	}
}

func idKeyword(b *Builder, s *section, st *config.Statement) {
	n := atoi(st.Word(1))
	switch {
	case s.kind == "defaults":
		b.alertTight(st.Pos, "'id' not allowed in 'defaults' section.")
		return
	case st.Word(1) == "":
		b.alertTight(st.Pos, "'id' expects an integer argument.")
		return
	case n <= 0:
		b.alertTight(st.Pos, "custom id has to be > 0.")
		return
	case b.tooMany(st, 2):
		return
	}
	for _, o := range b.sections {
		if o.id == n {
			b.alertTight(st.Pos, "%s %s reuses same custom id as %s %s (declared at %s).", s.noun(), s.name, o.noun(), o.name, o.pos)
			return
		}
	}
	s.id = n
}

func reuseKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "http-reuse", false, true) {
		return
	}
	for r := proxy.ReuseSafe; r <= proxy.ReuseAlways; r++ {
		if r.String() == st.Word(1) && b.Set.Lookup(keyword.HTTPReuse, st.Word(1)) != nil {
			if len(st.Words) > 2 {
				b.Alertf(st, "'http-reuse %s' cannot handle unexpected argument '%s'.", r, st.Words[2])
			}
			s.reuse = r
			return
		}
	}
	b.Alertf(st, "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.")
}

func monitorKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "defaults" {
		b.Alertf(st, "'monitor' not allowed in 'defaults' section.")
		return
	}
	if !b.needs(s, st, "monitor", true, false) {
		return
	}
	if st.Word(1) != "fail" {
		b.Alertf(st, "'monitor' only supports 'fail'.")
		return
	}
	if w := st.Word(2); w != "if" && w != "unless" {
		b.Alertf(st, "'monitor fail' requires either 'if' or 'unless' followed by a condition.")
		return
	}
	if c, ok := b.cond(s, st, "a 'monitor fail' condition", st.Words[2:], placeFrontendHTTP); ok {
		b.ruleOrder(s, st, rankMonitor)
		s.monitors = append(s.monitors, c)
	}
}

func rateLimit(b *Builder, s *section, st *config.Statement) {
	text := st.Word(2)
	switch {
	case st.Word(1) != "sessions":
		b.Alertf(st, "'rate-limit' only supports 'sessions' (got '%s')", st.Word(1))
	case text == "":
		b.Alertf(st, "'rate-limit sessions' expects expects an integer value (in sessions/second)")
	case strings.Trim(text, "0123456789") != "":
		b.Alertf(st, "'rate-limit sessions' : unexpected character '%c' in integer value '%s'", strings.TrimLeft(text, "0123456789")[0], text)
	case s.lacks(true, false) != "":
		b.Warnf(st, "rate-limit sessions will be ignored because %s '%s' has no frontend capability", s.noun(), s.name)
	default:
		s.sessRate = int64(atoi(text))
	}
}

func captureKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "defaults" {
		b.Alertf(st, "'%s' not allowed in 'defaults' section.", strings.TrimSpace("capture "+st.Word(1)))
		return
	}
	if !b.needs(s, st, "capture", true, false) {
		return
	}
	w := st.Words
	switch {
	case len(w) == 5 && w[1] == "cookie" && w[3] == "len":
		s.cookieCapture = &proxy.CookieCapture{Prefix: []byte(w[2]), Len: min(atoi(w[4]), b.Global.Limits.CookieLen)}
	case len(w) == 6 && (w[1] == "request" || w[1] == "response") && w[2] == "header" && w[4] == "len":
		n := atoi(w[5])
		c := proxy.Capture{Name: []byte(strings.ToLower(w[3])), Len: n}
		if w[1] == "request" {
			s.p.ReqCaptures = append(s.p.ReqCaptures, c)
		} else {
			s.p.ResCaptures = append(s.p.ResCaptures, c)
		}
	case st.Word(1) == "cookie" && len(w) > 5 && w[3] == "len", len(w) > 6 && w[2] == "header" && w[4] == "len":
		b.Alertf(st, "'capture %s' cannot handle unexpected argument '%s'.", w[1], w[len(w)-1])
	case st.Word(1) == "cookie":
		b.Alertf(st, "'capture' expects 'cookie' <cookie_name> 'len' <len>.")
	case st.Word(2) == "header" && (w[1] == "request" || w[1] == "response"):
		b.Alertf(st, "'capture %s' expects 'header' <header_name> 'len' <len>.", w[1])
	default:
		b.Alertf(st, "'capture' expects 'cookie' or 'request header' or 'response header'.")
	}
}

// declareKeyword makes a capture that no header fills: rules do, by its number.
func declareKeyword(b *Builder, s *section, st *config.Statement) {
	switch {
	case s.kind == "defaults":
		b.Alertf(st, "'declare' not allowed in 'defaults' section.")
	case !s.p.IsFrontend:
		b.Alertf(st, "'declare' only available in frontend or listen section")
	case st.Word(1) == "":
		b.Alertf(st, "'declare' needs a second keyword that specify the type of declaration ('capture')")
	case st.Word(1) != "capture":
		b.Alertf(st, "unknown declaration type '%s' (supports 'capture')", st.Word(1))
	case st.Word(2) != "request" && st.Word(2) != "response":
		b.Alertf(st, "'declare capture' requires a direction ('request' or 'response')")
	case st.Word(3) != "len":
		b.Alertf(st, "'declare capture' requires a capture length ('len')")
	case st.Word(4) == "":
		b.Alertf(st, "'declare capture': 'len' requires a numeric value that represents the capture length")
	case strings.Trim(st.Word(4), "0123456789") != "" && !strings.HasPrefix(st.Word(4), "-"):
		b.Alertf(st, "'declare capture': cannot parse the length '%s'.", st.Word(4))
	case atoi(st.Word(4)) <= 0:
		b.Alertf(st, "length must be > 0")
	default:
		c := proxy.Capture{Len: atoi(st.Word(4))}
		if st.Word(2) == "request" {
			s.p.ReqCaptures = append(s.p.ReqCaptures, c)
		} else {
			s.p.ResCaptures = append(s.p.ResCaptures, c)
		}
	}
}

// ruleOrder warns when a rule of an earlier class follows one of a later class:
// it is processed first all the same. Reference: the nearest class is named.
func (b *Builder) ruleOrder(s *section, st *config.Statement, rank int) {
	s.seen |= 1 << rank
	for later := rank + 1; later < len(ruleClasses); later++ {
		if s.seen>>later&1 == 0 {
			continue
		}
		article := "a"
		if ruleClasses[later] == "http-request" {
			article = "an"
		}
		b.Warnf(st, "a '%s' rule placed after %s '%s' rule will still be processed before.", ruleClasses[rank], article, ruleClasses[later])
		return
	}
}

// The ranks of classes of rules.
const (
	rankConnection = iota
	rankSession
	rankContent
	rankMonitor
	rankRequest
	rankRedirect
	rankBackend
	rankServer
)

// ruleClasses are the classes of rules in the order in which they are
// processed.
var ruleClasses = [...]string{
	rankConnection: "tcp-request connection", rankSession: "tcp-request session", rankContent: "tcp-request content",
	rankMonitor: "monitor fail", rankRequest: "http-request", rankRedirect: "redirect", rankBackend: "use_backend", rankServer: "use-server",
}
