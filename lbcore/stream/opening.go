package stream

import (
	"cmp"
	"net/netip"

	"gohap/lbcore/certs"
	"gohap/lbcore/log"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/trace"
	"gohap/lbcore/transport"
)

// opening is a client's connection whose bind line puts something in front of the
// mux: it passes the layers one after the other and then chooses the mux. It is
// what waits for a slow client; nobody else does.
type opening struct {
	transport.Raw
	timer loop.Timer
	ss    *Session
	peer  netip.AddrPort
	at    int  // the layer that it is in
	part  bool // some of a PROXY header has come
	tls   *transport.TLS
	over  bool // it has become a mux's connection, or is closed
	alone bool // it is all that the session's extra was made for
}

// layer goes on with what comes before a mux: OK when it is through, Again when it
// waits for an edge. What fails calls fail with its cause.
type layer func(o *opening) transport.State

// layers are in the order of the wire. A PROXY protocol header comes before TLS.
var layers = [...]layer{(*opening).proxyHeader, (*opening).handshake}

// openLayers begins the layers of an accepted descriptor.
func (ss *Session) openLayers(fd int32, peer netip.AddrPort) {
	o := &opening{ss: ss, peer: peer, alone: ss.extra == nil && len(ss.FE.TCPSessRules) == 0}
	o.timer.Owner = o
	o.Raw.Open(ss.W.Loop, fd, o)
	ss.more().opening = o
	t := ss.FE.Timeouts
	if d := int64(cmp.Or(t.ClientHS, t.Client)); d > 0 {
		ss.W.Loop.Arm(&o.timer, ss.W.Loop.Now()+d)
	}
	o.step()
}

// step passes as many layers as it can.
func (o *opening) step() {
	for ; !o.over && o.at < len(layers); o.at++ {
		if s := layers[o.at](o); s != transport.OK {
			return
		}
	}
	if !o.over {
		o.finish()
	}
}

// handshake is the layer of TLS.
func (o *opening) handshake() transport.State {
	ss := o.ss
	front := ss.acceptor.Bind.TLS
	if front == nil {
		return transport.OK
	}
	if o.tls == nil {
		o.tls = transport.Server(&o.Raw, front.Config())
		o.tls.Size(ss.W.Mux.Records)
		ss.flags |= secured
		ss.W.Mux.Secured(1)
		ss.W.Proc.SSL.Accept(ss.W.Loop.Now())
		if ss.W.Trace.SSL.On() {
			ss.tellTLS(trace.SSLNew, trace.State, "new SSL connection", nil)
		}
	}
	s := o.tls.Handshake()
	if s == transport.Failed {
		o.fail(o.tls.Problem())
	}
	return s
}

// finish hands the connection to the mux that it asks for.
func (o *opening) finish() {
	ss := o.ss
	w := ss.W
	w.Loop.Disarm(&o.timer)
	o.over = true
	if o.tls != nil {
		o.tls.Stand(w.Loop.Now())
		ss.handshook(o.tls)
	}
	if !ss.admitSession(o.FD()) {
		o.shut(false)
		ss.Gone()
		return
	}
	if ss.extra.opening = nil; o.alone {
		ss.dropExtra()
	}
	ss.began()
	if o.tls == nil {
		ss.start(o.Raw.Hand(), o.peer)
		return
	}
	ss.choose(o.tls, o.peer)
}

// choose is the one place where a client's connection gets its mux, by the mode
// and the protocol that was agreed on: HTTP/1 is all that there is.
func (ss *Session) choose(t *transport.TLS, peer netip.AddrPort) {
	if ss.FE.Mode == proxy.HTTP {
		ss.h1.TakeTLS(ss.W.Mux, t, ss, nil)
		return
	}
	if ss.announced() {
		ss.announce(t.Local())
	}
	ss.W.startTLS(ss, t, peer)
}

// Ready implements loop.Handler.
func (o *opening) Ready(r loop.Readiness) {
	if o.over {
		return
	}
	if o.tls != nil {
		o.tls.Ready(r)
	} else {
		o.Raw.Ready(r)
	}
	o.step()
}

