package mux

import (
	"gohap/lbcore/buffer"
	"gohap/lbcore/transport"
)

// flow decides how the bytes of one direction travel: by copy until reads keep
// filling whole buffers, through a pipe from then on, and by copy again when the
// pipe brings less than a buffer would.
type flow struct {
	allowed bool  // both ends are plain sockets and nobody looks at the bytes
	always  bool  // a busy flow or not
	full    uint8 // reads in a row that filled a buffer
}

const (
	// hot is how many full buffers in a row make a flow worth a pipe.
	hot = 4
	// piece bounds what one read moves through a pipe, so that one flow's turn
	// stays short.
	piece = 256 << 10
)

// AllowPipes lets bytes go from one connection to another through the kernel
// alone, where that can be done: both are plain sockets and neither direction is
// framed in chunks. Whoever calls it looks at none of the bytes from now on,
// until the message or the tunnel ends. always takes a pipe for a quiet flow too.
func AllowPipes(from, to Endpoint, always bool) {
	src, f := plain(from)
	dst, _ := plain(to)
	if f == nil || dst == nil || src.inMode == chunked || dst.outMode == chunked {
		return
	}
	f.allowed, f.always = true, always
}

// plain returns the connection of an endpoint whose transport is the socket
// itself, and the flow of what it receives.
func plain(e Endpoint) (*conn, *flow) {
	var c *conn
	var f *flow
	switch e := e.(type) {
	case *H1Client:
		c = &e.conn
	case *H1Server:
		c = &e.conn
	case *Pass:
		c, f = &e.conn, &e.flow
	default:
		return nil, nil
	}
	if c.t != transport.Conn(&c.Raw) {
		return nil, nil
	}
	if f == nil && c.x != nil {
		f = &c.x.flow
	}
	return c, f
}

// noted learns from a read by copy whether the flow is a hot one.
func (f *flow) noted(b *buffer.Buffer) {
	switch {
	case len(b.Room()) > 0:
		f.full = 0
	case f.full < hot:
		f.full++
	}
}

// pipes tells whether the next read goes through a pipe.
func (c *conn) pipes(f *flow) bool {
	return f != nil && f.allowed && (f.always || f.full >= hot) && !c.headed && c.more == nil &&
		(c.in == nil || c.in.Len() == 0) && (c.inMode == untilClose || c.inMode == length && c.x.left > 0)
}

// readPipe is Read through a pipe. It reports false when there is no pipe to be
// had: then bytes are copied.
func (c *conn) readPipe(f *flow) (b *buffer.Buffer, st ReadState, ok bool) {
	pool := c.w.Loop.Pipes
	p := pool.Get()
	if p == nil {
		f.full = 0
		return nil, Wait, false
	}
	most := min(piece, p.Size)
	if c.inMode == length {
		most = int(min(int64(most), c.x.left))
	}
	n, s := c.Raw.SpliceIn(p, most)
	if n == 0 {
		p.Release()
		return nil, c.idleState(s), true
	}
	switch {
	case n < c.w.Loop.Buffers.Size():
		f.full = 0
	case n >= p.Size/2:
		pool.Grow(p)
	}
	st = More
	if c.inMode == length {
		if c.x.left -= int64(n); c.x.left == 0 {
			c.inMode, st = none, End
		}
	}
	return &p.Buffer, st, true
}

// send sends what b holds, from memory or from a pipe; last as for SendLast.
func (c *conn) send(b *buffer.Buffer, last bool) (s transport.State) {
	if p := b.Pipe(); p != nil {
		_, s = c.Raw.SpliceOut(p)
		return s
	}
	n := 0
	if last {
		n, s = c.t.SendLast(b.Bytes())
	} else {
		n, s = c.t.Send(b.Bytes())
	}
	b.R += n
	return s
}
