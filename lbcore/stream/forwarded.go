package stream

import (
	"net/netip"

	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// This file makes the forwarded field (RFC 7239) of option forwarded.

// addForwarded gives the request what its backend's option says: behind the value of
// the last such field, or in one of its own.
func (s *Stream) addForwarded(f *proxy.ForwardedHeader) {
	at := s.Req.FindLast(forwardedName)
	dst := s.Arena.Rest(512)
	if at >= 0 {
		dst = append(append(dst, s.Req.Fields[at].Value...), ',')
	}
	start := len(dst)
	if f.Proto {
		dst = append(dst, "proto=http"...)
		if s.Sess.Secured() {
			dst = append(dst, 's')
		}
	}
	if f.Host {
		dst = append(parameter(dst, start, "host"), '"')
		dst = append(s.forwardedHost(dst, f.HostExpr), '"')
	}
	if f.By {
		dst = s.node(parameter(dst, start, "by"), f.ByExpr, s.Sess.Destination(), f.ByPort, f.ByPortExpr)
	}
	if f.For {
		dst = s.node(parameter(dst, start, "for"), f.ForExpr, s.Sess.Source(), f.ForPort, f.ForPortExpr)
	}
	value := s.Arena.Keep(dst)
	if at >= 0 {
		s.Req.ReplaceValue(at, value)
		return
	}
	s.Req.Add(forwardedName, value)
}

var forwardedName = []byte("forwarded")

// parameter begins a parameter behind those that begin at start.
func parameter(dst []byte, start int, name string) []byte {
	if len(dst) > start {
		dst = append(dst, ';')
	}
	return append(append(dst, name...), '=')
}

// forwardedHost appends the host that was asked for, nothing where it is none.
func (s *Stream) forwardedHost(dst []byte, e *sample.Expr) []byte {
	if e == nil {
		if at := s.Req.FindID(message.IDHost, 0); at >= 0 && sample.ForwardedHost(s.Req.Fields[at].Value) {
			return append(dst, s.Req.Fields[at].Value...)
		}
		return dst
	}
	v := s.Ctx.Borrow()
	if e.Eval(&s.Ctx, sample.Str, v) && sample.ForwardedHost(v.Data) {
		dst = append(dst, v.Data...)
	}
	s.Ctx.Release()
	return dst
}

// node appends who sent or received the request: an address or what an expression
// makes, "unknown" without, in quotes where RFC 7239 section 6 wants them.
func (s *Stream) node(dst []byte, e *sample.Expr, addr netip.AddrPort, port bool, pe *sample.Expr) []byte {
	start := len(dst)
	dst = append(dst, '"')
	v := s.Ctx.Borrow()
	switch {
	case e != nil && e.Eval(&s.Ctx, sample.Any, v):
		dst = sample.AppendForwardedName(dst, &s.Ctx, v)
	case e == nil && addr.IsValid():
		v.SetIP(addr.Addr().Unmap())
		dst = sample.AppendForwardedName(dst, &s.Ctx, v)
	default:
		dst = append(dst, "unknown"...)
	}
	quoted := dst[start+1] == '['
	if port {
		at := len(dst)
		dst = append(dst, ':')
		switch {
		case pe != nil && pe.Eval(&s.Ctx, sample.Any, v):
			dst = sample.AppendForwardedPort(dst, &s.Ctx, v)
		case pe == nil && addr.IsValid():
			v.SetInt(int64(addr.Port()))
			dst = sample.AppendForwardedPort(dst, &s.Ctx, v)
		}
		if len(dst) == at+1 { // none: left out
			dst = dst[:at]
		} else {
			quoted = true
		}
	}
	s.Ctx.Release()
	if quoted {
		return append(dst, '"')
	}
	return append(dst[:start], dst[start+1:]...)
}
