//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"encoding/binary"
	"fmt"
	"strings"

	"gohap/lbcore/balance"
	"gohap/lbcore/config"
	"gohap/lbcore/hash"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// balancing is what a section says about the choice of servers.
type balancing struct {
	algorithm string
	hashing   proxy.Hashing
	config    balance.Config
	expr      placed // of balance hash
}

// balanceRow is what a row of class balance does: it reads the words behind
// the algorithm's, of which arg stood in parentheses, and makes policies.
type balanceRow struct {
	parens bool // the word takes an argument in parentheses
	read   func(b *Builder, st *config.Statement, to *balancing, arg string, words []string) bool
	make   func(p *proxy.Proxy, nodes []balance.Node) balance.Policy
}

func balanceRows() []keyword.Row {
	row := func(name, args, summary string, r balanceRow, lines ...string) keyword.Row {
		good, bad := []keyword.Example{}, []string(nil)
		for _, l := range lines {
			if w, ok := strings.CutPrefix(l, "!"); ok {
				bad = append(bad, "balance "+w)
			} else {
				good = append(good, keyword.Example{Config: "balance " + l})
			}
		}
		return keyword.Row{Class: keyword.Balance, Name: name, Args: args, Where: keyword.InBackends, Summary: summary, Good: good, Bad: bad, Impl: r}
	}
	plain := func(f func(nodes []balance.Node) balance.Policy) balanceRow {
		return balanceRow{read: noWords, make: func(_ *proxy.Proxy, n []balance.Node) balance.Policy { return f(n) }}
	}
	return append([]keyword.Row{
		row("roundrobin", "", "servers in turn, by weight, weights may change", plain(func(n []balance.Node) balance.Policy { return balance.NewRoundRobin(n) }), "roundrobin"),
		row("static-rr", "", "servers in turn, by fixed weights", plain(func(n []balance.Node) balance.Policy { return balance.NewStaticRR(n) }), "static-rr"),
		row("leastconn", "", "the server with the fewest streams for its weight", plain(func(n []balance.Node) balance.Policy { return balance.NewLeastConn(n) }), "leastconn"),
		row("first", "", "the first server, by id, that is not full", plain(func(n []balance.Node) balance.Policy { return balance.NewFirst(n) }), "first"),
		row("source", "", "by the client's address", balanceRow{read: readSource, make: hashPolicy}, "source"),
		row("uri", "[whole] [path-only] [len <bytes>] [depth <slashes>]", "by the request's target up to its query", balanceRow{read: readURI, make: hashPolicy},
			"uri", "uri whole", "uri len 32 depth 2", "uri path-only", "!uri x", "!uri len 0", "!uri depth"),
		row("url_param", "<name> [check_post]", "by a parameter of the query or of a POST's body", balanceRow{read: readParam, make: hashPolicy},
			"url_param userid", "url_param userid check_post", "!url_param", "!url_param a b"),
		row("hdr", "(<name>) [use_domain_only]", "by a request header", balanceRow{parens: true, read: readHeader, make: hashPolicy},
			"hdr(user-agent)", "hdr(host) use_domain_only", "!hdr()", "!hdr(a) b", "!hdr"),
		row("rdp-cookie", "[(<name>)]", "by the cookie of an RDP connection request", balanceRow{parens: true, read: readRDP, make: hashPolicy},
			"rdp-cookie", "rdp-cookie(msts)", "!rdp-cookie()"),
		row("hash", "<expression>", "by a sample expression", balanceRow{read: readHash, make: hashPolicy},
			"hash path", "hash req.cookie(id)", "!hash", "!hash nosuch", "!hash src extra"),
		row("random", "[(<draws>)]", "the least loaded of some servers drawn by chance", balanceRow{parens: true, read: readRandom,
			make: func(p *proxy.Proxy, n []balance.Node) balance.Policy {
				return balance.NewRandom(n, p.Balancing)
			}}, "random", "random(3)", "!random(0)", "!random(x)"),
		proxyRow("balance", keyword.InBackends, "<algorithm>", "how a backend's servers are chosen", "balance roundrobin", balanceKeyword, "balance roudrobin"),
		proxyRow("hash-type", keyword.InBackends, "map-based|consistent [sdbm|djb2|wt6|crc32|none [avalanche]]", "how hashes are made and looked up", "hash-type consistent wt6 avalanche", hashTypeKeyword, "hash-type", "hash-type x", "hash-type consistent x"),
		proxyRow("hash-balance-factor", keyword.InBackends, "<percent>", "most load of a server for consistent hashing, of the average", "hash-balance-factor 150", hashFactorKeyword, "hash-balance-factor", "hash-balance-factor 50"),
		proxyRow("hash-preserve-affinity", keyword.InBackends, "always|maxconn|maxqueue", "when hashed requests leave their server", "hash-preserve-affinity maxconn", affinityKeyword, "hash-preserve-affinity", "hash-preserve-affinity x"),
	}, hashValueRows()...)
}

