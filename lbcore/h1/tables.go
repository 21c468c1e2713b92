package h1

import (
	"encoding/binary"
	"math/bits"
)

// lower maps the bytes of a token (RFC 9110 section 5.6.2) to lower case and
// all others to 0.
var lower = func() (t [256]byte) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
		t[c] = c
	}
	for c := byte('A'); c <= 'Z'; c++ {
		t[c] = c | 0x20
	}
	return t
}()

// Classes of bytes; a table entry is a set of them.
const (
	inTarget  = 1 << iota // strict: visible ASCII without '#'
	inRelaxed             // relaxed: '#' and 8-bit bytes too
	inVersion             // reference: upper-case letters, digits, '.' and '/'
	inHost                // what a host may hold outside brackets
	inScheme              // RFC 3986 section 3.1, after the first letter
)

var class = func() (t [256]uint8) {
	for c := 0x21; c < 0x7f; c++ {
		t[c] |= inTarget | inRelaxed | inHost
	}
	t['#'] &^= inTarget
	for c := 0x80; c < 0x100; c++ {
		t[c] |= inRelaxed
	}
	for _, c := range []byte("#,/?@[]\\") {
		t[c] &^= inHost
	}
	for c := '0'; c <= '9'; c++ {
		t[c] |= inVersion | inScheme
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] |= inVersion | inScheme
		t[c|0x20] |= inScheme
	}
	t['.'] |= inVersion | inScheme
	t['/'] |= inVersion
	t['+'] |= inScheme
	t['-'] |= inScheme
	return t
}()

// hexValue maps hexadecimal digits to their value and all others to 0xff.
var hexValue = func() (t [256]uint8) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range 10 {
		t['0'+i] = uint8(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = uint8(10+i), uint8(10+i)
	}
	return t
}()

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// valueEnd returns the index of the first NUL, CR or LF of b at or after i, or
// len(b). It looks at eight bytes at a time for one below 0x0e; the lowest mark
// of the subtraction is exact, so nothing but a rare control byte is looked at
// in vain.
func valueEnd(b []byte, i int) int {
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:])
		m := (x - 0x0e*ones) & ^x & highs
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if c := b[i]; c == '\r' || c == '\n' || c == 0 {
			return i
		}
		i++
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '\r' || c == '\n' || c == 0 {
			return i
		}
	}
	return i
}

// targetRun returns the index of the first byte of b at or after i that may not
// stand in a target (or, rarely, of one before it), looking at eight at a time:
// 0x21 to 0x7e without '#' may.
func targetRun(b []byte, i int) int {
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:])
		hash := x ^ '#'*ones
		if ((x-0x21*ones)|x|(x+ones)|(hash-ones))&highs != 0 {
			break
		}
		i += 8
	}
	return i
}
