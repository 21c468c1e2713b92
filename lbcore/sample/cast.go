package sample

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"
)

// castFunc turns s from one type into another in place; false means that this
// value has no such form.
type castFunc func(c *Context, s *Sample) bool

func castNone(*Context, *Sample) bool { return true }

// casts holds casts[from][to]; nil means that there is none. Any as a source is
// decided when the value is there, by its own type.
var casts = [typeCount][typeCount]castFunc{
	Bool: {Any: castNone, Bool: castNone, SInt: castIntToInt, Str: castIntToStr, Bin: castIntToBin},
	SInt: {
		Any: castNone, Bool: castIntToBool, SInt: castNone, Addr: castIntToIPv4, IPv4: castIntToIPv4, IPv6: castIntToIPv6,
		Str: castIntToStr, Bin: castIntToBin,
	},
	Addr: {Any: castNone, Addr: castNone, IPv4: castToIPv4, IPv6: castToIPv6, Str: castIPToStr, Bin: castIPToBin},
	IPv4: {
		Any: castNone, SInt: castIPv4ToInt, Addr: castNone, IPv4: castNone, IPv6: castToIPv6,
		Str: castIPToStr, Bin: castIPToBin,
	},
	IPv6: {Any: castNone, Addr: castNone, IPv4: castToIPv4, IPv6: castNone, Str: castIPToStr, Bin: castIPToBin},
	Str: {
		Any: castNone, Bool: castStrToBool, SInt: castStrToInt, Addr: castStrToIP, IPv4: castStrToIPv4, IPv6: castStrToIPv6,
		Str: castNone, Bin: castStrToBin, Meth: castStrToMeth,
	},
	Bin:  {Any: castNone, Str: castBinToStr, Bin: castNone, Meth: castBinToMeth},
	Meth: {Any: castNone, Str: castMethToStr, Bin: castMethToBin, Meth: castNone},
}

// castable reports whether an expression of static type from may feed a word
// that wants to. Any is left to the value.
func castable(from, to Type) bool {
	return from == Any || to == Any || casts[from][to] != nil
}

// Cast turns s into want in place and reports whether it could. Any leaves s
// as it is.
func (s *Sample) Cast(c *Context, want Type) bool {
	if s.Type == want || want == Any {
		return true
	}
	f := casts[s.Type][want]
	return f != nil && f(c, s)
}

func castIntToInt(_ *Context, s *Sample) bool { s.Type = SInt; return true }

func castIntToBool(_ *Context, s *Sample) bool {
	s.SetBool(s.Int != 0)
	return true
}

func castIntToIPv4(_ *Context, s *Sample) bool {
	v := uint32(s.Int)
	s.Type, s.IP = IPv4, netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	return true
}

func castIntToIPv6(c *Context, s *Sample) bool { return castIntToIPv4(c, s) && castToIPv6(c, s) }

func castIntToStr(c *Context, s *Sample) bool {
	s.SetStr(c.Arena.Keep(strconv.AppendInt(c.Arena.Rest(20), s.Int, 10)))
	return true
}

// castIntToBin gives eight bytes in network order.
func castIntToBin(c *Context, s *Sample) bool {
	b := c.Arena.Alloc(8)
	for i := range b {
		b[i] = byte(s.Int >> (56 - 8*i))
	}
	s.SetBin(b)
	return true
}

func castIPv4ToInt(_ *Context, s *Sample) bool {
	a := s.IP.As4()
	s.SetInt(int64(a[0])<<24 | int64(a[1])<<16 | int64(a[2])<<8 | int64(a[3]))
	return true
}

func castToIPv6(_ *Context, s *Sample) bool {
	s.Type, s.IP = IPv6, netip.AddrFrom16(s.IP.As16())
	return true
}

func castToIPv4(_ *Context, s *Sample) bool {
	if s.IP.Is4() {
		s.Type = IPv4
		return true
	}
	ip, ok := EmbeddedIPv4(s.IP)
	if ok {
		s.Type, s.IP = IPv4, ip
	}
	return ok
}

// EmbeddedIPv4 returns the IPv4 address inside an IPv6 one: mapped
// (::ffff:a.b.c.d), compatible (::a.b.c.d) or 6to4 (2002:aabb:ccdd::).
func EmbeddedIPv4(ip netip.Addr) (netip.Addr, bool) {
	a := ip.As16()
	var zero [16]byte
	switch {
	case [10]byte(a[:10]) == [10]byte(zero[:10]) && (a[10] == 0 && a[11] == 0 || a[10] == 0xff && a[11] == 0xff):
		return netip.AddrFrom4([4]byte(a[12:16])), true
	case a[0] == 0x20 && a[1] == 0x02:
		return netip.AddrFrom4([4]byte(a[2:6])), true
	}
	return netip.Addr{}, false
}

