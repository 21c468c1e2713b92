package build

import (
	"fmt"
	"slices"
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// The places where rules stand: the union of what a frontend's and a backend's
// rules of that kind may use is decided by the section.
const (
	placeFrontendHTTP   = sample.FrontendRequestHeader
	placeFrontendSwitch = sample.FrontendUseBackend
)

// ruleKind is one rule-set keyword.
type ruleKind struct {
	word   string
	class  keyword.Class
	in     string // what expressions stand in, for messages
	rank   int    // order of processing, -1 when order does not matter
	fe, be sample.Validity
	set    func(*section) *rule.Set
}

var ruleKinds = []ruleKind{
	{"http-request", keyword.HTTPReq, "http-request expression", rankRequest, sample.FrontendRequestHeader, sample.BackendRequestHeader, func(s *section) *rule.Set { return &s.p.HTTPReqRules }},
	{"http-response", keyword.HTTPRes, "http-response response", -1, sample.FrontendResponseHeader, sample.BackendResponseHeader, func(s *section) *rule.Set { return &s.p.HTTPResRules }},
	{"http-after-response", keyword.HTTPAfterRes, "http-response response", -1, sample.FrontendResponseHeader, sample.BackendResponseHeader, func(s *section) *rule.Set { return &s.p.HTTPAfterRules }},
}

func ruleRows() []keyword.Row {
	var rows []keyword.Row
	for _, k := range ruleKinds {
		rows = append(rows, proxyRow(k.word, keyword.InProxies, "<action> [if|unless <condition>]", "a rule of the "+k.word+" set",
			k.word+map[string]string{"http-request": " deny if { path /x }"}[k.word]+map[bool]string{true: " set-header a b"}[k.word != "http-request"],
			func(b *Builder, s *section, st *config.Statement) { b.rule(s, st, k) }, k.word, k.word+" nonsense"))
	}
	return append(rows, proxyRow("redirect", keyword.InFrontend|keyword.InListen|keyword.InBackend, "<kind> <target> [options] [if|unless <condition>]",
		"answers with a redirection", "redirect location /new if { path /old }", redirectKeyword, "redirect", "redirect nonsense x"))
}

// rule reads one line of a rule set.
func (b *Builder) rule(s *section, st *config.Statement, k ruleKind) {
	if s.kind == "defaults" && !s.named {
		b.Alertf(st, "'%s' not allowed in anonymous 'defaults' section.", k.word)
		return
	}
	name := st.Word(1)
	if name == "" {
		b.alertTight(st.Pos, "'%s' expects %s.", k.word, quotedList(b.Set.Names(k.class)))
		b.stop = true
		return
	}
	row := b.actionRow(k, name)
	if row == nil {
		b.unknownAction(st, k, name)
		return
	}
	if row.Flags&keyword.Experimental != 0 && !b.Global.Experimental {
		b.Alertf(st, "'%s' action is experimental, must be allowed via a global 'expose-experimental-directives'", row.Name)
		b.stop = true
		return
	}
	r, ok := b.action(s, st, k, row, st.Words[2:])
	if !ok {
		b.stop = true
		return
	}
	if k.rank >= 0 {
		b.ruleOrder(s, st, k.rank)
	}
	set := k.set(s)
	if n := len(*set); n > 0 && s.final[k.class] {
		b.Diag.Rawf(config.Warning, "config : parsing [%s]: previous '%s' action is final and has no condition attached, further entries are NOOP.", st.Pos, k.word)
	}
	if s.final == nil {
		s.final = map[keyword.Class]bool{}
	}
	s.final[k.class] = r.Cond == nil && endsRules(row.Name, st.Words)
	*set = append(*set, r)
	s.ruled = true
}

// endsRules tells whether an action without a condition leaves nothing to the
// rules behind it. Reference: those that close the connection do not count.
func endsRules(name string, words []string) bool {
	switch name {
	case "allow", "auth", "deny", "tarpit", "return":
		return true
	case "redirect":
		return !slices.Contains(words, "ignore-empty")
	}
	return false
}

// actionRow finds an action; the names of some go on in parentheses.
func (b *Builder) actionRow(k ruleKind, name string) *keyword.Row {
	if row := b.Set.Lookup(k.class, name); row != nil {
		return row
	}
	word, _, _ := strings.Cut(name, "(")
	if strings.HasPrefix(name, "track-sc") { // its number follows
		word = "track-sc"
	}
	if row := b.Set.Lookup(k.class, word); row != nil && row.Prefix {
		return row
	}
	return nil
}

func (b *Builder) unknownAction(st *config.Statement, k ruleKind, name string) {
	if _, ok := keyword.Known(k.class, name); ok {
		b.Alertf(st, "%s.", keyword.Refusal(fmt.Sprintf("action '%s' in '%s' rules", name, k.word)))
		return
	}
	names := b.Set.Names(k.class)
	b.alertTight(st.Pos, "'%s' expects %s, but got '%s'%s", k.word, quotedList(names), name, proposal(name, names))
	b.stop = true
}

// place is where a section's rules of the kind run.
func (k ruleKind) place(s *section) sample.Validity {
	switch {
	case s.kind == "defaults" || s.kind == "listen":
		return k.fe | k.be
	case s.p.IsBackend:
		return k.be
	}
	return k.fe
}

// action parses an action's words and the condition behind them.
func (b *Builder) action(s *section, st *config.Statement, k ruleKind, row *keyword.Row, words []string) (rule.Rule, bool) {
	a := &rule.Args{Set: b.Set, Class: k.class, Name: written(row, st), Words: words, HTTP: true, Plain: k.word == "redirect",
		Options: b.options(s, st, k.place(s), k.in), Host: b,
		Warn: func(f string, args ...any) { b.Warnf(st, f, args...) }}
	asks := b.asking(a, k)
	b.marks(row.Name)
	act, err := row.Impl.(rule.ParseFunc)(a)
	if err != nil {
		what := fmt.Sprintf("'%s %s'", k.word, written(row, st))
		if k.word == "redirect" {
			what = "redirect"
		}
		b.Alertf(st, "error detected in %s '%s' while parsing %s rule : %s.", s.noun(), s.name, what, err)
		return rule.Rule{}, false
	}
	r := rule.Rule{Action: act, Asks: *asks, Word: row.Name, File: st.Pos.File, Line: st.Pos.Line}
	rest := words[a.At:]
	if len(rest) == 0 {
		return r, true
	}
	if rest[0] != "if" && rest[0] != "unless" {
		b.alertTight(st.Pos, "'%s %s' expects either 'if' or 'unless' followed by a condition but found '%s'.", k.word, written(row, st), rest[0])
		return r, false
	}
	what := fmt.Sprintf("an '%s %s' condition", k.word, row.Name)
	if k.word == "redirect" {
		what = "a 'redirect' condition"
	}
	c, ok := b.cond(s, st, what, rest, a.Options.Place)
	r.Cond = c
	return r, ok
}

// checkCaptures holds the capture rules of a frontend against its captures: they
// may be declared behind the rules.
func (b *Builder) checkCaptures(s *section) {
	p := s.p
	for _, set := range []rule.Set{p.HTTPReqRules, p.HTTPResRules, p.HTTPAfterRules} {
		for _, r := range set {
			a, ok := r.Action.(interface {
				CaptureSlot() (index int, response bool)
			})
			if !ok {
				continue
			}
			index, response := a.CaptureSlot()
			most, word := len(p.ReqCaptures), "http-request"
			if response {
				most, word = len(p.ResCaptures), "http-response"
			}
			if index >= most {
				b.Diag.Rawf(config.Alert, "Proxy '%s': unable to find capture id '%d' referenced by %s capture rule.", p.Name, index, word)
			}
		}
	}
}

// written is the action's name as it stands in the line.
func written(row *keyword.Row, st *config.Statement) string {
	if row.Prefix {
		return st.Word(1)
	}
	return row.Name
}

// redirectKeyword reads the redirect statement: the action of http-request by
// another name, in a set of its own that runs behind it.
func redirectKeyword(b *Builder, s *section, st *config.Statement) {
	row := b.Set.Lookup(keyword.HTTPReq, "redirect")
	if row == nil {
		b.Alertf(st, "'redirect' is not available.")
		return
	}
	k := ruleKinds[0]
	k.word = "redirect"
	if r, ok := b.action(s, st, k, row, st.Words[1:]); ok {
		b.ruleOrder(s, st, rankRedirect)
		r.Line = 0 // reference: last_rule_* knows rules of the rule sets alone
		s.p.RedirectRules = append(s.p.RedirectRules, r)
	}
}

// A heldRef is an argument that names a proxy or server, to be resolved once
// all are read. in says what it stands in; "" is a condition.
type heldRef struct {
	sample.Ref
	in string
	// lazy: an action of the request rules asks by itself
	lazy bool
}

// holdRefs takes the references of what stands in such a place.
func (b *Builder) holdRefs(in string) func(sample.Ref) {
	return func(r sample.Ref) { b.Global.refs = append(b.Global.refs, heldRef{Ref: r, in: in}) }
}

// asking collects the user lists that an action's expressions name, where the
// action can wait.
func (b *Builder) asking(a *rule.Args, k ruleKind) *[]*sample.Arg {
	var list []*sample.Arg
	if k.class == keyword.HTTPReq || k.class == keyword.TCPReqCont {
		a.Options.Refs = func(r sample.Ref) {
			lazy := r.Arg.Type == sample.ArgUserlist
			if lazy {
				list = append(list, r.Arg)
			}
			b.Global.refs = append(b.Global.refs, heldRef{Ref: r, in: k.in, lazy: lazy})
		}
	}
	return &list
}
