package transport

import (
	"net/netip"
	"strings"
	"testing"
)

func v2(cmd, family byte, body string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{cmd, family, byte(len(body) >> 8), byte(len(body))}) + body
}

const (
	addr4 = "\x01\x02\x03\x04\x05\x06\x07\x08\x04\x57\x08\xae"
	from4 = "1.2.3.4:1111>5.6.7.8:2222"
)

// The outcomes are the reference's, but where docs/differences.md says.
func TestProxyHeader(t *testing.T) {
	for _, c := range []struct {
		name, in string
		state    ProxyState
		want     string // source>destination
	}{
		{"v1 IPv4", "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n", ProxyDone, from4},
		{"v1 IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n", ProxyDone, "[2001:db8::1]:1111>[2001:db8::2]:2222"},
		{"v1 unknown", "PROXY UNKNOWN\r\n", ProxyDone, ""},
		{"v1 unknown with addresses", "PROXY UNKNOWN ffff::1 ::2 1 2\r\n", ProxyDone, ""},
		{"v1 line feed alone", "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\n", ProxyInvalid, ""},
		{"v1 two blanks", "PROXY  TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n", ProxyUnknown, ""},
		{"v1 a word more", "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222 x\r\n", ProxyInvalid, ""},
		{"v1 a word less", "PROXY TCP4 1.2.3.4 5.6.7.8 1111\r\n", ProxyInvalid, ""},
		{"v1 other family", "PROXY TCP4 ::1 ::2 1111 2222\r\n", ProxyInvalid, ""},
		{"v1 bad address", "PROXY TCP4 1.2.3.400 5.6.7.8 1111 2222\r\n", ProxyInvalid, ""},
		{"v1 bad port", "PROXY TCP4 1.2.3.4 5.6.7.8 99999 2222\r\n", ProxyInvalid, ""},
		{"v1 too long", "PROXY TCP4 " + strings.Repeat("1", 120) + "\r\n", ProxyInvalid, ""},
		{"v1 TCP5", "PROXY TCP5 1.2.3.4 5.6.7.8 1111 2222\r\n", ProxyUnknown, ""},
		{"v2 IPv4", v2(0x21, 0x11, addr4), ProxyDone, from4},
		{"v2 local", v2(0x20, 0, ""), ProxyDone, ""},
		{"v2 local with a family", v2(0x20, 0x11, addr4), ProxyInvalid, ""},
		{"v2 datagrams", v2(0x21, 0x12, addr4), ProxyInvalid, ""},
		{"v2 no family", v2(0x21, 0, ""), ProxyInvalid, ""},
		{"v2 short", v2(0x21, 0x11, addr4[:8]), ProxyInvalid, ""},
		{"v2 other version", v2(0x31, 0x11, addr4), ProxyForeign, ""},
		{"v2 other command", v2(0x22, 0x11, addr4), ProxyInvalid, ""},
		{"v2 authority", v2(0x21, 0x11, addr4+"\x02\x00\x01h"), ProxyDone, from4},
		{"v2 wrong checksum", v2(0x21, 0x11, addr4+"\x03\x00\x04\x00\x00\x00\x00"), ProxyInvalid, from4},
		{"v2 short checksum", v2(0x21, 0x11, addr4+"\x03\x00\x02\x00\x00"), ProxyInvalid, from4},
		{"v2 TLV beyond the end", v2(0x21, 0x11, addr4+"\x02\x00\xffab"), ProxyInvalid, from4},
		{"v2 half a TLV", v2(0x21, 0x11, addr4+"\x02\x00"), ProxyInvalid, from4},
		{"v2 unique id too long", v2(0x21, 0x11, addr4+"\x05\x00\x81"+strings.Repeat("a", 129)), ProxyInvalid, from4},
		{"HTTP", "GET / HTTP/1.1\r\n", ProxyForeign, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h ProxyHeader
			n, st := ParseProxyHeader([]byte(c.in+"more"), &h)
			got := ""
			if h.Src.IsValid() {
				got = h.Src.String() + ">" + h.Dst.String()
			}
			if st != c.state || got != c.want || st == ProxyDone && n != len(c.in) {
				t.Errorf("%d bytes, state %d, %q; want %d, state %d, %q", n, st, got, len(c.in), c.state, c.want)
			}
			// Any beginning of a good one asks for more.
			for i := 0; c.state == ProxyDone && i < len(c.in); i++ {
				if n, st := ParseProxyHeader([]byte(c.in[:i]), &h); st != ProxyMore || n != 0 {
					t.Fatalf("the first %d bytes give state %d", i, st)
				}
			}
		})
	}
}

// FuzzProxyHeader: what is written is read again, and nothing that is read reaches
// beyond what came.
func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"), true)
	f.Add([]byte(v2(0x21, 0x11, addr4+"\x02\x00\x01h")), false)
	f.Add([]byte("PROXY UNKNOWN\r\n"), true)
	f.Fuzz(func(t *testing.T, b []byte, checksum bool) {
		var h, again ProxyHeader
		n, st := ParseProxyHeader(b, &h)
		if n > len(b) || st != ProxyDone && n != 0 {
			t.Fatalf("%d of %d bytes, state %d", n, len(b), st)
		}
		if st != ProxyDone {
			return
		}
		one := AppendProxyV1(nil, h.Src, h.Dst)
		if n, st := ParseProxyHeader(one, &again); n != len(one) || st != ProxyDone || same(again.Src) != same(h.Src) {
			t.Fatalf("%q is read as %v, state %d", one, again, st)
		}
		two := AppendProxyV2([]byte("xx"), h.Src, h.Dst)
		if h.Src.IsValid() {
			two = AppendTLV(two, TLVAuthority, []byte("name"))
			two = FinishProxyV2(two, 2, checksum)
		} else {
			two = FinishProxyV2(two, 2, false)
		}
		n, st = ParseProxyHeader(two[2:], &again)
		if n != len(two)-2 || st != ProxyDone || same(again.Src) != same(h.Src) || same(again.Dst) != same(h.Dst) {
			t.Fatalf("%q is read as %v, state %d", two, again, st)
		}
		if v, ok := TLV(again.TLVs, TLVAuthority); h.Src.IsValid() && (!ok || string(v) != "name") {
			t.Fatalf("%q, %v", v, ok)
		}
	})
}

// same makes IPv4 in IPv6 what it is.
func same(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
