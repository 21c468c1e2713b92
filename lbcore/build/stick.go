package build

import (
	"slices"

	"gohap/lbcore/acl"
	"gohap/lbcore/clock"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/stick"
)

// This file has the stick rules, and what they ask of the tables that they name.

// stickLine is a stick rule before its table is known.
type stickLine struct {
	proxy.StickRule
	response bool
	named    bool // the table is not the section's own
	table    string
}

// stickKind is one of the stick rules.
type stickKind struct{ match, store, response bool }

func stickProxyRow() keyword.Row {
	return proxyRow("stick", keyword.InListen|keyword.InBackend, "on|match|store-request|store-response <expression> [table <table>] [if|unless <condition>]",
		"what is remembered of a client together with its server, and looked up to choose that server again",
		"stick-table type ip size 10\nstick on src", stickKeyword, "stick", "stick foo", "stick on", "stick on nosuch", "stick on src foo")
}

func stickRuleRows() (rows []keyword.Row) {
	for _, k := range []struct {
		name, good, summary string
		kind                stickKind
	}{
		{"on", "stick on src", "looks a key of the request up, and stores it", stickKind{match: true, store: true}},
		{"match", "stick match src", "looks a key of the request up", stickKind{match: true}},
		{"store-request", "stick store-request src", "stores a key of the request", stickKind{store: true}},
		{"store-response", "stick store-response res.cook(SID)", "stores a key of the response", stickKind{store: true, response: true}},
	} {
		rows = append(rows, keyword.Row{Class: keyword.StickRule, Name: k.name, Args: "<expression> [table <table>] [if|unless <condition>]", Summary: k.summary,
			Good: []keyword.Example{{Config: "mode http\nstick-table type string size 10\n" + k.good}}, Impl: k.kind})
	}
	return rows
}

func stickKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "defaults" {
		b.Alertf(st, "'stick' not allowed in 'defaults' section.")
		return
	}
	if !b.needs(s, st, "stick", false, true) {
		return
	}
	word := st.Word(1)
	row := b.Set.Lookup(keyword.StickRule, word)
	switch _, known := keyword.Known(keyword.StickRule, word); {
	case row == nil && known:
		b.Alertf(st, "%s.", keyword.Refusal("'stick "+word+"'"))
		return
	case row == nil:
		b.Alertf(st, "'stick' expects 'on', 'match', or 'store'.")
		return
	case st.Word(2) == "":
		b.Alertf(st, "'stick' expects a fetch method.")
		return
	}
	k := row.Impl.(stickKind)
	l := stickLine{StickRule: proxy.StickRule{Match: k.match, Store: k.store}, response: k.response}
	words := st.Words[2:]
	e, n, err := sample.CompileWords(b.Set, words, b.options(s, st, 0, "stick"))
	if err != nil {
		b.Alertf(st, "'stick': %s", err)
		return
	}
	if why := stickPlace(e, k.response); why != "" {
		b.Alertf(st, "'stick': fetch method '%s' extracts information from '%s', none of which is available %s.", e.Name(), e.Needs(), why)
		return
	}
	l.Expr = e
	words = words[n:]
	if len(words) > 0 && words[0] == "table" {
		l.named, l.table, words = true, append(words, "")[1], words[min(2, len(words)):]
	}
	place := sample.BackendUseServer
	if k.response {
		place = sample.BackendStickStore
	}
	switch {
	case len(words) == 0:
	case words[0] != "if" && words[0] != "unless":
		b.Alertf(st, "'stick': unknown keyword '%s'.", words[0])
		return
	default:
		if l.Cond, err = acl.ParseCond(s.scope, words, b.options(s, st, place, "")); err != nil {
			b.Alertf(st, "'stick': error detected while parsing sticking condition : %s.", err)
			return
		}
	}
	s.sticks = append(s.sticks, l)
}

// stickPlace says where an expression is of no use, "" where it is.
func stickPlace(e *sample.Expr, response bool) string {
	switch {
	case response && e.Validity()&sample.BackendStickStore == 0:
		return "for 'store-response'"
	case !response && e.Validity()&sample.BackendUseServer == 0:
		return "during request"
	}
	return ""
}

// settleSticks finds the tables that stick rules name. Reference: each of them
// stores the server, by number and key, whatever its line says.
func (b *Builder) settleSticks(s *section) {
	for i := range s.sticks {
		l := &s.sticks[i]
		name := s.name
		if l.named {
			name = l.table
		}
		t := b.table(name)
		switch {
		case t == nil:
			b.Diag.Rawf(config.Alert, "Proxy '%s': unable to find stick-table '%s'.", s.name, name)
			continue
		case !l.Expr.Makes(t.KeyType()):
			b.Diag.Rawf(config.Alert, "Proxy '%s': type of fetch not usable with type of stick-table '%s'.", s.name, name)
			continue
		}
		l.Table = t
		b.alsoStore(l.Table, stick.ServerID, stick.ServerKey)
		if l.response {
			s.p.StoreRules = append(s.p.StoreRules, l.StickRule)
		} else {
			s.p.StickRules = append(s.p.StickRules, l.StickRule)
		}
	}
}

// alsoStore makes a table hold further data; it is empty still.
func (b *Builder) alsoStore(t *proxy.Table, data ...stick.Data) {
	c := t.Config
	c.Store = slices.Clone(c.Store)
	for _, d := range data {
		if !t.Has(d, 0) {
			c.Store = append(c.Store, stick.Stored{Data: d, N: 1})
		}
	}
	if len(c.Store) == len(t.Config.Store) {
		return
	}
	made, err := stick.New(c, clock.Millis())
	if err != nil {
		b.Diag.Rawf(config.Alert, "[%s:%d] : stick-table: %v.", t.File, t.Line, err)
		return
	}
	t.Table = made
}
