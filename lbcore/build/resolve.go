package build

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/control"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// This file has the words of servers whose address is a name, and server-template.

// The classes of what those words take.
const (
	resolveOption keyword.Class = "server resolve-opts"
	initMethod    keyword.Class = "server init-addr methods"
)

// literal is the name of the method that is an address.
const literal = "<ip>"

// resolveLine is how the names of a server are resolved.
type resolveLine struct {
	section string
	asked   bool // a section was said
	proxy.Resolving
	methods []string // of init-addr; none: the default
}

// said tells whether a line says anything of it.
func (r *resolveLine) said() bool {
	return r.asked || len(r.methods) > 0 || r.Prefer4 || len(r.Nets) > 0 || r.AllowDup || r.IgnoreWeight || r.ByPriority || r.OnError
}

func resolveServerRows() []keyword.Row {
	row := func(name, args, good, summary string, f ServerFunc, bad ...string) keyword.Row {
		r := keyword.Row{Class: keyword.Server, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: "server s1 localhost:80 " + good}}, Impl: f}
		for _, w := range bad {
			r.Bad = append(r.Bad, "server s1 localhost:80 "+w)
		}
		return r
	}
	option := func(name, summary string, flags keyword.RowFlags, set func(*proxy.Resolving)) keyword.Row {
		return keyword.Row{Class: resolveOption, Name: name, Summary: summary, Flags: flags, Impl: set,
			Good: []keyword.Example{{Config: "server s1 localhost:80 resolve-opts " + name}}}
	}
	method := func(name, as, summary string) keyword.Row {
		return keyword.Row{Class: initMethod, Name: name, Summary: summary, Good: []keyword.Example{{Config: "server s1 localhost:80 init-addr " + as}}}
	}
	return []keyword.Row{
		row("resolvers", "<name>", "init-addr none", "the resolvers section that the server's name is asked for at while the process runs", func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
			to.resolve.section, to.resolve.asked = "", true
			if len(w) > 1 {
				to.resolve.section = w[1]
			}
			return 2, nil
		}, "resolvers nowhere"),
		row("resolve-prefer", "ipv4|ipv6", "resolve-prefer ipv4", "which addresses a name is asked for first", func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
			if len(w) < 2 || w[1] != "ipv4" && w[1] != "ipv6" {
				return 0, errors.New("'resolve-prefer' expects either ipv4 or ipv6 as argument.")
			}
			to.resolve.Prefer4 = w[1] == "ipv4"
			return 2, nil
		}, "resolve-prefer", "resolve-prefer ipv5"),
		row("resolve-net", "<network>[,...]", "resolve-net 10.0.0.0/8", "networks whose addresses are taken rather than others", resolveNetOption, "resolve-net", "resolve-net x"),
		row("resolve-opts", "<option>[,...]", "resolve-opts allow-dup-ip", "how addresses and records are given to servers", resolveOptsOption, "resolve-opts foo"),
		row("init-addr", "last|libc|none|<address>[,...]", "init-addr last,none", "where the address comes from that the server starts with", initAddrOption, "init-addr foo"),
		option("allow-dup-ip", "servers of one name may have one address", 0, func(r *proxy.Resolving) { r.AllowDup = true }),
		option("prevent-dup-ip", "servers of one name have different addresses", 0, func(r *proxy.Resolving) { r.AllowDup = false }),
		option("ignore-weight", "the weights of service records do not count", 0, func(r *proxy.Resolving) { r.IgnoreWeight = true }),
		option("srv-priority", "service records of the lowest priority come first, the others are backups", keyword.Ours, func(r *proxy.Resolving) { r.ByPriority = true }),
		option("on-error", "a connection that cannot be made has the name asked for at once", keyword.Ours, func(r *proxy.Resolving) { r.OnError = true }),
		method("last", "last,libc", "that of the state file"),
		method("libc", "libc", "that which the machine's resolver has"),
		method("none", "none", "none: the server is in maintenance until its name is resolved"),
		method(literal, "127.0.0.1", "this one"),
	}
}

