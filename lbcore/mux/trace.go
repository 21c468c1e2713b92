package mux

import (
	"strconv"

	"gohap/lbcore/buffer"
	"gohap/lbcore/h1"
	"gohap/lbcore/message"
	"gohap/lbcore/trace"
)

// Traced is a ClientOwner or an Upper that says whom an event is about.
type Traced interface {
	// Traced fills in the objects and what to print of them.
	Traced(a *trace.About)
}

// exchangeKey names one exchange of a connection among all.
type exchangeKey struct {
	x  *exchange
	at int64
}

// about says whom an event of a connection is about. A client's connection is its
// session's, which has a name that no later one will have.
func (c *conn) about(side Side, of any) *trace.About {
	a := &trace.About{Thread: c.w.Loop.ID, Side: "FB"[side]}
	a.Of[trace.Thread] = a.Thread
	if t, ok := of.(Traced); ok {
		t.Traced(a)
	}
	a.Of[trace.Own] = nil
	if c.x != nil {
		a.Of[trace.Own] = exchangeKey{c.x, c.x.start}
	}
	a.Of[trace.Connection] = a.Of[trace.Session]
	if side == Server {
		a.Of[trace.Connection] = c
	}
	return a
}

// add appends to what is printed.
func add(a *trace.About, f func(dst []byte, verbosity int) []byte) {
	before := a.Print
	a.Print = func(dst []byte, verbosity int) []byte {
		if before != nil {
			dst = before(dst, verbosity)
		}
		return f(dst, verbosity)
	}
}

// subject is whom the client's connection serves now.
func (c *H1Client) subject() any {
	if c.up != nil {
		return c.up
	}
	return c.owner
}

func (c *H1Client) tell(ev trace.Mask, level trace.Level, text string) {
	c.w.Trace.H1.Emit(ev, level, text, c.about(Client, c.subject()))
}

func (c *H1Client) tellHead(ev trace.Mask, text string, h *message.Head) {
	a := c.about(Client, c.subject())
	add(a, func(dst []byte, v int) []byte { return appendHead(dst, h, v) })
	c.w.Trace.H1.Emit(ev, trace.User, text, a)
}

func (c *H1Client) tellFailure(text string, f h1.Failure) {
	a := c.about(Client, c.subject())
	add(a, func(dst []byte, v int) []byte { return appendFailure(dst, f) })
	c.w.Trace.H1.Emit(trace.H1Err|trace.H1RxHead, trace.Error, text, a)
}

func (c *H1Server) tell(ev trace.Mask, level trace.Level, text string) {
	a := c.about(Server, c.up)
	a.Of[trace.Server] = c.owner
	c.w.Trace.H1.Emit(ev, level, text, a)
}

func (c *H1Server) tellHead(ev trace.Mask, text string, h *message.Head) {
	a := c.about(Server, c.up)
	add(a, func(dst []byte, v int) []byte { return appendHead(dst, h, v) })
	c.w.Trace.H1.Emit(ev, trace.User, text, a)
}

func (c *H1Server) tellFailure(text string, f h1.Failure) {
	a := c.about(Server, c.up)
	add(a, func(dst []byte, v int) []byte { return appendFailure(dst, f) })
	c.w.Trace.H1.Emit(trace.H1Err, trace.Error, text, a)
}

func (c *Pass) tell(ev trace.Mask, level trace.Level, text string) {
	c.w.Trace.Pass.Emit(ev, level, text, c.about(c.side, c.up))
}

func (c *Pass) tellNew() {
	if c.w.Trace.Pass.On() {
		c.tell(trace.PassNew, trace.State, "new PT connection")
	}
}

// tellSent tells of bytes that a connection writes, before they leave.
func (c *conn) tellSent(t *trace.Source, ev trace.Mask, side Side, of any, b *buffer.Buffer) {
	if b == nil || b.Len() == 0 {
		return
	}
	a := c.about(side, of)
	add(a, func(dst []byte, v int) []byte { return AppendData(dst, b, v) })
	t.Emit(ev, trace.Data, "sending data", a)
}

// AppendData writes how many bytes a buffer holds, and with the verbosity "complete"
// what they are, as far as they are in memory.
func AppendData(dst []byte, b *buffer.Buffer, verbosity int) []byte {
	dst = append(dst, " - "...)
	dst = strconv.AppendInt(dst, int64(b.Len()), 10)
	dst = append(dst, " bytes"...)
	if b.Pipe() != nil || verbosity < 5 {
		return dst
	}
	dst = append(dst, ' ')
	return strconv.AppendQuoteToASCII(dst, string(b.Bytes()[:min(b.Len(), 1024)]))
}

func appendFailure(dst []byte, f h1.Failure) []byte {
	dst = append(dst, " - "...)
	dst = strconv.AppendInt(dst, int64(f.Code), 10)
	if f.Reason != "" {
		dst = append(append(dst, ' '), f.Reason...)
	}
	return dst
}

// appendHead writes a head's first line from the verbosity "simple" on, its fields
// from "advanced" on.
func appendHead(dst []byte, h *message.Head, verbosity int) []byte {
	if verbosity < 3 {
		return dst
	}
	dst = append(dst, " - \""...)
	if h.Response {
		dst = appendVersion(dst, h)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, int64(h.Status), 10)
		dst = append(append(dst, ' '), h.Reason...)
	} else {
		dst = append(append(dst, h.MethodText...), ' ')
		dst = append(append(dst, h.Target...), ' ')
		dst = appendVersion(dst, h)
	}
	dst = append(dst, '"')
	if verbosity < 4 {
		return dst
	}
	for i := range h.Fields {
		if f := &h.Fields[i]; f.Flags&message.FieldDeleted == 0 {
			dst = append(append(dst, "\n\t"...), f.Name...)
			dst = append(append(dst, ": "...), f.Value...)
		}
	}
	return dst
}

func appendVersion(dst []byte, h *message.Head) []byte {
	if h.VersionText != nil {
		return append(dst, h.VersionText...)
	}
	return append(dst, 'H', 'T', 'T', 'P', '/', '0'+h.Major, '.', '0'+h.Minor)
}
