package stream

import (
	"net/netip"
	"testing"
	"unsafe"
)

func TestEndpoint(t *testing.T) {
	for _, text := range []string{"192.0.2.1:80", "[2001:db8::1]:443", "[::ffff:192.0.2.1]:1", "[::]:0", "0.0.0.0:65535"} {
		want := netip.MustParseAddrPort(text)
		if e := packEndpoint(want); e.addr() != want {
			t.Errorf("%s became %s", want, e.addr())
		}
	}
	if e := packEndpoint(netip.AddrPort{}); e.addr().IsValid() {
		t.Error("no address became one")
	}
}

// TestSessionSize holds an idle connection within an allocation class: the next
// one has 288 bytes.
func TestSessionSize(t *testing.T) {
	if n := unsafe.Sizeof(Session{}); n > 256 {
		t.Errorf("a session has %d bytes", n)
	}
}
