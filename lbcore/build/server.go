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
)

// serverLine is a server before it becomes a proxy.Server.
type serverLine struct {
	pos         config.Position
	srv         *proxy.Server
	addr        config.Address
	unresolved  string // what is wrong with a name that has no address
	resolve     resolveLine
	check       bool
	checks      proxy.CheckConfig
	addrOf      *config.Address // addr option: where checks go
	port        int             // port option
	down        bool
	cookie      string
	hashKey     string // hash-key, empty for id
	more        serverChecks
	tls         serverTLS
	proto       string
	source      sourceLine
	userTimeout int  // tcp-ut, ms
	quiet       bool // the options of default-server: its line got the warnings
	tlvs        []tlvLine
	shard       int    // of a peer's keys
	dynamic     bool   // it comes from "add server"
	only        string // why it takes the words of name servers alone, "" where it does not
	label       string // how messages begin: "'server b/s' : ", empty for default-server
}

func newServerLine(pos config.Position) *serverLine {
	l := &serverLine{pos: pos, srv: &proxy.Server{File: pos.File, Line: pos.Line, Weight0: 1, MaxIdle: -1, MaxReuse: -1, PurgeTime: 5 * time.Second}}
	l.checks = proxy.CheckConfig{Type: "tcp", Inter: 2 * time.Second, Rise: 2, Fall: 3}
	return l
}

// ServerFunc reads one option of a server line and returns how many words it
// took, itself included.
type ServerFunc func(b *Builder, st *config.Statement, to *serverLine, words []string) (int, error)

func serverRows() []keyword.Row {
	row := func(name, args, good, summary string, f ServerFunc) keyword.Row {
		return keyword.Row{Class: keyword.Server, Name: name, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 " + good}}, Impl: f}
	}
	flag := func(name, summary string, set func(*serverLine)) keyword.Row {
		return row(name, "", name, summary, func(_ *Builder, _ *config.Statement, to *serverLine, _ []string) (int, error) {
			set(to)
			return 1, nil
		})
	}
	number := func(name, summary string, low, high int, missing, wrong string, set func(*serverLine, int)) keyword.Row {
		return row(name, "<number>", fmt.Sprintf("%s %d", name, max(low, 1)), summary, func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
			if len(w) < 2 {
				return 0, fmt.Errorf("'%s' %s", name, missing)
			}
			n := atoi(w[1])
			if strings.HasPrefix(w[1], "-") {
				n = -atoi(w[1][1:])
			}
			if n < low || n > high {
				wrong := strings.NewReplacer("$name", name, "$server", to.srv.Name, "$n", strconv.Itoa(n)).Replace(wrong)
				return 0, errors.New(wrong)
			}
			set(to, n)
			return 2, nil
		})
	}
	span := func(name, summary string, set func(*serverLine, time.Duration)) keyword.Row {
		return row(name, "<time>", name+" 2s", summary, func(b *Builder, st *config.Statement, to *serverLine, w []string) (int, error) {
			if len(w) < 2 {
				return 0, fmt.Errorf("'%s' expects %s as argument.", name, map[bool]string{true: "a delay", false: "<value>"}[name != "pool-purge-delay"])
			}
			t, err := serverTime(to, name, w[1])
			if err != nil {
				return 0, err
			}
			if t.Value < 0 || t.Value == 0 && name != "pool-purge-delay" {
				return 0, fmt.Errorf("invalid value %d for argument '%s' of server %s.", 0, name, to.srv.Name)
			}
			if t.Small() && name != "pool-purge-delay" && !to.quiet {
				b.Diag.Rawf(config.Warning, "config : [%s] : %s%s", st.Pos, to.label, t.SmallText(name, fmt.Sprintf("server '%s'", to.srv.Name)))
			}
			set(to, t.Value)
			return 2, nil
		})
	}
	const big = 1 << 30
	return []keyword.Row{
		span("slowstart", "how long weight and maxconn grow after the server came up", func(to *serverLine, d time.Duration) { to.srv.Slowstart = int((d + time.Second - 1) / time.Second) }),
		flag("check", "checks the server's health", func(to *serverLine) { to.check = true }),
		flag("no-check", "does not check the server's health", func(to *serverLine) { to.check = false }),
		flag("backup", "is used when no other server is up", func(to *serverLine) { to.srv.Backup = true }),
		flag("no-backup", "is no backup", func(to *serverLine) { to.srv.Backup = false }),
		flag("non-stick", "is never stored in stick tables", func(to *serverLine) { to.srv.NonStick = true }),
		flag("stick", "is stored in stick tables", func(to *serverLine) { to.srv.NonStick = false }),
		flag("disabled", "starts in maintenance", func(to *serverLine) { to.down = true }),
		flag("enabled", "does not start in maintenance", func(to *serverLine) { to.down = false }),
		number("weight", "share of the traffic", 0, 256, "expects an integer argument", "weight of server $server is not within 0 and 256 ($n).", func(to *serverLine, n int) { to.srv.Weight0 = n }),
		number("id", "numeric identifier", 1, big, ": expects an integer argument", "'id' : custom id has to be > 0", func(to *serverLine, n int) { to.srv.ID = n }),
		number("rise", "good checks before the server is up", 1, big, "expects an integer argument.", "'$name' has to be > 0.", func(to *serverLine, n int) { to.checks.Rise = n }),
		number("fall", "bad checks before the server is down", 1, big, "expects an integer argument.", "'$name' has to be > 0.", func(to *serverLine, n int) { to.checks.Fall = n }),
		number("port", "port of health checks", 0, 65535, "expects a port number as argument.", "'port' : invalid port $n", func(to *serverLine, n int) { to.port = n }),
		number("pool-max-conn", "most idle connections", -1, big, "expects <value> as argument.", "'pool-max-conn' must be >= -1", func(to *serverLine, n int) { to.srv.MaxIdle = n }),
		number("pool-low-conn", "idle connections of a loop that others leave alone", 0, big, "expects <value> as argument.", "'$name' has to be >= 0", func(to *serverLine, n int) { to.srv.LowIdle = n }),
		number("max-reuse", "most requests over one connection after its first", -1, big, "expects <value> as argument.", "'$name' has to be >= -1", func(to *serverLine, n int) { to.srv.MaxReuse = n }),
		span("inter", "interval of health checks", func(to *serverLine, d time.Duration) { to.checks.Inter = d }),
		span("fastinter", "interval while the state is changing", func(to *serverLine, d time.Duration) { to.checks.FastInter = d }),
		span("downinter", "interval while the server is down", func(to *serverLine, d time.Duration) { to.checks.DownInter = d }),
		row("hash-key", "id|addr|addr-port", "hash-key addr", "what its place on hash rings is made from", hashKeyOption),
		span("pool-purge-delay", "interval of closing idle connections", func(to *serverLine, d time.Duration) { to.srv.PurgeTime = d }),
		row("addr", "<address>", "addr 127.0.0.2", "address of health checks", func(b *Builder, st *config.Statement, to *serverLine, w []string) (int, error) {
			if len(w) < 2 {
				return 0, fmt.Errorf("'addr' expects <ipv4|ipv6> as argument.")
			}
			a, err := config.ParseAddress(w[1], b.rules(config.CheckRules))
			to.addrOf = &a
			if err != nil {
				return 0, fmt.Errorf("'addr' : %w", err)
			}
			if a.Family == config.Sockpair {
				return 0, fmt.Errorf("'addr' : %s", keyword.Refusal("address '"+w[1]+"' of checks"))
			}
			return 2, nil
		}),
	}
}

