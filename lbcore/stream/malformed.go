package stream

import (
	"gohap/lbcore/h1"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
)

var (
	_ mux.Examiner = (*Session)(nil)
	_ mux.Examiner = (*Stream)(nil)
)

// malformed is what both sides have in common.
func (ss *Session) malformed(received []byte, f h1.Failure) proxy.Malformed {
	return proxy.Malformed{Time: ss.W.wall(), Source: ss.Source(), Received: received, Pos: f.Pos, State: f.State(), Reason: f.Reason,
		BufSize: ss.W.Limits.BufSize}
}

// Malformed implements mux.Examiner for requests that never became a stream.
func (ss *Session) Malformed(_ mux.Side, received []byte, f h1.Failure) {
	ss.FE.KeepMalformed(ss.W.Proc, false, ss.malformed(received, f))
}

// Malformed implements mux.Examiner.
func (s *Stream) Malformed(side mux.Side, received []byte, f h1.Failure) {
	if side == mux.Client {
		s.Sess.Malformed(side, received, f)
		return
	}
	m := s.Sess.malformed(received, f)
	m.Other, m.Server = s.FE, s.Server
	s.BE.KeepMalformed(s.W.Proc, true, m)
}
