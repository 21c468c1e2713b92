package acl

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"

	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// indexFrom is how many patterns make an index worth it.
const indexFrom = 8

// Patterns is a compiled list of patterns for one matcher. It is immutable:
// a change builds another one. Texts keeps them as written, in order.
type Patterns struct {
	Matcher Matcher
	Icase   bool
	Texts   []string

	strs   []string // prepared: lower case when Icase, delimiters trimmed
	ints   []intRange
	nets   []ipNet
	regs   []*sample.Regex
	meths  []message.Method
	byText map[string]int32 // exact, prefix and suffix
	lens   []int            // the distinct lengths in byText, longest first
	byNet  []netTable
}

type intRange struct{ min, max int64 }

// Parse compiles texts. resolve looks up host names in address patterns; nil
// refuses them. The error has the reference's text.
func Parse(m Matcher, icase bool, texts []string, resolve func(string) (netip.Addr, error)) (*Patterns, error) {
	p := &Patterns{Matcher: m, Icase: icase, Texts: texts}
	var err error
	switch m {
	case MatchInt, MatchLen:
		err = p.parseInts(texts, false)
	case MatchIP:
		err = p.parseNets(texts, resolve)
	case MatchBin:
		err = p.parseBins(texts)
	case MatchReg, MatchRegM:
		err = p.parseRegs(texts)
	default:
		p.parseStrings(texts)
	}
	if err != nil {
		return nil, err
	}
	p.index()
	return p, nil
}

// ParseVersions compiles dotted versions "3.1", for req.ssl_ver.
func ParseVersions(texts []string) (*Patterns, error) {
	p := &Patterns{Matcher: MatchInt, Texts: texts}
	return p, p.parseInts(texts, true)
}

// Len returns how many patterns there are.
func (p *Patterns) Len() int { return len(p.Texts) }

func (p *Patterns) parseStrings(texts []string) {
	for _, t := range texts {
		switch p.Matcher {
		case MatchDir:
			t = strings.Trim(t, "/?")
		case MatchDom:
			t = strings.Trim(t, "/?.:")
		case MatchMeth:
			p.meths = append(p.meths, sample.ParseMethod([]byte(t)))
		}
		if p.Icase {
			b := []byte(t) // bytes: what is no UTF-8 stays what it is
			for i := range b {
				b[i] = fold(b[i])
			}
			t = string(b)
		}
		p.strs = append(p.strs, t)
	}
}

func (p *Patterns) parseBins(texts []string) error {
	for _, t := range texts {
		if len(t)%2 != 0 {
			return errors.New("an even number of hex digit is expected")
		}
		b, err := hex.DecodeString(t)
		if err != nil {
			i := strings.IndexFunc(t, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) })
			return fmt.Errorf("an hex digit is expected (found '%c')", t[i])
		}
		p.strs = append(p.strs, string(b))
	}
	return nil
}

func (p *Patterns) parseRegs(texts []string) error {
	for _, t := range texts {
		r, err := sample.CompileRegex(t, p.Icase)
		if err != nil {
			return err
		}
		p.regs = append(p.regs, r)
	}
	return nil
}

// parseInts reads numbers, ranges and the operators eq, ge, gt, le, lt, which
// hold for what follows. Reference: an operator tightens or opens the bound on
// its side and leaves a range's other one alone; "ne", which no manual names, is
// taken and means eq.
func (p *Patterns) parseInts(texts []string, dotted bool) error {
	op := ""
	kept := p.Texts[:0:0]
	for _, t := range texts {
		switch t {
		case "eq", "ge", "gt", "le", "lt":
			op = t
			continue
		case "ne":
			op = "eq"
			continue
		}
		r, ranged, err := parseRange(t, op != "", dotted)
		if err != nil {
			return err
		}
		p.ints = append(p.ints, r.apply(op, ranged))
		if op != "" && op != "eq" {
			t = op + " " + t
		}
		kept = append(kept, t)
	}
	p.Texts = kept
	return nil
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

// index builds what makes a long list quick to search.
func (p *Patterns) index() {
	switch {
	case p.Matcher == MatchIP && len(p.nets) >= indexFrom:
		p.indexNets()
	case len(p.strs) < indexFrom:
	case p.Matcher == MatchStr, p.Matcher == MatchBin, p.Matcher == MatchBeg, p.Matcher == MatchEnd:
		p.byText = make(map[string]int32, len(p.strs))
		lens := map[int]bool{}
		for i, s := range p.strs {
			if _, dup := p.byText[s]; !dup {
				p.byText[s] = int32(i)
			}
			lens[len(s)] = true
		}
		for n := range lens {
			p.lens = append(p.lens, n)
		}
		// Longest first: the finest match wins.
		for i := range p.lens {
			for k := i; k > 0 && p.lens[k] > p.lens[k-1]; k-- {
				p.lens[k], p.lens[k-1] = p.lens[k-1], p.lens[k]
			}
		}
	}
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

func (p *Patterns) findText(b []byte) int {
	if p.byText != nil {
		return p.findIndexed(b)
	}
	for i, t := range p.strs {
		if p.matchText(b, t) {
			return i
		}
	}
	return -1
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
		if p.Icase && len(t) > 0 {
			return foldIndex(b, t) >= 0
		}
		return bytes.Contains(b, []byte(t))
	case MatchDir:
		return delimited(b, t, p.Icase, &dirDelims)
	case MatchDom:
		return delimited(b, t, p.Icase, &domDelims)
	}
	return false
}

// findIndexed looks b up as a whole, or its beginnings or ends, longest first.
func (p *Patterns) findIndexed(b []byte) int {
	var buf [256]byte
	if p.Icase {
		if len(b) > len(buf) {
			return p.findLinear(b)
		}
		for i, c := range b {
			buf[i] = fold(c)
		}
		b = buf[:len(b)]
	}
	if p.Matcher == MatchStr || p.Matcher == MatchBin {
		if i, ok := p.byText[string(b)]; ok {
			return int(i)
		}
		return -1
	}
	for _, n := range p.lens {
		if n > len(b) {
			continue
		}
		part := b[:n]
		if p.Matcher == MatchEnd {
			part = b[len(b)-n:]
		}
		if i, ok := p.byText[string(part)]; ok {
			return int(i)
		}
	}
	return -1
}

func (p *Patterns) findLinear(b []byte) int {
	for i, t := range p.strs {
		if p.matchText(b, t) {
			return i
		}
	}
	return -1
}
