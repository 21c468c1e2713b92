package testmux

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gohap/lbcore/buffer"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
	"gohap/lbcore/transport"
)

// Owner is the session behind a connection.
type Owner interface {
	NewStream(ep mux.ClientEndpoint, h *message.Head) mux.Upper
	Peer() netip.AddrPort
	Gone()
}

// Conn is a client's connection. It belongs to its loop.
type Conn struct {
	transport.Raw
	loop    *loop.Loop
	owner   Owner
	streams map[int]*Exchange
	in      []byte
	out     []byte
	window  int // of new streams
	leaving bool
	closed  bool
	dead    bool
}

// Open begins to serve a descriptor.
func (c *Conn) Open(l *loop.Loop, fd int32, owner Owner) {
	*c = Conn{loop: l, owner: owner, streams: map[int]*Exchange{}, window: 1 << 20}
	c.Raw.Open(l, fd, c)
	l.Opened()
	c.receive()
}

// Ready implements loop.Handler.
func (c *Conn) Ready(r loop.Readiness) {
	in, out := c.Raw.Ready(r)
	if out {
		c.flush()
	}
	if in && !c.closed {
		c.receive()
	}
}

// Panicked implements loop.Handler.
func (c *Conn) Panicked(any) { c.close() }

func (c *Conn) receive() {
	var p [4096]byte
	for !c.closed {
		n, s := c.Recv(p[:])
		c.in = append(c.in, p[:n]...)
		c.frames()
		switch s {
		case transport.Again:
			return
		case transport.EOF, transport.Failed:
			c.close()
		}
	}
}

// frames acts on every complete frame.
func (c *Conn) frames() {
	for !c.closed {
		line, rest, ok := bytes.Cut(c.in, []byte("\n"))
		if !ok {
			return
		}
		words := strings.Fields(string(line))
		if len(words) == 0 {
			c.in = rest
			continue
		}
		var body []byte
		if words[0] == "D" {
			n, _ := strconv.Atoi(words[2])
			if len(rest) < n {
				return
			}
			body, rest = slices.Clone(rest[:n]), rest[n:]
		}
		c.in = rest
		c.frame(words, body)
	}
}

func (c *Conn) frame(words []string, body []byte) {
	id := 0
	if len(words) > 1 {
		id, _ = strconv.Atoi(words[1])
	}
	x := c.streams[id]
	switch words[0] {
	case "H":
		c.begin(id, words[2:])
	case "D":
		if x != nil {
			x.body = append(x.body, body...)
			x.tell(mux.Readable)
		}
	case "E":
		if x != nil {
			x.ended = true
			x.tell(mux.Readable)
		}
	case "R":
		if x != nil {
			x.reset()
		}
	case "W":
		n, _ := strconv.Atoi(words[2])
		if id == 0 {
			c.window = n
		} else if x != nil {
			x.window += n
			x.pump()
		}
	case "G":
		c.leave()
	}
}

// begin starts a stream.
func (c *Conn) begin(id int, words []string) {
	if c.leaving {
		c.send(fmt.Sprintf("r %d\n", id))
		return
	}
	x := &Exchange{c: c, id: id, window: c.window, start: c.loop.Now()}
	c.streams[id] = x
	h := &x.head
	h.Major, h.Minor = 2, 0
	h.MethodText, h.Target = []byte(words[0]), []byte(words[1])
	h.Method = message.IdentifyMethod(h.MethodText)
	h.BodyLen = -1
	h.Flags |= message.Chunked
	for _, w := range words[2:] {
		name, value, _ := strings.Cut(w, ":")
		h.Add([]byte(name), []byte(value))
	}
	x.first = true
	up := c.owner.NewStream(x, h)
	if !x.detached {
		x.up = up
	}
}

// leave refuses new streams and closes once the last one has ended.
func (c *Conn) leave() {
	c.leaving = true
	c.send("g\n")
	if len(c.streams) == 0 {
		c.close()
	}
}

func (c *Conn) send(text string) {
	c.out = append(c.out, text...)
	c.flush()
}

func (c *Conn) flush() {
	for len(c.out) > 0 && !c.closed {
		n, s := c.Send(c.out)
		c.out = c.out[n:]
		switch s {
		case transport.Again:
			return
		case transport.Failed:
			c.dead = true
			c.close()
		}
	}
}

// close breaks every stream and ends the connection.
func (c *Conn) close() {
	if c.closed {
		return
	}
	c.closed = true
	ids := make([]int, 0, len(c.streams))
	for id := range c.streams {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if x := c.streams[id]; x != nil {
			x.reset()
		}
	}
	c.Raw.Close(false)
	c.loop.Closed()
	c.owner.Gone()
}

// Exchange is one stream's endpoint.
type Exchange struct {
	c        *Conn
	id       int
	up       mux.Upper
	head     message.Head
	start    int64
	window   int
	body     []byte // received, not read
	pending  []byte // produced, beyond the window
	ended    bool   // the request's end was received
	finished bool   // the response's end was produced
	said     bool   // and sent
	first    bool
	gone     bool
	detached bool
	sent     int64
}

