package build

import (
	"strings"
	"time"

	"gohap/lbcore/auth"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// statsPage is what the stats lines of a section say. The first such line of a
// section replaces what it inherited as a whole (reference).
type statsPage struct {
	page  proxy.StatsPage
	of    *section
	asks  bool // stats auth or realm
	final bool // the latest of its rules has no condition
}

// statsWords are the words of the message, which has not all of them (reference).
const statsWords = "'admin', 'uri', 'realm', 'auth', 'scope', 'enable', 'hide-version', 'show-node', 'show-desc' or 'show-legends'"

// statsFunc reads a stats line; more words than it needs are passed over
// (reference).
type statsFunc func(b *Builder, s *section, t *statsPage, st *config.Statement)

func statsPageRows() []keyword.Row {
	word := func(name, args, summary, good string, f statsFunc, bad ...string) keyword.Row {
		for i := range bad {
			bad[i] = "stats " + bad[i]
		}
		return keyword.Row{Class: keyword.StatsWord, Name: name, Where: keyword.InProxies, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: "stats " + good}}, Bad: bad, Impl: f}
	}
	return []keyword.Row{
		proxyRow("stats", keyword.InProxies, "<word> [arguments]", "the statistics page of the section", "stats enable", statsKeyword, "stats", "stats nonsense"),
		word("enable", "", "there is a statistics page", "enable", func(*Builder, *section, *statsPage, *config.Statement) {}),
		word("uri", "<prefix>", "where the page is; /haproxy?stats unless given", "uri /status", statsURI, "uri"),
		word("auth", "<user>:<password>", "a user who may see the page; may repeat", "auth joe:secret", statsAuth, "auth"),
		word("realm", "<text>", "what the page calls itself when it asks for a password", "realm Statistics", statsRealm, "realm"),
		word("refresh", "<time>", "how often browsers load the page again", "refresh 10s", statsRefresh, "refresh", "refresh 5x"),
		word("scope", "<name>|.", "a proxy that the page shows, or the section itself; may repeat", "scope app", statsScope, "scope"),
		word("hide-version", "", "the page does not tell the version", "hide-version", func(_ *Builder, _ *section, t *statsPage, _ *config.Statement) { t.page.HideVersion = true }),
		word("show-legends", "", "the page tells addresses, ids, cookies and algorithms", "show-legends", func(_ *Builder, _ *section, t *statsPage, _ *config.Statement) { t.page.ShowLegends = true }),
		word("show-modules", "", "the page has a column of counters for each module", "show-modules", func(_ *Builder, _ *section, t *statsPage, _ *config.Statement) { t.page.ShowModules = true }),
		word("show-node", "[<name>]", "the page tells the node's name, or another", "show-node lb1", statsNode, "show-node a/b"),
		word("show-desc", "[<text>]", "the page tells the process's description, or another", "show-desc the first of two", statsDesc),
		word("admin", "if|unless <condition>", "who may change servers on the page; may repeat", "admin if { src 127.0.0.1 }", statsAdmin, "admin", "admin if nosuch"),
		word("http-request", "<action> [if|unless <condition>]", "a rule for requests of the page alone", "http-request deny unless { src 127.0.0.1 }", statsRule, "http-request", "http-request nonsense"),
	}
}

func statsKeyword(b *Builder, s *section, st *config.Statement) {
	name := st.Word(1)
	row := b.Set.Lookup(keyword.StatsWord, name)
	switch {
	case s.kind == "defaults" && name == "admin":
		b.alertTight(st.Pos, "'stats admin' not allowed in 'defaults' section.")
	case s.kind == "defaults" && name == "http-request":
		b.alertTight(st.Pos, "'stats' not allowed in 'defaults' section.")
	case name == "":
		b.alertTight(st.Pos, "missing keyword in 'stats', expects %s.", statsWords)
	case row == nil:
		if _, ok := keyword.Known(keyword.StatsWord, name); ok {
			b.Alertf(st, "%s.", keyword.Refusal("'stats "+name+"'"))
			return
		}
		b.alertTight(st.Pos, "unknown stats parameter '%s', expects %s.", name, statsWords)
	default:
		t := s.stats
		if t == nil || t.of != s {
			t = &statsPage{of: s, page: proxy.StatsPage{URI: []byte("/haproxy?stats"), Realm: "HAProxy Statistics"}}
		}
		row.Impl.(statsFunc)(b, s, t, st)
		s.stats = t
	}
}

func statsURI(b *Builder, _ *section, t *statsPage, st *config.Statement) {
	if st.Word(2) == "" {
		b.Alertf(st, "'uri' needs an URI prefix.")
		return
	}
	t.page.URI = []byte(st.Words[2])
}

