package action

import (
	"strings"
	"testing"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/message"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// split returns the words of a line as a configuration has them.
func split(t testing.TB, line string) []string {
	t.Helper()
	l, err := config.SplitWords(line, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return l.Words
}

// behindSet returns the words behind a rule set's keyword.
func behindSet(t testing.TB, word, line string) []string {
	t.Helper()
	return split(t, strings.TrimPrefix(line, word+" "))
}

func TestExamples(t *testing.T) {
	f := newFabric(t)
	n := 0
	for _, rs := range ruleSets {
		for _, row := range f.set.Rows(rs.class) {
			n++
			refused := rs.bit == tcpReq && row.Name == "use-service" // there is no service for it
			if len(row.Good) == 0 && !refused || len(row.Bad) == 0 {
				t.Errorf("%s %s: no good or no bad example", rs.word, row.Name)
			}
			for _, g := range row.Good {
				if _, err := f.parse(rs.class, behindSet(t, rs.word, g.Config), func(string) {}); err != nil {
					t.Errorf("%s: %v", g.Config, err)
				}
			}
			for _, b := range row.Bad {
				if _, err := f.parse(rs.class, behindSet(t, rs.word, b), func(string) {}); err == nil {
					t.Errorf("%s was accepted", b)
				}
			}
		}
	}
	if n < 60 {
		t.Errorf("%d actions in all rule sets", n)
	}
}

// TestMessages holds the complaints against the reference's (3.2).
func TestMessages(t *testing.T) {
	f := newFabric(t)
	for line, want := range map[string]string{
		"http-request deny deny_status":                          "'status' expects <status_code> as argument",
		"http-request deny deny_status 999":                      "Unexpected status code '999'",
		"http-request deny deny_status 418":                      "status code '418' not handled by default with 'default-errorfiles' argument.",
		"http-request return status abc":                         "Unexpected status code '0'",
		"http-request return status 200 string x":                "a content type must be defined when non-empty payload is configured",
		"http-request return content-type":                       "'content-type' expects <ctype> as argument",
		"http-request return status 200 content-type a string":   "'string' expects <str> as argument",
		"http-request return content-type a string x string y":   "unexpected 'string' argument, 'string' already defined",
		"http-request return hdr a":                              "'hdr' expects <name> and <value> as arguments",
		"http-request return file /nonexist content-type a":      "error opening file '/nonexist'",
		"http-request return status 204 content-type a string b": "No body expected for 204 responses",
		"http-request redirect":                                  "redirection type expected ('prefix', 'location', or 'scheme')",
		"http-request redirect location":                         "missing argument for 'location'",
		"http-request redirect location /x code 304":             "'code': unsupported HTTP code '304' (must be one of 301, 302, 303, 307 or 308)",
		"http-response redirect prefix /x":                       "response only supports redirect type 'location'",
		"http-request silent-drop rst-ttl 300":                   "valid rst-ttl values are [1-255]\n",
		"http-request set-header a":                              "expects exactly 2 arguments",
		"http-request set-header a b c":                          "expects either 'if' or 'unless' followed by a condition but found 'c'",
		"http-request del-header":                                "expects at least 1 argument",
		"http-request del-header a -m":                           "-m flag expects exactly 1 argument",
		"http-request del-header a -m len":                       "-m with unsupported matching method 'len'",
		"http-request replace-header a b":                        "expects exactly 3 arguments",
		"http-request set-path":                                  "expects exactly 1 argument <format>",
		"http-request set-path a b":                              "expects exactly 1 argument <format>",
		"http-request replace-path a":                            "expects exactly 2 arguments <match-regex> and <replace-format>",
		"http-response set-status":                               "expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>",
		"http-response set-status 99":                            "expects an integer status code between 100 and 999",
		"http-request set-var(txn.a)":                            "missing fetch method",
		"http-request set-var":                                   "invalid or incomplete action 'set-var'. Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'",
		"http-request set-var(txn.a src":                         "incomplete argument after action 'set-var(txn.a'. Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'",
		"http-request set-var() src":                             "Empty variable name cannot be accepted",
		"http-request set-var(txn.a,foo) src":                    `unknown condition "foo"`,
		"http-request set-log-level":                             "expects exactly 1 argument (log level name or 'silent')",
		"http-request set-nice":                                  "expects exactly 1 argument (integer value)",
		"http-request set-src res.hdr(a)":                        "fetch method 'res.hdr(a)' extracts information from 'HTTP response headers', none of which is available here",
		"http-request set-timeout foo 5s":                        "'set-timeout' rule supports 'server'/'tunnel'/'client' (got 'foo')",
		"http-request set-timeout client foo":                    "unexpected character 'f' in rule 'set-timeout client'",
		"http-request set-timeout client 5x":                     "unexpected character 'x' in rule 'set-timeout client'",
		"http-request set-timeout client 0":                      "null value is not valid for a 'set-timeout client' rule",
		"http-request capture":                                   "expects <expression> [ 'len' <length> | id <idx> ]",
		"http-request capture src len 0":                         "length must be > 0",
		"http-request capture src foo 5":                         "expects 'len' or 'id', found 'foo'",
		"http-response capture res.hdr(a) len 5":                 "expects 'id', found 'len'",
		"http-request capture src id x":                          "cannot parse id 'x'",
		"http-request strict-mode foo":                           "Unexpected value 'foo'. Only 'on' and 'off' are supported",
		"http-request wait-for-body":                             "expects time <time> [ at-least <bytes> ]",
		"http-request wait-for-body time":                        "missing argument for 'time'",
		"http-request wait-for-body time 5x":                     "unexpected character 'x'",
		"http-request deny foo":                                  "expects either 'if' or 'unless' followed by a condition but found 'foo'",
		"http-request redirect foo /x":                           "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'set-cookie-fmt', 'clear-cookie', 'drop-query', 'keep-query', 'ignore-empty' or 'append-slash' (was 'foo')",
		"http-request return status 200 errorfile /no/such/file": "error opening file '/no/such/file'.",
		"http-request set-header x %[nope]":                      "failed to parse sample expression <nope]> : unknown fetch method 'nope'",
		"http-request set-var(foo) src":                          "invalid variable name 'foo'. A variable name must start with its scope. The scope can be 'proc', '(p)sess', '(p)txn', '(p)req', '(p)res' or 'check'",
	} {
		word := strings.Join(strings.Fields(line)[:1], " ")
		class := keyword.HTTPReq
		if word == "http-response" {
			class = keyword.HTTPRes
		}
		_, err := f.parse(class, behindSet(t, word, line), func(string) {})
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", line, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	f := newFabric(t)
	for line, want := range map[string]string{
		"return status 200 content-type text/plain":            "content-type 'text/plain' ignored by the http reply because neither errorfile nor payload defined.",
		"return status 404 errorfile /dev/null content-type a": "content-type 'a' ignored by the http reply when used with an erorrfile.",
		"return status 404 default-errorfiles hdr a b":         "hdr parameters ignored by the http reply when used with an erorrfile.",
		"return hdr content-length 5 content-type a string b":  "header 'content-length' always ignored by the http reply.",
		"return content-type a string b hdr Content-Type x":    "header 'Content-Type' always ignored by the http reply.",
		"set-header %[src] b":                                  "header name '%[src]' contains forbidden character '['.",
	} {
		got := ""
		if _, err := f.parse(keyword.HTTPReq, split(t, line), func(w string) { got = w }); err != nil || got != want {
			t.Errorf("%s: %v\n got %s\nwant %s", line, err, got, want)
		}
	}
}

// run parses lines and runs them as one set.
func (f *fabric) run(t testing.TB, class keyword.Class, c *sample.Context, lines ...string) rule.Verdict {
	t.Helper()
	var set rule.Set
	for _, l := range lines {
		r, err := f.parse(class, split(t, l), func(string) {})
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		set = append(set, r)
	}
	_, v := set.Run(c, 0)
	return v
}

func TestStrictMode(t *testing.T) {
	f := newFabric(t)
	long := "set-header x " + strings.Repeat("a", 16000)
	s := f.stream(t, "GET / HTTP/1.1\nhost: h")
	if v := f.run(t, keyword.HTTPReq, &s.Ctx, long, long+" if TRUE", "add-header y "+strings.Repeat("b", 600)); v != rule.Failed {
		t.Errorf("strict: verdict %d", v)
	}
	s = f.stream(t, "GET / HTTP/1.1\nhost: h")
	if v := f.run(t, keyword.HTTPReq, &s.Ctx, "strict-mode off", long, "add-header y "+strings.Repeat("b", 600), "add-header z 1"); v != rule.Continue {
		t.Errorf("not strict: verdict %d", v)
	}
	if got := print(s.Req); strings.Contains(got, "y: b") || !strings.Contains(got, "z: 1") {
		t.Error("a rewrite that does not fit was done, or the next one was not")
	}
}

func TestState(t *testing.T) {
	f := newFabric(t)
	s := f.stream(t, "GET /p?q=1 HTTP/1.1\nhost: h.com")
	v := f.run(t, keyword.HTTPReq, &s.Ctx, "set-var(txn.a) path", "set-var-fmt(req.b) <%[var(txn.a)]>", "set-var(txn.a,ifnotset) str(no)",
		"set-var(txn.c) str(x)", "unset-var(txn.c)", "set-log-level err", "set-timeout client 7s", "set-timeout tunnel int(9000)",
		"set-src str(192.0.2.7)", "set-src-port int(99)", "set-dst str(2001:db8::1)", "set-dst-port int(444)", "capture req.hdr(host) len 3",
		"set-header v %[var(txn.a)]%[var(req.b)]%[var(txn.c,none)]", "allow", "set-header never x")
	if v != rule.Stop {
		t.Errorf("verdict %d", v)
	}
	if got, want := print(s.Req), "GET /p?q=1 HTTP/1.1\nhost: h.com\nv: /p</p>none"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if s.LogLevel != 4 || s.ClientTimeout != 7e9 || s.TunnelTimeout != 9e9 {
		t.Errorf("level %d, time-outs %d %d", s.LogLevel, s.ClientTimeout, s.TunnelTimeout)
	}
	if f.session.Source().String() != "192.0.2.7:99" || f.session.Destination().String() != "[2001:db8::1]:444" {
		t.Errorf("%v to %v", f.session.Source(), f.session.Destination())
	}
	if len(s.ReqCaptured) != 1 || string(s.ReqCaptured[0]) != "h.c" {
		t.Errorf("captured %q", s.ReqCaptured)
	}
	if s.Ctx.LastRule.Line != 1 || s.Ctx.LastRule.File != "cfg" {
		t.Errorf("last rule %+v", s.Ctx.LastRule)
	}
}

func TestNoAllocation(t *testing.T) {
	f := newFabric(t)
	s := f.stream(t, "GET /p?q=1 HTTP/1.1\nhost: h.com\nx-a: 1\nx-b: 2\naccept: */*")
	fields := append(s.Req.Fields[:0:0], s.Req.Fields...)
	s.Req.Fields = append(make([]message.Field, 0, 64), fields...)
	var set rule.Set
	for _, l := range []string{"set-header x-a b", "add-header x-b %[src]", "del-header x-c", "del-header x- -m beg", "set-path /x%[path]",
		"set-query a=b", "set-var(txn.a) path", "set-header y %[var(txn.a)]", "set-method PUT", "set-log-level err"} {
		r, err := f.parse(keyword.HTTPReq, split(t, l), func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, r)
	}
	target := s.Req.Target
	n := testing.AllocsPerRun(100, func() {
		s.Arena.Reset()
		s.Req.Fields = append(s.Req.Fields[:0], fields...)
		s.Req.Target = target
		if _, v := set.Run(&s.Ctx, 0); v != rule.Continue {
			t.Fatalf("verdict %d", v)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for ten actions", n)
	}
}

func TestRedirectOptions(t *testing.T) {
	f := newFabric(t)
	rows := f.set.Rows(keyword.Redirect)
	if len(rows) != 11 {
		t.Errorf("%d options", len(rows))
	}
	for _, row := range rows {
		if _, err := f.parse(keyword.HTTPReq, behindSet(t, "http-request", row.Good[0].Config), func(string) {}); err != nil {
			t.Errorf("%s: %v", row.Good[0].Config, err)
		}
		if _, err := f.parse(keyword.HTTPReq, behindSet(t, "http-request", row.Bad[0]), func(string) {}); err == nil {
			t.Errorf("%s was accepted", row.Bad[0])
		}
	}
}
