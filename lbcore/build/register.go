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
		{"userlist", "users, their passwords and groups"},
		{"mailers", "SMTP servers that alerts are sent by"},
	} {
		set.Add(keyword.Row{Class: keyword.Section, Name: r.name, Summary: r.summary, Good: []keyword.Example{{Config: r.name}}})
	}
	set.Add(globalRows()...)
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
	set.Add(persistRows()...)
	set.Add(sourceProxyRows()...)
	set.Add(dynamic(sourceServerRows())...)
	set.Add(bindSocketRows()...)
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

// rejectedRows are words that the reference refuses with texts of their own.
func rejectedRows() []keyword.Row {
	refuse := func(class keyword.Class, name, text string) keyword.Row {
		return keyword.Row{Class: class, Name: name, Summary: "refused: " + text, Bad: []string{name},
			Impl: ProxyFunc(func(b *Builder, s *section, st *config.Statement) { b.Alertf(st, "%s", text) })}
	}
	var rows []keyword.Row
	for _, w := range [][2]string{
		{"reqrep", "'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header'"},
		{"reqirep", "'http-request replace-header'"},
		{"reqadd", "'http-request add-header'"},
		{"reqdel", "'http-request del-header'"},
		{"reqidel", "'http-request del-header'"},
		{"reqallow", "'http-request allow'"},
		{"reqiallow", "'http-request allow'"},
		{"reqdeny", "'http-request deny'"},
		{"reqideny", "'http-request deny'"},
		{"reqpass", ""},
		{"reqipass", ""},
		{"reqtarpit", "'http-request tarpit'"},
		{"reqitarpit", "'http-request tarpit'"},
		{"rspadd", "'http-response add-header'"},
		{"rspdel", "'http-response del-header'"},
		{"rspidel", "'http-response del-header'"},
		{"rspdeny", "'http-response deny'"},
		{"rspideny", "'http-response deny'"},
		{"rsprep", "'http-response replace-header'"},
		{"rspirep", "'http-response replace-header'"},
	} {
		text := "The '" + w[0] + "' directive is not supported anymore since HAProxy 2.1."
		if w[0] == "reqdeny" || w[0] == "reqpass" { // reference: worded so
			text = "The '" + w[0] + "' not supported anymore since HAProxy 2.1."
		}
		switch {
		case w[0] == "rspdel": // reference: worded so
			text += " Use " + w[1] + " ."
		case w[1] != "":
			text += " Use " + w[1] + " instead."
		}
		rows = append(rows, refuse(keyword.ProxyRejected, w[0], text))
	}
	return rows
}
