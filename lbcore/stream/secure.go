package stream

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore/certs"
	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/lbcore/trace"
	"gohap/lbcore/transport"
)

// TLS returns the TLS of the client's connection, nil for a plain one.
func (ss *Session) TLS() *transport.TLS {
	switch {
	case !ss.is(secured):
		return nil
	case ss.extra != nil && ss.extra.opening != nil:
		return ss.extra.opening.tls
	case ss.tcp != nil:
		if c, ok := ss.tcp.cl.(*mux.Pass); ok {
			return c.TLS()
		}
	}
	return ss.h1.TLS()
}

// Secured tells whether the client's connection speaks TLS, or tried to.
func (ss *Session) Secured() bool { return ss.is(secured) }

// Problem returns why the client's connection was not opened, nil when it was.
func (ss *Session) Problem() *certs.Problem {
	if ss.extra == nil {
		return nil
	}
	return ss.extra.problem
}

// Handshakes is how long the handshakes of the client's connection took, ns.
func (ss *Session) Handshakes() int64 {
	if t := ss.TLS(); t != nil && t.Stood() != 0 {
		return t.Stood() - ss.AcceptedAt
	}
	return 0
}

// ServerTLS returns the TLS of the server's connection, nil for a plain one.
func (s *Stream) ServerTLS() *transport.TLS {
	switch c := s.sv.(type) {
	case *mux.H1Server:
		return c.TLS()
	case *mux.Pass:
		return c.TLS()
	}
	return nil
}

// handshook counts a handshake with a client that is over.
func (ss *Session) handshook(t *transport.TLS) {
	if ss.W.Trace.SSL.On() {
		ss.tellTLS(trace.SSLHandshake, trace.User, "SSL handshake done", nil)
	}
	resumed := t.State().DidResume
	ss.W.Proc.SSL.Front(ss.W.Loop.Now(), resumed)
	if resumed {
		ss.count(proxy.SSLReused, 1)
		return
	}
	ss.count(proxy.SSLSess, 1)
	switch t.Stapled() {
	case certs.StapleSent:
		ss.count(proxy.Stapled, 1)
	case certs.StapleMissing, certs.StapleExpired:
		ss.count(proxy.StaplesFailed, 1)
	}
}

// secured counts a handshake with a server that is over.
func (s *Stream) secured() {
	if t := s.ServerTLS(); t != nil {
		if s.W.Trace.SSL.On() {
			s.tellServerTLS(trace.SSLNew|trace.SSLHandshake, trace.User, "SSL handshake done", nil)
		}
		resumed := t.State().DidResume
		s.W.Proc.SSL.Back(s.W.Loop.Now(), resumed)
		if resumed {
			s.countBackend(proxy.SSLReused)
		} else {
			s.countBackend(proxy.SSLSess)
		}
	}
}

// unsecured counts a handshake with a server that failed.
func (s *Stream) unsecured() {
	if t := s.ServerTLS(); t != nil && t.Handshaking() {
		s.countBackend(proxy.FailedHandshakes)
		p := t.Problem()
		if p.Conn != certs.ConnHost && p.Conn != certs.ConnSNI { // reference: what else there is, it is told of clients alone
			p.Conn = certs.ConnHandshake
		}
		s.backErr = &p
		if s.W.Trace.SSL.On() {
			s.tellServerTLS(trace.SSLErr|trace.SSLHandshake, trace.Error, "SSL handshake failed", &p)
		}
	}
}

// faulty keeps why the connection to the server broke.
func (s *Stream) faulty(f mux.Fault) {
	p := certs.Problem{}
	if t := s.ServerTLS(); t != nil {
		p = t.Problem()
	} else if f.Errno == loop.Errno(unix.ECONNRESET) {
		p.Conn = certs.ConnReset
	}
	if p.Conn != 0 {
		s.backErr = &p
	}
}

// ServerProblem returns what is wrong with the connection to the server. It is false
// where there was none; reference: one that was refused, or did not stand in time,
// is none.
func (s *Stream) ServerProblem() (certs.Problem, bool) {
	if s.backErr != nil {
		return *s.backErr, true
	}
	return certs.Problem{}, s.Server != nil && (s.Times.Connect != 0 || s.reused)
}

// ServerSecured tells whether TLS is spoken with the server that was chosen.
func (s *Stream) ServerSecured() bool { return s.Server != nil && s.Server.Dialled().TLS != nil }

// ServerName implements mux.Named: the name that a server is asked for in TLS.
func (s *Stream) ServerName() string {
	if s.Server == nil || s.Server.SNI == nil {
		return ""
	}
	var v sample.Sample
	if !s.Server.SNI.Eval(&s.Ctx, sample.Str, &v) {
		return ""
	}
	return string(v.Data)
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

// appendDate writes a date as logs have it, in local time.
func appendDate(b []byte, wallNano int64) []byte {
	return time.Unix(0, wallNano).AppendFormat(b, "02/Jan/2006:15:04:05.000")
}
