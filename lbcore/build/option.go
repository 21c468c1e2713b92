package build

import (
	"fmt"
	"net/netip"
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// OptionFunc reads an option that has a parser of its own.
type OptionFunc func(b *Builder, s *section, st *config.Statement)

// flagOption is a plain on/off option: which bit, and who may have it.
type flagOption struct {
	bit    proxy.Options
	fe, be bool
	http   bool
}

func optionRows() []keyword.Row {
	flag := func(name string, bit proxy.Options, where keyword.Where, http bool, summary string) keyword.Row {
		r := keyword.Row{Class: keyword.Option, Name: name, Where: where, Flags: keyword.Negatable, Summary: summary,
			Good: []keyword.Example{{Config: "option " + name}, {Config: "no option " + name}},
			Bad:  []string{"option " + name + " argument"},
			Impl: flagOption{bit, where&keyword.InFrontend != 0, where&keyword.InBackend != 0, http}}
		if http {
			r.Flags |= keyword.NeedsHTTP
		}
		return r
	}
	idle := func(r keyword.Row) keyword.Row {
		r.Flags |= keyword.NoEffect
		return r
	}
	own := func(name, args string, where keyword.Where, summary string, f OptionFunc, bad ...string) keyword.Row {
		return keyword.Row{Class: keyword.Option, Name: name, Args: args, Where: where, Summary: summary,
			Good: []keyword.Example{{Config: "option " + name}}, Bad: bad, Impl: f}
	}
	const (
		all = keyword.InProxies
		fe  = keyword.InFrontends
		be  = keyword.InBackends
	)
	return append(append(persistOptions(flag), dispatchRows(flag)...), []keyword.Row{
		flag("http-server-close", proxy.OptServerClose, all, true, "closes server connections after each response"),
		flag("httpclose", proxy.OptClose, all, true, "closes the connections of this side after each response"),
		keepAliveOption(),
		flag("http-pretend-keepalive", proxy.OptPretend, be, true, "does not announce that server connections are closed"),
		flag("http-buffer-request", proxy.OptBufferRequest, all, true, "waits for the request's body before it goes on"),
		flag("abortonclose", proxy.OptAbortOnClose, be, false, "gives requests up whose client has left"),
		flag("dontlognull", proxy.OptDontLogNull, fe, false, "does not log connections without data"),
		flag("dontlog-normal", proxy.OptDontLogNormal, fe, false, "logs failures only"),
		flag("logasap", proxy.OptLogAsap, fe, true, "logs when the response begins"),
		flag("log-separate-errors", proxy.OptLogSeparateErrors, fe, false, "logs failures with level err"),
		flag("http-ignore-probes", proxy.OptIgnoreProbes, fe, true, "ignores connections that are closed without a request"),
		flag("socket-stats", proxy.OptSocketStats, fe, false, "keeps statistics for each listening socket"),
		flag("allbackups", proxy.OptAllBackups, be, false, "uses all backup servers at once"),
		flag("log-health-checks", proxy.OptLogHealthChecks, be, false, "logs the result of every health check"),
		flag("clitcpka", proxy.OptTCPKAClient, fe, false, "TCP keep-alives towards clients"),
		flag("srvtcpka", proxy.OptTCPKAServer, be, false, "TCP keep-alives towards servers"),
		idle(flag("http-no-delay", proxy.OptHTTPNoDelay, all, true, "lets small pieces of bodies leave at once, as they always do here")),
		flag("independent-streams", proxy.OptIndependentStreams, all, false, "what a side is sent is no activity of it: its time-out goes on"),
		flag("nolinger", proxy.OptNoLinger, all, false, "drops unsent data when a connection is closed"),
		flag("accept-unsafe-violations-in-http-request", proxy.OptRelaxedRequest, fe, true, "accepts malformed requests"),
		flag("accept-unsafe-violations-in-http-response", proxy.OptRelaxedResponse, be, true, "accepts malformed responses"),
		flag("splice-request", proxy.OptSpliceRequest, all, false, "passes what clients send through the kernel alone"),
		flag("splice-response", proxy.OptSpliceResponse, all, false, "passes what servers send through the kernel alone"),
		flag("checkcache", proxy.OptCheckCache, be, true, "refuses answers that caches would keep with a cookie in them"),
		flag("contstats", proxy.OptContStats, fe, false, "counts bytes while they pass, every five seconds, not at the end alone"),
		flag("h1-case-adjust-bogus-client", proxy.OptCaseClient, fe, true, "spells fields for clients as h1-case-adjust says"),
		flag("h1-case-adjust-bogus-server", proxy.OptCaseServer, be, true, "spells fields for servers as h1-case-adjust says"),
		flag("splice-auto", proxy.OptSpliceAuto, all, false, "passes both directions through the kernel alone while they are busy"),
		withExample(own("http-restrict-req-hdr-names", "preserve|delete|reject", all, "what becomes of request fields whose names are not of letters, digits and hyphens", restrictNames,
			"option http-restrict-req-hdr-names", "option http-restrict-req-hdr-names x"), "option http-restrict-req-hdr-names delete"),
		renamed("accept-invalid-http-request", "accept-unsafe-violations-in-http-request", proxy.OptRelaxedRequest, fe, true, false),
		renamed("accept-invalid-http-response", "accept-unsafe-violations-in-http-response", proxy.OptRelaxedResponse, be, false, true),
		own("tcpka", "", all, "TCP keep-alives on both sides", func(_ *Builder, s *section, _ *config.Statement) {
			s.options |= proxy.OptTCPKAClient | proxy.OptTCPKAServer
		}),
		own("httplog", "[clf]", fe, "logs HTTP requests in full", func(b *Builder, s *section, st *config.Statement) { b.logOption(s, st) }, "option httplog nonsense"),
		own("httpslog", "", fe, "logs HTTP requests in full, with what their TLS is", func(b *Builder, s *section, st *config.Statement) { b.logOption(s, st) }),
		own("tcplog", "[clf]", fe, "logs connections with timers", func(b *Builder, s *section, st *config.Statement) { b.logOption(s, st) }, "option tcplog nonsense"),
		own("forwardfor", "[except <net>] [header <name>] [if-none]", all, "tells the server the client's address", func(b *Builder, s *section, st *config.Statement) {
			if f := b.forwarded(s, st, "x-forwarded-for"); f != nil {
				s.forwardFor, s.options = f, s.options|proxy.OptForwardFor
			}
		}, "option forwardfor except x"),
		own("originalto", "[except <net>] [header <name>]", all, "tells the server the address that the client connected to", func(b *Builder, s *section, st *config.Statement) {
			if f := b.forwarded(s, st, "x-original-to"); f != nil {
				s.originalTo, s.options = f, s.options|proxy.OptOriginalTo
			}
		}, "option originalto except x"),
		{Class: keyword.Option, Name: "forwarded", Args: "[proto] [host|host-expr <e>] [by|by-expr <e>] [by_port|by_port-expr <e>] [for|for-expr <e>] [for_port|for_port-expr <e>]",
			Where: be, Flags: keyword.Negatable | keyword.NeedsHTTP, Summary: "tells the server who asked, and how, by a forwarded field (RFC 7239)",
			Good: []keyword.Example{{Config: "option forwarded"}, {Config: "option forwarded proto host by by_port for-expr src for_port"}},
			Bad:  []string{"option forwarded x", "option forwarded for-expr", "option forwarded host-expr nosuch"}, Impl: OptionFunc(forwardedOption)},
		{Class: keyword.Option, Name: "redispatch", Args: "[<interval>]", Where: be, Flags: keyword.Negatable,
			Summary: "lets retries go to another server", Good: []keyword.Example{{Config: "option redispatch"}},
			Bad: []string{"option redispatch x"}, Impl: OptionFunc(redispatchOption)},
	}...)
}

// connectionModes are the options that replace each other; they may be negated,
// but "default" does not go with them.
var connectionModes = map[string]bool{"httpclose": true, "http-server-close": true, "http-keep-alive": true}

// keepAliveOption is the mode that is there without any: its negation says nothing.
func keepAliveOption() keyword.Row {
	return keyword.Row{Class: keyword.Option, Name: "http-keep-alive", Where: keyword.InProxies, Flags: keyword.Negatable,
		Summary: "keeps connections of both sides (the default)",
		Good:    []keyword.Example{{Config: "option http-keep-alive"}, {Config: "no option http-keep-alive"}},
		Bad:     []string{"option http-keep-alive x"},
		Impl: OptionFunc(func(b *Builder, s *section, st *config.Statement) {
			if len(st.Words) > 2 {
				b.Alertf(st, "'option http-keep-alive' cannot handle unexpected argument '%s'.", st.Words[2])
			} else if !st.No {
				s.options &^= proxy.OptClose | proxy.OptServerClose
			}
		})}
}

func optionKeyword(b *Builder, s *section, st *config.Statement) {
	name := st.Word(1)
	if name == "" {
		b.alertTight(st.Pos, "'option' expects an option name.")
		return
	}
	row := b.Set.Lookup(keyword.Option, name)
	if row == nil {
		b.unknownOption(st, name)
		return
	}
	if st.Default && connectionModes[name] {
		b.alertTight(st.Pos, "negation/default is not supported for option '%s'.", name)
		return
	}
	if row.Flags&keyword.NoEffect != 0 {
		b.Diag.Diagf(st.Pos, "'option %s' has no effect: %s.", name, row.Summary)
	}
	switch impl := row.Impl.(type) {
	case flagOption:
		b.flagOption(s, st, name, impl)
	case OptionFunc:
		if (st.No || st.Default) && row.Flags&keyword.Negatable == 0 {
			b.alertTight(st.Pos, "negation/default is not supported for option '%s'.", name)
			return
		}
		if name != "httplog" && name != "httpslog" && name != "tcplog" && !b.needs(s, st, name, row.Where&keyword.InFrontend != 0, row.Where&keyword.InBackend != 0) {
			return
		}
		impl(b, s, st)
	}
}

func (b *Builder) unknownOption(st *config.Statement, name string) {
	if r := b.Set.Lookup(keyword.OptionRejected, name); r != nil {
		r.Impl.(ProxyFunc)(b, b.sec, st)
		return
	}
	if _, ok := keyword.Known(keyword.Option, name); ok {
		b.Alertf(st, "%s.", keyword.Refusal("'option "+name+"'"))
		return
	}
	if st.No || st.Default {
		b.alertTight(st.Pos, "negation/default is not supported for option '%s'.", name)
		return
	}
	b.Alertf(st, "unknown option '%s'%s", name, proposal(name, b.Set.Names(keyword.Option)))
}

func (b *Builder) flagOption(s *section, st *config.Statement, name string, f flagOption) {
	if !b.needs(s, st, name, f.fe, f.be) {
		// Reference: a plain option in the wrong section is fatal as well.
		b.Alertf(st, "unknown option '%s'; did you mean '%s' maybe ?", name, name)
		return
	}
	if len(st.Words) > 2 {
		b.Alertf(st, "'option %s' cannot handle unexpected argument '%s'.", name, st.Words[2])
		return
	}
	s.options &^= f.bit
	if !st.No && !st.Default {
		s.options |= f.bit
	}
}

func redispatchOption(b *Builder, s *section, st *config.Statement) {
	s.options &^= proxy.OptRedispatch
	if st.No || st.Default {
		return
	}
	s.redispatch = -1
	if w := st.Word(2); w != "" {
		n := atoi(strings.TrimPrefix(w, "-"))
		if n == 0 && w != "0" {
			b.Alertf(st, "invalid value for option redispatch, must be a integer (or a negative one), got '%s'.", w)
			return
		}
		if w[0] == '-' {
			n = -n
		}
		s.redispatch = n
	}
	s.options |= proxy.OptRedispatch
}

func (b *Builder) logOption(s *section, st *config.Statement) {
	name := st.Words[1]
	if name == "httpslog" && len(st.Words) > 2 {
		b.Warnf(st, "'option httpslog' takes no argument, '%s' is ignored.", st.Words[2])
	} else if len(st.Words) > 2 && st.Words[2] != "clf" {
		b.Alertf(st, "keyword '%s' only supports option 'clf'.", name)
		return
	}
	format := "tcp"
	switch name {
	case "httplog":
		format = "http"
	case "httpslog":
		format = "https"
	}
	if st.Word(2) == "clf" && len(st.Words) > 3 {
		b.Alertf(st, "'option %s' cannot handle unexpected argument '%s'.", name, st.Words[3])
		return
	}
	if st.Word(2) == "clf" && name != "httpslog" {
		format += "clf"
	}
	if s.lacks(true, false) != "" {
		b.Warnf(st, "%s '%s' : 'option %s' directive is ignored in backends.", s.noun(), s.name, name)
		return
	}
	s.setsLogFormat(b, st, strings.Join(st.Words, " "), placed{builtinFormat + format, st.Pos})
}

// setsLogFormat takes the format of log lines that a word sets; in a defaults
// section a second such word is warned about.
func (s *section) setsLogFormat(b *Builder, st *config.Statement, word string, p placed) {
	if s.logFormatWord != "" && s.kind == "defaults" {
		b.Diag.Rawf(config.Warning, "config : parsing [%s]: '%s' overrides previous '%s' in 'defaults' section.", st.Pos, word, s.logFormatWord)
	}
	s.logFormat, s.logFormatWord = p, word
}

// builtinFormat marks a log format that an option names.
const builtinFormat = "\x00"

func (b *Builder) forwarded(s *section, st *config.Statement, header string) *proxy.Forwarded {
	f := &proxy.Forwarded{Header: []byte(header)}
	for i := 2; i < len(st.Words); i++ {
		word := st.Words[i]
		if word == "if-none" && st.Words[1] == "originalto" {
			word = ""
		}
		switch word {
		case "if-none":
			f.IfNone = true
		case "header":
			if st.Word(i+1) == "" {
				b.Alertf(st, "'option %s header' expects <header_name> as argument.", st.Words[1])
				return nil
			}
			f.Header = []byte(strings.ToLower(st.Word(i + 1)))
			i++
		case "except":
			net, err := parseNet(st.Word(i + 1))
			if err != nil {
				b.Alertf(st, "'option %s except' expects <address>[/mask] as argument.", st.Words[1])
				return nil
			}
			f.Except = append(f.Except, net)
			i++
		default:
			words := "'except', 'header' and 'if-none'"
			if st.Words[1] == "originalto" {
				words = "'except' and 'header'"
			}
			b.Alertf(st, "'option %s' only supports optional values: %s.", st.Words[1], words)
			return nil
		}
	}
	return f
}

// parseNet reads an address with an optional prefix length or mask.
func parseNet(text string) (netip.Prefix, error) {
	host, bits, ok := strings.Cut(text, "/")
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}, err
	}
	if !ok {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if m, err := netip.ParseAddr(bits); err == nil && m.Is4() {
		n := 0
		for _, o := range m.As4() {
			for ; o&0x80 != 0; o <<= 1 {
				n++
			}
		}
		return a.Prefix(n)
	}
	n := 0
	if _, err := fmt.Sscanf(bits, "%d", &n); err != nil {
		return netip.Prefix{}, err
	}
	return a.Prefix(n)
}