// hashValueRows are the words that hash-type takes.
func hashValueRows() []keyword.Row {
	var rows []keyword.Row
	for _, v := range []struct {
		class               keyword.Class
		line, name, summary string
	}{
		{keyword.HashMethod, "hash-type map-based", "map-based", "a table with a slot for each unit of weight"},
		{keyword.HashMethod, "hash-type consistent", "consistent", "a ring with points for each unit of weight"},
		{keyword.HashFunction, "hash-type map-based sdbm", "sdbm", "the function of the sdbm library"},
		{keyword.HashFunction, "hash-type map-based djb2", "djb2", "Dan Bernstein's function"},
		{keyword.HashFunction, "hash-type map-based wt6", "wt6", "a function made for numbers"},
		{keyword.HashFunction, "hash-type map-based crc32", "crc32", "the checksum of Ethernet"},
		{keyword.HashFunction, "hash-type map-based none", "none", "the key is a number and its own hash"},
		{keyword.BalanceArg, "balance hdr(host) use_domain_only", "hdr:use_domain_only", "hashes the label in front of the last one"},
		{keyword.BalanceArg, "balance random(3)", "random(draws)", "how many servers are drawn"},
		{keyword.BalanceArg, "balance rdp-cookie(msts)", "rdp-cookie(name)", "which cookie"},
		{keyword.BalanceArg, "balance uri depth 3", "uri:depth", "hashes no more than so many levels"},
		{keyword.BalanceArg, "balance uri len 10", "uri:len", "hashes no more than so many bytes"},
		{keyword.BalanceArg, "balance uri path-only", "uri:path-only", "leaves scheme and authority out"},
		{keyword.BalanceArg, "balance uri whole", "uri:whole", "hashes the query too"},
		{keyword.BalanceArg, "balance url_param a check_post", "url_param:check_post", "looks into the body of a POST too"},
		{keyword.HashAffinity, "hash-preserve-affinity always", "always", "never"},
		{keyword.HashAffinity, "hash-preserve-affinity maxconn", "maxconn", "when the server is full"},
		{keyword.HashAffinity, "hash-preserve-affinity maxqueue", "maxqueue", "when its queue is full"},
		{keyword.HashKey, "server s1 127.0.0.1:80 hash-key id", "id", "the server's number"},
		{keyword.HashKey, "server s1 127.0.0.1:80 hash-key addr", "addr", "its address"},
		{keyword.HashKey, "server s1 127.0.0.1:80 hash-key addr-port", "addr-port", "its address and port"},
		{keyword.HashModifier, "hash-type map-based sdbm avalanche", "avalanche", "mixes the function's result"},
	} {
		rows = append(rows, keyword.Row{Class: v.class, Name: v.name, Where: keyword.InBackends, Summary: v.summary, Good: []keyword.Example{{Config: v.line}}})
	}
	return rows
}

// known returns word when a row of class has it, behind prefix; else "".
func (b *Builder) known(class keyword.Class, prefix, word string) string {
	if b.Set.Lookup(class, prefix+word) == nil {
		return ""
	}
	return word
}

// hashPolicy makes the policy of an algorithm that hashes.
func hashPolicy(p *proxy.Proxy, nodes []balance.Node) balance.Policy {
	if p.Balancing.Consistent {
		return balance.NewRing(p.Algorithm, nodes, p.Balancing)
	}
	return balance.NewHashMap(p.Algorithm, nodes)
}

