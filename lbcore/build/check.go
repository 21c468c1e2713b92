//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"fmt"
	"slices"
	"strings"

	"gohap/lbcore/check"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// The classes of the words of checks.
const (
	tcpCheckRule  keyword.Class = "tcp-check rules"
	httpCheckRule keyword.Class = "http-check rules"
	checkConnect  keyword.Class = "tcp/http-check connect params"
	expectMatch   keyword.Class = "check expect matches"
	expectParam   keyword.Class = "check expect params"
	watchValue    keyword.Class = "server observe/on-error/on-marked values"
	agentWord     keyword.Class = "agent-check words"
)

// checkConf is how a proxy's servers are checked, as it inherits it.
type checkConf struct {
	option    string             // the option that says so, "" for connect alone
	dialogue  func() *check.Plan // of options with a built-in dialogue
	request   check.Request      // of option httpchk
	tcp, http []checkRule
	ownTCP    bool // the rules are the section's own, not inherited
	ownHTTP   bool
	on404     bool
	sendState bool
	command   string
	path      string
}

type checkRule struct {
	check.Rule
	pos     config.Position
	comment bool
}

func checkRows() []keyword.Row {
	be := keyword.InBackends
	own := func(name, args, good, summary string, f OptionFunc, bad ...string) keyword.Row {
		return keyword.Row{Class: keyword.Option, Name: name, Args: args, Where: be, Summary: summary,
			Good: []keyword.Example{{Config: good}}, Bad: bad, Impl: f}
	}
	plain := func(name, summary string, dialogue func() *check.Plan) keyword.Row {
		return own(name, "", "option "+name, summary, func(b *Builder, s *section, st *config.Statement) {
			if len(st.Words) > 2 {
				b.Alertf(st, "'option %s' cannot handle unexpected argument '%s'.", name, st.Words[2])
				return
			}
			s.check.option, s.check.dialogue = name, dialogue
		}, "option "+name+" x")
	}
	rows := []keyword.Row{
		own("httpchk", "[<method>] [<uri>] [<version>] [<host>]", "option httpchk GET /alive HTTP/1.1 www", "checks by an HTTP request", httpchkOption, "option httpchk GET / HTTP/1.1 a b"),
		plain("tcp-check", "checks by the tcp-check rules", nil),
		plain("redis-check", "checks that a Redis server answers PING", check.Redis),
		plain("ldap-check", "checks that an LDAP server takes an anonymous bind", check.LDAP),
		plain("ssl-hello-chk", "checks that a server answers an SSLv3 hello", check.SSLHello),
		plain("external-check", "checks by a command", nil),
		own("smtpchk", "[HELO|EHLO <domain>]", "option smtpchk EHLO mx.example", "checks that an SMTP server greets", smtpchkOption, "option smtpchk EHLO a b"),
		own("mysql-check", "[user <name> [post-41|pre-41]]", "option mysql-check user check", "checks that a MySQL server takes a login", mysqlOption, "option mysql-check user", "option mysql-check x"),
		own("pgsql-check", "user <name>", "option pgsql-check user check", "checks that a PostgreSQL server asks for a password", pgsqlOption, "option pgsql-check"),
		proxyRow("tcp-check", be, "<rule> …", "a rule of option tcp-check", "tcp-check connect", func(b *Builder, s *section, st *config.Statement) { b.checkRuleLine(s, st, tcpCheckRule) }, "tcp-check", "tcp-check conect"),
		proxyRow("http-check", be, "<rule> …", "a rule of option httpchk", "http-check expect status 200", func(b *Builder, s *section, st *config.Statement) { b.checkRuleLine(s, st, httpCheckRule) }, "http-check", "http-check snd"),
		proxyRow("external-check", be, "command|path <text>", "the command of option external-check", "external-check path /bin", externalKeyword, "external-check", "external-check foo"),
	}
	word := func(class keyword.Class, line string, names string) {
		for name := range strings.SplitSeq(names, " ") {
			rows = append(rows, keyword.Row{Class: class, Name: name, Where: be, Summary: "a word of " + strings.Fields(line)[0],
				Good: []keyword.Example{{Config: strings.ReplaceAll(line, "$", name)}}})
		}
	}
	word(tcpCheckRule, "tcp-check", "comment connect expect send send-binary send-binary-lf send-lf set-var set-var-fmt unset-var")
	word(httpCheckRule, "http-check", "comment connect disable-on-404 expect send send-state set-var set-var-fmt unset-var")
	word(checkConnect, "tcp-check connect", "addr alpn default port proto send-proxy sni ssl linger")
	word(expectMatch, "http-check expect", "binary binary-lf fhdr hdr rbinary rstatus rstring status string string-lf")
	word(expectParam, "tcp-check expect", "comment min-recv error-status ok-status on-error on-success status-code tout-status")
	word(watchValue, "server", "observe:layer4 observe:layer7 observe:none on-error:fail-check on-error:fastinter on-error:mark-down on-error:sudden-death on-marked-down:shutdown-sessions on-marked-up:shutdown-backup-sessions")
	for i := range rows { // what stands inside lines has its example at the line's row
		switch rows[i].Class {
		case keyword.Option, keyword.Proxy:
		default:
			rows[i].Good = nil
		}
	}
	return slices.Concat(rows, agentWordRows(), checkTypeRows())
}

