package stream

import (
	"bytes"

	"gohap/lbcore/acl"
	"gohap/lbcore/buffer"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/trace"
)

// beginHTTP starts the exchange of a parsed request.
func (s *Stream) beginHTTP(ep mux.ClientEndpoint, h *message.Head, begin int64) {
	s.cl, s.exchange = ep, ep
	s.reqHead, s.Req = h, h
	s.Ctx.Request = h
	s.Times.Begin, s.Times.Request = begin, s.W.Loop.Now()
	s.BytesIn = headBytes(h)
	if h.Method == message.MethodOther && string(h.MethodText) == "PRI" {
		s.refusePreface()
		return
	}
	if s.phase > phaseMonitor { // the frontend passed bytes, its backend wants requests
		s.requestBegun()
		s.captureRequest()
	}
	for _, f := range s.FE.Filters {
		s.attach([]Filter{f.(Filter)})
	}
	s.stepAt(OriginAccept)
	s.run()
	if s.phase != ended {
		s.watch()
	}
}

// requestBegun counts a request that the frontend's content rules let through.
func (s *Stream) requestBegun() {
	ss, now := s.Sess, s.W.Loop.Now()
	s.Times.Request = now
	ss.Requests++
	ss.count(proxy.CumReq, 1)
	ss.count(proxy.H1Req, 1)
	ss.acceptor.fe.Add(proxy.OpenStreams, 1)
	s.open = true
	s.W.totals.Add(proxy.CumReq, 1)
	ss.FE.ReqRate.Count(now)
	s.trackRequest()
	s.saveRequestLine()
	if s.W.Trace.Stream.On() {
		s.tell(trace.StreamHTTP, trace.Proto, "request begins")
	}
}

// refusePreface answers the method that only the HTTP/2 preface has (RFC 9113
// section 3.4). Reference: a 400 that is logged as if it were no request.
func (s *Stream) refusePreface() {
	ss := s.Sess
	ss.Requests++
	ss.count(proxy.CumReq, 1)
	s.trackRequest()
	s.countUnread()
	s.Req, s.Ctx.Request, s.Times.Request = nil, nil, 0
	s.terminate('P', 'R')
	s.count(proxy.FailedReq)
	s.fail(400)
	if s.phase != ended {
		s.watch()
	}
}

// saveRequestLine keeps what the log and later fetches need of the request
// line: the head's bytes are gone once it was sent.
func (s *Stream) saveRequestLine() {
	h := s.Req
	s.Method = s.Arena.Copy(h.MethodText)
	s.URI = s.Arena.Copy(h.Target[:min(len(h.Target), s.W.Limits.LogURILen)])
	s.Major, s.Minor = h.Major, h.Minor
	s.Version = s.VersionOf(h)
}

// VersionOf returns the version of a request as it was received, in s.Arena.
func (s *Stream) VersionOf(h *message.Head) []byte {
	switch {
	case h.VersionText != nil:
		return s.Arena.Copy(h.VersionText)
	case h.Major == 1 && h.Minor == 1:
		return http11
	case h.Major == 1 && h.Minor == 0:
		return http10
	}
	return append(s.Arena.Alloc(8)[:0], 'H', 'T', 'T', 'P', '/', '0'+h.Major, '.', '0'+h.Minor)
}

var http11, http10 = []byte("HTTP/1.1"), []byte("HTTP/1.0")

