package action

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"gohap/lbcore/message"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// head returns the message that the rules look at.
func head(c *sample.Context, response bool) *message.Head {
	if response {
		return c.Response
	}
	return c.Request
}

// value is a header's new value: bytes known beforehand or a format.
type value struct {
	constant []byte
	format   *sample.Format
}

func (v *value) get(c *sample.Context) []byte {
	if v.format == nil {
		return v.constant
	}
	return c.Arena.Keep(v.format.Append(c.Arena.Rest(256), c))
}

func parseValue(a *rule.Args, text string) (value, error) {
	if !strings.Contains(text, "%") {
		return value{constant: []byte(text)}, nil
	}
	f, err := a.Format(text, sample.ForHeader)
	return value{format: f}, err
}

// need takes n words or fails with the reference's complaint. An action's own
// word may read "if" or "unless".
func need(a *rule.Args, n int, complaint string) ([]string, error) {
	words := make([]string, n)
	for i := range words {
		if words[i] = a.Next(); words[i] == "" {
			return nil, errors.New(complaint)
		}
	}
	return words, nil
}

// headerName lowers a name and warns of bytes that none may have.
func headerName(a *rule.Args, name string) []byte {
	for i := 0; i < len(name); i++ {
		if !isToken(name[i]) {
			a.Warn("header name '%s' contains forbidden character '%c'.", name, name[i])
			break
		}
	}
	return []byte(strings.ToLower(name))
}

// isToken is tchar of RFC 9110 section 5.6.2.
func isToken(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' < 26 || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 && c != 0
}

// setHeader is set-header and add-header.
type setHeader struct {
	name     []byte
	value    value
	id       message.ID
	response bool
	add      bool
}

func parseSetHeader(a *rule.Args) (rule.Action, error) {
	w, err := need(a, 2, "expects exactly 2 arguments")
	if err != nil {
		return nil, err
	}
	r := &setHeader{name: headerName(a, w[0]), response: isResponse(a.Class), add: a.Name == "add-header"}
	r.id = message.Identify(r.name)
	r.value, err = parseValue(a, w[1])
	return r, err
}

// Run implements rule.Action.
func (r *setHeader) Run(c *sample.Context) rule.Verdict {
	h := head(c, r.response)
	if h == nil {
		return rule.Continue
	}
	v := r.value.get(c)
	if !r.add {
		h.Del(r.name)
	}
	if !fits(c, h, len(r.name)+len(v)+4) {
		return failed(c)
	}
	h.Fields = append(h.Fields, message.Field{Name: r.name, Value: v, ID: r.id})
	return changed(c, h, r.id, v)
}

// fits tells whether a head may grow by n bytes.
func fits(c *sample.Context, h *message.Head, n int) bool {
	x := exchange(c)
	return n <= 0 || x == nil || x.Fits(h, n)
}

// failed is the verdict on a rewrite that could not be done: an internal error,
// unless strict-mode is off.
func failed(c *sample.Context) rule.Verdict {
	if !c.SoftRewrite {
		return rule.Failed
	}
	if x := exchange(c); x != nil {
		x.CountFailedRewrite()
	}
	return rule.Continue
}

// delHeader is del-header, by name or by another match.
type delHeader struct {
	name     []byte
	match    func(name []byte) bool // nil: exactly name
	response bool
}

func parseDelHeader(a *rule.Args) (rule.Action, error) {
	w, err := need(a, 1, "expects at least 1 argument")
	if err != nil {
		return nil, err
	}
	r := &delHeader{name: []byte(strings.ToLower(w[0])), response: isResponse(a.Class)}
	if a.Peek() != "-m" {
		return r, nil
	}
	a.Next()
	if a.Peek() == "" {
		return nil, errors.New("-m flag expects exactly 1 argument")
	}
	r.match, err = nameMatch(a.Next(), w[0])
	return r, err
}

// nameMatch returns how names, which are lower-case, are compared.
func nameMatch(how, text string) (func([]byte) bool, error) {
	lower := []byte(strings.ToLower(text))
	switch how {
	case "str":
		return nil, nil
	case "beg":
		return func(n []byte) bool { return bytes.HasPrefix(n, lower) }, nil
	case "end":
		return func(n []byte) bool { return bytes.HasSuffix(n, lower) }, nil
	case "sub":
		return func(n []byte) bool { return bytes.Contains(n, lower) }, nil
	case "reg":
		re, err := sample.CompileRegex(text, true)
		if err != nil {
			return nil, err
		}
		return re.Match, nil
	}
	return nil, fmt.Errorf("-m with unsupported matching method '%s'", how)
}

// Run implements rule.Action.
func (r *delHeader) Run(c *sample.Context) rule.Verdict {
	h := head(c, r.response)
	if h == nil {
		return rule.Continue
	}
	if r.match == nil {
		h.Del(r.name)
		return reframe(h)
	}
	for i := range h.Fields {
		if f := &h.Fields[i]; f.Flags&message.FieldDeleted == 0 && r.match(f.Name) {
			h.DelAt(i)
		}
	}
	return reframe(h)
}

