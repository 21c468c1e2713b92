//lint:file-ignore ST1005 the texts are the reference's, full stops and all

package config

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"gohap/lbcore/keyword"
)

// Family is the kind of an address.
type Family uint8

// Families. AnyIP stands for a host name that is still to be resolved, or a "*"
// or an empty host of which either family will do.
const (
	AnyIP Family = iota
	IPv4
	IPv6
	Unix      // a path
	Abstract  // abns@: a name in the abstract namespace, padded with zeros
	AbstractZ // abnsz@: the same, zero-terminated
	FD        // fd@: an inherited descriptor
	Sockpair  // sockpair@: one over which connected descriptors are passed
)

// Address is an address as a configuration writes it.
type Address struct {
	Family   Family
	Datagram bool       // socket type; false is stream
	IP       netip.Addr // invalid while Host is to be resolved
	Host     string     // the name that did not need resolving yet, see AddressRules.KeepNames
	Port     int        // 0 when there is none
	PortHigh int        // the last port of a range, Port when there is no range
	HasPort  bool       // a port was written
	Relative bool       // the port was "+n" or "-n": Offset is added to the client's
	Offset   int
	Path     string // Unix, Abstract, AbstractZ
	FD       int    // FD, Sockpair
	Prefix   string // as written, "ipv4@", with "stream+" and the like
	Text     string // the whole as written, before environment expansion
}

// AbstractName is the name of an abstract socket as the kernel takes it, behind
// the zero byte that marks it. Of abns@ all bytes count, the zeros behind the
// name too, so that it is as long as a name can be; abnsz@ ends with its text.
func (a Address) AbstractName() string {
	const longest = 107
	if a.Family != Abstract || len(a.Path) >= longest {
		return a.Path
	}
	return a.Path + strings.Repeat("\x00", longest-len(a.Path))
}

// String prints the address as logs and messages do: "127.0.0.1:80", "::1:80",
// a path, "abns@x", "fd@3".
func (a Address) String() string {
	switch a.Family {
	case Unix:
		return a.Path
	case Abstract:
		return "abns@" + a.Path
	case AbstractZ:
		return "abnsz@" + a.Path
	case FD:
		return "fd@" + strconv.Itoa(a.FD)
	case Sockpair:
		return "sockpair@" + strconv.Itoa(a.FD)
	}
	host := a.Host
	if a.IP.IsValid() {
		host = a.IP.String()
	}
	return host + ":" + strconv.Itoa(a.Port)
}

// AddressRules is what a keyword permits.
type AddressRules struct {
	Stream      bool // stream addresses are acceptable
	Datagram    bool // datagram addresses are acceptable
	Default     bool // without a prefix the type is datagram
	PortMust    bool // a port has to be there, and not 0
	PortRange   bool // "80-90"
	PortOffset  bool // "+80", "-80"
	Descriptors bool // fd@ is acceptable
	KeepNames   bool // a host name is left in Host for later: servers
	// UnixPrefix stands before the path of Unix addresses: global unix-bind prefix.
	UnixPrefix string
	Words      *keyword.Set // the prefixes that there are; nil: all
	Env        Lookup       // expands $VAR and ${VAR}; nil expands nothing
	// Resolve turns a host name into an address of the family asked for (AnyIP,
	// IPv4 or IPv6), as the C library would. Nil resolves nothing.
	Resolve func(host string, family Family) (netip.Addr, error)
	// CheckFD says whether an inherited descriptor is usable; nil asks nobody. Its
	// error is printed as the reason.
	CheckFD func(fd int) error
}

// Rules of the common keywords. Env, Resolve and the like are the caller's.
var (
	BindRules       = AddressRules{Stream: true, PortMust: true, PortRange: true, Descriptors: true}
	ServerRules     = AddressRules{Stream: true, Datagram: true, PortOffset: true, KeepNames: true}
	SourceRules     = AddressRules{Stream: true}                  // of a backend
	ServerSource    = AddressRules{Stream: true, PortRange: true} // of a server
	LogRules        = AddressRules{Stream: true, Datagram: true, Default: true, Descriptors: true}
	NameserverRules = AddressRules{Stream: true, Datagram: true, Default: true, PortMust: true}
	PeerRules       = AddressRules{Stream: true, PortMust: true} // mailers too
	CheckRules      = AddressRules{Stream: true}                 // addr, agent-addr
)

// UnservedError refuses an address that the reference takes.
type UnservedError struct{ Prefix, Text string }

// Error implements error.
func (e *UnservedError) Error() string {
	return fmt.Sprintf("address prefix '%s' in '%s' is known to HAProxy, not implemented by gohap", e.Prefix, e.Text)
}

// ParseAddresses reads a comma-separated list, as bind takes it. A comma at the
// end is forgiven (reference: the same).
func ParseAddresses(text string, rules *AddressRules) ([]Address, error) {
	var list []Address
	for text != "" || list == nil {
		one, rest, _ := strings.Cut(text, ",")
		a, err := ParseAddress(one, rules)
		if err != nil {
			return list, err
		}
		list, text = append(list, a), rest
	}
	return list, nil
}

