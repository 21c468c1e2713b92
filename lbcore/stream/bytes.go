package stream

import (
	"gohap/lbcore/buffer"
	"gohap/lbcore/message"
	"gohap/lbcore/mux"
)

// Bytes are counted when they are received, before rules change them, and not
// as they stand on the wire but by what they mean, so that they do not depend
// on framing. Reference, measured:
//
//	start line  20 and its three words        field     name and value
//	end of head 1                             body      its payload
//	end of a chunked body 1, and its trailers' names and values

// continueBytes is what a 100 from here counts.
const continueBytes = int64(20 + len("HTTP/1.1") + len("100") + len("Continue") + 1)

// headBytes is what a head counts.
func headBytes(h *message.Head) int64 {
	n := 20 + len("HTTP/1.1") + 1
	if h.VersionText != nil {
		n += len(h.VersionText) - len("HTTP/1.1")
	}
	if h.Response {
		n += 3 + len(h.Reason)
	} else {
		n += len(h.MethodText) + len(h.Target)
	}
	return int64(n + fieldBytes(h.Fields) + codingBytes(h))
}

// codingBytes is what the transfer coding of a CONNECT counts, which is taken
// out of it only later (reference).
func codingBytes(h *message.Head) int {
	if h.Response || h.Method != message.CONNECT || !h.Flags.Has(message.HasTransfer) {
		return 0
	}
	n := 0
	for i := range h.Fields {
		if f := &h.Fields[i]; f.ID == message.IDTransferEncoding && f.Flags&message.FieldDeleted != 0 {
			n += len(f.Name) + len(f.Value)
		}
	}
	return n
}

func fieldBytes(fields []message.Field) int {
	n := 0
	for i := range fields {
		if f := &fields[i]; f.Flags&message.FieldDeleted == 0 {
			n += len(f.Name) + len(f.Value)
		}
	}
	return n
}

// received counts a piece of body.
func (s *Stream) received(side mux.Side, b *buffer.Buffer) {
	if s.W.Trace.Bytes.Load() && b != nil && b.Len() > 0 {
		s.tellReceived(side, b)
	}
	switch {
	case b == nil:
	case side == mux.Client:
		s.BytesIn += int64(b.Len())
		if b.Pipe() != nil {
			s.piped[0] += int64(b.Len())
		}
	default:
		s.BytesOut += int64(b.Len())
		if b.Pipe() != nil {
			s.piped[1] += int64(b.Len())
		}
	}
}

// countEnd counts the end of a body; a tunnel's direction has none.
func (s *Stream) countEnd(side mux.Side) {
	if s.phase == phaseTunnel {
		return
	}
	if s.W.Trace.H1.On() {
		s.tellEnd(side)
	}
	if side == mux.Client {
		if s.reqHead != nil && s.reqHead.Flags.Has(message.Chunked) {
			s.BytesIn += int64(1 + fieldBytes(s.cl.Trailers()))
		}
	} else if s.resChunked {
		s.BytesOut += int64(1 + fieldBytes(s.sv.Trailers()))
	}
}
