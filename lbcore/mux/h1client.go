package mux

import (
	"net/netip"

	"gohap/lbcore/buffer"
	"gohap/lbcore/h1"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/trace"
	"gohap/lbcore/transport"
)

// ClientConfig is what the HTTP/1 connections of one frontend share.
// Durations are nanoseconds, zero for none.
type ClientConfig struct {
	Decode        h1.Options
	Cases         h1.Cases  // option h1-case-adjust-bogus-client, nil without
	RequestTime   int64     // timeout http-request: from the first wait to the end of the head
	KeepAliveTime int64     // timeout http-keep-alive: idle between requests
	ClientTime    int64     // timeout client: flushing and lingering
	Policy        h1.Policy // the frontend's options on persistence
	InsecureReuse bool      // h1-do-not-close-on-insecure-transfer-encoding
	IgnoreProbes  bool      // option http-ignore-probes
	NoLinger      bool      // option nolinger, see purge
}

// Refusal says why a connection gives up before it has a request.
type Refusal uint8

// The refusals.
const (
	RefusedMalformed Refusal = iota // the head could not be parsed: Fault.Decode
	RefusedTimeout                  // no complete head in time
	RefusedClosed                   // the client left in the middle of a head, or before one
)

// ClientOwner is the session that a client connection serves.
type ClientOwner interface {
	// NewStream is called with each parsed request head, which stays valid as
	// the package comment says, and the exchange's endpoint. It returns the
	// stream, or nil when that has already ended.
	NewStream(ep ClientEndpoint, h *message.Head) Upper
	// Refused is called once when no request came of what was received;
	// partial tells whether anything was. It returns the page to answer.
	Refused(why Refusal, f h1.Failure, partial bool) (page []byte)
	// Stopping tells whether the connection must not be kept idle.
	Stopping() bool
	// Config returns what the connections of the frontend share.
	Config() *ClientConfig
	// Peer returns the client's address.
	Peer() netip.AddrPort
	// Gone is called last: the connection is closed.
	Gone()
}

type clientState uint8

const (
	idle     clientState = iota // between requests, nothing received
	heading                     // a head is being received
	active                      // a stream is attached
	flushing                    // the last bytes are on their way, then close
	skipping                    // the response is over, the rest of the request's body is read over
	draining                    // sending has ended: input is thrown away until the client closes
	closed
)

// H1Client is an HTTP/1 connection to a client. It is embedded in its owner.
type H1Client struct {
	conn
	timer   loop.Timer
	owner   ClientOwner
	state   clientState
	keep    bool // this exchange allows another one
	pumping bool
	queued  bool
	served  bool // at least one request came on this connection
	last    bool // the present response is the last one whatever the client wants
}

// drainTime bounds how long a closing connection waits for its client to
// close, in ns, so that the answer is not lost to a reset.
const drainTime = int64(1e9)

// Open starts to serve a descriptor; the owner is told of everything from now
// on, possibly before Open returns.
func (c *H1Client) Open(w *Worker, fd int32, owner ClientOwner) {
	t := c.timer
	*c = H1Client{owner: owner, timer: t}
	c.timer.Owner = c
	c.conn.open(w, fd, c)
	c.begun()
}

// Take is Open for a descriptor that another mux hands over, with the bytes
// that were received and belong to the first request, nil or linked by Next.
func (c *H1Client) Take(w *Worker, fd int32, owner ClientOwner, in *buffer.Buffer) {
	t := c.timer
	*c = H1Client{owner: owner, timer: t}
	c.timer.Owner = c
	c.conn.open(w, fd, c)
	if in != nil {
		c.in, c.more, in.Next = in, in.Next, nil
	}
	c.begun()
}

// TakeTLS is Take for a connection whose TLS stands.
func (c *H1Client) TakeTLS(w *Worker, over *transport.TLS, owner ClientOwner, in *buffer.Buffer) {
	t := c.timer
	*c = H1Client{owner: owner, timer: t}
	c.timer.Owner = c
	c.conn.over(w, over, c)
	if in != nil {
		c.in, c.more, in.Next = in, in.Next, nil
	}
	c.begun()
}