func defaultServerKeyword(b *Builder, s *section, st *config.Statement) {
	if s.kind == "frontend" {
		b.alertAt(st, "parsing [%s] : 'default-server' not allowed because frontend '%s' has no backend capability.", st.Pos, s.name)
		return
	}
	probe := newServerLine(st.Pos)
	probe.srv.Name = "default-server"
	if b.serverOptions(st, probe, st.Words[1:]) {
		s.defaultServer = append(append([]string(nil), s.defaultServer...), st.Words[1:]...)
	}
}

func serverKeyword(b *Builder, s *section, st *config.Statement) {
	if !s.p.IsBackend {
		if s.kind == "defaults" {
			b.alertAt(st, "'server' not allowed in 'defaults' section.")
		} else {
			b.alertAt(st, "parsing [%s] : 'server' not allowed because frontend '%s' has no backend capability.", st.Pos, s.name)
		}
		return
	}
	if l := b.readServer(s, st, false); l != nil && b.uniqueID(s, st, l) {
		s.servers = append(s.servers, l)
	}
}

// readServer reads a server's line, of the configuration or, while the instance
// runs, of "add server"; nil when something is wrong with it.
func (b *Builder) readServer(s *section, st *config.Statement, dynamic bool) *serverLine {
	if len(st.Words) < 3 {
		b.alertAt(st, "'server' expects <name> and <addr>[:<port>] as arguments.")
		return nil
	}
	name := st.Words[1]
	if c := badName(name); c != 0 {
		b.alertAt(st, "character '%c' is not permitted in server name '%s'.", c, name)
		return nil
	}
	l := newServerLine(st.Pos)
	l.srv.Name, l.dynamic = name, dynamic
	l.label = fmt.Sprintf("'server %s/%s' : ", s.name, name)
	if err := b.readAddress(l, st.Words[2]); err != nil {
		b.alertAt(st, "%s%s", l.label, err)
		return nil
	}
	l.quiet = true
	read := dynamic || b.serverOptions(st, l, s.defaultServer)
	l.tls.inherited = l.tls.said
	if !read {
		return nil
	}
	l.quiet = false
	if !b.serverOptions(st, l, st.Words[3:]) {
		return nil
	}
	return l
}

