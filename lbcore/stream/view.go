package stream

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"gohap/lbcore/buffer"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
)

// This file is what fetches, log aliases and actions see beyond the exported
// fields. Everything here runs on the stream's loop.

// Attach gives a stream a session, a worker and a request without a
// connection, so that fetches, actions and formats can be tried. The stream
// takes no part in anything: it must not be run.
func (s *Stream) Attach(w *Worker, ss *Session, req *message.Head) {
	s.W, s.Sess, s.FE = w, ss, ss.FE
	ss.W = w
	if a := ss.acceptor; a != nil && a.fe == nil && ss.FE.FE != nil {
		a.fe = ss.FE.FE.For(w.Loop)
	}
	s.Status, s.Term = -1, [4]byte{'-', '-', '-', '-'}
	s.reqHead, s.Req = req, req
	c := &s.Ctx
	c.Stream, c.Session, c.Arena = s, ss, &s.Arena
	c.Process, c.Clock = w.Proc.Facts, w.Loop.Clock()
	c.Vars.Session, c.Vars.Txn, c.Vars.Req, c.Vars.Res = ss, &s.txnVars, &s.reqVars, &s.resVars
	c.Request, c.Final = req, true
}

// Hold gives a stream a piece of request body, as if it had been received.
func (s *Stream) Hold(b *buffer.Buffer, end bool) {
	s.hold(b)
	s.reqEnd = end
}

// Now returns the time of this turn, monotonic ns.
func (s *Stream) Now() int64 { return s.W.Loop.Now() }

// Start returns when the exchange's time begins: the accept of the connection,
// or the end of the exchange before it.
func (s *Stream) Start() int64 {
	if s.Sess.PrevEnd != 0 {
		return s.Sess.PrevEnd
	}
	return s.Sess.AcceptedAt
}

// InRequestRules tells whether request rules still run. Reference: what is
// timed from the end of the request is not known before.
func (s *Stream) InRequestRules() bool { return s.phase < phaseServer }

// Ending tells whether the exchange is over and being logged.
func (s *Stream) Ending() bool { return s.Conns[0] != 0 }

// Local tells whether the response is from here.
func (s *Stream) Local() bool { return s.local }

// Reused tells whether the server connection served before.
func (s *Stream) Reused() bool { return s.reused }

// ServerLocal and ServerPeer return the addresses of the connection to the
// server, zero without one.
func (s *Stream) ServerLocal() netip.AddrPort {
	if s.sv == nil || s.local {
		return s.svLocal
	}
	return s.sv.Local()
}

// ServerPeer returns where the server is, once one is chosen.
func (s *Stream) ServerPeer() netip.AddrPort {
	if s.Server == nil || s.Server.Address() == nil {
		return netip.AddrPort{}
	}
	return s.Server.Address().To.IP
}

// Gauges returns the connections of the process, frontend, backend and server.
// Reference: in the log of an exchange that ended, the last two no longer count
// it.
func (s *Stream) Gauges() [4]int64 {
	if s.Conns[0] != 0 {
		return [4]int64(s.Conns[:4])
	}
	g := [4]int64{s.W.Proc.Conn.Load(), s.FE.FEConn.Load()}
	if s.BE != nil {
		g[2] = s.BE.BEConn.Load()
	}
	if s.Server != nil {
		g[3] = s.Server.Conn.Load()
	}
	return g
}

// MakeUniqueID returns the unique id, computed on first use; nil when the
// frontend has no unique-id-format.
func (s *Stream) MakeUniqueID() []byte {
	if s.UniqueID == nil && s.FE.UniqueID != nil {
		s.UniqueID = s.Arena.Keep(s.FE.UniqueID.Append(s.Arena.Rest(256), &s.Ctx))
	}
	return s.UniqueID
}

// Backend returns the backend, or the frontend while there is none: what logs
// name.
func (s *Stream) Backend() *proxy.Proxy {
	if s.BE != nil {
		return s.BE
	}
	return s.FE
}

// RequestMethod returns the method of the request, also after it has been
// sent; the text of an unknown one is kept only where the line is logged.
func (s *Stream) RequestMethod() (message.Method, []byte) {
	switch {
	case s.Req != nil:
		return s.Req.Method, s.Req.MethodText
	case s.Method != nil:
		return message.IdentifyMethod(s.Method), s.Method
	case s.reqHead != nil:
		return s.reqHead.Method, nil
	}
	return message.MethodOther, nil
}

// SetClientTimeout changes timeout client for the rest of the exchange, ns.
func (s *Stream) SetClientTimeout(d int64) {
	s.ClientTimeout = d
	if s.cl != nil {
		s.touchClient()
	}
}

