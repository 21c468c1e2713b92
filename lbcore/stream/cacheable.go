package stream

import (
	"gohap/lbcore/log"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
)

// This file is option checkcache: an answer with a cookie that a cache between here
// and the client would keep, and give to others, is refused.

// setsCookie tells whether the server's answer has a cookie that option checkcache
// has to look after.
func (s *Stream) setsCookie() bool {
	return s.BE.Has(proxy.OptCheckCache) && s.Res.FindID(message.IDSetCookie, 0) >= 0
}

// refuseCookie refuses the answer if caches may keep its cookie and tells whether it
// did. Reference: it is an alert.
func (s *Stream) refuseCookie() bool {
	if m, _ := s.RequestMethod(); !message.CookieCacheable(m, s.Res) {
		return false
	}
	s.Deny(true)
	if lg := s.BE.Logging; lg != nil {
		text := append(s.Arena.Rest(256), "Blocking cacheable cookie in response from instance "...)
		text = append(append(append(text, s.BE.Name...), ", server "...), s.Server.Name...)
		s.W.Logs.Emit(lg.Loggers, &log.Message{Level: log.Alert, Time: s.W.wall(), Tag: lg.Tag, Text: append(text, '.')})
	}
	s.terminate('P', 'H')
	s.replaceResponse()
	s.fail(502)
	return true
}
