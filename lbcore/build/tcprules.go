package build

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gohap/lbcore/acl"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// tcpKinds are the rule sets of tcp-request and tcp-response.
var tcpKinds = map[string]ruleKind{
	"tcp-request connection": {"tcp-request connection", keyword.TCPReqConn, "tcp-request connection", rankConnection, sample.FrontendConnection, 0, func(s *section) *rule.Set { return &s.p.TCPConnRules }},
	"tcp-request session":    {"tcp-request session", keyword.TCPReqSess, "tcp-request session", rankSession, sample.FrontendSession, 0, func(s *section) *rule.Set { return &s.p.TCPSessRules }},
	"tcp-request content":    {"tcp-request content", keyword.TCPReqCont, "tcp-request content", rankContent, sample.FrontendContent, sample.BackendContent, func(s *section) *rule.Set { return &s.p.TCPReqRules }},
	"tcp-response content":   {"tcp-response content", keyword.TCPResCont, "tcp-response content", -1, 0, sample.BackendResponseContent, func(s *section) *rule.Set { return &s.p.TCPResRules }},
}

func tcpRows() []keyword.Row {
	return []keyword.Row{
		proxyRow("tcp-request", keyword.InProxies, "connection|session|content <action> [if|unless <condition>] | inspect-delay <time>",
			"a rule on connections, or on what comes through them", "tcp-request connection reject if { src 192.0.2.1 }", tcpKeyword,
			"tcp-request", "tcp-request nonsense", "tcp-request content nonsense", "tcp-request inspect-delay", "tcp-request inspect-delay 5x"),
		proxyRow("tcp-response", keyword.InProxies, "content <action> [if|unless <condition>] | inspect-delay <time>",
			"a rule on what comes from servers", "tcp-response content reject if { res.len gt 10 }", tcpKeyword,
			"tcp-response", "tcp-response nonsense", "tcp-response content nonsense", "tcp-response inspect-delay"),
	}
}

// tcpKeyword reads a line of tcp-request or tcp-response.
func tcpKeyword(b *Builder, s *section, st *config.Statement) {
	word, sub := st.Words[0], st.Word(1)
	k, isSet := tcpKinds[word+" "+sub]
	switch {
	case sub == "":
		b.Alertf(st, "missing argument for '%s' in %s", word, s.title())
	case !isSet && sub != "inspect-delay":
		choice := "'inspect-delay', 'connection', or 'content'"
		if word == "tcp-response" {
			choice = "'inspect-delay' or 'content'"
		}
		b.Alertf(st, "'%s' expects %s in %s (got '%s')", word, choice, s.title(), sub)
	case !b.tcpAllowed(s, st, word, sub):
	case isSet:
		b.tcpRule(s, st, k)
	default:
		b.inspectDelay(s, st)
	}
}

// title names a section in the messages of these keywords.
func (s *section) title() string {
	if s.kind == "defaults" {
		return "defaults section"
	}
	return fmt.Sprintf("%s '%s'", s.noun(), s.name)
}

// tcpAllowed tells whether a section may have such lines.
func (b *Builder) tcpAllowed(s *section, st *config.Statement, word, sub string) bool {
	anonymous := s.kind == "defaults" && !s.named
	switch {
	case word == "tcp-response" && (anonymous || s.kind == "frontend"):
		b.Alertf(st, "%s %s is only allowed in 'backend' sections or 'defaults' section with a name", word, sub)
	case anonymous:
		b.Alertf(st, "%s %s is not allowed in anonymous 'defaults' sections", word, sub)
	case s.kind == "backend" && (sub == "connection" || sub == "session"):
		b.Alertf(st, "%s %s is not allowed because %s %s is not a frontend", word, sub, s.noun(), s.name)
	default:
		return true
	}
	return false
}

func (b *Builder) inspectDelay(s *section, st *config.Statement) {
	text := st.Word(2)
	expects := fmt.Sprintf("'%s inspect-delay' expects a positive delay in milliseconds, in %s", st.Words[0], s.title())
	if text == "" {
		b.Alertf(st, "%s", expects)
		return
	}
	t, err := config.ParseTime(text, time.Millisecond)
	switch e := err.(type) {
	case nil:
	case *config.CharError:
		b.Alertf(st, "%s (unexpected character '%c')", expects, e.Char)
		return
	default:
		b.Alertf(st, "%s (timer overflow in '%s', maximum value is 2147483647 ms or ~24.8 days)", expects, text)
		return
	}
	if t.Trailing != "" {
		b.trailing(t, text)
	}
	if len(st.Words) > 3 { // the reference passes over them in silence
		b.Warnf(st, "'%s inspect-delay' takes one argument, '%s' is ignored.", st.Words[0], st.Words[3])
	}
	if st.Words[0] == "tcp-response" {
		s.inspectResp = t.Value
	} else {
		s.inspectDelay = t.Value
	}
}