// Expired implements loop.Expirer.
func (o *opening) Expired(*loop.Timer) {
	if !o.over {
		switch {
		case o.at > 0:
			o.fail(certs.Problem{Conn: certs.ConnTimeout})
		case o.part:
			o.fail(certs.Problem{Conn: certs.ConnProxyCut})
		default:
			o.fail(certs.Problem{Conn: certs.ConnProxyTimeout})
		}
	}
}

// Panicked implements loop.Handler. When the mux has the connection, it is its.
func (o *opening) Panicked(cause any) {
	ss := o.ss
	switch {
	case !o.over:
		o.over = true
		ss.W.Loop.Disarm(&o.timer)
		o.shut(true)
		ss.Gone()
	case ss.tcp != nil:
		ss.tcp.Panicked(cause)
	case ss.h1.IsOpen():
		ss.h1.Panicked(cause)
	}
}

// shut closes the socket.
func (o *opening) shut(reset bool) {
	if o.tls != nil {
		o.tls.Close(reset)
		o.ss.W.Mux.Secured(-1)
		return
	}
	o.Raw.Close(reset)
}

// fail ends a connection that did not get through: a log line, counters, the end.
func (o *opening) fail(p certs.Problem) {
	ss := o.ss
	ss.W.Loop.Disarm(&o.timer)
	o.over = true
	if len(p.Alert) > 0 && o.tls != nil {
		o.Raw.Send(p.Alert)
	}
	ss.more().problem = &p
	if w := ss.W; o.tls != nil && w.Trace.SSL.On() {
		ss.tellTLS(trace.SSLErr|trace.SSLHandshake, trace.Error, "SSL handshake failed", &p)
	}
	if ss.W.Trace.Session.On() {
		ss.tell(trace.SessionErr, trace.Error, "session failed in front of its mux")
	}
	if p.Conn != certs.ConnEmpty && p.Conn != certs.ConnProxyEmpty || !ss.FE.Has(proxy.OptDontLogNull) {
		ss.logKilled(o)
	}
	if o.tls != nil {
		ss.count(proxy.FailedHandshakes, 1)
	}
	o.shut(false)
	ss.Gone()
}

// kill closes a connection that is still being opened, as a hard stop does.
func (o *opening) kill() {
	if !o.over {
		o.over = true
		o.ss.W.Loop.Disarm(&o.timer)
		o.shut(false)
		o.ss.Gone()
	}
}

// logKilled writes the line of a connection that failed before anything was read
// of it. Reference: by error-log-format where there is one, else in a form of its
// own, whatever the log format is.
func (ss *Session) logKilled(o *opening) {
	lg := ss.FE.Logging
	if lg == nil || len(lg.Loggers) == 0 {
		return
	}
	if lg.Error != nil {
		s := ss.W.stream(ss)
		sound := false
		defer s.unless(&sound)
		s.refused, s.Status = true, 0
		s.Term = [4]byte{'P', 'R', '-', '-'}
		s.Times.Begin, s.Times.Request = s.Start(), 0
		s.finishRefused(false)
		sound = true
		return
	}
	w := ss.W
	b := w.line[:0]
	if src := ss.Source(); src.IsValid() {
		b = appendEndpoint(b, src)
	} else {
		b = append(b, "unix:"...)
		b = appendInt(b, ss.acceptor.Bind.ID)
	}
	b = append(b, " ["...)
	b = appendDate(b, w.Loop.WallNano(ss.AcceptedAt))
	b = append(b, "] "...)
	b = append(b, ss.FE.Name...)
	b = append(b, '/')
	if name := ss.acceptor.Bind.Name; name != "" {
		b = append(b, name...)
	} else {
		b = appendInt(b, ss.acceptor.Bind.ID)
	}
	b = append(b, ": "...)
	p := ss.extra.problem
	b = append(b, certs.ConnText(p.Conn)...)
	if text := p.String(); text != "" && p.Conn == certs.ConnHandshake {
		b = append(append(append(b, " ("...), text...), ')')
	}
	w.line = b
	w.Logs.Emit(lg.Loggers, &log.Message{Level: log.Info, Time: w.wall(), Tag: lg.Tag, Text: b})
}
