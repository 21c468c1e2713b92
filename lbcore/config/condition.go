package config

import (
	"fmt"
	"strconv"
	"strings"

	"gohap/lbcore/keyword"
)

// Facts is what a condition may ask about the program.
type Facts struct {
	Version string // "3.2.26-1", what version_atleast compares with
	// Features holds the names that -vv lists with a plus.
	Features map[string]bool
	// Enabled holds the options that are on at run time: EPOLL, SPLICE, …
	Enabled    map[string]bool
	SSLLibrary string // what ssllib_name_startswith looks at
	// SSLVersion is what openssl_version_atleast compares with; "" is older
	// than anything.
	SSLVersion string
	Words      *keyword.Set // the predicates that there are; nil: all
}

// CondError says why a condition cannot be evaluated, and where.
type CondError struct {
	Offset int // byte offset in the expression
	Text   string
}

// Error gives the reference's text without position.
func (e *CondError) Error() string { return e.Text }

// Eval evaluates the expression of .if, .elif or -cc: integers, predicates,
// "!", "&&" (binds tighter), "||" and parentheses. An empty one is false. The
// whole expression is parsed before any of it counts.
func (f *Facts) Eval(expr string, lookup Lookup) (bool, error) {
	p := condParser{text: expr, facts: f, lookup: lookup}
	if strings.Trim(expr, " \t") == "" {
		return false, nil
	}
	value, err := p.or()
	if err != nil {
		if err.Text == "" {
			err.Text = unparsable(expr)
		}
		return false, err
	}
	if p.skip(); p.pos < len(expr) {
		return false, &CondError{p.pos, fmt.Sprintf("unexpected character '%c' at the end of conditional expression '%s'", expr[p.pos], expr)}
	}
	if p.invalid != "" {
		return false, &CondError{len(expr), p.invalid}
	}
	return value, nil
}

// condParser is a recursive descent over one expression. A CondError with an
// empty text means that the expression ended where a term was due: the caller
// knows better what to show.
type condParser struct {
	text    string
	pos     int
	facts   *Facts
	lookup  Lookup
	invalid string // the first predicate that could not judge its argument
	depth   int
}

// maxCondDepth bounds "((((…"; everything else is a loop.
const maxCondDepth = 1000

func unparsable(text string) string {
	return fmt.Sprintf("unparsable conditional expression '%s'", text)
}

func (p *condParser) skip() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
}

// or parses terms joined by && and ||.
func (p *condParser) or() (bool, *CondError) {
	value, first := false, -1
	for {
		right, err := p.and()
		if err != nil {
			if err.Text == "" && first >= 0 {
				err.Offset = first
			}
			return false, err
		}
		value = value || right
		if p.skip(); !strings.HasPrefix(p.text[p.pos:], "||") {
			return value, nil
		}
		if first < 0 {
			first = p.pos
		}
		p.pos += 2
	}
}

// and parses terms joined by &&.
func (p *condParser) and() (bool, *CondError) {
	value, at := true, -1
	for {
		right, err := p.term()
		if err != nil {
			if err.Text == "" && at >= 0 {
				return false, &CondError{at, unparsable(p.text[at:])}
			}
			return false, err
		}
		value = value && right
		if p.skip(); !strings.HasPrefix(p.text[p.pos:], "&&") {
			return value, nil
		}
		at = p.pos
		p.pos += 2
	}
}

// term parses "!term", "(expression)", an integer or a predicate.
func (p *condParser) term() (bool, *CondError) {
	start := p.pos
	if p.skip(); start > 0 {
		start = p.pos // blanks at the very beginning are shown, others are not
	}
	if p.pos == len(p.text) {
		return false, &CondError{Offset: start}
	}
	negate := false
	for p.pos < len(p.text) && p.text[p.pos] == '!' {
		negate = !negate
		p.pos++
		p.skip()
	}
	if p.pos == len(p.text) {
		return false, p.bad(start)
	}
	var value bool
	var err *CondError
	switch c := p.text[p.pos]; {
	case c == '(':
		value, err = p.group(start)
	case c == '+' || c == '-' || c >= '0' && c <= '9':
		value, err = p.integer(start)
	default:
		value, err = p.predicate(start)
	}
	return value != negate, err
}

// bad refuses what begins at start.
func (p *condParser) bad(start int) *CondError {
	return &CondError{start, unparsable(p.text[start:])}
}

func (p *condParser) group(start int) (bool, *CondError) {
	if p.depth++; p.depth > maxCondDepth {
		return false, p.bad(start)
	}
	p.pos++
	value, err := p.or()
	p.depth--
	if err != nil {
		if err.Text == "" {
			return false, p.bad(start)
		}
		return false, err
	}
	if p.skip(); p.pos == len(p.text) || p.text[p.pos] != ')' {
		return false, &CondError{start, fmt.Sprintf("expected ')' after conditional expression '%s'", p.text[start:])}
	}
	p.pos++
	return value, nil
}

