//lint:file-ignore ST1005 the reference's messages are printed as they are

package sample

import (
	"bytes"
	"errors"
	"fmt"
)

func convLower(c *Context, _ []Arg, s *Sample) bool {
	for i, ch := range s.Data {
		if ch-'A' < 26 {
			d := c.Arena.Copy(s.Data)
			for j := i; j < len(d); j++ {
				if d[j]-'A' < 26 {
					d[j] |= 0x20
				}
			}
			s.Data = d
			break
		}
	}
	return true
}

func convUpper(c *Context, _ []Arg, s *Sample) bool {
	for i, ch := range s.Data {
		if ch-'a' < 26 {
			d := c.Arena.Copy(s.Data)
			for j := i; j < len(d); j++ {
				if d[j]-'a' < 26 {
					d[j] &^= 0x20
				}
			}
			s.Data = d
			break
		}
	}
	return true
}

func convLength(_ *Context, _ []Arg, s *Sample) bool {
	s.SetInt(int64(len(s.Data)))
	return true
}

func convLtrim(_ *Context, args []Arg, s *Sample) bool {
	for len(s.Data) > 0 && bytes.IndexByte(args[0].Data, s.Data[0]) >= 0 {
		s.Data = s.Data[1:]
	}
	return true
}

func convRtrim(_ *Context, args []Arg, s *Sample) bool {
	for n := len(s.Data); n > 0 && bytes.IndexByte(args[0].Data, s.Data[n-1]) >= 0; n-- {
		s.Data = s.Data[:n-1]
	}
	return true
}

func convCutCRLF(_ *Context, _ []Arg, s *Sample) bool {
	if i := bytes.IndexAny(s.Data, "\r\n"); i >= 0 {
		s.Data = s.Data[:i]
	}
	return true
}

// checkSplit checks the arguments of field and word.
func checkSplit(args []Arg, _ *Options) error {
	if args[0].Int == 0 {
		return errors.New("Unexpected value 0 for index")
	}
	if len(args[1].Data) == 0 {
		return errors.New("Empty separators list")
	}
	return nil
}

func splitCount(args []Arg) int {
	if len(args) < 3 {
		return 1
	}
	return int(max(args[2].Int, 0))
}

// convField extracts fields; adjacent delimiters enclose an empty one.
func convField(_ *Context, args []Arg, s *Sample) bool {
	return split(args, s, false)
}

// convWord extracts words; a run of delimiters separates once.
func convWord(_ *Context, args []Arg, s *Sample) bool {
	return split(args, s, true)
}

// split walks the parts from the left (positive index) or from the right and
// keeps count of them, all the rest for 0.
func split(args []Arg, s *Sample, words bool) bool {
	idx, count, delim, d := int(args[0].Int), splitCount(args), args[1].Data, s.Data
	if idx > 0 {
		return splitLeft(s, d, delim, idx, count, words)
	}
	return splitRight(s, d, delim, -idx, count, words)
}

func splitLeft(s *Sample, d, delim []byte, idx, count int, words bool) bool {
	first := -1
	for n, pos := 1, 0; ; n++ {
		if words {
			for pos < len(d) && bytes.IndexByte(delim, d[pos]) >= 0 {
				pos++
			}
			if pos >= len(d) {
				break
			}
		}
		end := pos
		for end < len(d) && bytes.IndexByte(delim, d[end]) < 0 {
			end++
		}
		if n == idx {
			first = pos
			if count == 0 {
				s.Data = d[first:]
				return true
			}
		}
		if first >= 0 && n == idx+count-1 {
			s.Data = d[first:end]
			return true
		}
		if end >= len(d) {
			break
		}
		pos = end + 1
	}
	if first < 0 {
		return false
	}
	s.Data = d[first:]
	return true
}

func splitRight(s *Sample, d, delim []byte, idx, count int, words bool) bool {
	last := -1
	for n, pos := 1, len(d); ; n++ {
		if words {
			for pos > 0 && bytes.IndexByte(delim, d[pos-1]) >= 0 {
				pos--
			}
			if pos <= 0 {
				break
			}
		}
		start := pos
		for start > 0 && bytes.IndexByte(delim, d[start-1]) < 0 {
			start--
		}
		if n == idx {
			last = pos
			if count == 0 {
				s.Data = d[:last]
				return true
			}
		}
		if last >= 0 && n == idx+count-1 {
			s.Data = d[start:last]
			return true
		}
		if start <= 0 {
			break
		}
		pos = start - 1
	}
	if last < 0 {
		return false
	}
	s.Data = d[:last]
	return true
}

// checkBytes accepts integers or variables for offset and length.
func checkBytes(args []Arg, _ *Options) error {
	for i := range args {
		if err := intOrVar(&args[i]); err != nil {
			return err
		}
		if args[i].Ref != nil {
			continue
		}
		if i == 0 && args[0].Int < 0 {
			return errors.New("expects a non-negative integer")
		}
		if i == 1 && args[1].Int <= 0 {
			return errors.New("expects a positive integer")
		}
	}
	return nil
}

func convBytes(c *Context, args []Arg, s *Sample) bool {
	off, ok := intArg(c, &args[0])
	if !ok || off < 0 {
		return false
	}
	if off >= int64(len(s.Data)) {
		s.Data = s.Data[:0]
		return true
	}
	s.Data = s.Data[off:]
	if len(args) < 2 {
		return true
	}
	n, ok := intArg(c, &args[1])
	if !ok || n < 0 {
		return false
	}
	s.Data = s.Data[:min(n, int64(len(s.Data)))]
	return true
}

