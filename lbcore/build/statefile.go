package build

import (
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// This file has the words that say where the states of servers are read from. The
// files themselves are package control's.

func stateGlobalRows() []keyword.Row {
	once := func(name, args, what, summary, good string, to func(*Global) *string) keyword.Row {
		return keyword.Row{Class: keyword.Global, Name: name, Where: keyword.InGlobal, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: good}}, Bad: []string{name},
			Impl: GlobalFunc(func(b *Builder, st *config.Statement) {
				at := to(&b.Global)
				switch {
				case *at != "": // reference: an alert that is none
					b.Diag.Tell(config.Alert, "config : parsing ["+st.Pos.String()+"] : '"+name+"' already specified. Continuing.")
				case st.Word(1) == "":
					b.Alertf(st, "'%s' %s", name, what)
				default:
					*at = st.Word(1)
				}
			})}
	}
	return []keyword.Row{
		once("server-state-file", "<file>", "expect one argument: a file path.", "where the states of servers are read from at the start", "server-state-file /var/lib/gohap/state", func(g *Global) *string { return &g.StateFile }),
		once("server-state-base", "<directory>", "expects one argument: a directory path.", "the directory of files of server states", "server-state-base /var/lib/gohap", func(g *Global) *string { return &g.StateBase }),
	}
}

func stateProxyRows() []keyword.Row {
	return []keyword.Row{
		proxyRow("load-server-state-from-file", keyword.InBackends, "global|local|none", "which file the states of servers are read from at the start", "load-server-state-from-file global",
			func(b *Builder, s *section, st *config.Statement) {
				if !b.needs(s, st, st.Words[0], false, true) {
					return
				}
				from, ok := map[string]proxy.StateSource{"global": proxy.StateGlobal, "local": proxy.StateLocal, "none": proxy.StateNone}[st.Word(1)]
				if !ok {
					b.Alertf(st, "'load-server-state-from-file' expects 'global', 'local' or 'none'. Got '%s'", st.Word(1))
					return
				}
				s.stateFrom = from
			}, "load-server-state-from-file", "load-server-state-from-file somewhere"),
		proxyRow("server-state-file-name", keyword.InBackends, "[use-backend-name|<file>]", "the backend's own file of server states", "server-state-file-name app.state",
			func(b *Builder, s *section, st *config.Statement) {
				if !b.needs(s, st, st.Words[0], false, true) || b.tooMany(st, 2) {
					return
				}
				s.stateFile = st.Word(1)
				if s.stateFile == "use-backend-name" {
					s.stateFile = ""
				}
			}, "server-state-file-name a b"),
	}
}