func castIPToStr(c *Context, s *Sample) bool {
	s.SetStr(c.Arena.Keep(AppendIP(c.Arena.Rest(46), s.IP)))
	return true
}

// AppendIP appends the textual form as inet_ntop prints it: mapped addresses
// keep their prefix, zones never show.
func AppendIP(dst []byte, ip netip.Addr) []byte {
	if ip.Zone() != "" {
		ip = ip.WithZone("")
	}
	return ip.AppendTo(dst)
}

func castIPToBin(c *Context, s *Sample) bool {
	if s.IP.Is4() {
		a := s.IP.As4()
		s.SetBin(c.Arena.Copy(a[:]))
		return true
	}
	a := s.IP.As16()
	s.SetBin(c.Arena.Copy(a[:]))
	return true
}

func castStrToBool(c *Context, s *Sample) bool {
	return castStrToInt(c, s) && castIntToBool(c, s)
}

func castStrToInt(_ *Context, s *Sample) bool {
	if len(s.Data) == 0 {
		return false
	}
	s.SetInt(leadingInt(s.Data))
	return true
}

// leadingInt reads an optional sign and the digits that follow, stops at the
// first other byte and saturates. Reference: "12abc" 12, "0x10" 0, "abc" 0.
func leadingInt(b []byte) int64 {
	neg := b[0] == '-'
	if neg || b[0] == '+' {
		b = b[1:]
	}
	var n uint64
	for _, ch := range b {
		d := ch - '0'
		if d > 9 {
			break
		}
		if n > (math.MaxInt64-uint64(d))/10 {
			if neg {
				return math.MinInt64
			}
			return math.MaxInt64
		}
		n = n*10 + uint64(d)
	}
	if neg {
		return -int64(n)
	}
	return int64(n)
}

func castStrToIP(_ *Context, s *Sample) bool {
	ip, ok := ParseIP(s.Data)
	if ok {
		s.SetIP(ip)
	}
	return ok
}

// ParseIP reads an address as a string sample is cast to one, without
// allocating. Reference: an IPv4 address may have leading zeroes and ends at
// the first byte that is neither a digit nor a dot ("1.2.3.4/24" is 1.2.3.4);
// an IPv6 address must be complete.
func ParseIP(b []byte) (netip.Addr, bool) {
	if ip, ok := lenientIPv4(b); ok {
		return ip, true
	}
	if len(b) > 45 || bytes.IndexByte(b, '%') >= 0 || bytes.IndexByte(b, ':') < 0 {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(unsafeString(b))
	return ip, err == nil
}

func lenientIPv4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	part, digits, v := 0, 0, 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && b[i]-'0' <= 9 {
			v, digits = v*10+int(b[i]-'0'), digits+1
			if v > 255 {
				return netip.Addr{}, false
			}
			continue
		}
		if digits == 0 {
			return netip.Addr{}, false
		}
		a[part] = byte(v)
		dot := i < len(b) && b[i] == '.'
		if part == 3 {
			return netip.AddrFrom4(a), !dot
		}
		if !dot {
			return netip.Addr{}, false
		}
		part, digits, v = part+1, 0, 0
	}
	return netip.Addr{}, false
}

// castStrToIPv4 and castStrToIPv6 take addresses of that family alone (reference).
func castStrToIPv4(c *Context, s *Sample) bool { return castStrToIP(c, s) && s.Type == IPv4 }

func castStrToIPv6(c *Context, s *Sample) bool { return castStrToIP(c, s) && s.Type == IPv6 }

func castStrToBin(_ *Context, s *Sample) bool { s.Type = Bin; return true }

// castBinToStr ends the string at the first NUL, as the reference does.
func castBinToStr(_ *Context, s *Sample) bool {
	s.Type = Str
	if i := bytes.IndexByte(s.Data, 0); i >= 0 {
		s.Data = s.Data[:i]
	}
	return true
}

func castStrToMeth(_ *Context, s *Sample) bool {
	s.SetMethod(ParseMethod(s.Data), s.Data)
	return true
}

func castBinToMeth(c *Context, s *Sample) bool { return castBinToStr(c, s) && castStrToMeth(c, s) }

func castMethToStr(_ *Context, s *Sample) bool {
	if len(s.Data) == 0 {
		s.Data = methodText(s.Method)
	}
	s.Type = Str
	return true
}

func castMethToBin(c *Context, s *Sample) bool { return castMethToStr(c, s) && castStrToBin(c, s) }
