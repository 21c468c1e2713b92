//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/lbcore/transport"
)

// This file has the words that say where connections to servers come from, and
// what their sockets are set to.

// sourceLine is a source before it becomes a transport.Source.
type sourceLine struct {
	pos    config.Position
	addr   *config.Address // nil: no source
	shown  *config.Address // the address of usesrc
	whose  string          // client or clientip
	header string          // of hdr_ip(header,occ), made an expression
	device string
}

func sourceProxyRows() []keyword.Row {
	return []keyword.Row{
		proxyRow("source", keyword.InBackends, "<address>[:<port>] [usesrc <address>|client|clientip|hdr_ip(<name>[,<n>])] [interface <name>]",
			"where connections to the servers come from", "source 127.0.0.2", sourceKeyword, "source", "source 127.0.0.2 usesrc", "source 127.0.0.2 foo"),
	}
}

func sourceServerRows() []keyword.Row {
	row := func(name, args, good, summary string, f ServerFunc, bad ...string) keyword.Row {
		r := keyword.Row{Class: keyword.Server, Name: name, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 " + good}}, Impl: f}
		for _, w := range bad {
			r.Bad = append(r.Bad, "server s1 127.0.0.1:80 "+w)
		}
		return r
	}
	return []keyword.Row{
		row("source", "<address>[:<low>[-<high>]] [usesrc …] [interface <name>]", "source 127.0.0.2:20000-20999",
			"where connections to the server come from", sourceOption, "source", "source 127.0.0.2:9-8"),
		row("usesrc", "<address>|client|clientip|hdr_ip(<name>[,<n>])", "source 0.0.0.0 usesrc clientip", "whose address the server sees; behind source",
			func(*Builder, *config.Statement, *serverLine, []string) (int, error) {
				return 0, errors.New("'usesrc' only allowed after a 'source' statement.")
			}, "usesrc client"),
		row("tcp-ut", "<time>", "tcp-ut 30s", "how long the server may leave sent bytes unacknowledged",
			func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (n int, err error) {
				to.userTimeout, err = readUserTimeout(w)
				return 2, err
			}, "tcp-ut", "tcp-ut x"),
	}
}

// bindSocketRows are the words of bind lines about the listening sockets.
func bindSocketRows() []keyword.Row {
	row := func(name, args, good, summary string, f BindFunc) keyword.Row {
		return keyword.Row{Class: keyword.Bind, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: "bind :8080 " + good}}, Impl: f}
	}
	flag := func(name, summary string, set func(*proxy.Bind)) keyword.Row {
		return row(name, "", name, summary, func(_ *Builder, _ *config.Statement, to *proxy.Bind, _ []string) (int, error) {
			set(to)
			return 1, nil
		})
	}
	return []keyword.Row{
		row("interface", "<name>", "interface lo", "takes what comes in by this network interface", func(_ *Builder, _ *config.Statement, to *proxy.Bind, w []string) (int, error) {
			if len(w) < 2 {
				return 0, errors.New("'interface' : missing interface name")
			}
			to.Interface = w[1]
			return 2, nil
		}),
		flag("transparent", "takes connections to addresses that are not of this machine", func(to *proxy.Bind) { to.Transparent = true }),
		flag("defer-accept", "accepts a connection when its first bytes are there", func(to *proxy.Bind) { to.DeferAccept = true }),
		flag("tfo", "takes first bytes in the handshake (TCP Fast Open)", func(to *proxy.Bind) { to.FastOpen = true }),
		row("tcp-ut", "<time>", "tcp-ut 30s", "how long clients may leave sent bytes unacknowledged", func(_ *Builder, _ *config.Statement, to *proxy.Bind, w []string) (n int, err error) {
			to.UserTimeout, err = readUserTimeout(w)
			return 2, err
		}),
	}
}

// readUserTimeout reads the delay of tcp-ut in milliseconds.
func readUserTimeout(w []string) (int, error) {
	if len(w) < 2 {
		return 0, errors.New("'tcp-ut' : missing TCP User Timeout value")
	}
	t, err := config.ParseTime(w[1], time.Millisecond)
	switch {
	case errors.Is(err, config.ErrTimeOverflow):
		return 0, fmt.Errorf("timer overflow in argument '%s' to 'tcp-ut' (maximum value is 2147483647 ms or ~24.8 days)", w[1])
	case err != nil || t.Trailing != "":
		return 0, errors.New("'tcp-ut' : expects a positive delay in milliseconds")
	}
	return int(t.Value / time.Millisecond), nil
}

func sourceKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind != "defaults" && !b.needs(s, st, "source", false, true) {
		return
	}
	if len(st.Words) < 2 {
		b.Alertf(st, "'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.")
		return
	}
	l := sourceLine{pos: st.Pos}
	a, err := config.ParseAddress(st.Words[1], b.rules(sourceRules))
	if err != nil {
		b.Alertf(st, "'source %s' : %s", st.Words[1], err)
		return
	}
	l.addr = &a
	words := st.Words[2:]
	for len(words) > 0 {
		n, err := l.option(b, words)
		switch {
		case n == 0 && err == nil:
			b.Alertf(st, "'source' only supports optional keywords 'interface' and 'usesrc'.")
			return
		case err != nil:
			b.Alertf(st, "%s", err)
			return
		}
		words = words[n:]
	}
	s.source = l
}

