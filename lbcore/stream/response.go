package stream

import (
	"gohap/lbcore/buffer"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// headed is called when the server's response head is there.
func (s *Stream) headed() {
	s.inject()
	h := s.h1s.Head()
	if h.Flags.Has(message.Interim) {
		s.interim(h)
		return
	}
	if s.BE.RetryOn.Status(h.Status) && s.sendAgain(s.BE.RetryOn) {
		return
	}
	if h.Status == 101 && !s.reqSent {
		// Reference: a protocol does not change in the middle of a request.
		s.terminate('P', 'H')
		s.countBackend(proxy.FailedResp)
		s.trackFailure()
		s.h1s.CloseProperly() // reference
		s.dropServer()
		s.fail(502)
		return
	}
	if !s.inspectHead() {
		return
	}
	s.Times.Response = s.W.Loop.Now()
	s.forget()
	s.setResponse(h)
	if s.sticks() {
		s.stickResponse()
	}
	if s.srv != nil {
		s.srv.Add(class(h.Status), 1) // reference: what the server said, whatever rules make of it
		s.srv.Add(proxy.CumReq, 1)    // reference: those that were answered
	}
	s.trackStatus(h.Status)
	s.Server.Responded(h.Status, "")
	if h.Status == 401 || h.Status == 407 {
		s.challenged(h)
	}
	s.touchServer()
	s.phase, s.ruleAt, s.backDone = phaseResponse, 0, false
	s.responseRules()
}

// interim passes a 1xx response on and waits for the next head.
func (s *Stream) interim(h *message.Head) {
	s.exchange.Interim(h)
	s.BytesOut += headBytes(h)
	s.touchServer()
	s.h1s.NextHead()
}

// setResponse makes h the stream's response.
func (s *Stream) setResponse(h *message.Head) {
	if !s.local { // those from here count as they are sent
		s.BytesOut += headBytes(h)
	}
	s.resChunked = h.Flags.Has(message.Chunked) && !h.Flags.Has(message.NoBody)
	s.resUntilClose = h.Flags.Has(message.UntilClose)
	s.Res, s.Ctx.Response = h, h
	s.Ctx.Dir = sample.Response
	s.reqVars.Reset() // reference: scopes req and res end and begin here
	s.resVars.Reset()
	s.Status = h.Status
	if !s.local {
		s.ResMajor, s.ResMinor = h.Major, h.Minor
	}
	if len(s.FE.ResCaptures) > 0 {
		s.ResCaptured = capture(s, s.ResCaptured, h, s.FE.ResCaptures)
	}
	if c := s.FE.CookieCapture; c != nil && !s.local {
		s.ResCookie = captureCookie(s, h, message.IDSetCookie, c)
	}
}

// responseRules runs http-response rules, the backend's first, then the
// http-after-response rules, and sends the head.
func (s *Stream) responseRules() {
	if !s.local || s.service.rules {
		for _, p := range [2]*proxy.Proxy{s.BE, s.FE} {
			if p == nil || p == s.BE && s.backDone || p == s.FE && s.FE == s.BE && s.backDone {
				continue
			}
			at, v := s.rules(p.HTTPResRules, s.ruleAt)
			if !s.responseRuled(at, v) {
				return
			}
			s.ruleAt, s.backDone = 0, true
		}
	}
	if !s.local {
		cookie := s.setsCookie()
		s.responseCookies()
		if cookie && s.refuseCookie() {
			return
		}
	}
	s.afterRules()
	if s.challenging {
		s.challenging = false
		s.CountClientError()
	}
	if s.local {
		s.BytesOut += headBytes(s.Res)
	}
	s.sendResponse()
}

// responseRuled acts on a verdict of response rules.
func (s *Stream) responseRuled(at int, v rule.Verdict) bool {
	if s.phase == ended {
		return false
	}
	switch v {
	case rule.Continue, rule.Stop:
		return true
	case rule.Suspend:
		s.ruleAt, s.suspended = at, true
	case rule.Answer:
		s.replaceResponse()
		s.sendReply(s.Reply)
	case rule.Close:
		s.terminate('P', 'H')
		s.abort()
	case rule.Failed:
		s.terminate('P', 'H')
		s.count(proxy.FailedRewrites)
		s.replaceResponse()
		s.fail(500)
	}
	return false
}

// replaceResponse gives up the server's response for one from here. Reference:
// what has come of it counts, and if that was all of it the connection goes on.
// What the reply is made of no longer sees the response: its head belongs to the
// connection.
func (s *Stream) replaceResponse() {
	s.Res, s.Ctx.Response = nil, nil
	if s.h1s == nil {
		return
	}
	if s.resHeld.first == nil && s.resState == mux.More {
		var b *buffer.Buffer
		b, s.resState = s.pull(mux.Server, s.sv)
		if b != nil {
			s.BytesOut -= int64(max(b.Len()-s.responseLimit(), 0))
			b.Release()
		}
	}
	s.resHeld.drop()
	if s.resState != mux.End {
		s.dropServer()
	} else {
		s.countEnd(mux.Server)
		s.releaseServer()
	}
	s.resState = mux.More
}

// afterRules runs http-after-response, which sees every response, those from
// here included: the backend's first.
func (s *Stream) afterRules() {
	s.Ctx.Acting = false // of a rule that waits for ever
	if s.BE != nil && s.BE != s.FE {
		s.BE.HTTPAfterRules.Run(&s.Ctx, 0)
	}
	s.FE.HTTPAfterRules.Run(&s.Ctx, 0)
}

// sendResponse writes the head with what is there of the body.
func (s *Stream) sendResponse() {
	s.inject()
	h := s.Res
	s.filterHeaders(mux.Server, h)
	if !s.local {
		s.logAt(OriginResponse)
		s.stepAt(OriginResponse)
	}
	if h.Flags.Has(message.Tunnel) && !s.local {
		s.status(s.Status)
		s.startUpgrade(h)
		return
	}
	s.phase = phaseData
	b, st := s.readResponse()
	end := st == mux.End && !(h.Flags.Has(message.Chunked) && len(s.sv.Trailers()) > 0)
	if end {
		s.resEnd, s.resSent = true, true
		s.countEnd(mux.Server)
		s.filterEnd(mux.Server)
	}
	s.status(s.Status)
	if s.left { // reference: nobody is there to be told
		b.Release()
		s.abort()
		return
	}
	s.announceFinal(end)
	w := s.cl.WriteHead(h, b, end)
	s.Res, s.Ctx.Response = nil, nil
	if !end && w != mux.Dead {
		s.allowPipes()
	}
	switch {
	case w == mux.Dead:
		s.clientGone()
	case end:
		s.responded()
	case st == mux.Invalid || st == mux.Aborted:
		s.responseCut(nil, st) // the client got the head and sees that it is cut
	default:
		s.forwardResponse()
	}
}

// announceFinal tells the client's side that the exchange ends with the next
// write.
func (s *Stream) announceFinal(end bool) {
	if end && (s.reqSent || s.local) {
		s.exchange.Final()
	}
}

// responded is called when the response has been passed on. Reference: a server
// that answers early still gets the rest of the request, and the exchange ends
// with that; an answer from here ends it at once.
func (s *Stream) responded() {
	if s.reqSent || s.local {
		s.releaseServer()
		s.finish()
		return
	}
	s.svDeadline = 0
	s.touchClient()
	s.forwardRequest()
}

// challenged looks at an answer that asks for credentials. Reference: with NTLM
// and Negotiate they are the connection's, which is the session's own from then
// on, and the next requests prefer that server.
func (s *Stream) challenged(h *message.Head) {
	name := message.IDWWWAuthenticate
	if h.Status == 407 {
		name = message.IDProxyAuthenticate
	}
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID == name && f.Flags&message.FieldDeleted == 0 && (foldPrefix(f.Value, "ntlm") || foldPrefix(f.Value, "negotiate")) {
			s.h1s.Private = true
			s.Sess.more().prefer = s.Server
		}
	}
}

