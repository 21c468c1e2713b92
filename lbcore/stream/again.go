package stream

import (
	"gohap/lbcore/buffer"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
)

// This file is retry-on: requests that are sent again after a server took them.
// What is sent is kept beside: its head in the stream's arena, its body in a
// buffer, up to what a buffer takes (tune.bufsize). One that is larger, or whose
// answer has begun to leave, is not sent again.

// kept is a request as it was sent.
type kept struct {
	head message.Head
	body *buffer.Buffer // as much as was sent
	on   bool
}

// keep remembers the request that is about to be sent for the first time.
func (s *Stream) keep(b *buffer.Buffer) {
	if !s.BE.RetryOn.Late() || s.NoRetry || s.MostRetries() <= s.Retries || s.kept.on {
		return
	}
	k := &s.kept
	fields := k.head.Fields[:0]
	k.head = *s.Req
	k.head.MethodText, k.head.Target = s.Arena.Copy(s.Req.MethodText), s.Arena.Copy(s.Req.Target)
	k.head.VersionText = s.Arena.Copy(s.Req.VersionText)
	for i := range s.Req.Fields {
		f := s.Req.Fields[i]
		if f.Flags&message.FieldDeleted != 0 {
			continue
		}
		f.Name, f.Value = s.Arena.Copy(f.Name), s.Arena.Copy(f.Value)
		f.Flags &^= message.FieldVerbatim
		fields = append(fields, f)
	}
	k.head.Fields, k.on = fields, true
	if s.Req.VersionText == nil {
		k.head.VersionText = nil
	}
	s.keepBody(b)
}

// keepBody remembers a piece of body that is about to be sent.
func (s *Stream) keepBody(b *buffer.Buffer) {
	k := &s.kept
	if !k.on || b == nil || b.Len() == 0 {
		return
	}
	if k.body == nil {
		k.body = s.W.Loop.Buffers.Get()
	}
	if k.body.Len()+b.Len() > s.bodyLimit() || !k.body.Append(b.Bytes()) {
		s.forget()
	}
}

// forget gives the kept request up: it will not be sent again.
func (s *Stream) forget() {
	s.kept.body.Release()
	s.kept.body, s.kept.on = nil, false
}

// sendAgain begins another attempt after a failure that retry-on names. It
// reports false when there is none to be made. Reference: it counts as a retry
// of the server that failed, and once more as any attempt does.
func (s *Stream) sendAgain(why proxy.RetryOn) bool {
	if !s.kept.on || s.BE.RetryOn&why == 0 || s.Retries >= s.MostRetries() {
		return false
	}
	s.dropServer()
	s.countBackend(proxy.Retries)
	s.Retries++
	s.first.Release()
	s.first = s.W.Loop.Buffers.Get() // what is held was not sent yet: it follows
	if s.kept.body != nil {
		s.first.Append(s.kept.body.Bytes())
	}
	s.Req, s.Ctx.Request = &s.kept.head, &s.kept.head
	s.reqSent, s.reqWait = false, false
	s.Times.Response = 0
	s.phase = phaseServer
	if s.redispatches() {
		s.moveOn()
	} else {
		s.countBackend(proxy.Retries)
		s.chooseServer()
	}
	return true
}

// retryLimit is what set-retries says, for one backend.
type retryLimit struct {
	of   *proxy.Proxy
	most int
}

// SetRetries says how often the stream tries again. Reference: it holds while the
// request stays with the proxy whose rules said so.
func (s *Stream) SetRetries(most int) {
	of := s.BE
	if of == nil {
		of = s.FE
	}
	s.retryLimit = retryLimit{of, most}
}

// MostRetries is how often the stream may try again in all; it has a backend.
func (s *Stream) MostRetries() int {
	if s.retryLimit.of == s.BE {
		return s.retryLimit.most
	}
	return s.BE.Retries
}
