package fetch

import (
	"net"
	"net/netip"
	"slices"
	"sync"

	"gohap/lbcore/sample"
)

// address makes a fetch of an address; the zero address is no value.
func address(of func(c *sample.Context) netip.AddrPort) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		ip := of(c).Addr()
		if !ip.IsValid() {
			return false
		}
		s.SetIP(ip)
		return true
	}
}

func port(of func(c *sample.Context) netip.AddrPort) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		a := of(c)
		s.SetInt(int64(a.Port()))
		return a.IsValid()
	}
}

// isLocal tells whether an address is one of the machine's own.
func isLocal(of func(c *sample.Context) netip.AddrPort) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		ip := of(c).Addr()
		if !ip.IsValid() {
			return false
		}
		ip = ip.Unmap()
		s.SetBool(ip.IsLoopback() || slices.Contains(ownAddresses(), ip))
		return true
	}
}

// ownAddresses lists the machine's addresses. They are read once, while the
// configuration is (checkLocal), so that no loop has to ask the kernel.
var ownAddresses = sync.OnceValue(func() []netip.Addr {
	list, _ := net.InterfaceAddrs()
	own := make([]netip.Addr, 0, len(list))
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr().Unmap())
		}
	}
	return own
})

func checkLocal([]sample.Arg, *sample.Options) error {
	ownAddresses()
	return nil
}

func source(c *sample.Context) netip.AddrPort {
	if ss := session(c); ss != nil {
		return ss.Source()
	}
	return netip.AddrPort{}
}

func destination(c *sample.Context) netip.AddrPort {
	if ss := session(c); ss != nil {
		return ss.Destination()
	}
	return netip.AddrPort{}
}

// connSource and connDestination are those of the connection itself, whatever
// rules made of them.
func connSource(c *sample.Context) netip.AddrPort {
	if ss := session(c); ss != nil {
		return ss.Peer()
	}
	return netip.AddrPort{}
}

func connDestination(c *sample.Context) netip.AddrPort {
	if ss := session(c); ss != nil {
		return ss.Local()
	}
	return netip.AddrPort{}
}

func serverLocal(c *sample.Context) netip.AddrPort {
	if x := exchange(c); x != nil {
		return x.ServerLocal()
	}
	if k := checkConn(c); k != nil {
		return addrPort(k.LocalAddr())
	}
	return netip.AddrPort{}
}

// checkConn is the connection of a running check, nil for none.
func checkConn(c *sample.Context) net.Conn {
	if k := runningCheck(c); k != nil {
		return k.CheckConn()
	}
	return nil
}

// addrPort is a socket's address, not valid where it has no port.
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		p := t.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return netip.AddrPort{}
}

func serverPeer(c *sample.Context) netip.AddrPort {
	if x := exchange(c); x != nil {
		return x.ServerPeer()
	}
	if k := checkConn(c); k != nil {
		return addrPort(k.RemoteAddr())
	}
	return netip.AddrPort{}
}

func fetchOne(_ *sample.Context, _ []sample.Arg, s *sample.Sample) bool { s.SetInt(1); return true }

func fetchServerMajor(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	s.SetInt(1)
	x := exchange(c)
	return x != nil && x.ServerSide() != nil && !x.Local() || checkConn(c) != nil
}

func fetchReused(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil || x.ServerSide() == nil || x.Local() {
		return false
	}
	s.SetBool(x.Reused())
	return true
}

func fetchRcvdProxy(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	ss := session(c)
	if ss == nil {
		return false
	}
	s.SetBool(ss.HadProxy())
	return true
}

func fetchSocketID(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	ss := session(c)
	if ss == nil || ss.Bind() == nil {
		return false
	}
	s.SetInt(int64(ss.Bind().ID))
	return true
}

func fetchSocketName(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	ss := session(c)
	if ss == nil || ss.Bind() == nil || ss.Bind().Name == "" {
		return false
	}
	setText(s, ss.Bind().Name)
	return true
}

func fetchDstConn(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	ss := session(c)
	if ss == nil || ss.Bind() == nil {
		return false
	}
	s.SetInt(ss.Bind().Conn.Load())
	return true
}

const (
	client   = sample.NeedsClientAddress
	server   = sample.NeedsServerAddress
	listener = sample.NeedsListener
)

