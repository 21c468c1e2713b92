package build

import (
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// This file has the words for backends that balance nothing: who comes by no
// persistence goes to one address, or to where the client wanted to.

// noServer is how logs name what is no server.
const noServer = "<NOSRV>"

func dispatchRows(flag func(name string, bit proxy.Options, where keyword.Where, http bool, summary string) keyword.Row) []keyword.Row {
	return []keyword.Row{
		flag("transparent", proxy.OptTransparent, keyword.InBackends, false, "who comes by no persistence goes to the address that the client connected to"),
	}
}

func dispatchProxyRows() []keyword.Row {
	return []keyword.Row{
		proxyRow("dispatch", keyword.InListen|keyword.InBackend, "<address>:<port>", "where who comes by no persistence goes", "dispatch 127.0.0.1:80", dispatchKeyword,
			"dispatch", "dispatch 127.0.0.1", "dispatch 127.0.0.1:+1", "dispatch 127.0.0.1:80 x"),
		proxyRow("transparent", keyword.InProxies, "", "the old form of option transparent", "transparent", func(b *Builder, s *section, st *config.Statement) {
			if !b.tooMany(st, 1) {
				s.options |= proxy.OptTransparent
			}
		}, "transparent x"),
	}
}

func dispatchKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "defaults" {
		b.Alertf(st, "'dispatch' not allowed in 'defaults' section.")
		return
	}
	if !b.needs(s, st, "dispatch", false, true) || b.tooMany(st, 2) {
		return
	}
	l := newServerLine(st.Pos)
	text := st.Word(1)
	a, err := config.ParseAddress(text, b.rules(config.ServerRules))
	switch {
	case err != nil:
		b.Alertf(st, "'dispatch' : %s", err)
		return
	case a.IP.IsValid() && (a.Relative && a.HasPort || a.Offset != 0):
		b.Alertf(st, "'dispatch' : port offset not permitted here in '%s'", text)
		return
	case a.IP.IsValid() && !a.HasPort:
		b.Alertf(st, "'dispatch' : missing port specification in '%s'", text)
		return
	}
	l.addr = a
	if err := l.place(); err != nil {
		b.Alertf(st, "'dispatch' : %s", err)
		return
	}
	s.dispatch = l
}

// settleDispatch makes what takes the place of a server that balancing would choose.
func (b *Builder) settleDispatch(s *section) {
	l := s.dispatch
	switch {
	case l == nil && s.options&proxy.OptTransparent == 0:
		return
	case s.balancing.algorithm != "":
		if l != nil {
			b.Diag.Rawf(config.Warning, "dispatch address of %s '%s' will be ignored in balance mode.", "proxy", s.name)
		}
		return
	case l == nil:
		l = newServerLine(s.pos)
		if a, err := config.ParseAddress("0.0.0.0", b.rules(config.ServerRules)); err == nil {
			l.addr = a
		}
		_ = l.place() // nothing is wrong with that address
	}
	l.srv.Name, l.srv.NameBytes, l.srv.Proxy = noServer, []byte(noServer), s.p
	b.settleServer(s, l)
	s.p.Direct = l.srv
}
