package peers

import (
	"bytes"
	"encoding/binary"
)

// Classes of messages.
const (
	classControl = 0
	classError   = 1
	classTable   = 10
	classUnused  = 255 // reserved: a breach of the protocol
)

// Types of control messages and of errors.
const (
	ctlRequest   = 0 // teach me
	ctlFinished  = 1 // that was all
	ctlPartial   = 2 // that was all, and I am not up to date myself
	ctlConfirm   = 3 // taken
	ctlHeartbeat = 4

	errProtocol = 0
	errSize     = 1
)

// Types of messages about tables.
const (
	tabUpdate      = 0x80 // id, key, values
	tabIncremental = 0x81 // key, values; the id is one more than the last
	tabDefine      = 0x82
	tabSwitch      = 0x83
	tabAck         = 0x84
	tabTimed       = 0x85 // an update with the time that is left
	tabTimedInc    = 0x86
)

// hasPayload is set in a message's type when a length and a payload follow.
const hasPayload = 0x80

// appendVarint appends a number in the protocol's encoding: up to 239 one byte,
// else the low four bits and then seven a byte.
func appendVarint(dst []byte, v uint64) []byte {
	if v < 240 {
		return append(dst, byte(v))
	}
	dst = append(dst, byte(v)|0xf0)
	v = (v - 240) >> 4
	for v >= 128 {
		dst = append(dst, byte(v)|0x80)
		v = (v - 128) >> 7
	}
	return append(dst, byte(v))
}

// maxVarint is the longest encoding of 64 bits.
const maxVarint = 10

// varint reads a number and returns how many bytes it took; 0: b ends too early,
// negative: no number of 64 bits is that long.
func varint(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	v = uint64(b[0])
	if v < 240 {
		return v, 1
	}
	for shift, i := 4, 1; i < maxVarint; i, shift = i+1, shift+7 {
		if i == len(b) {
			return 0, 0
		}
		v += uint64(b[i]) << shift
		if b[i] < 128 {
			return v, i + 1
		}
	}
	return 0, -1
}

// Reader takes a payload apart; after a failure it stays failed.
type Reader struct {
	B   []byte // what is left
	Bad bool
}

// Number reads a number in the protocol's encoding.
func (r *Reader) Number() uint64 {
	v, n := varint(r.B)
	if n <= 0 {
		r.B, r.Bad = nil, true
		return 0
	}
	r.B = r.B[n:]
	return v
}

// Bytes reads n bytes, which are not copied.
func (r *Reader) Bytes(n uint64) []byte {
	if n > uint64(len(r.B)) {
		r.B, r.Bad = nil, true
		return nil
	}
	some := r.B[:n]
	r.B = r.B[n:]
	return some
}

// U32 reads four bytes.
func (r *Reader) U32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Inbox keeps what came of a message or a line that is not whole yet.
type Inbox struct{ b []byte }

// Take has step take messages from what waits and b behind it, until it returns 0,
// when more has to come, or less, when nothing is wanted any more. b is not kept. keep
// is how much memory may stay while nothing waits, bytes.
func (i *Inbox) Take(b []byte, keep int, step func(b []byte) int) {
	if len(i.b) > 0 {
		i.b = append(i.b, b...)
		b = i.b
	}
	for len(b) > 0 {
		n := step(b)
		if n < 0 {
			i.b = nil
			return
		}
		if n == 0 {
			break
		}
		b = b[n:]
	}
	if len(b) == 0 && cap(i.b) > keep {
		i.b = nil
	}
	i.b = append(i.b[:0], b...)
}

// Line takes a line with its end from b; a CR before the end is left out.
func Line(b []byte) (text []byte, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, b, false
	}
	return bytes.TrimSuffix(b[:i], []byte("\r")), b[i+1:], true
}

// appendMessage appends a message with a payload.
func appendMessage(dst []byte, class, typ byte, payload []byte) []byte {
	dst = append(dst, class, typ|hasPayload)
	dst = appendVarint(dst, uint64(len(payload)))
	return append(dst, payload...)
}

// frame is a message as it came.
type frame struct {
	class, typ byte
	payload    []byte
}

// What nextFrame may say.
type framing uint8

const (
	frameWhole framing = iota
	frameShort         // more has to come
	frameTooLong
	frameBad
)

// nextFrame reads a message from b and returns how many bytes it took.
func nextFrame(b []byte, longest int) (f frame, n int, is framing) {
	if len(b) < 2 {
		return f, 0, frameShort
	}
	f.class, f.typ = b[0], b[1]
	if f.typ&hasPayload == 0 {
		return f, 2, frameWhole
	}
	size, k := varint(b[2:])
	switch {
	case k < 0 || size > 1<<32-1:
		return f, 0, frameBad
	case k == 0:
		return f, 0, frameShort
	case size > uint64(longest):
		return f, 0, frameTooLong
	}
	n = 2 + k + int(size)
	if n > len(b) {
		return f, 0, frameShort
	}
	f.payload = b[2+k : n]
	return f, n, frameWhole
}
