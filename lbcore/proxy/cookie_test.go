package proxy

import (
	"net/netip"
	"testing"

	"gohap/lbcore/loop"
)

// The values were taken from the reference's statistics.
func TestDynamicCookie(t *testing.T) {
	for _, c := range []struct{ addr, want string }{
		{"127.0.0.1:7656", "25370efa62cfb61d"},
		{"127.0.0.1:1", "9ee4302f8bc4eeef"},
		{"[::1]:20", "19c0ca9b70e57d87"},
	} {
		s := &Server{}
		s.Move(&Address{To: loop.IPSockaddr(netip.MustParseAddrPort(c.addr))})
		if got := s.DynamicCookie("secret"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.addr, got, c.want)
		}
	}
	path, _ := loop.UnixSockaddr("/x")
	s := &Server{}
	s.Move(&Address{To: path})
	if got := s.DynamicCookie("secret"); got != "" {
		t.Errorf("a unix socket got %q", got)
	}
}