// NewPolicy makes the policy that a backend's algorithm names over servers.
func NewPolicy(set *keyword.Set, p *proxy.Proxy, servers []*proxy.Server) balance.Policy {
	nodes := make([]balance.Node, len(servers))
	for i, s := range servers {
		nodes[i] = proxy.Node{Server: s}
	}
	return set.Lookup(keyword.Balance, p.Algorithm).Impl.(balanceRow).make(p, nodes)
}

func balanceKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "balance", false, true) {
		return
	}
	word, arg, parens := strings.Cut(st.Word(1), "(")
	if st.Word(1) == "" { // reference: the default
		s.balancing.algorithm = ""
		return
	}
	row := b.Set.Lookup(keyword.Balance, word)
	if row == nil {
		if _, ok := keyword.Known(keyword.Balance, word); ok {
			b.Alertf(st, "%s.", keyword.Refusal("'balance "+st.Word(1)+"'"))
			return
		}
		b.balanceWords(st)
		return
	}
	r := row.Impl.(balanceRow)
	if parens && (!r.parens || word != "hdr" && b.Set.Lookup(keyword.BalanceArg, parenArgs[word]) == nil) || word == "hdr" && !parens {
		b.balanceWords(st)
		return
	}
	if !parens {
		arg = noParens
	}
	to := s.balancing
	to.hashing = proxy.Hashing{Func: to.hashing.Func, Avalanche: to.hashing.Avalanche}
	if r.read(b, st, &to, arg, st.Words[2:]) {
		to.algorithm = word
		s.balancing = to
	}
}

// parenArgs names what stands in parentheses.
var parenArgs = map[string]string{"random": "random(draws)", "rdp-cookie": "rdp-cookie(name)"}

// noParens is the argument of a word without parentheses.
const noParens = "\x00"

func (b *Builder) balanceWords(st *config.Statement) {
	b.Alertf(st, "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hash', 'hdr(name)', 'rdp-cookie(name)', 'log-hash' and 'sticky' options.")
}

// noWords warns of words that the reference passes over in silence.
func noWords(b *Builder, st *config.Statement, _ *balancing, _ string, words []string) bool {
	if len(words) > 0 {
		b.Warnf(st, "'balance %s' takes no argument, '%s' is ignored.", st.Words[1], words[0])
	}
	return true
}

func readSource(b *Builder, st *config.Statement, to *balancing, arg string, words []string) bool {
	to.hashing.Kind = proxy.HashSource
	return noWords(b, st, to, arg, words)
}

func readURI(b *Builder, st *config.Statement, to *balancing, _ string, words []string) bool {
	h := &to.hashing
	h.Kind = proxy.HashURI
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch b.known(keyword.BalanceArg, "uri:", w) {
		case "whole":
			h.Whole = true
		case "path-only":
			h.PathOnly = true
		case "len", "depth":
			i++
			text := ""
			if i < len(words) {
				text = words[i]
			}
			n := atoi(text)
			if n <= 0 {
				b.Alertf(st, "balance uri : '%s' expects a positive integer (got '%s').", w, text)
				return false
			}
			if w == "len" {
				h.Len = n
			} else {
				h.Depth = n
			}
		default:
			b.Alertf(st, "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '%s').", w)
			return false
		}
	}
	return true
}

func readParam(b *Builder, st *config.Statement, to *balancing, _ string, words []string) bool {
	h := &to.hashing
	h.Kind = proxy.HashParam
	if len(words) == 0 {
		b.Alertf(st, "balance url_param requires an URL parameter name.")
		return false
	}
	h.Name = []byte(words[0])
	if len(words) > 1 {
		if b.known(keyword.BalanceArg, "url_param:", words[1]) == "" {
			b.Alertf(st, "balance url_param only accepts 'check_post' modifier (got '%s').", words[1])
			return false
		}
		h.Post = true // reference: a number that may follow has no meaning any more
	}
	return true
}

