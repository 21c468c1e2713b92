//lint:file-ignore ST1005 the reference's messages are printed as they are

package sample

import (
	"encoding/base64"
	"fmt"
	"strconv"
)

const (
	hexUpper = "0123456789ABCDEF"
	hexLower = "0123456789abcdef"
)

// HexDigit returns the value of a digit in either case, 0xFF for none.
func HexDigit(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20-'a' < 6:
		return c | 0x20 - 'a' + 10
	}
	return 0xFF
}

func convHex(c *Context, _ []Arg, s *Sample) bool {
	d := c.Arena.Alloc(2 * len(s.Data))
	for i, ch := range s.Data {
		d[2*i], d[2*i+1] = hexUpper[ch>>4], hexUpper[ch&15]
	}
	s.SetStr(d)
	return true
}

// convHex2i wraps around beyond 64 bits, as the reference does.
func convHex2i(_ *Context, _ []Arg, s *Sample) bool {
	var n uint64
	for _, ch := range s.Data {
		v := HexDigit(ch)
		if v == 0xFF {
			return false
		}
		n = n<<4 | uint64(v)
	}
	s.SetInt(int64(n))
	return true
}

func convBase2(c *Context, _ []Arg, s *Sample) bool {
	d := c.Arena.Alloc(8 * len(s.Data))
	for i, ch := range s.Data {
		for b := 0; b < 8; b++ {
			d[8*i+b] = '0' + ch>>(7-b)&1
		}
	}
	s.SetStr(d)
	return true
}

func convBase64(c *Context, _ []Arg, s *Sample) bool {
	d := c.Arena.Alloc(base64.StdEncoding.EncodedLen(len(s.Data)))
	base64.StdEncoding.Encode(d, s.Data)
	s.SetStr(d)
	return true
}

func convUb64enc(c *Context, _ []Arg, s *Sample) bool {
	d := c.Arena.Alloc(base64.RawURLEncoding.EncodedLen(len(s.Data)))
	base64.RawURLEncoding.Encode(d, s.Data)
	s.SetStr(d)
	return true
}

func convB64dec(c *Context, _ []Arg, s *Sample) bool {
	d := c.Arena.Alloc(base64.StdEncoding.DecodedLen(len(s.Data)))
	n, err := strictBase64.Decode(d, s.Data)
	if err != nil || !pureBase64(s.Data) {
		return false
	}
	s.SetBin(d[:n])
	return true
}

var strictBase64 = base64.StdEncoding

// pureBase64 refuses the line ends that Go's decoder skips.
func pureBase64(b []byte) bool {
	for _, ch := range b {
		if ch == '\n' || ch == '\r' {
			return false
		}
	}
	return true
}

func convUb64dec(c *Context, _ []Arg, s *Sample) bool {
	d, ok := decodeURL64(c, s.Data)
	if ok {
		s.SetBin(d)
	}
	return ok
}

// decodeURL64 decodes base64url without padding. Reference: a padding byte
// counts as a digit of all ones.
func decodeURL64(c *Context, src []byte) ([]byte, bool) {
	if len(src)%4 == 1 {
		return nil, false
	}
	d := c.Arena.Alloc(len(src) * 3 / 4)[:0]
	var acc uint32
	bits := 0
	for _, ch := range src {
		v := url64Digit(ch)
		if v > 63 {
			return nil, false
		}
		acc, bits = acc<<6|uint32(v), bits+6
		if bits >= 8 {
			bits -= 8
			d = append(d, byte(acc>>bits))
		}
	}
	return d, true
}

func url64Digit(ch byte) byte {
	switch {
	case ch-'A' < 26:
		return ch - 'A'
	case ch-'a' < 26:
		return ch - 'a' + 26
	case ch-'0' <= 9:
		return ch - '0' + 52
	case ch == '-' || ch == '+':
		return 62
	case ch == '_' || ch == '/' || ch == '=':
		return 63
	}
	return 0xFF
}

// checkChunks checks the arguments of be2dec, le2dec (limit 8) and be2hex (no
// limit).
func checkChunks(args []Arg, limit int64, optional bool) error {
	var size int64
	if len(args) > 1 {
		size = args[1].Int
	}
	switch {
	case optional && (len(args) == 0 || len(args) == 1 && args[0].Str == ""):
	case limit > 0 && (size < 1 || size > limit):
		return fmt.Errorf("chunk_size out of [1..%d] range (%d)", limit, size)
	case size < 1:
		return fmt.Errorf("chunk_size needs to be positive (%d)", size)
	}
	if len(args) > 2 && args[2].Int != 0 && args[2].Int != 1 {
		return fmt.Errorf("Unsupported truncate value (%d)", args[2].Int)
	}
	return nil
}

