package acl

import (
	"gohap/lbcore/sample"
)

// Matcher is how a value is compared with patterns.
type Matcher uint8

// The matchers, -m <name>. MatchMeth is the default of the word method and has
// no name of its own.
const (
	MatchNone Matcher = iota
	MatchFound
	MatchBool
	MatchInt
	MatchIP
	MatchBin
	MatchLen
	MatchStr
	MatchBeg
	MatchSub
	MatchDir
	MatchDom
	MatchEnd
	MatchReg
	MatchRegM // as reg; its groups serve map_regm
	MatchMeth
	matcherCount
)

var matcherNames = [matcherCount]string{
	"", "found", "bool", "int", "ip", "bin", "len", "str", "beg", "sub", "dir", "dom", "end", "reg", "regm", "",
}

// String returns the matcher's name.
func (m Matcher) String() string { return matcherNames[m] }

func matcherByName(name string) Matcher {
	for i, n := range matcherNames {
		if n == name && n != "" {
			return Matcher(i)
		}
	}
	return MatchNone
}

// wants is the type that each matcher compares; the sample is cast to it.
var wants = [matcherCount]sample.Type{
	MatchFound: sample.Any, MatchBool: sample.Bool, MatchInt: sample.SInt, MatchIP: sample.Addr, MatchBin: sample.Bin,
	MatchLen: sample.Str, MatchStr: sample.Str, MatchBeg: sample.Str, MatchSub: sample.Str, MatchDir: sample.Str,
	MatchDom: sample.Str, MatchEnd: sample.Str, MatchReg: sample.Str, MatchRegM: sample.Str, MatchMeth: sample.Meth,
}

// defaultMatcher is the matcher that an expression's type implies.
func defaultMatcher(t sample.Type) Matcher {
	switch t {
	case sample.Bool:
		return MatchBool
	case sample.SInt:
		return MatchInt
	case sample.Addr, sample.IPv4, sample.IPv6:
		return MatchIP
	case sample.Str:
		return MatchStr
	}
	return MatchNone
}

// needsPatterns reports whether a matcher without patterns never matches.
func (m Matcher) needsPatterns() bool { return m != MatchFound && m != MatchBool }

// foldEqual compares two byte strings ignoring the case of ASCII letters.
func foldEqual[T, U ~string | ~[]byte](a T, b U) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// foldIndex finds p, which is not empty, in b.
func foldIndex(b []byte, p string) int {
	for i := 0; i+len(p) <= len(b); i++ {
		if fold(b[i]) == fold(p[0]) && foldEqual(b[i:i+len(p)], p) {
			return i
		}
	}
	return -1
}

// delimited looks for p between delimiters or the ends of b.
func delimited(b []byte, p string, icase bool, isDelim *[256]bool) bool {
	for i := 0; i+len(p) <= len(b); i++ {
		if i > 0 && !isDelim[b[i-1]] {
			continue
		}
		if end := i + len(p); end < len(b) && !isDelim[b[end]] {
			continue
		}
		if icase && foldEqual(b[i:i+len(p)], p) || !icase && string(b[i:i+len(p)]) == p {
			return true
		}
	}
	return false
}

// The delimiters of -m dir and -m dom.
var dirDelims, domDelims = delimSet("/?"), delimSet("/?.:")

func delimSet(s string) (t [256]bool) {
	for i := 0; i < len(s); i++ {
		t[s[i]] = true
	}
	return t
}
