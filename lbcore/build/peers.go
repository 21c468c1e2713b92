//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gohap/lbcore/clock"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/peers/fleet"
	"gohap/stick"
)

// sectionPeers is the class of the words of a peers section.
const sectionPeers keyword.Class = "section peers"

// peersConf is a peers section while it is read.
type peersConf struct {
	*proxy.Peers
	*section     // of its bind line and its servers, by the local peer's name (reference)
	pos          config.Position
	lines        map[string]config.Position // of peers by name
	serverOf     map[*proxy.Peer]*serverLine
	bindDefaults [][]string      // of default-bind
	bindLine     bool            // a bind line was read, and is sound
	bindAt       config.Position // the first of them, sound or not
	listens      bool            // an address to listen at was read, sound or not
	peerLine     bool            // a peer line was read
	tables       []*proxy.Table  // its own
}

// peersFunc reads a line of a peers section.
type peersFunc func(b *Builder, c *peersConf, st *config.Statement)

func peersRows() []keyword.Row {
	row := func(name, args, summary, good string, f peersFunc, bad ...string) keyword.Row {
		return keyword.Row{Class: sectionPeers, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: good}}, Bad: bad, Impl: f}
	}
	return []keyword.Row{
		row("peer", "<name> <address>:<port> [parameters]", "a node that tables are shared with; the local one listens there", "peer lb1 127.0.0.1:10000", peerLine, "peer lb1 127.0.0.1", "peer lb1 127.0.0.1:10000 foo"),
		row("server", "<name> [<address>:<port>] [parameters]", "a node that tables are shared with; the local one has no address where a bind line says it", "server lb2 127.0.0.1:10000", peerLine, "server lb1 127.0.0.1"),
		row("bind", "<address> [parameters]", "where the local peer listens", "bind 127.0.0.1:10000", peersBind, "bind 127.0.0.1", "bind 127.0.0.1:10000 foo"),
		row("default-bind", "[parameters]", "parameters of the local peer's listener", "default-bind v4v6", peersDefaultBind, "default-bind foo"),
		row("default-server", "[parameters]", "parameters of the peers behind it", "default-server ssl verify none", peersDefaultServer, "default-server foo"),
		row("table", "<name> type <type> size <size> [parameters]", "a stick table of the section, whose name is <section>/<name>", "table t type ip size 1m store gpc0", peersTable,
			"table", "table t", "table t type ip size 10 peers p"),
		row("log", "<target> [parameters]", "where the events of peers are logged", "log 127.0.0.1:514 local0", func(b *Builder, c *peersConf, st *config.Statement) { logKeyword(b, c.section, st) }, "log"),
		row("shards", "<n>", "to how many parts keys are distributed, of which a peer with 'shard' gets one", "shards 3", peersShards, "shards", "shards x", "shards 0"),
		row("disabled", "", "nothing is shared", "disabled", func(_ *Builder, c *peersConf, _ *config.Statement) { c.disabled = true }),
		row("enabled", "", "tables are shared", "enabled", func(_ *Builder, c *peersConf, _ *config.Statement) { c.disabled = false }),
	}
}

// peerServerRows are the words of server lines that only peers heed.
func peerServerRows() []keyword.Row {
	return []keyword.Row{{Class: keyword.Server, Name: "shard", Args: "<n>", Summary: "the part of the keys that a peer gets",
		Good: []keyword.Example{{Config: "server s1 127.0.0.1:80 shard 2"}},
		Impl: ServerFunc(func(_ *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
			if len(w) < 2 {
				return 0, fmt.Errorf("'shard' expects an integer argument")
			}
			to.shard = atoi(w[1])
			return 2, nil
		})}}
}

func peersGlobalRow() keyword.Row {
	const name = "tune.peers.max-updates-at-once"
	return keyword.Row{Class: keyword.Global, Name: name, Where: keyword.InGlobal, Args: "<n>",
		Summary: "how many updates a peer is sent of a table before other tables have their turn",
		Good:    []keyword.Example{{Config: name + " 100"}}, Bad: []string{name, name + " 0"},
		Impl: GlobalFunc(func(b *Builder, st *config.Statement) {
			switch n, err := strconv.Atoi(st.Word(1)); {
			case b.tooMany(st, 2):
			case err != nil || n < 1:
				b.Alertf(st, "'%s' expects an integer argument greater than 0.", name)
			default:
				b.Global.PeerUpdates = n
			}
		})}
}

