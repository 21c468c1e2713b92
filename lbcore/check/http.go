package check

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"gohap/lbcore/h1"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
)

// request writes the request of a rule.
func (r *run) request(q *Request) []byte {
	target := q.Target
	if q.TargetFormat != nil {
		target = string(q.TargetFormat.Append(nil, &r.sc))
	}
	v11 := strings.HasPrefix(q.Version, "HTTP/") && q.Version >= "HTTP/1.1" && strings.Contains(q.Version, ".")
	connection, host := "", ""
	var fields []byte
	for _, h := range q.Headers {
		value := h.Value.Append(nil, &r.sc)
		switch h.Name {
		case "content-length", "transfer-encoding": // reference: the body decides
			continue
		case "connection":
			connection = string(value)
			if v11 && strings.EqualFold(connection, "keep-alive") {
				continue
			}
		case "host":
			host = string(value)
		}
		fields = fmt.Appendf(fields, "%s: %s\r\n", h.Name, value)
	}
	if scheme, rest, ok := strings.Cut(target, "://"); ok && host != "" {
		// reference: the authority follows the host
		_, path, _ := strings.Cut(rest, "/")
		target = scheme + "://" + host + "/" + path
	}
	out := fmt.Appendf(nil, "%s %s %s\r\n", q.Method, target, q.Version)
	out = append(out, fields...)
	if q.State {
		out = append(out, "x-haproxy-server-state: "+r.state()+"\r\n"...)
	}
	body := q.Body
	if q.BodyFormat != nil {
		body = q.BodyFormat.Append(nil, &r.sc)
	}
	if q.HasBody {
		out = fmt.Appendf(out, "content-length: %d\r\n", len(body))
	}
	if v11 && connection == "" {
		out = append(out, "connection: close\r\n"...)
	}
	return append(append(out, "\r\n"...), body...)
}

// state is how the server is seen, for http-check send-state.
func (r *run) state() string {
	s, p := r.srv, r.srv.Proxy
	h := s.Health()
	word, now, of := "DOWN ", h.Value, r.cfg.Rise
	if h.Value >= r.cfg.Rise {
		word, now, of = "UP ", h.Value-r.cfg.Rise+1, r.cfg.Fall
		if s.Oper() == proxy.Stopping {
			word = "NOLB "
		}
	}
	count := fmt.Sprintf("%d/%d", now, of)
	if now == of || h.Value == 0 {
		count, word = "", strings.TrimSpace(word)
	}
	addr, port := "unix", "unix"
	if ip := s.Address().To.IP; ip.IsValid() {
		addr, port = ip.Addr().String(), strconv.Itoa(int(ip.Port()))
	}
	total := int64(0)
	for _, o := range p.Set().All {
		total += o.Conn.Load()
	}
	weight := 0
	if s.Usable() {
		weight = s.UserWeight()
	}
	return fmt.Sprintf("%s%s; address=%s; port=%s; name=%s/%s; node=%s; weight=%d/%d; scur=%d/%d; qcur=%d",
		word, count, addr, port, p.Name, s.Name, r.sc.Process.Node, weight, p.Availability().Weight, s.Conn.Load(), total, s.QueueLen())
}

// response reads the head of the response.
func (r *run) response(rule *Rule) *proxy.Result {
	var d h1.Decoder
	for r.head == nil {
		head := new(message.Head)
		d.Reset()
		raw := bytes.Clone(r.raw) // the decoder lowers names in place
		n, st := d.Response(raw, head, &h1.Options{}, &h1.RequestInfo{Method: message.GET})
		switch {
		case st == h1.Failed, st == h1.NeedMore && (r.eof || len(r.raw) >= r.plan.BufSize):
			return fail(SOCKERR, "")
		case st == h1.Done:
			r.head, r.raw = head, r.raw[n:]
			r.sc.Response = head
			return nil
		}
		if res := r.receive(rule); res != nil {
			return res
		}
	}
	return nil
}

// takeBody reads what there is of the body without the framing.
func (r *run) takeBody() {
	switch f := r.head.Flags; {
	case f.Has(message.NoBody):
		r.body, r.bodyEnd = nil, true
	case f.Has(message.Chunked):
		r.body, r.bodyEnd = dechunk(r.raw)
	case f.Has(message.HasLength):
		n := int(min(r.head.BodyLen, int64(r.plan.BufSize)))
		r.body = r.raw[:min(n, len(r.raw))]
		r.bodyEnd = len(r.body) == n
	default:
		r.body, r.bodyEnd = r.raw, r.eof
	}
	r.bodyEnd = r.bodyEnd || r.eof || len(r.raw) >= r.plan.BufSize
}

