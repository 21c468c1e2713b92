package mux

import (
	"net/netip"

	"gohap/lbcore/buffer"
	"gohap/lbcore/certs"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/trace"
	"gohap/lbcore/transport"
)

// Pass is a connection whose bytes pass through unframed: mode tcp, both
// sides. It has no heads; Read ends when the peer ends its direction, and
// writing the end shuts our direction down.
type Pass struct {
	conn
	side    Side
	to      *loop.Sockaddr
	back    *certs.Back
	peer    netip.AddrPort
	onClose func()
	passed  int64 // bytes written
	flow    flow  // of what is received
	dialing bool
	closed  bool
	proper  bool // it is closed, not reset
}

// Side returns which side the peer is on.
func (c *Pass) Side() Side { return c.side }

// Upper returns who is told of the connection's events.
func (c *Pass) Upper() Upper { return c.up }

// Accept takes a client's descriptor. onClose is called once, last.
func (c *Pass) Accept(w *Worker, fd int32, peer netip.AddrPort, up Upper, onClose func()) {
	*c = Pass{side: Client, peer: peer, onClose: onClose}
	c.conn.open(w, fd, c)
	c.up = up
	c.inMode, c.outMode = untilClose, untilClose
	w.Loop.Opened()
	c.tellNew()
}

// AcceptTLS is Accept for a client's connection whose TLS stands.
func (c *Pass) AcceptTLS(w *Worker, over *transport.TLS, peer netip.AddrPort, up Upper, onClose func()) {
	*c = Pass{side: Client, peer: peer, onClose: onClose}
	c.conn.over(w, over, c)
	c.up = up
	c.inMode, c.outMode = untilClose, untilClose
	w.Loop.Opened()
	c.tellNew()
}

// Dial begins to connect to a server; see H1Server.Dial. back is nil for a plain
// connection.
func (c *Pass) Dial(w *Worker, by Route, back *certs.Back, up Upper, onClose func()) transport.State {
	*c = Pass{side: Server, to: by.To, back: back, peer: by.To.IP, onClose: onClose}
	c.w, c.t, c.up = w, &c.Raw, up
	c.inMode, c.outMode = untilClose, untilClose
	if e := c.Raw.Dial(w.Loop, by.To, by.From, c); e != 0 {
		c.closed, c.dead = true, true
		return transport.Failed
	}
	w.Loop.Opened()
	c.tellNew()
	c.dialing = true
	return c.connected()
}

func (c *Pass) connected() transport.State {
	s := c.secure(c.back, c.reached(c.to))
	switch s {
	case transport.OK:
		c.dialing = false
		c.NoDelay()
		c.t.Watch()
	case transport.Failed:
		c.dead = true
	}
	return s
}

// Ready implements loop.Handler.
func (c *Pass) Ready(r loop.Readiness) {
	in, out := c.t.Ready(r)
	if c.dialing {
		switch c.connected() {
		case transport.OK:
			c.up.Event(Server, Connected)
		case transport.Failed:
			c.up.Event(Server, Broken)
		}
		return
	}
	if out && c.out != nil {
		switch c.flush() {
		case Sent:
			c.up.Event(c.side, Writable)
		case Dead:
			c.up.Event(c.side, Broken)
		}
	}
	if in && !c.closed {
		c.up.Event(c.side, Readable)
	}
}

// WriteHead implements Endpoint; there are no heads here.
func (c *Pass) WriteHead(_ *message.Head, b *buffer.Buffer, end bool) WriteState {
	return c.Write(b, end, nil)
}

// Read implements Endpoint.
func (c *Pass) Read() (*buffer.Buffer, ReadState) { return c.read(&c.flow) }

// Write implements Endpoint.
func (c *Pass) Write(b *buffer.Buffer, end bool, trailers []message.Field) WriteState {
	if c.w.Trace.Pass.On() {
		c.conn.tellSent(&c.w.Trace.Pass, trace.PassTx, c.side, c.up, b)
	}
	if b != nil && c.outMode != none {
		c.passed += int64(b.Len())
	}
	return c.conn.Write(b, end, trailers)
}

// Sent implements Endpoint.
func (c *Pass) Sent() int64 { return c.passed }

// Peer implements Endpoint.
func (c *Pass) Peer() netip.AddrPort { return c.peer }

// CloseProperly makes the end of a server's connection a FIN in place of a reset.
func (c *Pass) CloseProperly() { c.proper = true }

// NoLinger makes the end of a client's connection leave nothing in the kernel.
func (c *Pass) NoLinger() { c.harsh = true }

// Abort implements Endpoint.
func (c *Pass) Abort(reset bool) {
	if c.closed {
		return
	}
	c.closed = true
	if c.w.Trace.Pass.On() {
		c.tell(trace.PassEnd, trace.State, "PT connection terminated")
	}
	if !reset && c.harsh {
		c.purge()
		reset = true
	}
	c.release(reset || c.side == Server && !c.proper && !c.t.HungUp()) // as H1Server
	c.w.Loop.Closed()
	c.onClose()
}

// Hand lets the descriptor go, open, for another mux. The stream is no longer
// told of anything; what was read but not taken is the caller's loss, so it
// reads to the end first.
func (c *Pass) Hand() int32 {
	c.closed, c.dead, c.up = true, true, nil
	c.drop()
	c.in.Release()
	c.in = nil
	c.w.Loop.Closed()
	return c.Raw.Hand()
}

// HandTLS is Hand for a connection with TLS.
func (c *Pass) HandTLS() *transport.TLS {
	t := c.TLS()
	c.closed, c.dead, c.up = true, true, nil
	c.drop()
	c.in.Release()
	c.in = nil
	c.w.Loop.Closed()
	return t
}

// Panicked implements loop.Handler.
func (c *Pass) Panicked(any) {
	if up := c.up; up != nil {
		c.up = nil
		c.dead = true
		up.Event(c.side, Crashed)
	}
	c.Abort(true)
}

// Compile-time checks that every endpoint is one.
var (
	_ ClientEndpoint = (*H1Client)(nil)
	_ Endpoint       = (*H1Server)(nil)
	_ Endpoint       = (*Pass)(nil)
)
