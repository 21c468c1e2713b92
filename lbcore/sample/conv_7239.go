package sample

import (
	"bytes"
	"net/netip"
	"strconv"
)

// RFC 7239: Forwarded = 1#forwarded-element, of which the reference takes one
// element only; parameter names are lower-case, each at most once.

// forwarded is one parsed element.
type forwarded struct {
	proto, host, forNode, byNode []byte // unquoted; nil when absent
}

func parseForwarded(b []byte) (f forwarded, ok bool) {
	if len(b) == 0 {
		return f, false
	}
	for {
		eq := bytes.IndexByte(b, '=')
		if eq < 0 {
			return f, false
		}
		name := b[:eq]
		value, rest, quoted, ok := forwardedValue(b[eq+1:])
		if !ok || !f.set(name, value, quoted) {
			return f, false
		}
		if len(rest) == 0 {
			return f, true
		}
		if rest[0] != ';' {
			return f, false
		}
		b = rest[1:]
	}
}

// forwardedValue reads a token or a quoted string.
func forwardedValue(b []byte) (value, rest []byte, quoted, ok bool) {
	if len(b) > 0 && b[0] == '"' {
		end := bytes.IndexByte(b[1:], '"')
		if end < 0 {
			return nil, nil, true, false
		}
		return b[1 : 1+end], b[end+2:], true, true
	}
	i := 0
	for i < len(b) && isTokenByte(b[i]) {
		i++
	}
	return b[:i], b[i:], false, i > 0
}

func isTokenByte(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' < 26 || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
}

func (f *forwarded) set(name, value []byte, quoted bool) bool {
	var slot *[]byte
	switch string(name) {
	case "proto":
		slot = &f.proto
		if string(value) != "http" && string(value) != "https" {
			return false
		}
	case "host":
		slot = &f.host
		if len(value) == 0 || !validHost(value) {
			return false
		}
	case "for":
		slot = &f.forNode
	case "by":
		slot = &f.byNode
	default:
		return false
	}
	if slot == &f.forNode || slot == &f.byNode {
		n, ok := parseNode(value)
		if !ok || !quoted && (n.port != nil || n.addr.Is6()) {
			return false
		}
	}
	if *slot != nil {
		return false
	}
	*slot = value
	return true
}

func validHost(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7F || c == '"' || c == '\\' || c == ';' || c == ',' || c == '/' || c == '?' || c == '#' || c == '@' {
			return false
		}
	}
	return true
}

// forwardedNode is node = nodename [":" node-port].
type forwardedNode struct {
	addr netip.Addr // valid when the name is an address
	name []byte     // "unknown" or "_obfuscated" otherwise
	port []byte
}

func parseNode(b []byte) (n forwardedNode, ok bool) {
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return n, false
		}
		ip, err := netip.ParseAddr(unsafeString(b[1:end]))
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return n, false
		}
		n.addr, n.name, b = ip, b[:end+1], b[end+1:]
	} else {
		i := bytes.IndexByte(b, ':')
		if i < 0 {
			i = len(b)
		}
		n.name, b = b[:i], b[i:]
		if ip, err := netip.ParseAddr(unsafeString(n.name)); err == nil && ip.Is4() {
			n.addr = ip
		} else if string(n.name) != "unknown" && !isObfuscated(n.name) {
			return n, false
		}
	}
	if len(b) == 0 {
		return n, true
	}
	if b[0] != ':' {
		return n, false
	}
	n.port = b[1:]
	if isObfuscated(n.port) {
		return n, true
	}
	_, ok = portNumber(n.port)
	return n, ok
}

// isObfuscated checks "_" 1*( ALPHA / DIGIT / "." / "_" / "-").
func isObfuscated(b []byte) bool {
	return len(b) > 1 && b[0] == '_' && obfuscatedBytes(b[1:])
}