// run moves the request through its phases until it has to wait or ends.
func (s *Stream) run() {
	if s.exchange == nil {
		s.runTCP()
		return
	}
	for {
		at := s.phase
		s.inject()
		var next bool
		switch at {
		case phaseInspect:
			next = s.contentRules(s.FE)
		case phaseMonitor:
			if !s.credentials(s.FE) {
				return
			}
			s.requestBegun()
			next = s.monitor()
		case phaseFrontRules:
			next = s.holdBody(s.FE) && s.requestRules(s.FE)
		case phaseSwitch:
			next = s.switching()
		case phaseBackInspect:
			next = s.backInspect()
		case phaseBackRules:
			next = s.BE == s.FE || s.credentials(s.BE) && s.holdBody(s.BE) && s.requestRules(s.BE)
		case phaseRewrite:
			next = s.rewrite()
		case phaseServer:
			if s.left {
				s.terminate('C', 'R')
				s.clientLeft()
				return
			}
			s.chooseServer()
			return
		default:
			return
		}
		if !next {
			return
		}
		if s.phase == at {
			s.phase++
		}
	}
}

// monitor answers monitor-uri. Reference: such requests are neither logged nor
// forwarded, and monitor fail turns the answer into a 503.
func (s *Stream) monitor() bool {
	fe := s.FE
	if len(fe.MonitorURI) == 0 || !bytes.Equal(s.Req.Target, fe.MonitorURI) {
		s.captureRequest()
		s.stepAt(OriginRequest)
		return true
	}
	s.logged = true
	s.Sess.count(proxy.Intercepted, 1)
	s.terminate('L', 'R')
	for _, c := range fe.MonitorFail {
		if c.Eval(&s.Ctx) == acl.Pass {
			s.errorReply(503)
			return false
		}
	}
	s.errorReply(200)
	return false
}

// captureRequest copies what the frontend's capture lines name.
func (s *Stream) captureRequest() {
	fe := s.FE
	if len(fe.ReqCaptures) > 0 {
		s.ReqCaptured = capture(s, s.ReqCaptured, s.Req, fe.ReqCaptures)
	}
}

// capture takes the last line of each header, cut to its length; slots without a
// header belong to rules.
func capture(s *Stream, into [][]byte, h *message.Head, caps []proxy.Capture) [][]byte {
	for i := range caps {
		if i == len(into) {
			into = append(into, nil)
		}
		if caps[i].Name == nil {
			continue
		}
		into[i] = nil
		if at := h.FindLast(caps[i].Name); at >= 0 {
			v := h.Fields[at].Value
			into[i] = s.Arena.Copy(v[:min(len(v), caps[i].Len)])
		}
	}
	return into
}

// requestRules runs a proxy's http-request and redirect rules.
func (s *Stream) requestRules(p *proxy.Proxy) bool {
	rules := p.HTTPReqRules
	if s.ruleAt <= len(rules) {
		at, v := s.rules(rules, s.ruleAt)
		if !s.ruled(at, v) {
			return false
		}
		s.ruleAt = 0
	}
	if p.Stats != nil && !s.statsPage(p) {
		return false
	}
	if len(p.RedirectRules) > 0 {
		at, v := p.RedirectRules.Run(&s.Ctx, 0)
		if v == rule.Suspend {
			at = len(rules) // those are through
		}
		if !s.ruled(at, v) {
			return false
		}
	}
	return p.Options&(proxy.OptRestrictNamesDelete|proxy.OptRestrictNamesReject) == 0 || s.restrictNames(p)
}

// restrictNames does what option http-restrict-req-hdr-names says of fields whose
// names are not of letters, digits and hyphens; false when the request is refused.
func (s *Stream) restrictNames(p *proxy.Proxy) bool {
	for i := range s.Req.Fields {
		f := &s.Req.Fields[i]
		if f.Flags&message.FieldDeleted != 0 || plainName(f.Name) {
			continue
		}
		if p.Has(proxy.OptRestrictNamesReject) {
			s.Deny(false)
			s.CountClientError()
			return s.ruled(0, s.Answer(&rule.Reply{Status: 403, Builtin: true}, 'P', 'R'))
		}
		s.Req.DelAt(i)
	}
	return true
}