// openPeers begins a peers section.
func (b *Builder) openPeers(st *config.Statement) config.Outcome {
	b.peering = nil
	name := st.Word(1)
	switch bad := badName(name); {
	case name == "":
		b.Alertf(st, "missing name for peers section.")
		return config.Abort
	case b.tooMany(st, 2):
		return config.Abort
	case bad != 0:
		b.Alertf(st, "character '%c' is not permitted in 'peers' name '%s'.", bad, name)
		return config.Abort
	}
	for _, o := range b.peers {
		if o.Peers.Name == name {
			b.Diag.Rawf(config.Alert, "config : Parsing [%s]: peers section '%s' has the same name as another peers section declared at %s.", st.Pos, name, o.pos)
		}
	}
	s := &section{conf: builtinConf(), kind: "peers", name: b.LocalPeer, pos: st.Pos}
	s.p = &proxy.Proxy{Name: name, File: st.Pos.File, Line: st.Pos.Line, Kind: "peers", IsFrontend: true, IsBackend: true}
	b.peering = &peersConf{pos: st.Pos, section: s, lines: map[string]config.Position{}, serverOf: map[*proxy.Peer]*serverLine{},
		Peers: &proxy.Peers{Name: name, File: st.Pos.File, Line: st.Pos.Line, Local: b.LocalPeer, Own: s.p}}
	b.peers = append(b.peers, b.peering)
	return config.Continue
}

func (b *Builder) peersLine(st *config.Statement) {
	row := b.Set.Lookup(sectionPeers, st.Words[0])
	if row == nil {
		b.Alertf(st, "unknown keyword '%s' in '%s' section", st.Words[0], "peers")
		return
	}
	if b.peering != nil {
		row.Impl.(peersFunc)(b, b.peering, st)
	}
}

// local returns the local peer of the section, nil as long as it has none.
func (c *peersConf) local() *proxy.Peer {
	for _, p := range c.Peers.Peers {
		if p.Local {
			return p
		}
	}
	return nil
}

// peerLine reads a peer or server line.
func peerLine(b *Builder, c *peersConf, st *config.Statement) {
	name, old := st.Word(1), st.Words[0] == "peer"
	local := name != "" && name == c.Local
	if old && c.bindLine {
		b.Alertf(st, "mixing \"peer\" and \"bind\" line is forbidden")
		return
	}
	if old && len(st.Words) < 3 {
		b.Warnf(st, "'peer %s' : ignoring invalid peer definition (missing address:port)", name)
		return
	}
	if at, ok := c.lines[name]; ok && local {
		b.Alertf(st, "'%s %s' : local peer name already referenced at %s. %s", st.Words[0], name, at, name)
		return
	} else if ok {
		b.twins = append(b.twins, fmt.Sprintf("Peer section '%s' [%s]: another peer named '%s' was already defined at line %s, please use distinct names.", c.name, at, name, st.Pos))
	}
	p := &proxy.Peer{Name: name, Local: local}
	l := b.readPeer(c, st, local && !old)
	if l == nil {
		return
	}
	c.lines[name] = st.Pos
	if l.check || l.more.agent || l.resolve.said() {
		b.Warnf(st, "'%s %s' : init_addr, resolvers, check and agent are ignored for peers.", st.Words[0], name)
		l.check, l.more.agent = false, false
	}
	c.serverOf[p] = l
	l.srv.Proxy = c.p
	if !local || old {
		p.Server = l.srv
	}
	if p.Shard = l.shard; p.Shard > c.Shards {
		if c.Shards > 0 {
			b.Warnf(st, "'%s %s' : %d peer shard greater value than %d shards value is ignored.", st.Words[0], name, p.Shard, c.Shards)
		}
		p.Shard = 0
	}
	c.Peers.Peers = append(c.Peers.Peers, p)
	c.peerLine = c.peerLine || old
	if local && old {
		if c.listens {
			b.alertListens(c, st)
		}
		b.listenAt(c, st, st.Words[2], nil)
	}
}