// agentWordRows are what agents may say; a row's function is a check.AgentWord.
func agentWordRows() (rows []keyword.Row) {
	for _, w := range [][2]string{
		{"up", "the server is up"}, {"down", "the server is down, the reason may follow"}, {"fail", "as down"}, {"stopped", "as down"},
		{"ready", "the server leaves maintenance and drain"}, {"drain", "the server takes no new clients"}, {"maint", "the server goes into maintenance"},
		{"<n>%", "the weight, of the configured one"}, {"weight:", "the weight, absolute or with a percent sign"}, {"maxconn:", "most connections of the server"},
	} {
		rows = append(rows, keyword.Row{Class: agentWord, Name: w[0], Where: keyword.InBackends, Summary: w[1], Impl: check.AgentWords[w[0]]})
	}
	return rows
}

// agentWords are the words of agents that there are.
func (b *Builder) agentWords() []check.AgentWord {
	words := []check.AgentWord{}
	for _, r := range b.Set.Rows(agentWord) {
		words = append(words, r.Impl.(check.AgentWord))
	}
	return words
}

// checkType makes the plan of a proxy's checks; nil is to connect alone.
type checkType func(b *Builder, s *section) *check.Plan

// checkTypeRows are the ways to check a server, by the option that asks for them.
func checkTypeRows() (rows []keyword.Row) {
	row := func(name, summary string, f checkType) {
		rows = append(rows, keyword.Row{Class: keyword.HealthCheck, Name: name, Where: keyword.InBackends, Summary: summary, Impl: f})
	}
	connect := func(*Builder, *section) *check.Plan { return nil }
	dialogue := func(_ *Builder, s *section) *check.Plan { return s.check.dialogue() }
	row(checksConnect, "a connection, and TLS where the server speaks it", connect)
	row("tcp-check", "the rules of tcp-check", func(_ *Builder, s *section) *check.Plan { return s.check.tcpPlan() })
	row("httpchk", "an HTTP request", func(_ *Builder, s *section) *check.Plan { return s.check.httpPlan() })
	row("external-check", "a command", func(b *Builder, s *section) *check.Plan {
		return &check.Plan{Kind: check.KindExternal, External: b.external(s)}
	})
	for _, name := range []string{"redis-check", "smtpchk", "mysql-check", "pgsql-check", "ldap-check", "ssl-hello-chk"} {
		row(name, "the dialogue of that protocol", dialogue)
	}
	row(checksAgent, "the line of an agent beside the server", connect)
	return rows
}

// The types of checks that no option names.
const (
	checksConnect = "tcp-connect"
	checksAgent   = "agent-check"
)

// hasCheck tells whether there is a type of checks, and says so if not.
func (b *Builder) hasCheck(s *section, name string) (checkType, bool) {
	row := b.Set.Lookup(keyword.HealthCheck, name)
	if row == nil {
		b.Diag.Rawf(config.Alert, "%s '%s' : %s.", s.noun(), s.name, keyword.Refusal("checks by '"+name+"'"))
		return nil, false
	}
	return row.Impl.(checkType), true
}

func httpchkOption(b *Builder, s *section, st *config.Statement) {
	w := st.Words[2:]
	q := check.Request{Method: "OPTIONS", Target: "/", Version: "HTTP/1.0"}
	if len(w) > 4 {
		b.Alertf(st, "'option httpchk' cannot handle unexpected argument '%s'.", w[4])
		return
	}
	switch len(w) {
	case 0:
	case 1:
		q.Target = w[0]
	default:
		q.Method, q.Target = w[0], w[1]
	}
	if len(w) > 2 {
		if strings.ContainsAny(w[2], "\r\n") {
			b.Alertf(st, "'option httpchk' : hiding headers or body at the end of the version string is unsupported.Use 'http-check send' directive instead..")
			return
		}
		q.Version = w[2]
	}
	if len(w) > 3 {
		f, err := sample.CompileFormat(b.Set, w[3], sample.FormatOptions{Options: b.options(s, st, sample.BackendCheck, ""), For: sample.ForString})
		if err != nil {
			b.Alertf(st, "'option httpchk' : %s.", err)
			return
		}
		q.Headers = []check.Header{{Name: "host", Value: f}}
	}
	s.check.option, s.check.dialogue = "httpchk", nil
	s.check.request = q
	for i := range s.check.http { // reference: the later line decides
		if r := s.check.http[i].HTTP; r != nil && len(w) > 0 {
			r.Target, r.Method, r.Version = q.Target, q.Method, q.Version
		}
	}
}