// uniqueID tells whether the number of a line is no other server's.
func (b *Builder) uniqueID(s *section, st *config.Statement, l *serverLine) bool {
	for _, o := range s.servers {
		if l.srv.ID != 0 && o.srv.ID == l.srv.ID {
			b.alertAt(st, "%s'id' : custom id %d already used at %s ('server %s').", l.label, l.srv.ID, o.pos, o.srv.Name)
			return false
		}
	}
	return true
}

// readAddress reads where the server is. A name gets its address once all was read
// (initAddr). Reference: that of a server that is added later does not.
func (b *Builder) readAddress(l *serverLine, text string) error {
	a, err := config.ParseAddress(text, b.rules(config.ServerRules))
	if err != nil {
		return err
	}
	l.addr, l.srv.FQDN = a, a.Host
	return l.place()
}

// place fills the address to connect to.
func (l *serverLine) place() error {
	a := l.addr
	if a.Host != "" && !a.IP.IsValid() {
		at := &proxy.Address{To: &loop.Sockaddr{IP: netip.AddrPortFrom(netip.Addr{}, uint16(a.Port))}}
		if !l.dynamic {
			at.Relative, at.Offset = a.Relative || !a.HasPort, a.Offset
		}
		l.srv.Move(at)
		return nil
	}
	switch a.Family {
	case config.Unix:
		sa, ok := loop.UnixSockaddr(a.Path)
		if !ok {
			return fmt.Errorf("path '%s' is too long for a socket", a.Path)
		}
		l.srv.Move(&proxy.Address{To: sa, Text: "unix"})
	case config.Abstract, config.AbstractZ:
		sa, ok := loop.UnixSockaddr("\x00" + a.AbstractName())
		if !ok {
			return fmt.Errorf("name '%s' is too long for a socket", a.Path)
		}
		l.srv.Move(&proxy.Address{To: sa, Text: "abns@" + a.Path})
	case config.FD:
		return fmt.Errorf("%s", keyword.Refusal("address '"+a.Text+"' on server lines"))
	case config.Sockpair:
		l.srv.Move(&proxy.Address{To: loop.PassedSockaddr(a.FD)})
	default:
		l.srv.Move(&proxy.Address{To: loop.IPSockaddr(netip.AddrPortFrom(a.IP, uint16(a.Port))),
			Text: netJoin(a.IP.String(), a.Port), Relative: a.Relative || !a.HasPort, Offset: a.Offset})
	}
	return nil
}

// serverOptions reads the options of a server or, without a label, of
// default-server.
func (b *Builder) serverOptions(st *config.Statement, to *serverLine, words []string) bool {
	for len(words) > 0 {
		name, _, parens := strings.Cut(words[0], "(")
		row := b.Set.Lookup(keyword.Server, name)
		if row != nil && parens && !row.Prefix {
			row = nil
		}
		if row == nil {
			if _, ok := keyword.Known(keyword.Server, words[0]); ok {
				b.alertAt(st, "%s%s.", to.label, keyword.Refusal("keyword '"+words[0]+"'"))
			} else {
				hint := ""
				if to.label == "" {
					hint = " Hint: no address was expected for this server."
				}
				b.alertAt(st, "%sunknown keyword '%s'%s%s", to.label, words[0], proposal(words[0], b.Set.Names(keyword.Server)), hint)
			}
			return false
		}
		if to.only != "" && !forNameserver(name) {
			b.alertAt(st, "%s'%s' is known to lines of backends, %s.", to.label, words[0], to.only)
			return false
		}
		if to.dynamic && row.Flags&keyword.Dynamic == 0 {
			b.alertAt(st, "%s'%s' option is not accepted for dynamic server", to.label, words[0])
			return false
		}
		n, err := row.Impl.(ServerFunc)(b, st, to, words)
		if err != nil {
			b.alertAt(st, "%s%s.", to.label, err)
			return false
		}
		words = words[min(n, len(words)):]
	}
	return true
}
