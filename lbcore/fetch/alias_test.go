package fetch

import (
	"testing"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

func TestAliasExamples(t *testing.T) {
	f := newFabric(t)
	s := f.logged(t)
	rows := f.set.Rows(keyword.LogAlias)
	if len(rows) != len(aliasRows) || len(rows) < 64 {
		t.Fatalf("%d aliases registered, %d declared", len(rows), len(aliasRows))
	}
	for _, row := range rows {
		for _, g := range row.Good {
			if got := f.format(t, s, g.Config); got != g.Out {
				t.Errorf("%s = %q, want %q", g.Config, got, g.Out)
			}
		}
		for _, b := range row.Bad {
			if _, err := sample.CompileFormat(f.set, b, sample.FormatOptions{}); err == nil {
				t.Errorf("%s was accepted", b)
			}
		}
	}
}

// TestFormats holds the standard lines against those that the reference wrote
// for the same exchange.
func TestFormats(t *testing.T) {
	f := newFabric(t)
	for _, c := range []struct {
		name, format, want string
		change             func(s *stream.Stream)
	}{
		{"http", config.HTTPLogFormat, `127.0.0.1:33333 [15/Nov/2023:00:13:20.005] fe be/s1 5/10/20/20/95 200 1234 - SID=1 ---- 1/1/0/0/+1 0/0 {www.e} {} "GET /a/b.html?x=1&y=2 HTTP/1.1"`, nil},
		{"no captures declared", config.HTTPLogFormat, `127.0.0.1:33333 [15/Nov/2023:00:13:20.005] fe be/s1 5/10/20/20/95 200 1234 - - ---- 1/1/0/0/+1 0/0 "GET /a/b.html?x=1&y=2 HTTP/1.1"`,
			func(s *stream.Stream) { s.ReqCaptured, s.ResCaptured, s.ResCookie = nil, nil, nil }},
		{"tcp", config.TCPLogFormat, `127.0.0.1:33333 [15/Nov/2023:00:13:20.000] fe be/s1 10/20/100 1234 -- 1/1/0/0/+1 0/0`, nil},
		{"clf", config.HTTPCLFLogFormat, `127.0.0.1 - - [15/Nov/2023:00:13:20 +0000] "GET /a/b.html?x=1&y=2 HTTP/1.1" 200 1234 "" "" 33333 000 "fe" "be" "s1" 5 10 20 20 95 ---- 1 1 0 0 +1 0 0 "" "SID=1" "www.e" ""`, nil},
		{"clf, no captures", config.HTTPCLFLogFormat, `127.0.0.1 - - [15/Nov/2023:00:13:20 +0000] "GET /a/b.html?x=1&y=2 HTTP/1.1" 200 1234 "" "" 33333 000 "fe" "be" "s1" 5 10 20 20 95 ---- 1 1 0 0 +1 0 0 "" "SID=1" `,
			func(s *stream.Stream) { s.ReqCaptured, s.ResCaptured = nil, nil }},
		{"answered here", config.HTTPLogFormat, `127.0.0.1:33333 [15/Nov/2023:00:13:20.005] fe fe/<NOSRV> 5/-1/-1/-1/95 403 1234 - - PR-- 1/1/0/0/0 0/0 {www.e} {} "GET /a/b.html?x=1&y=2 HTTP/1.1"`,
			func(s *stream.Stream) {
				s.BE, s.Server, s.Status, s.Term = nil, nil, 403, [4]byte{'P', 'R', '-', '-'}
				s.Times.Rules, s.Times.Queue, s.Times.Connect, s.Times.Response = 0, 0, 0, 0
				s.Retries, s.Redispatched, s.ResCookie = 0, false, nil
			}},
		{"not parsed", config.HTTPLogFormat, `127.0.0.1:33333 [15/Nov/2023:00:13:20.005] fe fe/<NOSRV> -1/-1/-1/-1/95 400 0 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>"`,
			func(s *stream.Stream) {
				s.BE, s.Server, s.Status, s.Term = nil, nil, 400, [4]byte{'P', 'R', '-', '-'}
				s.Times = stream.Times{Begin: s.Times.Begin}
				s.Retries, s.Redispatched, s.ResCookie, s.ReqCaptured, s.ResCaptured = 0, false, nil, nil, nil
				s.Method, s.URI, s.BytesOut = nil, nil, 0
			}},
		{"hexadecimal", "%{+X}Ts %{+X}ci %{+X}cp %{+X}ms %{+X}lc %{+X}pid %{+X}rt %{+X}si %{+X}B", "65540D20 7F000001 8235 00 0000 002A 0006 7F000001 1234", nil},
		{"quoted", "%{+Q}T %{+Q}CC %{+Q}H %{+Q}HQ %{+Q}bi %{+Q}bp %{+Q}ts %{+Q}hr %{+Q}hrl %{+Q}hs %{+Q}hsl", `15/Nov/2023:00:13:20 +0000 "" "node1" "?x=1&y=2" "" "" -- "{www.e}" "www.e" "{}" ""`, nil},
		{"escapes", "%r|%HP|%HQ|%hr|%hrl|%{+E}HU", `GET /x#22\?q=#7F HTTP/1.1|/x#22\|?q=#7F|{a#7C#7B\ #23|b}|a#7C#7B\ #23 b|/x#22\\?q=#7F`,
			func(s *stream.Stream) {
				s.URI = []byte("/x\"\\?q=\x7f")
				s.ReqCaptured = [][]byte{[]byte(`a|{\ #`), []byte("b")}
			}},
		{"json", "%{+json}o %(T)T %(ms)ms %(CC)CC %(bp)bp %(hr)hr %(hrl)hrl %(hs)hs %(rc)rc %(ts)ts %(HQ)HQ",
			`{"T": "15/Nov/2023:00:13:20 +0000", "ms": 0, "CC": "", "bp": "", "hr": "{www.e|}", "hrl": ["www.e", "-"], "hs": null, "rc": 1, "ts": "--", "HQ": ""}`,
			func(s *stream.Stream) {
				s.ReqCaptured, s.ResCaptured, s.URI = [][]byte{[]byte("www.e"), nil}, nil, []byte("/")
			}},
		{"tarpit", "%TR/%Tw/%Tc/%Tr/%Ta", "-1/101/-1/-1/95", func(s *stream.Stream) {
			s.Times = stream.Times{Begin: s.Times.Begin, Request: s.Times.Request, Tarpit: s.Times.Request}
		}},
	} {
		s := f.logged(t)
		if c.change != nil {
			c.change(s)
		}
		if got := f.format(t, s, c.format); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestLongURI(t *testing.T) {
	f := newFabric(t)
	s := f.logged(t)
	s.URI = make([]byte, 3000)
	for i := range s.URI {
		s.URI[i] = 'a'
	}
	if got := f.format(t, s, "%r"); len(got) != 1023 {
		t.Errorf("%d bytes of request line, want 1023", len(got))
	}
}

func TestNoAllocation(t *testing.T) {
	f := newFabric(t)
	s := f.logged(t)
	lf, err := sample.CompileFormat(f.set, config.HTTPLogFormat, sample.FormatOptions{HTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { line = lf.Append(line[:0], &s.Ctx) }); n != 0 {
		t.Errorf("%v allocations for a line of option httplog", n)
	}
	s = f.exchange(t, req("x: a, b\nx: c\ncookie: a=1; b=2\nx-forwarded-for: 1.2.3.4"))
	for _, text := range []string{"path", "pathq", "url", "query", "method", "req.ver", "req.hdr(x)", "req.hdr(x,1)", "req.fhdr(x)", "req.hdr_cnt(x)",
		"req.hdr_ip(x-forwarded-for)", "req.cook(b)", "urlp(y)", "src", "dst", "fe_name", "nbsrv(be)", "base"} {
		e, _, err := sample.Compile(f.set, text, sample.Options{Refs: f.refs})
		if err != nil {
			t.Fatal(err)
		}
		v := s.Ctx.Borrow()
		n := testing.AllocsPerRun(100, func() {
			s.Arena.Reset()
			if !e.Eval(&s.Ctx, sample.Any, v) {
				t.Errorf("%s has no value", text)
			}
		})
		s.Ctx.Release()
		if n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}
