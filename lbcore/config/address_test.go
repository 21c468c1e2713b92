package config

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestParseAddressFields(t *testing.T) {
	v4, any4, any6 := netip.MustParseAddr("1.2.3.4"), netip.IPv4Unspecified(), netip.IPv6Unspecified()
	bind, server, log := &BindRules, &ServerRules, &LogRules
	for _, c := range []struct {
		text  string
		rules *AddressRules
		want  Address
		print string
	}{
		{"1.2.3.4:80", bind, Address{Family: IPv4, IP: v4, Port: 80, PortHigh: 80, HasPort: true}, "1.2.3.4:80"},
		{"*:80-90", bind, Address{Family: IPv4, IP: any4, Port: 80, PortHigh: 90, HasPort: true}, "0.0.0.0:80"},
		{"[::1]:80", bind, Address{Family: IPv6, IP: netip.MustParseAddr("::1"), Port: 80, PortHigh: 80, HasPort: true}, "::1:80"},
		{"ipv6@:80", bind, Address{Family: IPv6, IP: any6, Port: 80, PortHigh: 80, HasPort: true, Prefix: "ipv6@"}, ":::80"},
		{"stream+ipv4@:80", bind, Address{Family: IPv4, IP: any4, Port: 80, PortHigh: 80, HasPort: true, Prefix: "stream+ipv4@"}, "0.0.0.0:80"},
		{"/run/x", bind, Address{Family: Unix, Path: "/run/x"}, "/run/x"},
		{"unix@x", bind, Address{Family: Unix, Path: "x", Prefix: "unix@"}, "x"},
		{"abns@x", bind, Address{Family: Abstract, Path: "x", Prefix: "abns@"}, "abns@x"},
		{"abnsz@x", bind, Address{Family: AbstractZ, Path: "x", Prefix: "abnsz@"}, "abnsz@x"},
		{"fd@7", bind, Address{Family: FD, FD: 7, Prefix: "fd@"}, "fd@7"},
		{"1.2.3.4", server, Address{Family: IPv4, IP: v4}, "1.2.3.4:0"},
		{"1.2.3.4:+10", server, Address{Family: IPv4, IP: v4, HasPort: true, Relative: true, Offset: 10}, "1.2.3.4:0"},
		{"1.2.3.4:-10", server, Address{Family: IPv4, IP: v4, HasPort: true, Relative: true, Offset: -10}, "1.2.3.4:0"},
		{"www:80", server, Address{Host: "www", Port: 80, PortHigh: 80, HasPort: true}, "www:80"},
		{"ipv6@www", server, Address{Family: IPv6, Host: "www", Prefix: "ipv6@"}, "www:0"},
		{"1.2.3.4:514", log, Address{Family: IPv4, Datagram: true, IP: v4, Port: 514, PortHigh: 514, HasPort: true}, "1.2.3.4:514"},
		{"tcp@1.2.3.4", log, Address{Family: IPv4, IP: v4, Prefix: "tcp@"}, "1.2.3.4:0"},
		{"/dev/log", log, Address{Family: Unix, Datagram: true, Path: "/dev/log"}, "/dev/log"},
	} {
		got, err := ParseAddress(c.text, c.rules)
		c.want.Text = c.text
		if err != nil || got != c.want || got.String() != c.print {
			t.Errorf("%s: %v\ngot  %+v %s\nwant %+v %s", c.text, err, got, got, c.want, c.print)
		}
	}
}

func TestUnservedAddresses(t *testing.T) {
	for _, text := range []string{"mptcp@:80", "mptcp4@:80", "mptcp6@:80", "quic4@:443", "quic6@:443", "quic+ipv4@:443", "rhttp@be/srv"} {
		_, err := ParseAddress(text, &BindRules)
		var unserved *UnservedError
		if !errors.As(err, &unserved) || unserved.Text != text {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestStricterThanTheReference(t *testing.T) {
	// The reference takes these and computes modulo 2^32 or 2^16.
	for _, text := range []string{"1.1.1.1:4294967376", "1.1.1.1:+65536", "1.1.1.1:-65536"} {
		if a, err := ParseAddress(text, &ServerRules); err == nil {
			t.Errorf("%s is %+v", text, a)
		}
	}
	if v, err := ParseTime("18446744073709551617", time.Millisecond); !errors.Is(err, ErrTimeOverflow) {
		t.Errorf("%+v %v", v, err)
	}
}

func TestUnixPrefix(t *testing.T) {
	r := BindRules
	r.UnixPrefix = "/run/lb/"
	if a, err := ParseAddress("unix@x", &r); err != nil || a.Path != "/run/lb/x" {
		t.Errorf("%+v %v", a, err)
	}
}

func TestParseTimeUnits(t *testing.T) {
	for _, c := range []struct {
		text string
		unit time.Duration
		want time.Duration
	}{
		{"5", time.Second, 5 * time.Second},
		{"5", time.Microsecond, 5 * time.Microsecond},
		{"1us", time.Millisecond, time.Millisecond},
		{"1001us", time.Millisecond, 2 * time.Millisecond},
		{"1ms", time.Second, time.Second},
		{"2147483647", time.Second, 2147483647 * time.Second},
		{"2d", time.Millisecond, 48 * time.Hour},
	} {
		got, err := ParseTime(c.text, c.unit)
		if err != nil || got.Value != c.want {
			t.Errorf("%s in %v: %+v %v, want %v", c.text, c.unit, got, err, c.want)
		}
	}
	if _, err := ParseTime("2147483648", time.Second); !errors.Is(err, ErrTimeOverflow) {
		t.Error(err)
	}
	v, err := ParseTime("", time.Millisecond)
	var c *CharError
	if !errors.As(err, &c) || c.Char != 0 {
		t.Errorf("%+v %v", v, err)
	}
}

func TestParseSize64(t *testing.T) {
	for text, want := range map[string]uint64{"5g": 5 << 30, "4294967296": 1 << 32, "17179869183g": 17179869183 << 30} {
		if v, err := ParseSize64(text); err != nil || v != want {
			t.Errorf("%s: %d %v", text, v, err)
		}
	}
	for _, text := range []string{"17179869184g", "18446744073709551616", "", "k"} {
		if v, err := ParseSize64(text); err == nil {
			t.Errorf("%q is %d", text, v)
		}
	}
}

func TestSystemResolve(t *testing.T) {
	ip, err := SystemResolve("127.0.0.1", IPv4)
	if err != nil || ip != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("%v %v", ip, err)
	}
	if ip, err := SystemResolve("127.0.0.1", IPv6); err == nil {
		t.Errorf("an IPv4 address as IPv6: %v", ip)
	}
	if ip, err := SystemResolve("localhost", AnyIP); err != nil || !ip.IsLoopback() {
		t.Errorf("%v %v", ip, err)
	}
}

// Reference: whoever connects to an abns@ address must name all 108 bytes.
func TestAbstractName(t *testing.T) {
	for _, c := range []struct {
		a    Address
		want string
	}{
		{Address{Family: Abstract, Path: "x"}, "x" + strings.Repeat("\x00", 106)},
		{Address{Family: AbstractZ, Path: "x"}, "x"},
	} {
		if got := c.a.AbstractName(); got != c.want {
			t.Errorf("%+v: %q", c.a, got)
		}
	}
}