func checkToDec(args []Arg, _ *Options) error  { return checkChunks(args, 8, false) }
func checkBe2hex(args []Arg, _ *Options) error { return checkChunks(args, 0, true) }

// convToDec prints chunks of bytes as unsigned decimals.
func convToDec(littleEndian bool) ConvFunc {
	return func(c *Context, args []Arg, s *Sample) bool {
		sep, size := args[0].Data, int(args[1].Int)
		truncate := len(args) > 2 && args[2].Int == 1
		src := s.Data
		if truncate {
			src = src[:len(src)/size*size]
		}
		d := c.Arena.Alloc((len(src)/size + 1) * (20 + len(sep)))[:0]
		for i := 0; i < len(src); i += size {
			if i > 0 {
				d = append(d, sep...)
			}
			d = strconv.AppendUint(d, chunkValue(src[i:min(i+size, len(src))], littleEndian), 10)
		}
		s.SetStr(d)
		return true
	}
}

func chunkValue(b []byte, littleEndian bool) uint64 {
	var n uint64
	for i, ch := range b {
		if littleEndian {
			n |= uint64(ch) << (8 * i)
		} else {
			n = n<<8 | uint64(ch)
		}
	}
	return n
}

func convBe2hex(c *Context, args []Arg, s *Sample) bool {
	if len(args) < 2 {
		return convHex(c, nil, s)
	}
	sep, size, src := args[0].Data, int(args[1].Int), s.Data
	if len(args) > 2 && args[2].Int == 1 {
		src = src[:len(src)/size*size]
	}
	d := c.Arena.Alloc(2*len(src) + (len(src)/size+1)*len(sep))[:0]
	for i, ch := range src {
		if i > 0 && i%size == 0 {
			d = append(d, sep...)
		}
		d = append(d, hexUpper[ch>>4], hexUpper[ch&15])
	}
	s.SetStr(d)
	return true
}

// convURLDec undoes percent-encoding; a bad sequence fails. '+' is a blank
// behind the '?', or everywhere with a non-zero argument. Reference: the result
// ends at the first NUL, and fails there.
func convURLDec(c *Context, args []Arg, s *Sample) bool {
	inForm := len(args) > 0 && args[0].Int != 0
	d := c.Arena.Alloc(len(s.Data))[:0]
	for i := 0; i < len(s.Data); i++ {
		ch := s.Data[i]
		switch ch {
		case '+':
			if inForm {
				ch = ' '
			}
		case '?':
			inForm = true
		case '%':
			if i+2 >= len(s.Data) || HexDigit(s.Data[i+1]) == 0xFF || HexDigit(s.Data[i+2]) == 0xFF {
				return false
			}
			ch = HexDigit(s.Data[i+1])<<4 | HexDigit(s.Data[i+2])
			i += 2
			if ch == 0 {
				return false
			}
		}
		d = append(d, ch)
	}
	s.Data = d
	return true
}

func checkURLEnc(args []Arg, _ *Options) error {
	if len(args) > 0 && args[0].Str != "" && args[0].Str != "query" {
		return fmt.Errorf("Unexpected encode type. Allowed value is 'query'")
	}
	return nil
}

// Unreserved tells whether a byte need not be encoded (RFC 3986 section 2.3).
func Unreserved(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' < 26 || c == '-' || c == '_' || c == '.' || c == '~'
}

// convURLEnc encodes everything but the unreserved set.
func convURLEnc(c *Context, _ []Arg, s *Sample) bool {
	d := c.Arena.Alloc(3 * len(s.Data))[:0]
	for _, ch := range s.Data {
		if Unreserved(ch) {
			d = append(d, ch)
			continue
		}
		d = append(d, '%', hexUpper[ch>>4], hexUpper[ch&15])
	}
	s.Data = d
	return true
}

// convIPMask masks an address. Reference: an IPv6 address that embeds an IPv4
// one is masked as that; another needs the second mask.
func convIPMask(_ *Context, args []Arg, s *Sample) bool {
	if s.Type == IPv6 {
		if ip, ok := EmbeddedIPv4(s.IP); ok {
			s.Type, s.IP = IPv4, ip
		}
	}
	if s.Type == IPv4 {
		s.IP = maskIP(s.IP, args[0].Ref.([]byte))
		return true
	}
	if len(args) < 2 {
		return false
	}
	s.IP = maskIP(s.IP, args[1].Ref.([]byte))
	return true
}
