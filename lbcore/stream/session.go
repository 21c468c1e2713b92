package stream

import (
	"net/netip"
	"slices"
	"strconv"

	"gohap/lbcore/certs"
	"gohap/lbcore/h1"
	"gohap/lbcore/log"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/trace"
	"gohap/stick"
)

// Session is one client connection: what outlives its requests. Between
// requests it is all that the connection costs.
type Session struct {
	h1         mux.H1Client
	W          *Worker
	FE         *proxy.Proxy
	AcceptedAt int64  // monotonic ns
	PrevEnd    int64  // end of the previous exchange, zero before the first
	extra      *extra // what few sessions have, made on first use
	acceptor   *Acceptor
	src        endpoint // the client, as rules may have changed it
	flags      sessionFlags
	Requests   int32
	tcp        *Stream // the one stream of a session in mode tcp
}

// sessionFlags are a session's bits.
type sessionFlags uint8

const (
	atDoor      sessionFlags = 1 << iota // connection rules run
	held                                 // counted in the gauges of process, frontend and listener
	secured                              // by TLS
	expectProxy                          // a PROXY header is to come, by a rule
	hadProxy                             // one has come
)

// is tells whether a bit is set.
func (ss *Session) is(f sessionFlags) bool { return ss.flags&f != 0 }

func (w *Worker) session() *Session {
	n := len(w.sessions)
	if n == 0 {
		return &Session{W: w}
	}
	s := w.sessions[n-1]
	w.sessions = w.sessions[:n-1]
	return s
}

// open begins the session of an accepted descriptor.
func (ss *Session) open(a *Acceptor, fd int32, peer netip.AddrPort) {
	w := ss.W
	ss.begin(a, peer)
	if w.Limits.NoPrivilegedPorts && peer.IsValid() && peer.Port() < 1024 {
		w.Loop.Kernel.Close(fd)
		ss.Gone()
		return
	}
	if !ss.admit(fd) {
		return
	}
	if a.Bind.TLS != nil || ss.proxied() {
		ss.openLayers(fd, peer)
		return
	}
	if !ss.admitSession(fd) {
		w.Loop.Kernel.Close(fd)
		ss.Gone()
		return
	}
	ss.began()
	ss.start(fd, peer)
}

// start gives a plain connection its mux.
func (ss *Session) start(fd int32, peer netip.AddrPort) {
	w := ss.W
	if ss.FE.Mode == proxy.HTTP {
		ss.h1.Open(w.Mux, fd, ss)
		return
	}
	if ss.announced() {
		ss.announce(w.Loop.Kernel.LocalAddr(fd))
	}
	w.startTCP(ss, fd, peer)
}

// begin counts a connection in.
func (ss *Session) begin(a *Acceptor, peer netip.AddrPort) {
	w, l := ss.W, ss.W.Loop
	ss.acceptor, ss.FE, ss.flags = a, a.Bind.Proxy, 0
	ss.src = packEndpoint(peer)
	ss.AcceptedAt, ss.PrevEnd, ss.Requests = l.Now(), 0, 0
	ss.hold()
	w.clients++
	ss.count(proxy.CumConns, 1)
	w.totals.Add(proxy.CumConns, 1)
	w.Proc.ConnRate.Count(l.Now())
	ss.FE.ConnRate.Count(l.Now())
	if w.Trace.Session.On() {
		ss.tell(trace.SessionNew, trace.State, "new session")
	}
}

// began counts the session once its connection is accepted for good.
func (ss *Session) began() {
	ss.count(proxy.CumSess, 1)
	ss.W.Proc.SessRate.Count(ss.W.Loop.Now())
	ss.FE.SessRate.Count(ss.W.Loop.Now())
	if t := ss.slots(); t != nil {
		t.event(stick.SessCnt, stick.SessRate, ss.W.millis())
	}
}

// announced tells whether announce has anything to write: the address that it
// shows costs a system call.
func (ss *Session) announced() bool {
	lg := ss.FE.Logging
	return lg != nil && lg.Format == nil && len(lg.Loggers) > 0 && lg.Steps == 0
}

// announce writes the one line that a frontend without a log format has for
// each stream that begins (reference: the default log format).
func (ss *Session) announce(to netip.AddrPort) {
	lg, w := ss.FE.Logging, ss.W
	b := w.line[:0]
	if ss.Source().IsValid() {
		b = append(b, "Connect from "...)
		b = appendEndpoint(b, ss.Source())
		b = append(b, " to "...)
		b = appendEndpoint(b, to)
	} else { // reference: by a unix socket, the id of the bind line stands for a port
		b = append(b, "Connect to unix:"...)
		b = strconv.AppendInt(b, int64(ss.acceptor.Bind.ID), 10)
	}
	b = append(b, " ("...)
	b = append(b, ss.FE.Name...)
	b = append(b, '/')
	if ss.FE.Mode == proxy.HTTP {
		b = append(b, "HTTP)"...)
	} else {
		b = append(b, "TCP)"...)
	}
	w.line = b
	w.Logs.Emit(lg.Loggers, &log.Message{Level: log.Info, Time: w.wall(), Tag: lg.Tag, Text: b})
}