// integer reads a C integer: true when it is not zero. Its size does not matter.
func (p *condParser) integer(start int) (bool, *CondError) {
	i := p.pos
	if c := p.text[i]; c == '+' || c == '-' {
		i++
	}
	digits := isDigit
	if len(p.text) > i+2 && p.text[i] == '0' && p.text[i+1]|0x20 == 'x' && hexDigit(p.text[i+2]) >= 0 {
		i += 2
		digits = func(c byte) bool { return hexDigit(c) >= 0 }
	} else if len(p.text) > i && p.text[i] == '0' {
		digits = func(c byte) bool { return c >= '0' && c <= '7' }
	}
	first := i
	for i < len(p.text) && digits(p.text[i]) {
		i++
	}
	if i == first {
		return false, p.bad(start)
	}
	p.pos = i
	return strings.Trim(p.text[first:i], "0") != "", nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (p *condParser) predicate(start int) (bool, *CondError) {
	end := p.pos
	for end < len(p.text) && (p.text[end] == '_' || p.text[end]|0x20 >= 'a' && p.text[end]|0x20 <= 'z' || isDigit(p.text[end])) {
		end++
	}
	name := p.text[p.pos:end]
	pred := findPredicate(name)
	if pred == nil || !served(p.facts.Words, keyword.Predicate, name) {
		return false, p.bad(start)
	}
	want := pred.args
	args, n, argErr := SplitArgs(p.text[end:], want)
	p.pos = end + n
	problem, at := "", p.pos
	switch {
	case len(args) < want && want > 1:
		problem = fmt.Sprintf("missing arguments (got %d/%d), type 'string' expected", max(len(args), 1), want)
		if argErr == nil && n > 0 {
			at-- // the parenthesis that came too early
		}
	case argErr != nil:
		problem, at = argErr.Text, end+argErr.Offset
	default:
		if len(args) == 0 {
			args = []string{""}
		}
		return pred.judge(p, args), nil
	}
	return false, &CondError{at, fmt.Sprintf("%s in argument 1 of predicate '%s' used in conditional expression", problem, name)}
}

// judgeSSL compares the version of the TLS library, which a predicate that is
// not of its form cannot.
func (p *condParser) judgeSSL(name, arg string, atLeast bool) bool {
	wanted, ok := parseSSLVersion(arg)
	if !ok {
		if p.invalid == "" {
			p.invalid = fmt.Sprintf("invalid argument to conditional expression predicate '%s': '%s'", name, arg)
		}
		return false
	}
	have, _ := parseSSLVersion(p.facts.SSLVersion)
	return have >= wanted == atLeast
}

// parseSSLVersion turns "1.1.1w" or "3.0.0-beta2" into a number that orders as
// versions do. All three numbers are needed.
func parseSSLVersion(text string) (uint64, bool) {
	var v uint64
	for i := range 3 {
		if i > 0 {
			if text == "" || text[0] != '.' {
				return 0, false
			}
			text = text[1:]
		}
		n := 0
		for n < len(text) && isDigit(text[n]) {
			n++
		}
		bits := 8
		if i == 0 {
			bits = 4 // reference: the library's number has no room for more
		}
		part, err := strconv.ParseUint(text[:n], 10, bits)
		if err != nil {
			return 0, false
		}
		v, text = v<<8|part, text[n:]
	}
	status := uint64(0xff) // a release; pre-releases are below
	for i, tag := range []string{"-dev", "-alpha", "-beta", "-pre", "-rc"} {
		if rest, ok := strings.CutPrefix(text, tag); ok {
			n, _ := strconv.ParseUint(rest, 10, 4)
			status, text = uint64(i)<<4|n, ""
		}
	}
	letter := uint64(0)
	if len(text) == 1 && text[0] >= 'a' && text[0] <= 'z' {
		letter = uint64(text[0]-'a') + 1
	}
	return v<<16 | letter<<8 | status, true
}

// compareVersions compares as version_atleast does: numbers separated by dots,
// then "-devN", then a patch level and a commit count behind dashes; parts that
// are missing count as zero. It returns -1, 0 or 1.
func compareVersions(a, b string) int {
	va, vb := versionParts(a), versionParts(b)
	for i := range va {
		if va[i] != vb[i] {
			if va[i] < vb[i] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// versionParts reads "1.2.3-dev4-5" into seven comparable numbers: four between
// dots, the development status (below a release), patch level, commits.
func versionParts(text string) [7]int {
	var v [7]int
	for i := 0; i < 4; i++ {
		v[i], text = leadingInt(text)
		if text == "" || text[0] != '.' {
			break
		}
		text = text[1:]
	}
	v[4] = 1 << 30 // a release is later than any of its -dev
	if rest, ok := strings.CutPrefix(text, "-dev"); ok {
		v[4], text = leadingInt(rest)
	}
	for i := 5; i < 7; i++ {
		if text == "" || text[0] != '-' {
			break
		}
		v[i], text = leadingInt(text[1:])
	}
	return v
}

// leadingInt reads a decimal number at the start of text and returns the rest.
func leadingInt(text string) (int, string) {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	v, _ := strconv.Atoi(text[:min(n, 9)])
	return v, text[n:]
}
