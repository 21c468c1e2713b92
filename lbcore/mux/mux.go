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

// Side names one of a stream's two endpoints.
type Side uint8

// The sides.
const (
	Client Side = iota
	Server
)

// Event is what an endpoint tells its stream.
type Event uint8

// The events.
const (
	Connected Event = iota // Server: the connection stands
	Headed                 // a head was parsed: see H1Server.Head
	Readable               // Read may find something new, the end included
	Writable               // what was written has left
	Broken                 // the connection is gone, see Endpoint.Fault
	Crashed                // work on the connection panicked: give everything up
)

// Upper is a stream as its endpoints see it. Event runs on the loop and may
// call any method of the endpoint, Detach included.
type Upper interface {
	Event(side Side, ev Event)
}

// ReadState is the outcome of a Read.
type ReadState uint8

// The read states. A buffer may come with any of them.
const (
	More    ReadState = iota // read again: there may be more now
	Wait                     // nothing more now, Readable will tell
	End                      // the message, or the tunnel's direction, is complete
	Aborted                  // the peer left before the message's end
	Invalid                  // the body's framing is broken
)

// WriteState is the outcome of a write.
type WriteState uint8

// The write states.
const (
	Sent    WriteState = iota // nothing is held back
	Blocked                   // some is held back: stop writing, Writable will tell
	Dead                      // the connection is gone
)

// Fault says why a connection broke.
type Fault struct {
	Errno  loop.Errno // zero when the peer closed
	Decode h1.Failure // for a head that could not be parsed
	Closed bool       // the peer closed before, or in the middle of, a head
	// Partial: in the middle of it.
	Partial bool
}

// Endpoint is one side of a stream.
type Endpoint interface {
	// Read returns the next piece of body, owned by the caller. The first Read
	// after a head always returns a buffer, see the package comment.
	Read() (*buffer.Buffer, ReadState)
	// WriteHead encodes a head and takes b, the first piece of its body or
	// nil. With end nothing follows.
	WriteHead(h *message.Head, b *buffer.Buffer, end bool) WriteState
	// Write takes a piece of body. With end the message is complete; b may be
	// nil then. trailers are written with the end of a chunked body.
	Write(b *buffer.Buffer, end bool, trailers []message.Field) WriteState
	// State tells whether earlier writes are still held back.
	State() WriteState
	// Trailers returns the fields that came behind the body, after End.
	Trailers() []message.Field
	// HungUp tells whether the peer is known to have ended its direction.
	HungUp() bool
	// Fault says what broke the connection.
	Fault() Fault
	// Sent returns the bytes produced for the peer since the stream began,
	// framing included.
	Sent() int64
	// Peer and Local are the connection's addresses, zero where there are none.
	Peer() netip.AddrPort
	Local() netip.AddrPort
	// Abort closes the connection at once; the stream is no longer told of
	// anything. With reset the peer is told by a TCP reset.
	Abort(reset bool)
}

// ClientEndpoint is the client's side of one exchange, as a mux whose
// connections carry requests offers it. A connection may have many at once.
type ClientEndpoint interface {
	Endpoint
	// Detach ends the exchange: the response is complete, or was given up.
	Detach()
	// Interim writes a 1xx response; the final one follows.
	Interim(h *message.Head) WriteState
	// Continue tells the client to send its body.
	Continue() WriteState
	// Tunnel turns both directions into plain bytes.
	Tunnel()
	// Final announces that Detach follows the next write at once: where the
	// connection closes with the exchange, its end may leave with those bytes.
	Final()
	// WasReset tells whether the client is known to have reset its connection.
	WasReset() bool
	// HeadStart is when the request's first byte came, monotonic ns, HeadLen
	// the length of its head in bytes.
	HeadStart() int64
	HeadLen() int
}

// Worker is what the connections of one loop share.
type Worker struct {
	Loop *loop.Loop
	// Secured is told of TLS connections that come and go, both sides.
	Secured func(n int64)
	Records *transport.Records // of TLS connections, nil for as large as can be
	Trace   *trace.Set         // where events are told
	scratch []byte
	free    []*exchange
	live    int
}

