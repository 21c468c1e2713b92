package stream

import (
	"bytes"

	"gohap/lbcore/buffer"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
)

// This file is how bodies are held back: for option http-buffer-request, for
// wait-for-body and for the fetches that look at a body. Reference, for both
// directions: as much as a buffer takes is held; a peer that leaves ends the
// wait, and the rules see what there is.

// pieces is body held back, linked by Next.
type pieces struct {
	first *buffer.Buffer
	n     int // bytes
}

func (p *pieces) add(b *buffer.Buffer) {
	if b == nil {
		return
	}
	p.n += b.Len()
	last := &p.first
	for *last != nil {
		last = &(*last).Next
	}
	*last = b
}

func (p *pieces) take() *buffer.Buffer {
	b := p.first
	if b != nil {
		p.first, b.Next = b.Next, nil
		p.n -= b.Len()
	}
	return b
}

func (p *pieces) drop() {
	for b := p.take(); b != nil; b = p.take() {
		b.Release()
	}
	p.n = 0
}

// bodyLimit is how much of a body is held: what the head leaves of a buffer.
func (s *Stream) bodyLimit() int {
	n := s.W.Limits.BufSize - s.W.Limits.MaxRewrite
	if s.exchange != nil {
		n -= s.exchange.HeadLen()
	}
	return max(n, 0)
}

// responseLimit is the same for a response.
func (s *Stream) responseLimit() int {
	n := s.W.Limits.BufSize - s.W.Limits.MaxRewrite
	if s.h1s != nil {
		n -= s.h1s.HeadLen()
	}
	return max(n, 0)
}

// holdBody waits for the request's body (option http-buffer-request) before the
// rules of the section that says so, within its timeout http-request.
func (s *Stream) holdBody(p *proxy.Proxy) bool {
	if !p.Has(proxy.OptBufferRequest) {
		return true
	}
	s.holding = false
	switch s.holdRequest(s.bodyLimit()) {
	case mux.Wait:
		if s.bodyUntil == 0 {
			s.bodyUntil = s.after(int64(p.Timeouts.HTTPRequest))
		}
		s.holding = true
		s.wake = earlier(s.bodyUntil, s.after(s.ClientTimeout))
		return false
	case mux.Invalid:
		s.wake, s.bodyUntil = 0, 0
		s.requestBroken(mux.Invalid)
		return false
	}
	s.wake, s.bodyUntil, s.buffered = 0, 0, true
	return true
}

// earlier is the earlier of two deadlines, zero being none.
func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// holdRequest reads the request's body until its end, until limit bytes are
// held or until the client leaves: End. Reference: a client that wants to be
// told to send it is told so, and the time of the request ends with the wait.
func (s *Stream) holdRequest(limit int) mux.ReadState {
	if s.Req.Flags.Has(message.Chunked) || s.Req.BodyLen > 0 {
		s.continue100()
	}
	for !s.reqEnd && !s.left && s.heldLen < limit {
		b, st := s.readRequest()
		s.hold(b)
		switch st {
		case mux.Wait, mux.Invalid:
			s.Times.Request = 0
			return st
		case mux.Aborted:
			s.bodyState, s.left = st, true
		}
	}
	if s.Times.Request == 0 {
		s.Times.Request = s.W.Loop.Now()
	}
	return mux.End
}

// continue100 answers a client that waits for leave to send its body; HTTP/1.0
// knows no such answer.
func (s *Stream) continue100() {
	if !s.Req.Flags.Has(message.Expect100) || !s.Req.Version11() || !s.takeExpect() {
		return
	}
	s.exchange.Continue()
	s.BytesOut += continueBytes
}

// takeExpect takes 100-continue out of the request, where it comes first, and
// tells whether it was there. Reference: what stands behind it goes on.
func (s *Stream) takeExpect() bool {
	s.Req.Flags &^= message.Expect100
	at := s.Req.FindID(message.IDExpect, 0)
	if at < 0 {
		return false
	}
	first, rest, more := bytes.Cut(s.Req.Fields[at].Value, []byte{','})
	if !bytes.EqualFold(bytes.TrimSpace(first), []byte("100-continue")) {
		return false
	}
	if more {
		s.Req.ReplaceValue(at, rest)
	} else {
		s.Req.DelAt(at)
	}
	return true
}

func (s *Stream) bodyTimeout() {
	s.holding, s.bodyUntil = false, 0
	s.terminate('c', 'R')
	s.count(proxy.FailedReq)
	s.fail(408)
}

// hold keeps a piece of request body until a server is there for it.
func (s *Stream) hold(b *buffer.Buffer) {
	if b == nil {
		return
	}
	s.heldLen += b.Len()
	if s.first == nil {
		s.first = b
		return
	}
	if b.Len() == 0 {
		b.Release()
		return
	}
	last := &s.held
	for *last != nil {
		last = &(*last).Next
	}
	*last = b
}

// Body calls f with each piece of the request's body that has been received,
// until it returns false.
func (s *Stream) Body(f func(piece []byte) bool) {
	s.pullBody()
	if s.first == nil {
		return
	}
	left := s.bodyLimit()
	if !cut(s.first, &left, f) {
		return
	}
	for b := s.held; b != nil && cut(b, &left, f); b = b.Next {
	}
}

// cut calls f with what left bytes allow of b, and tells whether to go on.
func cut(b *buffer.Buffer, left *int, f func([]byte) bool) bool {
	p := b.Bytes()
	p = p[:min(len(p), *left)]
	*left -= len(p)
	return len(p) == 0 || f(p)
}

