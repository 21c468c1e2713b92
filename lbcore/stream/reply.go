package stream

import (
	"strconv"

	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/rule"
)

// fail answers with the error page of a status: the backend's, the
// frontend's or the built-in one.
func (s *Stream) fail(status int) {
	if s.exchange == nil {
		s.Status = -1
		s.abort() // nothing can be said in mode tcp
		return
	}
	s.errorReply(status)
}

// errorReply answers with the page configured for a status.
func (s *Stream) errorReply(status int) {
	if r := s.page(status); r != nil {
		s.sendReply(r)
		return
	}
	p := message.ErrorPage(status)
	if p == nil {
		p = message.ErrorPage(500)
	}
	p.Head(&s.resHead)
	if p.Close {
		s.closes()
	}
	s.answer(p.Text())
}

// errorHead fills resHead with the page of a status that is not sent, and
// returns its body; the head is no response where the page is silence.
func (s *Stream) errorHead(status int) []byte {
	s.resHead.Reset()
	if r := s.page(status); r != nil {
		if r.Silent {
			return nil
		}
		return s.fill(r)
	}
	p := message.ErrorPage(status)
	p.Head(&s.resHead)
	if p.Close {
		s.closes()
	}
	return p.Text()
}

// closes makes a page the client connection's last answer.
func (s *Stream) closes() {
	s.BytesOut += int64(len("connection") + len("close")) // reference: the page has that field
	if c, ok := s.exchange.(interface{ CloseAfter() }); ok {
		c.CloseAfter()
	}
}

// page finds a configured page: the backend's setting wins.
func (s *Stream) page(status int) *rule.Reply {
	if s.BE != nil {
		if r := s.BE.ErrorPage(status); r != nil {
			return r
		}
	}
	return s.FE.ErrorPage(status)
}

// Page returns the reply for a status as rules see it: configured, or nil for
// the built-in one.
func (s *Stream) Page(status int) *rule.Reply { return s.page(status) }

// sendReply answers with a reply.
func (s *Stream) sendReply(r *rule.Reply) {
	switch {
	case r == nil:
		s.fail(500)
		return
	case r.Silent: // reference: the log keeps the code, no byte is sent
		s.Status = r.Counts()
		s.status(s.Status)
		s.abort()
		return
	case r.Builtin:
		if p := s.page(r.Status); p != nil && p != r {
			s.sendReply(p)
			return
		}
		s.errorReply(r.Status)
		return
	}
	body := s.fill(r)
	s.stands = r.Code
	s.answer(body)
}

// fill writes a reply's head into resHead and returns its body.
func (s *Stream) fill(r *rule.Reply) []byte {
	h := &s.resHead
	h.Reset()
	h.Response, h.Status = true, r.Status
	h.Major, h.Minor = 1, 1
	if r.Major != 0 {
		h.Major, h.Minor = r.Major, r.Minor
	}
	h.Reason = r.ReasonText()
	if r.Close {
		s.closes()
	}
	body := r.Body
	if r.Content != nil {
		body = s.Arena.Keep(r.Content.Append(s.Arena.Rest(1024), &s.Ctx))
	}
	if r.Location != nil {
		s.redirect(h, r.Location)
		return nil
	}
	for i := range r.Headers {
		v := s.Arena.Keep(r.Headers[i].Value.Append(s.Arena.Rest(256), &s.Ctx))
		if len(v) > 0 { // reference: what is empty is left out
			h.Add(r.Headers[i].Name, v)
		}
	}
	if !r.Complete {
		s.length(h, len(body))
		if len(body) > 0 && r.ContentType != "" {
			h.AddID(message.IDContentType, s.Arena.Copy([]byte(r.ContentType)))
		}
	}
	h.Fields = append(h.Fields, r.Fields...)
	switch {
	case r.UntilClose:
		h.BodyLen = -1
		h.Flags |= message.UntilClose
	case r.Complete:
		h.BodyLen = int64(len(body))
		h.Flags |= message.HasLength
	}
	return body
}

func (s *Stream) length(h *message.Head, n int) {
	h.AddID(message.IDContentLength, s.Arena.Keep(strconv.AppendInt(s.Arena.Rest(20), int64(n), 10)))
	h.Flags |= message.HasLength
	h.BodyLen = int64(n)
}

// redirect fills the head of a redirection. Reference: content-length: 0,
// location, then cache-control: no-cache for the temporary ones.
func (s *Stream) redirect(h *message.Head, l *rule.Location) {
	s.length(h, 0)
	where := s.Arena.Keep(l.Append(&s.Ctx, s.Arena.Rest(1024)))
	h.AddID(message.IDLocation, where)
	if l.NoCache {
		h.AddID(message.IDCacheControl, noCache)
	}
	if l.Cookie != "" {
		h.AddID(message.IDSetCookie, s.Arena.Copy([]byte(l.Cookie)))
	}
	if l.CookieFormat != nil {
		h.AddID(message.IDSetCookie, s.Arena.Keep(l.CookieFormat.Append(s.Arena.Rest(256), &s.Ctx)))
	}
}

var noCache = []byte("no-cache")

// answer sends resHead and a body from here, through the same response path as
// a server's answer.
func (s *Stream) answer(body []byte) {
	s.service.rules = false
	s.respond(body, nil)
}

// respond sends resHead and a body that is at hand, or that is made piece by
// piece.
func (s *Stream) respond(body []byte, from Producer) {
	s.dropServer()
	s.dropStuck(int(mux.Server))
	s.challengeHead()
	if s.reqHead != nil && s.reqHead.Method == message.HEAD {
		s.resHead.Flags |= message.NoBody
		body, from = nil, nil
	}
	s.applet.begin(s, body, from)
	s.sv, s.local = &s.applet, true
	s.setResponse(&s.resHead)
	if s.stands != 0 { // reference: the log has the error, whatever its page says
		s.Status, s.stands = s.stands, 0
	}
	s.phase = phaseResponse
	s.clDeadline = 0
	s.responseRules()
}

// Tarpit holds the client for timeout tarpit, then answers.
func (s *Stream) Tarpit(r *rule.Reply) {
	p := s.FE
	if s.BE != nil {
		p = s.BE
	}
	s.terminate('P', 'T')
	s.Reply = r
	s.phase = phaseTarpit
	s.Times.Tarpit = s.W.Loop.Now()
	d := p.Timeouts.Tarpit
	if d == 0 {
		d = p.Timeouts.Connect
	}
	s.wake = s.after(int64(d))
	if s.wake == 0 {
		s.endTarpit()
	}
}

func (s *Stream) endTarpit() {
	s.phase = phaseFrontRules
	s.sendReply(s.Reply)
}

// Answer leaves a reply for the rule set that is running: its action returns
// rule.Answer then. cause and phase are letters of the termination state.
func (s *Stream) Answer(r *rule.Reply, cause, phase byte) rule.Verdict {
	s.terminate(cause, phase)
	s.Reply = r
	return rule.Answer
}
