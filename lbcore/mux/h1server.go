package mux

import (
	"net/netip"

	"gohap/lbcore/buffer"
	"gohap/lbcore/certs"
	"gohap/lbcore/h1"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/trace"
	"gohap/lbcore/transport"
)

// ServerConfig is what the HTTP/1 connections to one server share.
type ServerConfig struct {
	Decode h1.Options
	Cases  h1.Cases    // option h1-case-adjust-bogus-server, nil without
	TLS    *certs.Back // nil for plain connections
}

// ServerOwner keeps a server's idle connections.
type ServerOwner interface {
	// IdleClosed is called when an idle connection has closed itself.
	IdleClosed(c *H1Server)
	// Closed is called once for every connection, last.
	Closed(c *H1Server)
}

type serverState uint8

const (
	dialing serverState = iota
	ready               // connected, a stream is attached
	pooled              // idle
	gone
)

// H1Server is an HTTP/1 connection to a server.
type H1Server struct {
	conn
	cfg   *ServerConfig
	owner ServerOwner
	route Route
	state serverState
	reuse bool // this exchange allows another one
	await bool // a response head is awaited
	// single: the request allows no other behind it.
	single bool
	req    h1.RequestInfo
	// Policy is what both sections say about persistence; the stream sets it
	// before it writes a request.
	Policy h1.Policy
	behind int
	handed int32 // descriptor on its way to another loop
	parked int64 // monotonic ns of the turn in which it became idle
	proper bool  // it is closed, not reset
	seen   bool  // the first byte of the response has been received
	part   bool  // it broke in a head of which something had come

	// Index and IdleSince belong to the owner's idle pool; Uses counts the
	// exchanges so far.
	Index     int
	IdleSince int64
	Uses      int
	// Private: what the server answered binds it to one client (NTLM, Negotiate).
	// Kept: it is idle and belongs to a session.
	Private, Kept bool
}

// Route is how a connection to a server goes: where to and, unless the kernel
// chooses, where from.
type Route struct {
	To   *loop.Sockaddr
	From *transport.Source
}

// Dial begins to connect. When it returns Again, Connected or Broken follows.
func (c *H1Server) Dial(w *Worker, by Route, cfg *ServerConfig, owner ServerOwner, up Upper) transport.State {
	*c = H1Server{cfg: cfg, owner: owner, route: by}
	c.w, c.t, c.up = w, &c.Raw, up
	if e := c.Raw.Dial(w.Loop, by.To, by.From, c); e != 0 {
		c.state, c.dead = gone, true
		return transport.Failed
	}
	w.Loop.Opened()
	if w.Trace.H1.On() {
		c.tell(trace.H1New, trace.State, "new H1 connection")
	}
	return c.connected()
}

func (c *H1Server) connected() transport.State {
	s := c.secure(c.cfg.TLS, c.reached(c.route.To))
	switch s {
	case transport.OK:
		c.state = ready
	case transport.Failed:
		c.dead = true
	}
	return s
}

// Attach hands an idle connection to a stream.
func (c *H1Server) Attach(up Upper) {
	c.up, c.state = up, ready
}

// Ready implements loop.Handler.
func (c *H1Server) Ready(r loop.Readiness) {
	in, out := c.t.Ready(r)
	switch c.state {
	case dialing:
		c.dialed()
		return
	case pooled:
		if in { // closed by the server, or it speaks unasked: of no use either way
			c.unpool()
			c.close(false)
		}
		return
	}
	if out && c.out != nil {
		switch c.flush() {
		case Sent:
			c.up.Event(Server, Writable)
		case Dead:
			c.up.Event(Server, Broken)
		}
	}
	if in && c.state == ready {
		c.readable()
	}
}

func (c *H1Server) dialed() {
	switch c.connected() {
	case transport.OK:
		c.up.Event(Server, Connected)
	case transport.Failed:
		c.up.Event(Server, Broken)
	}
}

func (c *H1Server) readable() {
	if c.await {
		if !c.receive() {
			return
		}
	}
	if c.up != nil {
		c.up.Event(Server, Readable)
	}
}

