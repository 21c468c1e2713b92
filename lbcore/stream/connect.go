package stream

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"gohap/lbcore/certs"
	"gohap/lbcore/h1"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/trace"
	"gohap/lbcore/transport"
)

// attempt connects to the assigned server: an idle connection where http-reuse
// allows one, else a fresh one.
func (s *Stream) attempt() {
	s.phase = phaseConnect
	if s.BE.Mode == proxy.HTTP && s.redirected() {
		return
	}
	s.srv.Add(proxy.CumSess, 1) // reference: attempts count
	s.Server.SessRate.Count(s.W.Loop.Now())
	if s.BE.Mode != proxy.HTTP {
		s.dialTCP()
		return
	}
	if c := s.idleConnection(); c != nil {
		s.reuse(c)
	} else if !s.takeOver() {
		s.dial()
	}
}

// reuse goes on over a connection that was idle.
func (s *Stream) reuse(c *mux.H1Server) {
	s.h1s, s.sv, s.reused, s.backErr = c, c, true, nil
	s.countBackend(proxy.Reuses)
	s.connected()
}

// dial opens a connection.
func (s *Stream) dial() {
	s.reused, s.backErr = false, nil
	c := s.Server.Fresh(s.W.Loop)
	if c == nil {
		s.noConnection()
		return
	}
	s.dialed(c.Dial(s.W.Mux, s.route(), s.Server.Dialled(), s.Server, s), c)
}

// noConnection is called when strict-maxconn allows no further connection.
// Reference: that is a failed attempt, and so are all others at once, unless an
// idle connection can be closed.
func (s *Stream) noConnection() {
	if s.Retries < s.MostRetries() && s.Server.EvictElsewhere(s.W.Loop) {
		s.Retries++
		s.countBackend(proxy.Retries)
		s.phase, s.wake = phaseRetry, s.after(1e6)
		return
	}
	if !s.BE.Has(proxy.OptRedispatch) {
		if n := s.MostRetries() - s.Retries; n > 0 {
			s.srv.Add(proxy.Retries, int64(n))
			s.be.Add(proxy.Retries, int64(n))
			s.Retries = s.MostRetries()
		}
	}
	s.retry('S', false)
}

// claim is an idle connection of another loop that a stream waits for.
type claim struct {
	s   *Stream
	srv *proxy.Server
}

// patience is how long a stream waits for another loop, ns, until it connects by
// itself.
const patience = 2e6

// takeOver asks another loop for an idle connection where this one has none; it
// tells whether the stream waits for it.
func (s *Stream) takeOver() bool {
	may, proven := s.mayReuse()
	if !may || s.Server.Idle.Load() == 0 || s.Server.Spoof != nil || s.marks != nil {
		return false
	}
	w, c := s.W, &claim{s, s.Server}
	if !s.Server.Claim(w.Loop, proven, func(conn *mux.H1Server) { c.taken(w, conn) }) {
		return false
	}
	s.claim = c
	s.wake = s.after(patience)
	return true
}

// taken brings the connection, nil when it is gone.
func (c *claim) taken(w *Worker, conn *mux.H1Server) {
	s := c.s
	if s.claim != c {
		if conn != nil {
			c.srv.Shelve(w.Mux, conn)
		}
		return
	}
	sound := false
	defer s.unless(&sound)
	s.claim, s.wake = nil, 0
	if conn != nil {
		c.srv.Adopt(w.Mux, conn, s)
		if !conn.Goes(s.route()) || !conn.By(s.Server.Dialled()) || conn.Lost() {
			conn.Abort(false)
			conn = nil
		}
	}
	if conn != nil {
		s.reuse(conn)
	} else {
		s.dial()
	}
	if s.phase != ended {
		s.watch()
	}
	sound = true
}

// idleConnection returns an idle connection to the server, nil without one.
func (s *Stream) idleConnection() *mux.H1Server {
	by := s.route()
	for {
		c := s.Sess.takeOwn(s.Server)
		if c != nil {
			s.Server.Unkeep(s.W.Loop, c)
			c.Attach(s)
		} else if may, proven := s.mayReuse(); may {
			c = s.Server.Reused(s.W.Loop, s, by, proven)
		}
		if c == nil || c.Goes(by) && c.By(s.Server.Dialled()) && c.Names(s) && !c.Lost() {
			return c
		}
		c.Abort(false)
	}
}

// mayReuse applies http-reuse: whether the request may have an idle connection,
// and only one that was reused before. Reference: a session's first request gets
// none with safe, and a proven one with aggressive.
func (s *Stream) mayReuse() (may, proven bool) {
	first := s.Sess.Requests <= 1
	switch s.BE.Reuse {
	case proxy.ReuseAlways:
		return true, false
	case proxy.ReuseNever:
		return false, false
	case proxy.ReuseAggressive:
		return true, first
	}
	return !first, false
}

// route is how the connection to the server goes.
func (s *Stream) route() mux.Route { return mux.Route{To: s.target(), From: s.origin()} }

