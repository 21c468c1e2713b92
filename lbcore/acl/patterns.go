package acl

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// Patterns is a short compiled list of patterns for one matcher, which is walked.
// It is immutable: a change builds another one. Texts keeps them as written, in
// order.
type Patterns struct {
	Matcher Matcher
	Icase   bool
	single  bool     // only one is there
	one     string   // the first of strs, a step nearer
	strs    []string // prepared: lower case when Icase, delimiters trimmed
	ints    []intRange
	nets    []ipNet
	regs    []*sample.Regex
	meths   []message.Method

	Texts []string
	ids   []uint32 // of the entries that the texts come from
}

type intRange struct{ min, max int64 }

// prepare checks the texts of a line and returns its patterns: operators belong to
// the number behind them. The error has the reference's text.
func (h *how) prepare(texts []string) ([]string, error) {
	if h.matcher == MatchInt || h.matcher == MatchLen {
		return h.operators(texts)
	}
	for _, t := range texts {
		if err := h.check(t); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// compile makes a list of texts that were checked.
func compile(h *how, texts []string, ids []uint32) *Patterns {
	p := &Patterns{Matcher: h.matcher, Icase: h.icase, Texts: texts, ids: ids}
	for _, t := range texts {
		switch h.matcher {
		case MatchInt, MatchLen:
			r, _ := h.parseRange(t)
			p.ints = append(p.ints, r)
		case MatchIP:
			n, _ := h.parseNet(t)
			p.nets = append(p.nets, n)
		case MatchBin:
			b, _ := hex.DecodeString(t)
			p.strs = append(p.strs, string(b))
		case MatchReg, MatchRegM:
			r, _ := sample.CompileRegex(t, h.icase)
			p.regs = append(p.regs, r)
		case MatchMeth:
			p.meths = append(p.meths, sample.ParseMethod([]byte(t)))
			fallthrough
		default:
			p.strs = append(p.strs, string(appendFolded(nil, h.trim(t), h.icase)))
		}
	}
	if len(p.strs) == 1 {
		p.single, p.one = true, p.strs[0]
	}
	return p
}

// Len returns how many patterns there are.
func (p *Patterns) Len() int { return len(p.Texts) }

// operators writes the numbers and ranges behind the operators eq, ge, gt, le, lt as
// ranges. Reference: an operator tightens or opens the bound on its side and leaves
// a range's other one alone; "ne", which no manual names, is taken and means eq.
func (h *how) operators(texts []string) ([]string, error) {
	op := ""
	kept := texts[:0:0]
	for _, t := range texts {
		switch t {
		case "eq", "ge", "gt", "le", "lt":
			op = t
			continue
		case "ne":
			op = "eq"
			continue
		}
		r, ranged, err := parseRange(t, op != "", h.dotted)
		if err != nil {
			return nil, err
		}
		if op != "" && op != "eq" {
			r = r.apply(op, ranged)
			t = h.bound(r.min) + ":" + h.bound(r.max)
		}
		kept = append(kept, t)
	}
	return kept, nil
}

// bound writes a bound of a range, as parseNumber reads it; none is empty.
func (h *how) bound(n int64) string {
	switch {
	case n == math.MinInt64, n == math.MaxInt64:
		return ""
	case h.dotted:
		return fmt.Sprintf("%d.%d", n>>16, n&0xffff)
	}
	return strconv.FormatInt(n, 10)
}

func (r intRange) apply(op string, ranged bool) intRange {
	switch op {
	case "gt", "ge":
		if !ranged {
			r.max = math.MaxInt64
		}
		if op == "gt" {
			if r.min == math.MaxInt64 {
				return intRange{1, 0}
			}
			r.min++
		}
	case "lt", "le":
		if !ranged {
			r.min = math.MinInt64
		}
		if op == "lt" {
			if r.max == math.MinInt64 {
				return intRange{1, 0}
			}
			r.max--
		}
	}
	return r
}

func parseRange(t string, operator, dotted bool) (r intRange, ranged bool, err error) {
	lo, hi, ranged := strings.Cut(t, ":")
	if !ranged {
		n, ok := parseNumber(t, dotted)
		switch {
		case ok:
			return intRange{n, n}, false, nil
		case operator:
			return r, false, fmt.Errorf("'%s' is neither a number nor a supported operator", t)
		}
		return r, false, fmt.Errorf("'%s' is not a number", t)
	}
	r = intRange{math.MinInt64, math.MaxInt64}
	ok := true
	if lo != "" {
		r.min, ok = parseNumber(lo, dotted)
	}
	if hi != "" && ok {
		r.max, ok = parseNumber(hi, dotted)
		ok = ok && hi[0] != '-'
	}
	if !ok || r.min > r.max || lo == "" && hi == "" {
		return r, true, fmt.Errorf("'%s' is not a valid number range", t)
	}
	return r, true, nil
}

// parseNumber reads a decimal integer, or a version as major<<16 + minor.
func parseNumber(t string, dotted bool) (int64, bool) {
	if dotted {
		major, minor, has := strings.Cut(t, ".")
		a, ok := parseNumber(major, false)
		b, ok2 := int64(0), true
		if has {
			b, ok2 = parseNumber(minor, false)
		}
		return a<<16 + b, ok && ok2
	}
	neg := strings.HasPrefix(t, "-")
	d := strings.TrimPrefix(t, "-")
	if d == "" {
		return 0, false
	}
	var n int64
	for i := 0; i < len(d); i++ {
		c := int64(d[i]) - '0'
		if c < 0 || c > 9 {
			return 0, false
		}
		if n > (math.MaxInt64-c)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + c
	}
	if neg {
		n = -n
	}
	return n, true
}

// Find returns the index of the pattern that matches s, which must have the
// matcher's type, or -1. It does not allocate.
func (p *Patterns) Find(s *sample.Sample) int {
	switch p.Matcher {
	case MatchInt:
		return p.findInt(s.Int)
	case MatchLen:
		return p.findInt(int64(len(s.Data)))
	case MatchIP:
		return p.findIP(s.IP)
	case MatchReg, MatchRegM:
		for i, r := range p.regs {
			if r.Match(s.Data) {
				return i
			}
		}
		return -1
	case MatchMeth:
		return p.findMethod(s)
	case MatchBool:
		return int(s.Int) - 1
	case MatchFound:
		return 0
	}
	return p.findText(s.Data)
}

func (p *Patterns) findInt(n int64) int {
	for i := range p.ints {
		if r := &p.ints[i]; n >= r.min && n <= r.max {
			return i
		}
	}
	return -1
}

// findMethod compares numbers; two methods without one compare as text.
func (p *Patterns) findMethod(s *sample.Sample) int {
	for i, m := range p.meths {
		if m != s.Method {
			continue
		}
		if m != message.MethodOther || p.equal(s.Data, p.strs[i]) {
			return i
		}
	}
	return -1
}

func (p *Patterns) equal(b []byte, t string) bool {
	return string(b) == t || p.Icase && foldEqual(b, t)
}

// findText: in a tree the longest beginning wins, else the first pattern.
func (p *Patterns) findText(b []byte) int {
	if p.single { // as in most conditions
		if p.matchText(b, p.one) {
			return 0
		}
		return -1
	}
	longest := p.Matcher == MatchBeg && !p.Icase
	best := -1
	for i, t := range p.strs {
		if !p.matchText(b, t) {
			continue
		}
		if !longest {
			return i
		}
		if best < 0 || len(t) > len(p.strs[best]) {
			best = i
		}
	}
	return best
}

func (p *Patterns) matchText(b []byte, t string) bool {
	switch p.Matcher {
	case MatchStr, MatchBin:
		return p.equal(b, t)
	case MatchBeg:
		return len(b) >= len(t) && p.equal(b[:len(t)], t)
	case MatchEnd:
		return len(b) >= len(t) && p.equal(b[len(b)-len(t):], t)
	case MatchSub:
		return contains(b, t, p.Icase)
	case MatchDir:
		return delimited(b, t, p.Icase, &dirDelims)
	case MatchDom:
		return delimited(b, t, p.Icase, &domDelims)
	}
	return false
}
