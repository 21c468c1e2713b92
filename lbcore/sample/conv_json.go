//lint:file-ignore ST1005 the reference's messages are printed as they are

package sample

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// How convJSON reads its input.
const (
	jsonASCII = iota
	jsonUTF8
	jsonUTF8s
	jsonUTF8p
	jsonUTF8ps
)

var jsonModes = map[string]int64{
	"": jsonASCII, "ascii": jsonASCII, "utf8": jsonUTF8, "utf8s": jsonUTF8s, "utf8p": jsonUTF8p, "utf8ps": jsonUTF8ps,
}

func checkJSON(args []Arg, _ *Options) error {
	if len(args) == 0 {
		return nil
	}
	mode, ok := jsonModes[args[0].Str]
	if !ok {
		return errors.New("Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'")
	}
	args[0].Int = mode
	return nil
}

// convJSON escapes a string for use inside a JSON string.
func convJSON(c *Context, args []Arg, s *Sample) bool {
	mode := int64(jsonASCII)
	if len(args) > 0 {
		mode = args[0].Int
	}
	d := c.Arena.Alloc(6 * len(s.Data))[:0]
	for src := s.Data; len(src) > 0; {
		r, n, ok := rune(src[0]), 1, true
		if mode != jsonASCII {
			r, n, ok = decodeLoose(src, mode == jsonUTF8p || mode == jsonUTF8ps)
		}
		src = src[n:]
		if !ok || r > 0xFFFF {
			if mode == jsonUTF8 || mode == jsonUTF8p {
				return false
			}
			continue
		}
		d = appendJSONRune(d, r)
	}
	s.Data = d
	return true
}

// decodeLoose decodes one UTF-8 sequence; permissive takes overlong ones. n is
// what to skip, at least one byte.
func decodeLoose(b []byte, permissive bool) (r rune, n int, ok bool) {
	r, n = utf8.DecodeRune(b)
	if r != utf8.RuneError || n > 1 {
		return r, n, true
	}
	lead, more := b[0], 0
	switch {
	case lead&0xE0 == 0xC0:
		r, more = rune(lead&0x1F), 1
	case lead&0xF0 == 0xE0:
		r, more = rune(lead&0x0F), 2
	case lead&0xF8 == 0xF0:
		r, more = rune(lead&0x07), 3
	default:
		return 0, 1, false
	}
	for i := 1; i <= more; i++ {
		if i >= len(b) || b[i]&0xC0 != 0x80 {
			return 0, i, false
		}
		r = r<<6 | rune(b[i]&0x3F)
	}
	overlong := more == 1 && r < 0x80 || more == 2 && r < 0x800 || more == 3 && r < 0x10000
	return r, more + 1, overlong && permissive
}

func appendJSONRune(d []byte, r rune) []byte {
	switch r {
	case '"', '\\', '/':
		return append(d, '\\', byte(r))
	case '\b':
		return append(d, '\\', 'b')
	case '\f':
		return append(d, '\\', 'f')
	case '\n':
		return append(d, '\\', 'n')
	case '\r':
		return append(d, '\\', 'r')
	case '\t':
		return append(d, '\\', 't')
	}
	if r >= 0x20 && r < 0x7F {
		return append(d, byte(r))
	}
	return append(d, '\\', 'u', hexLower[r>>12&15], hexLower[r>>8&15], hexLower[r>>4&15], hexLower[r&15])
}

// jsonStep is one step of a path: a member's name or an element's index.
type jsonStep struct {
	name  string
	index int
	elem  bool
}

