package sample

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unsafe"

	"gohap/lbcore/config"
)

func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func isWordChar(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' < 26 || c == '_' || c == '-' || c == '.' || c == '+'
}

// cutWord returns the keyword at the beginning of s and the rest.
func cutWord(s string) (word, rest string) {
	i := 0
	for i < len(s) && isWordChar(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

var argTypeNames = [...]string{
	ArgNone: "end of arguments", ArgInt: "integer", ArgStr: "string", ArgIPv4: "IPv4 address", ArgMask4: "IPv4 mask",
	ArgIPv6: "IPv6 address", ArgMask6: "IPv6 mask", ArgTime: "delay", ArgSize: "size", ArgRegex: "regex", ArgVar: "variable",
	ArgFrontend: "frontend", ArgBackend: "backend", ArgTable: "table", ArgServer: "server", ArgUserlist: "user list",
	ArgProtoField: "Protocol buffers field number",
}

// String returns the type's name in messages and in the keyword dump.
func (t ArgType) String() string { return argTypeNames[t] }

// String returns the grammar as the keyword dump prints it behind a name.
func (l ArgList) String() string {
	if len(l.Types) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteByte('(')
	for i, t := range l.Types {
		if i == l.Min {
			b.WriteByte('[')
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(t.String())
	}
	if len(l.Types) > l.Min {
		b.WriteByte(']')
	}
	b.WriteByte(')')
	return b.String()
}

// argError is an argument error and the number of the argument it is about.
type argError struct {
	at  int
	msg string
}

func (e *argError) Error() string { return e.msg }

// parseArgs reads the arguments of a word from s, which begins right behind
// its name, and returns what follows the closing parenthesis. A missing list
// of a word with mandatory arguments counts as one empty argument, which is
// good enough for a string; an empty optional argument of another type ends
// the list.
func (l ArgList) parseArgs(s string) ([]Arg, string, error) {
	open := strings.HasPrefix(s, "(")
	if !open && l.Min == 0 {
		return nil, s, nil
	}
	if open && strings.HasPrefix(s, "()") && l.Min == 0 {
		return l.own(), s[2:], nil
	}
	if len(l.Types) == 0 {
		return nil, "", closeError(0, s[1:])
	}
	texts, end, perr := []string{""}, 0, (*config.ArgError)(nil)
	if open {
		texts, end, perr = config.SplitArgs(s, len(l.Types))
	}
	args, err := l.typed(texts)
	if err != nil {
		return nil, "", err
	}
	if open && len(args) < len(texts) {
		_, end, perr = config.SplitArgs(s, len(args)+1)
	}
	if perr != nil {
		return nil, "", &argError{max(len(args)-1, 1), perr.Text} // reference: as if there were two
	}
	return args, s[end:], nil
}

// own returns the arguments of a word that has an empty list: a table that is not
// named is that of the proxy (reference).
func (l ArgList) own() []Arg {
	if len(l.Types) > 0 && l.Types[0] == ArgTable {
		return []Arg{{Type: ArgTable}}
	}
	return nil
}

func (l ArgList) typed(texts []string) ([]Arg, error) {
	args := make([]Arg, 0, len(texts))
	for i, text := range texts {
		t := l.Types[i]
		if text == "" && t != ArgStr && t != ArgRegex {
			if i < l.Min && t < ArgFrontend {
				return nil, &argError{i, fmt.Sprintf("expected type '%s' at position %d, but got nothing", t, i+1)}
			}
			if t < ArgFrontend {
				break
			}
		}
		a, err := parseArg(t, text)
		if err != nil {
			return nil, &argError{i, fmt.Sprintf("failed to parse '%s' as type '%s' at position %d", text, t, i+1)}
		}
		args = append(args, a)
	}
	if len(args) < l.Min {
		return nil, &argError{len(args), fmt.Sprintf("missing arguments (got %d/%d), type '%s' expected", len(args), l.Min, l.Types[len(args)])}
	}
	return args, nil
}

func closeError(at int, rest string) error {
	if rest == "" {
		return &argError{at, "expected ')'"}
	}
	return &argError{at, fmt.Sprintf("expected ')' before '%s'", rest)}
}

var errArg = errors.New("not of the expected type")

func parseArg(t ArgType, text string) (Arg, error) {
	a := Arg{Type: t, Str: text, Data: []byte(text)}
	switch t {
	case ArgInt:
		n, ok := parseInteger(text)
		if !ok {
			return a, errArg
		}
		a.Int = n
	case ArgIPv4, ArgIPv6:
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" || ip.Is4() != (t == ArgIPv4) {
			return a, errArg
		}
		a.Ref = ip
	case ArgMask4, ArgMask6:
		m, ok := parseMask(text, t == ArgMask4)
		if !ok {
			return a, errArg
		}
		a.Ref = m
	case ArgProtoField:
		f, ok := parseProtoField(text)
		if !ok {
			return a, errArg
		}
		a.Ref = f
	}
	return a, nil
}

// parseInteger reads a complete decimal number and saturates.
func parseInteger(s string) (int64, bool) {
	digits := strings.TrimLeft(s, "+-")
	if digits == "" || len(s)-len(digits) > 1 || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	return leadingInt([]byte(s)), true
}

// parseMask reads a netmask as a bit count or as an address.
func parseMask(s string, v4 bool) ([]byte, bool) {
	size := 16
	if v4 {
		size = 4
	}
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > size*8 || s[0] == '+' {
			return nil, false
		}
		m := make([]byte, size)
		for i := 0; i < n; i++ {
			m[i/8] |= 0x80 >> (i % 8)
		}
		return m, true
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" || ip.Is4() != v4 {
		return nil, false
	}
	return ip.AsSlice(), true
}

// parseProtoField reads "1.2.3".
func parseProtoField(s string) ([]uint64, bool) {
	var path []uint64
	for _, p := range strings.Split(s, ".") {
		n, err := strconv.ParseUint(p, 10, 29)
		if err != nil || n == 0 {
			return nil, false
		}
		path = append(path, n)
	}
	return path, true
}