// NewWorker returns the shared parts for a loop. scratch must hold the largest
// head.
func NewWorker(l *loop.Loop) *Worker {
	return &Worker{Loop: l, Secured: func(int64) {}, Trace: new(trace.Set), scratch: make([]byte, 0, 4*l.Buffers.Size())}
}

// Live returns how many exchanges are in progress, for leak checks.
func (w *Worker) Live() int { return w.live }

// exchange is the state of one message being received. An idle connection has
// none.
type exchange struct {
	start  int64          // monotonic ns of the head's first byte
	headed int            // bytes of the head
	sent   int64          // bytes produced for the peer, framing included
	flow   flow           // of the body received
	left   int64          // bytes of a body of known length still to come
	req    h1.RequestInfo // of a client's request
	from   Side           // who sends it
	head   message.Head
	dec    h1.Decoder
	chunks h1.Chunks
	cases  h1.Cases // how names of fields are spelt for the peer, nil for as they are
}

func (w *Worker) exchange() *exchange {
	w.live++
	n := len(w.free)
	if n == 0 {
		x := new(exchange)
		x.head.Fields = make([]message.Field, 0, 24)
		return x
	}
	x := w.free[n-1]
	w.free = w.free[:n-1]
	return x
}

func (w *Worker) release(x *exchange) {
	if x == nil {
		return
	}
	w.live--
	x.sent, x.flow = 0, flow{}
	x.head.Reset()
	x.dec.Reset()
	x.chunks.Reset() // the next message's trailers are not these
	w.free = append(w.free, x)
}

// conn is what HTTP/1 connections of both sides have in common: bytes in and
// out, and the framing of the current message in each direction.
type conn struct {
	transport.Raw
	t       transport.Conn
	w       *Worker
	up      Upper
	x       *exchange
	in      *buffer.Buffer // received, not yet read
	more    *buffer.Buffer // received by another mux before, behind in; linked by Next
	out     *buffer.Buffer // produced, not yet sent; linked by Next
	inMode  framing
	outMode framing
	headed  bool // the next Read is the first after a head
	dead    bool
	shut    bool // our direction ends when what is held back has left
	parting bool // a close follows the next write at once
	cut     bool // the peer left in the middle of a message
	harsh   bool // a client's connection that a reset ends, see purge
}

// framing is how a body is delimited in one direction.
type framing uint8

const (
	none framing = iota
	length
	chunked
	untilClose
)

func (c *conn) open(w *Worker, fd int32, h loop.Handler) {
	c.w = w
	c.Raw.Open(w.Loop, fd, h)
	c.t = &c.Raw
}

// over takes a connection whose TLS stands.
func (c *conn) over(w *Worker, t *transport.TLS, h loop.Handler) {
	c.w = w
	t.Move(&c.Raw, h)
	c.t = t
}

// TLS returns the connection's TLS, nil for a plain one.
func (c *conn) TLS() *transport.TLS {
	t, _ := c.t.(*transport.TLS)
	return t
}

// Named is an Upper that names the server in TLS.
type Named interface {
	// ServerName is the name to ask for, "" for none.
	ServerName() string
}

// Examiner is a ClientOwner or an Upper that looks at malformed messages: what was
// received of one and what is wrong with it, f.Pos counted from the start of
// received. The bytes are its only during the call. It is told before anything
// else comes of the fault.
type Examiner interface {
	Malformed(side Side, received []byte, f h1.Failure)
}

// examine shows a malformed message to whoever looks at such.
func examine(to any, side Side, received []byte, f h1.Failure) {
	if e, ok := to.(Examiner); ok {
		e.Malformed(side, received, f)
	}
}

// Prefaced is a stream whose server connections begin with bytes of their own, a
// PROXY header.
type Prefaced interface {
	// Preface returns them, nil for none; valid until the next call.
	Preface() []byte
}