// target is the address to connect to. Reference: no address is the one that the client
// connected to; without a port, with port 0 of no
// address, or with an offset, its port is used.
func (s *Stream) target() *loop.Sockaddr {
	at := s.Server.Address()
	ip, port := at.To.IP.Addr(), at.To.IP.Port()
	if !ip.IsValid() || !at.Relative && !ip.IsUnspecified() {
		return at.To
	}
	asked := s.Sess.Destination()
	if at.Relative || port == 0 {
		port = uint16(int(asked.Port()) + at.Offset)
	}
	if ip.IsUnspecified() && asked.IsValid() {
		ip = asked.Addr()
	}
	return loop.IPSockaddr(netip.AddrPortFrom(ip, port))
}

func (s *Stream) dialed(st transport.State, c *mux.H1Server) {
	if c.IsOpen() {
		s.h1s, s.sv = c, c
	} else {
		e := c.Raw.Err()
		s.Server.Dropped(s.W.Loop, c)
		if s.unbound(e) {
			return
		}
		s.backErr = &certs.Problem{Conn: certs.ConnSocket}
	}
	switch st {
	case transport.OK:
		s.connected()
	case transport.Again:
		s.wake = s.after(int64(s.connectTime()))
		if s.abortsOnClose() {
			s.watchClient()
		}
	default:
		s.connectFailed()
	}
}

func (s *Stream) connectTime() int64 { return int64(s.BE.Timeouts.Connect) }

// connected is called when the server connection stands.
func (s *Stream) connected() {
	s.inject()
	s.wake = 0
	s.Times.Connect = s.W.Loop.Now()
	if s.W.Trace.Stream.On() {
		s.tell(trace.StreamServer, trace.State, "server connection stands")
	}
	if !s.reused {
		s.Server.Connected(true)
		s.countBackend(proxy.Connects)
		s.secured()
		s.options()
	}
	s.stepAt(OriginConnect)
	if !s.inspectServer() {
		return
	}
	if s.BE.Mode != proxy.HTTP {
		if len(s.BE.TCPResRules) == 0 && s.sticks() {
			s.stickTCP()
		}
		s.logAt(OriginConnect)
		s.startTunnel()
		return
	}
	s.phase = phaseSend
	s.inject()
	s.sendRequest()
}

