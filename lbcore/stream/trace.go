package stream

import (
	"strconv"

	"gohap/lbcore/buffer"
	"gohap/lbcore/certs"
	"gohap/lbcore/mux"
	"gohap/lbcore/trace"
)

// sessionKey names one session among all: the objects serve one after the other.
type sessionKey struct {
	ss *Session
	at int64
}

// Traced implements mux.Traced.
func (ss *Session) Traced(a *trace.About) {
	a.Thread = ss.W.Loop.ID
	a.Of[trace.Frontend], a.Of[trace.Thread] = ss.FE, a.Thread
	a.Of[trace.Session] = sessionKey{ss, ss.AcceptedAt}
	if ss.acceptor != nil {
		a.Of[trace.Listener] = ss.acceptor.Bind
	}
	a.Print = func(dst []byte, verbosity int) []byte {
		if verbosity < 2 {
			return dst
		}
		if src := ss.Source(); src.IsValid() {
			dst = appendEndpoint(append(dst, " - src="...), src)
		}
		return append(append(dst, " fe="...), ss.FE.Name...)
	}
}

// printing appends to what is printed of an event.
func printing(a *trace.About, f func(dst []byte, verbosity int) []byte) {
	before := a.Print
	if before == nil {
		a.Print = f
		return
	}
	a.Print = func(dst []byte, verbosity int) []byte { return f(before(dst, verbosity), verbosity) }
}

// tell tells of an event of the session.
func (ss *Session) tell(ev trace.Mask, level trace.Level, text string) {
	a := &trace.About{Side: 'F'}
	ss.Traced(a)
	if print := a.Print; print != nil { // the source's own verbosity has one step
		a.Print = func(dst []byte, verbosity int) []byte { return print(dst, verbosity+1) }
	}
	ss.W.Trace.Session.Emit(ev, level, text, a)
}

// tellTLS tells of an event of the session's TLS.
func (ss *Session) tellTLS(ev trace.Mask, level trace.Level, text string, p *certs.Problem) {
	a := &trace.About{Side: 'F'}
	ss.Traced(a)
	a.Of[trace.Connection] = a.Of[trace.Session]
	printTLS(a, p, func(dst []byte) []byte {
		if t := ss.TLS(); t != nil && p == nil && ev != trace.SSLNew {
			dst = append(append(dst, " sni="...), t.State().ServerName...)
			dst = append(append(dst, " alpn="...), t.State().NegotiatedProtocol...)
			dst = append(dst, " resumed="...)
			return strconv.AppendBool(dst, t.State().DidResume)
		}
		return dst
	})
	ss.W.Trace.SSL.Emit(ev, level, text, a)
}

// printTLS adds what went wrong from the verbosity "simple" on, details of the
// handshake from "advanced" on.
func printTLS(a *trace.About, p *certs.Problem, details func(dst []byte) []byte) {
	printing(a, func(dst []byte, verbosity int) []byte {
		if p != nil && verbosity >= 3 {
			dst = append(append(dst, " - "...), certs.ConnText(p.Conn)...)
			if text := p.String(); text != "" {
				dst = append(append(append(dst, " ("...), text...), ')')
			}
		}
		if verbosity >= 4 {
			dst = details(dst)
		}
		return dst
	})
}

// Traced implements mux.Traced.
func (s *Stream) Traced(a *trace.About) {
	if s.phase == ended {
		return
	}
	s.Sess.Traced(a)
	a.Of[trace.Own] = s.ID
	if s.BE != nil {
		a.Of[trace.Backend] = s.BE
	}
	if s.Server != nil {
		a.Of[trace.Server] = s.Server
	}
	printing(a, func(dst []byte, verbosity int) []byte {
		if verbosity < 2 {
			return dst
		}
		if s.BE != nil {
			dst = append(append(dst, " be="...), s.BE.Name...)
		}
		if s.Server != nil {
			dst = append(append(dst, " srv="...), s.Server.Name...)
		}
		return dst
	})
}

// tell tells of an event of the stream.
func (s *Stream) tell(ev trace.Mask, level trace.Level, text string) {
	a := &trace.About{}
	s.Traced(a)
	before := a.Print
	a.Print = func(dst []byte, verbosity int) []byte {
		if verbosity >= 1 {
			dst = append(dst, " : ["...)
			dst = append(append(dst, s.Term[:]...), ']')
		}
		if before != nil {
			dst = before(dst, verbosity)
		}
		if verbosity >= 3 {
			dst = append(append(dst, " - \""...), s.Method...)
			dst = append(append(append(dst, ' '), s.URI...), '"')
			dst = strconv.AppendInt(append(dst, " status="...), int64(s.Status), 10)
		}
		if verbosity >= 4 {
			dst = strconv.AppendInt(append(dst, " in="...), s.BytesIn, 10)
			dst = strconv.AppendInt(append(dst, " out="...), s.BytesOut, 10)
			dst = strconv.AppendInt(append(dst, " ms="...), ms(s.W.Loop.Now()-s.Times.Begin), 10)
		}
		return dst
	}
	s.W.Trace.Stream.Emit(ev, level, text, a)
}

// tellReceived tells of a piece of body, or of bytes in mode tcp.
func (s *Stream) tellReceived(side mux.Side, b *buffer.Buffer) {
	a := &trace.About{}
	s.Traced(a)
	a.Side = "FB"[side]
	a.Of[trace.Own] = nil
	a.Of[trace.Connection] = a.Of[trace.Session]
	if side == mux.Server {
		a.Of[trace.Connection] = s.sv
	}
	printing(a, func(dst []byte, verbosity int) []byte { return mux.AppendData(dst, b, verbosity) })
	if s.passes(side) {
		s.W.Trace.Pass.Emit(trace.PassRx, trace.Data, "data received", a)
	} else {
		s.W.Trace.H1.Emit(trace.H1RxData|trace.H1Recv, trace.Data, "data received", a)
	}
}

// passes tells whether the bytes of a side are unframed.
func (s *Stream) passes(side mux.Side) bool {
	if side == mux.Client {
		return s.exchange == nil
	}
	return s.h1s == nil
}

// tellEnd tells that a message has been received.
func (s *Stream) tellEnd(side mux.Side) {
	a := &trace.About{}
	s.Traced(a)
	a.Side, a.Of[trace.Own] = "FB"[side], nil
	a.Of[trace.Connection] = a.Of[trace.Session]
	text := "H1 request fully rcvd"
	if side == mux.Server {
		a.Of[trace.Connection], text = s.sv, "H1 response fully rcvd"
	}
	s.W.Trace.H1.Emit(trace.H1RxEnd, trace.User, text, a)
}

// tellServerTLS tells of an event of the TLS with the server.
func (s *Stream) tellServerTLS(ev trace.Mask, level trace.Level, text string, p *certs.Problem) {
	a := &trace.About{}
	s.Traced(a)
	a.Side, a.Of[trace.Connection] = 'B', s.sv
	printTLS(a, p, func(dst []byte) []byte {
		if t := s.ServerTLS(); t != nil && p == nil {
			dst = append(dst, " resumed="...)
			return strconv.AppendBool(dst, t.State().DidResume)
		}
		return dst
	})
	s.W.Trace.SSL.Emit(ev, level, text, a)
}

var _ mux.Traced = (*Session)(nil)
var _ mux.Traced = (*Stream)(nil)
