package action

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"gohap/lbcore/keyword"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// A normalizer writes its form of a part of the target behind dst; ok is false for
// what breaks the rules of URIs, where it has to be strict.
type normalizer struct {
	name    string
	part    part
	option  string // the word that may follow: full or strict
	summary string
	write   func(dst, in []byte, option bool) (out []byte, ok bool)
}

// normalizers are the words behind normalize-uri. Reference: a fragment belongs to
// what stands in front of it.
var normalizers = []normalizer{
	{name: "fragment-encode", part: pathQuery, summary: "# becomes %23", write: encodeFragment},
	{name: "fragment-strip", part: pathQuery, summary: "what follows # is left out", write: stripFragment},
	{name: "path-merge-slashes", part: pathPart, summary: "slashes in a row become one", write: mergeSlashes},
	{name: "path-strip-dot", part: pathPart, summary: "segments . are left out", write: stripDot},
	{name: "path-strip-dotdot", part: pathPart, option: "full", summary: "segments .. take the one in front away", write: stripDotDot},
	{name: "percent-decode-unreserved", part: pathQuery, option: "strict", summary: "what need not be encoded is decoded", write: decodeUnreserved},
	{name: "percent-to-uppercase", part: pathQuery, option: "strict", summary: "the digits of encoded bytes become capital", write: upperPercent},
	{name: "query-sort-by-name", part: queryPart, summary: "arguments are sorted by their names", write: sortQuery},
}

// normalize is normalize-uri.
type normalize struct {
	by     *normalizer
	option bool
}

func parseNormalize(a *rule.Args) (rule.Action, error) {
	if a.Done() {
		return nil, errors.New("missing argument <normalizer>")
	}
	name := a.Next()
	row := a.Set.Lookup(keyword.Normalizer, name)
	if row == nil {
		return nil, fmt.Errorf("unknown normalizer '%s'", name)
	}
	r := &normalize{by: row.Impl.(*normalizer)}
	if r.by.option != "" && !a.Done() {
		if word := a.Next(); word != r.by.option {
			return nil, fmt.Errorf("unknown argument '%s' for '%s' normalizer", word, name)
		}
		r.option = true
	}
	return r, nil
}

// Run implements rule.Action. Reference: a target that is not to be understood
// answers 400.
func (r *normalize) Run(c *sample.Context) rule.Verdict {
	h := c.Request
	if h == nil {
		return rule.Continue
	}
	before, in, after, ok := r.by.part.cut(h)
	if !ok || len(in) == 0 {
		return rule.Continue
	}
	out, ok := r.by.write(c.Arena.Rest(3*len(in)+2), in, r.option)
	if !ok {
		x := exchange(c)
		x.Deny(false)
		return x.Answer(&rule.Reply{Status: 400, Builtin: true}, 'P', 'R')
	}
	if bytes.Equal(out, in) {
		return rule.Continue
	}
	return setTarget(c, h, before, c.Arena.Keep(out), after)
}

func encodeFragment(dst, in []byte, _ bool) ([]byte, bool) {
	for _, c := range in {
		if c == '#' {
			dst = append(dst, "%23"...)
		} else {
			dst = append(dst, c)
		}
	}
	return dst, true
}

func stripFragment(dst, in []byte, _ bool) ([]byte, bool) {
	in, _, _ = bytes.Cut(in, []byte("#"))
	return append(dst, in...), true
}

func mergeSlashes(dst, in []byte, _ bool) ([]byte, bool) {
	for i, c := range in {
		if c != '/' || i == 0 || in[i-1] != '/' {
			dst = append(dst, c)
		}
	}
	return dst, true
}

func stripDot(dst, in []byte, _ bool) ([]byte, bool) {
	for i := 0; i < len(in); i++ {
		rest := in[i:]
		switch {
		case bytes.HasPrefix(rest, []byte("/./")):
			i++ // the slash behind the dot is looked at next
		case string(rest) == "/.":
			return append(dst, '/'), true
		default:
			dst = append(dst, in[i])
		}
	}
	return dst, true
}

// stripDotDot writes segments and takes back the last one for each "..". With full
// there is nothing above the root, else what goes there stays.
func stripDotDot(dst, in []byte, full bool) ([]byte, bool) {
	start := len(dst)
	last := false // the path ends with ".."
	for segments := in[1:]; ; {
		segment, rest, more := bytes.Cut(segments, []byte("/"))
		last = string(segment) == ".."
		top := max(bytes.LastIndexByte(dst[start:], '/'), 0) + start
		switch {
		case !last:
			dst = append(append(dst, '/'), segment...)
		case len(dst) > start && string(dst[top:]) != "/..":
			dst = dst[:top]
		case !full:
			dst = append(dst, "/.."...)
		}
		if !more {
			break
		}
		segments = rest
	}
	if last || len(dst) == start {
		dst = append(dst, '/')
	}
	return dst, true
}

// encoded calls f for each encoded byte, which appends what it becomes; anything
// else is copied. Strictly, a percent sign without two digits is a fault.
func encoded(dst, in []byte, strict bool, f func(dst []byte, code []byte, c byte) []byte) ([]byte, bool) {
	for i := 0; i < len(in); i++ {
		if in[i] != '%' {
			dst = append(dst, in[i])
			continue
		}
		if i+2 >= len(in) || sample.HexDigit(in[i+1]) == 0xFF || sample.HexDigit(in[i+2]) == 0xFF {
			if strict {
				return dst, false
			}
			dst = append(dst, '%')
			continue
		}
		dst = f(dst, in[i:i+3], sample.HexDigit(in[i+1])<<4|sample.HexDigit(in[i+2]))
		i += 2
	}
	return dst, true
}

func decodeUnreserved(dst, in []byte, strict bool) ([]byte, bool) {
	return encoded(dst, in, strict, func(dst, code []byte, c byte) []byte {
		if sample.Unreserved(c) {
			return append(dst, c)
		}
		return append(dst, code...)
	})
}

func upperPercent(dst, in []byte, strict bool) ([]byte, bool) {
	return encoded(dst, in, strict, func(dst, code []byte, _ byte) []byte {
		return append(append(dst, '%'), bytes.ToUpper(code[1:])...)
	})
}

// sortQuery sorts arguments by their names, those of one name as they came.
// Reference: an empty one at the end is lost.
func sortQuery(dst, in []byte, _ bool) ([]byte, bool) {
	list := bytes.Split(bytes.TrimSuffix(in[1:], []byte("&")), []byte("&"))
	slices.SortStableFunc(list, func(a, b []byte) int {
		a, _, _ = bytes.Cut(a, []byte("="))
		b, _, _ = bytes.Cut(b, []byte("="))
		return bytes.Compare(a, b)
	})
	dst = append(dst, '?')
	for i, a := range list {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, a...)
	}
	return dst, true
}

// registerNormalizers adds the normalizers.
func registerNormalizers(set *keyword.Set) {
	for i := range normalizers {
		n := &normalizers[i]
		set.Add(keyword.Row{Class: keyword.Normalizer, Name: n.name, Args: n.option, Summary: n.summary,
			Good: []keyword.Example{{Config: "http-request normalize-uri " + n.name}}, Impl: n})
	}
}

var normalizeRows = []entry{
	{name: "normalize-uri", in: httpReq, args: "<normalizer> [full|strict]", parse: parseNormalize, summary: "gives a part of the target its normal form", flags: keyword.Experimental,
		good: []string{"normalize-uri path-merge-slashes", "normalize-uri path-strip-dotdot full if TRUE"},
		bad:  []string{"normalize-uri", "normalize-uri nope", "normalize-uri path-strip-dotdot x"}},
}
