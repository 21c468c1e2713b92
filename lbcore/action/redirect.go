package action

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"gohap/lbcore/keyword"
	"gohap/lbcore/message"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// redirect is what a redirect's words say.
type redirect struct {
	kind        string // location, prefix, scheme
	target      *sample.Format
	constant    []byte // the target where it holds no expression
	code        int
	cookie      string
	cookieFmt   *sample.Format
	dropQuery   bool
	keepQuery   bool
	appendSlash bool
	ignoreEmpty bool
	reply       rule.Reply
	cause       byte
	phase       byte
}

// ParseRedirect reads the words of the action and of the keyword redirect.
func ParseRedirect(a *rule.Args) (rule.Action, error) {
	r := &redirect{code: 302, cause: 'L', phase: 'R'}
	if isResponse(a.Class) {
		r.phase = 'H'
	}
	for !a.Done() {
		if err := r.word(a); err != nil {
			return nil, err
		}
	}
	switch {
	case r.kind == "":
		return nil, errors.New("redirection type expected ('prefix', 'location', or 'scheme')")
	case r.phase == 'H' && r.kind != "location":
		return nil, errors.New("response only supports redirect type 'location'")
	}
	r.reply = rule.Reply{Status: r.code, Location: &rule.Location{
		Append: r.append, Cookie: r.cookie, NoCache: r.code == 302 || r.code == 303 || r.code == 307,
	}}
	if r.cookieFmt != nil {
		r.reply.Location.CookieFormat = r.cookieFmt
	}
	return r, nil
}

const redirectWords = "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'set-cookie-fmt', 'clear-cookie', 'drop-query', 'keep-query', 'ignore-empty' or 'append-slash' (was '%s')"

func (r *redirect) word(a *rule.Args) error {
	w := a.Next()
	if a.Set.Lookup(keyword.Redirect, w) == nil {
		return fmt.Errorf(redirectWords, w)
	}
	switch w {
	case "drop-query":
		r.dropQuery = true
		return nil
	case "keep-query":
		r.keepQuery = true
		return nil
	case "append-slash":
		r.appendSlash = true
		return nil
	case "ignore-empty":
		r.ignoreEmpty = true
		return nil
	case "location", "prefix", "scheme", "code", "set-cookie", "set-cookie-fmt", "clear-cookie":
	default:
		return fmt.Errorf(redirectWords, w)
	}
	if a.Peek() == "" {
		return fmt.Errorf("missing argument for '%s'", w)
	}
	return r.argument(a, w, a.Next())
}

func (r *redirect) argument(a *rule.Args, w, v string) (err error) {
	switch w {
	case "code":
		return r.readCode(v)
	case "set-cookie":
		r.cookie, r.cookieFmt = v+"; path=/;", nil
	case "clear-cookie":
		r.cookie, r.cookieFmt = v+"; path=/; Max-Age=0;", nil
	case "set-cookie-fmt":
		r.cookie = ""
		r.cookieFmt, err = a.Format(v+"; path=/;", sample.ForHeader)
	default:
		r.kind = w
		r.constant = nil
		if a.Plain || !strings.Contains(v, "%") {
			r.constant = []byte(v)
			return nil
		}
		r.target, err = a.Format(v, sample.ForHeader)
	}
	return err
}

func (r *redirect) readCode(v string) error {
	for _, c := range [...]int{301, 302, 303, 307, 308} {
		if v == fmt.Sprint(c) {
			r.code = c
			return nil
		}
	}
	return fmt.Errorf("'code': unsupported HTTP code '%s' (must be one of 301, 302, 303, 307 or 308)", v)
}

// Run implements rule.Action.
func (r *redirect) Run(c *sample.Context) rule.Verdict {
	x := exchange(c)
	if r.ignoreEmpty && r.constant == nil && len(r.target.Append(c.Arena.Rest(512), c)) == 0 {
		return rule.Continue
	}
	x.Intercept()
	return x.Answer(&r.reply, r.cause, r.phase)
}

func (r *redirect) appendTarget(dst []byte, c *sample.Context) []byte {
	if r.constant != nil {
		return append(dst, r.constant...)
	}
	return r.target.Append(dst, c)
}

// append writes the location.
func (r *redirect) append(c *sample.Context, dst []byte) []byte {
	n := len(dst)
	dst = r.appendTarget(dst, c)
	switch r.kind {
	case "location":
		return r.appendKept(c, dst)
	case "prefix":
		if len(dst)-n == 1 && dst[n] == '/' {
			dst = dst[:n] // reference: the prefix "/" means none
		}
	case "scheme":
		dst = append(dst, "://"...)
		if c.Request != nil {
			if at := c.Request.FindID(message.IDHost, 0); at >= 0 {
				dst = append(dst, c.Request.Fields[at].Value...)
			}
		}
	}
	return r.appendPath(c, dst)
}

// appendPath adds the request's path and query behind a prefix or a scheme.
func (r *redirect) appendPath(c *sample.Context, dst []byte) []byte {
	var path, query []byte
	if c.Request != nil {
		path, query = splitTarget(c.Request)
	}
	if len(path) == 0 {
		path = slash
	}
	dst = append(dst, path...)
	if !r.dropQuery {
		dst = append(dst, query...)
	}
	if r.appendSlash && dst[len(dst)-1] != '/' {
		dst = append(dst, '/') // reference: behind the query, when that is kept
	}
	return dst
}

// appendKept adds the request's query to a location (keep-query).
func (r *redirect) appendKept(c *sample.Context, dst []byte) []byte {
	if !r.keepQuery || c.Request == nil {
		return dst
	}
	_, query := splitTarget(c.Request)
	if len(query) <= 1 {
		return dst
	}
	if bytes.IndexByte(dst, '?') >= 0 {
		return append(append(dst, '&'), query[1:]...)
	}
	return append(dst, query...)
}

// splitTarget parts the path and the query with its question mark.
func splitTarget(h *message.Head) (path, query []byte) {
	t := h.Target
	if len(t) == 0 || t[0] != '/' {
		u := message.SplitURI(t)
		if u.Form != message.FormAbsolute {
			return nil, nil
		}
		if t = u.PathQuery; len(t) == 0 {
			return slash, nil
		}
	}
	for i, ch := range t {
		if ch == '?' {
			return t[:i], t[i:]
		}
	}
	return t, nil
}

var slash = []byte("/")

var redirectRows = []entry{{
	name: "redirect", in: httpReq | httpRes, args: "{location|prefix|scheme} <fmt> [code <code>] [options]", parse: ParseRedirect,
	summary: "answers with a redirection",
	good:    []string{"redirect location /x", "redirect location /x code 301 set-cookie A=1", "redirect location /x clear-cookie A=", "redirect location %[req.hdr(x)] ignore-empty"},
	bad: []string{"redirect", "redirect location", "redirect location /x code 304", "redirect location /x code", "redirect location /x foo", "redirect foo /x",
		"redirect location /x set-cookie", "redirect location %[nope]", "redirect code 301"},
}}
