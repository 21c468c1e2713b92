package stream

import (
	"bytes"
	"math"

	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
)

// This file is the persistence cookie: it is looked for behind all request rules,
// and set behind the http-response rules, so that http-after-response sees what
// the client gets.

// cookieState is what persistence knows of a request.
type cookieState struct {
	server  *proxy.Server // whom a rule or the cookie names
	ruled   bool          // a use-server rule did
	ignored bool          // ignore-persist
	last    int64         // dates of the cookie that was used, wall seconds; zero without
	first   int64
	method  message.Method // the request's, whose head is gone when the answer comes
}

// cookieLetters begins the third and fourth letter of the termination state.
func (s *Stream) cookieLetters(be *proxy.Proxy) {
	s.Term[2], s.Term[3] = '-', '-'
	if be.Cookie != nil && be.Cookie.Letters {
		s.Term[2], s.Term[3] = 'N', 'N'
	}
}

// cookieLetter sets letter 2 (request) or 3 (response), where they are shown.
func (s *Stream) cookieLetter(at int, c byte) {
	if s.Term[at] != '-' {
		s.Term[at] = c
	}
}

// cookieLost is called when the request leaves the server that its cookie named.
func (s *Stream) cookieLost() {
	if s.Term[2] == 'V' {
		s.Term[2] = 'D'
	}
}

// requestCookies finds the persistence cookie among the request's and takes out of
// it what servers do not see.
func (s *Stream) requestCookies() {
	ck := s.BE.Cookie
	if ck == nil {
		return
	}
	h := s.Req
	s.cookie.method = h.Method
	for i := h.FindID(message.IDCookie, 0); i >= 0; i = h.FindID(message.IDCookie, i+1) {
		var e message.CookieEdit
		e.Open(h.Fields[i].Value, &s.Arena)
		for e.Next() {
			if bytes.Equal(e.Name, ck.Name) {
				s.requestCookie(ck, &e)
			}
		}
		v := e.Result()
		switch {
		case !e.Changed:
		case len(v) == 0:
			h.DelAt(i)
		default:
			h.ReplaceValue(i, v)
		}
	}
}

// requestCookie is the present cookie of e, which has the name.
func (s *Stream) requestCookie(ck *proxy.Cookie, e *message.CookieEdit) {
	id, cut, tooOld := e.Value, 0, false
	if ck.Mode == proxy.CookiePrefix {
		if i := bytes.IndexByte(id, '~'); i >= 0 {
			id, cut = id[:i], i+1
		}
	} else if i := bytes.IndexByte(id, '|'); i >= 0 {
		s.cookieDates(id[i+1:])
		if id = id[:i]; s.cookieExpired(ck) {
			s.cookie.first, s.cookie.last = 0, 0
			id, tooOld = nil, true
		}
	}
	switch {
	case s.cookie.ignored || s.cookie.ruled:
		s.cookieLetter(2, 'U')
	case s.cookie.server == nil && !tooOld:
		s.findServer(id)
	}
	if cut > 0 {
		e.CutValue(cut)
	} else if ck.Mode == proxy.CookieInsert && ck.Indirect {
		e.Delete()
	}
}

// cookieDates reads what follows the first bar: the date of the last visit and of
// the first one.
func (s *Stream) cookieDates(b []byte) {
	if d := s.cookieDate(b); d != 0 { // reference: of several cookies the last date counts
		s.cookie.last = d
	}
	if i := bytes.IndexByte(b, '|'); i >= 0 {
		if d := s.cookieDate(b[i+1:]); d != 0 {
			s.cookie.first = d
		}
	}
}

// cookieDate reads one date. Reference: it is a signed number of 32 bits, so that
// one beyond 2038 is long ago; here no longer once that year has come.
func (s *Stream) cookieDate(b []byte) int64 {
	d := message.ParseCookieDate(b)
	if d > math.MaxInt32 && s.wallSec() <= math.MaxInt32 {
		d -= 1 << 32
	}
	return d
}

// farFuture is how far in the future a cookie's date may be, in seconds.
const farFuture = 86400

// cookieExpired tells whether the dates of a cookie make it one that no longer
// counts.
func (s *Stream) cookieExpired(ck *proxy.Cookie) bool {
	now := s.wallSec()
	switch {
	case expired(now, s.cookie.first, ck.MaxLife):
		s.cookieLetter(2, 'O')
	case expired(now, s.cookie.last, ck.MaxIdle):
		s.cookieLetter(2, 'E')
	default:
		return false
	}
	return true
}

// findServer looks for the server that the value id names.
func (s *Stream) findServer(id []byte) {
	letter := byte('I')
	if s.Term[2] != 'N' { // reference: what was found wrong with the first of them stays
		letter = s.Term[2]
	}
	if len(id) > 0 {
		for _, srv := range s.BE.ByCookie(id) {
			if !srv.Stopped() {
				letter, s.cookie.server = 'V', srv
				break
			}
			letter = 'D'
			if s.reaches(srv) {
				s.cookie.server = srv
				break
			}
		}
	}
	s.cookieLetter(2, letter)
}

