//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// forwardedLine is option forwarded as it was read; expressions are compiled for each
// proxy that has it.
type forwardedLine struct {
	header proxy.ForwardedHeader
	exprs  [5]placedWords
}

// placedWords are the words of an expression.
type placedWords struct {
	words []string
	pos   config.Position
}

// The expressions.
const (
	forwardedHost = iota
	forwardedBy
	forwardedByPort
	forwardedFor
	forwardedForPort
)

// forwardedParameter returns what switches a parameter on and the number of its
// expression, -1 without one; nil for an unknown word.
func forwardedParameter(h *proxy.ForwardedHeader, word string) (on *bool, expr int) {
	switch word {
	case "proto":
		return &h.Proto, -1
	case "host":
		return &h.Host, forwardedHost
	case "by":
		return &h.By, forwardedBy
	case "by_port":
		return &h.ByPort, forwardedByPort
	case "for":
		return &h.For, forwardedFor
	case "for_port":
		return &h.ForPort, forwardedForPort
	}
	return nil, -1
}

const forwardedWords = "'option forwarded' only supports optional values: 'proto', 'host', 'host-expr', 'by', 'by-expr', 'by_port', 'by_port-expr', 'for', 'for-expr', 'for_port' and 'for_port-expr'."

// forwardedOption reads option forwarded.
func forwardedOption(b *Builder, s *section, st *config.Statement) {
	if st.No || st.Default {
		s.rfc7239 = nil
		return
	}
	l := &forwardedLine{}
	h := &l.header
	for i := 2; i < len(st.Words); i++ {
		word, isExpr := strings.CutSuffix(st.Words[i], "-expr")
		on, at := forwardedParameter(h, word)
		if on == nil || isExpr && at < 0 {
			b.Alertf(st, forwardedWords)
			return
		}
		*on = true
		if !isExpr {
			if at >= 0 {
				l.exprs[at].words = nil
			}
			continue
		}
		if i++; i >= len(st.Words) {
			b.alertTight(st.Pos, "'%s' expects <expr> as argument.", st.Words[i-1])
			return
		}
		l.exprs[at] = placedWords{st.Words[i : i+1], st.Pos}
	}
	if len(st.Words) == 2 {
		h.Proto, h.For = true, true
	}
	for _, port := range []struct {
		of   string
		node bool
		port *bool
	}{{"by", h.By, &h.ByPort}, {"for", h.For, &h.ForPort}} {
		if *port.port && !port.node {
			b.Warnf(st, "'option forwarded' : '%s_port-expr' will be ignored because both '%s' and '%s-expr' are unset", port.of, port.of, port.of)
			*port.port = false
		}
	}
	s.rfc7239 = l
}

// settleForwarded gives a backend its option forwarded.
func (b *Builder) settleForwarded(s *section) {
	l := s.rfc7239
	if l == nil || !s.p.IsBackend {
		return
	}
	if s.mode != proxy.HTTP {
		b.Diag.Rawf(config.Warning, "'option forwarded' ignored for %s '%s' as it requires HTTP mode.", s.noun(), s.name)
		return
	}
	h := l.header
	for i, to := range []**sample.Expr{&h.HostExpr, &h.ByExpr, &h.ByPortExpr, &h.ForExpr, &h.ForPortExpr} {
		w := l.exprs[i]
		if w.words == nil {
			continue
		}
		o := sample.Options{Place: sample.BackendRequestHeader, Words: b.Set, Files: b.Files, ProcVars: b.procVars, Lists: b.lists, Proxy: s.name, File: w.pos.File, Line: w.pos.Line,
			Env: b.Env.Lookup, Refs: b.holdRefs("option forwarded")}
		e, _, err := sample.CompileWords(b.Set, w.words, o)
		if err != nil {
			b.Diag.Rawf(config.Alert, "%s '%s' [%s]: failed to parse 'option forwarded' expression '%s' in : %s.", s.noun(), s.name, w.pos, w.words[0], strings.TrimSuffix(err.Error(), "."))
			continue
		}
		if err := e.CheckPlace(o.Place, w.words[0]); err != nil {
			b.Diag.Rawf(config.Warning, "%s '%s' [%s]: in 'option forwarded' sample expression '%s' : some args extract information from '%s', none of which is available here.", s.noun(), s.name, w.pos, w.words[0], e.Row().Needs)
		}
		*to = e
	}
	s.p.Forwarded = &h
}
