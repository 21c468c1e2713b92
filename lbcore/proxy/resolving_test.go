package proxy

import (
	"fmt"
	"net/netip"
	"testing"

	"gohap/lbcore/loop"
)

// What lists of servers show of addresses that come and go, and of ports that follow the
// client's.
func TestShown(t *testing.T) {
	at := func(ip string, port uint16) *Address {
		a, _ := netip.ParseAddr(ip)
		return &Address{To: &loop.Sockaddr{IP: netip.AddrPortFrom(a, port)}}
	}
	relative := func(a *Address, n int) *Address {
		a.Relative, a.Offset = true, n
		return a
	}
	for _, c := range []struct {
		a    *Address
		want string
	}{
		{nil, "- 0"},
		{at("10.0.0.1", 80), "10.0.0.1 80"},
		{at("", 80), "- 80"},
		{at("10.0.0.1", 80).WithoutAddress(80), "- 80"},
		{at("10.0.0.1", 80).WithoutAddress(81).AtPort(82), "- 82"},
		{at("10.0.0.1", 80).AtPort(82), "10.0.0.1 82"},
		{at("", 0).AtPort(82), "- 82"},
		{relative(at("10.0.0.1", 0), 5), "10.0.0.1 5"},
		{relative(at("", 0), 5), "- 5"},
		{relative(at("10.0.0.1", 0), -1).WithoutAddress(0), "- 4294967295"},
		{relative(at("10.0.0.1", 0), 5).AtPort(82), "10.0.0.1 82"},
	} {
		ip, port := c.a.Shown()
		if got := fmt.Sprint(ip, " ", port); got != c.want {
			t.Errorf("%+v: %s, want %s", c.a, got, c.want)
		}
	}
}