// statsAuth adds a user. Reference: without a colon the password is empty, and
// the first of a name counts.
func statsAuth(b *Builder, _ *section, t *statsPage, st *config.Statement) {
	if st.Word(2) == "" {
		b.Alertf(st, "'auth' needs a user:password account.")
		return
	}
	name, password, _ := strings.Cut(st.Words[2], ":")
	if t.page.Users == nil {
		t.page.Users = auth.NewList("stats")
	}
	t.page.Users.Add(&auth.User{Name: name, Secret: password, Plain: true})
	t.asks = true
}

func statsRealm(b *Builder, _ *section, t *statsPage, st *config.Statement) {
	if st.Word(2) == "" {
		b.Alertf(st, "'realm' needs an realm name.")
		return
	}
	t.page.Realm, t.asks = st.Words[2], true
}

func statsRefresh(b *Builder, _ *section, t *statsPage, st *config.Statement) {
	text := st.Word(2)
	v, err := config.ParseTime(text, time.Second)
	switch e := err.(type) {
	case nil:
		t.page.Refresh = int((v.Value + time.Second - 1) / time.Second)
	case *config.CharError:
		c := ""
		if e.Char != 0 {
			c = string(rune(e.Char))
		}
		b.alertTight(st.Pos, "unexpected character '%s' in argument to stats refresh interval.", c)
	default:
		b.alertTight(st.Pos, "timer overflow in argument <%s> to stats refresh interval, maximum value is 2147483647 s (~68 years).", text)
	}
}

func statsScope(b *Builder, _ *section, t *statsPage, st *config.Statement) {
	if st.Word(2) == "" {
		b.Alertf(st, "'scope' needs a proxy name.")
		return
	}
	t.page.Scope = append(t.page.Scope, st.Words[2])
}

func statsNode(b *Builder, _ *section, t *statsPage, st *config.Statement) {
	for _, c := range st.Word(2) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' && c != '.' {
			b.alertTight(st.Pos, "'stats show-node' invalid node name - should be a stringwith digits(0-9), letters(A-Z, a-z), hyphen(-) or underscode(_).")
			return
		}
	}
	t.page.ShowNode, t.page.Node = true, st.Word(2)
}

func statsDesc(b *Builder, _ *section, t *statsPage, st *config.Statement) {
	text := ""
	if len(st.Words) > 2 {
		text = strings.Join(st.Words[2:], " ")
	}
	if text == "" && b.Global.Desc == "" {
		b.Diag.Rawf(config.Warning, "config : parsing [%s]: 'show-desc' requires a parameter or 'desc' to be set in the global section.", st.Pos)
	}
	t.page.ShowDesc, t.page.Desc = true, text
}

func statsAdmin(b *Builder, s *section, t *statsPage, st *config.Statement) {
	if w := st.Word(2); w != "if" && w != "unless" {
		b.Alertf(st, "'stats admin' requires either 'if' or 'unless' followed by a condition.")
		return
	}
	if c, ok := b.cond(s, st, "a 'stats admin' rule", st.Words[2:], ruleKinds[0].place(s)); ok {
		t.page.Admin = append(t.page.Admin, c)
	}
}

// statsRule reads a rule of the page: the actions of http-request.
func statsRule(b *Builder, s *section, t *statsPage, st *config.Statement) {
	k := ruleKinds[0]
	name := st.Word(2)
	row := b.actionRow(k, name)
	if row == nil {
		if name == "" {
			b.alertTight(st.Pos, "'http-request' expects %s, but got '' (missing argument).", quotedList(b.Set.Names(k.class)))
			b.stop = true
			return
		}
		b.unknownAction(st, k, name)
		return
	}
	line := *st
	line.Words = st.Words[1:]
	r, ok := b.action(s, &line, k, row, st.Words[3:])
	if !ok {
		b.stop = true
		return
	}
	if t.final { // reference: whatever the action is
		b.Diag.Rawf(config.Warning, "config : parsing [%s]: previous 'stats' action has no condition attached, further entries are NOOP.", st.Pos)
	}
	t.final = r.Cond == nil
	t.page.Rules = append(t.page.Rules, r)
}

// settleStats gives a proxy its statistics page.
func (b *Builder) settleStats(s *section) {
	t := s.stats
	if t == nil {
		return
	}
	if t.asks && len(t.page.Rules) > 0 {
		b.Diag.Rawf(config.Alert, "proxy '%s': stats 'auth'/'realm' and 'http-request' can't be used at the same time.", s.name)
	}
	page := t.page
	s.p.Stats = &page
}

// warnStats tells of the page of a proxy that speaks no HTTP.
func (b *Builder) warnStats(s *section) {
	if s.p.Stats != nil {
		b.Diag.Rawf(config.Warning, "'stats' statement ignored for %s '%s' as it requires HTTP mode.", s.noun(), s.name)
		s.p.Stats = nil
	}
}