// secure goes on with the handshake of a connection that is being made; back is
// nil for a plain one.
func (c *conn) secure(back *certs.Back, connected transport.State) transport.State {
	if back == nil || connected != transport.OK {
		return connected
	}
	t := c.TLS()
	if t == nil {
		name := ""
		if n, ok := c.up.(Named); ok {
			name = n.ServerName()
		}
		t = transport.Client(&c.Raw, back.Config(), name)
		t.Size(c.w.Records)
		c.t = t
		c.w.Secured(1)
		c.NoDelay() // the request follows the handshake's last flight
	}
	return t.Handshake()
}

// reached asks whether the socket stands; a handshake says that it does.
func (c *conn) reached(to *loop.Sockaddr) transport.State {
	if c.TLS() != nil {
		return transport.OK
	}
	s := c.Raw.Connected(to)
	if p, ok := c.up.(Prefaced); ok && s == transport.OK {
		return c.preface(p.Preface())
	}
	return s
}

// preface sends what comes in front of everything, which a fresh socket always
// has room for.
func (c *conn) preface(b []byte) transport.State {
	if len(b) == 0 {
		return transport.OK
	}
	if _, s := c.Raw.Send(b); s != transport.OK {
		return transport.Failed
	}
	c.NoDelay()
	return transport.OK
}

// fill reads into c.in, which it creates where there is none.
func (c *conn) fill() (int, transport.State) {
	b := c.in
	if b == nil {
		b = c.w.Loop.Buffers.Get()
	}
	if c.more != nil {
		c.in = b
		return c.refill(), transport.OK
	}
	n, s := c.t.Recv(b.Room())
	b.W += n
	if b.Len() == 0 && !c.headed {
		b.Release()
		b = nil
	}
	c.in = b
	return n, s
}

// refill moves bytes that another mux received to c.in.
func (c *conn) refill() int {
	b := c.more
	n := copy(c.in.Room(), b.Bytes())
	c.in.W += n
	if b.R += n; b.Len() == 0 {
		c.more, b.Next = b.Next, nil
		b.Release()
	}
	return n
}

// begin sets the framing of a body that follows a parsed head.
func (c *conn) begin(h *message.Head) {
	c.headed = true
	c.x.flow = flow{}
	switch {
	case h.Flags.Has(message.Tunnel):
		c.inMode = untilClose
	case h.Flags.Has(message.NoBody):
		c.inMode = none
	case h.Flags.Has(message.Chunked):
		c.inMode = chunked
		c.x.chunks.Reset()
	case h.BodyLen > 0:
		c.inMode, c.x.left = length, h.BodyLen
	case h.Response && h.BodyLen < 0:
		c.inMode = untilClose
	default:
		c.inMode = none
	}
}

// take hands out the first n bytes of c.in. What lies behind them goes on in a
// buffer of its own.
func (c *conn) take(n int) *buffer.Buffer {
	b := c.in
	c.in = nil
	if rest := b.Len() - n; rest > 0 {
		c.in = c.w.Loop.Buffers.Get()
		c.in.Append(b.Bytes()[n:])
		b.W = b.R + n
	}
	return b
}

// Read implements Endpoint.
func (c *conn) Read() (*buffer.Buffer, ReadState) {
	if c.x != nil {
		return c.read(&c.x.flow)
	}
	return c.read(nil)
}

func (c *conn) read(f *flow) (*buffer.Buffer, ReadState) {
	if c.pipes(f) {
		if b, st, ok := c.readPipe(f); ok {
			return b, st
		}
	}
	first := c.headed
	if (c.in == nil || c.in.Len() == 0) && c.inMode != none && !first {
		if _, s := c.fill(); c.in == nil {
			return nil, c.idleState(s)
		}
		if f != nil {
			f.noted(c.in)
		}
	}
	c.headed = false
	switch c.inMode {
	case none:
		if first {
			return c.take(0), End
		}
		return nil, End
	case length:
		n := min(c.x.left, int64(c.in.Len()))
		c.x.left -= n
		if c.x.left == 0 {
			c.inMode = none
			return c.take(int(n)), End
		}
		return c.take(int(n)), More
	case chunked:
		return c.readChunks()
	}
	return c.take(c.in.Len()), More
}