func appendEndpoint(dst []byte, a netip.AddrPort) []byte {
	dst = a.Addr().AppendTo(dst)
	dst = append(dst, ':')
	return strconv.AppendUint(dst, uint64(a.Port()), 10)
}

// count adds to the frontend's and the listener's counters.
func (ss *Session) count(k proxy.Counter, n int64) {
	ss.acceptor.fe.Add(k, n)
	if ss.acceptor.counters != nil {
		ss.acceptor.counters.Add(k, n)
	}
}

// extra is what few sessions have.
type extra struct {
	vars sample.Store    // scope sess
	dst  netip.AddrPort  // as rules have set it
	peer netip.AddrPort  // the connection's own, where rules changed Src
	own  []*mux.H1Server // idle server connections that nobody else may use
	// prefer is the server whose connection the session has credentials for.
	prefer *proxy.Server
	// opening is the connection while layers in front of the mux are passed,
	// problem why that failed.
	opening *opening
	// tlvs are those of the client's PROXY header.
	tlvs    []byte
	problem *certs.Problem
	// last is the server of the connection that was kept last.
	last  *proxy.Server
	slots *slots // entries that the connection counts on, nil without
}

func (ss *Session) more() *extra {
	if ss.extra != nil {
		return ss.extra
	}
	if w := ss.W; w != nil && len(w.extras) > 0 {
		n := len(w.extras) - 1
		ss.extra, w.extras = w.extras[n], w.extras[:n]
	} else {
		ss.extra = new(extra)
	}
	return ss.extra
}

// dropExtra puts it back for another session.
func (ss *Session) dropExtra() {
	x := ss.extra
	if x == nil {
		return
	}
	ss.W.end(&x.slots)
	x.vars.Reset() // what it has counts elsewhere too
	*x = extra{}
	ss.extra = nil
	ss.W.extras = append(ss.W.extras, x)
}

// SetDestination makes addr the address that the client connected to.
func (ss *Session) SetDestination(addr netip.AddrPort) { ss.more().dst = addr }

// hold counts the connection in, release out: once, whatever happens.
func (ss *Session) hold() {
	ss.flags |= held
	ss.W.Proc.Conn.Inc()
	ss.FE.FEConn.Inc()
	ss.acceptor.Bind.Conn.Inc()
}

func (ss *Session) release() {
	if !ss.is(held) {
		return
	}
	ss.flags &^= held
	ss.W.Proc.Conn.Dec()
	ss.FE.FEConn.Dec()
	ss.acceptor.Bind.Conn.Dec()
	if ss.W.Proc.Waiting.Load() > 0 {
		ss.W.resumeAll()
	}
}

// Source returns the client's address, as rules may have changed it; the zero
// value by a unix socket.
func (ss *Session) Source() netip.AddrPort { return ss.src.addr() }

// Destination returns the address that the client connected to.
func (ss *Session) Destination() netip.AddrPort {
	if ss.extra != nil && ss.extra.dst.IsValid() {
		return ss.extra.dst
	}
	return ss.Local()
}

// NewStream implements mux.ClientOwner.
func (ss *Session) NewStream(ep mux.ClientEndpoint, h *message.Head) mux.Upper {
	if ss.FE.Mode == proxy.HTTP && ss.announced() {
		ss.announce(ss.Local())
	}
	s, begin := ss.taken(), ep.HeadStart()
	if s != nil {
		begin = s.Times.Begin
	} else {
		s = ss.W.stream(ss)
	}
	sound := false
	defer s.unless(&sound)
	s.beginHTTP(ep, h, begin)
	sound = true
	if s.phase == ended {
		return nil
	}
	return s
}

// Refused implements mux.ClientOwner: what was received never became a
// request. It is logged and counted as one that failed.
func (ss *Session) Refused(why mux.Refusal, f h1.Failure, partial bool) []byte {
	silent := ss.FE.Has(proxy.OptDontLogNull) && !partial && why != mux.RefusedMalformed
	s := ss.taken()
	taken := s != nil
	if !taken {
		s = ss.W.stream(ss)
	}
	sound := false
	defer s.unless(&sound)
	s.cl, s.refused = &ss.h1, true
	if s.Times.Begin = ss.h1.HeadStart(); s.Times.Begin == 0 {
		s.Times.Begin = s.Start() // reference: a client that sent nothing was active all the time
	}
	s.Status = f.Code
	s.Term = [4]byte{'P', 'R', '-', '-'}
	switch why {
	case mux.RefusedTimeout:
		s.Term[0] = 'c'
	case mux.RefusedClosed:
		s.Term[0] = 'C'
	}
	if taken { // reference: whatever went wrong, a living stream found it
		s.Term[0] = 'P'
	}
	if ss.FE.Has(proxy.OptIgnoreProbes) && !partial && why != mux.RefusedMalformed {
		silent = true
		f.Code = 0
	} else {
		s.trackRequest()
		if why != mux.RefusedTimeout {
			s.CountClientError()
		}
	}
	if !silent {
		ss.count(proxy.FailedReq, 1)
		if why == mux.RefusedClosed {
			ss.count(proxy.CliAborts, 1)
		}
	}
	ss.count(proxy.CumReq, 1)
	s.status(f.Code)
	s.Times.Request = 0
	s.finishRefused(silent)
	ss.dropOwn() // no request comes any more
	if f.Code == 0 {
		return nil
	}
	return ss.parserPage(f.Code)
}