// readPeer reads how a peer is connected to. Where a bind line says where the local
// one listens, only options are left.
func (b *Builder) readPeer(c *peersConf, st *config.Statement, bare bool) *serverLine {
	as := *st
	if !bare {
		as.Words = append([]string{"server"}, st.Words[1:]...)
		l := b.readServer(c.section, &as, false)
		if l != nil { // reference: whatever init-addr says
			said := l.resolve
			l.resolve = resolveLine{}
			b.initAddr(nil, l)
			l.resolve = said
			if l.unresolved != "" {
				b.alertAt(st, "%sinvalid address: '%s' in '%s'", l.label, l.addr.Host, st.Words[2])
				return nil
			}
		}
		if l != nil && !l.addr.HasPort && l.addr.IP.IsValid() {
			b.alertAt(st, "%smissing port specification in '%s'", l.label, st.Words[2])
			if l.srv.Name == c.Local { // its listener is missing one as well
				b.Alertf(st, "'peer %s' : missing port specification in '%s'", l.srv.Name, st.Words[2])
			}
			return nil
		}
		return l
	}
	l := newServerLine(st.Pos)
	l.srv.Name, l.label = st.Words[1], fmt.Sprintf("'server %s/%s' : ", c.name, st.Words[1])
	l.quiet = true
	if !b.serverOptions(st, l, c.defaultServer) {
		return nil
	}
	l.quiet = false
	if len(st.Words) > 2 && b.Set.Lookup(keyword.Server, st.Words[2]) == nil {
		b.alertAt(st, "%sunknown keyword '%s'%s Hint: no address was expected for this server.", l.label, st.Words[2], proposal(st.Words[2], b.Set.Names(keyword.Server)))
		return nil
	}
	if !b.serverOptions(st, l, st.Words[2:]) {
		return nil
	}
	return l
}

// listenAt makes the listener of the local peer; false: what is wrong was told.
func (b *Builder) listenAt(c *peersConf, st *config.Statement, address string, options []string) bool {
	addrs, err := config.ParseAddresses(address, b.rules(config.BindRules))
	if err != nil {
		b.Alertf(st, "'%s %s' : %s", st.Words[0], st.Word(1), err)
		return false
	}
	c.listens = true
	if len(addrs) != 1 || addrs[0].PortHigh > addrs[0].Port || c.Bind != nil {
		b.Alertf(st, "Only one listener per \"peers\" section is authorized. Multiple listening addresses or port range are not supported.")
		return false
	}
	l := &bindLine{addr: addrs[0], text: address, Bind: &proxy.Bind{Proxy: c.p, File: st.Pos.File, Line: st.Pos.Line, InheritFD: -1, UID: -1, GID: -1, Shards: 1, ID: 1}}
	b.unixDefaults(l.Bind)
	if err := l.place(); err != nil {
		b.Alertf(st, "'bind' : %s", err)
		return false
	}
	if l.Passed {
		b.Alertf(st, "'bind' : %s", keyword.Refusal("address '"+address+"' of peers"))
		return false
	}
	as := *st
	as.Words = append([]string{"bind", address}, options...)
	for _, words := range append(slices.Clone(c.bindDefaults), options) {
		if !b.bindOptions(&as, l.Bind, words, true) {
			return false
		}
	}
	l.first = true
	c.Bind, c.binds, c.p.Binds = l.Bind, []*bindLine{l}, []*proxy.Bind{l.Bind}
	return true
}

func peersBind(b *Builder, c *peersConf, st *config.Statement) {
	switch {
	case c.peerLine:
		b.Alertf(st, "mixing \"peer\" and \"bind\" line is forbidden")
		return
	case c.listens:
		b.alertListens(c, st)
	}
	if c.bindAt == (config.Position{}) {
		c.bindAt = st.Pos
	}
	if len(st.Words) > 1 { // reference: nothing is said of one without an address
		c.bindLine = b.listenAt(c, st, st.Words[1], st.Words[2:]) || c.bindLine
	}
}

// alertListens tells that there is a listener already.
func (b *Builder) alertListens(c *peersConf, st *config.Statement) {
	b.Alertf(st, "One listener per \"peers\" section is authorized but another is already configured at [%s].", c.bindAt)
}

func peersDefaultBind(b *Builder, c *peersConf, st *config.Statement) {
	as := *st
	as.Words = append([]string{"default-bind"}, st.Words[1:]...)
	probe := &proxy.Bind{Proxy: c.p, InheritFD: -1, UID: -1, GID: -1}
	if len(st.Words) > 1 && b.bindOptions(&as, probe, st.Words[1:], true) {
		c.bindDefaults = append(c.bindDefaults, slices.Clone(st.Words[1:]))
	}
	delete(b.bindTLS, probe)
}

