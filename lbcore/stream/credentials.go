package stream

import (
	"slices"

	"gohap/lbcore/auth"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
)

// credentials has the password of a request verified before the rules of a
// proxy run that ask for it: hashing is slow, so the rules wait for a goroutine
// that does it, once a request and list. It tells whether to go on.
func (s *Stream) credentials(p *proxy.Proxy) bool {
	for _, l := range p.Userlists {
		if slices.Contains(s.refusedBy, l) {
			continue
		}
		name, password, ok := s.BasicUser()
		if !ok {
			return true
		}
		u := l.User(name)
		if u == nil || u.Plain || u.Secret == "" || l.Remembers(u, password) {
			continue
		}
		s.verify(l, u, string(password))
		return false
	}
	return true
}

// verify suspends the rules until a password was hashed.
func (s *Stream) verify(l *auth.List, u *auth.User, password string) {
	s.suspended = true
	id, lp := s.ID, s.W.Loop
	l.Verify(u, password, func(ok bool) {
		lp.Post(func() {
			if s.ID != id || s.phase == ended {
				return // the stream went, the object may be another's
			}
			if !ok {
				s.refusedBy = append(s.refusedBy, l)
			}
			s.Resume()
		})
	})
}

// BasicUser returns the user and password of a request's Basic authorization,
// in the arena.
func (s *Stream) BasicUser() (name, password []byte, ok bool) {
	if s.Req == nil {
		return nil, nil, false
	}
	at := s.Req.FindID(message.IDAuthorization, 0)
	if at < 0 {
		return nil, nil, false
	}
	return auth.Basic(s.Req.Fields[at].Value, s.Arena.Alloc)
}

// Challenge leaves the 401 that asks the client for a user and a password, for
// the rule set that is running.
func (s *Stream) Challenge(value []byte) rule.Verdict {
	s.challenge = value
	return s.Answer(unauthorized, 'L', 'R')
}

var unauthorized = &rule.Reply{Status: 401, Builtin: true}

// challengeHead adds the challenge to the head of an answer. Reference: it takes
// the place of those that a configured page has.
func (s *Stream) challengeHead() {
	if s.challenge == nil {
		return
	}
	s.resHead.Del(wwwAuthenticate)
	s.resHead.Add(wwwAuthenticate, s.challenge)
	s.challenge = nil
}

var wwwAuthenticate = []byte("www-authenticate")
