package stream

import (
	"bytes"

	"gohap/lbcore/acl"
	"gohap/lbcore/buffer"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
)

// This file is how a request is answered by a service: an applet that makes its
// answer piece by piece, as the statistics page does. Reference: the log names it
// in the server's place and all its times are zero.

// Service answers requests (http-request use-service). It is the Impl of a row of
// class keyword.Service.
type Service interface {
	// Serve begins the answer by Stream.Serve and returns rule.Answer, or has the
	// rule wait with rule.Suspend. Loop only.
	Serve(s *Stream) rule.Verdict
}

// Statistics is what serves the statistics pages of an instance.
type Statistics interface {
	// Page answers a request for p's page, whose rules and users let it pass; admin
	// tells that it may change servers. It is called again when it had the stream
	// wait by rule.Suspend. Loop only.
	Page(s *Stream, p *proxy.Proxy, admin bool) rule.Verdict
}

// service is an answer that a service has begun.
type service struct {
	name  string // what the log calls it, "" without one
	begun bool
	from  Producer
	body  []byte
	rules bool // http-response rules see the answer
}

// ServiceName returns what the log shows in the server's place for a request that
// a service answers: "<STATS>"; "" for others.
func (s *Stream) ServiceName() string { return s.service.name }

// Served says how a service answers.
type Served struct {
	Name string // "<PROMEX>"
	// From makes the body, in chunks; nil for Body, whose length is known.
	From Producer
	Body []byte
	// Rules: the http-response rules see the answer.
	Rules bool
	// Close: it is the client connection's last one.
	Close bool
}

// Serve begins a service's answer and returns its head, 200 in HTTP/1.1, for the
// caller to add fields to; what it adds must stay until the head is sent. The
// caller returns rule.Answer.
func (s *Stream) Serve(v Served) *message.Head {
	s.reached()
	s.Times.Response = s.W.Loop.Now()
	s.service = service{name: v.Name, begun: true, from: v.From, body: v.Body, rules: v.Rules}
	h := &s.resHead
	h.Reset()
	h.Response, h.Status = true, 200
	h.Major, h.Minor, h.Reason = 1, 1, reasonOK
	switch {
	case v.From != nil && s.Req.Version11():
		h.Flags |= message.Chunked
		h.BodyLen = -1
	case v.From != nil:
		h.Flags |= message.UntilClose
		h.BodyLen = -1
	default:
		h.Flags |= message.HasLength
		h.BodyLen = int64(len(v.Body))
	}
	if v.Close {
		s.closes()
	}
	s.terminate('L', 'R')
	return h
}

// reached sets the times of a request that an applet takes.
func (s *Stream) reached() {
	now := s.W.Loop.Now()
	s.Times.Rules, s.Times.Queue, s.Times.Connect = now, now, now
}

var reasonOK = []byte("OK")

// sendService sends the answer that a service began.
func (s *Stream) sendService() {
	v := s.service
	s.service.begun, s.service.from, s.service.body = false, nil, nil
	s.respond(v.body, v.from)
}

// Text yields text as a Producer; it is used up by that.
type Text []byte

// Produce implements Producer.
func (t *Text) Produce(b *buffer.Buffer) bool {
	n := copy(b.Room(), *t)
	b.W += n
	*t = (*t)[n:]
	return len(*t) == 0
}

// Park keeps what a waiting service needs to go on with; Parked returns it. It is
// gone with the exchange.
func (s *Stream) Park(v any)  { s.parked = v }
func (s *Stream) Parked() any { return s.parked }

// Later returns a function that has f run on the stream's loop, once, unless the
// stream is gone by then: for work that is done elsewhere. Any goroutine may call
// what it returns.
func (s *Stream) Later(f func()) func() {
	id, l := s.ID, s.W.Loop
	return func() {
		l.Post(func() {
			if s.ID == id && s.phase != ended {
				f()
			}
		})
	}
}

// statsPage answers a request for p's statistics page; it tells whether to go on
// because it is none. Reference: the page comes behind the http-request rules,
// whatever these allow, and in front of redirect.
func (s *Stream) statsPage(p *proxy.Proxy) bool {
	page := p.Stats
	if page == nil || s.W.Statistics == nil || !s.pageFound && !s.isPage(page) {
		return true
	}
	if !s.pageFound && !s.pageAdmins(page) {
		s.ruleAt, s.suspended = len(p.HTTPReqRules), true
		return false
	}
	s.pageFound = true
	s.service.name = "<STATS>"
	s.reached()
	at, v := page.Rules.Run(&s.Ctx, s.pageRule)
	if v == rule.Continue || v == rule.Stop {
		at = len(page.Rules)
		if v = s.pageUser(page); v == rule.Continue {
			v = s.W.Statistics.Page(s, p, s.pageAdmin)
		}
	}
	if v == rule.Suspend {
		s.pageRule = at
		s.ruleAt, s.suspended = len(p.HTTPReqRules), true
		return false
	}
	s.pageFound, s.pageRule = false, 0
	return s.ruled(0, v)
}

// pageAdmins tells whether the conditions of stats admin could be decided; their
// outcome is in pageAdmin. Reference: they see the request as it came to the page,
// not what its rules make of it.
func (s *Stream) pageAdmins(page *proxy.StatsPage) bool {
	s.pageAdmin = false
	for _, c := range page.Admin {
		s.Ctx.Deferred = false
		pass := c.Eval(&s.Ctx) == acl.Pass
		if s.Ctx.Deferred {
			return false
		}
		if pass {
			s.pageAdmin = true
			break
		}
	}
	return true
}

// isPage tells whether the request is for a statistics page.
func (s *Stream) isPage(page *proxy.StatsPage) bool {
	h := s.Req
	if h.Method != message.GET && h.Method != message.HEAD && h.Method != message.POST {
		return false
	}
	target := h.Target
	if len(target) > 0 && target[0] != '/' {
		u := message.SplitURI(target)
		target = u.PathQuery
	}
	return bytes.HasPrefix(target, page.URI)
}

// pageUser asks for a user and a password where the page has users.
func (s *Stream) pageUser(page *proxy.StatsPage) rule.Verdict {
	if page.Users == nil {
		return rule.Continue
	}
	name, password, ok := s.BasicUser()
	if ok && page.Users.Allowed(name, password) != nil {
		return rule.Continue
	}
	s.Intercept()
	return s.Challenge([]byte(`Basic realm="` + page.Realm + `"`))
}
