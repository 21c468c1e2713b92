package stream

import (
	"crypto/tls"

	"gohap/lbcore/certs"
	"gohap/lbcore/proxy"
	"gohap/lbcore/transport"
)

// This file is the PROXY protocol on both sides: the header in front of a client's
// connection, and the one that a server is sent.

// proxied tells whether a PROXY header comes first.
func (ss *Session) proxied() bool {
	return ss.acceptor.Bind.AcceptProxy || ss.is(expectProxy)
}

// proxyHeader is the layer of the PROXY protocol. It looks at what has come until a
// header is complete, and takes exactly that.
func (o *opening) proxyHeader() transport.State {
	ss := o.ss
	if !ss.proxied() {
		return transport.OK
	}
	buf := ss.W.Loop.Buffers.Get()
	defer buf.Release()
	n, s := o.Raw.Peek(buf.Room()[:min(len(buf.Room()), transport.MaxProxyHeader)])
	switch s {
	case transport.Again:
		return s
	case transport.EOF, transport.Failed:
		return o.failProxy(certs.ConnProxyEmpty)
	}
	var h transport.ProxyHeader
	size, st := transport.ParseProxyHeader(buf.Room()[:n], &h)
	if h.Src.IsValid() { // reference: whatever is wrong behind it
		ss.more().peer = ss.Source()
		ss.src = packEndpoint(h.Src)
		ss.extra.dst = h.Dst
		o.alone = false
	}
	switch st {
	case transport.ProxyMore:
		if o.Raw.HungUp() {
			return o.failProxy(certs.ConnProxyCut)
		}
		o.part = true
		return transport.Again
	case transport.ProxyForeign:
		return o.failProxy(certs.ConnProxyForeign)
	case transport.ProxyUnknown:
		return o.failProxy(certs.ConnProxyUnknown)
	case transport.ProxyInvalid:
		return o.failProxy(certs.ConnProxyInvalid)
	}
	if len(h.TLVs) > 0 {
		ss.more().tlvs = append([]byte(nil), h.TLVs...)
		o.alone = false
	}
	o.Raw.Recv(buf.Room()[:size]) // as it was seen
	ss.flags |= hadProxy
	return transport.OK
}

func (o *opening) failProxy(why int) transport.State {
	o.fail(certs.Problem{Conn: why})
	return transport.Failed
}

// ExpectProxy is tcp-request connection expect-proxy layer4.
func (ss *Session) ExpectProxy() { ss.flags |= expectProxy }

// HadProxy tells whether a PROXY header came in front of the connection.
func (ss *Session) HadProxy() bool { return ss.is(hadProxy) }

// TLV returns the value of a TLV of the client's PROXY header.
func (ss *Session) TLV(kind byte) ([]byte, bool) {
	if ss.extra == nil {
		return nil, false
	}
	return transport.TLV(ss.extra.tlvs, kind)
}

// Preface implements mux.Prefaced: the PROXY header of a server that wants one.
// Reference: the TLVs in this order.
func (s *Stream) Preface() []byte {
	p := s.Server.SendProxy
	if p == nil {
		return nil
	}
	from, to := s.Sess.Source(), s.Sess.Destination()
	b := s.W.line[:0]
	if p.Version == 1 {
		b = transport.AppendProxyV1(b, from, to)
		s.W.line = b
		return b
	}
	b = transport.AppendProxyV2(b, from, to)
	b = s.appendTLVs(b, p)
	s.W.line = b
	return b
}

// appendTLVs adds what a header of version 2 says about the client's connection,
// and closes it.
func (s *Stream) appendTLVs(b []byte, p *proxy.SendProxy) []byte {
	for i := range p.TLVs {
		b = s.appendComputed(b, &p.TLVs[i])
	}
	sum := len(b)
	if p.Checksum {
		b = transport.AppendTLV(b, transport.TLVCRC, []byte{0, 0, 0, 0})
	}
	var state tls.ConnectionState
	t := s.Sess.TLS()
	if t != nil {
		state = t.State()
		if state.NegotiatedProtocol != "" {
			b = transport.AppendTLV(b, transport.TLVAlpn, []byte(state.NegotiatedProtocol))
		}
	}
	if name := s.authority(state); p.Authority && len(name) > 0 {
		b = transport.AppendTLV(b, transport.TLVAuthority, name)
	}
	if p.UniqueID {
		id := s.MakeUniqueID() // in mode tcp nothing has asked for it before
		b = transport.AppendTLV(b, transport.TLVUniqueID, id[:min(len(id), 128)])
	}
	if p.SSL {
		at := len(b)
		b = append(b, transport.TLVSSL, 0, 0, 0, 0, 0, 0, 0)
		if t != nil {
			b = s.appendSSL(b, at+3, p, state)
		}
		n := len(b) - at - 3
		b[at+1], b[at+2] = byte(n>>8), byte(n)
	}
	b = transport.FinishProxyV2(b, 0, false)
	if p.Checksum {
		transport.SumProxyV2(b, sum+3)
	}
	return b
}

// appendComputed adds a TLV of set-proxy-v2-tlv-fmt, cut where the header is full.
func (s *Stream) appendComputed(b []byte, t *proxy.TLV) []byte {
	v := t.Value.Append(s.Arena.Rest(256), &s.Ctx)
	return transport.AppendTLV(b, t.Kind, v[:min(len(v), max(0, mostTLV-len(b)))])
}

// mostTLV is where computed TLVs end: it leaves room for the others, for the length
// of a header has 16 bits.
const mostTLV = 32768

// authority is the name that the client asked for.
func (s *Stream) authority(state tls.ConnectionState) []byte {
	if name, ok := s.Sess.TLV(transport.TLVAuthority); ok {
		return name
	}
	return []byte(state.ServerName)
}

// appendSSL adds what is known of the client's TLS; flags stand at at.
func (s *Stream) appendSSL(b []byte, at int, p *proxy.SendProxy, state tls.ConnectionState) []byte {
	b[at] = 0x01 // by TLS
	b = transport.AppendTLV(b, transport.TLVSSLVer, []byte(certs.VersionName(state.Version)))
	if peer := state.PeerCertificates; len(peer) > 0 {
		b[at] |= 0x04 // a certificate in this session
		if !state.DidResume {
			b[at] |= 0x02 // and in this connection
		}
		if cn := peer[0].Subject.CommonName; p.CertCN && cn != "" {
			b = transport.AppendTLV(b, transport.TLVSSLCN, []byte(cn))
		}
	}
	if shown := s.Sess.TLS().Shown(); shown != nil {
		leaf := shown.Leaf()
		if p.CertKey {
			b = transport.AppendTLV(b, transport.TLVSSLKey, []byte(certs.KeyName(leaf)))
		}
		if p.CertSig {
			b = transport.AppendTLV(b, transport.TLVSSLSig, []byte(certs.SignatureName(leaf)))
		}
	}
	if p.Cipher {
		b = transport.AppendTLV(b, transport.TLVSSLCipher, []byte(certs.CipherName(state.CipherSuite)))
	}
	return b
}
