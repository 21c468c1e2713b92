package build

import (
	"gohap/lbcore/action"
	"gohap/lbcore/config"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// everyHeader is where error pages are made.
const everyHeader = sample.FrontendRequestHeader | sample.FrontendResponseHeader | sample.BackendRequestHeader | sample.BackendResponseHeader

// httpErrorKeyword reads http-error.
func httpErrorKeyword(b *Builder, s *section, st *config.Statement) {
	if st.Word(1) == "" {
		b.Alertf(st, "http-error : expects at least a <status> as arguments.\n")
		return
	}
	a := &rule.Args{Set: b.Set, Name: st.Words[0], Words: st.Words[1:], HTTP: true, Options: b.options(s, st, everyHeader, "http-error"), Host: b,
		Warn: func(f string, args ...any) { b.Warnf(st, f, args...) }}
	p, err := action.ReadPage(a)
	switch {
	case err == action.ErrNoStatus:
		b.Alertf(st, "http-error : expects at least a <status> as arguments.\n")
	case err == action.ErrNotHandled:
		b.Alertf(st, "http-error: status code '%d' not handled.", p.Status)
	case err != nil:
		b.Alertf(st, "http-error : %s", err)
	case p.Reset:
		s.pages = append(s.pages, pageLine{code: p.Status, reset: true})
	case p.From != "":
		s.pages = append(s.pages, pageLine{from: p.From, codes: []int{p.Status}, pos: st.Pos})
	default:
		s.setPage(p.Status, p.Reply)
	}
}
