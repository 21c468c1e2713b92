//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"gohap/lbcore/check"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/loop"
	"gohap/lbcore/sample"

	"net/netip"
)

// ruleParser reads the words of one rule.
type ruleParser struct {
	b     *Builder
	s     *section
	st    *config.Statement
	http  bool
	words []string
}

func (p *ruleParser) take() string {
	if len(p.words) == 0 {
		return ""
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

func (p *ruleParser) options() sample.Options {
	return p.b.options(p.s, p.st, sample.BackendCheck, "")
}

// format compiles a text that is evaluated at each check.
func (p *ruleParser) format(text string) (*sample.Format, error) {
	f, err := sample.CompileFormat(p.b.Set, text, sample.FormatOptions{Options: p.options(), For: sample.ForString})
	if err != nil {
		return nil, fmt.Errorf("'%s' invalid log-format string (%s).\n", text, err)
	}
	return f, nil
}

func (p *ruleParser) parse(word string, r *checkRule) (err error) {
	switch word {
	case "comment":
		if r.Comment, r.comment = p.take(), true; r.Comment == "" {
			return errors.New("expects a string as argument")
		}
	case "connect":
		r.Connect, err = p.connect(r)
	case "send":
		if p.http {
			r.HTTP, err = p.request(r)
			return err
		}
		r.Send, err = p.send(word, r)
	case "send-lf", "send-binary", "send-binary-lf":
		r.Send, err = p.send(word, r)
	case "expect":
		r.Expect, err = p.expect(r)
	default:
		r.Var, err = p.variable(word)
	}
	return err
}

func (p *ruleParser) send(word string, r *checkRule) (*check.Send, error) {
	text := p.take()
	if text == "" {
		what := "string"
		if strings.Contains(word, "binary") {
			what = "binary string"
		}
		return nil, fmt.Errorf("'%s' expects a %s as argument", what, word)
	}
	for len(p.words) > 0 {
		if w := p.take(); w != "comment" {
			return nil, fmt.Errorf("expects 'comment' but got '%s' as argument.", w)
		}
		if r.Comment = p.take(); r.Comment == "" {
			return nil, errors.New("'comment' expects a string as argument.")
		}
	}
	s := &check.Send{Data: []byte(text)}
	var err error
	switch word {
	case "send-binary":
		if s.Data, err = hexBytes(text); err != nil {
			return nil, fmt.Errorf("'%s' invalid binary string (%s).\n", text, err)
		}
	case "send-lf", "send-binary-lf":
		s.Hex = word == "send-binary-lf"
		s.Format, err = p.format(text)
	}
	return s, err
}

func hexBytes(text string) ([]byte, error) {
	if len(text)%2 != 0 {
		return nil, errors.New("an even number of hex digit is expected")
	}
	if i := strings.IndexFunc(text, func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", c) }); i >= 0 {
		return nil, fmt.Errorf("an hex digit is expected (found '%c')", text[i])
	}
	return hex.DecodeString(text)
}

func (p *ruleParser) connect(r *checkRule) (*check.Connect, error) {
	c := &check.Connect{}
	for len(p.words) > 0 {
		w := p.take()
		if w == "via-socks4" {
			return nil, errors.New(keyword.Refusal("'via-socks4'"))
		}
		if w != "comment" && p.b.Set.Lookup(checkConnect, w) == nil {
			return nil, fmt.Errorf("expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn' or 'via-socks4', 'linger', 'default' but got '%s' as argument.", w)
		}
		var err error
		switch w {
		case "default":
			c.Default = true
		case "linger":
			c.Linger = true
		case "send-proxy":
			c.SendProxy = true
		case "ssl":
			c.SSL = true
		case "comment":
			if r.Comment = p.take(); r.Comment == "" {
				err = errors.New("'comment' expects a string as argument.")
			}
		case "sni":
			if c.SNI = p.take(); c.SNI == "" {
				err = errors.New("'sni' expects a string as argument.")
			}
		case "alpn":
			if text := p.take(); text == "" {
				err = errors.New("'alpn' : missing the comma-delimited ALPN protocol suite")
			} else {
				c.ALPN = strings.Split(text, ",")
			}
		case "proto":
			err = p.proto(p.take())
		case "port":
			err = p.connectPort(c)
		case "addr":
			err = p.connectAddr(c)
		}
		if err != nil {
			return nil, err
		}
	}
	// reference: a connect without words is that of the server line
	c.Default = c.Default || !c.SSL && !c.SendProxy && !c.Socks4 && c.Addr == nil && c.Port == 0 && c.PortExpr == nil
	return c, nil
}

// proto reads the multiplexer: checks speak HTTP/1 or bytes.
func (p *ruleParser) proto(name string) error {
	kind := "tcp-check"
	if p.http {
		kind = "http-check"
	}
	switch {
	case name == "":
		return errors.New("'proto' expects a MUX protocol as argument.")
	case name == "h1" && p.http, name == "none" && !p.http:
		return nil
	case name == "h2" && p.http, name == "fcgi" && p.http:
		return fmt.Errorf("'proto' : checks do not speak '%s' here", name)
	case name == "h1", name == "h2", name == "fcgi", name == "none":
		return fmt.Errorf("'proto' : invalid MUX protocol '%s' for %s", name, kind)
	}
	return fmt.Errorf("'proto' : unknown MUX protocol '%s'.", name)
}

func (p *ruleParser) connectPort(c *check.Connect) error {
	text := p.take()
	if text == "" {
		return errors.New("'port' expects a port number or a sample expression as argument.")
	}
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > 65535 {
			return fmt.Errorf("expects a valid TCP port (from range 1 to 65535) or a sample expression, got %s.", text)
		}
		c.Port = n
		return nil
	}
	e, n, err := sample.CompileWords(p.b.Set, append([]string{text}, p.words...), p.options())
	if err != nil {
		return fmt.Errorf("error detected while parsing port expression : %w", err)
	}
	c.PortExpr, p.words = e, p.words[n-1:]
	return nil
}

func (p *ruleParser) connectAddr(c *check.Connect) error {
	text := p.take()
	if text == "" {
		return errors.New("'addr' expects <ipv4|ipv6> as argument.")
	}
	a, err := config.ParseAddress(text, p.b.rules(config.CheckRules))
	if err != nil {
		return fmt.Errorf("'addr' : %w.", err)
	}
	switch a.Family {
	case config.Unix:
		c.Addr, _ = loop.UnixSockaddr(a.Path)
	default:
		c.Addr = loop.IPSockaddr(netip.AddrPortFrom(a.IP, uint16(a.Port)))
		if a.HasPort {
			c.Port = a.Port
		}
	}
	return nil
}

// request reads http-check send.
func (p *ruleParser) request(r *checkRule) (*check.Request, error) {
	base := p.s.check.request
	q := &check.Request{Method: orDefault(base.Method, "OPTIONS"), Target: orDefault(base.Target, "/"), Version: orDefault(base.Version, "HTTP/1.0")}
	for len(p.words) > 0 {
		w := p.take()
		if w == "hdr" {
			name, value := p.take(), p.take()
			if name == "" || value == "" {
				return nil, errors.New("'hdr' expects <name> and <value> as arguments")
			}
			f, err := sample.CompileFormat(p.b.Set, value, sample.FormatOptions{Options: p.options(), For: sample.ForString})
			if err != nil {
				return nil, err
			}
			q.Headers = append(q.Headers, check.Header{Name: strings.ToLower(name), Value: f})
			continue
		}
		switch w {
		case "comment", "meth", "uri", "uri-lf", "ver", "body", "body-lf":
		default:
			return nil, fmt.Errorf("expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '%s' as argument.", w)
		}
		text := p.take()
		if text == "" {
			return nil, fmt.Errorf("'%s' expects a string as argument.", w)
		}
		var err error
		switch w {
		case "comment":
			r.Comment = text
		case "meth":
			q.Method = text
		case "uri":
			q.Target, q.TargetFormat = text, nil
		case "uri-lf":
			q.TargetFormat, err = p.format(text)
		case "ver":
			q.Version = text
		case "body":
			q.Body, q.BodyFormat, q.HasBody = []byte(text), nil, true
		case "body-lf":
			q.HasBody = true
			q.BodyFormat, err = p.format(text)
		}
		if err != nil {
			return nil, err
		}
	}
	return q, nil
}

func orDefault(text, or string) string {
	if text == "" {
		return or
	}
	return text
}

// variable reads set-var(…), set-var-fmt(…) and unset-var(…).
func (p *ruleParser) variable(word string) (*check.SetVar, error) {
	const forms = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'"
	full := p.st.Words[1]
	_, inside, paren := strings.Cut(full, "(")
	inside, closed := strings.CutSuffix(inside, ")")
	kind := word
	if kind == "set-var-fmt" && !paren {
		kind = "set-var"
	}
	if !paren {
		return nil, fmt.Errorf("'%s' : invalid or incomplete action '%s'. %s", kind, full, forms)
	}
	if !closed {
		return nil, fmt.Errorf("'%s' : incomplete argument after action '%s'. %s", kind, full, forms)
	}
	o := p.options()
	names := strings.Split(inside, ",")
	v, err := o.ParseVar(names[0])
	if err != nil {
		return nil, fmt.Errorf("'%s' : %w", word, err)
	}
	set := &check.SetVar{Var: v, Unset: word == "unset-var"}
	if set.Conds, err = sample.VarConditions(names[1:]); err != nil {
		return nil, fmt.Errorf("'%s' : %w", word, err)
	}
	switch word {
	case "set-var":
		if len(p.words) == 0 {
			return nil, fmt.Errorf("'%s' : missing fetch method", word)
		}
		set.Expr, _, err = sample.CompileWords(p.b.Set, p.words, o)
	case "set-var-fmt":
		set.Format, err = sample.CompileFormat(p.b.Set, p.take(), sample.FormatOptions{Options: o, For: sample.ForString})
	}
	if err != nil {
		return nil, fmt.Errorf("'%s' : %w", word, err)
	}
	return set, nil
}

// expect reads what an answer must be like.
func (p *ruleParser) expect(r *checkRule) (*check.Expect, error) {
	if len(p.words) == 0 {
		return nil, errors.New("expects at least a matching pattern as arguments")
	}
	e := &check.Expect{MinRecv: -1}
	found := false
	for len(p.words) > 0 {
		w := p.take()
		if done, err := p.expectParam(w, e, r); err != nil {
			return nil, err
		} else if done {
			continue
		}
		not := strings.HasPrefix(w, "!")
		name := strings.TrimPrefix(w, "!")
		if not && name == "" {
			name = p.take()
		}
		if !p.isMatch(name) {
			list := "'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]string-lf''[!]rbinary', '[!]binary-lf' or comment"
			if p.http {
				list = "'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, [!]fhdr or comment"
			}
			return nil, fmt.Errorf("%s but got '%s' as argument.", list, w)
		}
		if found {
			return nil, errors.New("only one pattern expected")
		}
		found, e.Not = true, not
		if err := p.match(name, e); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, errors.New("pattern not found")
	}
	return e, nil
}

func (p *ruleParser) isMatch(name string) bool {
	if p.b.Set.Lookup(expectMatch, name) == nil {
		return false
	}
	switch name {
	case "binary", "rbinary", "binary-lf":
		return !p.http
	case "status", "rstatus", "hdr", "fhdr":
		return p.http
	}
	return true
}

// expectParam reads what stands beside the pattern; done is false for other words.
func (p *ruleParser) expectParam(w string, e *check.Expect, r *checkRule) (done bool, err error) {
	if p.b.Set.Lookup(expectParam, w) == nil {
		return false, nil
	}
	text := p.take()
	if text == "" {
		switch w {
		case "min-recv":
			return true, errors.New("'min-recv' expects a integer as argument")
		case "status-code":
			return true, errors.New("'status-code' expects an expression as argument")
		}
		return true, fmt.Errorf("'%s' expects a string as argument", w)
	}
	status := func(to *string, list string, allowed ...string) error {
		for _, a := range allowed {
			if a == text {
				*to = text
				return nil
			}
		}
		return fmt.Errorf("'%s' only supports %s status (got '%s').", w, list, text)
	}
	switch w {
	case "comment":
		r.Comment = text
	case "min-recv":
		n := atoi(strings.TrimPrefix(text, "-"))
		if strings.HasPrefix(text, "-") {
			n = -n
		}
		if n < -1 || n > math.MaxInt32 {
			err = errors.New("'min-recv' expects -1 or an integer from 0 to INT_MAX")
		}
		e.MinRecv = n
	case "ok-status":
		err = status(&e.OKStatus, "'L4OK', 'L6OK', 'L7OK' or 'L7OKC'", "L4OK", "L6OK", "L7OK", "L7OKC")
	case "error-status":
		err = status(&e.ErrorStatus, "'L4CON', 'L6RSP', 'L7RSP' or 'L7STS'", "L4CON", "L6RSP", "L7RSP", "L7STS", "L7OKC")
	case "tout-status":
		err = status(&e.TimeoutStatus, "'L4TOUT', 'L6TOUT' or 'L7TOUT'", "L4TOUT", "L6TOUT", "L7TOUT")
	case "on-success":
		e.OnSuccess, err = p.format(text)
	case "on-error":
		e.OnError, err = p.format(text)
	case "status-code":
		x, n, bad := sample.CompileWords(p.b.Set, append([]string{text}, p.words...), p.options())
		if bad != nil {
			return true, fmt.Errorf("error detected while parsing status-code expression : %w", bad)
		}
		e.StatusCode, p.words = x, p.words[n-1:]
	}
	return true, err
}

// match reads a pattern.
func (p *ruleParser) match(name string, e *check.Expect) (err error) {
	if name == "hdr" || name == "fhdr" {
		return p.header(name, e)
	}
	text := p.take()
	if text == "" {
		return fmt.Errorf("'%s' expects a <pattern> as argument", name)
	}
	switch name {
	case "string":
		e.Match, e.Text = check.MatchString, []byte(text)
	case "binary":
		e.Match = check.MatchBinary
		if e.Text, err = hexBytes(text); err != nil {
			err = fmt.Errorf("invalid binary string (%w)", err)
		}
	case "rstring", "rbinary", "rstatus":
		e.Match = map[string]check.Match{"rstring": check.MatchRegex, "rbinary": check.MatchHexRegex, "rstatus": check.MatchStatusRegex}[name]
		e.Regex, err = sample.CompileRegex(text, false)
	case "string-lf", "binary-lf":
		e.Match = check.MatchFormat
		if name == "binary-lf" {
			e.Match = check.MatchHexFormat
		}
		e.Format, err = p.format(text)
	case "status":
		e.Match = check.MatchStatus
		e.Ranges, err = statusRanges(text)
	}
	return err
}

func statusRanges(text string) (out [][2]int, err error) {
	if i := strings.IndexFunc(text, func(c rune) bool { return !strings.ContainsRune("0123456789-,", c) }); i >= 0 {
		return nil, fmt.Errorf("invalid character '%c' in the list of status codes", text[i])
	}
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		low, high, isRange := strings.Cut(part, "-")
		r := [2]int{atoi(low), atoi(low)}
		if isRange {
			r[1] = atoi(high)
		}
		if r[1] < r[0] {
			return nil, fmt.Errorf("invalid range of status codes '%s'", part)
		}
		out = append(out, r)
	}
	return out, nil
}