// dechunk joins the chunks that are there (RFC 9112 section 7.1).
func dechunk(b []byte) (body []byte, end bool) {
	for {
		line, rest, ok := bytes.Cut(b, []byte("\r\n"))
		if !ok {
			return body, false
		}
		digits, _, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 31)
		if err != nil || n == 0 {
			return body, true
		}
		if len(rest) < int(n)+2 {
			return append(body, rest[:min(len(rest), int(n))]...), false
		}
		body, b = append(body, rest[:n]...), rest[n+2:]
	}
}

// expectHTTP judges the response.
func (r *run) expectHTTP(rule *Rule) *proxy.Result {
	if res := r.response(rule); res != nil {
		return res
	}
	if r.plan.On404 && r.head.Status == 404 && r.srv.Oper() != proxy.Down {
		return &proxy.Result{OK: true, Conditional: true, Status: L7OKC, Code: 404}
	}
	e := rule.Expect
	switch e.Match {
	case MatchString, MatchRegex, MatchFormat:
		return r.expectBody(rule)
	}
	if r.matchesHead(e) != e.Not {
		return nil
	}
	what := map[Match]string{MatchStatus: "(status codes)", MatchStatusRegex: " (regex)", MatchHeader: " (header pattern)", MatchFullHeader: " (header pattern)"}[e.Match]
	desc := string(r.head.Reason)
	if desc == "" {
		desc = fmt.Sprintf("TCPCHK did not match content%s at step %d", what, rule.Index)
	}
	return r.unwanted(rule, L7STS, desc)
}

// expectBody waits for the body, or for as much as the rule wants to see.
func (r *run) expectBody(rule *Rule) *proxy.Result {
	e := rule.Expect
	for {
		r.takeBody()
		enough := r.bodyEnd || e.MinRecv >= 0 && len(r.body) >= e.MinRecv
		if len(r.body) > 0 && r.matches(e, r.body) {
			if !e.Not {
				return nil
			}
			return r.unwanted(rule, L7RSP, "HTTP check matched unwanted content")
		}
		if enough && e.Not {
			return nil
		}
		if enough && len(r.body) == 0 {
			return r.unwanted(rule, L7RSP, "HTTP content check could not find a response body")
		}
		if enough {
			return r.unwanted(rule, L7RSP, "HTTP content check did not match")
		}
		if res := r.receive(rule); res != nil {
			return res
		}
	}
}

// unwanted is the result of a response that is not as expected.
func (r *run) unwanted(rule *Rule, status, desc string) *proxy.Result {
	e := rule.Expect
	res := &proxy.Result{Status: status, Desc: desc, Code: r.code(e)}
	if e.ErrorStatus != "" {
		res.Status = e.ErrorStatus
	}
	if res.Status == L7OKC {
		res.OK, res.Conditional = true, true
	}
	if e.OnError != nil {
		res.Desc = r.text(e.OnError)
	} else if rule.Comment != "" {
		res.Desc += " comment: " + rule.Comment
	}
	return res
}

func (r *run) matchesHead(e *Expect) bool {
	switch e.Match {
	case MatchStatus:
		for _, x := range e.Ranges {
			if r.head.Status >= x[0] && r.head.Status <= x[1] {
				return true
			}
		}
		return false
	case MatchStatusRegex:
		return e.Regex.Match(strconv.AppendInt(nil, int64(r.head.Status), 10))
	}
	for i := range r.head.Fields {
		f := &r.head.Fields[i]
		if f.Flags&message.FieldDeleted == 0 && r.matchesPattern(&e.Name, string(f.Name), true) && r.matchesValue(e, f.Value) {
			return true
		}
	}
	return false
}

func (r *run) matchesValue(e *Expect, value []byte) bool {
	if e.Value == nil {
		return true
	}
	if e.Match == MatchFullHeader {
		return r.matchesPattern(e.Value, string(value), false)
	}
	for part := range strings.SplitSeq(string(value), ",") {
		if r.matchesPattern(e.Value, strings.Trim(part, " \t"), false) {
			return true
		}
	}
	return false
}

func (r *run) matchesPattern(p *Pattern, text string, fold bool) bool {
	want := p.Text
	if p.Format != nil {
		want = string(p.Format.Append(nil, &r.sc))
	}
	if fold && p.How != "reg" {
		want, text = strings.ToLower(want), strings.ToLower(text)
	}
	switch p.How {
	case "beg":
		return strings.HasPrefix(text, want)
	case "end":
		return strings.HasSuffix(text, want)
	case "sub":
		return strings.Contains(text, want)
	case "reg":
		return p.Regex.Match([]byte(text))
	}
	return text == want
}