// receive reads and parses a response head and tells the stream; it reports
// whether the body may be read now.
func (c *H1Server) receive() bool {
	for c.await {
		if c.in == nil || c.in.Len() == 0 || c.seen {
			n, s := c.fill()
			if n == 0 {
				c.broken(s)
				return false
			}
		}
		c.seen = true
		c.x.chunks.Relaxed = c.cfg.Decode.Relaxed
		n, st := c.x.dec.Response(c.in.Bytes(), &c.x.head, &c.cfg.Decode, &c.req)
		switch st {
		case h1.Failed:
			c.await, c.reuse = false, false
			c.behind = max(c.in.Len()-c.x.dec.Failure().Pos, 0)
			examine(c.up, Server, c.in.Bytes(), c.x.dec.Failure())
			if c.w.Trace.H1.On() {
				c.tellFailure("H1 response refused", c.x.dec.Failure())
			}
			c.up.Event(Server, Broken)
			return false
		case h1.Done:
			if f, ok := c.x.dec.Violation(); ok {
				examine(c.up, Server, c.in.Bytes(), f)
			}
			c.in.R += n
			c.x.headed = n
			c.await, c.seen = false, false
			if c.w.Trace.H1.On() {
				c.tellHead(trace.H1RxHead, "rcvd H1 response headers", &c.x.head)
			}
			c.accept(&c.x.head)
			c.up.Event(Server, Headed)
			return false // the stream reads on by itself
		}
	}
	return true
}

// Fault implements Endpoint.
func (c *H1Server) Fault() Fault {
	f := c.conn.Fault()
	f.Partial = c.part
	return f
}

func (c *H1Server) broken(s transport.State) {
	c.part = c.seen
	switch s {
	case transport.Again:
		return
	case transport.EOF:
		c.cut = true
	default:
		c.dead = true
	}
	c.await, c.reuse = false, false
	if c.w.Trace.H1.On() {
		c.tell(trace.H1Err, trace.Error, "server connection ended in front of a response")
	}
	c.up.Event(Server, Broken)
}

func (c *H1Server) accept(h *message.Head) {
	if h.Flags.Has(message.Interim) {
		c.single = c.single || !h1.ServerReusable(h, c.Policy) // reference: it may say so as well
		return
	}
	c.begin(h)
	c.reuse = h1.ServerReusable(h, c.Policy) && !c.single
}

// HeadLen returns the length of the response head in bytes, after Headed.
func (c *H1Server) HeadLen() int { return c.x.headed }

// Head returns the response head, after Headed.
func (c *H1Server) Head() *message.Head { return &c.x.head }

// Behind returns how many bytes have come behind the head that was refused.
func (c *H1Server) Behind() int { return c.behind }

// EndRequest ends our direction: nothing follows the request.
func (c *H1Server) EndRequest() {
	if c.out == nil && !c.dead {
		c.t.ShutdownWrite()
	}
}

// NextHead waits for the head that follows an interim response.
func (c *H1Server) NextHead() {
	c.x.head.Reset()
	c.x.dec.Reset()
	c.await = true
	if c.in != nil && c.in.Len() > 0 {
		c.w.Loop.Queue(c)
	}
}

// Run goes on with what came behind an interim response.
func (c *H1Server) Run() {
	if c.await && c.state == ready {
		c.readable()
	}
}

// WriteHead implements Endpoint: a request.
func (c *H1Server) WriteHead(h *message.Head, b *buffer.Buffer, end bool) WriteState {
	if c.x == nil {
		c.x = c.w.exchange()
		c.x.from = Server
	}
	c.x.sent, c.await, c.seen = 0, true, false
	c.Uses++
	if c.Uses > 1 {
		c.NoDelay()
	}
	c.req = h1.Info(h)
	c.single = h.Flags.Has(message.HasTransfer) && !h.Version11() // reference: not trusted with more
	con := h1.ServerConnection(h, c.Policy)
	if c.w.Trace.H1.On() {
		c.tellHead(trace.H1TxHead|trace.H1StreamNew, "sending request headers", h)
	}
	c.x.cases = c.cfg.Cases
	st := c.writeHead(h, h1.AppendRequest(c.w.scratch[:0], h, con), b, end)
	c.t.Watch()
	return st
}

// Tunnel turns both directions into plain bytes, after a 101 or the success of
// a CONNECT.
func (c *H1Server) Tunnel() { c.inMode, c.outMode = untilClose, untilClose }

// Reusable tells, at the end of an exchange, whether the connection may serve
// another one: the response was read to its end, everything was sent and
// nothing lies behind it.
func (c *H1Server) Reusable() bool {
	return c.reuse && !c.dead && c.state == ready && c.out == nil && !c.headed && !c.await &&
		c.inMode == none && !c.t.HungUp() && (c.in == nil || c.in.Len() == 0) && !c.t.Pending() && c.silent()
}

// silent tells whether nothing lies unread in the socket. The kernel is asked only
// where bytes have been told of since the last read, or that was a full one.
func (c *H1Server) silent() bool {
	if c.t.Quiet() {
		return true
	}
	n, s := c.t.Recv(c.w.scratch[:cap(c.w.scratch)])
	return n == 0 && s == transport.Again
}

// Park makes a reusable connection idle. The owner keeps it.
func (c *H1Server) Park() {
	if c.w.Trace.H1.On() {
		c.tell(trace.H1StreamEnd, trace.State, "set idle mode on h1c")
	}
	c.up = nil
	c.state = pooled
	c.parked = c.w.Loop.Now()
	c.w.release(c.x)
	c.x = nil
	c.in.Release()
	c.in = nil
	c.t.Idle()
	c.t.Watch()
}

