package action

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gohap/lbcore/message"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// content is what a reply is made of while its words are read.
type content struct {
	reply    rule.Reply
	status   int
	source   string // the word that gave the content: string, file, errorfile, …
	named    string // the argument of errorfiles
	pages    rule.Pages
	ctype    string
	explicit bool // anything but deny_status was said
}

// readContent reads the words of return, and of deny and tarpit, which imply
// the error pages when nothing but deny_status is said.
func readContent(a *rule.Args, status int) (*rule.Reply, error) {
	k := &content{status: status}
	for !a.Done() {
		known, err := k.word(a)
		if err != nil {
			return nil, err
		}
		if !known {
			break
		}
	}
	if a.Name != "return" && !k.explicit {
		k.source = "default-errorfiles"
	}
	return k.finish(a)
}

// word reads one argument; it reports false at the first that is none.
func (k *content) word(a *rule.Args) (bool, error) {
	w := a.Peek()
	if w == "deny_status" && a.Name != "return" {
		a.Next()
		return true, k.readStatus(a)
	}
	switch w {
	case "status", "content-type", "hdr":
	case "errorfiles", "default-errorfiles", "errorfile", "file", "lf-file", "string", "lf-string":
		a.Next()
		if k.source != "" {
			return true, fmt.Errorf("unexpected '%s' argument, '%s' already defined", w, k.source)
		}
		k.source, k.explicit = w, true
		return true, k.readSource(a, w)
	default:
		return false, nil
	}
	a.Next()
	k.explicit = true
	switch w {
	case "status":
		return true, k.readStatus(a)
	case "hdr":
		return true, k.readHeader(a)
	}
	if k.ctype = a.Next(); k.ctype == "" {
		return true, errors.New("'content-type' expects <ctype> as argument")
	}
	return true, nil
}

func (k *content) readStatus(a *rule.Args) error {
	w := a.Next()
	if w == "" {
		return errors.New("'status' expects <status_code> as argument")
	}
	n, _ := strconv.Atoi(w)
	if n < 200 || n > 599 {
		return fmt.Errorf("Unexpected status code '%d'", n) //nolint:staticcheck // reference's text
	}
	k.status = n
	return nil
}

var sourceArgs = map[string]string{
	"errorfiles": "<name>", "errorfile": "<file>", "file": "<file>", "lf-file": "<file>", "string": "<str>", "lf-string": "<fmt>",
}

// readSource reads what a content word names.
func (k *content) readSource(a *rule.Args, w string) error {
	if w == "default-errorfiles" {
		return nil
	}
	if a.At >= len(a.Words) {
		return fmt.Errorf("'%s' expects %s as argument", w, sourceArgs[w])
	}
	text := a.Next()
	switch w {
	case "errorfiles":
		if k.named, k.pages = text, a.Host.HTTPErrors(text); k.pages == nil {
			return fmt.Errorf("unable to find the http-errors section '%s'", text)
		}
		return nil
	case "errorfile":
		return k.readErrorFile(a, text)
	case "string":
		k.reply.Body = []byte(text)
		return nil
	case "file", "lf-file":
		b, err := a.Host.ReadFile(text)
		if err != nil {
			return fmt.Errorf("error opening file '%s'", text)
		}
		if len(b) > a.Host.MaxReply() {
			return fmt.Errorf("file '%s' exceeds the buffer size (%d > %d)", text, len(b), a.Host.MaxReply())
		}
		if w == "file" {
			k.reply.Body = bytes.Clone(b)
			return nil
		}
		text = string(b)
	}
	f, err := a.Format(text, sample.ForString)
	k.reply.Content = f
	return err
}

func (k *content) readErrorFile(a *rule.Args, path string) error {
	var b []byte
	if path != "/dev/null" {
		var err error
		if b, err = a.Host.ReadFile(path); err != nil {
			return fmt.Errorf("error opening file '%s'.", path) //nolint:staticcheck // reference's text
		}
	}
	r, err := rule.ParseErrorFile(k.status, b)
	if err != nil {
		return fmt.Errorf("'%s': %w", path, err)
	}
	r.Headers = k.reply.Headers
	k.reply = *r
	return nil
}

func (k *content) readHeader(a *rule.Args) error {
	name, value := a.Next(), a.Next()
	if name == "" || value == "" {
		return errors.New("'hdr' expects <name> and <value> as arguments")
	}
	lower := strings.ToLower(name)
	if lower == "content-length" || lower == "transfer-encoding" || lower == "content-type" {
		a.Warn("header '%s' always ignored by the http reply.", name)
		return nil
	}
	f, err := a.Format(value, sample.ForHeader)
	k.reply.Headers = append(k.reply.Headers, rule.Header{Name: []byte(lower), Value: f})
	return err
}

// finish checks that the words fit together.
func (k *content) finish(a *rule.Args) (*rule.Reply, error) {
	switch k.source {
	case "":
		if k.ctype != "" {
			a.Warn("content-type '%s' ignored by the http reply because neither errorfile nor payload defined.", k.ctype)
		}
		k.reply.Status = k.status
		return &k.reply, nil
	case "errorfile", "errorfiles", "default-errorfiles":
		return k.finishPage(a)
	}
	return k.finishPayload()
}

