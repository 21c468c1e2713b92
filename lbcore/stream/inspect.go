package stream

import (
	"gohap/lbcore/buffer"
	"gohap/lbcore/h1"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
)

// This file runs tcp-request content rules. They look at what has been received
// so far and are tried from the first one again each time that more comes. A
// test that lacks data waits until one of these makes what is there definitive:
//
//	no inspect-delay · the delay is over · the client ended its direction ·
//	tune.bufsize less tune.maxrewrite is full
//
// In mode tcp the bytes stand in one piece in Stream.first, and leave with the
// first piece of the tunnel.

// inspection is the state of content rules on one stream.
type inspection struct {
	until   int64 // end of inspect-delay, monotonic ns, zero before it began
	expired bool
	waiting bool // request rules wait for more
	upgrade bool // a rule, or the backend, wants the bytes read as HTTP
	taking  bool // the connection is being given to another mux

	response response
	peek     *peeked
}

// contentRules runs a proxy's tcp-request content rules; it tells whether to
// go on.
func (s *Stream) contentRules(p *proxy.Proxy) bool {
	if len(p.TCPReqRules) == 0 {
		return true
	}
	s.gather()
	if s.exchange == nil && s.bodyState == mux.Aborted {
		s.inspectBroken()
		return false
	}
	s.Ctx.Final = s.definitive(p)
	at, v := s.rules(p.TCPReqRules, s.ruleAt)
	s.Ctx.Final = true
	switch v {
	case rule.Undecided:
		s.inspectWait(p, 0)
		return false
	case rule.Suspend:
		if s.hashing || s.yielded {
			s.ruleAt, s.suspended = at, true
			return false
		}
		s.inspectWait(p, at)
		return false
	}
	s.ruleAt, s.wake = 0, 0
	s.look.until, s.look.expired, s.look.waiting = 0, false, false
	if v == rule.Close { // reference: not yet a request, as the log has it
		s.Times.Request = 0
		if s.phase == phaseInspect {
			s.Req = nil
		}
	}
	return s.ruled(at, v)
}

// definitive tells whether what has been received is all that rules will see.
func (s *Stream) definitive(p *proxy.Proxy) bool {
	switch {
	case p.InspectDelay <= 0, s.look.expired, s.bodyState != mux.More, s.cl.HungUp():
		return true
	case s.exchange == nil && s.reqEnd:
		return true
	}
	return s.heldLen >= s.inspectLimit()
}

// inspectLimit is how many bytes content rules can see.
func (s *Stream) inspectLimit() int { return s.W.Limits.BufSize - s.W.Limits.MaxRewrite }

// inspectWait waits for more bytes, for the delay at most. Reference: the
// client's inactivity time-out counts as well.
func (s *Stream) inspectWait(p *proxy.Proxy, at int) {
	if s.look.until == 0 {
		s.look.until = s.after(int64(p.InspectDelay))
	}
	s.ruleAt, s.wake, s.look.waiting = at, s.look.until, true
	s.touchClient()
	if c, ok := s.cl.(interface{ Watch() }); ok {
		c.Watch() // the end of a client that has sent all must be told too
	}
}

// inspectBroken ends a stream whose client broke the connection while rules
// waited. Reference: it counts as a bad request.
func (s *Stream) inspectBroken() {
	s.terminate('C', 'R')
	s.count(proxy.FailedReq)
	s.count(proxy.CliAborts)
	s.abort()
}

// gather receives what the client has sent, as far as rules may see it.
func (s *Stream) gather() {
	if s.exchange != nil {
		if s.look.waiting {
			s.pullBody()
		}
		return
	}
	for !s.reqEnd && s.heldLen < s.inspectLimit() {
		b, st := s.readRequest()
		s.holdFlat(b)
		if st == mux.Aborted {
			s.bodyState = st
		}
		if st != mux.More {
			return
		}
	}
}

// holdFlat holds a piece of what passes in mode tcp behind the bytes that are
// held, in one piece as far as a buffer goes.
func (s *Stream) holdFlat(b *buffer.Buffer) {
	if b == nil {
		return
	}
	if s.first == nil || s.held != nil {
		s.hold(b)
		return
	}
	n := flatten(s.first, b)
	s.heldLen += n
	if b.Len() == 0 {
		b.Release()
		return
	}
	s.heldLen += b.Len()
	s.held = b
}

// flatten moves bytes of b behind those of into.
func flatten(into, b *buffer.Buffer) int {
	n := copy(into.Room(), b.Bytes())
	into.W += n
	b.R += n
	return n
}

// releaseHeld makes held bytes the first that the tunnel forwards.
func (s *Stream) releaseHeld() {
	if b := s.first; b != nil {
		b.Next, s.held, s.first = s.held, b, nil
	}
	s.look.peek = nil
}

