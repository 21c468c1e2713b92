package build

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/resolvers"
)

// sectionResolvers is the class of the words of a resolvers section.
const sectionResolvers keyword.Class = "section resolvers"

// resolversConf is a resolvers section while it is read.
type resolversConf struct {
	*resolvers.Section
	pos   config.Position
	lines map[string]config.Position // of its name servers
	// streams are those that are asked over connections.
	streams []nameserverStream
}

// resolversFunc reads a line of a resolvers section.
type resolversFunc func(b *Builder, c *resolversConf, st *config.Statement)

func resolversRows() []keyword.Row {
	row := func(name, args, summary, good string, f resolversFunc, bad ...string) keyword.Row {
		return keyword.Row{Class: sectionResolvers, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: good}}, Bad: bad, Impl: f}
	}
	hold := func(name, summary string) keyword.Row {
		return row("hold:"+name, name+" <time>", summary, "hold "+name+" 10s", holdLine, "hold "+name, "hold "+name+" x")
	}
	ours := func(r keyword.Row) keyword.Row {
		r.Flags |= keyword.Ours
		return r
	}
	return []keyword.Row{
		row("nameserver", "<name> [tcp@]<address>:<port> [options of servers]", "a name server, asked over UDP unless its address says TCP (or uxst@, a path); options say how connections are made: maxconn, ssl and its kin, source, tcp-ut, send-proxy", "nameserver n1 127.0.0.1:53", nameserverLine,
			"nameserver", "nameserver n1", "nameserver n1 127.0.0.1", "nameserver n1 127.0.0.1:0", "nameserver n1 tcp@127.0.0.1:53 weight 10", "nameserver n1 tcp@127.0.0.1:53 ssl verify none sni path",
			"nameserver n1 tcp@127.0.0.1:53 source 127.0.0.2 usesrc client"),
		row("parse-resolv-conf", "", "adds the name servers of /etc/resolv.conf", "parse-resolv-conf", resolvConfLine),
		row("resolve_retries", "<n>", "how often a name is asked for until that counts as an error", "resolve_retries 3", retriesLine, "resolve_retries"),
		row("accepted_payload_size", "<bytes>", "the largest answer over UDP; a larger one is asked for over TCP", "accepted_payload_size 4096", payloadLine,
			"accepted_payload_size", "accepted_payload_size 70000"),
		row("resolution_pool_size", "<n>", "refused, as the reference does: there is no such pool", "", poolSizeLine, "resolution_pool_size 10"),
		row("timeout:resolve", "resolve <time>", "the time between two resolutions of a name", "timeout resolve 1s", resolversTimeout, "timeout resolve", "timeout resolve x"),
		row("timeout:retry", "retry <time>", "how long an answer is waited for", "timeout retry 1s", resolversTimeout, "timeout retry"),
		hold("valid", "how long an answer serves do-resolve"),
		hold("nx", "how long answers are kept although the name is said not to exist"),
		hold("refused", "how long answers are kept although servers refuse to answer"),
		hold("timeout", "how long answers are kept although no server answers"),
		hold("other", "how long answers are kept behind other errors"),
		hold("obsolete", "how long records are kept that answers have no more"),
		ours(row("hold:stale", "stale <time>", "how long the last good answers are kept while no server answers at all, where that is longer than hold timeout", "hold stale 1d", holdLine, "hold stale")),
		ours(row("hold:ttl", "ttl <floor> <ceiling>", "a name is asked for again when its records' time to live is over, within bounds, instead of every timeout resolve", "hold ttl 5s 60s", holdTTL,
			"hold ttl", "hold ttl 5s", "hold ttl 60s 5s", "hold ttl 0 5s")),
	}
}

// openResolvers begins a resolvers section.
func (b *Builder) openResolvers(st *config.Statement) config.Outcome {
	b.resolving = nil
	name := st.Word(1)
	if name == "" {
		b.Alertf(st, "missing name for resolvers section.")
		return config.Abort
	}
	if bad := badName(name); bad != 0 {
		b.Alertf(st, "character '%c' is not permitted in 'resolvers' name '%s'.", bad, name)
		return config.Abort
	}
	if o := b.resolversNamed(name); o != nil {
		b.Diag.Rawf(config.Alert, "config : Parsing [%s]: resolvers '%s' has same name as another resolvers (declared at %s).", st.Pos, name, o.pos)
		return config.Abort
	}
	b.resolving = b.addResolvers(name, st.Pos)
	return config.Continue
}

func (b *Builder) addResolvers(name string, pos config.Position) *resolversConf {
	c := &resolversConf{Section: resolvers.New(name), pos: pos, lines: map[string]config.Position{}}
	if f := b.Global.Families; f != nil {
		c.Families = f
	}
	b.resolvers = append(b.resolvers, c)
	return c
}

