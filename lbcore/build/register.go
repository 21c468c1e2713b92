package build

import (
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// Register adds the words of sections, proxies, bind and server lines.
func Register(set *keyword.Set) {
	for _, r := range []struct{ name, summary string }{
		{"global", "settings of the process"},
		{"defaults", "settings that the proxies behind it inherit"},
		{"frontend", "where clients connect"},
		{"backend", "a set of servers"},
		{"listen", "a frontend and its backend in one"},
		{"http-errors", "a named set of error pages"},
		{"ring", "log lines kept in memory"},
		{"log-profile", "how the lines of a log target are made"},
		{"userlist", "users, their passwords and groups"},
		{"mailers", "SMTP servers that alerts are sent by"},
		{"peers", "nodes that stick tables are shared with"},
		{"crt-store", "certificates, and where each of their parts is"},
		{"resolvers", "name servers that names are asked for while the process runs"},
	} {
		set.Add(keyword.Row{Class: keyword.Section, Name: r.name, Summary: r.summary, Good: []keyword.Example{{Config: r.name}}})
	}
	set.Add(globalRows()...)
	set.Add(globalVarRows()...)
	set.Add(proxyRows()...)
	set.Add(stateGlobalRows()...)
	set.Add(stateProxyRows()...)
	set.Add(timeoutRows()...)
	set.Add(optionRows()...)
	set.Add(bindRows()...)
	set.Add(dynamic(serverRows())...)
	set.Add(bindTLSRows()...)
	set.Add(dynamic(serverTLSRows())...)
	set.Add(acceptProxyRow())
	set.Add(dynamic(sendProxyRows())...)
	set.Add(globalTLSRows()...)
	set.Add(ruleRows()...)
	set.Add(tcpRows()...)
	set.Add(errorRows()...)
	set.Add(logRows()...)
	set.Add(ringRows()...)
	set.Add(userlistRows()...)
	set.Add(checkRows()...)
	set.Add(dynamic(checkServerRows())...)
	set.Add(checkGlobalRows()...)
	set.Add(mailRows()...)
	set.Add(crtStoreRows()...)
	set.Add(ocspGlobalRows()...)
	set.Add(tuneTLSRows()...)
	set.Add(peersRows()...)
	set.Add(dynamic(peerServerRows())...)
	set.Add(peersGlobalRow())
	set.Add(resolversRows()...)
	set.Add(resolveServerRows()...)
	set.Add(templateRow())
	set.Add(familyRow())
	set.Add(oldRows()...)
	set.Add(rejectedRows()...)
	set.Add(valueRows()...)
	set.Add(balanceRows()...)
	set.Add(dynamic(limitServerRows())...)
	set.Add(limitProxyRows()...)
	set.Add(retryOnRows()...)
	set.Add(globalLimitRows()...)
	set.Add(cookieProxyRows()...)
	set.Add(dynamic([]keyword.Row{cookieServerRow()})...)
	set.Add(cookieOptionRows()...)
	set.Add(tableProxyRow(), stickProxyRow())
	set.Add(tableParamRows()...)
	set.Add(tableWordRows()...)
	set.Add(stickRuleRows()...)
	set.Add(persistRows()...)
	set.Add(dispatchProxyRows()...)
	set.Add(sourceProxyRows()...)
	set.Add(launchRows()...)
	set.Add(dynamic(protoRows())...)
	set.Add(dynamic(sourceServerRows())...)
	set.Add(bindSocketRows()...)
	set.Add(threadRows()...)
	set.Add(threadGroupRows()...)
	set.Add(processRows()...)
	rows := guidRows()
	set.Add(dynamic(rows)...)
	set.Add(tuneRows()...)
	set.Add(codeRows()...)
	set.Add(profileRows()...)
	set.Add(noEffectRows()...)
	set.Add(headerCaseRows()...)
	set.Add(variableRows()...)
	set.Add(statsPageRows()...)
}

// valueRows are the words that some keywords take as their value.
func valueRows() []keyword.Row {
	value := func(class keyword.Class, line, name, summary string, where keyword.Where) keyword.Row {
		return keyword.Row{Class: class, Name: name, Where: where, Summary: summary, Good: []keyword.Example{{Config: line + " " + name}}}
	}
	return []keyword.Row{
		value(keyword.Mode, "mode", "http", "the proxy speaks HTTP", keyword.InProxies),
		value(keyword.Mode, "mode", "tcp", "the proxy passes bytes", keyword.InProxies),
		value(keyword.HTTPReuse, "http-reuse", "never", "server connections stay with their session", keyword.InBackends),
		value(keyword.HTTPReuse, "http-reuse", "safe", "a session's first request opens a connection of its own", keyword.InBackends),
		value(keyword.HTTPReuse, "http-reuse", "aggressive", "a first request too takes a connection that served before", keyword.InBackends),
		value(keyword.HTTPReuse, "http-reuse", "always", "every request takes an idle connection", keyword.InBackends),
	}
}

// oldRows are forms of old configurations that today's reference refuses and
// gohap takes with a warning.
func oldRows() []keyword.Row {
	return []keyword.Row{{Class: keyword.Proxy, Name: "bind-process", Where: keyword.InProxies, Args: "<set>",
		Flags: keyword.Deprecated | keyword.Ours, Instead: "nothing: there is one process",
		Summary: "an old form without meaning: there is one process", Good: []keyword.Example{{Config: "bind-process 1"}},
		Impl: ProxyFunc(func(b *Builder, s *section, st *config.Statement) {
			b.Warnf(st, "'bind-process' has no meaning any more and is ignored; please remove it.")
		})}}
}