func peersDefaultServer(b *Builder, c *peersConf, st *config.Statement) {
	probe := newServerLine(st.Pos)
	probe.srv.Name = "default-server"
	if b.serverOptions(st, probe, st.Words[1:]) {
		c.defaultServer = append(slices.Clone(c.defaultServer), st.Words[1:]...)
	}
}

func peersShards(b *Builder, c *peersConf, st *config.Statement) {
	switch n, err := strconv.Atoi(st.Word(1)); {
	case len(st.Words) < 2:
		b.Alertf(st, "'shards' : missing value")
	case err != nil:
		b.Alertf(st, "'shards' : expects an integer argument, found '%s'", st.Word(1))
	case n < 1:
		b.Alertf(st, "'shards' : expects a strictly positive integer argument")
	default:
		c.Shards = n
	}
}

// peersTable reads a table of the section. Its name to others is behind a slash.
func peersTable(b *Builder, c *peersConf, st *config.Statement) {
	name := st.Word(1)
	for _, t := range c.tables {
		if t.Name == c.Peers.Name+"/"+name {
			b.Alertf(st, "stick-table name '%s' conflicts with table declared in peers '%s' at %s:%d.", name, c.Peers.Name, t.File, t.Line)
			return
		}
	}
	if len(st.Words) < 2 {
		b.Alertf(st, "table: missing size.")
		return
	}
	if t := b.declareTable(st, c.Peers.Name+"/"+name, st.Words[2:], c.Peers.Name); t != nil {
		c.tables = append(c.tables, t)
	}
}

// declareTable makes a table of a line; inside is the peers section that it stands
// in, "" for none. What is wrong was told.
func (b *Builder) declareTable(st *config.Statement, name string, words []string, inside string) *proxy.Table {
	to := &tableLine{inside: inside != ""}
	to.Name, to.Peers, to.peers = name, inside != "", inside
	if !b.readTable(st, to, words) {
		return nil
	}
	to.Fleet = to.peers == fleet.Name
	if to.Fleet && to.writeTo != "" {
		b.Alertf(st, "%s: 'write-to' has no meaning in a table of the peers section 'fleet'.", st.Words[0])
		return nil
	}
	t, err := stick.New(to.Config, clock.Millis())
	if err != nil {
		b.Alertf(st, "%s: %v.", st.Words[0], err)
		return nil
	}
	made := &proxy.Table{Table: t, File: st.Pos.File, Line: st.Pos.Line, ByAddress: to.byAddress,
		PeersName: to.peers, Inside: to.inside, RecvOnly: to.recvOnly}
	if to.writeTo != "" {
		b.writeTo = append(b.writeTo, writeTo{made, to.writeTo})
	}
	b.tables = append(b.tables, made)
	return made
}

// writeTo is a table whose write-to has to be found once all tables are known.
type writeTo struct {
	t  *proxy.Table
	to string
}

