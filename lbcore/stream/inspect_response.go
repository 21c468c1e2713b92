package stream

import (
	"gohap/lbcore/buffer"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// This file runs tcp-response content rules: a first time when the server's
// connection stands, nothing having been received, then with each arrival until
// they are decided or inspect-delay is over. Nothing goes to the client
// meanwhile; the request goes on.

// response is the state of tcp-response content rules on one stream.
type response struct {
	waiting bool
	held    bool // a response head waits for them
	ended   bool // the server ended its direction
	expired bool
	at      int
}

// inspectServer begins the rules of the backend once its server is connected.
// It tells whether the stream goes on.
func (s *Stream) inspectServer() bool {
	if len(s.BE.TCPResRules) == 0 {
		return true
	}
	s.look.response = response{waiting: true}
	s.wake = s.after(int64(s.BE.InspectResp))
	return s.inspectResponse() || s.phase != ended && s.look.response.waiting
}

// responseHeld tells whether the response has to wait for content rules, which
// are tried with what is there; the stream may have ended then.
func (s *Stream) responseHeld() bool {
	return s.look.response.waiting && !s.local && !s.inspectResponse()
}

// inspectResponse runs the rules over what the server has sent; it tells
// whether they are through.
func (s *Stream) inspectResponse() bool {
	r := &s.look.response
	s.gatherResponse()
	s.Ctx.Dir = sample.Response
	if h := s.h1Head(); h != nil {
		s.Ctx.Response = h
	}
	s.Ctx.Final = s.BE.InspectResp <= 0 || r.expired || r.ended || s.sv != nil && s.sv.HungUp() || s.responseFull()
	at, v := s.BE.TCPResRules.Run(&s.Ctx, r.at)
	s.Ctx.Final, s.Ctx.Dir = true, sample.Request
	s.Ctx.Response = s.Res
	switch v {
	case rule.Undecided:
		r.at = 0
		return false
	case rule.Suspend:
		r.at = at
		return false
	}
	*r, s.wake = response{}, 0
	switch v {
	case rule.Close:
		s.refuseResponse()
	case rule.CloseServer:
		return s.closeServer()
	default:
		if s.exchange == nil && s.sticks() {
			s.stickTCP()
		}
	}
	return s.phase != ended
}

// h1Head returns the response head that waits for the rules, nil when there is
// none.
func (s *Stream) h1Head() *message.Head {
	if s.look.response.held && s.h1s != nil {
		return s.h1s.Head()
	}
	return nil
}

// refuseResponse ends a stream whose response rules reject. Reference: what was
// received counts, the client gets nothing of it.
func (s *Stream) refuseResponse() {
	if h := s.h1Head(); h != nil {
		s.BytesOut += headBytes(h)
	}
	s.terminate('P', 'D')
	s.Status = -1
	s.Times.Response = 0
	s.abort()
}

// closeServer is the action close: the server's connection ends at once. In
// mode tcp that ends the stream; a response that was received whole goes on.
func (s *Stream) closeServer() bool {
	switch {
	case s.exchange == nil:
		s.abort()
	case s.phase == phaseConnect:
		s.responseFailed(mux.Fault{Closed: true})
	default:
		s.look.response.ended = true
		if hold := &s.stuck[mux.Server]; hold.st != mux.End {
			hold.st = mux.Aborted
		}
		return true
	}
	return false
}

// gatherResponse receives what the server has sent as far as one buffer takes
// it. It stands where filters leave what they hold back, so that the next pull
// finds it.
func (s *Stream) gatherResponse() {
	r, hold := &s.look.response, &s.stuck[mux.Server]
	if s.phase < phaseForward || s.sv == nil || s.exchange != nil && !r.held {
		return
	}
	for !r.ended && !s.responseFull() {
		b, st := s.sv.Read()
		s.received(mux.Server, b)
		s.holdResponse(b)
		switch st {
		case mux.End, mux.Aborted, mux.Invalid:
			r.ended = st != mux.End || s.exchange == nil
			hold.st = st
			return
		case mux.Wait:
			return
		}
	}
}

func (s *Stream) holdResponse(b *buffer.Buffer) {
	hold := &s.stuck[mux.Server]
	switch {
	case b == nil:
	case hold.b == nil:
		*hold = stuck{b, mux.More}
	default:
		if flatten(hold.b, b); b.Len() > 0 {
			last := hold.b
			for last.Next != nil {
				last = last.Next
			}
			last.Next = b
			return
		}
		b.Release()
	}
}

func (s *Stream) responseFull() bool {
	b := s.stuck[mux.Server].b
	return b != nil && (b.Next != nil || b.Len() >= s.inspectLimit())
}

// ResponseBytes returns what has been received from the server in mode tcp and
// was not yet forwarded; ok is false for HTTP.
func (s *Stream) ResponseBytes() (b []byte, ok bool) {
	if s.exchange != nil || s.pass == nil {
		return nil, false
	}
	held := s.stuck[mux.Server].b
	if held == nil {
		return nil, true
	}
	b = held.Bytes()
	return b[:min(len(b), s.inspectLimit())], true
}

// ResponseLen returns the bytes of the response that are there.
func (s *Stream) ResponseLen() int64 {
	if b, ok := s.ResponseBytes(); ok {
		return int64(len(b))
	}
	n := int64(0)
	if h := s.h1Head(); h != nil {
		n = headBytes(h)
	}
	if b := s.stuck[mux.Server].b; b != nil {
		n += int64(b.Len())
	}
	return n
}

// dropStuck releases what stands between an endpoint and the other side.
func (s *Stream) dropStuck(side int) {
	for b := s.stuck[side].b; b != nil; b = s.stuck[side].b {
		s.stuck[side].b = b.Next
		b.Next = nil
		b.Release()
	}
	s.stuck[side] = stuck{}
}

// inspectHead makes a response head wait for the rules; it tells whether it
// goes on.
func (s *Stream) inspectHead() bool {
	if !s.look.response.waiting {
		return true
	}
	s.look.response.held = true
	return s.inspectResponse()
}

// inspectionDue ends an inspect-delay; it tells whether there was one.
func (s *Stream) inspectionDue() bool {
	switch r := &s.look.response; {
	case s.look.waiting:
		s.look.expired = true
		s.run()
	case r.waiting && !s.local:
		r.expired = true
		s.serverMoves()
	default:
		return false
	}
	return true
}

// serverMoves goes on with a response that waits for rules: more has come, or
// no more will be waited for.
func (s *Stream) serverMoves() {
	switch r := &s.look.response; {
	case r.held:
		s.headed()
	case s.phase == phaseTunnel:
		s.forwardResponse()
	default:
		s.inspectResponse()
	}
}