// ParseAddress reads one address of any form. The error has the reference's
// words, or is an *UnservedError.
func ParseAddress(text string, rules *AddressRules) (Address, error) {
	p := addressParser{rules: rules, a: Address{Text: text, Datagram: rules.Default}}
	rest := text
	if rules.Env != nil {
		rest = expandAddress(text, rules.Env)
	}
	if rest == "" {
		return p.a, fmt.Errorf("'%s' resolves to an empty address (environment variable missing?)", text)
	}
	rest, err := p.prefix(rest)
	if err != nil {
		return p.a, err
	}
	switch p.a.Family {
	case Unix:
		err = p.path(rest, pathMax, rules.UnixPrefix+rest)
	case Abstract, AbstractZ:
		err = p.path(rest, abstractMax, rest)
	case FD, Sockpair:
		err = p.descriptor(rest)
	default:
		err = p.inet(rest)
	}
	if err == nil && (p.a.Datagram && !rules.Datagram || !p.a.Datagram && !rules.Stream) {
		kind := "stream"
		if p.a.Datagram {
			kind = "dgram"
		}
		err = p.fail("%s-type address not acceptable in", kind)
	}
	return p.a, err
}

// expandAddress replaces $VAR and ${VAR}; unset ones vanish. Brace and name are
// taken as they come: a missing "}" is forgiven (reference: the same).
func expandAddress(text string, env Lookup) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		text = after
		braced := strings.HasPrefix(text, "{")
		if braced {
			text = text[1:]
		}
		n := 0
		for n < len(text) && (text[n] == '_' || isDigit(text[n]) || text[n]|0x20 >= 'a' && text[n]|0x20 <= 'z') {
			n++
		}
		value, _ := env(text[:n])
		b.WriteString(value)
		text = text[n:]
		if braced {
			text = strings.TrimPrefix(text, "}")
		}
	}
}

// Longest names: a Unix socket is bound under a temporary name with a suffix.
const (
	pathMax     = 97
	abstractMax = 107
)

type addressParser struct {
	rules *AddressRules
	a     Address
}

// fail ends a text of the reference with the address as written.
func (p *addressParser) fail(format string, args ...any) error {
	return fmt.Errorf(format+" '%s'", append(args, p.a.Text)...)
}

// prefix takes the prefixes off and notes what they say.
func (p *addressParser) prefix(text string) (string, error) {
	rest := text
	for _, word := range []string{"stream+", "dgram+", "quic+"} {
		if after, ok := strings.CutPrefix(rest, word); ok {
			f := findPrefix(word)
			if f == nil || !served(p.rules.Words, keyword.AddressPrefix, word) {
				return "", &UnservedError{word, p.a.Text}
			}
			p.a.Datagram = f.kind == 'd'
			rest = after
			break
		}
	}
	// A family ends with the first "@", if it is one at all.
	if at := strings.IndexByte(rest, '@'); at >= 0 {
		word, after := rest[:at+1], rest[at+1:]
		if _, known := keyword.Known(keyword.AddressPrefix, word); !known {
			return rest, p.plain(text, rest)
		}
		f := findPrefix(word)
		if f == nil || !served(p.rules.Words, keyword.AddressPrefix, word) {
			return "", &UnservedError{word, p.a.Text}
		}
		if f.kind != 0 {
			p.a.Datagram = f.kind == 'd'
		}
		p.a.Family = f.family
		p.a.Prefix = text[:len(text)-len(after)]
		return after, nil
	}
	return rest, p.plain(text, rest)
}

// plain is an address without a family: a path, or any IP address.
func (p *addressParser) plain(text, rest string) error {
	p.a.Prefix = text[:len(text)-len(rest)]
	if strings.HasPrefix(rest, "/") {
		p.a.Family = Unix
	}
	return nil
}

func (p *addressParser) path(name string, longest int, full string) error {
	if len(full) > longest {
		return fmt.Errorf("socket path '%s' too long (max %d)", p.a.Text, longest)
	}
	p.a.Path = full
	if name == "" {
		p.a.Path = ""
	}
	return nil
}

func (p *addressParser) descriptor(text string) error {
	fd, err := strconv.ParseUint(text, 10, 31)
	if err != nil || !isDigit(text[0]) {
		return p.fail("file descriptor '%s' is not a valid integer in", text)
	}
	p.a.FD = int(fd)
	if p.a.Family == FD && !p.rules.Descriptors {
		return p.fail("a file descriptor is not acceptable here in")
	}
	if p.rules.CheckFD == nil {
		return nil
	}
	if err := p.rules.CheckFD(p.a.FD); err != nil {
		return fmt.Errorf("cannot use file descriptor '%d' : %w.", p.a.FD, err)
	}
	return nil
}

