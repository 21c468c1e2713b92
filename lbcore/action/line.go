package action

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"gohap/lbcore/message"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// part is a part of the request's target.
type part uint8

const (
	wholeTarget part = iota // set-uri: scheme and authority included
	pathPart                // up to the question mark
	pathQuery
	queryPart // with its question mark
)

var parts = map[string]part{
	"set-uri": wholeTarget, "set-path": pathPart, "set-pathq": pathQuery, "set-query": queryPart,
	"replace-uri": wholeTarget, "replace-path": pathPart, "replace-pathq": pathQuery,
}

// cut returns the part and what stands before and behind it; ok is false where
// the target has no path (CONNECT, OPTIONS *): reference: what is set then
// replaces, or follows, all of it.
func (p part) cut(h *message.Head) (before, in, after []byte, ok bool) {
	t := h.Target
	if p == wholeTarget {
		return nil, t, nil, true
	}
	from := 0
	if len(t) == 0 || t[0] != '/' {
		u := message.SplitURI(t)
		switch {
		case u.Form == message.FormAbsolute:
			from = len(t) - len(u.PathQuery)
		case p == queryPart:
			return t, nil, nil, false
		default:
			return nil, t, nil, false
		}
	}
	q := len(t)
	if i := bytes.IndexByte(t[from:], '?'); i >= 0 {
		q = from + i
	}
	switch p {
	case pathPart:
		return t[:from], t[from:q], t[q:], true
	case queryPart:
		return t[:q], t[q:], nil, true
	}
	return t[:from], t[from:], nil, true
}

// setTarget puts text in place of a part of the target.
func setTarget(c *sample.Context, h *message.Head, before, text, after []byte) rule.Verdict {
	n := len(before) + len(text) + len(after)
	if !fits(c, h, n-len(h.Target)) {
		return failed(c)
	}
	t := c.Arena.Alloc(n)
	copy(t[copy(t, before):], text)
	copy(t[n-len(after):], after)
	if u := message.SplitURI(t); u.Form == message.FormAbsolute {
		if len(u.Host) == 0 {
			return failed(c)
		}
		h.Target = t
		h.Flags |= message.AbsoluteForm
		setHost(h)
		return rule.Continue
	}
	h.Target = t
	h.Flags &^= message.AbsoluteForm | message.AuthorityForm | message.AsteriskForm
	return rule.Continue
}

// setPart is set-path, set-pathq, set-query and set-uri.
type setPart struct {
	part   part
	format *sample.Format
}

func parseSetPart(a *rule.Args) (rule.Action, error) {
	f, err := onlyFormat(a)
	return &setPart{part: parts[a.Name], format: f}, err
}

// onlyFormat reads the one argument of an action. Reference: no other word may
// stand before the condition.
func onlyFormat(a *rule.Args) (*sample.Format, error) {
	text := a.Next()
	if text == "" || !a.Done() {
		return nil, errors.New("expects exactly 1 argument <format>")
	}
	return a.Format(text, sample.ForHeader)
}

// Run implements rule.Action.
func (r *setPart) Run(c *sample.Context) rule.Verdict {
	h := c.Request
	if h == nil {
		return rule.Continue
	}
	before, _, after, _ := r.part.cut(h)
	dst := c.Arena.Rest(512)
	if r.part == queryPart {
		dst = append(dst, '?')
	}
	text := c.Arena.Keep(r.format.Append(dst, c))
	if len(text) == 0 && r.part == wholeTarget {
		return failed(c)
	}
	return setTarget(c, h, before, text, after)
}

// replacePart is replace-path, replace-pathq and replace-uri.
type replacePart struct {
	part   part
	regex  *sample.Regex
	format *sample.Format
}

func parseReplacePart(a *rule.Args) (rule.Action, error) {
	regex, text := a.Next(), a.Next()
	if regex == "" || text == "" || !a.Done() {
		return nil, errors.New("expects exactly 2 arguments <match-regex> and <replace-format>")
	}
	re, err := sample.CompileRegex(regex, false)
	if err != nil {
		return nil, fmt.Errorf("failed to parse the regex : %w", err)
	}
	f, err := a.Format(text, sample.ForHeader)
	return &replacePart{part: parts[a.Name], regex: re, format: f}, err
}

// Run implements rule.Action.
func (r *replacePart) Run(c *sample.Context) rule.Verdict {
	h := c.Request
	if h == nil {
		return rule.Continue
	}
	before, in, after, ok := r.part.cut(h)
	if !ok {
		return rule.Continue
	}
	m := r.regex.Find(in)
	if m == nil {
		return rule.Continue
	}
	return setTarget(c, h, before, expand(c, r.format, in, m), after)
}