func smtpchkOption(b *Builder, s *section, st *config.Statement) {
	hello := "HELO localhost"
	switch w := st.Words[2:]; {
	case len(w) > 2:
		b.Alertf(st, "'option smtpchk' cannot handle unexpected argument '%s'.", w[2])
		return
	case len(w) == 2 && (w[0] == "EHLO" || w[0] == "HELO"):
		hello = w[0] + " " + w[1]
	}
	s.check.option, s.check.dialogue = "smtpchk", func() *check.Plan { return check.SMTP(hello) }
}

func mysqlOption(b *Builder, s *section, st *config.Statement) {
	w := st.Words[2:]
	user, pre41 := "", false
	switch {
	case len(w) > 0 && w[0] != "user":
		b.Alertf(st, "'option mysql-check' only supports optional values: 'user' (got '%s').", w[0])
		return
	case len(w) == 1:
		b.Alertf(st, "'option mysql-check user' expects <username> as argument.")
		return
	case len(w) > 3:
		b.Alertf(st, "'option mysql-check' cannot handle unexpected argument '%s'.", w[3])
		return
	case len(w) == 3 && w[2] != "post-41" && w[2] != "pre-41":
		b.Alertf(st, "keyword 'user' only supports 'post-41' and 'pre-41' (got '%s').", w[2])
		return
	}
	if len(w) > 1 {
		user, pre41 = w[1], len(w) == 3 && w[2] == "pre-41"
	}
	s.check.option, s.check.dialogue = "mysql-check", func() *check.Plan { return check.MySQL(user, pre41) }
}

func pgsqlOption(b *Builder, s *section, st *config.Statement) {
	w := st.Words[2:]
	switch {
	case len(w) < 2:
		b.Alertf(st, "'option pgsql-check' expects 'user <username>' as argument.")
	case w[0] != "user":
		b.Alertf(st, "'option pgsql-check' only supports optional values: 'user'.")
	case len(w) > 2:
		b.Alertf(st, "'option pgsql-check' cannot handle unexpected argument '%s'.", w[2])
	default:
		s.check.option, s.check.dialogue = "pgsql-check", func() *check.Plan { return check.PgSQL(w[1]) }
	}
}

func externalKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "external-check", false, true) {
		return
	}
	word, value := st.Word(1), st.Word(2)
	switch {
	case word == "":
		b.Alertf(st, "missing argument after 'external-check'.\n")
	case word != "command" && word != "path":
		b.Alertf(st, "'external-check' only supports 'command' and 'path'. but got '%s'.", word)
	case value == "":
		b.Alertf(st, "missing argument after '%s'.", word)
	case len(st.Words) > 3:
		b.Alertf(st, "'external-check' cannot handle unexpected argument '%s'.", st.Words[3])
	case word == "command":
		s.check.command = value
	default:
		s.check.path = value
	}
}

// checkRuleLine reads a tcp-check or http-check line.
func (b *Builder) checkRuleLine(s *section, st *config.Statement, class keyword.Class) {
	line := st.Words[0]
	if !b.needs(s, st, line, false, true) {
		return
	}
	word := st.Word(1)
	name, _, paren := strings.Cut(word, "(")
	isVar := strings.HasPrefix(word, "set-var") || strings.HasPrefix(word, "unset-var")
	if b.Set.Lookup(class, name) == nil || paren && !isVar {
		words := "'comment', 'connect', 'send', 'send-binary', 'expect', 'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)'"
		if class == httpCheckRule {
			words = "'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect', 'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)'"
		}
		b.Alertf(st, "'%s' only supports %s. but got '%s'", line, words, word)
		return
	}
	if word == "disable-on-404" || word == "send-state" {
		if !b.tooMany(st, 2) {
			s.check.on404 = s.check.on404 || word == "disable-on-404"
			s.check.sendState = s.check.sendState || word == "send-state"
		}
		return
	}
	p := &ruleParser{b: b, s: s, st: st, http: class == httpCheckRule, words: st.Words[2:]}
	r := checkRule{pos: st.Pos}
	err := p.parse(name, &r)
	if err == nil {
		err = s.check.add(p.http, r)
	}
	if err != nil {
		b.Alertf(st, "'%s %s' : %s.", line, word, err)
	}
}

