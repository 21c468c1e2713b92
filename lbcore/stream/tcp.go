package stream

import (
	"net/netip"

	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/transport"
)

// tcpSides are the connections of a stream in mode tcp.
type tcpSides struct {
	client, server mux.Pass
}

// startTCP begins the one stream of a session in mode tcp.
func (w *Worker) startTCP(ss *Session, fd int32, peer netip.AddrPort) {
	w.startPass(ss, func(c *mux.Pass, s *Stream) { c.Accept(w.Mux, fd, peer, s, ss.Gone) })
}

// startTLS is startTCP over TLS.
func (w *Worker) startTLS(ss *Session, t *transport.TLS, peer netip.AddrPort) {
	w.startPass(ss, func(c *mux.Pass, s *Stream) { c.AcceptTLS(w.Mux, t, peer, s, ss.Gone) })
}

func (w *Worker) startPass(ss *Session, accept func(*mux.Pass, *Stream)) {
	s := w.stream(ss)
	sound := false
	defer s.unless(&sound)
	if s.pass == nil {
		s.pass = new(tcpSides)
	}
	s.Times.Request = s.Times.Begin
	s.cl, ss.tcp = &s.pass.client, s
	accept(&s.pass.client, s)
	s.runTCP()
	if s.phase != ended {
		s.watch()
	}
	sound = true
}

// dialTCP connects the server side of mode tcp.
func (s *Stream) dialTCP() {
	srv := s.Server
	srv.Used.Inc()
	s.backErr = nil
	st := s.pass.server.Dial(s.W.Mux, s.route(), srv.Dialled().TLS, s, func() { srv.Used.Dec() })
	if !s.pass.server.IsOpen() {
		srv.Used.Dec()
		if !s.unbound(s.pass.server.Raw.Err()) {
			s.connectFailed()
		}
		return
	}
	s.sv = &s.pass.server
	switch st {
	case transport.OK:
		s.connected()
	case transport.Again:
		s.wake = s.after(s.connectTime())
	default:
		s.connectFailed()
	}
}

// startTunnel begins to pass bytes both ways.
func (s *Stream) startTunnel() {
	s.phase = phaseTunnel
	s.releaseHeld()
	s.allowPipes()
	s.touchClient()
	s.touchServer()
	s.forwardRequest()
	if s.phase != ended {
		s.forwardResponse()
	}
}

// startUpgrade turns both HTTP/1 connections into a tunnel: 101, or the
// success of a CONNECT. Bytes that either side sent early go first.
func (s *Stream) startUpgrade(h *message.Head) {
	c := s.exchange
	if c == nil || s.h1s == nil {
		s.terminate('P', 'H')
		s.fail(502)
		return
	}
	s.h1s.Tunnel()
	b, _ := s.readResponse()
	w := c.WriteHead(h, b, false)
	c.Tunnel()
	s.Res, s.Ctx.Response = nil, nil
	if w == mux.Dead {
		s.clientGone()
		return
	}
	s.reqSent, s.reqEnd, s.resEnd = false, false, false
	if s.reqHead.Method != message.CONNECT && s.h1s.HungUp() && s.endedAtOnce() {
		return
	}
	s.startTunnel()
}

// endedAtOnce tells whether the server's end came together with its 101 and what
// stands behind that, and ends the stream then. Reference: what the client has
// sent for the tunnel is neither passed on nor counted. After a CONNECT its
// direction stays open as in any tunnel.
func (s *Stream) endedAtOnce() bool {
	s.phase = phaseTunnel
	b, st := s.readResponse()
	if st == mux.End {
		s.reqSent, s.resSent, s.resEnd = true, true, true
		s.endTunnel()
		return true
	}
	if b != nil && s.cl.Write(b, false, nil) == mux.Dead {
		s.clientGone()
		return true
	}
	return false
}

// serverLost is called when a tunnel's server connection is gone, and tells
// whether the stream goes on. Reference: where the server has ended its direction
// properly before, what cannot be sent to it any more is dropped, and only the
// client's next bytes end the stream; in mode tcp it ends at once.
func (s *Stream) serverLost() bool {
	ended := s.resSent && s.BE.Mode == proxy.HTTP
	if ended && !s.deaf && !s.reqSent {
		s.deaf = true
		return true
	}
	if !ended || !s.reqSent {
		s.terminate('S', 'D')
	}
	return false
}

// halfClosed is called when one direction of a tunnel has ended and was passed
// on; the stream ends with the second.
func (s *Stream) halfClosed() {
	if s.reqSent && s.resSent {
		s.endTunnel()
		return
	}
	s.touchClient()
	s.touchServer()
}

// endTunnel ends a stream whose both directions are over.
func (s *Stream) endTunnel() {
	cl, x := s.cl, s.exchange
	s.close()
	s.retire()
	if x != nil {
		x.Detach()
		return
	}
	cl.Abort(false)
}