// options sets what server sockets get once connected.
func (s *Stream) options() {
	if z := &s.W.Limits.Server; *z != (proxy.SocketSizes{}) {
		z.Each(func(level, option, value int) { s.W.Loop.Kernel.SetOption(s.serverFD(), level, option, value) })
	}
	if s.BE.Has(proxy.OptTCPKAServer) {
		s.W.Loop.Kernel.SetOption(s.serverFD(), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
}

func (s *Stream) serverFD() int32 {
	if s.h1s != nil {
		return s.h1s.FD()
	}
	return s.pass.server.FD()
}

// sendRequest encodes the request for the connection that stands and sends it
// with what has been received of its body.
func (s *Stream) sendRequest() {
	s.phase = phaseForward
	if s.first == nil {
		b, st := s.readRequest()
		if st == mux.Aborted || st == mux.Invalid {
			b.Release()
			s.requestBroken(st)
			return
		}
		s.first = b
	}
	b := s.first
	s.first = nil
	s.h1s.Policy = h1.Policy{
		FrontendClose:       s.FE.Has(proxy.OptClose),
		FrontendServerClose: s.FE.Has(proxy.OptServerClose),
		BackendClose:        s.BE.Has(proxy.OptClose),
		BackendServerClose:  s.BE.Has(proxy.OptServerClose),
		PretendKeepAlive:    s.BE.Has(proxy.OptPretend),
	}
	s.keep(b)
	s.sendName()
	end := s.reqEnd && s.held == nil && len(s.cl.Trailers()) == 0
	w := s.h1s.WriteHead(s.Req, b, end)
	// The head's bytes now belong to the server side.
	s.Req, s.Ctx.Request = nil, nil
	s.reqSent = end
	if w == mux.Dead {
		s.serverBroken()
		return
	}
	s.touchServer()
	if !s.reqSent {
		s.allowPipes()
		s.forwardRequest()
	} else if s.connecting() {
		s.touchClient()
	}
	if s.phase == phaseForward && s.abortsOnClose() {
		s.watchClient()
	}
}

// watchClient makes sure that the client's end is told even while nothing is
// read from it.
func (s *Stream) watchClient() {
	if s.cl.HungUp() {
		s.clientAborts()
	} else if c, ok := s.cl.(interface{ Watch() }); ok {
		c.Watch()
	}
}

// connectTimeout is called when a connection did not stand in time.
func (s *Stream) connectTimeout() {
	s.Server.Connected(false)
	s.dropServer()
	s.retry('s', false)
}

// connectFailed is called when a connection was refused or could not be made.
func (s *Stream) connectFailed() {
	s.unsecured()
	s.dropServer()
	if s.Server.Address().To.Family == loop.Passed {
		// Reference: that no descriptor can be passed is a fault of this side.
		s.terminate('I', 'C')
		s.countBackend(proxy.FailedConns)
		s.fail(500)
		return
	}
	s.Server.Connected(false)
	s.retry('S', true)
}

// retry decides what follows a failed attempt. Reference: the same server is
// tried again, after min(1 s, timeout connect) when it refused and at once
// when it did not answer; with option redispatch the last attempts, or all
// when the server is no longer running, go elsewhere.
func (s *Stream) retry(cause byte, pause bool) {
	if s.Retries >= s.MostRetries() || s.BE.Mode == proxy.HTTP && s.BE.RetryOn&proxy.RetryConn == 0 {
		s.terminate(cause, 'C')
		s.countBackend(proxy.FailedConns)
		s.fail(503)
		return
	}
	s.Retries++
	s.phase = phaseServer
	s.leaving = s.redispatches()
	// Reference: a redispatch waits as a retry does where no other server is up.
	pause = pause && (!s.leaving || s.Server.Usable() && s.BE.Availability().Active <= 1)
	if !s.leaving {
		s.countBackend(proxy.Retries)
	}
	if !pause {
		s.chooseServer()
		return
	}
	d := int64(1e9)
	if c := s.connectTime(); c > 0 {
		d = min(d, c)
	}
	s.phase = phaseRetry
	s.wake = s.after(d)
	if s.abortsOnClose() {
		s.watchClient()
	}
}

// moveOn chooses anew, another server where there is one.
func (s *Stream) moveOn() {
	s.leaving, s.avoid = false, s.Server
	s.giveUp()
	s.Times.Queue = 0 // reference: what came before counts as waiting, unlike attempts on one server
	s.chooseServer()
}

// redispatches tells whether the next attempt goes to another server.
func (s *Stream) redispatches() bool {
	be := s.BE
	if !be.Has(proxy.OptRedispatch) || be.RedispatchEvery == 0 {
		return false
	}
	every := be.RedispatchEvery
	set := be.Set()
	if every < 0 { // counted from the end; reference: as a multiple of what is left then
		every = max(s.MostRetries()+1+every, 1)
	}
	switch {
	case s.Forced:
		return false // reference: force-persist holds
	case !s.Server.Usable(), !s.Direct && set.Policy != nil && !set.Policy.Hashes() && be.Availability().Active > 1:
		return true // reference: at once when nothing ties the request to it
	}
	return every > 0 && s.Retries%every == 0
}

// dropServer closes the server connection, if there is one.
func (s *Stream) dropServer() {
	if s.h1s != nil {
		c := s.h1s
		s.h1s, s.sv = nil, nil
		c.Abort(false)
	} else if c, tcp := s.sv.(*mux.Pass); tcp {
		s.sv = nil
		c.Abort(false)
	}
	s.wake, s.svDeadline, s.claim = 0, 0, nil
}

// serverBroken is called when the server connection is gone, or its response
// head could not be parsed.
func (s *Stream) serverBroken() {
	f := mux.Fault{}
	if s.sv != nil {
		f = s.sv.Fault()
		s.faulty(f)
	}
	switch s.phase {
	case phaseConnect:
		s.connectFailed()
	case phaseSend, phaseForward:
		s.responseFailed(f)
	case phaseTunnel:
		if s.serverLost() {
			return
		}
		s.abort()
	case phaseData:
		if s.resSent { // it answered early and does not want the rest
			s.dropServer()
			s.finish()
			return
		}
		fallthrough
	default:
		s.terminate('S', s.letter())
		s.countBackend(proxy.SrvAborts)
		s.abort()
	}
}

// responseFailed ends an exchange whose server left or answered nonsense
// before a response head was there.
func (s *Stream) responseFailed(f mux.Fault) {
	s.countBackend(proxy.FailedResp)
	if f.Closed {
		s.Server.Responded(0, proxy.ErrRead)
	} else {
		s.Server.Responded(0, proxy.ErrResponse)
	}
	why := proxy.RetryEmpty
	if f.Decode.Code != 0 || f.Partial {
		why = proxy.RetryJunk
	}
	if s.sendAgain(why) {
		return
	}
	if s.reused && f.Closed && !f.Partial && s.Sess.Requests > 1 {
		// The server closed an idle connection while the request was on its
		// way. Reference: the client's connection is closed without an answer,
		// so that the client sends again (RFC 9112 section 9.3.1), and no line
		// is logged.
		s.logged = true
		s.terminate('S', 'H')
		s.abort()
		return
	}
	s.trackFailure()
	unasked := s.h1s != nil && f.Decode.Reason == h1.ReasonUnasked
	if unasked {
		// Reference: taken, with what came behind it, and found to be unasked for then.
		if s.reqSent {
			s.BytesOut += headBytes(s.h1s.Head()) + int64(s.h1s.Behind())
		} else {
			s.h1s.CloseProperly()
		}
	}
	if f.Decode.Code != 0 || f.Partial {
		s.terminate('P', 'H') // reference: half a head is an invalid one
		// Reference: a wrong coding where no body follows, on a connection that could
		// have served more, ends by reset.
		if s.h1s != nil && !unasked && (!s.h1s.Head().Flags.Has(message.NoBody) || s.h1s.Policy.ServerCloses()) {
			s.h1s.CloseProperly() // reference
		}
	} else {
		s.terminate('S', 'H')
	}
	s.dropServer()
	s.fail(502)
}
