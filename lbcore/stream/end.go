package stream

import (
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
)

// finish ends an exchange whose response is complete: the client's connection
// goes on.
func (s *Stream) finish() {
	s.close()
	x, ss := s.exchange, s.Sess
	s.retire()
	if x == nil {
		return
	}
	x.Detach()
	if ss.extra != nil && ss.h1.Closing() {
		ss.dropOwn() // reference: they go with the last answer
	}
}

// finishRefused ends the record of something that never became a request; the
// connection is the mux's business.
func (s *Stream) finishRefused(silent bool) {
	s.logged = s.logged || silent
	s.cl = nil
	s.close()
	s.retire()
}

// abort ends the stream and closes both connections, in whatever phase.
func (s *Stream) abort() {
	if s.phase == ended {
		return
	}
	cl := s.cl
	s.close()
	s.retire()
	if cl != nil {
		cl.Abort(false)
	}
}

// clientGone ends a stream whose client left.
func (s *Stream) clientGone() {
	s.terminate('C', s.letter())
	s.count(proxy.CliAborts)
	if s.Status < 0 && s.phase >= phaseServer && s.phase < phaseData {
		s.Status = 400
	}
	s.abort()
}

// abortsOnClose tells whether a client that leaves ends its request.
func (s *Stream) abortsOnClose() bool { return s.BE != nil && s.BE.Has(proxy.OptAbortOnClose) }

// clientAborts is what option abortonclose does with a client that ended its
// direction while no response is there. Reference: it gets a 400 all the same,
// but nothing before a server is connected.
func (s *Stream) clientAborts() {
	s.terminate('C', s.letter())
	s.count(proxy.CliAborts)
	early := s.phase <= phaseRetry
	s.dropServer()
	if early {
		s.Status = -1
		s.abort()
		return
	}
	s.fail(400)
}

// close logs, counts and lets go of everything the stream holds except the
// client's connection. It is idempotent.
func (s *Stream) close() {
	if s.phase == ended {
		return
	}
	// Reference: backend and server no longer count a stream that is logged.
	s.backend.Release()
	if s.server.Held() {
		s.server.Release()
		s.Server.Touched()
	}
	s.countUnread()
	s.snapshot()
	s.tally()
	s.logEnd()
	s.dropServer()
	s.dropHeld()
	s.detachFilters()
	s.process.Release()
	s.phase = ended
}

// countUnread counts what came with a request's head of its body where nobody
// has asked for it (reference).
func (s *Stream) countUnread() {
	if s.exchange == nil || s.Req == nil || s.reqEnd || s.first != nil || s.bodyState != mux.More ||
		!s.Req.Flags.Has(message.Chunked) && s.Req.BodyLen <= 0 || s.cl == nil || s.cl.State() == mux.Dead {
		return
	}
	b, st := s.readRequest()
	if st == mux.Aborted || st == mux.Invalid {
		s.bodyState = st
	}
	s.hold(b)
}

// snapshot takes the gauges that the log line shows.
func (s *Stream) snapshot() {
	s.Conns[0] = s.W.Proc.Conn.Load()
	s.Conns[1] = s.FE.FEConn.Load()
	if s.BE != nil {
		s.Conns[2] = s.BE.BEConn.Load()
	}
	if s.Server != nil {
		s.Conns[3] = s.Server.Conn.Load()
	}
	s.Conns[4] = int64(s.Retries)
}

// tally adds the stream's bytes and times to the counters.
func (s *Stream) tally() {
	if s.BytesIn != 0 {
		s.Sess.count(proxy.BytesIn, s.BytesIn)
	}
	if s.cl != nil {
		s.W.totals.Add(proxy.BytesOut, s.cl.Sent()) // reference: these are as on the wire
	}
	if s.BytesOut != 0 {
		s.Sess.count(proxy.BytesOut, s.BytesOut)
	}
	for _, c := range [2]*proxy.LoopCounters{s.be, s.srv} {
		if c == nil {
			continue
		}
		c.Add(proxy.BytesIn, s.BytesIn)
		c.Add(proxy.BytesOut, s.BytesOut)
		if s.Times.Connect != 0 {
			c.Add(proxy.TimeCount, 1)
			c.Add(proxy.QTimeSum, ms(s.Times.Queue-s.Times.Rules))
			c.Add(proxy.CTimeSum, ms(s.Times.Connect-s.Times.Queue))
			if s.Times.Response != 0 {
				c.Add(proxy.DTimeSum, ms(s.Times.Response-s.Times.Connect))
			}
			c.Add(proxy.TTimeSum, ms(s.W.Loop.Now()-s.Times.Begin))
		}
	}
	if s.Server != nil {
		s.Server.LastSess.Store(s.W.Loop.WallNano(s.W.Loop.Now()) / 1e9)
	}
}

func ms(ns int64) int64 { return max(ns, 0) / 1e6 }

// dropHeld releases request body that no server took.
func (s *Stream) dropHeld() {
	s.first.Release()
	s.first = nil
	for b := s.takeHeld(); b != nil; b = s.takeHeld() {
		b.Release()
	}
	s.heldLen = 0
	s.resHeld.drop()
	for i := range s.stuck {
		s.dropStuck(i)
	}
}

// retire puts the object back for the next stream. The caller must not touch
// it afterwards.
func (s *Stream) retire() {
	w, ss := s.W, s.Sess
	w.Loop.Disarm(&s.timer)
	w.active.remove(s)
	ss.tcp = nil
	ss.PrevEnd = w.Loop.Now()
	s.Arena.Reset()
	s.txnVars.Reset()
	s.reqVars.Reset()
	s.resVars.Reset()
	s.resHead.Reset()
	*s = Stream{
		W: w, phase: ended, timer: s.timer, Arena: s.Arena, queued: s.queued,
		filters: s.filters, pass: s.pass, resHead: message.Head{Fields: s.resHead.Fields},
		txnVars: s.txnVars, reqVars: s.reqVars, resVars: s.resVars,
		ReqCaptured: s.ReqCaptured[:0], ResCaptured: s.ResCaptured[:0],
	}
	w.streams = append(w.streams, s)
}