// begun begins to serve a connection that stands.
func (c *H1Client) begun() {
	c.harsh = c.owner.Config().NoLinger
	c.w.Loop.Opened()
	if c.w.Trace.H1.On() {
		c.tell(trace.H1New, trace.State, "new H1 connection")
	}
	c.arm(c.owner.Config().RequestTime)
	c.pump()
}

func (c *H1Client) arm(d int64) {
	if d > 0 {
		c.w.Loop.Arm(&c.timer, c.w.Loop.Now()+d)
	} else {
		c.w.Loop.Disarm(&c.timer)
	}
}

// Ready implements loop.Handler.
func (c *H1Client) Ready(r loop.Readiness) {
	in, out := c.t.Ready(r)
	if out {
		c.written()
	}
	if in && c.state != closed {
		c.readable()
	}
}

func (c *H1Client) written() {
	st := c.flush()
	switch {
	case st == Blocked:
	case c.state == active:
		if st == Dead {
			c.up.Event(Client, Broken)
		} else {
			c.up.Event(Client, Writable)
		}
	case c.state == flushing:
		c.finish()
	}
}

func (c *H1Client) readable() {
	switch c.state {
	case active:
		c.up.Event(Client, Readable)
	case draining:
		c.drain()
	case skipping:
		c.skip()
	case flushing:
	default:
		c.pump()
	}
}

// Run goes on with what was received while a stream was attached.
func (c *H1Client) Run() {
	c.queued = false
	switch c.state {
	case idle, heading:
		c.pump()
	case skipping:
		c.skip()
	}
}

// pump receives and parses heads as long as no stream is attached.
func (c *H1Client) pump() {
	c.pumping = true
	for c.state == idle || c.state == heading {
		if c.in == nil || c.in.Len() == 0 || c.state == heading {
			n, s := c.fill()
			if n == 0 {
				c.nothing(s)
				break
			}
		}
		c.parse()
	}
	c.pumping = false
}

// nothing handles a receive without bytes while a head is awaited.
func (c *H1Client) nothing(s transport.State) {
	switch s {
	case transport.Again:
	case transport.OK: // no room: the decoder's limit is beyond the buffer
		c.refuse(RefusedMalformed, h1.Failure{Code: 431, Reason: "head larger than a buffer"})
	default:
		partial := c.state == heading
		if !partial && c.served {
			c.close(false)
			return
		}
		c.refuse(RefusedClosed, h1.Failure{Code: 400}) // reference: CR-- and 400 even with no byte
	}
}

func (c *H1Client) parse() {
	begins := c.state == idle
	c.state = heading
	if c.x == nil {
		c.x = c.w.exchange()
		c.x.from = Client
		c.x.start = c.w.Loop.Now()
	}
	o := &c.owner.Config().Decode
	c.x.chunks.Relaxed = o.Relaxed
	n, st := c.x.dec.Request(c.in.Bytes(), &c.x.head, o)
	switch st {
	case h1.NeedMore:
		if begins && c.owner.Config().RequestTime > 0 { // reference: counted from the first byte
			c.arm(c.owner.Config().RequestTime)
		}
		if len(c.in.Room()) == 0 {
			c.compact()
		}
	case h1.Failed:
		why := RefusedMalformed
		if c.HungUp() {
			why = RefusedClosed // reference: it is the client's fault twice
		}
		examine(c.owner, Client, c.in.Bytes(), c.x.dec.Failure())
		c.refuse(why, c.x.dec.Failure())
	case h1.Done:
		if f, ok := c.x.dec.Violation(); ok {
			examine(c.owner, Client, c.in.Bytes(), f)
		}
		if f := c.brokenBody(c.in.Bytes(), n); f.Code != 0 {
			examine(c.owner, Client, c.in.Bytes(), f)
			c.in.R += n
			c.x.headed = n
			c.refuse(RefusedMalformed, f)
			return
		}
		c.in.R += n
		c.x.headed = n
		c.start()
	}
}