// SetServerTimeout changes timeout server for the rest of the exchange, ns.
func (s *Stream) SetServerTimeout(d int64) {
	s.ServerTimeout = d
	s.touchServer()
}

// Peer implements mux.ClientOwner: Peer and Local are the addresses of the
// client's connection itself, whatever rules made of them.
func (ss *Session) Peer() netip.AddrPort {
	if ss.extra != nil && ss.extra.peer.IsValid() {
		return ss.extra.peer
	}
	return ss.Source()
}

// SetSource makes addr the client's address for rules, logs and servers.
func (ss *Session) SetSource(addr netip.AddrPort) {
	if x := ss.more(); !x.peer.IsValid() {
		x.peer = ss.Source()
	}
	ss.src = packEndpoint(addr)
}

// Local returns the address that the client connected to.
func (ss *Session) Local() netip.AddrPort {
	if ss.acceptor != nil && ss.acceptor.Bind.Passed {
		return netip.AddrPort{} // reference: a passed descriptor has no addresses, whatever it is
	}
	if ss.tcp != nil && ss.tcp.cl != nil {
		return ss.tcp.cl.Local()
	}
	if ss.is(atDoor) {
		return ss.W.Loop.Kernel.LocalAddr(ss.W.door.fd)
	}
	if ss.extra != nil && ss.extra.opening != nil {
		return ss.extra.opening.Local()
	}
	if !ss.h1.IsOpen() {
		return netip.AddrPort{}
	}
	return ss.h1.Local()
}

// On gives a session without a connection the bind line that it came by, so
// that fetches can be tried.
func (ss *Session) On(b *proxy.Bind) *Session {
	ss.acceptor = &Acceptor{Bind: b}
	return ss
}

// Fits tells whether a head that grows by n bytes still fits in a buffer, from
// which it has to be sent. Reference: rewriting may use tune.maxrewrite too.
func (s *Stream) Fits(h *message.Head, n int) bool {
	n += len(h.MethodText) + len(h.Target) + len(h.Reason) + 16
	for i := range h.Fields {
		if f := &h.Fields[i]; f.Flags&message.FieldDeleted == 0 {
			n += len(f.Name) + len(f.Value) + 4
		}
	}
	return n <= s.W.Limits.BufSize
}

// CountFailedRewrite counts a rewrite that was left out.
func (s *Stream) CountFailedRewrite() { s.count(proxy.FailedRewrites) }

// Deny counts a message that rules refuse.
func (s *Stream) Deny(response bool) {
	if response {
		s.count(proxy.DeniedResp)
		return
	}
	s.count(proxy.DeniedReq)
}

// DenyContent counts what content rules reject. Reference: on the frontend's
// side only.
func (s *Stream) DenyContent() { s.Sess.count(proxy.DeniedReq, 1) }

// Intercept counts a request that the frontend's own rules answer.
func (s *Stream) Intercept() {
	if s.BE == nil || s.BE == s.FE {
		s.Sess.count(proxy.Intercepted, 1)
	}
}

// SetTunnelTimeout changes timeout tunnel for the rest of the exchange, ns.
func (s *Stream) SetTunnelTimeout(d int64) { s.TunnelTimeout = d }

// Capture stores a copy of text in a declared capture slot, cut to its length. It
// reports false for a slot that does not exist, which takes nothing.
func (s *Stream) Capture(response bool, slot int, text []byte) bool {
	list, caps := &s.ReqCaptured, s.FE.ReqCaptures
	if response {
		list, caps = &s.ResCaptured, s.FE.ResCaptures
	}
	if slot < 0 || slot >= len(caps) {
		return false
	}
	for len(*list) <= slot {
		*list = append(*list, nil)
	}
	(*list)[slot] = s.Arena.Copy(text[:min(len(text), caps[slot].Len)])
	return true
}

// Vanish makes the end of the client's connection unseen: its kernel drops the
// socket without a word where it may (TCP_REPAIR needs a privilege), else the
// reset that ends it dies after ttl hops, one unless given.
func (s *Stream) Vanish(ttl int) {
	fd := s.Sess.descriptor()
	if fd < 0 {
		return
	}
	s.vanished = true
	vanish(s.W.Loop.Kernel, fd, ttl)
}

func vanish(k loop.Kernel, fd int32, ttl int) {
	if ttl == 0 && k.SetOption(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1) == 0 {
		return
	}
	ttl = max(ttl, 1)
	if k.SetOption(fd, unix.IPPROTO_IP, unix.IP_TTL, ttl) != 0 {
		k.SetOption(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, ttl)
	}
	k.SetOption(fd, unix.SOL_SOCKET, unix.SO_LINGER, 0)
}