// parseJSONPath reads "$.a.b[1]"; ok is false for a path that can match
// nothing. A backslash protects a dot in a name.
func parseJSONPath(p string) (steps []jsonStep, ok bool) {
	if p[0] != '$' {
		return nil, false
	}
	for p = p[1:]; p != ""; {
		switch p[0] {
		case '.':
			var name []byte
			i := 1
			for ; i < len(p) && p[i] != '.' && p[i] != '['; i++ {
				if p[i] == '\\' && i+1 < len(p) {
					i++
				}
				name = append(name, p[i])
			}
			steps, p = append(steps, jsonStep{name: string(name)}), p[i:]
		case '[':
			i, n := 1, 0
			for ; i < len(p) && p[i]-'0' <= 9; i++ {
				n = n*10 + int(p[i]-'0')
			}
			if i >= len(p) || p[i] != ']' {
				return nil, false
			}
			steps, p = append(steps, jsonStep{index: n, elem: true}), p[i+1:]
		default:
			return nil, false
		}
	}
	return steps, true
}

// jsonQuery is what checkJSONQuery makes of the arguments.
type jsonQuery struct {
	steps []jsonStep
	ok    bool
	asInt bool
}

func checkJSONQuery(args []Arg, _ *Options) error {
	if len(args) == 0 || args[0].Str == "" {
		return errors.New("json_path must not be empty")
	}
	return compileJSONQuery(args)
}

func compileJSONQuery(args []Arg) error {
	q := &jsonQuery{}
	q.steps, q.ok = parseJSONPath(args[0].Str)
	if len(args) > 1 && args[1].Str != "" {
		if args[1].Str != "int" {
			return errors.New(`output_type only supports "int" as argument`)
		}
		q.asInt = true
	}
	args[0].Ref = q
	return nil
}

func convJSONQuery(c *Context, args []Arg, s *Sample) bool {
	return args[0].Ref.(*jsonQuery).run(c, s)
}

// run looks the path up in the text of s. Reference: numbers come as text with
// six significant digits or, with "int", as the leading integer; booleans as
// booleans; arrays as their text; null and objects not at all.
func (q *jsonQuery) run(c *Context, s *Sample) bool {
	if !q.ok {
		return false
	}
	sc := jsonScanner{src: s.Data}
	for _, st := range q.steps {
		if !sc.enter(st) {
			return false
		}
	}
	sc.blanks()
	tok, ok := sc.value()
	if !ok || len(tok) == 0 {
		return false
	}
	switch tok[0] {
	case '"':
		d, ok := unescapeJSON(c, tok[1:len(tok)-1])
		if ok {
			s.SetStr(d)
		}
		return ok
	case '[':
		s.SetStr(tok)
		return true
	case 't', 'f':
		s.SetBool(tok[0] == 't')
		return true
	case 'n', '{':
		return false
	}
	return q.number(c, tok, s)
}

func (q *jsonQuery) number(c *Context, tok []byte, s *Sample) bool {
	if q.asInt {
		n := leadingInt(tok)
		if n == math.MaxInt64 || n == math.MinInt64 {
			return false
		}
		s.SetInt(n)
		return true
	}
	f, err := strconv.ParseFloat(unsafeString(tok), 64)
	if err != nil && !math.IsInf(f, 0) {
		return false
	}
	s.SetStr(c.Arena.Keep(strconv.AppendFloat(c.Arena.Rest(32), f, 'g', 6, 64)))
	return true
}

// jsonScanner walks JSON text without building anything. It reads only as far
// as it must: what follows the value looked for is not checked.
type jsonScanner struct {
	src []byte
	pos int
}

func (sc *jsonScanner) blanks() {
	for sc.pos < len(sc.src) {
		switch sc.src[sc.pos] {
		case ' ', '\t', '\n', '\r':
			sc.pos++
		default:
			return
		}
	}
}

func (sc *jsonScanner) next(ch byte) bool {
	sc.blanks()
	if sc.pos < len(sc.src) && sc.src[sc.pos] == ch {
		sc.pos++
		return true
	}
	return false
}

// enter moves to the value that a step names.
func (sc *jsonScanner) enter(st jsonStep) bool {
	if st.elem {
		return sc.element(st.index)
	}
	if !sc.next('{') {
		return false
	}
	for {
		sc.blanks()
		key, ok := sc.text()
		if !ok || !sc.next(':') {
			return false
		}
		if string(key[1:len(key)-1]) == st.name {
			return true
		}
		if _, ok := sc.value(); !ok || !sc.next(',') {
			return false
		}
	}
}