// finishPage makes a reply that is one of the error pages.
func (k *content) finishPage(a *rule.Args) (*rule.Reply, error) {
	k.warnIgnored(a)
	switch k.source {
	case "errorfile":
		return &k.reply, nil
	case "errorfiles":
		if r := k.pages[k.status]; r != nil {
			return r, nil
		}
		return nil, fmt.Errorf("status code '%d' not handled by default with '%s' argument.", k.status, "errorfiles") //nolint:staticcheck // reference's text
	}
	if message.ErrorPage(k.status) == nil {
		return nil, fmt.Errorf("status code '%d' not handled by default with '%s' argument.", k.status, "default-errorfiles") //nolint:staticcheck // reference's text
	}
	return &rule.Reply{Status: k.status, Builtin: true}, nil
}

// warnIgnored tells of words that an error page makes meaningless.
func (k *content) warnIgnored(a *rule.Args) {
	if k.ctype != "" {
		a.Warn("content-type '%s' ignored by the http reply when used with an erorrfile.", k.ctype)
	}
	if len(k.reply.Headers) > 0 {
		a.Warn("hdr parameters ignored by the http reply when used with an erorrfile.")
		k.reply.Headers = nil
	}
}

func (k *content) finishPayload() (*rule.Reply, error) {
	r := &k.reply
	r.Status, r.ContentType, r.HasContent = k.status, k.ctype, true
	empty := len(r.Body) == 0 && (r.Content == nil || r.Content.Empty())
	switch {
	case empty:
		r.HasContent = false
	case k.status == 204 || k.status == 304:
		return nil, fmt.Errorf("No body expected for %d responses", k.status) //nolint:staticcheck // reference's text
	case k.ctype == "":
		return nil, errors.New("a content type must be defined when non-empty payload is configured")
	}
	return r, nil
}

// parseReply is return and deny. cause and the phase are letters of the
// termination state.
func parseReply(a *rule.Args) (rule.Action, error) {
	response := isResponse(a.Class)
	phase, status := byte('R'), 403
	if response {
		phase, status = 'H', 502
	}
	if a.Name == "return" {
		r, err := readContent(a, 200)
		return &answer{reply: r, cause: 'L', phase: phase}, err
	}
	r, err := readContent(a, status)
	return &answer{reply: r, cause: 'P', phase: phase, deny: true, response: response}, err
}

// answer ends the exchange with a reply.
type answer struct {
	reply          *rule.Reply
	cause, phase   byte
	deny, response bool
}

// Run implements rule.Action.
func (r *answer) Run(c *sample.Context) rule.Verdict {
	x := exchange(c)
	if r.deny {
		x.Deny(r.response)
		if !r.response {
			x.CountClientError()
		}
	} else {
		x.Intercept()
	}
	return x.Answer(r.reply, r.cause, r.phase)
}

func parseTarpit(a *rule.Args) (rule.Action, error) {
	r, err := readContent(a, 500)
	return rule.Func(func(c *sample.Context) rule.Verdict {
		x := exchange(c)
		x.Deny(false)
		x.CountClientError()
		x.Tarpit(r)
		return rule.Answer
	}), err
}

const contentArgs = "[status <code>] [content-type <type>] [{default-errorfiles|errorfile <file>|errorfiles <name>|file <file>|lf-file <file>|string <str>|lf-string <fmt>}] [hdr <name> <fmt>]*"

var badContent = []string{"status 999", "status abc", "status", "content-type", "status 200 string x", "content-type a string", "content-type a string x string y",
	"hdr", "hdr a", "content-type a lf-string %[nope]", "file /no/such/file content-type a", "errorfile /no/such/file", "errorfiles nope", "status 204 content-type a string b", "nonsense"}

// behind puts a word in front of examples.
func behind(word string, list ...string) []string {
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = word + " " + l
	}
	return out
}

var replyRows = []entry{
	{name: "deny", in: httpReq | httpRes, args: "[deny_status <code>] " + contentArgs, parse: parseReply, summary: "answers that the message is refused: 403 to a request, 502 for a response",
		good: []string{"deny", "deny deny_status 404", "deny status 418", "deny status 418 content-type text/plain string no", "deny hdr x y"},
		bad:  append(behind("deny", badContent...), "deny deny_status 418", "deny deny_status")},
	{name: "tarpit", in: httpReq, args: "[deny_status <code>] " + contentArgs, parse: parseTarpit, summary: "keeps the client waiting for timeout tarpit, then refuses the request with 500",
		good: []string{"tarpit", "tarpit deny_status 429"}, bad: append(behind("tarpit", badContent...), "tarpit deny_status 418")},
	{name: "return", in: httpReq | httpRes, args: contentArgs, parse: parseReply, summary: "answers from here with what is described",
		good: []string{"return", "return status 404 default-errorfiles", "return status 200 content-type text/plain string ok", "return content-type text/plain lf-string a%[req.hdr(x)] hdr x y", "return status 302 hdr location /x", "return errorfile /dev/null"},
		bad:  append(behind("return", badContent...), "return deny_status 404")},
}