// idleState translates a receive that brought nothing.
func (c *conn) idleState(s transport.State) ReadState {
	switch s {
	case transport.Again:
		return Wait
	case transport.EOF:
		if c.inMode == untilClose {
			c.inMode = none
			return End
		}
		c.cut = true
	case transport.Failed:
		c.dead = true
	default:
		return Wait
	}
	return Aborted
}

// readChunks decodes what has been received in place: payload moves down over
// the framing between it.
func (c *conn) readChunks() (*buffer.Buffer, ReadState) {
	b := c.in
	from, to := b.R, b.R
	for from < b.W {
		skip, data, s := c.x.chunks.Next(b.Data[from:b.W])
		from += skip
		if to != from {
			copy(b.Data[to:], b.Data[from:from+data])
		}
		from += data
		to += data
		switch s {
		case h1.Failed:
			// What is in front has moved already: the piece at fault is shown.
			if begin := from - skip - data; begin >= 0 {
				examine(c.up, c.x.from, b.Data[begin:b.W], c.x.chunks.Failure())
			}
			b.W = to
			c.in, c.inMode = nil, untilClose // what follows cannot be told apart
			return b, Invalid
		case h1.Done:
			c.inMode = none
			c.in = nil
			if rest := b.Data[from:b.W]; len(rest) > 0 {
				c.in = c.w.Loop.Buffers.Get()
				c.in.Append(rest)
			}
			b.W = to
			return b, End
		}
		if skip+data == 0 {
			break
		}
	}
	b.W = to
	c.in = nil
	return b, More
}

// Trailers implements Endpoint.
func (c *conn) Trailers() []message.Field {
	if c.x == nil {
		return nil
	}
	return c.x.chunks.Trailers()
}

// writeHead puts the encoded head, which lies in scratch, in front of b.
func (c *conn) writeHead(h *message.Head, head []byte, b *buffer.Buffer, end bool) WriteState {
	if c.x != nil && c.x.cases != nil {
		c.x.cases.Apply(head)
	}
	switch {
	case h.Flags.Has(message.NoBody):
		c.outMode = none
	case h.Flags.Has(message.Tunnel):
		c.outMode = untilClose
	case h.Flags.Has(message.Chunked):
		c.outMode = chunked
	case h.BodyLen >= 0:
		c.outMode = length
	case h.Response:
		c.outMode = untilClose
	default:
		c.outMode = none
	}
	if b == nil {
		b = c.w.Loop.Buffers.Get()
	}
	if c.outMode == none {
		b.W = b.R
	} else {
		c.frame(b, end, nil)
	}
	c.count(len(head))
	if b.Prepend(head) {
		return c.push(b)
	}
	// The head grew beyond the room in front: it leaves in buffers of its own.
	for len(head) > 0 {
		own := c.w.Loop.Buffers.Get()
		n := copy(own.Room(), head)
		own.W += n
		head = head[n:]
		c.push(own)
	}
	return c.push(b)
}

// frame wraps b's content as the message's framing asks.
func (c *conn) frame(b *buffer.Buffer, end bool, trailers []message.Field) {
	if c.outMode == chunked {
		if n := b.Len(); n > 0 {
			var size [20]byte
			b.Prepend(h1.AppendChunkSize(size[:0], n))
			b.Append(crlf)
		}
		if end && len(trailers) == 0 {
			b.Append(lastChunk)
		}
	}
	c.count(b.Len())
}

var (
	crlf      = []byte("\r\n")
	lastChunk = []byte("0\r\n\r\n")
)

// Write implements Endpoint.
func (c *conn) Write(b *buffer.Buffer, end bool, trailers []message.Field) WriteState {
	if c.outMode == none {
		b.Release()
		return c.State()
	}
	if b != nil && (b.Len() > 0 || end) {
		c.frame(b, end, trailers)
		c.push(b)
	} else {
		b.Release()
		if end && c.outMode == chunked && len(trailers) == 0 {
			b = c.w.Loop.Buffers.Get()
			c.frame(b, true, nil)
			c.push(b)
		}
	}
	if end && c.outMode == chunked && len(trailers) > 0 {
		c.writeTrailers(trailers)
	}
	if end && c.outMode == untilClose {
		c.ended()
	}
	return c.State()
}