var connRows = []entry{
	{name: "src", out: sample.Addr, needs: client, fetch: address(source), summary: "the client's address, as rules may have changed it", good: ex("src", "127.0.0.1"), bad: []string{"src(x)"}},
	{name: "src_port", out: sample.SInt, needs: client, fetch: port(source), summary: "the client's port", good: ex("src_port,mul(0)", "0"), bad: []string{"src_port(x)"}},
	{name: "src_is_local", out: sample.Bool, needs: client, check: checkLocal, fetch: isLocal(source), summary: "whether the client's address is one of this machine", good: ex("src_is_local", "1"), bad: []string{"src_is_local(x)"}},
	{name: "dst", out: sample.Addr, needs: client, fetch: address(destination), summary: "the address that the client connected to, as rules may have changed it", good: ex("dst,ipmask(16)", "127.1.0.0"), bad: []string{"dst(x)"}},
	{name: "dst_port", out: sample.SInt, needs: client, fetch: port(destination), summary: "the port that the client connected to", good: ex("dst_port,mul(0)", "0"), bad: []string{"dst_port(x)"}},
	{name: "dst_is_local", out: sample.Bool, needs: client, check: checkLocal, fetch: isLocal(destination), summary: "whether the destination is one of this machine's addresses", good: ex("dst_is_local", "1"), bad: []string{"dst_is_local(x)"}},
	{name: "dst_conn", out: sample.SInt, needs: listener, fetch: fetchDstConn, summary: "the connections on the socket that the client connected to", good: ex("dst_conn", "1"), bad: []string{"dst_conn(x)"}},
	{name: "fc_src", out: sample.Addr, needs: client, fetch: address(connSource), summary: "the source address of the client's connection itself", good: ex("fc_src", "127.0.0.1"), bad: []string{"fc_src(x)"}},
	{name: "fc_src_port", out: sample.SInt, needs: client, fetch: port(connSource), summary: "the source port of the client's connection itself", good: ex("fc_src_port,mul(0)", "0"), bad: []string{"fc_src_port(x)"}},
	{name: "fc_src_is_local", out: sample.Bool, needs: client, check: checkLocal, fetch: isLocal(connSource), summary: "whether fc_src is one of this machine's addresses", good: ex("fc_src_is_local", "1"), bad: []string{"fc_src_is_local(x)"}},
	{name: "fc_dst", out: sample.Addr, needs: client, fetch: address(connDestination), summary: "the destination address of the client's connection itself", good: ex("fc_dst,ipmask(16)", "127.1.0.0"), bad: []string{"fc_dst(x)"}},
	{name: "fc_dst_port", out: sample.SInt, needs: client, fetch: port(connDestination), summary: "the destination port of the client's connection itself", good: ex("fc_dst_port,mul(0)", "0"), bad: []string{"fc_dst_port(x)"}},
	{name: "fc_dst_is_local", out: sample.Bool, needs: client, check: checkLocal, fetch: isLocal(connDestination), summary: "whether fc_dst is one of this machine's addresses", good: ex("fc_dst_is_local", "1"), bad: []string{"fc_dst_is_local(x)"}},
	{name: "fc_http_major", out: sample.SInt, needs: client, fetch: fetchOne, summary: "the major HTTP version of the client's connection", good: ex("fc_http_major", "1"), bad: []string{"fc_http_major(x)"}},
	{name: "fc_rcvd_proxy", out: sample.Bool, needs: client, fetch: fetchRcvdProxy, summary: "whether the client's connection began with a PROXY protocol header", good: ex("fc_rcvd_proxy", "0"), bad: []string{"fc_rcvd_proxy(x)"}},
	{name: "fc_pp_authority", out: sample.Str, needs: client, fetch: ppText(tlvNames["AUTHORITY"]), summary: "the authority of the client's PROXY protocol header", good: ex("fc_pp_authority", missing), bad: []string{"fc_pp_authority(x)"}},
	{name: "fc_pp_unique_id", out: sample.Str, needs: client, fetch: ppText(tlvNames["UNIQUE_ID"]), summary: "the unique id of the client's PROXY protocol header", good: ex("fc_pp_unique_id", missing), bad: []string{"fc_pp_unique_id(x)"}},
	{name: "fc_pp_tlv", out: sample.Str, args: args(1, sample.ArgStr), check: checkTLV, needs: clientConn, fetch: fetchTLV, summary: "the value of a TLV of the client's PROXY protocol header", good: ex("fc_pp_tlv(0xe0)", missing), bad: []string{"fc_pp_tlv", "fc_pp_tlv(256)", "fc_pp_tlv(NAME)"}},
	{name: "bc_src", out: sample.Addr, needs: server, fetch: address(serverLocal), summary: "the source address of the connection to the server", good: on("bc_src", res("x: a"), "127.0.0.1"), bad: []string{"bc_src(x)"}},
	{name: "bc_src_port", out: sample.SInt, needs: server, fetch: port(serverLocal), summary: "the source port of the connection to the server", good: on("bc_src_port,mul(0)", res("x: a"), "0"), bad: []string{"bc_src_port(x)"}},
	{name: "bc_dst", out: sample.Addr, needs: server, fetch: address(serverPeer), summary: "the address of the server connected to", good: on("bc_dst", res("x: a"), "127.0.0.1"), bad: []string{"bc_dst(x)"}},
	{name: "bc_dst_port", out: sample.SInt, needs: server, fetch: port(serverPeer), summary: "the port of the server connected to", good: on("bc_dst_port,mul(0)", res("x: a"), "0"), bad: []string{"bc_dst_port(x)"}},
	{name: "bc_http_major", out: sample.SInt, needs: server, fetch: fetchServerMajor, summary: "the major HTTP version of the connection to the server", good: on("bc_http_major", res("x: a"), "1"), bad: []string{"bc_http_major(x)"}},
	{name: "bc_reused", out: sample.Bool, needs: server, fetch: fetchReused, summary: "whether the connection to the server served before", good: on("bc_reused", res("x: a"), "0"), bad: []string{"bc_reused(x)"}},
	{name: "so_id", out: sample.SInt, needs: listener, fetch: fetchSocketID, summary: "the id of the socket that the client connected to", good: ex("so_id,mul(0)", "0"), bad: []string{"so_id(x)"}},
	{name: "so_name", out: sample.Str, needs: listener, fetch: fetchSocketName, summary: "the name of the socket that the client connected to", good: ex("so_name", missing), bad: []string{"so_name(x)"}},
}