func sourceOption(b *Builder, st *config.Statement, to *serverLine, w []string) (int, error) {
	if len(w) < 2 {
		return 0, errors.New("'source' expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name> as argument.")
	}
	rules := sourceRules
	rules.PortRange = true
	a, err := config.ParseAddress(w[1], b.rules(rules))
	if err != nil {
		return 0, fmt.Errorf("'source %s' : %w", w[1], err)
	}
	l := sourceLine{pos: st.Pos, addr: &a}
	at := 2
	for at < len(w) {
		n, err := l.option(b, w[at:])
		if err != nil {
			return 0, err
		}
		if n == 0 {
			break
		}
		at += n
	}
	to.source = l
	return at, nil
}

// sourceRules is what a source address may look like.
var sourceRules = config.AddressRules{Stream: true}

// farthest is how far from the end an occurrence may be (reference).
const farthest = 10

// option reads what may follow the address and returns how many words it took,
// zero for a word of others.
func (l *sourceLine) option(b *Builder, w []string) (int, error) {
	switch w[0] {
	case "interface":
		if len(w) < 2 {
			return 0, errors.New("'source' : missing interface name.")
		}
		l.device = w[1]
		b.Global.Confinement.Privileged = true
		return 2, nil
	case "usesrc":
		if len(w) < 2 {
			return 0, errors.New("'usesrc' expects <addr>[:<port>], 'client', or 'clientip' as argument.")
		}
		return 2, l.readShown(b, w[1])
	}
	return 0, nil
}

// readShown reads the address that servers are to see. A later one replaces it.
func (l *sourceLine) readShown(b *Builder, text string) error {
	b.Global.Confinement.Privileged = true
	l.whose, l.header, l.shown = "", "", nil
	switch inner, isHeader := strings.CutPrefix(text, "hdr_ip("); {
	case text == "client", text == "clientip":
		l.whose = text
	case isHeader:
		name, occ, _ := strings.Cut(strings.TrimSuffix(inner, ")"), ",")
		n := -1
		if occ != "" {
			var err error
			if n, err = strconv.Atoi(occ); err != nil {
				return fmt.Errorf("'usesrc %s' : '%s' is no number of an occurrence.", text, occ)
			}
		}
		switch {
		case name == "":
			return fmt.Errorf("'usesrc %s' : the name of the header is missing.", text)
		case n < -farthest:
			return fmt.Errorf("usesrc hdr_ip(name,num) does not support negative occurrences values smaller than %d.", farthest)
		case n != 0: // documented: a zero means none
			l.header = fmt.Sprintf("req.hdr_ip(%s,%d)", name, n)
		}
	default:
		a, err := config.ParseAddress(text, b.rules(sourceRules))
		if err != nil {
			return fmt.Errorf("'usesrc %s' : %w", text, err)
		}
		l.shown = &a
	}
	return nil
}

// settleSource gives a server its source, the backend's where its line has none.
func (l *serverLine) settleSource(b *Builder, s *section) {
	from := l.source
	if from.addr == nil {
		from = s.source
	}
	src := &transport.Source{Device: from.device, UserTimeout: l.userTimeout}
	if a := from.addr; a != nil && a.IP.IsValid() {
		at := loop.IPSockaddr(netip.AddrPortFrom(a.IP, uint16(a.Port)))
		switch {
		case a.PortHigh > a.Port:
			src.From, src.Ports = at, &transport.PortRange{Low: uint16(max(a.Port, 1)), High: uint16(a.PortHigh)}
		case a.Port != 0 || !a.IP.IsUnspecified():
			src.From = at
		}
	}
	if src.From != nil || src.Device != "" {
		l.srv.CheckSource = &transport.Source{From: src.From, Device: src.Device}
		if src.From != nil { // documented: the address; ports are the traffic's
			l.srv.CheckSource.From = src.From.WithPort(0)
		}
	}
	if a := from.shown; a != nil && a.IP.IsValid() && !(a.IP.IsUnspecified() && a.Port == 0) {
		src.From, src.Ports, src.Foreign = loop.IPSockaddr(netip.AddrPortFrom(a.IP, uint16(a.Port))), nil, true
	}
	if *src != (transport.Source{}) {
		l.srv.Source = src
	}
	switch {
	case from.whose != "":
		l.srv.Spoof = &proxy.Spoof{Port: from.whose == "client"}
	case from.header != "" && s.mode == proxy.HTTP:
		o := sample.Options{Words: b.Set, Files: b.Files, ProcVars: b.procVars, Lists: b.lists, Proxy: s.name, File: from.pos.File, Line: from.pos.Line, Env: b.Env.Lookup, Refs: b.holdRefs("source")}
		e, _, err := sample.Compile(b.Set, from.header, o)
		if err != nil {
			b.Diag.Rawf(config.Alert, "config : [%s] : 'server %s/%s' : 'usesrc' : %s", from.pos, s.name, l.srv.Name, sentenceOf(err))
			return
		}
		l.srv.Spoof = &proxy.Spoof{Header: e}
	}
}