func (c *conn) writeTrailers(trailers []message.Field) {
	text := append(c.w.scratch[:0], "0\r\n"...)
	text = h1.AppendTrailers(text, trailers)
	if c.x != nil && c.x.cases != nil {
		c.x.cases.Apply(text)
	}
	c.count(len(text))
	for len(text) > 0 {
		b := c.w.Loop.Buffers.Get()
		n := copy(b.Room(), text)
		b.W += n
		text = text[n:]
		c.push(b)
	}
}

// ended remembers that the sending direction is over; a tunnel passes it on.
func (c *conn) ended() {
	c.outMode = none
	c.shut = true
	if c.out == nil && !c.dead {
		c.shutdown()
	}
}

// shutdown ends our direction, unless a reset is to end the connection, see purge.
func (c *conn) shutdown() {
	if !c.harsh || !c.t.HungUp() {
		c.t.ShutdownWrite()
	}
}

// push sends b, or queues it behind what is held back.
func (c *conn) push(b *buffer.Buffer) WriteState {
	switch {
	case c.dead || b.Len() == 0:
		b.Release()
		return c.State()
	case c.out != nil:
		last := c.out
		for last.Next != nil {
			last = last.Next
		}
		last.Next = b
		return Blocked
	}
	switch c.send(b, c.parting) {
	case transport.OK:
		b.Release()
		return Sent
	case transport.Again:
		c.out = b
		return Blocked
	}
	b.Release()
	c.dead = true
	return Dead
}

// flush sends what is held back.
func (c *conn) flush() WriteState {
	for c.out != nil {
		b := c.out
		switch c.send(b, false) {
		case transport.Again:
			return Blocked
		case transport.Failed:
			c.drop()
			c.dead = true
			return Dead
		}
		c.out = b.Next
		b.Next = nil
		b.Release()
		if c.out == nil && c.shut {
			c.shutdown()
		}
	}
	return Sent
}

// drop releases what is held back.
func (c *conn) drop() {
	for b := c.out; b != nil; b = c.out {
		c.out = b.Next
		b.Next = nil
		b.Release()
	}
}

// State implements Endpoint.
func (c *conn) State() WriteState {
	switch {
	case c.dead:
		return Dead
	case c.out != nil:
		return Blocked
	}
	return Sent
}

// HungUp implements Endpoint.
func (c *conn) HungUp() bool { return c.t.HungUp() }

// Fault implements Endpoint.
func (c *conn) Fault() Fault {
	f := Fault{Closed: c.cut, Errno: c.t.Err()}
	if c.x != nil {
		f.Decode = c.x.dec.Failure()
	}
	return f
}

// Sent implements Endpoint.
func (c *conn) Sent() int64 {
	if c.x == nil {
		return 0
	}
	return c.x.sent
}

// count adds to what was produced in this exchange; a connection without
// exchanges counts for itself.
func (c *conn) count(n int) {
	if c.x != nil {
		c.x.sent += int64(n)
	}
}

// Local implements Endpoint.
func (c *conn) Local() netip.AddrPort { return c.t.Local() }

// purge prepares the end of a client's connection of which nothing is to stay in the
// kernel (option nolinger): a reset ends it, and what the client has not got is lost.
// Reference: one that has not ended its own direction is told by a FIN in front.
func (c *conn) purge() {
	if c.IsOpen() && !c.dead {
		c.shutdown()
	}
}

// release gives everything back and closes the socket.
func (c *conn) release(reset bool) {
	c.up = nil
	c.drop()
	c.in.Release()
	c.in = nil
	for b := c.more; b != nil; b = c.more {
		c.more, b.Next = b.Next, nil
		b.Release()
	}
	c.w.release(c.x)
	c.x = nil
	if c.IsOpen() {
		c.t.Close(reset)
		if c.TLS() != nil {
			c.w.Secured(-1)
		}
	}
	c.dead = true
}