func plainName(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// ruled acts on a verdict of request rules and tells whether to go on.
func (s *Stream) ruled(at int, v rule.Verdict) bool {
	if s.phase == ended {
		return false
	}
	switch v {
	case rule.Continue, rule.Stop:
		return true
	case rule.Suspend:
		s.ruleAt, s.suspended = at, true
	case rule.Answer:
		s.ruleAt = 0
		switch {
		case s.service.begun:
			s.sendService()
		case s.phase != phaseTarpit:
			s.sendReply(s.Reply)
		}
	case rule.Close:
		if s.exchange != nil {
			s.pullBody() // reference: what has come of it counts
		}
		s.terminate('P', 'R')
		s.Status = -1
		if !s.buffered { // reference: the request's time is taken behind the rules
			s.Times.Request = 0
		}
		s.abort()
	case rule.Failed:
		s.terminate('P', 'R')
		s.count(proxy.FailedRewrites)
		s.fail(500)
	}
	return false
}

// switching chooses the backend: the first use_backend rule that passes, else
// the default backend, else the proxy itself.
func (s *Stream) switching() bool {
	be := s.FE.DefaultBackend
	for i := range s.FE.Switches {
		r := &s.FE.Switches[i]
		s.Ctx.Deferred = false
		pass := r.Cond.Eval(&s.Ctx) == acl.Pass
		if s.Ctx.Deferred {
			s.suspended = true
			return false
		}
		if !pass {
			continue
		}
		if r.Backend != nil {
			be = r.Backend
			break
		}
		// Reference: a computed name that no backend has falls through.
		if b := s.W.FindBackend(r.Name.Append(s.Arena.Rest(64), &s.Ctx)); b != nil {
			be = b
			break
		}
	}
	if be == nil {
		if !s.FE.IsBackend {
			s.terminate('S', 'C')
			s.fail(503)
			return false
		}
		be = s.FE
	}
	s.setBackend(be)
	return true
}

// setBackend counts the stream in at its backend.
func (s *Stream) setBackend(be *proxy.Proxy) {
	now := s.W.Loop.Now()
	s.BE = be
	s.be = be.BE.For(s.W.Loop)
	s.be.Add(proxy.CumSess, 1)
	if be.Mode == proxy.HTTP {
		s.be.Add(proxy.CumReq, 1)
	}
	be.BESessRate.Count(now)
	be.LastSess.Store(s.W.Loop.WallNano(now) / 1e9)
	s.backend.Take(&be.BEConn)
	s.ServerTimeout = int64(be.Timeouts.Server)
	s.TunnelTimeout = int64(be.Timeouts.Tunnel)
	s.cookieLetters(be)
	if be != s.FE {
		for _, f := range be.Filters {
			s.attach([]Filter{f.(Filter)})
		}
	}
}

// rewrite does what follows all request rules.
func (s *Stream) rewrite() bool {
	if c := s.FE.CookieCapture; c != nil { // reference: cookies are looked at behind all rules
		s.ReqCookie = captureCookie(s, s.Req, message.IDCookie, c)
	}
	s.persistence()
	s.requestCookies()
	if len(s.BE.StickRules) > 0 {
		s.stickRequest()
	}
	if s.FE.Options&proxy.OptForwardFor|s.BE.Options&proxy.OptForwardFor != 0 {
		s.addAddress(s.FE.ForwardFor, s.BE.ForwardFor, s.Sess.Source().Addr())
	}
	if s.FE.Options&proxy.OptOriginalTo|s.BE.Options&proxy.OptOriginalTo != 0 {
		s.addAddress(s.FE.OriginalTo, s.BE.OriginalTo, s.Sess.Destination().Addr())
	}
	if f := s.BE.Forwarded; f != nil {
		s.addForwarded(f)
	}
	if s.FE.UniqueID != nil {
		s.makeUniqueID()
	}
	s.filterHeaders(mux.Client, s.Req)
	return true
}

// makeUniqueID computes the unique id once and sends it where the frontend
// names a header for it.
func (s *Stream) makeUniqueID() {
	if s.UniqueID == nil {
		id := s.FE.UniqueID.Append(s.Arena.Rest(256), &s.Ctx)
		s.UniqueID = s.Arena.Keep(id)
	}
	if len(s.FE.UniqueIDHeader) > 0 {
		s.Req.Add(s.FE.UniqueIDHeader, s.UniqueID)
	}
}

// readRequest reads the client's next piece of body.
func (s *Stream) readRequest() (*buffer.Buffer, mux.ReadState) {
	if s.bodyState != mux.More {
		return nil, s.bodyState
	}
	b, st := s.pull(mux.Client, s.cl)
	if st == mux.End {
		s.reqEnd = true
		s.countEnd(mux.Client)
		s.filterEnd(mux.Client)
	}
	return b, st
}

// requestBroken ends a stream whose client left, or broke the framing, in the
// middle of its request body.
func (s *Stream) requestBroken(st mux.ReadState) {
	s.reqEnd = true
	if st == mux.Invalid {
		s.terminate('P', s.letter())
		s.count(proxy.FailedReq)
		if s.phase >= phaseData { // the response has begun
			s.abort()
			return
		}
	} else {
		s.clientLeft()
		return
	}
	s.dropServer()
	s.fail(400)
}

// clientLeft ends a stream whose client ended its direction in the middle of
// its request. Reference: a 400 is logged and counted, and nothing is sent.
func (s *Stream) clientLeft() {
	s.terminate('C', s.letter())
	s.count(proxy.CliAborts)
	if s.phase >= phaseData { // the response has begun
		s.abort()
		return
	}
	body := s.errorHead(400)
	if s.resHead.Response {
		s.Res, s.Ctx.Response, s.Ctx.Dir = &s.resHead, &s.resHead, sample.Response
		s.afterRules()
	}
	s.Status = 400
	s.status(400)
	if s.resHead.Response {
		s.BytesOut += headBytes(&s.resHead)
		if s.reqHead.Method != message.HEAD {
			s.BytesOut += int64(len(body))
		}
	}
	s.abort()
}

// forwardRequest sends what the client has sent of its body on to the server.
func (s *Stream) forwardRequest() {
	s.inject()
	for turn := s.budget(); turn.left(); {
		if s.phase == ended || s.reqSent {
			return
		}
		if s.sv.State() == mux.Blocked {
			s.reqWait = true
			s.touchServer()
			s.touchClient()
			return
		}
		s.reqWait = false
		b := s.takeHeld()
		st := mux.More
		if b == nil && !s.reqEnd {
			b, st = s.readRequest()
		}
		switch {
		case st == mux.Aborted || st == mux.Invalid:
			b.Release()
			s.requestBroken(st)
			return
		case b == nil && st == mux.Wait:
			s.touchClient()
			return
		}
		turn.spend(b)
		s.writeRequest(b)
		switch {
		case s.phase == ended || !s.reqSent:
		case s.phase == phaseTunnel:
			s.halfClosed()
			return
		case s.resSent: // the answer came early
			s.releaseServer()
			s.finish()
			return
		}
	}
	if s.phase != ended && !s.reqSent {
		s.again()
	}
}

func (s *Stream) takeHeld() *buffer.Buffer {
	b := s.held
	if b != nil {
		s.held = b.Next
		b.Next = nil
	}
	return b
}

// writeRequest sends one piece of body.
func (s *Stream) writeRequest(b *buffer.Buffer) {
	end := s.reqEnd && s.held == nil
	var trailers []message.Field
	if end {
		trailers = s.cl.Trailers()
	}
	s.keepBody(b)
	w := s.sv.Write(b, end && !s.abrupt(), trailers)
	if end {
		s.reqSent = true
		s.touchClient()
	}
	if w == mux.Dead {
		s.serverBroken()
		return
	}
	if b != nil || s.phase != phaseTunnel { // reference: that the client has ended is no sign of the server's life
		s.sentToServer()
	}
}
