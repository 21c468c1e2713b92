package stream

import (
	"net/netip"

	"gohap/lbcore/buffer"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
)

// Producer yields the body of an answer that is made here piece by piece, so
// that a large page is never held whole: the statistics page, cache hits,
// Prometheus.
type Producer interface {
	// Produce appends to b and tells whether that was the end. It may leave b
	// empty and call Stream.Continue later. It must not wait.
	Produce(b *buffer.Buffer) (done bool)
}

// applet is an endpoint on the stream's server side whose bytes come from
// here. It obeys the same back-pressure as a server: it is read when the
// client has room.
type applet struct {
	s    *Stream
	body []byte   // what is left of a body at hand
	from Producer // or where the body comes from
}

func (a *applet) begin(s *Stream, body []byte, from Producer) {
	*a = applet{s: s, body: body, from: from}
}

// Read implements mux.Endpoint.
func (a *applet) Read() (*buffer.Buffer, mux.ReadState) {
	b := a.s.W.Loop.Buffers.Get()
	if a.from != nil {
		if a.from.Produce(b) {
			return b, mux.End
		}
		if b.Len() == 0 {
			b.Release()
			return nil, mux.Wait
		}
		return b, mux.More
	}
	n := copy(b.Room(), a.body)
	b.W += n
	a.body = a.body[n:]
	if len(a.body) == 0 {
		return b, mux.End
	}
	return b, mux.More
}

// WriteHead implements mux.Endpoint: what is sent to an applet is not read.
func (a *applet) WriteHead(_ *message.Head, b *buffer.Buffer, _ bool) mux.WriteState {
	b.Release()
	return mux.Sent
}

// Write implements mux.Endpoint.
func (a *applet) Write(b *buffer.Buffer, _ bool, _ []message.Field) mux.WriteState {
	b.Release()
	return mux.Sent
}

func (a *applet) State() mux.WriteState     { return mux.Sent }
func (a *applet) Trailers() []message.Field { return nil }
func (a *applet) HungUp() bool              { return false }
func (a *applet) Fault() mux.Fault          { return mux.Fault{} }
func (a *applet) Sent() int64               { return 0 }
func (a *applet) Peer() netip.AddrPort      { return netip.AddrPort{} }
func (a *applet) Local() netip.AddrPort     { return netip.AddrPort{} }
func (a *applet) Abort(bool)                {}