// brokenBody looks at what came with a head, of n bytes, of its chunked body.
// Reference: a fault there refuses the whole request, so that no rule and no server
// sees it.
func (c *H1Client) brokenBody(received []byte, n int) (f h1.Failure) {
	if !c.x.head.Flags.Has(message.Chunked) {
		return f
	}
	c.x.chunks.Reset()
	for b := received[n:]; len(b) > 0; {
		skip, data, st := c.x.chunks.Next(b)
		if st == h1.Failed {
			f = c.x.chunks.Failure()
			f.Pos += len(received) - len(b)
		}
		if st != h1.NeedMore {
			break
		}
		b = b[skip+data:]
	}
	c.x.chunks.Reset()
	return f
}

// compact moves an unfinished head to a fresh buffer when it began late in its
// own, behind a former request; the decoder starts anew.
func (c *H1Client) compact() {
	b := c.in
	if b.R <= buffer.Headroom {
		return
	}
	c.in = c.w.Loop.Buffers.Get()
	c.in.Append(b.Bytes())
	b.Release()
	c.x.dec.Reset()
	c.x.head.Reset()
}

// start attaches a stream to a parsed head.
func (c *H1Client) start() {
	h := &c.x.head
	c.state, c.served = active, true
	c.w.Loop.Disarm(&c.timer)
	c.begin(h)
	c.x.sent = 0
	c.x.req, c.keep, c.last, c.parting = h1.Info(h), false, false, false
	if c.owner.Config().InsecureReuse {
		c.x.req.Keep = c.x.req.Keep || h.Version11() && !h.Flags.Has(message.ConnClose)
	}
	if c.w.Trace.H1.On() {
		c.tellHead(trace.H1RxHead|trace.H1StreamNew, "rcvd H1 request headers", h)
	}
	up := c.owner.NewStream(c, h)
	if c.state == active {
		c.up = up
	}
}

// WriteHead implements Endpoint: a response, interim ones included.
func (c *H1Client) WriteHead(h *message.Head, b *buffer.Buffer, end bool) WriteState {
	p := c.owner.Config().Policy
	p.FrontendClose = p.FrontendClose || c.last || c.owner.Stopping()
	c.keep = h1.ClientKeeps(c.x.req, h, p)
	c.parting = c.parting && !c.keep
	con := h1.ClientConnection(c.x.req, h, p)
	if c.w.Trace.H1.On() {
		c.tellHead(trace.H1TxHead, "sending response headers", h)
	}
	c.x.cases = c.owner.Config().Cases
	return c.writeHead(h, h1.AppendResponse(c.w.scratch[:0], h, con), b, end)
}

// Write implements Endpoint.
func (c *H1Client) Write(b *buffer.Buffer, end bool, trailers []message.Field) WriteState {
	if c.w.Trace.H1.On() {
		c.conn.tellSent(&c.w.Trace.H1, trace.H1TxData|trace.H1Send, Client, c.up, b)
	}
	return c.conn.Write(b, end, trailers)
}

// Interim implements the writing of a 1xx response: nothing of the exchange's
// framing changes.
func (c *H1Client) Interim(h *message.Head) WriteState {
	b := c.w.Loop.Buffers.Get()
	text := h1.AppendResponse(c.w.scratch[:0], h, h1.ConnNone)
	if m := c.owner.Config().Cases; m != nil {
		m.Apply(text)
	}
	b.Append(text)
	c.count(b.Len())
	return c.push(b)
}

// Continue answers a client that waits for leave to send its body
// (RFC 9110 section 10.1.1).
func (c *H1Client) Continue() WriteState {
	b := c.w.Loop.Buffers.Get()
	b.Append(continue100)
	return c.push(b)
}

var continue100 = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// Tunnel turns both directions into plain bytes.
func (c *H1Client) Tunnel() { c.inMode, c.outMode = untilClose, untilClose }

