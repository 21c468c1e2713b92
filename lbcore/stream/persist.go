package stream

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"

	"gohap/lbcore/acl"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// persistent returns the server that persistence names for the request, nil
// when none does: the backend's policy decides then. It is asked once for each
// request, before the policy; a redispatch does not ask it again.
func (s *Stream) persistent() *proxy.Server {
	if s.exchange == nil { // requests had it behind their rules
		s.persistence()
		if len(s.BE.StickRules) > 0 {
			s.stickRequest()
		}
	}
	if srv := s.cookie.server; srv == nil || !srv.Gone() { // it may have been deleted since
		return srv
	}
	return nil
}

// persistence evaluates force-persist and ignore-persist, the first that passes,
// then use-server, the first that passes and whose server takes requests.
// Reference: they go before cookies.
func (s *Stream) persistence() {
	be := s.BE
	for i := range be.PersistRules {
		if r := &be.PersistRules[i]; r.Cond.Eval(&s.Ctx) == acl.Pass {
			s.Forced, s.cookie.ignored = !r.Ignore, r.Ignore
			break
		}
	}
	for i := range be.UseServers {
		r := &be.UseServers[i]
		if r.Cond.Eval(&s.Ctx) != acl.Pass {
			continue
		}
		srv := r.Server
		if srv == nil {
			srv = be.ServerNamed(r.Name.Append(s.Arena.Rest(64), &s.Ctx))
		}
		if srv != nil && s.reaches(srv) {
			s.cookie.server, s.cookie.ruled = srv, true
			return
		}
	}
	if be.RDPCookie != nil { // reference: ignore-persist is about cookies of HTTP
		s.cookie.server = s.terminalServer()
	}
}

// terminalServer is the server that the cookie of a client of terminal servers names
// by its address and port, as it was issued: both as decimal numbers, the bytes in
// the order of the wire on a machine that has the lowest first. nil for none.
func (s *Stream) terminalServer() *proxy.Server {
	var v sample.Sample
	if !s.BE.RDPCookie.Eval(&s.Ctx, sample.Str, &v) {
		return nil
	}
	ip, rest, ok := bytes.Cut(v.Data, []byte("."))
	port, _, closed := bytes.Cut(rest, []byte("."))
	addr, err1 := strconv.ParseUint(string(ip), 10, 32)
	at, err2 := strconv.ParseUint(string(port), 10, 16)
	if !ok || !closed || err1 != nil || err2 != nil {
		return nil
	}
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], uint32(addr))
	to := netip.AddrPortFrom(netip.AddrFrom4(b), bits.ReverseBytes16(uint16(at)))
	for _, srv := range s.BE.Set().All {
		if a := srv.Address(); a != nil && a.To != nil && a.To.IP == to && s.reaches(srv) {
			return srv
		}
	}
	return nil
}

// reaches tells whether what persists may go to the server.
func (s *Stream) reaches(srv *proxy.Server) bool {
	return !srv.Stopped() || s.Forced || s.BE.Has(proxy.OptPersist)
}

// sendName sets the field that tells the server its name: last, for each attempt.
func (s *Stream) sendName() {
	if name := s.BE.SendName; name != nil {
		s.Req.Set(name, s.Server.NameBytes)
	}
}
