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
	if s.tallyAt != 0 {
		s.tallyOn()
	}
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
		if s.cl.State() == mux.Blocked || !s.reqEnd && !s.reqWait {
			s.clDeadline = s.after(s.tunnel(s.ClientTimeout, s.resSent, s.FE.Timeouts.ClientFin))
		}
	case !s.reqEnd && !s.reqWait, s.cl.State() == mux.Blocked, s.connecting():
		s.clDeadline = s.after(s.ClientTimeout)
	}
}

// connecting tells whether a CONNECT or a POST with an upgrade, sent whole, waits
// for its answer. Reference: the client's time-out runs, from its last bytes on, for
// the next ones are awaited as well; an upgrade by another method has none.
func (s *Stream) connecting() bool {
	if s.phase != phaseForward || !s.reqSent || s.h1s == nil || s.reqHead == nil || s.Term[0] == 'c' {
		return false
	}
	h := s.reqHead
	return h.Method == message.CONNECT || h.Method == message.POST && h.Flags.Has(message.ConnUpgrade|message.HasUpgrade)
}

// touchServer restarts the server's inactivity time-out if it runs: while it does not
// take the request, and once that has been sent, while its bytes are awaited. The
// client's counts while it takes no more of them.
func (s *Stream) touchServer() {
	s.svDeadline = 0
	switch {
	case s.sv == nil || s.local || s.resSent && s.phase == phaseData:
	case s.sv.State() == mux.Blocked:
		s.svDeadline = s.after(s.serverTime())
	case s.phase >= phaseData && s.cl.State() == mux.Blocked:
	case s.phase == phaseTunnel && !s.resEnd, s.phase >= phaseForward && s.phase != phaseTunnel && s.reqSent:
		s.svDeadline = s.after(s.serverTime())
	}
}

// serverTime is the server's inactivity time-out.
func (s *Stream) serverTime() int64 {
	if s.phase == phaseTunnel {
		return s.tunnel(s.ServerTimeout, s.reqSent, s.BE.Timeouts.ServerFin)
	}
	return s.ServerTimeout
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

// tick is how exactly the two deadlines of a tunnel are compared, ns.
const tick = 1e6

// Expired implements loop.Expirer.
func (s *Stream) Expired(*loop.Timer) {
	if s.phase == ended {
		return
	}
	s.inject()
	now := s.W.Loop.Now()
	due := func(d int64) bool { return d > 0 && d <= now }
	switch {
	case due(s.wake):
		s.wake = 0
		s.waited()
	case s.phase == phaseTunnel && due(s.clDeadline-tick): // reference: the client's first
		s.clDeadline = 0
		s.clientTimeout()
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
		cause, status := byte('s'), 504
		if !s.reqSent { // reference: it took no more of the request, as one that is gone
			cause, status = 'S', 502
		}
		s.terminate(cause, 'H')
		s.countBackend(proxy.FailedResp)
		s.trackFailure()
		s.dropServer()
		s.fail(status)
	case phaseTunnel:
		s.terminate('s', 'D')
		s.serverSilent()
	default:
		s.terminate('s', 'D')
		s.countBackend(proxy.FailedResp)
		s.abort()
	}
}

func (s *Stream) clientTimeout() {
	if s.phase == phaseTunnel {
		s.terminate('c', 'D')
		s.count(proxy.CliAborts)
		s.clientSilent()
		return
	}
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