// CloseAfter makes the response that follows the connection's last one.
func (c *H1Client) CloseAfter() { c.last = true }

// Final implements ClientEndpoint. A head decides whether the connection closes.
func (c *H1Client) Final() { c.parting = !c.keep && c.inMode == none }

// HeadStart returns when the first byte of the present request came, in
// monotonic ns; zero while nothing has.
func (c *H1Client) HeadStart() int64 {
	if c.x == nil {
		return 0
	}
	return c.x.start
}

// HeadLen returns the length of the present request's head in bytes.
func (c *H1Client) HeadLen() int { return c.x.headed }

// Detach ends the exchange: the response is complete. The connection goes on
// with the next request, or closes after its last byte.
func (c *H1Client) Detach() {
	c.up = nil // which is over
	if c.w.Trace.H1.On() {
		c.tell(trace.H1TxEnd|trace.H1StreamEnd, trace.User, "H1 response fully xferred")
	}
	st := c.discard()
	complete := st == End
	// Reference: the rest of the request is taken even where the answer is the
	// last one.
	if !c.dead && (st == Wait || st == More) && c.inMode != untilClose && !c.owner.Stopping() {
		c.state = skipping
		c.arm(c.owner.Config().ClientTime)
		c.again(st)
		return
	}
	c.w.release(c.x)
	c.x = nil
	switch {
	case c.dead:
		c.close(false)
	case !c.keep || !complete || c.owner.Stopping():
		c.flushOut(complete)
	default:
		c.idle()
	}
}

// flushOut closes the connection once everything has been sent; complete tells
// that the client is not in the middle of a request.
func (c *H1Client) flushOut(complete bool) {
	c.in.Release()
	c.in = nil
	c.state = flushing
	c.keep = complete // whether the client may still be sending
	c.arm(c.owner.Config().ClientTime)
	if c.out == nil {
		c.finish()
	}
}

// Closing tells whether no further request will be served.
func (c *H1Client) Closing() bool {
	return c.state == flushing || c.state == draining || c.state == closed || c.state == skipping && !c.keep
}

// discard reads over what is left of a request's body, as far as it has been
// received.
func (c *H1Client) discard() ReadState {
	for range 64 {
		if c.dead || c.inMode == untilClose {
			return Aborted
		}
		b, s := c.Read()
		b.Release()
		if s != More {
			return s
		}
	}
	return More
}

// skip goes on with discarding behind a response that came early. Reference:
// the connection serves the next request once the present one has ended.
func (c *H1Client) skip() {
	switch st := c.discard(); st {
	case End:
		c.w.release(c.x)
		c.x = nil
		if c.keep {
			c.idle()
			return
		}
		c.flushOut(true)
	case Wait, More:
		c.arm(c.owner.Config().ClientTime)
		c.again(st)
	default:
		c.close(false)
	}
}

// again goes on in a later turn when a budget, not the input, was used up.
func (c *H1Client) again(st ReadState) {
	if st == More && !c.queued {
		c.queued = true
		c.w.Loop.Queue(c)
	}
}

// idle waits for the next request, which may have been received already.
func (c *H1Client) idle() {
	c.state = idle
	c.arm(c.keepAlive())
	if c.in != nil && c.in.Len() == 0 {
		c.in.Release()
		c.in = nil
	}
	c.t.Idle()
	if !c.pumping && !c.queued && (c.in != nil || !c.t.Quiet()) {
		c.queued = true
		c.w.Loop.Queue(c)
	}
}

func (c *H1Client) keepAlive() int64 {
	if c.owner.Config().KeepAliveTime > 0 {
		return c.owner.Config().KeepAliveTime
	}
	if c.owner.Config().RequestTime > 0 {
		return c.owner.Config().RequestTime
	}
	return c.owner.Config().ClientTime
}

// finish closes after the last byte has left. When the client may still be
// sending, closing at once would answer with a reset that can overtake the
// response: end our direction and read on until the client closes.
func (c *H1Client) finish() {
	if c.dead || c.harsh || c.keep && !c.unread() {
		c.close(false)
		return
	}
	c.t.ShutdownWrite()
	c.state = draining
	c.arm(drainTime)
	c.drain()
}