// runTCP moves a stream in mode tcp through its phases until it has to wait or
// ends.
func (s *Stream) runTCP() {
	for {
		s.inject()
		switch s.phase {
		case phaseInspect:
			if !s.contentRules(s.FE) {
				return
			}
			if s.phase = phaseSwitch; s.look.upgrade {
				s.toHTTP(phaseMonitor)
				return
			}
		case phaseSwitch:
			if !s.switching() {
				return
			}
			if s.phase = phaseBackInspect; s.BE.Mode == proxy.HTTP {
				// Reference: connections that reach an HTTP backend speak it.
				s.toHTTP(phaseBackInspect)
				return
			}
		case phaseBackInspect:
			if s.BE != s.FE && !s.contentRules(s.BE) {
				return
			}
			s.phase = phaseServer
		case phaseServer:
			s.chooseServer()
			return
		default:
			return
		}
	}
}

// backInspect runs the content rules of the backend of a request.
func (s *Stream) backInspect() bool {
	if s.BE.Mode != proxy.HTTP {
		// Reference: what was turned into HTTP has no way back.
		s.terminate('I', 'R')
		s.Status = -1
		s.abort()
		return false
	}
	return s.BE == s.FE || s.contentRules(s.BE)
}

// SwitchHTTP asks for the bytes of a stream in mode tcp to be read as HTTP once
// the rules are through; on one that speaks HTTP it does nothing.
func (s *Stream) SwitchHTTP() { s.look.upgrade = s.exchange == nil }

// toHTTP replaces the connection's mux: the bytes held go to an HTTP/1 one,
// which gives the stream its first request. It goes on in the given phase.
func (s *Stream) toHTTP(next Phase) {
	ss, p := s.Sess, s.pass
	b := s.first
	if b != nil {
		b.Next = s.held
	}
	s.first, s.held, s.heldLen = nil, nil, 0
	s.reqEnd, s.bodyState = false, mux.More
	s.clDeadline, s.wake = 0, 0
	s.BytesIn = 0 // the request's bytes are counted by what they mean
	s.phase = next
	s.look = inspection{taking: true}
	s.W.Loop.Disarm(&s.timer)
	s.cl, s.pass = nil, nil
	if t := p.client.TLS(); t != nil {
		p.client.HandTLS()
		ss.h1.TakeTLS(s.W.Mux, t, ss, b)
		return
	}
	fd := p.client.Hand()
	ss.h1.Take(s.W.Mux, fd, ss, b)
}

// taken returns the stream of a session whose connection was given to another
// mux and now has its first request, nil when there is none.
func (ss *Session) taken() *Stream {
	s := ss.tcp
	if s == nil || !s.look.taking {
		return nil
	}
	s.look.taking, ss.tcp = false, nil
	return s
}

// RequestBytes returns what has been received of a client's bytes in mode tcp
// and was not yet forwarded, and whether more may come; ok is false for HTTP,
// whose requests are no plain bytes.
func (s *Stream) RequestBytes() (b []byte, ok bool) {
	if s.exchange != nil || s.pass == nil {
		return nil, false
	}
	if s.phase < phaseServer && s.cl != nil {
		s.gather()
	}
	if s.first == nil {
		return nil, true
	}
	b = s.first.Bytes()
	return b[:min(len(b), s.inspectLimit())], true
}

// RequestLen returns the bytes of the request that are there. Reference: those
// of HTTP are counted by what they mean, as in the statistics.
func (s *Stream) RequestLen() int64 {
	if b, ok := s.RequestBytes(); ok {
		return int64(len(b))
	}
	if s.exchange != nil {
		s.pullBody()
	}
	return s.BytesIn
}

// peeked is a request read from the bytes of a stream in mode tcp.
type peeked struct {
	dec  h1.Decoder
	head message.Head
	n    int // bytes that were there
	st   h1.Status
}

// PeekRequest reads the request that the bytes of a stream in mode tcp begin
// with; nil when there is none, and then whether more bytes may make one.
// Reference: fetches of HTTP work on them.
func (s *Stream) PeekRequest() (h *message.Head, more bool) {
	b, ok := s.RequestBytes()
	if !ok {
		return nil, true
	}
	p := s.look.peek
	if p == nil {
		p = new(peeked)
		s.look.peek = p
	}
	if p.n != len(b) || p.n == 0 {
		p.dec.Reset()
		p.head.Reset()
		p.n, p.st = len(b), h1.NeedMore
		if len(b) > 0 { // reading a head changes its bytes, which belong to the server
			_, p.st = p.dec.Request(s.Arena.Copy(b), &p.head, &s.FE.Client.Decode)
		}
	}
	if p.st == h1.Done {
		return &p.head, false
	}
	return nil, p.st == h1.NeedMore
}

// ContentLimit is how many bytes of a message content rules can ever see.
func (s *Stream) ContentLimit() int64 { return int64(s.W.Limits.BufSize) }
