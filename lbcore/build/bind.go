package build

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

// bindLine is one address of a bind line before it becomes a proxy.Bind.
type bindLine struct {
	*proxy.Bind
	addr  config.Address
	text  string // as written
	first bool   // of the addresses of its line
}

// BindFunc reads one option of a bind line from words and returns how many it
// took, itself included.
type BindFunc func(b *Builder, st *config.Statement, to *proxy.Bind, words []string) (int, error)

func bindRows() []keyword.Row {
	row := func(name, args, summary string, f BindFunc) keyword.Row {
		good := "bind :8080 " + name
		if args != "" {
			good += " " + map[string]string{"<name>": "a", "<number>": "10", "<path>": "x", "<mode>": "600", "<level>": "admin"}[args]
		}
		return keyword.Row{Class: keyword.Bind, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: good}}, Impl: f}
	}
	flag := func(name, summary string, set func(*proxy.Bind)) keyword.Row {
		return row(name, "", summary, func(_ *Builder, _ *config.Statement, to *proxy.Bind, _ []string) (int, error) {
			set(to)
			return 1, nil
		})
	}
	number := func(name, summary string, set func(*proxy.Bind, int)) keyword.Row {
		return row(name, "<number>", summary, func(_ *Builder, _ *config.Statement, to *proxy.Bind, w []string) (int, error) {
			if len(w) < 2 {
				return 0, fmt.Errorf("'%s' : missing value", name)
			}
			if w[1][0] == '-' {
				return 0, fmt.Errorf("'%s' : invalid value %s, must be > 0", name, w[1])
			}
			set(to, atoi(w[1]))
			return 2, nil
		})
	}
	text := func(name, args, summary string, set func(*proxy.Bind, string) error) keyword.Row {
		return row(name, args, summary, func(_ *Builder, _ *config.Statement, to *proxy.Bind, w []string) (int, error) {
			if len(w) < 2 {
				missing := map[string]string{"name": "missing name", "mode": "missing or invalid mode '' (octal integer expected)"}[name]
				return 0, fmt.Errorf("'%s' : %s", name, cmp.Or(missing, "missing value"))
			}
			return 2, set(to, w[1])
		})
	}
	return []keyword.Row{
		text("name", "<name>", "name of the listener", func(to *proxy.Bind, s string) error { to.Name = s; return nil }),
		row("id", "<number>", "numeric identifier of the listener", bindID),
		number("maxconn", "most connections of this line", func(to *proxy.Bind, n int) { to.Maxconn = int64(n) }),
		number("backlog", "length of the listen queue", func(to *proxy.Bind, n int) { to.Backlog = n }),
		flag("v6only", "takes IPv6 only on an IPv6 address", func(to *proxy.Bind) { to.V6Only, to.V4V6 = true, false }),
		flag("v4v6", "takes IPv4 as well on an IPv6 address", func(to *proxy.Bind) { to.V4V6, to.V6Only = true, false }),
		text("mode", "<mode>", "file mode of a unix socket", func(to *proxy.Bind, s string) error {
			m, err := strconv.ParseUint(s, 8, 32)
			to.Mode = uint32(m)
			if err != nil {
				return fmt.Errorf("'mode' : missing or invalid mode '%s' (octal integer expected)", s)
			}
			return nil
		}),
		text("uid", "<number>", "owner of a unix socket", func(to *proxy.Bind, s string) (err error) { to.UID, err = socketUser("uid", s); return }),
		text("gid", "<number>", "group of a unix socket", func(to *proxy.Bind, s string) (err error) { to.GID, err = socketGroup("gid", s); return }),
		{Class: keyword.Bind, Name: "process", Args: "<set>", Flags: keyword.Deprecated | keyword.Ours, Instead: "thread",
			Summary: "an old form without meaning: there is one process", Impl: BindFunc(func(b *Builder, st *config.Statement, _ *proxy.Bind, w []string) (int, error) {
				b.Warnf(st, "'process' has no meaning any more on 'bind' and is ignored; please remove it.")
				return 2, nil
			})},
	}
}

func bindID(_ *Builder, _ *config.Statement, to *proxy.Bind, w []string) (int, error) {
	switch {
	case len(w) < 2:
		return 0, errors.New("'id' : expects an integer argument")
	case strings.Trim(w[1], "0123456789") != "":
		return 0, fmt.Errorf("'id' : expects an integer argument, found '%s'", w[1])
	case atoi(w[1]) <= 0:
		return 0, errors.New("'id' : custom id has to be > 0")
	}
	to.ID = atoi(w[1])
	return 2, nil
}

func bindKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "defaults" {
		b.Alertf(st, "'bind' not allowed in 'defaults' section.")
		return
	}
	if !b.needs(s, st, "bind", true, false) {
		return
	}
	if len(st.Words) < 2 {
		b.Alertf(st, "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments.")
		return
	}
	addrs, err := config.ParseAddresses(st.Words[1], b.rules(config.BindRules))
	if err != nil {
		b.Alertf(st, "'bind' : %s", err)
		return
	}
	var lines []*bindLine
	for _, a := range addrs {
		for port := a.Port; port <= max(a.PortHigh, a.Port); port++ {
			one := a
			one.Port, one.PortHigh = port, port
			l := &bindLine{addr: one, text: st.Words[1], Bind: &proxy.Bind{Proxy: s.p, File: st.Pos.File, Line: st.Pos.Line, InheritFD: -1, UID: -1, GID: -1, Shards: -1}}
			b.unixDefaults(l.Bind)
			if err := l.place(); err != nil {
				b.Alertf(st, "'bind' : %s", err)
				return
			}
			lines = append(lines, l)
		}
	}
	if len(lines) > 1 && slices.Contains(st.Words[2:], "id") {
		b.Alertf(st, "'bind %s' in section '%s' : 'id' can only be used with a single socket", st.Words[1], st.Section)
		return
	}
	for _, l := range lines {
		if !b.bindOptions(st, l.Bind, st.Words[2:], l == lines[0]) {
			return
		}
		if l.ID == 0 {
			l.ID = len(s.binds) + 1
		}
		l.first = l == lines[0]
		s.binds = append(s.binds, l)
		s.p.Binds = append(s.p.Binds, l.Bind)
	}
	b.nameListeners(st, lines)
}

// bindOptions reads the options behind an address; problems are told for the
// first address of a line only.
func (b *Builder) bindOptions(st *config.Statement, to *proxy.Bind, words []string, tell bool) bool {
	for len(words) > 0 {
		row := b.Set.Lookup(keyword.Bind, words[0])
		if row == nil {
			if tell {
				b.unknownBind(st, words[0])
			}
			return false
		}
		n, err := row.Impl.(BindFunc)(b, st, to, words)
		if err != nil {
			if tell {
				b.Alertf(st, "'%s %s' in section '%s' : %s", st.Words[0], st.Words[1], st.Section, err)
			}
			return false
		}
		words = words[min(n, len(words)):]
	}
	return true
}

func (b *Builder) unknownBind(st *config.Statement, word string) {
	if _, ok := keyword.Known(keyword.Bind, word); ok {
		b.Alertf(st, "'%s %s' in section '%s' : %s.", st.Words[0], st.Words[1], st.Section, keyword.Refusal("keyword '"+word+"'"))
		return
	}
	b.Alertf(st, "'%s %s' in section '%s': unknown keyword '%s'%s", st.Words[0], st.Words[1], st.Section, word, proposal(word, b.Set.Names(keyword.Bind)))
}

// place fills the socket address of a line.
func (l *bindLine) place() error {
	a := l.addr
	switch a.Family {
	case config.Unix:
		l.UnixPath = a.Path
		sa, ok := loop.UnixSockaddr(a.Path)
		if !ok {
			return fmt.Errorf("path '%s' is too long for a socket", a.Path)
		}
		l.Sockaddr = sa
	case config.Abstract, config.AbstractZ:
		sa, ok := loop.UnixSockaddr("\x00" + a.AbstractName())
		if !ok {
			return fmt.Errorf("name '%s' is too long for a socket", a.Path)
		}
		l.Sockaddr = sa
	case config.FD:
		l.InheritFD = a.FD
	case config.Sockpair:
		l.InheritFD, l.Passed = a.FD, true
	default:
		ip := a.IP
		if !ip.IsValid() {
			ip = netip.IPv4Unspecified()
			if a.Family == config.IPv6 {
				ip = netip.IPv6Unspecified()
			}
		}
		l.Sockaddr = loop.IPSockaddr(netip.AddrPortFrom(ip, uint16(a.Port)))
	}
	return nil
}

func bindText(a config.Address) string {
	host := ""
	if a.IP.IsValid() {
		host = a.IP.String()
	}
	return netJoin(host, a.Port)
}

func netJoin(host string, port int) string {
	if len(host) > 0 && host[0] != '[' {
		for _, c := range host {
			if c == ':' {
				host = "[" + host + "]"
				break
			}
		}
	}
	return host + ":" + strconv.Itoa(port)
}

func modeOf(m uint64) os.FileMode { return os.FileMode(m) & os.ModePerm }

func hostname() (string, error) { return os.Hostname() }