// replaceHeader is replace-header (whole lines) and replace-value (each
// comma-separated value).
type replaceHeader struct {
	name     []byte
	regex    *sample.Regex
	format   *sample.Format
	response bool
	each     bool
}

func parseReplaceHeader(a *rule.Args) (rule.Action, error) {
	w, err := need(a, 3, "expects exactly 3 arguments")
	if err != nil {
		return nil, err
	}
	r := &replaceHeader{name: headerName(a, w[0]), response: isResponse(a.Class), each: a.Name == "replace-value"}
	if r.regex, err = sample.CompileRegex(w[1], false); err != nil {
		return nil, err
	}
	r.format, err = a.Format(w[2], sample.ForHeader)
	return r, err
}

// Run implements rule.Action.
func (r *replaceHeader) Run(c *sample.Context) rule.Verdict {
	h := head(c, r.response)
	if h == nil {
		return rule.Continue
	}
	for i := h.FindNext(r.name, 0); i >= 0; i = h.FindNext(r.name, i+1) {
		old := h.Fields[i].Value
		v, hit := old, false
		if r.each {
			v, hit = r.values(c, old)
		} else {
			v, hit = r.replace(c, old)
		}
		if !hit {
			continue
		}
		if !fits(c, h, len(v)-len(old)) {
			return failed(c)
		}
		h.ReplaceValue(i, v)
		if v := changed(c, h, h.Fields[i].ID, v); v != rule.Continue {
			return v
		}
	}
	return rule.Continue
}

// replace returns what a value that the expression matches becomes.
func (r *replaceHeader) replace(c *sample.Context, v []byte) ([]byte, bool) {
	m := r.regex.Find(v)
	if m == nil {
		return v, false
	}
	return expand(c, r.format, v, m), true
}

// expand renders a format and puts the groups of a match in.
func expand(c *sample.Context, f *sample.Format, v []byte, match []int) []byte {
	text := c.Arena.Keep(f.Append(c.Arena.Rest(256), c))
	return c.Arena.Keep(sample.Expand(c.Arena.Rest(512), unsafe.String(unsafe.SliceData(text), len(text)), v, match))
}

// values replaces each value of a list. Reference: what stands between commas
// stays as it is, but a value that is replaced loses the blanks around it.
func (r *replaceHeader) values(c *sample.Context, v []byte) ([]byte, bool) {
	out := v
	any := false
	for done := 0; done <= len(v); {
		l := message.List{V: v[done:]}
		one, _ := l.Next()
		end := len(v)
		if len(l.V) < len(v)-done {
			end = len(v) - len(l.V) - 1
		}
		n, hit := r.replace(c, one)
		if hit && !any {
			any = true
			out = append(c.Arena.Rest(len(v)+64), v[:done]...)
		}
		switch {
		case hit:
			out = append(append(out, n...), v[end:min(end+1, len(v))]...)
		case any:
			out = append(out, v[done:min(end+1, len(v))]...)
		}
		done = end + 1
	}
	if !any {
		return v, false
	}
	return c.Arena.Keep(out), true
}

var headerRows = []entry{
	{name: "set-header", in: http, args: "<name> <fmt>", parse: parseSetHeader, summary: "removes all lines of a header and adds one",
		good: []string{"set-header x y", "set-header x %[req.hdr(y)]"}, bad: []string{"set-header", "set-header x", "set-header x %[nope]", "set-header x y z"}},
	{name: "add-header", in: http, args: "<name> <fmt>", parse: parseSetHeader, summary: "adds a header line",
		good: []string{"add-header x y", "add-header x %[req.hdr(y)]"}, bad: []string{"add-header", "add-header x", "add-header x %[nope]", "add-header x y z"}},
	{name: "del-header", in: http, args: "<name> [-m <method>]", parse: parseDelHeader, summary: "removes all lines of the headers whose name matches",
		good: []string{"del-header x", "del-header x- -m beg", "del-header -x -m end", "del-header x -m sub", "del-header ^x -m reg"},
		bad:  []string{"del-header", "del-header x -m", "del-header x -m len", "del-header x y"}},
	{name: "replace-header", in: http, args: "<name> <regex> <fmt>", parse: parseReplaceHeader, summary: "replaces the value of each line of a header that a regular expression matches",
		good: []string{`replace-header cookie '(a)=([^;]*)(.*)' '\1=x\3'`}, bad: []string{"replace-header", "replace-header x y", `replace-header x "(" z`, "replace-header x y %[nope]", "replace-header a b c d"}},
	{name: "replace-value", in: http, args: "<name> <regex> <fmt>", parse: parseReplaceHeader, summary: "replaces each comma-separated value of a header that a regular expression matches",
		good: []string{`replace-value x '^192\.(.*)$' '10.\1'`}, bad: []string{"replace-value", "replace-value x y", `replace-value x "(" z`, "replace-value x y %[nope]"}},
}