// parserPage returns the page for an error that the HTTP/1 decoder found: the
// frontend's errorfile, or the built-in raw page.
func (ss *Session) parserPage(code int) []byte {
	if r := ss.FE.ErrorPage(code); r != nil && (r.Complete || r.Silent) { // reference: none that http-error describes
		return rule.Raw(r)
	}
	if p := message.ErrorPage(code); p != nil {
		return []byte(p.Raw())
	}
	return nil
}

// Config implements mux.ClientOwner.
func (ss *Session) Config() *mux.ClientConfig { return &ss.FE.Client }

// Bind returns the bind line that the connection came by, nil for a session
// that only tries formats.
func (ss *Session) Bind() *proxy.Bind {
	if ss.acceptor == nil {
		return nil
	}
	return ss.acceptor.Bind
}

// Stopping implements mux.ClientOwner.
func (ss *Session) Stopping() bool {
	if p := ss.W.Proc; p.Stopping.Load() {
		return p.Parts(ss.AcceptedAt, ss.W.Loop.Now())
	}
	return ss.W.Proc.Parting.Load() || ss.FE.State.Load() == int32(proxy.Stopped)
}

// Gone implements mux.ClientOwner.
func (ss *Session) Gone() {
	if ss.W.Trace.Session.On() {
		ss.tell(trace.SessionEnd, trace.State, "releasing session")
	}
	ss.release()
	ss.W.clients--
	ss.dropOwn()
	ss.dropExtra()
	ss.W.sessions = append(ss.W.sessions, ss)
}

// keepOwn keeps an idle server connection for this session's next requests.
// Reference: http-reuse never shares nothing between sessions, within one the
// connections go on; as many as max-session-srv-conns says.
func (ss *Session) keepOwn(srv *proxy.Server, c *mux.H1Server) bool {
	x := ss.more()
	if len(x.own) >= ss.FE.SessionConns {
		return false
	}
	x.own, x.last = append(x.own, c), srv
	srv.Keep(ss.W.Loop, c)
	c.Hold(ss)
	return true
}

// preferred is the server that the session holds a connection with credentials
// to or, with option prefer-last-server, any connection of its own; nil when there
// is none. It is waited for within max-keep-alive-queue.
func (ss *Session) preferred(be *proxy.Proxy) *proxy.Server {
	if ss.extra == nil {
		return nil
	}
	srv, most := ss.extra.prefer, int64(-1)
	if be.Has(proxy.OptPreferLastServer) {
		srv, most = ss.extra.last, be.KeepAliveQueue
	}
	if srv == nil || srv.Proxy != be || srv.Gone() || !srv.Usable() {
		return nil
	}
	if most >= 0 && srv.QueueLen() >= most && (proxy.Node{Server: srv}).Full() {
		return nil
	}
	for _, c := range ss.extra.own {
		if c.Of(srv) {
			return srv
		}
	}
	return nil
}

// takeOwn returns a kept connection to srv, or nil.
func (ss *Session) takeOwn(srv *proxy.Server) *mux.H1Server {
	if ss.extra == nil {
		return nil
	}
	for i, c := range ss.extra.own {
		if c.Of(srv) {
			ss.extra.own = slices.Delete(ss.extra.own, i, i+1)
			return c
		}
	}
	return nil
}

func (ss *Session) dropOwn() {
	if ss.extra == nil {
		return
	}
	for _, c := range ss.extra.own {
		c.Abort(false)
	}
	ss.extra.own = nil
}

// Event implements mux.Upper for kept connections: one has closed itself.
func (ss *Session) Event(mux.Side, mux.Event) {
	ss.extra.own = slices.DeleteFunc(ss.extra.own, func(c *mux.H1Server) bool { return c.State() == mux.Dead })
}

// Vars returns the variables of scope sess.
func (ss *Session) Vars() *sample.Store {
	v := &ss.more().vars
	if w := ss.W; w != nil && w.Limits.Vars.On {
		v.Limit = w.Limits.Vars.Sess
		if p := w.Proc.Facts.ProcVars; p != nil {
			v.Pool = p.Budget
		}
	}
	return v
}

// limitVars gives the stream's variables their limits, and where their bytes count.
func (s *Stream) limitVars() {
	l := &s.W.Limits.Vars
	of := s.Sess.Vars()
	s.txnVars.Limit, s.txnVars.Up = l.Txn, of
	s.reqVars.Limit, s.reqVars.Up = l.ReqRes, &s.txnVars
	s.resVars.Limit, s.resVars.Up = l.ReqRes, &s.txnVars
}

var _ loop.Acceptor = (*Acceptor)(nil)