func (sc *jsonScanner) element(index int) bool {
	if !sc.next('[') {
		return false
	}
	sc.blanks()
	if sc.pos < len(sc.src) && sc.src[sc.pos] == ']' {
		return false
	}
	for i := 0; i < index; i++ {
		if _, ok := sc.value(); !ok || !sc.next(',') {
			return false
		}
	}
	return true
}

// text reads a string with its quotes.
func (sc *jsonScanner) text() ([]byte, bool) {
	start := sc.pos
	if start >= len(sc.src) || sc.src[start] != '"' {
		return nil, false
	}
	for i := start + 1; i < len(sc.src); i++ {
		switch sc.src[i] {
		case '\\':
			i++
		case '"':
			sc.pos = i + 1
			return sc.src[start:sc.pos], true
		}
	}
	return nil, false
}

// jsonDepth bounds nesting.
const jsonDepth = 64

// value reads any value and returns its text.
func (sc *jsonScanner) value() ([]byte, bool) {
	sc.blanks()
	start := sc.pos
	if start >= len(sc.src) {
		return nil, false
	}
	switch ch := sc.src[start]; {
	case ch == '"':
		return sc.text()
	case ch == '{' || ch == '[':
		return sc.nested()
	case ch == '-' || ch-'0' <= 9:
		for sc.pos < len(sc.src) && isNumberByte(sc.src[sc.pos]) {
			sc.pos++
		}
		return sc.src[start:sc.pos], true
	}
	for _, lit := range [...]string{"true", "false", "null"} {
		if len(sc.src)-start >= len(lit) && string(sc.src[start:start+len(lit)]) == lit {
			sc.pos += len(lit)
			return sc.src[start:sc.pos], true
		}
	}
	return nil, false
}

func isNumberByte(ch byte) bool {
	return ch-'0' <= 9 || ch == '-' || ch == '+' || ch == '.' || ch|0x20 == 'e'
}

// nested reads an object or an array by counting brackets.
func (sc *jsonScanner) nested() ([]byte, bool) {
	start, depth := sc.pos, 0
	for sc.pos < len(sc.src) {
		switch sc.src[sc.pos] {
		case '"':
			if _, ok := sc.text(); !ok {
				return nil, false
			}
			continue
		case '{', '[':
			if depth++; depth > jsonDepth {
				return nil, false
			}
		case '}', ']':
			if depth--; depth == 0 {
				sc.pos++
				return sc.src[start:sc.pos], true
			}
		}
		sc.pos++
	}
	return nil, false
}

// unescapeJSON undoes the escapes of a JSON string. Reference: \u00XX is one
// byte, any other \u and "\/" fail.
func unescapeJSON(c *Context, b []byte) ([]byte, bool) {
	d := c.Arena.Alloc(len(b))[:0]
	for i := 0; i < len(b); i++ {
		ch := b[i]
		if ch != '\\' {
			d = append(d, ch)
			continue
		}
		i++
		if i >= len(b) {
			return nil, false
		}
		switch b[i] {
		case 'u':
			if i+4 >= len(b) || b[i+1] != '0' || b[i+2] != '0' || HexDigit(b[i+3]) == 0xFF || HexDigit(b[i+4]) == 0xFF {
				return nil, false
			}
			d = append(d, HexDigit(b[i+3])<<4|HexDigit(b[i+4]))
			i += 4
		case 'b':
			d = append(d, '\b')
		case 'f':
			d = append(d, '\f')
		case 'n':
			d = append(d, '\n')
		case 'r':
			d = append(d, '\r')
		case 't':
			d = append(d, '\t')
		case '"', '\\':
			d = append(d, b[i])
		default:
			return nil, false
		}
	}
	return d, true
}