// header reads the patterns of hdr and fhdr.
func (p *ruleParser) header(name string, e *check.Expect) error {
	e.Match = check.MatchHeader
	if name == "fhdr" {
		e.Match = check.MatchFullHeader
	}
	w := p.take()
	if w != "name" && w != "name-lf" || len(p.words) == 0 {
		return fmt.Errorf("'%s' expects at the name keyword as first argument followed by a pattern", name)
	}
	if err := p.pattern(name, w == "name-lf", &e.Name); err != nil {
		return err
	}
	if len(p.words) == 0 || p.words[0] != "value" && p.words[0] != "value-lf" {
		return nil
	}
	w = p.take()
	if len(p.words) == 0 {
		return fmt.Errorf("'%s' expect a pattern with the value keyword", name)
	}
	e.Value = new(check.Pattern)
	return p.pattern(name, w == "value-lf", e.Value)
}

func (p *ruleParser) pattern(name string, format bool, to *check.Pattern) (err error) {
	to.How = "str"
	if p.words[0] == "-m" {
		p.take()
		switch to.How = p.take(); to.How {
		case "":
			return fmt.Errorf("'%s' : '-m' expects at a matching pattern ('str', 'beg', 'end', 'sub' or 'reg')", name)
		case "str", "beg", "end", "sub", "reg":
		default:
			return fmt.Errorf("'%s' : '-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '%s')", name, to.How)
		}
		if format && to.How == "reg" {
			return fmt.Errorf("'%s': log-format string is not supported with a regex matching method", name)
		}
	}
	to.Text = p.take()
	switch {
	case format:
		to.Format, err = p.format(to.Text)
	case to.How == "reg":
		to.Regex, err = sample.CompileRegex(to.Text, false)
	}
	return err
}