// unread tells whether bytes wait in the socket that nobody will read: a close
// would answer them with a reset in place of our end.
func (c *H1Client) unread() bool {
	n, e := c.w.Loop.Recv(c.FD(), c.w.scratch[:cap(c.w.scratch)])
	return e == 0 && n > 0
}

func (c *H1Client) drain() {
	for range 64 {
		if _, s := c.fill(); s != transport.OK {
			if s != transport.Again {
				c.close(false)
			}
			return
		}
		c.in.Release()
		c.in = nil
	}
	if !c.queued {
		c.queued = true
		c.w.Loop.Queue(drainer{c})
	}
}

type drainer struct{ c *H1Client }

func (d drainer) Run() {
	d.c.queued = false
	if d.c.state == draining {
		d.c.drain()
	}
}

// refuse answers what never became a request and closes.
func (c *H1Client) refuse(why Refusal, f h1.Failure) {
	partial := c.state == heading
	if c.w.Trace.H1.On() {
		c.tellFailure("H1 request refused", f)
	}
	page := c.owner.Refused(why, f, partial)
	c.state = flushing
	c.keep = why == RefusedClosed
	c.in.Release()
	c.in = nil
	c.arm(c.owner.Config().ClientTime)
	for len(page) > 0 && !c.dead {
		b := c.w.Loop.Buffers.Get()
		n := copy(b.Room(), page)
		b.W += n
		page = page[n:]
		c.push(b)
	}
	if c.out == nil {
		c.finish()
	}
}

// Expired implements loop.Expirer: the connection's own time-outs.
func (c *H1Client) Expired(*loop.Timer) {
	switch c.state {
	case idle:
		if c.served || c.owner.Config().IgnoreProbes {
			c.close(false)
			return
		}
		c.refuse(RefusedTimeout, h1.Failure{Code: 408})
	case heading:
		c.refuse(RefusedTimeout, h1.Failure{Code: 408})
	case skipping:
		c.close(c.out != nil)
	case flushing, draining:
		c.close(true)
	}
}

// Kill closes the connection at once unless a stream is attached; it tells
// whether it did.
func (c *H1Client) Kill() bool {
	if c.state == active || c.state == closed {
		return false
	}
	c.close(false)
	return true
}

// CloseIdle closes the connection when it is between requests, as a soft stop
// does; it tells whether it did.
func (c *H1Client) CloseIdle() bool {
	if c.state != idle || !c.served {
		return false
	}
	c.close(false)
	return true
}

// Owner returns the session that the connection serves.
func (c *H1Client) Owner() ClientOwner { return c.owner }

// Peer implements Endpoint.
func (c *H1Client) Peer() netip.AddrPort { return c.owner.Peer() }

// Abort implements Endpoint. Input that nobody has read would turn the close
// into a reset: our end goes first.
func (c *H1Client) Abort(reset bool) {
	if !reset && !c.dead && c.IsOpen() && !c.harsh {
		c.t.ShutdownWrite()
	}
	c.close(reset)
}

// Panicked implements loop.Handler.
func (c *H1Client) Panicked(any) {
	if up := c.up; up != nil {
		c.up = nil
		up.Event(Client, Crashed)
	}
	c.close(true)
}

// close ends the connection at once, whatever it is doing.
func (c *H1Client) close(reset bool) {
	if c.state == closed {
		return
	}
	if c.w.Trace.H1.On() {
		c.tell(trace.H1End, trace.State, "H1 connection terminated")
	}
	c.state = closed
	c.w.Loop.Disarm(&c.timer)
	if up := c.up; up != nil {
		c.up = nil
		c.dead = true
		up.Event(Client, Broken) // a stream that closed us has ended and does not listen
	}
	if !reset && c.harsh {
		c.purge()
		reset = true
	}
	c.release(reset)
	c.w.Loop.Closed()
	c.owner.Gone()
}
