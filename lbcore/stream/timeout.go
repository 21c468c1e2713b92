package stream

import (
	"time"

	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
)

// watch arms the stream's one timer for the earliest of what it waits for.
func (s *Stream) watch() {
	d := s.wake
	if s.clDeadline != 0 && (d == 0 || s.clDeadline < d) {
		d = s.clDeadline
	}
	if s.svDeadline != 0 && (d == 0 || s.svDeadline < d) {
		d = s.svDeadline
	}
	if d == 0 {
		s.W.Loop.Disarm(&s.timer)
		return
	}
	s.W.Loop.Arm(&s.timer, d)
}

// after returns the deadline of a time-out that begins now, zero for none.
func (s *Stream) after(d int64) int64 {
	if d <= 0 {
		return 0
	}
	return s.W.Loop.Now() + d
}

// touchClient restarts the client's inactivity time-out if it runs: while its
// request body is awaited, or while it does not take the response.
func (s *Stream) touchClient() {
	s.clDeadline = 0
	switch {
	case s.phase == phaseTunnel:
		s.clDeadline = s.after(s.tunnel(s.ClientTimeout, s.resSent, s.FE.Timeouts.ClientFin))
	case !s.reqEnd && !s.reqWait, s.cl.State() == mux.Blocked, s.connecting():
		s.clDeadline = s.after(s.ClientTimeout)
	}
}

// connecting tells whether a CONNECT, or a POST with an upgrade that says how long
// its body is, waits for its answer. Reference: the client's time-out runs, for its
// next bytes are awaited as well; an upgrade by another method has none.
func (s *Stream) connecting() bool {
	if s.phase != phaseForward || !s.reqSent || s.h1s == nil || s.reqHead == nil || s.Term[0] == 'c' {
		return false
	}
	h := s.reqHead
	return h.Method == message.CONNECT ||
		h.Method == message.POST && h.Flags.Has(message.ConnUpgrade|message.HasUpgrade) && (h.Flags.Has(message.Chunked) || h.Flags.Has(message.HasLength))
}

// touchServer restarts the server's inactivity time-out if it runs: once the
// request has been sent, or while the server does not take it.
func (s *Stream) touchServer() {
	s.svDeadline = 0
	switch {
	case s.sv == nil || s.local || s.resSent && s.phase == phaseData:
	case s.phase == phaseTunnel:
		s.svDeadline = s.after(s.tunnel(s.ServerTimeout, s.reqSent, s.BE.Timeouts.ServerFin))
	case s.phase >= phaseForward && (s.reqSent || s.sv.State() == mux.Blocked || s.phase >= phaseData):
		s.svDeadline = s.after(s.ServerTimeout)
	}
}

// tunnel is the inactivity time-out of one side of a tunnel: timeout tunnel
// replaces both sides', and the -fin one counts once the end of the other side
// was passed on to this one.
func (s *Stream) tunnel(plain int64, closed bool, fin time.Duration) int64 {
	switch {
	case closed && fin > 0:
		return int64(fin)
	case s.TunnelTimeout > 0:
		return s.TunnelTimeout
	}
	return plain
}

// Expired implements loop.Expirer.
func (s *Stream) Expired(*loop.Timer) {
	if s.phase == ended {
		return
	}
	s.inject()
	now := s.W.Loop.Now()
	due := func(d int64) bool { return d != 0 && d <= now }
	switch {
	case due(s.wake):
		s.wake = 0
		s.waited()
	case due(s.svDeadline):
		s.svDeadline = 0
		s.serverTimeout()
	case due(s.clDeadline):
		s.clDeadline = 0
		s.clientTimeout()
	}
	if s.phase != ended {
		s.watch()
	}
}

// waited ends a wait: what the phase was waiting for did not come, or the
// pause is over.
func (s *Stream) waited() {
	if s.inspectionDue() {
		return
	}
	if s.holding {
		s.bodyTimeout()
		return
	}
	switch s.phase {
	case phaseConnect:
		if s.claim != nil {
			s.claim = nil
			s.dial()
			return
		}
		s.connectTimeout()
	case phaseQueue:
		s.queueTimeout()
	case phaseRetry:
		s.phase = phaseServer
		s.run()
	case phaseTarpit:
		s.endTarpit()
	default:
		if s.suspended {
			s.Ctx.Final = true
			s.bodyDue = s.bodyUntil != 0
			s.proceed()
		}
	}
}

func (s *Stream) serverTimeout() {
	switch s.phase {
	case phaseForward, phaseSend:
		if s.sendAgain(proxy.RetryTimeout) { // reference: not counted as an error
			return
		}
		s.terminate('s', 'H')
		s.countBackend(proxy.FailedResp)
		s.dropServer()
		s.fail(504)
	case phaseTunnel:
		s.terminate('s', 'D')
		s.abort()
	default:
		s.terminate('s', 'D')
		s.countBackend(proxy.FailedResp)
		s.abort()
	}
}

func (s *Stream) clientTimeout() {
	if s.h1s != nil {
		s.h1s.CloseProperly() // reference
	}
	switch {
	case s.connecting():
		// Reference: it is noted and passed on as the client's end; the answer is
		// still awaited.
		s.terminate('c', 'D')
		s.count(proxy.CliAborts)
		s.h1s.EndRequest()
	case s.phase == phaseForward:
		// Reference: 400, not 408, where the request went on to a server.
		s.terminate('c', 'H')
		s.count(proxy.CliAborts)
		s.dropServer()
		s.fail(400)
	default:
		s.terminate('c', s.letter())
		s.count(proxy.CliAborts)
		if s.look.waiting {
			s.count(proxy.FailedReq)
		}
		s.abort()
	}
}

// Deadline returns when the stream's timer fires next, monotonic ns, zero when
// it waits for nothing.
func (s *Stream) Deadline() int64 { return s.timer.Deadline() }

// sentToClient is called when the client was sent bytes. Reference: that is activity
// of the client, unless option independent-streams wants to see bytes of its own.
func (s *Stream) sentToClient() {
	if s.clDeadline != 0 && !s.FE.Has(proxy.OptIndependentStreams) {
		s.touchClient()
	}
}

// sentToServer is sentToClient for the server.
func (s *Stream) sentToServer() {
	if s.svDeadline == 0 || s.sv.State() == mux.Blocked || !s.BE.Has(proxy.OptIndependentStreams) {
		s.touchServer()
	}
}