// foldPrefix tells whether b begins with a lower-case word, whatever its case.
func foldPrefix(b []byte, word string) bool {
	if len(b) < len(word) {
		return false
	}
	for i := range word {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// status counts the class of what the client gets, once: of an answer from here
// the error that it stands for.
func (s *Stream) status(code int) {
	if s.counted || code == 0 {
		return
	}
	s.counted = true
	k := class(code)
	s.Sess.count(k, 1)
	if s.be != nil {
		s.be.Add(k, 1)
	}
}

// class is the counter of a status.
func class(code int) proxy.Counter {
	if c := code / 100; c >= 1 && c <= 5 {
		return proxy.Resp1xx + proxy.Counter(c-1)
	}
	return proxy.RespOther
}

// forwardResponse sends what the server has sent of its body on to the client.
func (s *Stream) forwardResponse() {
	s.inject()
	if s.responseHeld() {
		return
	}
	for turn := s.budget(); turn.left(); {
		if s.phase == ended || s.resSent {
			return
		}
		if s.cl.State() != mux.Sent {
			s.touchClient()
			s.touchServer()
			return
		}
		b, st := s.readResponse()
		turn.spend(b)
		switch st {
		case mux.Wait:
			s.cl.Write(b, false, nil)
			s.touchServer()
			s.sentToClient()
			return
		case mux.Aborted, mux.Invalid:
			s.responseCut(b, st)
			return
		}
		end := st == mux.End
		var trailers []message.Field
		if end {
			trailers = s.sv.Trailers()
			s.resEnd, s.resSent = true, true
			s.countEnd(mux.Server)
			s.filterEnd(mux.Server)
		}
		s.announceFinal(end && s.phase != phaseTunnel && len(trailers) == 0)
		w := s.cl.Write(b, end, trailers)
		switch {
		case w == mux.Dead:
			s.clientGone()
			return
		case end && s.phase != phaseTunnel:
			s.responded()
			return
		case end:
			s.halfClosed()
			return
		}
		s.sentToClient()
	}
	if s.phase != ended {
		s.again()
	}
}

// responseCut ends an exchange whose server left, or broke the framing, in the
// middle of its response: the client must see that it is incomplete.
func (s *Stream) responseCut(b *buffer.Buffer, st mux.ReadState) {
	if b != nil {
		s.cl.Write(b, false, nil)
	}
	s.countBackend(proxy.SrvAborts)
	s.countBackend(proxy.FailedResp)
	s.trackFailure()
	if st == mux.Invalid {
		s.terminate('P', 'D')
	} else {
		s.terminate('S', 'D')
	}
	s.abort()
}

// releaseServer gives the server connection back once the response was read to
// its end: to the idle pool when the request was sent to its end too.
func (s *Stream) releaseServer() {
	c := s.h1s
	if c == nil {
		return
	}
	if lg := s.FE.Logging; lg != nil && lg.ServerSide {
		s.svLocal = c.Local()
	}
	s.h1s, s.sv = nil, nil
	s.svDeadline = 0
	if s.look.response.ended { // the action close
		c.Abort(false)
		return
	}
	own := c.Private || s.Server.SendProxy != nil || s.BE.Reuse == proxy.ReuseNever
	if own && s.reqSent && c.Reusable() && s.Sess.keepOwn(s.Server, c) {
		return
	}
	s.Server.Return(s.W.Loop, c, s.reqSent && !own)
}
