package build

import (
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"gohap/lbcore/config"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/transport"
)

// Connections to name servers are made as their line says: at a path, behind a PROXY
// header, from an address.
func TestNameserverDialer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ns")
	for _, c := range []struct {
		name, network, listen, want, from string
		change                            func(*serverLine)
	}{
		{name: "a path", network: "unix", listen: path, want: "", change: func(l *serverLine) { l.addr = config.Address{Family: config.Unix, Path: path} }},
		{name: "version 1", network: "tcp", listen: "127.0.0.1:0", want: "PROXY UNKNOWN\r\n", change: func(l *serverLine) { l.srv.SendProxy = &proxy.SendProxy{Version: 1} }},
		{name: "version 2", network: "tcp", listen: "127.0.0.1:0", want: "\r\n\r\n\x00\r\nQUIT\n \x00\x00\x00", change: func(l *serverLine) { l.srv.SendProxy = &proxy.SendProxy{Version: 2} }},
		{name: "a source", network: "tcp", listen: "127.0.0.1:0", from: "127.53.21.9", change: func(l *serverLine) {
			l.srv.Source = &transport.Source{From: loop.IPSockaddr(netip.MustParseAddrPort("127.53.21.9:0"))}
		}},
	} {
		ln, err := net.Listen(c.network, c.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		l := newServerLine(config.Position{})
		if at, ok := ln.Addr().(*net.TCPAddr); ok {
			l.addr = config.Address{Family: config.IPv4, IP: at.AddrPort().Addr().Unmap(), Port: at.Port}
		}
		c.change(l)
		conn, err := l.dialer("")(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		other, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if at, ok := other.RemoteAddr().(*net.TCPAddr); c.from != "" && (!ok || at.IP.String() != c.from) {
			t.Errorf("%s: from %v", c.name, other.RemoteAddr())
		}
		conn.Close()
		if got, err := io.ReadAll(other); err != nil || string(got) != c.want {
			t.Errorf("%s: it begins with %q, %v", c.name, got, err)
		}
		other.Close()
	}
}