// BodyHeld returns how many bytes of request body have been received and
// whether that is all of it.
func (s *Stream) BodyHeld() (n int, end bool) {
	s.pullBody()
	return min(s.heldLen, s.bodyLimit()), s.reqEnd
}

// BodyWhole tells whether Body hands out all of the request's body.
func (s *Stream) BodyWhole() bool { return s.reqEnd && s.heldLen <= s.bodyLimit() }

// pullBody holds what has been received of the body, as far as a buffer takes
// it, while request rules run.
func (s *Stream) pullBody() {
	if s.cl == nil || s.phase > phaseServer {
		return
	}
	limit := s.bodyLimit()
	for !s.reqEnd && s.heldLen < limit {
		b, st := s.readRequest()
		s.hold(b)
		if st == mux.Aborted || st == mux.Invalid {
			s.bodyState = st // the next reader is told
		}
		if st != mux.More {
			return
		}
	}
}

// WaitBody is http-request wait-for-body: it suspends the rule until atLeast
// bytes of the request's body are held, or all of it, or as much as a buffer
// takes. within is its own time, ns.
func (s *Stream) WaitBody(atLeast int, within int64) rule.Verdict {
	limit := s.bodyLimit()
	if atLeast > 0 {
		limit = min(limit, atLeast)
	}
	switch s.holdRequest(limit) {
	case mux.Wait:
		if s.bodyExpired(within, s.ClientTimeout) {
			s.count(proxy.FailedReq)
			return s.Answer(&rule.Reply{Status: 408, Builtin: true}, 'c', 'R')
		}
		return rule.Suspend
	case mux.Invalid:
		s.reqEnd, s.wake, s.bodyUntil = true, 0, 0
		s.count(proxy.FailedReq)
		return s.Answer(&rule.Reply{Status: 400, Builtin: true}, 'P', 'R')
	}
	s.wake, s.bodyUntil = 0, 0
	return rule.Continue
}

// bodyExpired begins or continues the wait of a rule for a body and tells
// whether it is over: by its own time, within, or by the peer's inactivity.
func (s *Stream) bodyExpired(within, idle int64) bool {
	now := s.W.Loop.Now()
	if s.bodyUntil == 0 {
		s.bodyUntil = now + within
	} else if s.bodyDue || now >= s.bodyUntil {
		s.wake, s.bodyUntil, s.bodyDue = 0, 0, false
		return true
	}
	s.wake = earlier(s.bodyUntil, s.after(idle))
	return false
}

// readResponse reads the response's next piece: what was held back first.
func (s *Stream) readResponse() (*buffer.Buffer, mux.ReadState) {
	if b := s.resHeld.take(); b != nil {
		if s.resHeld.first != nil {
			return b, mux.More
		}
		return b, s.resState
	}
	if s.resState != mux.More {
		return nil, s.resState
	}
	return s.pull(mux.Server, s.sv)
}

// awaitResponse holds the response's body until limit bytes of it are there or
// no more will come: End.
func (s *Stream) awaitResponse(limit int) mux.ReadState {
	for s.resState == mux.More && (s.resHeld.first == nil || s.resHeld.n < limit) {
		b, st := s.pull(mux.Server, s.sv)
		s.resHeld.add(b)
		if st == mux.Wait {
			return st
		}
		s.resState = st
	}
	if s.resState == mux.Invalid {
		return mux.Invalid
	}
	return mux.End
}

// WaitResponseBody is http-response wait-for-body, as WaitBody. Reference: a 504
// when its time, or the server's, is over.
func (s *Stream) WaitResponseBody(atLeast int, within int64) rule.Verdict {
	limit := s.responseLimit()
	if atLeast > 0 {
		limit = min(limit, atLeast)
	}
	switch s.awaitResponse(limit) {
	case mux.Wait:
		s.svDeadline = 0
		if s.bodyExpired(within, s.ServerTimeout) {
			s.countBackend(proxy.FailedResp)
			return s.Answer(&rule.Reply{Status: 504, Builtin: true}, 's', 'H')
		}
		return rule.Suspend
	case mux.Invalid:
		s.wake, s.bodyUntil, s.Times.Response = 0, 0, 0
		s.countBackend(proxy.FailedResp)
		return s.Answer(&rule.Reply{Status: 502, Builtin: true}, 'P', 'H')
	}
	s.wake, s.bodyUntil = 0, 0
	s.touchServer()
	return rule.Continue
}

// ResponseBody calls f with each piece of the response's body that has been
// received, until it returns false.
func (s *Stream) ResponseBody(f func(piece []byte) bool) {
	s.pullResponse()
	left := s.responseLimit()
	for b := s.resHeld.first; b != nil && cut(b, &left, f); b = b.Next {
	}
}

// ResponseBodyHeld returns how many bytes of response body have been received.
func (s *Stream) ResponseBodyHeld() int {
	s.pullResponse()
	return min(s.resHeld.n, s.responseLimit())
}

// pullResponse holds what has been received of the response's body while
// response rules run.
func (s *Stream) pullResponse() {
	if s.h1s != nil && s.phase == phaseResponse {
		s.awaitResponse(s.responseLimit())
	}
}

// HoldResponse gives a stream a piece of response body, as if it had been
// received.
func (s *Stream) HoldResponse(b *buffer.Buffer) { s.resHeld.add(b) }