// table returns a table by name, nil without one.
func (b *Builder) table(name string) *proxy.Table {
	for _, t := range b.tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// settlePeers resolves what tables say of peers and of each other, and makes the
// sections ready.
func (b *Builder) settlePeers() (all []*proxy.Peers) {
	for _, text := range b.twins {
		b.Diag.Rawf(config.Alert, "%s", text)
	}
	for _, c := range b.peers {
		if b.settlePeersSection(c) {
			all = append(all, c.Peers)
		} else {
			for _, t := range c.Tables {
				t.Peers = false
			}
		}
	}
	for _, inside := range []bool{true, false} { // reference: in this order
		for _, w := range slices.Clone(b.writeTo) {
			if w.t.Inside == inside {
				b.settleWriteTo(w)
			}
		}
	}
	return all
}

// shareTables gives the sections their tables, their own first.
func (b *Builder) shareTables() {
	b.fleetSection()
	byName := map[string]*peersConf{}
	for _, c := range b.peers {
		byName[c.Peers.Name] = c
		c.Tables = append(c.Tables, c.tables...)
	}
	for _, t := range b.tables {
		switch c := byName[t.PeersName]; {
		case t.Inside || t.PeersName == "":
		case c == nil:
			b.Diag.Rawf(config.Alert, "Proxy '%s': unable to find sync peers '%s'.", t.Name, t.PeersName)
		default:
			c.Tables = append(c.Tables, t)
		}
	}
}

// settlePeersSection tells whether anything is left of a section.
func (b *Builder) settlePeersSection(c *peersConf) bool {
	if c.Peers.Name == fleet.Name {
		b.settleFleet(c)
	}
	local := c.local()
	if c.disabled && c.Peers.Name != fleet.Name { // reference: it is nowhere to be seen
		return false
	}
	if local == nil {
		b.Diag.Rawf(config.Warning, "Removing incomplete section 'peers %s' (no peer named '%s').", c.Peers.Name, c.Local)
		return false
	}
	c.Logging = &proxy.Logging{Tag: b.tagOf(c.section), Loggers: b.loggersOf(c.section)}
	c.MaxUpdates = b.Global.PeerUpdates
	b.settleTLS(c.section)
	for _, p := range c.Peers.Peers {
		l := c.serverOf[p]
		if l == nil { // the fleet's, of this node alone
			continue
		}
		l.settleTLS(b, c.section)
		b.refuseForPeers(l)
	}
	if c.Bind != nil && c.Bind.AcceptProxy {
		b.Diag.Rawf(config.Alert, "[%s:%d] : %s.", c.Bind.File, c.Bind.Line, keyword.Refusal("keyword 'accept-proxy' in section 'peers'"))
	}
	if l := c.serverOf[local]; l != nil && c.Bind != nil {
		switch t := b.bindTLS[c.Bind]; {
		case l.tls.on && (t == nil || !t.on):
			b.Diag.Rawf(config.Warning, "Peers section '%s': local peer have a non-SSL listener and a SSL server configured at line %s.", c.name, l.pos)
		case !l.tls.on && t != nil && t.on:
			b.Diag.Rawf(config.Warning, "Peers section '%s': local peer have a SSL listener and a non-SSL server configured at line %s:%d.", c.name, c.Bind.File, c.Bind.Line)
		}
	}
	return true
}

// refuseForPeers tells of what connections to peers do not do.
func (b *Builder) refuseForPeers(l *serverLine) {
	for _, w := range []struct {
		said bool
		word string
	}{{l.source.addr != nil || l.source.device != "", "source"}, {l.srv.SendProxy != nil, "send-proxy"}} {
		if w.said {
			b.Diag.Rawf(config.Alert, "[%s] : %s%s.", l.pos, l.label, keyword.Refusal("keyword '"+w.word+"' in section 'peers'"))
		}
	}
}

// served returns the tables of proxies that are not disabled, and of peers sections.
func (b *Builder) served(proxies []*proxy.Proxy) []*proxy.Table {
	of := map[*proxy.Table]bool{}
	for _, p := range proxies {
		of[p.Table] = true
	}
	return slices.DeleteFunc(slices.Clone(b.tables), func(t *proxy.Table) bool { return !t.Inside && !of[t] })
}

// settleWriteTo finds the table that another one's news are written to as well.
func (b *Builder) settleWriteTo(w writeTo) {
	fail := func(format string, args ...any) {
		where := fmt.Sprintf("Proxy '%s': failed to initialize stick-table", w.t.Name)
		if w.t.Inside {
			where = fmt.Sprintf("Parsing [%s:%d]: failed to initialize '%s' stick-table", w.t.File, w.t.Line, w.t.Name)
		}
		b.Diag.Rawf(config.Alert, "%s: write-to: %s.", where, fmt.Sprintf(format, args...))
		b.writeTo = slices.DeleteFunc(b.writeTo, func(o writeTo) bool { return o.t == w.t }) // reference: it is no source then
	}
	to := b.table(w.to)
	switch {
	case to == nil:
		fail("table '%s' doesn't exist", w.to)
	case to == w.t: // reference: nothing is said of it, and nothing done
	case slices.ContainsFunc(b.writeTo, func(o writeTo) bool { return o.t == to }):
		fail("table '%s' is already used as a source table", w.to)
	case to.Config.Key != w.t.Config.Key:
		fail("cannot mix table types ('%s' has '%s' type and '%s' has '%s' type)", w.to, keyWord(to), w.t.Name, keyWord(w.t))
	case to.KeyLen != w.t.KeyLen:
		extra := 0
		if to.Config.Key == stick.KeyString {
			extra = 1
		}
		fail("cannot mix key sizes ('%s' has '%d' key_size and '%s' has '%d' key_size)", w.to, to.KeyLen+extra, w.t.Name, w.t.KeyLen+extra)
	default:
		w.t.WriteTo = to
	}
}

// keyWord is the type of a table's keys as the reference prints it.
func keyWord(t *proxy.Table) string {
	return strings.Replace(t.Config.Key.String(), "ipv4", "ip", 1)
}
