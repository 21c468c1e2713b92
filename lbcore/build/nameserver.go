package build

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"gohap/lbcore/buffer"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/lbcore/transport"
	"gohap/resolvers"
)

// This file has the name servers of resolvers sections. One that is asked over
// connections takes those words of server lines that say how they are made.

// nameserverWords are the words beside those of TLS that mean something.
var nameserverWords = []string{"ssl", "no-ssl", "ssl-reuse", "no-ssl-reuse", "crt", "verify", "verifyhost", "sni", "maxconn",
	"source", "usesrc", "tcp-ut", "send-proxy", "send-proxy-v2", "no-send-proxy", "no-send-proxy-v2"}

// forNameserver tells whether a word of server lines means something to a name server.
func forNameserver(word string) bool {
	return slices.Contains(nameserverWords, word) || slices.ContainsFunc(tlsWords, func(w tlsWord) bool { return w.name == word && w.where&onServer != 0 })
}

// nameserverLine reads a name server.
func nameserverLine(b *Builder, c *resolversConf, st *config.Statement) {
	if len(st.Words) < 3 {
		b.Alertf(st, "'nameserver' expects <name> and <addr>[:<port>] as arguments.")
		return
	}
	name := st.Words[1]
	if bad := badName(name); bad != 0 {
		b.Alertf(st, "character '%c' is not permitted in server name '%s'.", bad, name)
		return
	}
	if at, ok := c.lines[name]; ok {
		b.Diag.Rawf(config.Alert, "config : Parsing [%s]: nameserver '%s' has same name as another nameserver (declared at %s).", st.Pos, name, at)
		return
	}
	a, err := config.ParseAddress(st.Words[2], b.rules(config.NameserverRules))
	path := a.Family == config.Unix && !a.Datagram
	switch {
	case err != nil:
		b.Alertf(st, "'nameserver %s' : %s", name, err)
		return
	case !a.IP.IsValid() && !path:
		b.Alertf(st, "'nameserver %s' : %s", name, keyword.Refusal("address '"+st.Words[2]+"' of name servers"))
		return
	}
	n := &resolvers.Nameserver{Name: name, Addr: netip.AddrPortFrom(a.IP, uint16(a.Port)), TCP: !a.Datagram}
	switch {
	case n.TCP:
		l := newServerLine(st.Pos)
		l.srv.Name, l.addr, l.only = name, a, "it means nothing to a name server"
		l.label = fmt.Sprintf("'server %s/%s' : ", c.Name, name)
		if !b.serverOptions(st, l, st.Words[3:]) {
			return
		}
		n.Most = int(l.srv.Maxconn.Load())
		c.streams = append(c.streams, nameserverStream{n, l})
	case len(st.Words) > 3:
		b.Warnf(st, "'nameserver %s' : '%s' and what follows it have no effect, its address is one of datagrams.", name, st.Words[3])
	}
	c.lines[name] = st.Pos
	c.Add(n)
}

// nameserverStream is a name server that is asked over connections, and its line.
type nameserverStream struct {
	*resolvers.Nameserver
	line *serverLine
}

// settleNameservers says how the connections to name servers are made, once all was
// read.
func (b *Builder) settleNameservers() {
	for _, c := range b.resolvers {
		s := &section{conf: builtinConf(), kind: "resolvers", name: c.Name, pos: c.pos, p: &proxy.Proxy{}}
		s.mode = proxy.TCP
		for _, n := range c.streams {
			l := n.line
			if l.source.whose != "" || l.source.header != "" {
				b.Diag.Rawf(config.Alert, "[%s] : %s'usesrc' : there is no client whose address a name server could see.", l.pos, l.label)
				continue
			}
			l.settleSendProxy()
			l.settleSource(b, s)
			if !l.settleTLS(b, s) {
				continue
			}
			if name, ok := b.constantSNI(l); ok {
				n.Dial = l.dialer(name)
			}
		}
	}
}

// constantSNI returns the name that a name server is asked for by TLS. Nothing is known
// of a request there.
func (b *Builder) constantSNI(l *serverLine) (name string, ok bool) {
	e := l.srv.SNI
	switch {
	case e == nil:
		return "", true
	case e.Needs() != 0:
		b.Diag.Rawf(config.Alert, "[%s] : %s'sni' : '%s' looks at a request, which a name server's connection has none of.", l.pos, l.label, l.tls.sni.text)
		return "", false
	}
	v := &sample.Context{Arena: &buffer.Arena{}, Final: true, Process: &sample.Process{Env: b.Env.Lookup, ProcVars: b.procVars}}
	x := v.Borrow()
	if e.Eval(v, sample.Str, x) {
		name = string(x.Data)
	}
	return name, true
}

// dialer makes what connects to a line's address as the line says.
func (l *serverLine) dialer(sni string) func(context.Context) (net.Conn, error) {
	network, address := "tcp", netip.AddrPortFrom(l.addr.IP, uint16(l.addr.Port)).String()
	if l.addr.Family == config.Unix {
		network, address = "unix", l.addr.Path
	}
	d := &net.Dialer{Control: bound(l.srv.Source)}
	header, back := l.srv.SendProxy, l.srv.Config.TLS
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if header != nil { // reference: of the connection itself
			if _, err = conn.Write(localHeader(header.Version)); err != nil {
				conn.Close()
				return nil, err
			}
		}
		if back == nil {
			return conn, nil
		}
		cfg := back.Config().Clone()
		cfg.ServerName = sni
		over := tls.Client(conn, cfg)
		if err := over.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return over, nil
	}
}

// localHeader is the PROXY header of a connection that the program makes for itself.
func localHeader(version int) []byte {
	if version == 1 {
		return transport.AppendProxyV1(nil, netip.AddrPort{}, netip.AddrPort{})
	}
	return transport.AppendProxyV2(nil, netip.AddrPort{}, netip.AddrPort{})
}

// bound sets sockets up to come from a source, nil for the kernel's choice.
func bound(from *transport.Source) func(network, address string, c syscall.RawConn) error {
	if from == nil {
		return nil
	}
	return func(network, _ string, c syscall.RawConn) error {
		family := unix.AF_INET
		if network == "tcp6" {
			family = unix.AF_INET6
		}
		var e loop.Errno
		if err := c.Control(func(fd uintptr) { e = from.Apply(transport.System{}, int32(fd), family) }); err != nil {
			return err
		}
		if e != 0 {
			return fmt.Errorf("source address: error %d", e)
		}
		return nil
	}
}