// tcpRule reads one line of a rule set. Reference: errors do not end the
// reading, and are worded otherwise than those of HTTP rules.
func (b *Builder) tcpRule(s *section, st *config.Statement, k ruleKind) {
	row := b.actionRow(k, st.Word(2))
	if row == nil {
		b.unknownTCPAction(s, st, k)
		return
	}
	name, words := st.Words[2], st.Words[3:]
	o := b.options(s, st, k.place(s), k.in)
	o.Rule = k.word
	a := &rule.Args{Set: b.Set, Class: k.class, Name: name, Words: words, Options: o, Host: b,
		Warn: func(f string, args ...any) { b.Warnf(st, f, args...) }}
	if row.Name == "switch-mode" && !s.p.IsFrontend && s.kind != "defaults" {
		b.Alertf(st, "'tcp-request switch-mode' not allowed because %s '%s' has no frontend capability", s.noun(), s.name)
		return
	}
	asks := b.asking(a, k)
	b.marks(row.Name)
	act, err := row.Impl.(rule.ParseFunc)(a)
	if err != nil {
		b.Alertf(st, "%s", err)
		return
	}
	r := rule.Rule{Action: act, Asks: *asks, Word: row.Name, File: st.Pos.File, Line: st.Pos.Line}
	if rest := words[a.At:]; len(rest) > 0 {
		if r.Cond = b.tcpCond(s, st, k.word+" "+name, rest, o); r.Cond == nil {
			return
		}
	}
	if k.rank >= 0 {
		b.ruleOrder(s, st, k.rank)
	}
	*k.set(s) = append(*k.set(s), r)
	s.ruled = true
}

// tcpCond parses the condition of a rule; nil after an error.
func (b *Builder) tcpCond(s *section, st *config.Statement, what string, words []string, o sample.Options) *acl.Cond {
	if words[0] != "if" && words[0] != "unless" {
		b.Alertf(st, "'%s' only accepts 'if' or 'unless', in %s (got '%s')", what, s.title(), words[0])
		return nil
	}
	o.Refs = b.holdRefs("")
	c, err := acl.ParseCond(s.scope, words, o)
	if err != nil {
		b.Alertf(st, "'%s' : error detected in %s while parsing '%s' condition : %s", what, s.title(), words[0], err)
		return nil
	}
	return c
}

func (b *Builder) unknownTCPAction(s *section, st *config.Statement, k ruleKind) {
	name := st.Word(2)
	plain, _, _ := strings.Cut(name, "(")
	for _, known := range []string{name, plain, strings.TrimRight(name, "0123456789")} {
		if _, ok := keyword.Known(k.class, known); ok {
			b.Alertf(st, "%s.", keyword.Refusal(fmt.Sprintf("action '%s' in '%s' rules", name, k.word)))
			return
		}
	}
	var list []string
	for _, row := range b.Set.Rows(k.class) {
		if row.Prefix {
			list = append(list, row.Name+"(*)")
		} else {
			list = append(list, row.Name)
		}
	}
	mean := strings.Replace(keyword.DidYouMean(name, b.Set.Names(k.class)), "; did", " Did", 1)
	b.Alertf(st, "'%s' expects %s in %s (got '%s').%s", k.word, quoted(list), s.title(), name, mean)
}

// upgrades tells whether a frontend in mode tcp has a rule that turns
// connections into HTTP, so that HTTP rules have a meaning there.
func (s *section) upgrades() bool {
	return slices.ContainsFunc(s.p.TCPReqRules, func(r rule.Rule) bool {
		_, ok := r.Action.(interface{ SwitchesMode() })
		return ok
	})
}

// speaksTo tells whether a proxy may use a backend. Reference: connections that
// reach an HTTP backend in mode tcp are turned into HTTP.
func (s *section) speaksTo(to *section) bool {
	return s.mode == to.mode || s.mode == proxy.TCP && to.mode == proxy.HTTP
}

// mayInherit tells whether a proxy may take over the rules of a defaults
// section.
func (b *Builder) mayInherit(s *section, st *config.Statement) bool {
	d := s.from
	refuse := func(format string, args ...any) bool {
		b.alertTight(st.Pos, format, args...)
		b.stop = true
		return false
	}
	switch {
	case s.kind == "backend" && len(d.p.TCPConnRules)+len(d.p.TCPSessRules) > 0:
		return refuse("a backend section cannot inherit from a defaults section defining 'tcp-request connection' or 'tcp-request session' rules (defaults section at %s).", d.pos)
	case s.kind == "frontend" && len(d.p.TCPResRules) > 0:
		return refuse("a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules (defaults section at %s).", d.pos)
	case d.heir != "" && d.heir != s.kind:
		return refuse("frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules (defaults section at %s).", d.pos)
	}
	d.heir = s.kind
	return true
}