// convHostOnly removes the port of a Host header and lowers it. Reference:
// the port starts at the last colon, unless the text ends with a bracket.
func convHostOnly(c *Context, _ []Arg, s *Sample) bool {
	if i := portColon(s.Data); i >= 0 {
		s.Data = s.Data[:i]
	}
	return convLower(c, nil, s)
}

func portColon(d []byte) int {
	for i := len(d) - 1; i >= 0 && d[i] != ']'; i-- {
		if d[i] == ':' {
			return i
		}
	}
	return -1
}

// convPortOnly returns the port of a Host header, 0 without. Reference: what
// follows the colon is taken for digits without looking.
func convPortOnly(_ *Context, _ []Arg, s *Sample) bool {
	i := portColon(s.Data)
	if i < 0 {
		s.SetInt(0)
		return true
	}
	var n uint32
	for _, ch := range s.Data[i+1:] {
		n = n*10 + uint32(int32(ch)-'0')
	}
	s.SetInt(int64(n))
	return true
}

// checkParam wants one byte for the delimiter.
func checkParam(args []Arg, _ *Options) error {
	if len(args) > 1 && len(args[1].Data) != 1 {
		return errors.New("Delimiter must be exactly 1 character.")
	}
	return nil
}

func convParam(_ *Context, args []Arg, s *Sample) bool {
	delim := byte('&')
	if len(args) > 1 {
		delim = args[1].Data[0]
	}
	for rest, more := s.Data, true; more; {
		var part []byte
		part, rest, more = cutByte(rest, delim)
		if len(part) < len(args[0].Data) || string(part[:len(args[0].Data)]) != args[0].Str {
			continue
		}
		part = part[len(args[0].Data):]
		if len(part) == 0 {
			s.Data = part
			return true
		}
		if part[0] == '=' {
			s.Data = part[1:]
			return true
		}
	}
	return false
}

func cutByte(b []byte, sep byte) (before, after []byte, found bool) {
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i], b[i+1:], true
	}
	return b, nil, false
}

// checkConcat resolves the optional variable in the middle.
func checkConcat(args []Arg, _ *Options) error {
	return middleVar(args, 1)
}

func middleVar(args []Arg, i int) error {
	if len(args) <= i || args[i].Str == "" {
		return nil
	}
	v, err := ParseVar(args[i].Str)
	if err != nil {
		return fmt.Errorf("failed to register variable name '%s'", args[i].Str)
	}
	args[i].Ref = &v
	return nil
}

// varText returns the text of the variable in args[i], nil without.
func varText(c *Context, args []Arg, i int) []byte {
	if len(args) <= i {
		return nil
	}
	v, ok := args[i].Ref.(*Var)
	if !ok {
		return nil
	}
	t := c.Borrow()
	defer c.Release()
	if !v.Get(c, t) || !t.Cast(c, Str) {
		return nil
	}
	return t.Data
}

func argText(args []Arg, i int) []byte {
	if len(args) <= i {
		return nil
	}
	return args[i].Data
}

func join(c *Context, s *Sample, parts ...[]byte) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	d := c.Arena.Alloc(n)[:0]
	for _, p := range parts {
		d = append(d, p...)
	}
	s.Data = d
}

func convConcat(c *Context, args []Arg, s *Sample) bool {
	join(c, s, s.Data, argText(args, 0), varText(c, args, 1), argText(args, 2))
	return true
}

func checkAddItem(args []Arg, _ *Options) error {
	if args[1].Str == "" && (len(args) < 3 || args[2].Str == "") {
		return errors.New("one of the optional arguments has to be nonempty")
	}
	return middleVar(args, 1)
}

func convAddItem(c *Context, args []Arg, s *Sample) bool {
	v, suffix := varText(c, args, 1), argText(args, 2)
	var delim []byte
	if len(s.Data) > 0 && len(v)+len(suffix) > 0 {
		delim = args[0].Data
	}
	join(c, s, s.Data, delim, v, suffix)
	return true
}

// hasCtlDefault is every control byte but TAB; bit 32 stands for DEL.
const hasCtlDefault = 0x1FFFFFDFF

func checkHasCtl(args []Arg, _ *Options) error {
	if len(args) == 0 {
		return nil
	}
	switch a := &args[0]; a.Str {
	case "":
		a.Int = hasCtlDefault
	case "any":
		a.Int = 0x1FFFFFFFF
	case "http":
		a.Int = 0x2401
	default:
		n, pos := parseMaskNumber(a.Str)
		if pos >= 0 {
			return fmt.Errorf("cannot parse value '%s', problem at position %d; expecting an integer value (decimal or hex with '0x' prefix).\n", a.Str, pos)
		}
		if n>>33 != 0 {
			return fmt.Errorf("unsupported excess bits 0x%x in argument value 0x%x", n&^0x1FFFFFFFF, n)
		}
		a.Int = int64(n)
	}
	return nil
}

// parseMaskNumber reads decimal or 0x hexadecimal; pos is the first bad byte,
// -1 when all is well.
func parseMaskNumber(s string) (n uint64, pos int) {
	base, i := uint64(10), 0
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		base, i = 16, 2
	}
	for ; i < len(s); i++ {
		d := HexDigit(s[i])
		if uint64(d) >= base {
			return 0, i
		}
		n = n*base + uint64(d)
	}
	return n, -1
}

func convHasCtl(_ *Context, args []Arg, s *Sample) bool {
	mask := int64(hasCtlDefault)
	if len(args) > 0 {
		mask = args[0].Int
	}
	found := false
	for _, ch := range s.Data {
		if ch < 0x20 && mask>>ch&1 != 0 || ch == 0x7F && mask>>32&1 != 0 {
			found = true
			break
		}
	}
	s.SetBool(found)
	return true
}