// add appends a rule; the first one of a section replaces what was inherited.
func (c *checkConf) add(http bool, r checkRule) error {
	rules, mine := &c.tcp, &c.ownTCP
	if http {
		rules, mine = &c.http, &c.ownHTTP
	}
	if !*mine {
		*rules, *mine = nil, true
	}
	r.Index = len(*rules) + 1
	acted, connects, sends := false, 0, 0
	for _, o := range *rules {
		acted = acted || o.Send != nil || o.HTTP != nil || o.Expect != nil
		if o.Connect != nil {
			connects, sends = connects+1, 0
		}
		if o.HTTP != nil {
			sends++
		}
	}
	switch {
	case r.Connect != nil && acted && connects == 0:
		return fmt.Errorf("first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', when there is a 'connect' step in the tcp-check ruleset")
	case r.HTTP != nil && sends > 0:
		return fmt.Errorf("unable to add http-check send rule at step %d (missing connect rule).", r.Index)
	case http && r.Expect != nil && connects > 0 && sends == 0:
		return fmt.Errorf("unable to add http-check expect rule at step %d (missing send rule).", r.Index)
	}
	*rules = append(slices.Clip(*rules), r)
	return nil
}

// checkPlan makes the plan of a proxy's checks; nil is to connect alone.
func (b *Builder) checkPlan(s *section) *check.Plan {
	name := s.check.option
	if name == "" || name == "tcp-check" && len(s.check.tcp) == 0 {
		name = checksConnect
	}
	f, ok := b.hasCheck(s, name)
	if !ok {
		return nil
	}
	plan := f(b, s)
	if plan != nil {
		plan.BufSize = b.Global.Limits.BufSize
		b.plans = append(b.plans, plan)
	}
	return plan
}

// withComments gives each rule the comment that stands before it.
func withComments(rules []checkRule) []check.Rule {
	var out []check.Rule
	comment := ""
	for _, r := range rules {
		if r.comment {
			comment = r.Comment
			continue
		}
		rule := r.Rule
		if rule.Comment == "" {
			rule.Comment = comment
		}
		if rule.Var == nil {
			comment = ""
		}
		out = append(out, rule)
	}
	return out
}

var implicitConnect = check.Rule{Connect: &check.Connect{Implicit: true, Default: true}}

func opens(rules []check.Rule) bool {
	return slices.ContainsFunc(rules, func(r check.Rule) bool { return r.Connect != nil })
}

func (c *checkConf) tcpPlan() *check.Plan {
	rules := withComments(c.tcp)
	if !opens(rules) {
		rules = append([]check.Rule{implicitConnect}, rules...)
	}
	return &check.Plan{Kind: check.KindTCP, Rules: rules}
}

// httpPlan completes the rules: a connect, a request and what is expected are
// implicit when nothing is said about them.
func (c *checkConf) httpPlan() *check.Plan {
	rules := withComments(c.http)
	if !opens(rules) {
		rules = append([]check.Rule{implicitConnect}, rules...)
	}
	sends := func(r check.Rule) bool { return r.HTTP != nil }
	if !slices.ContainsFunc(rules, sends) {
		request := c.request
		at := slices.IndexFunc(rules, func(r check.Rule) bool { return r.Expect != nil })
		if at < 0 {
			at = len(rules)
		}
		rules = slices.Insert(rules, at, check.Rule{Index: len(c.http) + 1, HTTP: &request})
	}
	expected := false
	for i := range rules {
		switch r := &rules[i]; {
		case r.HTTP != nil:
			q := *r.HTTP
			q.State = c.sendState
			if i == slices.IndexFunc(rules, sends) && len(q.Headers) == 0 {
				q.Headers = c.request.Headers
			}
			r.HTTP, expected = &q, false
		case r.Expect != nil:
			expected = true
		}
	}
	if !expected {
		step := len(c.http) + 1
		if !slices.ContainsFunc(c.http, func(r checkRule) bool { return r.HTTP != nil }) {
			step++
		}
		rules = append(rules, check.Rule{Index: step, Expect: &check.Expect{Match: check.MatchStatus, Ranges: [][2]int{{200, 399}}, MinRecv: -1}})
	}
	return &check.Plan{Kind: check.KindHTTP, Rules: rules, On404: c.on404}
}
