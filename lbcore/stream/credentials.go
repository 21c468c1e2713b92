package stream

import (
	"slices"

	"gohap/lbcore/auth"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
)

// credentials has the password of a request verified for the lists that are
// asked where nothing can wait (monitor fail, use-server, formats). It tells
// whether to go on. Rules ask for themselves, when they come to it.
func (s *Stream) credentials(p *proxy.Proxy) bool {
	for _, l := range p.Userlists {
		if s.AskList(l) {
			s.suspended = true
			return false
		}
	}
	return true
}

// AskList is Ask for the request's own user and password.
func (s *Stream) AskList(list any) bool {
	l, _ := list.(*auth.List)
	name, password, ok := s.BasicUser()
	return l != nil && ok && s.Ask(l, name, password)
}

// Ask tells whether the outcome of a password has to be waited for: hashing is
// slow, so a goroutine does it, one at a time for a stream, and then resumes it
// at the rule that asked. A password that was found wrong is not hashed again
// for this request, one that was right is known to the list.
func (s *Stream) Ask(l *auth.List, name, password []byte) bool {
	if s.hashing {
		return true
	}
	if s.phase < phaseInspect || s.phase > phaseBackRules {
		return false // nothing can wait
	}
	u := l.User(name)
	if u == nil || u.Plain || u.Secret == "" || l.Remembers(u, password) {
		return false
	}
	d := l.Digest(u, password)
	if slices.Contains(s.wrong, d) {
		return false
	}
	s.verify(l, u, d, string(password))
	return true
}

// verify has a password hashed.
func (s *Stream) verify(l *auth.List, u *auth.User, digest [32]byte, password string) {
	s.hashing = true
	id, lp := s.ID, s.W.Loop
	l.Verify(u, password, func(ok bool) {
		lp.Post(func() {
			if s.ID != id || s.phase == ended {
				return // the stream went, the object may be another's
			}
			s.hashing = false
			if !ok {
				s.wrong = append(s.wrong, digest)
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
	s.challenge, s.challenging = nil, true
}

var wwwAuthenticate = []byte("www-authenticate")