func (x *Exchange) tell(ev mux.Event) {
	if x.up != nil {
		x.up.Event(mux.Client, ev)
	}
}

// reset ends the stream because the client, or the connection, left.
func (x *Exchange) reset() {
	x.gone = true
	delete(x.c.streams, x.id)
	if up := x.up; up != nil {
		x.up = nil
		up.Event(mux.Client, mux.Broken)
	}
}

// Read implements mux.Endpoint.
func (x *Exchange) Read() (*buffer.Buffer, mux.ReadState) {
	var b *buffer.Buffer
	if x.first || len(x.body) > 0 {
		b = x.c.loop.Buffers.Get()
		n := copy(b.Room(), x.body)
		b.W += n
		x.body = x.body[n:]
	}
	x.first = false
	switch {
	case len(x.body) > 0:
		return b, mux.More
	case x.gone:
		return b, mux.Aborted
	case x.ended:
		return b, mux.End
	case b != nil:
		return b, mux.More
	}
	return nil, mux.Wait
}

// WriteHead implements mux.Endpoint.
func (x *Exchange) WriteHead(h *message.Head, b *buffer.Buffer, end bool) mux.WriteState {
	var t strings.Builder
	fmt.Fprintf(&t, "h %d %d", x.id, h.Status)
	for _, f := range h.Fields {
		if f.Flags&message.FieldDeleted == 0 && f.ID != message.IDTransferEncoding {
			fmt.Fprintf(&t, " %s:%s", f.Name, f.Value)
		}
	}
	x.c.send(t.String() + "\n")
	return x.Write(b, end, nil)
}

// Write implements mux.Endpoint.
func (x *Exchange) Write(b *buffer.Buffer, end bool, _ []message.Field) mux.WriteState {
	if b != nil {
		x.pending = append(x.pending, b.Bytes()...)
		b.Release()
	}
	x.finished = x.finished || end
	x.send()
	return x.State()
}

// send frames what the window allows.
func (x *Exchange) send() {
	if n := min(len(x.pending), x.window); n > 0 {
		x.c.send(fmt.Sprintf("d %d %d\n%s", x.id, n, x.pending[:n]))
		x.pending = x.pending[n:]
		x.window -= n
		x.sent += int64(n)
	}
	if x.finished && len(x.pending) == 0 && !x.said {
		x.said = true
		x.c.send(fmt.Sprintf("e %d\n", x.id))
	}
}

// pump goes on after the window grew.
func (x *Exchange) pump() {
	x.send()
	switch {
	case len(x.pending) > 0:
	case x.detached && x.said:
		x.forget()
	default:
		x.tell(mux.Writable)
	}
}

func (x *Exchange) forget() {
	delete(x.c.streams, x.id)
	if x.c.leaving && len(x.c.streams) == 0 {
		x.c.close()
	}
}

// State implements mux.Endpoint.
func (x *Exchange) State() mux.WriteState {
	switch {
	case x.gone || x.c.closed:
		return mux.Dead
	case len(x.pending) > 0:
		return mux.Blocked
	}
	return mux.Sent
}

// Detach implements mux.ClientEndpoint.
func (x *Exchange) Detach() {
	x.up, x.detached = nil, true
	if !x.ended && !x.gone && x.said {
		x.c.send(fmt.Sprintf("r %d\n", x.id)) // the rest of the request is not wanted
	}
	if len(x.pending) == 0 {
		x.forget()
	}
}

// Abort implements mux.Endpoint: it resets the stream, not the connection.
func (x *Exchange) Abort(bool) {
	x.up, x.detached = nil, true
	if !x.gone {
		x.gone = true
		x.c.send(fmt.Sprintf("r %d\n", x.id))
		x.forget()
	}
}

// Final implements mux.ClientEndpoint: an exchange's end closes nothing here.
func (x *Exchange) Final() {}

// Interim implements mux.ClientEndpoint.
func (x *Exchange) Interim(h *message.Head) mux.WriteState {
	x.c.send(fmt.Sprintf("h %d %d\n", x.id, h.Status))
	return x.State()
}

// Continue implements mux.ClientEndpoint.
func (x *Exchange) Continue() mux.WriteState {
	x.c.send(fmt.Sprintf("h %d 100\n", x.id))
	return x.State()
}

// The rest of mux.ClientEndpoint.

func (x *Exchange) Tunnel()                   {}
func (x *Exchange) HeadStart() int64          { return x.start }
func (x *Exchange) HeadLen() int              { return 0 }
func (x *Exchange) Trailers() []message.Field { return nil }
func (x *Exchange) HungUp() bool              { return x.gone || x.c.Raw.HungUp() }
func (x *Exchange) WasReset() bool            { return x.c.Raw.WasReset() }
func (x *Exchange) Fault() mux.Fault          { return mux.Fault{Closed: x.gone} }
func (x *Exchange) Sent() int64               { return x.sent }
func (x *Exchange) Peer() netip.AddrPort      { return x.c.owner.Peer() }
func (x *Exchange) Local() netip.AddrPort     { return x.c.Raw.Local() }

var _ mux.ClientEndpoint = (*Exchange)(nil)
