package stream

import (
	"gohap/lbcore/buffer"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
)

// Filter sees a stream's messages pass by, in both directions, in order of
// declaration. A proxy without filters costs nothing. Bandwidth limits,
// compression and the cache stand on it.
type Filter interface {
	// Attach begins to filter a stream; nil means that this one is not
	// concerned.
	Attach(s *Stream) FilterState
}

// FilterState is a filter's work on one stream. All methods run on its loop.
type FilterState interface {
	// Headers sees, and may change, a head before it is written. side is where
	// the message comes from.
	Headers(s *Stream, side mux.Side, h *message.Head)
	// Payload sees a piece of body and returns how many of its bytes may go on
	// now; the rest is offered again later. The filter wakes the stream by
	// Stream.Continue.
	Payload(s *Stream, side mux.Side, b *buffer.Buffer) int
	// End tells that the message is complete.
	End(s *Stream, side mux.Side)
	// Detach is called once, when the stream ends in whatever way.
	Detach(s *Stream)
}

type filterInst struct{ state FilterState }

// attach gives the filters of a proxy's declaration the stream.
func (s *Stream) attach(fs []Filter) {
	for _, f := range fs {
		if st := f.Attach(s); st != nil {
			s.filters = append(s.filters, filterInst{st})
		}
	}
}

func (s *Stream) filterHeaders(side mux.Side, h *message.Head) {
	for i := range s.filters {
		s.filters[i].state.Headers(s, side, h)
	}
}

// stuck is what filters held back in one direction, and how the read ended that
// it came from.
type stuck struct {
	b  *buffer.Buffer
	st mux.ReadState
}

// pull reads the next piece of body from an endpoint through the filters. What
// they hold back is offered to them again by the next pull.
func (s *Stream) pull(side mux.Side, from mux.Endpoint) (*buffer.Buffer, mux.ReadState) {
	b, st := s.stuck[side].b, s.stuck[side].st
	if b != nil {
		s.stuck[side] = stuck{}
		if b.Next != nil {
			s.stuck[side], b.Next, st = stuck{b.Next, st}, nil, mux.More
		}
	} else {
		b, st = from.Read()
		s.received(side, b)
	}
	if len(s.filters) == 0 || b == nil || b.Len() == 0 {
		return b, st
	}
	n := s.filterPayload(side, b)
	if n == b.Len() {
		return b, st
	}
	rest := s.W.Loop.Buffers.Get()
	rest.Append(b.Bytes()[n:])
	b.W = b.R + n
	rest.Next = s.stuck[side].b
	if rest.Next != nil {
		st = s.stuck[side].st
	}
	s.stuck[side] = stuck{rest, st}
	return b, mux.Wait
}

// filterPayload returns how many bytes of b may go on.
func (s *Stream) filterPayload(side mux.Side, b *buffer.Buffer) int {
	n := b.Len()
	for i := range s.filters {
		n = min(n, s.filters[i].state.Payload(s, side, b))
	}
	return n
}

func (s *Stream) filterEnd(side mux.Side) {
	for i := range s.filters {
		s.filters[i].state.End(s, side)
	}
}

func (s *Stream) detachFilters() {
	for i := range s.filters {
		s.filters[i].state.Detach(s)
	}
	clear(s.filters)
	s.filters = s.filters[:0]
}

// Continue goes on with what filters held back. Loop only.
func (s *Stream) Continue() { s.again() }
