package sample

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// regexTimeLimit bounds a backtracking match: it runs on a loop.
const regexTimeLimit = 10 * time.Millisecond

// Regex is a compiled pattern. Patterns run on Go's linear-time engine; one
// that needs look-around, back-references or possessive quantifiers runs on a
// backtracking engine with a time limit, whose excess counts as no match.
// Patterns see bytes on the second engine and UTF-8 on the first.
type Regex struct {
	text     string
	std      *regexp.Regexp
	alt      *regexp2.Regexp
	anchored bool // looks at what stands before it
}

// CompileRegex compiles a pattern; the error has the reference's form.
func CompileRegex(pattern string, ignoreCase bool) (*Regex, error) {
	r := &Regex{text: pattern, anchored: strings.Contains(pattern, "^") || strings.Contains(pattern, `\b`) || strings.Contains(pattern, `\B`) || strings.Contains(pattern, `\A`)}
	src := pattern
	if ignoreCase {
		src = "(?i)" + pattern
	}
	std, err := regexp.Compile(src)
	if err == nil {
		r.std = std
		return r, nil
	}
	alt, err2 := regexp2.Compile(latin1(src))
	if err2 != nil {
		return nil, fmt.Errorf("regex '%s' is invalid (error=%s)", pattern, regexReason(err))
	}
	alt.MatchTimeout = regexTimeLimit
	r.alt = alt
	return r, nil
}

// regexReason words the engine's complaint as the reference's library does
// where the two have the same thing to say.
func regexReason(err error) string {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	switch e.Code {
	case syntax.ErrMissingParen:
		return "missing closing parenthesis"
	case syntax.ErrUnexpectedParen:
		return "unmatched closing parenthesis"
	case syntax.ErrMissingBracket:
		return "missing terminating ] for character class"
	case syntax.ErrMissingRepeatArgument:
		return "quantifier does not follow a repeatable item"
	case syntax.ErrInvalidRepeatSize:
		return "numbers out of order in {} quantifier"
	case syntax.ErrTrailingBackslash:
		return `\ at end of pattern`
	}
	return e.Code.String()
}

// latin1 gives each byte a rune of its own.
func latin1(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			r := make([]rune, len(s))
			for k := range r {
				r[k] = rune(s[k])
			}
			return string(r)
		}
	}
	return s
}

// String returns the pattern.
func (r *Regex) String() string { return r.text }

// Match reports whether b contains a match. Any goroutine may call it.
func (r *Regex) Match(b []byte) bool {
	if r.std != nil {
		return r.std.Match(b)
	}
	rp := runes(b)
	ok, err := r.alt.MatchRunes(*rp)
	runePool.Put(rp)
	return err == nil && ok
}

var runePool = sync.Pool{New: func() any { return new([]rune) }}

func runes(b []byte) *[]rune {
	rp := runePool.Get().(*[]rune)
	*rp = (*rp)[:0]
	for _, ch := range b {
		*rp = append(*rp, rune(ch))
	}
	return rp
}

// Find returns the positions of the leftmost match and its groups, nil
// without.
func (r *Regex) Find(b []byte) []int {
	if r.std != nil {
		return r.std.FindSubmatchIndex(b)
	}
	all := r.findAlt(b, 1)
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// FindAll returns the matches that a replace-all works on. Reference: an empty
// match may follow directly behind another one.
func (r *Regex) FindAll(b []byte) [][]int {
	if r.std == nil {
		return r.findAlt(b, -1)
	}
	all := r.std.FindAllSubmatchIndex(b, -1)
	if r.anchored {
		return all
	}
	out := make([][]int, 0, len(all))
	for i, m := range all {
		out = append(out, m)
		end := m[1]
		if end == m[0] || i+1 < len(all) && all[i+1][0] == end {
			continue
		}
		if e := r.std.FindSubmatchIndex(b[end:]); e != nil && e[0] == 0 && e[1] == 0 {
			for k := range e {
				if e[k] >= 0 {
					e[k] += end
				}
			}
			out = append(out, e)
		}
	}
	return out
}

func (r *Regex) findAlt(b []byte, limit int) (out [][]int) {
	rp := runes(b)
	defer runePool.Put(rp)
	m, err := r.alt.FindRunesMatch(*rp)
	for err == nil && m != nil && (limit < 0 || len(out) < limit) {
		var idx []int
		for _, g := range m.Groups() {
			if len(g.Captures) == 0 {
				idx = append(idx, -1, -1)
				continue
			}
			idx = append(idx, g.RuneIndex, g.RuneIndex+g.RuneLength)
		}
		out = append(out, idx)
		m, err = r.alt.FindNextMatch(m)
	}
	return out
}

// Expand appends a substitution: \0 to \9 are groups, \xHH a byte, a backslash
// before anything else is dropped.
func Expand(dst []byte, subst string, src []byte, match []int) []byte {
	for i := 0; i < len(subst); i++ {
		ch := subst[i]
		if ch != '\\' || i+1 >= len(subst) {
			dst = append(dst, ch)
			continue
		}
		i++
		switch ch = subst[i]; {
		case ch-'0' <= 9:
			if k := 2 * int(ch-'0'); k+1 < len(match) && match[k] >= 0 {
				dst = append(dst, src[match[k]:match[k+1]]...)
			}
		case ch == 'x' && i+2 < len(subst) && HexDigit(subst[i+1]) != 0xFF && HexDigit(subst[i+2]) != 0xFF:
			dst = append(dst, HexDigit(subst[i+1])<<4|HexDigit(subst[i+2]))
			i += 2
		default:
			dst = append(dst, ch)
		}
	}
	return dst
}

type regsub struct {
	re  *Regex
	all bool
}

func checkRegsub(args []Arg, _ *Options) error {
	r := &regsub{}
	ignoreCase := false
	if len(args) > 2 {
		for _, ch := range args[2].Str {
			switch ch {
			case 'i':
				ignoreCase = true
			case 'g':
				r.all = true
			default:
				return fmt.Errorf("invalid regex flag '%c', only 'i' and 'g' are supported", ch)
			}
		}
	}
	if args[0].Str == "" {
		return errors.New("missing regex in arg 1 of conversion keyword 'regsub'")
	}
	var err error
	if r.re, err = CompileRegex(args[0].Str, ignoreCase); err != nil {
		return fmt.Errorf("error in regex '%s' in arg 1 of conversion keyword 'regsub' : %w", args[0].Str, err)
	}
	args[0].Ref = r
	return nil
}

func convRegsub(c *Context, args []Arg, s *Sample) bool {
	r := args[0].Ref.(*regsub)
	if !r.all {
		m := r.re.Find(s.Data)
		if m == nil {
			return true
		}
		d := append(c.Arena.Rest(len(s.Data)+len(args[1].Str)), s.Data[:m[0]]...)
		d = Expand(d, args[1].Str, s.Data, m)
		s.Data = c.Arena.Keep(append(d, s.Data[m[1]:]...))
		return true
	}
	all := r.re.FindAll(s.Data)
	if len(all) == 0 {
		return true
	}
	d, pos := c.Arena.Rest(len(s.Data)+len(all)*len(args[1].Str)), 0
	for _, m := range all {
		d = append(d, s.Data[pos:m[0]]...)
		d = Expand(d, args[1].Str, s.Data, m)
		pos = m[1]
	}
	s.Data = c.Arena.Keep(append(d, s.Data[pos:]...))
	return true
}
