package build

import (
	"strings"

	"gohap/lbcore/acl"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// This file has the words that tie requests to servers without a cookie.

// useServer is a use-server rule before its name is resolved.
type useServer struct {
	cond *acl.Cond
	name string
	pos  config.Position
}

func persistRows() []keyword.Row {
	const where = keyword.InListen | keyword.InBackend
	return []keyword.Row{
		proxyRow("use-server", where, "<server> if|unless <condition>", "sends what a condition picks to one server",
			"use-server s1 if { path_beg /one }\nserver s1 127.0.0.1:80", useServerKeyword, "use-server", "use-server s1", "use-server s1 x"),
		proxyRow("force-persist", where, "if|unless <condition>", "what persists goes to its server even if that is down",
			"force-persist if { path_beg /admin }", persistKeyword(false), "force-persist", "force-persist x"),
		proxyRow("ignore-persist", where, "if|unless <condition>", "persistence does not count for these requests",
			"ignore-persist if { path_end .gif }", persistKeyword(true), "ignore-persist", "ignore-persist x"),
		proxyRow("persist", keyword.InBackends|keyword.InDefaults, "rdp-cookie[(<name>)]", "clients of terminal servers go to the server that their cookie names",
			"mode tcp\npersist rdp-cookie(msts)", rdpPersistKeyword, "persist", "persist foo", "persist rdp-cookie(", "persist rdp-cookie()", "persist rdp-cookie x"),
		proxyRow("http-send-name-header", keyword.InBackends, "<field>", "the header field that tells a server its name",
			"http-send-name-header X-Server", sendNameKeyword, "http-send-name-header"),
	}
}

// persistOptions are the options that go with them.
func persistOptions(flag func(name string, bit proxy.Options, where keyword.Where, http bool, summary string) keyword.Row) []keyword.Row {
	return []keyword.Row{
		flag("persist", proxy.OptPersist, keyword.InBackends, false, "what persists goes to its server even if that is down"),
		flag("prefer-last-server", proxy.OptPreferLastServer, keyword.InBackends, false, "a session stays with the server that it holds a connection to"),
	}
}

// condition reads the condition of a rule that needs one.
func (b *Builder) condition(s *section, st *config.Statement, what string, words []string, place sample.Validity) (*acl.Cond, bool) {
	if len(words) == 0 || words[0] != "if" && words[0] != "unless" {
		b.Alertf(st, "'%s' requires either 'if' or 'unless' followed by a condition.", st.Words[0])
		return nil, false
	}
	return b.cond(s, st, what, words, place)
}

func useServerKeyword(b *Builder, s *section, st *config.Statement) {
	switch {
	case s.kind == "defaults":
		b.Alertf(st, "'use-server' not allowed in 'defaults' section.")
		return
	case !b.needs(s, st, "use-server", false, true):
		return
	case len(st.Words) < 2:
		b.Alertf(st, "'use-server' expects a server name.")
		return
	}
	if c, ok := b.condition(s, st, "switching rule", st.Words[2:], sample.BackendUseServer); ok {
		b.ruleOrder(s, st, rankServer)
		s.useServers = append(s.useServers, useServer{c, st.Words[1], st.Pos})
	}
}

// rdpPersistKeyword reads persist rdp-cookie.
func rdpPersistKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "persist", false, true) {
		return
	}
	name, named := strings.CutPrefix(st.Word(1), "rdp-cookie")
	switch {
	case st.Word(1) == "":
		b.Alertf(st, "missing persist method.")
		return
	case !named:
		b.Alertf(st, "unknown persist method.")
		return
	case name == "":
		name = "msts"
	default:
		inside, closed := strings.CutSuffix(name, ")")
		if inside, named = strings.CutPrefix(inside, "("); !closed || !named || inside == "" {
			b.Alertf(st, "persist rdp-cookie(name)' requires an rdp cookie name.")
			return
		}
		name = inside
	}
	if !b.tooMany(st, 2) {
		s.rdpCookie = placed{"req.rdp_cookie(" + name + ")", st.Pos}
	}
}

func persistKeyword(ignore bool) ProxyFunc {
	return func(b *Builder, s *section, st *config.Statement) {
		word := st.Words[0]
		if s.kind == "defaults" {
			b.Alertf(st, "'%s' not allowed in 'defaults' section.", word)
			return
		}
		if !b.needs(s, st, word, false, true) {
			return
		}
		if c, ok := b.condition(s, st, "a '"+word+"' rule", st.Words[1:], sample.BackendContent); ok {
			s.p.PersistRules = append(s.p.PersistRules, proxy.PersistRule{Cond: c, Ignore: ignore})
		}
	}
}

func sendNameKeyword(b *Builder, s *section, st *config.Statement) {
	switch {
	case !b.needs(s, st, "http-send-name-header", false, true):
	case len(st.Words) < 2:
		b.Alertf(st, "'http-send-name-header' requires a header string.")
	default:
		s.sendName = strings.ToLower(st.Words[1])
	}
}

// settlePersist resolves the servers that rules name.
func (b *Builder) settlePersist(s *section) {
	p := s.p
	if s.sendName != "" && s.mode == proxy.HTTP {
		p.SendName = []byte(s.sendName)
	}
	for _, u := range s.useServers {
		r := proxy.UseServer{Cond: u.cond}
		if strings.Contains(u.name, "%") {
			if r.Name = b.serverFormat(s, u); r.Name == nil {
				continue
			}
		} else if r.Server = p.Server(u.name); r.Server == nil {
			b.Diag.Rawf(config.Alert, "%s '%s' : unable to find server '%s' referenced in a 'use-server' rule.", s.noun(), s.name, u.name)
			continue
		}
		if r.Server != nil {
			r.Server.Pin()
		}
		p.UseServers = append(p.UseServers, r)
	}
}

// serverFormat compiles the name of a use-server rule.
func (b *Builder) serverFormat(s *section, u useServer) *sample.Format {
	o := sample.Options{Place: sample.BackendUseServer, Words: b.Set, Files: b.Files, ProcVars: b.procVars, Lists: b.lists, Proxy: s.name, File: u.pos.File, Line: u.pos.Line,
		Env: b.Env.Lookup, Refs: b.holdRefs("use-server expression"), Warn: func(w string) { b.Diag.Warnf(u.pos, "%s", w) }}
	c, err := sample.CompileFormat(b.Set, u.name, sample.FormatOptions{Options: o, For: sample.ForString, HTTP: s.mode == proxy.HTTP})
	if err != nil {
		b.Diag.Rawf(config.Alert, "Parsing [%s]; use-server rule failed to parse log-format '%s' : %s.", u.pos, u.name, strings.TrimSuffix(err.Error(), "."))
		return nil
	}
	return c
}
