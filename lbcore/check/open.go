package check

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gohap/lbcore/certs"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/lbcore/transport"
)

// Transport is what stands between a check and its server. It is read-only once
// built.
type Transport struct {
	SSL       bool
	NoSSL     bool               // no-check-ssl
	Follows   bool               // TLS is spoken while traffic does
	TLS       func() *tls.Config // how it is spoken now; nil: nothing is verified
	SNI       string
	ALPN      []string
	SendProxy bool
	Socks4    *loop.Sockaddr // the proxy of check-via-socks4
}

// open connects as a rule wants, with the PROXY line, SOCKS4 and TLS that it or
// the server line asks for.
func (r *run) open(ctx context.Context, c *Connect) (net.Conn, error) {
	network, address := r.dialTo(c)
	ssl, sendProxy, socks := c.SSL, c.SendProxy, c.Socks4
	if d := r.transport; d != nil && (c.Default || c.Implicit) {
		ssl, sendProxy, socks = ssl || d.SSL || d.Follows && r.srv.Dialled().TLS != nil, sendProxy || d.SendProxy, socks || d.Socks4 != nil
	}
	to := address
	if socks && r.transport != nil && r.transport.Socks4 != nil {
		network, to = dialAddress(r.transport.Socks4)
	}
	conn, err := r.Dial(ctx, r.srv.CheckSource, network, to)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(r.ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	_ = stop // the connection's end is the check's
	if at, ok := ctx.Deadline(); ok {
		conn.SetDeadline(at)
	}
	if err := r.prepare(conn, network, address, socks && to != address, sendProxy); err != nil {
		quiet(conn)
		return nil, err
	}
	if !ssl {
		r.over = false
		return conn, nil
	}
	return r.encrypt(ctx, conn, c)
}

func (r *run) prepare(conn net.Conn, network, address string, socks, sendProxy bool) error {
	if socks {
		if err := socks4(conn, address); err != nil {
			return err
		}
	}
	if sendProxy {
		if _, err := conn.Write(proxyHeader(conn, r.srv.SendProxy)); err != nil {
			return err
		}
	}
	return nil
}

// dialTo returns where a rule connects to.
func (r *run) dialTo(c *Connect) (network, address string) {
	port := c.Port
	if c.PortExpr != nil {
		var s sample.Sample
		if c.PortExpr.Eval(&r.sc, sample.SInt, &s) {
			port = int(s.Int)
		}
	}
	if port == 0 && c.Addr == nil {
		return r.network, r.address
	}
	host, own, err := net.SplitHostPort(r.address)
	if err != nil { // a unix socket has no port
		return r.network, r.address
	}
	if c.Addr != nil {
		if !c.Addr.IP.IsValid() {
			return dialAddress(c.Addr)
		}
		host = c.Addr.IP.Addr().String()
		if p := c.Addr.IP.Port(); p != 0 && port == 0 {
			port = int(p)
		}
	}
	if port != 0 {
		own = strconv.Itoa(port)
	}
	return "tcp", net.JoinHostPort(host, own)
}

// dialAddress is an address in the words of package net.
func dialAddress(a *loop.Sockaddr) (network, address string) {
	if a.Family == loop.Passed {
		return overPair, strconv.Itoa(int(a.Over))
	}
	if a.Path != "" {
		path := a.Path
		if path[0] == 0 {
			path = "@" + path[1:]
		}
		return "unix", path
	}
	return "tcp", net.JoinHostPort(a.IP.Addr().String(), strconv.Itoa(int(a.IP.Port())))
}

// proxyHeader is the PROXY protocol's header of a check: of version 2 where the server
// gets that with its traffic. Reference: it is a LOCAL one, unless
// pp2-never-send-local; of what it says beyond, the checksum and that there is no TLS
// are there.
func proxyHeader(conn net.Conn, p *proxy.SendProxy) []byte {
	from, err1 := netip.ParseAddrPort(conn.LocalAddr().String())
	to, err2 := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err1 != nil || err2 != nil { // unix sockets
		from, to = netip.AddrPort{}, netip.AddrPort{}
	}
	if p == nil || p.Version != 2 {
		return transport.AppendProxyV1(nil, from, to)
	}
	if !p.NeverLocal {
		from, to = netip.AddrPort{}, netip.AddrPort{}
	}
	b := transport.AppendProxyV2(nil, from, to)
	sum := len(b)
	if p.Checksum {
		b = transport.AppendTLV(b, transport.TLVCRC, []byte{0, 0, 0, 0})
	}
	if p.SSL {
		b = transport.AppendTLV(b, transport.TLVSSL, []byte{0, 0, 0, 0, 0})
	}
	b = transport.FinishProxyV2(b, 0, false)
	if p.Checksum {
		transport.SumProxyV2(b, sum+3)
	}
	return b
}

// errSocks is a SOCKS4 proxy that does not connect.
var errSocks = errors.New("SOCKS4 Proxy deny the request")

// socks4 asks a SOCKS4 proxy for a connection (no user).
func socks4(conn net.Conn, address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Unmap().Is4() {
		return errSocks
	}
	b := []byte{4, 1}
	b = binary.BigEndian.AppendUint16(b, to.Port())
	ip := to.Addr().Unmap().As4()
	if _, err := conn.Write(append(append(b, ip[:]...), "HAProxy\x00"...)); err != nil {
		return err
	}
	var answer [8]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	if answer[1] != 90 {
		return errSocks
	}
	return nil
}

// tlsError is a handshake that failed.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return e.err.Error() }

func (e *tlsError) result(ctx context.Context) proxy.Result {
	var timeout net.Error
	if ctx.Err() != nil || errors.As(e.err, &timeout) && timeout.Timeout() {
		return proxy.Result{Status: L6TOUT}
	}
	return proxy.Result{Status: L6RSP, Desc: certs.CheckText(e.err)}
}

// encrypt speaks TLS over conn.
func (r *run) encrypt(ctx context.Context, conn net.Conn, c *Connect) (net.Conn, error) {
	cfg := &tls.Config{InsecureSkipVerify: true}
	sni, alpn := c.SNI, c.ALPN
	if d := r.transport; d != nil {
		if d.TLS != nil {
			cfg = d.TLS().Clone()
		}
		if sni == "" {
			sni = d.SNI
		}
		if alpn == nil {
			alpn = d.ALPN
		}
	}
	cfg.ServerName, cfg.NextProtos = sni, alpn
	if !cfg.InsecureSkipVerify && sni == "" {
		// reference: without a name the chain is verified, not the name
		roots := cfg.RootCAs
		cfg.InsecureSkipVerify = true
		cfg.VerifyConnection = verifyChain(roots)
	}
	over := tls.Client(conn, cfg)
	if err := over.HandshakeContext(ctx); err != nil {
		quiet(conn)
		if strings.Contains(err.Error(), "context") {
			err = context.DeadlineExceeded
		}
		return nil, &tlsError{err}
	}
	r.over = true
	return over, nil
}