func obfuscatedBytes(b []byte) bool {
	for _, c := range b {
		if !(c-'0' <= 9 || c|0x20-'a' < 26 || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

func portNumber(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 5 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n <= 65535
}

func conv7239Valid(_ *Context, _ []Arg, s *Sample) bool {
	_, ok := parseForwarded(s.Data)
	s.SetBool(ok)
	return true
}

func conv7239Field(_ *Context, args []Arg, s *Sample) bool {
	f, ok := parseForwarded(s.Data)
	if !ok {
		return false
	}
	var v []byte
	switch args[0].Str {
	case "proto":
		v = f.proto
	case "host":
		v = f.host
	case "for":
		v = f.forNode
	case "by":
		v = f.byNode
	}
	s.Data = v
	return v != nil
}

func conv7239NodeName(_ *Context, _ []Arg, s *Sample) bool {
	n, ok := parseNode(s.Data)
	switch {
	case !ok:
		return false
	case n.addr.IsValid():
		s.SetIP(n.addr)
	default:
		s.SetStr(n.name)
	}
	return true
}

func conv7239NodePort(_ *Context, _ []Arg, s *Sample) bool {
	n, ok := parseNode(s.Data)
	if !ok || n.port == nil {
		return false
	}
	if p, ok := portNumber(n.port); ok {
		s.SetInt(p)
	} else {
		s.SetStr(n.port)
	}
	return true
}

// conv7239MakeName writes a node name from an address or a string.
func conv7239MakeName(c *Context, _ []Arg, s *Sample) bool {
	if s.Type == IPv6 {
		d := append(c.Arena.Rest(48), '[')
		s.SetStr(c.Arena.Keep(append(AppendIP(d, s.IP), ']')))
		return true
	}
	if s.Type == IPv4 {
		return s.Cast(c, Str)
	}
	if !s.Cast(c, Str) {
		return false
	}
	if len(s.Data) == 0 {
		s.SetStr([]byte("unknown"))
		return true
	}
	return obfuscate(c, s)
}

// conv7239MakePort writes a node port from an integer or a string.
func conv7239MakePort(c *Context, _ []Arg, s *Sample) bool {
	if s.Type == SInt {
		s.SetStr(c.Arena.Keep(strconv.AppendUint(c.Arena.Rest(20), uint64(uint32(s.Int)), 10)))
		return true
	}
	return s.Cast(c, Str) && len(s.Data) > 0 && obfuscate(c, s)
}

func obfuscate(c *Context, s *Sample) bool {
	if !obfuscatedBytes(s.Data) {
		return false
	}
	d := c.Arena.Alloc(len(s.Data) + 1)
	d[0] = '_'
	copy(d[1:], s.Data)
	s.SetStr(d)
	return true
}

// ForwardedHost tells whether a text can be the host of a forwarded field.
func ForwardedHost(b []byte) bool { return validHost(b) }

// AppendForwardedName appends a node's name as option forwarded writes it: an address,
// "unknown", or an obfuscated name, which gets its underscore; what can be none of
// them is "unknown" (reference).
func AppendForwardedName(dst []byte, c *Context, s *Sample) []byte {
	switch {
	case s.Type == IPv4:
		return AppendIP(dst, s.IP)
	case s.Type == IPv6:
		return append(AppendIP(append(dst, '['), s.IP), ']')
	case !s.Cast(c, Str) || !obfuscatedBytes(s.Data) || len(s.Data) == 0:
		return append(dst, "unknown"...)
	}
	if ip, err := netip.ParseAddr(unsafeString(s.Data)); err == nil && ip.Is4() || string(s.Data) == "unknown" || s.Data[0] == '_' {
		return append(dst, s.Data...)
	}
	return append(append(dst, '_'), s.Data...)
}

// AppendForwardedPort appends a node's port likewise, nothing where there can be none.
func AppendForwardedPort(dst []byte, c *Context, s *Sample) []byte {
	if !s.Cast(c, Str) || !obfuscatedBytes(s.Data) || len(s.Data) == 0 {
		return dst
	}
	if n, ok := portNumber(s.Data); !(ok && n > 0) && s.Data[0] != '_' {
		dst = append(dst, '_')
	}
	return append(dst, s.Data...)
}