func (b *Builder) resolversNamed(name string) *resolversConf {
	for _, c := range b.resolvers {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (b *Builder) resolversLine(st *config.Statement) {
	if b.resolving == nil {
		return
	}
	word := st.Words[0]
	switch word {
	case "timeout":
		switch {
		case len(st.Words) < 2:
			b.Alertf(st, "'timeout' expects 'retry' or 'resolve' and <time> as arguments.")
			return
		case b.Set.Lookup(sectionResolvers, "timeout:"+st.Words[1]) == nil:
			b.Alertf(st, "'timeout' expects 'retry' or 'resolve' and <time> as arguments got '%s'.", st.Words[1])
			return
		}
		word += ":" + st.Words[1]
	case "hold":
		switch {
		case len(st.Words) < 3:
			b.Alertf(st, "'hold' expects an <event> and a <time> as arguments.")
			b.Diag.Rawf(config.Alert, "config : <event> can be either 'valid', 'nx', 'refused', 'timeout', or 'other'")
			return
		case b.Set.Lookup(sectionResolvers, "hold:"+st.Words[1]) == nil:
			b.Alertf(st, "'hold' unknown <event>: '%s', expects either 'nx', 'timeout', 'valid', 'obsolete' or 'other'.", st.Words[1])
			return
		}
		word += ":" + st.Words[1]
	}
	row := b.Set.Lookup(sectionResolvers, word)
	if row == nil {
		b.Alertf(st, "unknown keyword '%s' in '%s' section", word, "resolvers")
		return
	}
	row.Impl.(resolversFunc)(b, b.resolving, st)
}

// resolvConf is where the machine's name servers stand.
const resolvConf = "/etc/resolv.conf"

func resolvConfLine(b *Builder, c *resolversConf, st *config.Statement) {
	text, err := b.ReadFile(resolvConf)
	if err != nil {
		b.Alertf(st, "failed to open %s.", resolvConf)
		return
	}
	all, wrong := resolvers.ParseResolvConf(string(text))
	for _, n := range all {
		if _, twice := c.lines[n.Name]; !twice {
			c.lines[n.Name] = st.Pos
			c.Add(n)
		}
	}
	if wrong > 0 || len(all) == 0 {
		b.Warnf(st, "%s: %d lines name no address, %d name servers are left.", resolvConf, wrong, len(all))
	}
}

// defaultResolvers makes the section "default" where there is none. Nothing is said
// when the machine has no name servers.
func (b *Builder) defaultResolvers() {
	if b.Set.Lookup(keyword.Section, "resolvers") == nil || b.resolversNamed("default") != nil {
		return
	}
	text, err := os.ReadFile(resolvConf)
	if err != nil {
		return
	}
	all, _ := resolvers.ParseResolvConf(string(text))
	if len(all) == 0 {
		return
	}
	c := b.addResolvers("default", config.Position{})
	for _, n := range all {
		if _, twice := c.lines[n.Name]; !twice {
			c.lines[n.Name] = config.Position{}
			c.Add(n)
		}
	}
}

func retriesLine(b *Builder, c *resolversConf, st *config.Statement) {
	if len(st.Words) < 2 {
		b.Alertf(st, "'resolve_retries' expects <nb> as argument.")
		return
	}
	c.Retries = atoi(st.Words[1]) // reference: what is no number is none
}

// poolSizeLine refuses what the reference refuses.
func poolSizeLine(b *Builder, _ *resolversConf, st *config.Statement) {
	b.Alertf(st, "'resolution_pool_size' directive is not supported anymore (it never appeared in a stable release).")
}

func payloadLine(b *Builder, c *resolversConf, st *config.Statement) {
	if len(st.Words) < 2 {
		b.Alertf(st, "'accepted_payload_size' expects <nb> as argument.")
		return
	}
	const least = 12 // a message's header
	n, err := strconv.Atoi(st.Words[1])
	if err != nil || n < least || n > 65535 {
		b.Alertf(st, "'accepted_payload_size' must be between %d and 65535 inclusive (was %s).", least, st.Words[1])
		return
	}
	c.Payload = n
}

// resolversSpan reads a time of a resolvers section; what names it in messages.
func (b *Builder) resolversSpan(st *config.Statement, text, what, overflow string) (time.Duration, bool) {
	t, err := config.ParseTime(text, time.Millisecond)
	var bad *config.CharError
	switch {
	case errors.As(err, &bad):
		b.alertTight(st.Pos, "unexpected character '%c' in argument to <%s>.", bad.Char, what)
	case err != nil:
		b.alertTight(st.Pos, "timer overflow in argument <%s> to <%s>, maximum value is 2147483647 ms (~24.8 days).", overflow, what)
	default:
		if t.Trailing != "" {
			b.trailing(t, text)
		}
		return t.Value, true
	}
	return 0, false
}

func resolversTimeout(b *Builder, c *resolversConf, st *config.Statement) {
	if len(st.Words) < 3 {
		b.Alertf(st, "'timeout %s' expects <time> as argument.", st.Words[1])
		return
	}
	d, ok := b.resolversSpan(st, st.Words[2], "timeout "+st.Words[1], st.Words[2])
	switch {
	case !ok:
	case st.Words[1] == "resolve":
		c.Resolve = d
	default:
		c.Retry = max(d, time.Millisecond)
	}
}

func holdLine(b *Builder, c *resolversConf, st *config.Statement) {
	d, ok := b.resolversSpan(st, st.Words[2], "hold", st.Words[1])
	if !ok {
		return
	}
	switch st.Words[1] {
	case "valid":
		c.Hold[resolvers.Valid] = d
	case "nx":
		c.Hold[resolvers.NX] = d
	case "refused":
		c.Hold[resolvers.Refused] = d
	case "timeout":
		c.Hold[resolvers.Timeout] = d
	case "other":
		c.Hold[resolvers.Other] = d
	case "obsolete":
		c.Obsolete = d
	case "stale":
		c.Stale = d
	}
}

func holdTTL(b *Builder, c *resolversConf, st *config.Statement) {
	if len(st.Words) != 4 {
		b.Alertf(st, "'hold ttl' expects <floor> and <ceiling> as arguments.")
		return
	}
	floor, ok := b.resolversSpan(st, st.Words[2], "hold ttl", st.Words[2])
	if !ok {
		return
	}
	ceiling, ok := b.resolversSpan(st, st.Words[3], "hold ttl", st.Words[3])
	switch {
	case !ok:
	case floor <= 0 || ceiling < floor:
		b.Alertf(st, "'hold ttl' expects a floor above zero and a ceiling that is not below it.")
	default:
		c.Floor, c.Ceiling = floor, ceiling
	}
}

// resolverUser is an action that needs a resolvers section.
type resolverUser struct {
	owner      *section
	word, name string
	use        func(any)
}

// NeedResolvers implements rule.Host.
func (b *Builder) NeedResolvers(word, name string, use func(section any)) {
	b.resolverUsers = append(b.resolverUsers, resolverUser{b.sec, word, name, use})
}

// settleResolverUsers gives actions their resolvers sections.
func (b *Builder) settleResolverUsers() {
	for _, u := range b.resolverUsers {
		if c := b.resolversNamed(u.name); c != nil {
			u.use(c.Section)
		} else {
			b.Diag.Rawf(config.Alert, "Proxy '%s': Can't find resolvers section '%s' for %s action.", u.owner.name, u.name, u.word)
		}
	}
}

func familyRow() keyword.Row {
	return globalRow("dns-accept-family", "ipv4|ipv6|auto[,...]", "which addresses name servers are asked for", "dns-accept-family ipv4", func(b *Builder, st *config.Statement) {
		if b.tooMany(st, 2) {
			return
		}
		var f resolvers.Families
		auto := false
		first, _, _ := strings.Cut(st.Word(1), ",")
		for word := range strings.SplitSeq(st.Word(1), ",") {
			switch word {
			case "ipv4":
				f.IPv4 = true
			case "ipv6":
				f.IPv6 = true
			case "auto":
				auto = true
			default:
				b.Alertf(st, "'dns-accept-family' expects a comma-delimited list of 'ipv4' and 'ipv6' but got '%s'.", first)
				return
			}
		}
		b.Global.Families = func() resolvers.Families { return f }
		if auto {
			b.Global.Families = autoFamilies()
		}
		for _, c := range b.resolvers {
			c.Families = b.Global.Families
		}
	}, "dns-accept-family foo")
}

// autoFamilies asks for IPv6 while the machine has a route for it, which is looked at
// every 30 seconds.
func autoFamilies() func() resolvers.Families {
	var mu sync.Mutex
	var until int64
	f := resolvers.Families{IPv4: true}
	return func() resolvers.Families {
		mu.Lock()
		defer mu.Unlock()
		if now := clock.Mono(); now >= until {
			until = now + int64(30*time.Second)
			c, err := net.Dial("udp", "[2001:db8::1]:53") // nothing is sent
			if f.IPv6 = err == nil; f.IPv6 {
				c.Close()
			}
		}
		return f
	}
}