func readHeader(b *Builder, st *config.Statement, to *balancing, arg string, words []string) bool {
	h := &to.hashing
	h.Kind = proxy.HashHeader
	name, ok := strings.CutSuffix(arg, ")")
	if !ok || name == "" {
		b.Alertf(st, "balance hdr requires an http header field name.")
		return false
	}
	h.Name = []byte(strings.ToLower(name))
	if len(words) > 0 {
		if b.known(keyword.BalanceArg, "hdr:", words[0]) == "" {
			b.Alertf(st, "balance %s only accepts 'use_domain_only' modifier (got '%s').", st.Words[1], words[0])
			return false
		}
		h.Domain = true
	}
	return true
}

func readRDP(b *Builder, st *config.Statement, to *balancing, arg string, words []string) bool {
	name, ok := "mstshash", true
	if arg != noParens {
		name, ok = strings.CutSuffix(arg, ")")
	}
	if !ok || name == "" {
		b.Alertf(st, "balance rdp-cookie : missing cookie name.")
		return false
	}
	to.hashing.Kind = proxy.HashSample
	to.expr = placed{"req.rdp_cookie(" + name + ")", st.Pos}
	return noWords(b, st, to, arg, words)
}

func readHash(b *Builder, st *config.Statement, to *balancing, _ string, words []string) bool {
	if len(words) == 0 {
		b.Alertf(st, "balance hash requires a sample expression.")
		return false
	}
	if len(words) > 1 {
		b.Alertf(st, "balance hash takes no other argument (got '%s').", words[1])
		return false
	}
	to.hashing.Kind = proxy.HashSample
	to.expr = placed{words[0], st.Pos}
	return true
}

func readRandom(b *Builder, st *config.Statement, to *balancing, arg string, words []string) bool {
	to.config.Draws = 2
	if arg != noParens && arg != ")" {
		digits := strings.TrimLeft(arg, "-")
		rest := strings.TrimLeft(digits, "0123456789")
		switch {
		case rest == "":
			b.Alertf(st, "balance random : missing closing parenthesis.")
			return false
		case rest[0] != ')':
			b.Alertf(st, "balance random : unexpected character '%c' after argument.", rest[0])
			return false
		}
		if to.config.Draws = atoi(strings.TrimSuffix(arg, rest)); to.config.Draws < 1 {
			b.Alertf(st, "balance random : number of draws must be at least 1.")
			return false
		}
	}
	return noWords(b, st, to, arg, words)
}

func hashTypeKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "hash-type", false, true) {
		return
	}
	to := &s.balancing
	if b.known(keyword.HashMethod, "", st.Word(1)) == "" {
		b.Alertf(st, "'hash-type' only supports 'consistent' and 'map-based'.")
		return
	}
	to.config.Consistent = st.Word(1) == "consistent"
	to.hashing.Func = proxy.SDBM
	// Reference: consistent hashing without a function mixes the default one.
	to.hashing.Avalanche = to.config.Consistent && len(st.Words) == 2
	if len(st.Words) == 2 {
		return
	}
	f, ok := map[string]proxy.HashFunc{"sdbm": proxy.SDBM, "djb2": proxy.DJB2, "wt6": proxy.WT6, "crc32": proxy.CRC32, "none": proxy.NoHash}[b.known(keyword.HashFunction, "", st.Words[2])]
	if !ok {
		b.Alertf(st, "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.")
		return
	}
	to.hashing.Func = f
	if w := st.Word(3); w != "" {
		if b.known(keyword.HashModifier, "", w) == "" {
			b.Alertf(st, "'hash-type' only supports 'avalanche' as a modifier for hash functions.")
			return
		}
		to.hashing.Avalanche = true
	}
}

func hashFactorKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "hash-balance-factor", false, true) {
		return
	}
	w := st.Word(1)
	switch n := atoi(w); {
	case w == "":
		b.Alertf(st, "'hash-balance-factor' expects an integer argument.")
	case n != 0 && n <= 100, strings.HasPrefix(w, "-"):
		b.Alertf(st, "'hash-balance-factor' must be 0 or greater than 100.")
	default:
		s.balancing.config.Factor = n
	}
}