// Lost tells of a connection that was idle whether the server has ended it
// unheard. It asks the kernel only where the loop has not waited since it became
// idle, which happens to requests that come in one piece.
func (c *H1Server) Lost() bool {
	if c.parked != c.w.Loop.Now() {
		return false
	}
	n, s := c.t.Recv(c.w.scratch[:cap(c.w.scratch)])
	return n > 0 || s != transport.Again
}

// Hand takes an idle connection out of its loop, for another one to Adopt; false
// when it is of no use there. Its loop only.
func (c *H1Server) Hand() bool {
	if c.state != pooled || c.up != nil || c.t != transport.Conn(&c.Raw) || c.t.HungUp() {
		return false
	}
	c.handed = c.Raw.Hand()
	c.w.Loop.Closed()
	return true
}

// Drop closes a connection that was handed out and that no loop takes.
func (c *H1Server) Drop() { c.w.Loop.Kernel.Close(c.handed) }

// Adopt takes over a connection that another loop handed out.
func (c *H1Server) Adopt(w *Worker, up Upper) {
	c.w = w
	c.Raw.Open(w.Loop, c.handed, c)
	c.t = &c.Raw
	w.Loop.Opened()
	c.parked = w.Loop.Now() // Lost looks at the socket
	c.Attach(up)
	c.t.Watch()
}

// Hold makes a reusable connection idle for up alone: when it closes itself, up
// is told by Broken, State being Dead, and the owner's pool does not know it.
func (c *H1Server) Hold(up Upper) {
	c.Park()
	c.up = up
}

// unpool tells whoever keeps the idle connection that it is gone.
func (c *H1Server) unpool() {
	if up := c.up; up != nil {
		c.up, c.dead = nil, true
		up.Event(Server, Broken)
		return
	}
	c.owner.IdleClosed(c)
}

// Goes tells whether the connection goes by a route: a server may have moved
// since, and both ends may depend on the client.
func (c *H1Server) Goes(by Route) bool {
	to := c.route.To
	return (to == by.To || to.Family == by.To.Family && to.IP == by.To.IP && to.Path == by.To.Path) && c.From(by.From)
}

// From tells whether the connection comes from where those of a source do.
func (c *H1Server) From(source *transport.Source) bool { return c.route.From.Same(source) }

// By tells whether the connection was made as cfg says: a server may speak TLS since,
// or no more.
func (c *H1Server) By(cfg *ServerConfig) bool { return c.cfg == cfg }

// Names tells whether the connection's TLS names the server as up would.
func (c *H1Server) Names(up Named) bool {
	t := c.TLS()
	return t == nil || t.Name() == up.ServerName()
}

// Owner returns who keeps the connection while it is idle.
func (c *H1Server) Owner() ServerOwner { return c.owner }

// Of tells whether the connection belongs to owner.
func (c *H1Server) Of(owner ServerOwner) bool { return c.owner == owner }

// Peer implements Endpoint.
func (c *H1Server) Peer() netip.AddrPort { return c.route.To.IP }

// CloseProperly makes the connection's end a FIN in place of a reset.
func (c *H1Server) CloseProperly() { c.proper = true }

// Abort implements Endpoint.
func (c *H1Server) Abort(reset bool) { c.close(reset) }

// Panicked implements loop.Handler.
func (c *H1Server) Panicked(any) {
	if c.state == pooled {
		c.unpool()
	}
	if up := c.up; up != nil {
		c.up = nil
		c.dead = true
		up.Event(Server, Crashed)
	}
	c.close(true)
}

func (c *H1Server) close(reset bool) {
	if c.state == gone {
		return
	}
	if c.w.Trace.H1.On() {
		c.tell(trace.H1End, trace.State, "H1 connection terminated")
	}
	c.state = gone
	// Reference: a server connection that is ended from here is reset, so that
	// no port lingers in TIME_WAIT.
	c.release(reset || !c.proper && !c.t.HungUp())
	c.w.Loop.Closed()
	c.owner.Closed(c)
}

// Loop returns the loop that the connection belongs to.
func (c *H1Server) Loop() *loop.Loop { return c.w.Loop }

// Write implements Endpoint: pieces behind the head must not wait for the
// server's acknowledgement of the piece before.
func (c *H1Server) Write(b *buffer.Buffer, end bool, trailers []message.Field) WriteState {
	c.NoDelay()
	if c.w.Trace.H1.On() {
		c.conn.tellSent(&c.w.Trace.H1, trace.H1TxData|trace.H1Send, Server, c.up, b)
	}
	return c.conn.Write(b, end, trailers)
}
