package build

import (
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// replaceRequest is what some of the old rewriting words became.
const replaceRequest = "'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header'"

// rewriting are the words of old for headers, and what stands in their place.
var rewriting = [][2]string{
	{"cliexp", replaceRequest},
	{"srvexp", "'http-response replace-header'"},
	{"reqrep", replaceRequest},
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
}

// replaced are words with texts of their own.
var replaced = [][2]string{
	{"redisp", "keyword 'redisp' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'."},
	{"redispatch", "keyword 'redispatch' directive is not supported anymore since HAProxy 2.1. Use 'option redispatch'."},
	{"clitimeout", "the 'clitimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout client'."},
	{"contimeout", "the 'contimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout connect'."},
	{"srvtimeout", "the 'srvtimeout' directive is not supported anymore since HAProxy 2.1. Use 'timeout server'."},
	{"block", "The 'block' directive is not supported anymore since HAProxy 2.1. Use 'http-request deny' which uses the exact same syntax."},
	{"appsession", "'appsession' is not supported anymore since HAProxy 1.6."},
	{"usesrc", "'usesrc' only allowed after a 'source' statement."},
}

// replacedOptions are the same of options.
var replacedOptions = [][2]string{
	{"forceclose", "option 'forceclose' is not supported any more since HAProxy 2.0, please just remove it, or use 'option httpclose' if absolutely needed."},
	{"http-tunnel", "option 'http-tunnel' is not supported any more since HAProxy 2.1, please just remove it, it shouldn't be needed."},
	{"http_proxy", "option 'http_proxy' is not supported any more since HAProxy 2.5. This option stopped working in HAProxy 1.9 and usually had nasty side effects. It can be more reliably implemented with combinations of 'http-request set-dst' and 'http-request set-uri', and even 'http-request do-resolve' if DNS resolution is desired."},
}

// rejectedRows are words that the reference refuses with texts of their own.
func rejectedRows() []keyword.Row {
	refuse := func(class keyword.Class, name, text string, say func(*Builder, *config.Statement)) keyword.Row {
		return keyword.Row{Class: class, Name: name, Summary: "refused: " + text, Bad: []string{name},
			Impl: ProxyFunc(func(b *Builder, s *section, st *config.Statement) { say(b, st) })}
	}
	alert := func(text string) func(*Builder, *config.Statement) {
		return func(b *Builder, st *config.Statement) { b.Alertf(st, "%s", text) }
	}
	tight := func(text string) func(*Builder, *config.Statement) {
		return func(b *Builder, st *config.Statement) { b.alertTight(st.Pos, "%s", text) }
	}
	var rows []keyword.Row
	for _, w := range rewriting {
		text := rewritingText(w[0], w[1])
		rows = append(rows, refuse(keyword.ProxyRejected, w[0], text, alert(text)))
	}
	for _, w := range replaced {
		rows = append(rows, refuse(keyword.ProxyRejected, w[0], w[1], alert(w[1])))
	}
	grace := "the 'grace' keyword is not supported any more since HAProxy version 2.5."
	rows = append(rows, refuse(keyword.ProxyRejected, "grace", grace, tight(grace)))
	rows = append(rows, refuse(keyword.ProxyRejected, "monitor-net", "use 'http-request return status 200 if { src … }'", monitorNet))
	for _, w := range replacedOptions {
		rows = append(rows, refuse(keyword.OptionRejected, w[0], w[1], tight(w[1])))
	}
	return rows
}

// rewritingText is the refusal of one of the rewriting words; the reference
// words some of them in another way.
func rewritingText(word, instead string) string {
	text := "The '" + word + "' directive is not supported anymore since HAProxy 2.1."
	if word == "reqdeny" || word == "reqpass" {
		text = "The '" + word + "' not supported anymore since HAProxy 2.1."
	}
	switch {
	case word == "rspdel":
		text += " Use " + instead + " ."
	case instead != "":
		text += " Use " + instead + " instead."
	}
	return text
}

func monitorNet(b *Builder, st *config.Statement) {
	network := ""
	if len(st.Words) > 1 {
		network = st.Words[1]
	}
	b.Alertf(st, "'monitor-net' doesn't exist anymore. Please use 'http-request return status 200 if { src %s }' instead.", network)
}

// globalGone tells why a word of the global section is gone, or nothing.
func globalGone(word string) string {
	switch word {
	case "nbproc":
		return "nbproc is not supported any more since HAProxy 2.5. Threads will automatically be used on multi-processor machines if available."
	case "tune.chksize":
		return "option 'tune.chksize' is not supported any more (tune.bufsize is used instead)."
	}
	return ""
}