func affinityKeyword(b *Builder, s *section, st *config.Statement) {
	if !b.needs(s, st, "hash-preserve-affinity", false, true) {
		return
	}
	a, ok := map[string]balance.Affinity{"always": balance.Always, "maxconn": balance.Maxconn, "maxqueue": balance.Maxqueue}[b.known(keyword.HashAffinity, "", st.Word(1))]
	switch {
	case st.Word(1) == "":
		b.Alertf(st, "'hash-preserve-affinity' needs a keyword to specify when to preserve hash affinity")
	case !ok:
		b.Alertf(st, "'hash-preserve-affinity': unknown keyword '%s'", st.Word(1))
	default:
		s.balancing.config.Affinity = a
	}
}

// settleBalance turns what a section says about balancing into its proxy's.
func (b *Builder) settleBalance(s *section) {
	p, to := s.p, s.balancing
	p.Algorithm, p.Balancing, p.Hashing = to.algorithm, to.config, to.hashing
	if p.Algorithm == "" {
		p.Algorithm = "roundrobin"
	}
	switch h := &p.Hashing; h.Kind {
	case proxy.HashURI, proxy.HashParam, proxy.HashHeader:
		if s.mode != proxy.HTTP {
			b.Diag.Rawf(config.Warning, "Layer 7 hash not possible for %s '%s' (needs 'mode http'). Falling back to round robin.", s.noun(), s.name)
			p.Algorithm, h.Kind = "roundrobin", proxy.HashNothing
		}
		if h.Post {
			p.Options |= proxy.OptBufferRequest // reference: the body is waited for
		}
	case proxy.HashSample:
		h.Expr = b.hashExpr(s, to.expr)
	}
	if s.rdpCookie.text != "" && s.mode == proxy.TCP {
		p.RDPCookie = b.hashExpr(s, s.rdpCookie)
	}
}

// hashExpr compiles the expression of balance hash.
func (b *Builder) hashExpr(s *section, f placed) *sample.Expr {
	o := sample.Options{Words: b.Set, Files: b.Files, ProcVars: b.procVars, Lists: b.lists, Proxy: s.name, File: f.pos.File, Line: f.pos.Line, Env: b.Env.Lookup,
		Refs: b.holdRefs("balance"), Warn: func(w string) { b.Diag.Warnf(f.pos, "%s", w) }}
	e, rest, err := sample.Compile(b.Set, f.text, o)
	switch {
	case err != nil:
		b.Diag.Rawf(config.Alert, "%s '%s' [%s]: failed to parse 'balance hash' expression '%s' in : %s.", s.noun(), s.name, s.pos, f.text, strings.TrimSuffix(err.Error(), "."))
	case rest != "":
		b.Diag.Rawf(config.Alert, "%s '%s' [%s]: failed to parse 'balance hash' expression '%s' in : missing comma after fetch keyword.", s.noun(), s.name, s.pos, f.text)
	case e.Validity()&sample.BackendUseServer == 0:
		b.Diag.Rawf(config.Alert, "%s '%s' [%s]: error detected while parsing 'balance hash' expression '%s' which requires information from %s, which is not available here.", s.noun(), s.name, s.pos, f.text, e.Row().Needs)
		return nil
	}
	return e
}

// hashKeyOption is the server option hash-key.
func hashKeyOption(b *Builder, _ *config.Statement, to *serverLine, w []string) (int, error) {
	if len(w) < 2 || b.known(keyword.HashKey, "", w[1]) == "" {
		return 0, fmt.Errorf("'hash-key' has to be 'id', 'addr', or 'addr-port'")
	}
	to.hashKey = w[1]
	return 2, nil
}

// ringKey is the server's place on hash rings. Reference: the number times
// 4096; an IPv4 address, as the processor reads it, is mixed, with the mixed port
// added; an IPv6 address goes through XXH32 with the mixed port as seed.
func (l *serverLine) ringKey() uint32 {
	a := l.addr.IP
	if l.hashKey == "" || l.hashKey == "id" || !a.IsValid() {
		return uint32(l.srv.ID) * 4096
	}
	port := uint32(0)
	if l.hashKey == "addr-port" {
		port = hash.Avalanche(uint32(l.addr.Port))
	}
	b := a.As16()
	if a.Is4() {
		return hash.Avalanche(binary.LittleEndian.Uint32(b[12:]) + port)
	}
	return hash.XXH32(b[:], port)
}