func parseSetMethod(a *rule.Args) (rule.Action, error) {
	f, err := onlyFormat(a)
	return rule.Func(func(c *sample.Context) rule.Verdict {
		h := c.Request
		if h == nil {
			return rule.Continue
		}
		m := c.Arena.Keep(f.Append(c.Arena.Rest(32), c))
		if len(m) == 0 || !fits(c, h, len(m)-len(h.MethodText)) {
			return failed(c)
		}
		h.MethodText, h.Method = m, message.IdentifyMethod(m)
		return rule.Continue
	}), err
}

// setStatus is set-status.
type setStatus struct {
	status int
	reason []byte
	format *sample.Format
}

func parseSetStatus(a *rule.Args) (rule.Action, error) {
	w := a.Next()
	if w == "" {
		return nil, errors.New("expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>")
	}
	n, err := strconv.Atoi(w)
	if err != nil || n < 100 || n > 999 {
		return nil, errors.New("expects an integer status code between 100 and 999")
	}
	r := &setStatus{status: n, reason: message.Reason(n)}
	if a.Peek() != "reason" || a.At+1 >= len(a.Words) || a.Words[a.At+1] == "if" || a.Words[a.At+1] == "unless" {
		return r, nil
	}
	a.Next()
	r.format, err = a.Format(a.Next(), sample.ForHeader)
	return r, err
}

// Run implements rule.Action.
func (r *setStatus) Run(c *sample.Context) rule.Verdict {
	h := c.Response
	if h == nil {
		return rule.Continue
	}
	h.Status, h.Reason = r.status, r.reason
	if r.status < 200 || r.status == 204 || r.status == 304 {
		h.Flags |= message.NoBody // RFC 9110 section 6.4.1
	}
	if r.format != nil {
		h.Reason = c.Arena.Keep(r.format.Append(c.Arena.Rest(128), c))
	}
	if x := exchange(c); x != nil {
		x.Status = r.status
	}
	return rule.Continue
}

var lineRows = []entry{
	{name: "set-path", in: httpReq, args: "<fmt>", parse: parseSetPart, summary: "replaces the path of the request", good: []string{"set-path /x%[path]"}, bad: []string{"set-path", "set-path %[nope]", "set-path a b"}},
	{name: "set-pathq", in: httpReq, args: "<fmt>", parse: parseSetPart, summary: "replaces the path and the query of the request", good: []string{"set-pathq /x?y"}, bad: []string{"set-pathq", "set-pathq a b"}},
	{name: "set-query", in: httpReq, args: "<fmt>", parse: parseSetPart, summary: "replaces the query of the request", good: []string{"set-query a=%[path]"}, bad: []string{"set-query", "set-query a b"}},
	{name: "set-uri", in: httpReq, args: "<fmt>", parse: parseSetPart, summary: "replaces the target of the request", good: []string{"set-uri /x"}, bad: []string{"set-uri", "set-uri a b"}},
	{name: "replace-path", in: httpReq, args: "<regex> <fmt>", parse: parseReplacePart, summary: "replaces the path of the request where a regular expression matches", good: []string{`replace-path "(.*)" "/foo\\1"`}, bad: []string{"replace-path", "replace-path a", `replace-path "(" b`, "replace-path a b c"}},
	{name: "replace-pathq", in: httpReq, args: "<regex> <fmt>", parse: parseReplacePart, summary: "replaces path and query where a regular expression matches", good: []string{`replace-pathq "(.*)" "/foo\\1"`}, bad: []string{"replace-pathq a"}},
	{name: "replace-uri", in: httpReq, args: "<regex> <fmt>", parse: parseReplacePart, summary: "replaces the target of the request where a regular expression matches", good: []string{`replace-uri ^http://(.*) "https://\\1"`}, bad: []string{"replace-uri a"}},
	{name: "set-method", in: httpReq, args: "<fmt>", parse: parseSetMethod, summary: "replaces the method of the request", good: []string{"set-method PUT"}, bad: []string{"set-method", "set-method a b"}},
	{name: "set-status", in: httpRes | httpAfter, args: "<status> [reason <fmt>]", parse: parseSetStatus, summary: "replaces the status of the response", good: []string{"set-status 503", `set-status 503 reason "Slow Down"`}, bad: []string{"set-status", "set-status abc", "set-status 99", "set-status 1000", "set-status 200 reason"}},
}
