package stream

import (
	"net/netip"
	"time"

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
	if ss.FE.Has(proxy.OptNoLinger) {
		s.pass.client.NoLinger()
	}
	s.stepAt(OriginAccept)
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

// halfClosed is called when one direction of a tunnel has ended and was passed on,
// and when the last bytes have left behind both ends: then the stream ends.
// Reference: a side whose direction is over is waited for no more, unless it takes
// nothing; the other's time-out goes on, in mode tcp as the -fin one, from where it
// began.
func (s *Stream) halfClosed() {
	if s.abrupt() && s.sv.State() != mux.Blocked {
		s.resEnd, s.resSent = true, true
		if s.cl.Write(nil, true, nil) == mux.Dead {
			s.clientGone()
			return
		}
	}
	s.settled(&s.clDeadline, s.cl, s.reqEnd)
	s.settled(&s.svDeadline, s.sv, s.resEnd)
	if s.reqSent && s.resSent {
		if s.cl.State() != mux.Blocked && s.sv.State() != mux.Blocked {
			s.endTunnel()
		}
		return
	}
	if s.BE.Mode == proxy.HTTP {
		return
	}
	if s.resSent {
		s.clDeadline = s.fin(s.clDeadline, s.ClientTimeout, s.FE.Timeouts.ClientFin)
	} else {
		s.svDeadline = s.fin(s.svDeadline, s.ServerTimeout, s.BE.Timeouts.ServerFin)
	}
}

// abrupt tells whether the client's direction of a tunnel is over and the server's
// connection ends by a reset for that (reference: option nolinger of the backend): what
// the server has still to say is not waited for. A server that has ended its own
// direction is not treated so.
func (s *Stream) abrupt() bool {
	return s.reqEnd && s.phase == phaseTunnel && !s.resEnd && s.BE.Has(proxy.OptNoLinger)
}

// over tells whether both directions of a tunnel have ended: only what was written
// last has still to leave.
func (s *Stream) over() bool { return s.phase == phaseTunnel && s.reqSent && s.resSent }

// settled stops the time-out of a side whose direction is over, unless it has still
// to take what was written.
func (s *Stream) settled(deadline *int64, side mux.Endpoint, over bool) {
	if over && side.State() != mux.Blocked {
		*deadline = 0
	}
}

// fin turns a deadline of the plain time-out of a tunnel into one of a -fin time-out.
func (s *Stream) fin(deadline, plain int64, fin time.Duration) int64 {
	switch {
	case fin <= 0:
		return deadline
	case deadline == 0:
		return s.after(int64(fin))
	}
	return max(deadline-s.tunnel(plain, false, 0)+int64(fin), s.W.Loop.Now())
}

// clientSilent is called when a tunnel's client was silent for too long. Reference:
// that is passed on as its end, and what the server still has to say is awaited; a
// client that takes nothing ends it all.
func (s *Stream) clientSilent() {
	if s.cl.State() == mux.Blocked || s.reqEnd {
		s.endSilent()
		return
	}
	s.reqEnd = true
	s.writeRequest(nil)
	if s.phase != ended {
		s.halfClosed()
	}
}

// serverSilent is the same for the server.
func (s *Stream) serverSilent() {
	if s.sv.State() == mux.Blocked || s.resEnd {
		s.endSilent()
		return
	}
	s.resEnd, s.resSent = true, true
	if s.cl.Write(nil, true, nil) == mux.Dead {
		s.clientGone()
		return
	}
	s.halfClosed()
}

// endSilent ends both connections of a tunnel, the server's properly (reference).
func (s *Stream) endSilent() {
	if s.h1s != nil {
		s.h1s.CloseProperly()
	} else {
		s.pass.server.CloseProperly()
	}
	s.abort()
}

// endTunnel ends a stream whose both directions are over.
func (s *Stream) endTunnel() {
	cl, x, silent := s.cl, s.exchange, s.Term[0] == 'c'
	s.close()
	s.retire()
	if x != nil && !silent {
		x.Detach()
		return
	}
	cl.Abort(false)
}