// inet reads "host:port", "host" and what stands for them.
func (p *addressParser) inet(text string) error {
	host, port := text, ""
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		host, port = text[:i], text[i+1:]
		p.a.HasPort = port != ""
	}
	if !p.a.HasPort && p.rules.PortMust {
		return p.fail("missing port specification in")
	}
	if err := p.port(port); err != nil {
		return err
	}
	return p.host(host)
}

// port reads "80", "80-90", "+80" and "-80".
func (p *addressParser) port(text string) error {
	if text == "" {
		return nil
	}
	if text[0] == '+' || text[0] == '-' {
		return p.offset(text)
	}
	low, rest := leadingDigits(text)
	high := low
	ranged := rest != "" && rest[0] == '-' && low != ""
	if ranged {
		text = text[len(low)+1:]
		if high, rest = leadingDigits(text); high == "" && (text == "" || text[0] == '-') {
			return fmt.Errorf("invalid port '%s'", text)
		}
	}
	if rest != "" {
		return p.fail("invalid character '%c' in port number '%s' in", rest[0], text)
	}
	if ranged && !p.rules.PortRange {
		return p.fail("port range not permitted here in")
	}
	var err error
	if p.a.Port, err = p.number(low); err != nil {
		return err
	}
	if p.a.PortHigh, err = p.number(high); err != nil {
		return err
	}
	if p.a.PortHigh < p.a.Port {
		return fmt.Errorf("invalid port range '%d-%d'", p.a.Port, p.a.PortHigh)
	}
	return nil
}

func (p *addressParser) offset(text string) error {
	if !p.rules.PortOffset {
		return p.fail("port offset not permitted here in")
	}
	digits, rest := leadingDigits(text[1:])
	if rest != "" {
		return p.fail("invalid character '%c' in port number '%s' in", rest[0], text[1:])
	}
	n, err := strconv.ParseUint("0"+digits, 10, 31)
	if err != nil || n > math.MaxUint16 {
		return fmt.Errorf("invalid port '%s'", text)
	}
	p.a.Relative, p.a.Offset = true, int(n)
	if text[0] == '-' {
		p.a.Offset = -p.a.Offset
	}
	return nil
}

// number reads a port within its limits.
func (p *addressParser) number(digits string) (int, error) {
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || n > math.MaxUint16 || n == 0 && p.rules.PortMust {
		return 0, fmt.Errorf("invalid port '%s'", digits)
	}
	return int(n), nil
}

func leadingDigits(text string) (digits, rest string) {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return text[:n], text[n:]
}

// host reads the part before the port.
func (p *addressParser) host(host string) error {
	name := host
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' && p.a.Family != IPv4 && host != "[*]" {
		name = host[1 : n-1]
	}
	switch name {
	case "", "*":
		p.a.IP = netip.IPv4Unspecified()
		if p.a.Family == IPv6 {
			p.a.IP = netip.IPv6Unspecified()
		}
	default:
		if ip, ok := literalIP(name, p.a.Family); ok {
			p.a.IP = ip
		} else if p.rules.KeepNames {
			p.a.Host = name
			return nil
		} else if err := p.resolve(name, host); err != nil {
			return err
		}
	}
	p.a.Family = familyOf(p.a.IP)
	return nil
}

func familyOf(ip netip.Addr) Family {
	if ip.Is4() {
		return IPv4
	}
	return IPv6
}

// resolve looks a name up; shown is what a failure shows.
func (p *addressParser) resolve(name, shown string) error {
	if p.rules.Resolve != nil && !strings.ContainsAny(name, ":%[]@ ") {
		if ip, err := p.rules.Resolve(name, p.a.Family); err == nil {
			p.a.IP = ip
			return nil
		}
	}
	return p.fail("invalid address: '%s' in", shown)
}

// literalIP reads an address in digits, also the short and hexadecimal forms of
// IPv4 that the C library takes ("127.1", "0x7f.1"). Zones are refused.
func literalIP(text string, family Family) (netip.Addr, bool) {
	if strings.ContainsRune(text, ':') {
		ip, err := netip.ParseAddr(text)
		return ip, err == nil && ip.Zone() == "" && family != IPv4
	}
	if family == IPv6 {
		return netip.Addr{}, false
	}
	return classicIPv4(text)
}

// classicIPv4 is inet_aton: one to four numbers, decimal, octal or hexadecimal,
// the last of which fills the bytes that are left.
func classicIPv4(text string) (netip.Addr, bool) {
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var v uint64
	for i, part := range parts {
		if part == "" || !isDigit(part[0]) || strings.ContainsAny(part, "_bBoO") && !strings.HasPrefix(strings.ToLower(part), "0x") {
			return netip.Addr{}, false
		}
		n, err := strconv.ParseUint(part, 0, 32)
		if err != nil || strings.ContainsRune(part, '_') {
			return netip.Addr{}, false
		}
		limit := uint64(math.MaxUint8)
		if i == len(parts)-1 {
			limit = 1<<(8*(4-i)) - 1
		}
		if n > limit {
			return netip.Addr{}, false
		}
		if i == len(parts)-1 {
			v |= n
		} else {
			v |= n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}