// expired tells whether a date is older than most seconds, or far in the future.
// No date is in time, as is any without a limit.
func expired(now, date, most int64) bool {
	return most > 0 && date != 0 && (now-date > most || date-now > farFuture)
}

func (s *Stream) wallSec() int64 { return s.W.Loop.WallNano(s.W.Loop.Now()) / 1e9 }

// responseCookies looks at what the server sets and gives the client its cookie.
func (s *Stream) responseCookies() {
	ck := s.BE.Cookie
	if ck == nil || s.Server == nil || s.Server == s.BE.Direct || s.cookie.ignored {
		return
	}
	h := s.Res
	for i := h.FindID(message.IDSetCookie, 0); i >= 0; i = h.FindID(message.IDSetCookie, i+1) {
		s.serverCookie(ck, h, i)
	}
	if ck.Mode != proxy.CookieInsert ||
		ck.PostOnly && s.cookie.method != message.POST || ck.Preserve && s.Term[3] == 'P' {
		return
	}
	if !s.Direct {
		s.cookie.first = 0
		s.insertCookie(ck, h, 'I')
	} else if !s.cookie.ruled && s.cookieStale(ck) {
		s.insertCookie(ck, h, 'U')
	}
}

// serverCookie treats one set-cookie field.
func (s *Stream) serverCookie(ck *proxy.Cookie, h *message.Head, i int) {
	v := h.Fields[i].Value
	c, ok := message.SetCookie(v)
	if !ok {
		return
	}
	if c.Begin > len(c.Name)+1 { // reference: blanks around "=" go
		v = s.spliced(v, len(c.Name), c.Begin, "", "")
		h.ReplaceValue(i, v)
		c, _ = message.SetCookie(v)
	}
	if !bytes.Equal(c.Name, ck.Name) {
		return
	}
	s.cookieLetter(3, 'P')
	id := s.Server.Cookie
	switch {
	case !ck.Preserve && (ck.Mode == proxy.CookieInsert || ck.Indirect && s.Direct):
		h.DelAt(i)
		s.cookieLetter(3, 'D')
	case ck.Mode == proxy.CookieRewrite && id != "":
		h.ReplaceValue(i, s.spliced(v, len(c.Name), c.End, id, ""))
		s.cookieLetter(3, 'R')
	case ck.Mode == proxy.CookiePrefix && id != "":
		h.ReplaceValue(i, s.spliced(v, len(c.Name), c.Begin, id, "~"))
		s.cookieLetter(3, 'R')
	}
}

// spliced is a set-cookie value with id in the place of what stands between the
// name and from.
func (s *Stream) spliced(v []byte, name, from int, id, delimiter string) []byte {
	b := s.Arena.Rest(len(v) + len(id) + 2)
	b = append(append(b, v[:name]...), '=')
	b = append(append(b, id...), delimiter...)
	return s.Arena.Keep(append(b, v[from:]...))
}

// cookieStale tells whether the cookie that the client has needs other dates.
// Reference: a date that it should not have goes as well.
func (s *Stream) cookieStale(ck *proxy.Cookie) bool {
	c := &s.cookie
	if c.last != 0 && c.last < s.wallSec() || c.last == 0 && ck.MaxIdle > 0 {
		return true
	}
	return (ck.MaxLife > 0) != (c.first != 0)
}

// expiredCookie is sent by servers without a cookie: the client forgets its own.
const expiredCookie = "; Expires=Thu, 01-Jan-1970 00:00:01 GMT"

// insertCookie gives the client the server's cookie.
func (s *Stream) insertCookie(ck *proxy.Cookie, h *message.Head, letter byte) {
	id := s.Server.Cookie
	b := s.Arena.Rest(len(ck.Name) + len(id) + len(expiredCookie) + len(ck.Tail) + 2*message.CookieDateLen + 3)
	b = append(append(append(b, ck.Name...), '='), id...)
	switch {
	case id == "":
		b = append(b, expiredCookie...)
	case ck.Dated():
		now := s.wallSec()
		b = message.AppendCookieDate(append(b, '|'), now)
		if ck.MaxLife > 0 {
			if s.cookie.first != 0 {
				now = s.cookie.first
			}
			b = message.AppendCookieDate(append(b, '|'), now)
		}
	}
	cacheable := ck.NoCache && message.Cacheable(s.cookie.method, h)
	h.AddID(message.IDSetCookie, s.Arena.Keep(append(b, ck.Tail...)))
	s.cookieLetter(3, letter)
	if cacheable {
		h.Add(cacheControl, private)
	}
}

var cacheControl, private = []byte("cache-control"), []byte("private")
