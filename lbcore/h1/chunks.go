package h1

import "gohap/lbcore/message"

const (
	chunkSize uint8 = iota
	chunkDigits
	chunkBlanks
	chunkExtension
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer
	chunkDone
	chunkFailed
)

// maxChunk is the first size that is too big: the reference takes 13 digits.
const maxChunk = 1 << 52

// maxChunkLine bounds a size line with its extensions, in bytes.
const maxChunkLine = 16384

// maxTrailers bounds the trailer section, in bytes.
const maxTrailers = 16384

// Chunks decodes a chunked body (RFC 9112 section 7.1). It belongs to one
// direction of one connection; the zero value is ready.
type Chunks struct {
	// Relaxed leaves trailer fields with a name that is none out, as Options.Relaxed
	// does in heads; set before the body begins, Reset keeps it.
	Relaxed bool

	state uint8
	line  int    // bytes of the size line so far
	left  uint64 // size being read, then payload still to come

	head    message.Head // trailers
	decoder Decoder
	buf     []byte // trailer section; kept for the next body
	fail    Failure
}

// Reset makes the decoder ready for the next body. Trailers end their life.
func (c *Chunks) Reset() {
	c.state, c.line, c.left = chunkSize, 0, 0
	c.head.Fields = c.head.Fields[:0]
	c.buf = c.buf[:0]
}

// Trailers returns the trailer fields once Next said Done. They live until the
// next Reset.
func (c *Chunks) Trailers() []message.Field { return c.head.Fields }

// Failure tells why Next failed; Pos counts from the start of its argument and is
// negative where a trailer line at fault began in an earlier one.
func (c *Chunks) Failure() Failure { return c.fail }

// Next looks at input: the first skip bytes of b are framing to drop, the next
// data bytes are payload. NeedMore: call again with what follows; as long as b
// is not empty, skip+data is more than 0. Done: the body and its trailers end
// after skip+data bytes.
func (c *Chunks) Next(b []byte) (skip, data int, st Status) {
	i := 0
	for i < len(b) {
		ch := b[i]
		switch c.state {
		case chunkSize:
			if hexValue[ch] > 15 {
				return c.failure(i, "no chunk size")
			}
			c.line, c.left, c.state = 0, 0, chunkDigits
			continue
		case chunkDigits:
			v := hexValue[ch]
			if v <= 15 {
				if c.left = c.left<<4 | uint64(v); c.left >= maxChunk {
					return c.failure(i, "chunk size overflows")
				}
				break
			}
			c.state = chunkBlanks
			continue
		case chunkBlanks:
			switch ch {
			case ' ', '\t':
			case ';':
				c.state = chunkExtension
			case '\r':
				c.state = chunkSizeLF
			default:
				return c.failure(i, "illegal byte after chunk size")
			}
		case chunkExtension:
			switch ch {
			case '\r':
				c.state = chunkSizeLF
			case '\n':
				return c.failure(i, "LF without CR in chunk extension")
			}
		case chunkSizeLF:
			if ch != '\n' {
				return c.failure(i, "CR without LF after chunk size")
			}
			if c.state = chunkData; c.left == 0 {
				c.beginTrailers()
			}
		case chunkData:
			n := int(min(c.left, uint64(len(b)-i)))
			if c.left -= uint64(n); c.left == 0 {
				c.state = chunkDataCR
			}
			return i, n, NeedMore
		case chunkDataCR:
			if ch != '\r' {
				return c.failure(i, "no CRLF after chunk")
			}
			c.state = chunkDataLF
		case chunkDataLF:
			if ch != '\n' {
				return c.failure(i, "no CRLF after chunk")
			}
			c.state = chunkSize
		case chunkTrailer:
			n, st := c.trailer(b[i:])
			if st == Failed {
				skip, data, st = c.failure(i+n, c.decoder.fail.Reason)
				return max(skip, 0), data, st
			}
			return i + n, 0, st
		case chunkDone:
			return i, 0, Done
		default:
			return i, 0, Failed
		}
		i++
		if c.line++; c.line > maxChunkLine {
			return c.failure(i, "chunk size line too long")
		}
	}
	if c.state == chunkDone {
		return i, 0, Done
	}
	if c.state == chunkFailed {
		return i, 0, Failed
	}
	return i, 0, NeedMore
}

func (c *Chunks) failure(pos int, reason string) (skip, data int, st Status) {
	at := uint8(inSize)
	switch c.state {
	case chunkDataCR, chunkDataLF:
		at = inChunkEnd
	case chunkTrailer:
		at = inTrailers
	}
	c.state = chunkFailed
	c.fail = Failure{Code: 400, Pos: pos, Reason: reason, state: at}
	return pos, 0, Failed
}

func (c *Chunks) beginTrailers() {
	c.state = chunkTrailer
	c.head.Reset()
	c.decoder.Reset()
	c.decoder.begin(nil, false)
	c.decoder.relaxed = c.Relaxed
	c.decoder.state, c.decoder.trailer = atLine, true
	c.buf = c.buf[:0]
}

// trailer takes input of the trailer section, which is parsed as it arrives from
// a copy of its own. It returns how much of b belongs to it.
func (c *Chunks) trailer(b []byte) (int, Status) {
	had := len(c.buf)
	c.buf = append(c.buf, b[:min(len(b), maxTrailers-had)]...)
	n, st := c.decoder.run(c.buf, &c.head, nil)
	switch st {
	case Done:
		c.state = chunkDone
		return n - had, Done
	case Failed:
		return c.decoder.fail.Pos - had, Failed
	}
	if len(c.buf) == maxTrailers {
		c.decoder.fail.Reason = "trailers too long"
		return maxTrailers - had, Failed
	}
	return len(c.buf) - had, NeedMore
}

// AppendChunkSize appends the line that begins a chunk of n bytes; the caller
// adds the payload and CRLF. A chunk of 0 bytes is the last; AppendTrailers has
// to follow it.
func AppendChunkSize(dst []byte, n int) []byte {
	const digits = "0123456789ABCDEF" // reference: upper case
	var line [18]byte
	i := len(line) - 2
	line[i], line[i+1] = '\r', '\n'
	for {
		i--
		line[i] = digits[n&15]
		if n >>= 4; n == 0 {
			return append(dst, line[i:]...)
		}
	}
}

// AppendTrailers appends the trailer fields and the empty line that ends the body.
func AppendTrailers(dst []byte, f []message.Field) []byte {
	for i := range f {
		if f[i].Flags&message.FieldDeleted == 0 {
			dst = appendField(dst, &f[i])
		}
	}
	return append(dst, '\r', '\n')
}
