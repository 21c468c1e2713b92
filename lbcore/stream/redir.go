package stream

import (
	"gohap/lbcore/message"
)

// redirected answers for a server that clients are sent to (redir), and tells
// whether it did. Reference: only GET and HEAD; the answer is a redirection's with
// its fields in another order.
func (s *Stream) redirected() bool {
	m := s.reqHead.Method
	if s.Server.Redir == nil || m != message.GET && m != message.HEAD {
		return false
	}
	h := &s.resHead
	h.Reset()
	h.Response, h.Status = true, 302
	h.Major, h.Minor = 1, 1
	h.Reason = message.Reason(302)
	h.AddID(message.IDCacheControl, noCache)
	s.length(h, 0)
	path, _ := s.reqHead.PathQuery()
	if path == nil {
		path = []byte("/")
	}
	where := append(s.Arena.Rest(1024), s.Server.Redir...)
	h.AddID(message.IDLocation, s.Arena.Keep(append(where, path...)))
	s.terminate('L', 'C')
	s.answer(nil)
	return true
}
