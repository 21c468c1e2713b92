package stream

import (
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/trace"
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
	cl, vanished := s.cl, s.vanished
	s.close()
	s.retire()
	if cl != nil {
		cl.Abort(vanished)
	}
}

// kill ends a stream that somebody else wants to end: cause is the first letter of
// its termination state. Reference: in whatever phase it is, it is logged with C and
// 500, and the client is sent nothing more.
func (s *Stream) kill(cause byte) {
	if s.phase == phaseTarpit { // its letters are those of an end that did not come
		s.Term[0] = '-'
	}
	if s.Term[0] == '-' && s.Sess.FE.Mode == proxy.HTTP {
		s.Status = 500
		s.status(500)
	}
	s.terminate(cause, 'C')
	s.abort()
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
	if s.phase == phaseForward && s.reqSent && s.exchange.WasReset() {
		s.terminate('C', 'D') // reference: so is one that breaks its connection
	}
	s.terminate('C', s.letter())
	early := s.phase <= phaseRetry
	if s.phase == phaseQueue { // reference: not counted
		s.leaveQueue()
		s.Times.Queue = s.W.Loop.Now()
	} else {
		s.count(proxy.CliAborts)
	}
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
	// Reference: backend and server no longer count a stream that is logged, nor do
	// they count yet who gets its place.
	s.backend.Release()
	s.leaveQueue()
	s.snapshot()
	if s.W.Trace.Stream.On() {
		s.tell(trace.StreamFree, trace.User, "stream is over")
	}
	s.server.Release()
	s.countUnread()
	s.tally()
	s.logEnd()
	s.untrack()
	s.dropServer()
	s.dropHeld()
	s.detachFilters()
	s.process.Release()
	if s.open {
		s.open = false
		s.Sess.acceptor.fe.Add(proxy.OpenStreams, -1)
	}
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
		if s.server.Held() && !s.backend.Held() {
			s.Conns[3]--
		}
	}
	s.Conns[4] = int64(s.Retries)
}

// tally adds the stream's bytes and times to the counters.
func (s *Stream) tally() {
	s.tallyBytes()
	if s.cl != nil {
		s.W.totals.Add(proxy.BytesOut, s.cl.Sent()) // reference: these are as on the wire
	}
	if s.Server != nil {
		s.tallyTimes()
		s.Server.LastSess.Store(s.W.Loop.WallNano(s.W.Loop.Now()) / 1e9)
	}
}

// tallySpliced counts the bytes that went through a pipe.
func (s *Stream) tallySpliced() {
	if s.piped == [2]int64{} {
		return
	}
	for _, c := range [2]*proxy.LoopCounters{s.Sess.acceptor.fe, s.be} {
		if c != nil {
			c.Add(proxy.SplicedIn, s.piped[0])
			c.Add(proxy.SplicedOut, s.piped[1])
		}
	}
	s.piped = [2]int64{}
}

// tallyBytes counts the bytes that are not counted yet.
func (s *Stream) tallyBytes() {
	s.tallySpliced()
	in, out := s.BytesIn-s.told[0], s.BytesOut-s.told[1]
	if in != 0 {
		s.Sess.count(proxy.BytesIn, in)
	}
	if out != 0 {
		s.Sess.count(proxy.BytesOut, out)
	}
	for _, c := range [2]*proxy.LoopCounters{s.be, s.srv} {
		if c == nil {
			continue
		}
		c.Add(proxy.BytesIn, in)
		c.Add(proxy.BytesOut, out)
	}
}

// tallyPeriod is how often option contstats counts bytes, ns.
const tallyPeriod = 5e9

// tallyOn counts the bytes of a stream with option contstats that is on its way, when
// it is time: with the first event behind it, for without events nothing moves.
func (s *Stream) tallyOn() {
	now := s.W.Loop.Now()
	if now < s.tallyAt || s.phase < phaseData {
		return
	}
	s.tallyAt = now + tallyPeriod
	s.tallyBytes()
	s.told = [2]int64{s.BytesIn, s.BytesOut}
}

// tallyTimes adds the times of a stream that had a server; a stage that was not
// reached counts as none.
func (s *Stream) tallyTimes() {
	t := &s.Times
	var queue, connect, response int64
	if t.Queue != 0 && s.Term[1] != 'Q' { // reference: a wait in vain is none
		queue = ms(t.Queue - t.Rules)
	}
	if t.Connect != 0 {
		connect = ms(t.Connect - t.Queue)
	}
	if t.Response != 0 {
		response = ms(t.Response - t.Connect)
	}
	total := ms(s.W.Loop.Now() - t.Begin)
	for _, c := range [2]*proxy.LoopCounters{s.be, s.srv} {
		c.Add(proxy.QTimeSum, queue)
		c.Add(proxy.CTimeSum, connect)
		c.Add(proxy.DTimeSum, response)
		c.Add(proxy.TTimeSum, total)
	}
	for _, m := range [2]*proxy.MaxTimes{&s.BE.MaxTimes, &s.Server.MaxTimes} {
		m.Queue.Observe(uint64(queue))
		m.Connect.Observe(uint64(connect))
		m.Response.Observe(uint64(response))
		m.Total.Observe(uint64(total))
	}
}

func ms(ns int64) int64 { return max(ns, 0) / 1e6 }

// dropHeld releases request body that no server took.
func (s *Stream) dropHeld() {
	s.first.Release()
	s.first = nil
	s.forget()
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
	s.reqVars.Reset()
	s.resVars.Reset()
	s.txnVars.Reset() // behind those that it counts too
	s.resHead.Reset()
	*s = Stream{
		W: w, phase: ended, timer: s.timer, Arena: s.Arena, queued: s.queued,
		filters: s.filters, pass: s.pass, resHead: message.Head{Fields: s.resHead.Fields},
		kept:    kept{head: message.Head{Fields: s.kept.head.Fields[:0]}},
		txnVars: s.txnVars, reqVars: s.reqVars, resVars: s.resVars,
		ReqCaptured: s.ReqCaptured[:0], ResCaptured: s.ResCaptured[:0], stores: s.stores[:0],
	}
	w.streams = append(w.streams, s)
}