func resolveNetOption(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
	if len(w) < 2 || w[1] == "" {
		return 0, errors.New("'resolve-net' expects a list of networks.")
	}
	const most = 5
	for text := range strings.SplitSeq(w[1], ",") {
		n, err := netip.ParsePrefix(text)
		if ip, bare := netip.ParseAddr(text); bare == nil {
			n, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		switch {
		case err != nil:
			return 0, fmt.Errorf("'resolve-net' invalid network '%s'.", text)
		case len(to.resolve.Nets) == most:
			return 0, fmt.Errorf("'resolve-net' exceed %d networks.", most)
		}
		to.resolve.Nets = append(slices.Clip(to.resolve.Nets), n.Masked())
	}
	return 2, nil
}

// resolveOptsOption reads options. Reference: none at all is nothing wrong.
func resolveOptsOption(b *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
	if len(w) < 2 {
		return 2, nil
	}
	for name := range strings.SplitSeq(w[1], ",") {
		r := b.Set.Lookup(resolveOption, name)
		if r == nil {
			return 0, fmt.Errorf("'resolve-opts' : unknown resolve-opts option '%s', supported methods are 'allow-dup-ip', 'ignore-weight', and 'prevent-dup-ip'.", name)
		}
		r.Impl.(func(*proxy.Resolving))(&to.resolve.Resolving)
	}
	return 2, nil
}

func initAddrOption(b *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
	to.resolve.methods = nil
	if len(w) < 2 {
		return 2, nil
	}
	for name := range strings.SplitSeq(w[1], ",") {
		word := name
		if _, err := netip.ParseAddr(name); err == nil {
			word = literal
		}
		if b.Set.Lookup(initMethod, word) == nil {
			return 0, fmt.Errorf("'init-addr' : unknown init-addr method '%s', supported methods are 'libc', 'last', 'none'.", name)
		}
		to.resolve.methods = append(to.resolve.methods, name)
	}
	return 2, nil
}

// settleResolving gives a server its resolvers section. A name that begins with an
// underscore is that of a service: its records name the servers.
func (b *Builder) settleResolving(s *section, l *serverLine) {
	r := &l.resolve
	switch {
	case !r.asked:
		return
	case b.resolversNamed(r.section) == nil:
		b.Diag.Rawf(config.Alert, "%s '%s', server '%s': unable to find required resolvers '%s'", s.noun(), s.name, l.srv.Name, r.section)
		return
	case l.addr.Host == "": // reference: nothing is said of it
		return
	}
	res := r.Resolving
	res.Section, res.Port = b.resolversNamed(r.section).Section, l.addr.Port
	if strings.HasPrefix(l.addr.Host, "_") {
		res.Service, l.srv.FQDN = l.addr.Host, ""
	}
	l.srv.Resolving = &res
}

// initAddr gives a server whose address is a name the one that it starts with, by the
// first method that has one. s is nil where there is no state file.
func (b *Builder) initAddr(s *section, l *serverLine) {
	name := l.addr.Host
	if name == "" {
		return
	}
	methods := l.resolve.methods
	if len(methods) == 0 {
		methods = []string{"last", "libc"}
	}
	asked := false
	for _, m := range methods {
		var ip netip.Addr
		switch m {
		case "last":
			if s != nil {
				ip = b.savedAddresses().Of(s.p, l.srv.Name)
			}
		case "libc":
			asked = true
			if l.srv.Resolving == nil || l.srv.Resolving.Service == "" {
				ip, _ = resolve(name, l.addr.Family)
			}
		case "none":
			l.waits()
			return
		default:
			ip, _ = netip.ParseAddr(m)
		}
		if ip.IsValid() {
			l.addr.IP = ip
			if err := l.place(); err != nil {
				l.unresolved = err.Error()
			}
			return
		}
	}
	switch {
	case l.srv.Resolving != nil && len(l.resolve.methods) == 0:
		b.Diag.Rawf(config.Notice, "[%s] : %scould not resolve address '%s', disabling server.", l.pos, l.label, name)
		l.waits()
	case asked:
		l.unresolved = "could not resolve address '" + name + "'."
	default:
		l.unresolved = "no method found to resolve address '" + name + "'."
	}
}

// waits has the server begin without an address.
func (l *serverLine) waits() { l.srv.SetAdmin(proxy.ResolutionMaint, 0, 0) }

// savedAddresses are those of the state files.
func (b *Builder) savedAddresses() *control.SavedAddresses {
	if b.saved == nil {
		b.saved = control.NewSavedAddresses(b.Global.StateFile, b.Global.StateBase)
	}
	return b.saved
}

func templateRow() keyword.Row {
	return proxyRow("server-template", keyword.InListen|keyword.InBackend, "<prefix> <n>|<low>-<high> <name>[:<port>] [options]", "servers whose addresses are those of a name, or the records of a service",
		"server-template w 1-3 localhost:80", serverTemplate, "server-template", "server-template w 0 localhost:80", "server-template w 3-1 localhost:80", "server-template w 2 localhost:80 foo")
}

func serverTemplate(b *Builder, s *section, st *config.Statement) {
	switch {
	case s.kind == "defaults":
		b.alertAt(st, "'server-template' not allowed in 'defaults' section.")
		return
	case !s.p.IsBackend:
		b.alertAt(st, "parsing [%s] : 'server-template' not allowed because frontend '%s' has no backend capability.", st.Pos, s.name)
		return
	case len(st.Words) < 4:
		b.alertAt(st, "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments.")
		return
	}
	prefix := st.Words[1]
	if c := badName(prefix); c != 0 {
		b.alertAt(st, "character '%c' is not permitted in server-template prefix '%s'.", c, prefix)
		return
	}
	low, high, ok := templateRange(st.Words[2])
	if !ok {
		b.alertAt(st, "Wrong server-template number or range arg '%s'.", st.Words[2])
		return
	}
	probe := newServerLine(st.Pos)
	probe.srv.Name, probe.label = prefix, fmt.Sprintf("'server-template %s/%s' : ", s.name, prefix)
	if !b.serverOptions(st, probe, s.defaultServer) || !b.serverOptions(st, probe, st.Words[4:]) {
		return
	}
	for n := low; n <= high; n++ {
		as := *st
		as.Words = append([]string{"server", prefix + strconv.Itoa(n)}, st.Words[3:]...)
		l := b.readServer(s, &as, false)
		if l == nil {
			return
		}
		if n > low {
			l.srv.ID = 0 // an id is the first one's
		} else if !b.uniqueID(s, &as, l) {
			return
		}
		s.servers = append(s.servers, l)
	}
}

// templateRange reads how many servers there are, or the numbers of the first and the
// last. Reference: what stands behind the numbers is not looked at.
func templateRange(text string) (low, high int, ok bool) {
	const most = 65535 // servers of one line
	first, rest := digits(text)
	low, high = 1, first
	if after, ranged := strings.CutPrefix(rest, "-"); ranged {
		low = first
		high, _ = digits(after)
	} else if rest != "" && first == 0 {
		return 0, 0, false
	}
	return low, high, first >= 0 && high >= low && high > 0 && high-low < most
}

// digits reads the number at the beginning of a text, -1 without one.
func digits(text string) (n int, rest string) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	n, err := strconv.Atoi(text[:i])
	if err != nil {
		n = -1
	}
	return n, text[i:]
}
