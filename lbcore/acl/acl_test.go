package acl

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gohap/lbcore/buffer"
	"gohap/lbcore/keyword"
	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// fetches stand in for those of the stream, which live above this package.
func fetches(set *keyword.Set) {
	strArg := sample.ArgList{Types: []sample.ArgType{sample.ArgStr, sample.ArgInt}}
	add := func(name string, out sample.Type, args sample.ArgList, needs sample.Needs, f sample.FetchFunc) {
		set.Add(keyword.Row{Class: keyword.Fetch, Name: name, Summary: "test", Impl: &sample.FetchRow{Fetch: f, Args: args, Out: out, Needs: needs}})
	}
	text := func(v string) sample.FetchFunc {
		b := []byte(v)
		return func(_ *sample.Context, _ []sample.Arg, s *sample.Sample) bool { s.SetStr(b); return true }
	}
	// Three values, "a", "b" and "c", for any name but "none".
	values := [][]byte{[]byte("a"), []byte("b"), []byte("c")}
	hdr := func(_ *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		if len(args) > 0 && args[0].Str == "none" || s.Iter.Pos >= len(values) {
			return false
		}
		s.SetStr(values[s.Iter.Pos])
		s.Iter.Pos++
		if s.Iter.Pos < len(values) {
			s.Flags |= sample.NotLast
		}
		return true
	}
	for _, n := range []string{"req.hdr", "req.cook", "res.hdr", "res.cook", "urlp"} {
		add(n, sample.Str, strArg, sample.NeedsRequestHeaders, hdr)
	}
	for _, n := range []string{"base", "path", "url", "req.ver", "res.ver", "req.ssl_sni", "ssl_fc_sni", "req.rdp_cookie"} {
		add(n, sample.Str, strArg, sample.NeedsRequestHeaders, text("/x/y"))
	}
	integer := func(v int64) sample.FetchFunc {
		return func(_ *sample.Context, _ []sample.Arg, s *sample.Sample) bool { s.SetInt(v); return true }
	}
	add("req.hdr_val", sample.SInt, strArg, sample.NeedsRequestHeaders, integer(0))
	add("req.len", sample.SInt, strArg, sample.NeedsRequestBuffer, integer(1))
	add("req.rdp_cookie_cnt", sample.SInt, strArg, sample.NeedsRequestBuffer, integer(0))
	add("req.ssl_ver", sample.SInt, strArg, sample.NeedsRequestBuffer, integer(3<<16+1))
	add("status", sample.SInt, strArg, sample.NeedsResponse, integer(200))
	add("req.proto_http", sample.Bool, strArg, sample.NeedsRequest, func(_ *sample.Context, _ []sample.Arg, s *sample.Sample) bool { s.SetBool(true); return true })
	add("wait_end", sample.Bool, strArg, sample.NeedsInternalState, func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		s.Flags |= sample.MayChange
		s.SetBool(c.Final)
		return c.Final
	})
	bin := sample.ArgList{Types: []sample.ArgType{sample.ArgInt, sample.ArgInt}}
	add("req.payload", sample.Bin, bin, sample.NeedsRequestBuffer, text("AB"))
	add("req.payload_lv", sample.Bin, bin, sample.NeedsRequestBuffer, text("AB"))
	add("http_auth_group", sample.Str, strArg, sample.NeedsRequestHeaders, text("g"))
	get := []byte("GET")
	add("method", sample.Meth, sample.ArgList{}, sample.NeedsRequest, func(_ *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		s.SetMethod(message.GET, get)
		return true
	})
	add("src", sample.Addr, sample.ArgList{}, sample.NeedsClientAddress, func(_ *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		s.SetIP(netip.MustParseAddr("127.0.0.1"))
		return true
	})
}

func testSet() *keyword.Set {
	set := keyword.NewSet()
	sample.Register(set)
	Register(set)
	fetches(set)
	return set
}

// parse compiles the texts of a line.
func parse(m Matcher, icase bool, texts []string) (*Patterns, error) {
	h := &how{matcher: m, icase: icase}
	h.ask(texts, nil)
	texts, err := h.prepare(texts)
	if err != nil {
		return nil, err
	}
	return compile(h, texts, nil), nil
}

func testContext() *sample.Context {
	return &sample.Context{Arena: &buffer.Arena{}, Vars: sample.Vars{Txn: &sample.Store{}}, Final: true}
}

func evalCond(t *testing.T, s *Scope, text string) Result {
	t.Helper()
	c, err := ParseCond(s, splitWords(text), sample.Options{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c.Eval(testContext())
}

// splitWords cuts at blanks, except behind a backslash or between quotes.
func splitWords(text string) []string {
	var words []string
	for _, w := range strings.Fields(strings.ReplaceAll(text, `\ `, "\x01")) {
		words = append(words, strings.Trim(strings.ReplaceAll(w, "\x01", " "), `"`))
	}
	return words
}

// TestConditions runs the table that was recorded on the reference: each line
// of testdata/conditions.txt is a result, a blank and a condition.
func TestConditions(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "conditions.txt"))
	if err != nil {
		t.Fatal(err)
	}
	s := NewScope(testSet())
	n := 0
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		want, cond, _ := strings.Cut(line, " ")
		got := "0"
		if evalCond(t, s, cond) == Pass {
			got = "1"
		}
		if got != want {
			t.Errorf("%s: got %s, the reference says %s", cond, got, want)
		}
		n++
	}
	if n < 100 {
		t.Errorf("only %d conditions", n)
	}
}

func TestRowExamples(t *testing.T) {
	set := testSet()
	for _, class := range []keyword.Class{keyword.ACL, keyword.ACLFlag, keyword.Matcher, keyword.PredefinedACL} {
		for _, row := range set.Rows(class) {
			for _, g := range row.Good {
				if err := parseLine(set, g.Config, nil); err != nil {
					t.Errorf("%s: %v", g.Config, err)
				}
			}
			for _, b := range row.Bad {
				if err := parseLine(set, b, nil); err == nil {
					t.Errorf("%s was accepted", b)
				}
			}
		}
	}
}

// parseLine parses "acl ...", "... if cond" or a bare "{ ... }".
func parseLine(set *keyword.Set, text string, warn func(string)) error {
	s := NewScope(set)
	o := sample.Options{Warn: warn, Refs: func(sample.Ref) {}}
	words := splitWords(text)
	if words[0] == "acl" {
		return s.Add(words[1:], o)
	}
	if i := strings.Index(text, "if "); i >= 0 {
		words = splitWords(text[i:])
	} else {
		words = append([]string{"if"}, words...)
	}
	_, err := ParseCond(s, words, o)
	return err
}

func TestErrors(t *testing.T) {
	prefix := "error detected while parsing ACL 'a' : "
	cases := []struct{ line, want string }{
		{"acl a", prefix + "missing fetch method in ACL expression ''"},
		{"acl a foo", prefix + "unknown fetch method 'foo' in ACL expression 'foo'"},
		{"acl a/b path /x", "character '/' is not permitted in acl name 'a/b'"},
		{"acl or path /x", "acl name 'or' will never match. 'or' is used to express a logical disjunction within a condition"},
		{"acl a method(x) /x", prefix + "ACL keyword 'method' : expected ')' before 'x)'"},
		{"acl a path -m", prefix + "unknown matching method '' when parsing ACL expression"},
		{"acl a path -m int x", prefix + "'x' is not a number"},
		{"acl a path_len gt x", prefix + "'x' is neither a number nor a supported operator"},
		{"acl a path -m ip x", prefix + "'x' is not a valid IPv4 or IPv6 address"},
		{"acl a src ::1/129", prefix + "'::1/129' is not a valid IPv4 or IPv6 address"},
		{"acl a status 5:3", prefix + "'5:3' is not a valid number range"},
		{"acl a status a:b", prefix + "'a:b' is not a valid number range"},
		{"acl a status -- -10:-3", prefix + "'-10:-3' is not a valid number range"},
		{"acl a status 1.5", prefix + "'1.5' is not a number"},
		{"acl a path_beg -u x /x", prefix + "the argument of -u must be an integer"},
		{"acl a path_beg -x /x", prefix + "'-x' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'"},
		{"acl a path_beg -f", prefix + "failed to open pattern file <>"},
		{"acl a path_beg -f virt@x -m str", prefix + "'-m' must only be specified before patterns and files in parsing ACL expression"},
		{"acl a path,foo x", prefix + "ACL keyword 'path' : unknown converter 'foo'"},
		{"acl a var(txn.x) x", prefix + "matching method must be specified first (using '-m') when using a sample fetch of this type ('var')"},
		{"acl a bin(41) -m bin abc", prefix + "an even number of hex digit is expected"},
		{"acl a bin(41) -m bin xy", prefix + "an hex digit is expected (found 'x')"},
		{"acl a req.hdr(host x", prefix + "ACL keyword 'req.hdr' : expected ')'"},
		{"acl a hdr_beg(host,x) y", prefix + "ACL keyword 'hdr_beg' : failed to parse 'x' as type 'integer' at position 2"},
		{"acl a path_reg (", prefix + "regex '(' is invalid (error=missing closing parenthesis)"},
		{"acl a acl(nope)", prefix + "invalid args in fetch method 'acl' : ACL 'nope' not found in ACL expression 'acl(nope)'"},
		{"x if a", "no such ACL : 'a'"},
		{"x if { path", "missing closing '}' in condition"},
		{"x if { path /x }}", "missing closing '}' in condition"},
		{"x if { }", "missing fetch method in ACL expression ''"},
		{"x if TRUE && TRUE", "no such ACL : '&&'"},
	}
	set := testSet()
	for _, c := range cases {
		err := parseLine(set, c.line, nil)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.line, err, c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	set := testSet()
	warn := func(place sample.Validity, lines ...string) string {
		var got []string
		s := NewScope(set)
		o := sample.Options{Place: place, Warn: func(w string) { got = append(got, w) }}
		for _, l := range lines {
			w := splitWords(l)
			if w[0] == "acl" {
				if err := s.Add(w[1:], o); err != nil {
					t.Fatal(err)
				}
			} else if _, err := ParseCond(s, w, o); err != nil {
				t.Fatal(err)
			}
		}
		return strings.Join(got, "|")
	}
	if got := warn(0, "acl a path"); !strings.HasPrefix(got, "parsing acl keyword 'path' :\n  no pattern to match against") {
		t.Errorf("got %q", got)
	}
	for _, quiet := range []string{"acl a path --", "acl a path -m found", "acl a path -m beg", "acl a always_true", "acl a path -f virt@x"} {
		if got := warn(0, quiet); got != "" {
			t.Errorf("%s: %q", quiet, got)
		}
	}
	want := "anonymous acl will never match because it uses keyword 'status' which is incompatible with 'frontend http-request header rule'"
	if got := warn(sample.FrontendRequestHeader, "if { status 200 }"); got != want {
		t.Errorf("got %q", got)
	}
	want = "acl 'x' will never match because it only involves keywords that are incompatible with 'frontend http-request header rule'"
	if got := warn(sample.FrontendRequestHeader, "acl x status 200", "if x"); got != want {
		t.Errorf("got %q", got)
	}
	if got := warn(sample.FrontendRequestHeader, "acl x status 200", "acl x path /", "if x"); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestMissUntilFinal(t *testing.T) {
	s := NewScope(testSet())
	for _, c := range []struct {
		text         string
		early, final Result
	}{
		{"if WAIT_END", Miss, Pass},
		{"unless WAIT_END", Miss, Fail},
		{"if !WAIT_END", Miss, Fail},
		{"if WAIT_END or TRUE", Pass, Pass},
		{"if WAIT_END FALSE", Fail, Fail},
		{"if FALSE WAIT_END or WAIT_END", Miss, Pass},
		{"if { acl(WAIT_END) }", Miss, Pass},
	} {
		cond, err := ParseCond(s, splitWords(c.text), sample.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx := testContext()
		ctx.Final = false
		if got := cond.Eval(ctx); got != c.early {
			t.Errorf("%s early: %v, want %v", c.text, got, c.early)
		}
		ctx.Final = true
		if got := cond.Eval(ctx); got != c.final {
			t.Errorf("%s final: %v, want %v", c.text, got, c.final)
		}
	}
}

// TestIndexAgreesWithList compares the indexed search with the linear one.
func TestIndexAgreesWithList(t *testing.T) {
	var texts, nets []string
	for i := 0; i < 40; i++ {
		texts = append(texts, fmt.Sprintf("/P%d/x", i*7))
		nets = append(nets, fmt.Sprintf("10.%d.0.0/%d", i, 12+i%16), fmt.Sprintf("2001:db8:%x::/%d", i, 40+i))
	}
	nets = append(nets, "1.0.3.0/255.0.255.0")
	for _, m := range []Matcher{MatchStr, MatchBeg, MatchEnd, MatchSub, MatchDir, MatchDom} {
		for _, icase := range []bool{false, true} {
			all, _ := parse(m, icase, texts)
			for i := 0; i < 300; i++ {
				s := sample.Sample{Type: sample.Str, Data: []byte(fmt.Sprintf("/p%d/x", i))}
				if i%3 == 0 {
					s.Data = []byte(fmt.Sprintf("/P%d/x/more", i))
				}
				want := false
				for _, one := range texts {
					p, _ := parse(m, icase, []string{one})
					want = want || p.Find(&s) >= 0
				}
				if got := all.Find(&s) >= 0; got != want {
					t.Fatalf("%v %v %s: %v, want %v", m, icase, s.Data, got, want)
				}
			}
		}
	}
	all, err := parse(MatchIP, false, nets)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 400; i++ {
		for _, a := range []string{fmt.Sprintf("10.%d.%d.1", i%64, i%256), fmt.Sprintf("2001:db8:%x::1", i%64), fmt.Sprintf("::ffff:10.%d.0.1", i%64), fmt.Sprintf("1.%d.3.4", i%256)} {
			s := sample.Sample{}
			s.SetIP(netip.MustParseAddr(a))
			want := false
			for _, one := range nets {
				p, _ := parse(MatchIP, false, []string{one})
				want = want || p.Find(&s) >= 0
			}
			if got := all.Find(&s) >= 0; got != want {
				t.Fatalf("%s: %v, want %v", a, got, want)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "list")
	if err := os.WriteFile(file, []byte("# comment\n\n  one\ntwo words\r\n #hash\nlast"), 0o600); err != nil {
		t.Fatal(err)
	}
	keysOf := func(name string, table bool) (keys []string, err error) {
		f, err := NewRefs().file(name, table)
		if err == nil {
			keys = f.keys()
		}
		return keys, err
	}
	keys, err := keysOf("file@"+file, false)
	if err != nil || fmt.Sprintf("%q", keys) != `["one" "two words" "#hash" "last"]` {
		t.Errorf("%q %v", keys, err)
	}
	if keys, _ := keysOf(file, true); keys[1] != "two" {
		t.Errorf("map keys %q", keys)
	}
	if _, err := keysOf("opt@"+file+"x", false); err != nil {
		t.Error(err)
	}
	if _, err := keysOf(file+"x", false); err == nil {
		t.Error("a missing file was accepted")
	}
	s := NewScope(testSet())
	if err := s.Add(splitWords("a str(ONE) -f "+file+" -i -f "+file+" x"), sample.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := evalCond(t, s, "if a"); got != Pass {
		t.Errorf("-i does not hold for the second file: %v", got)
	}
	if uses := s.ACLs()[0].Lines[0].uses; len(uses) != 3 || uses[0].icase || !uses[1].icase || uses[0].Ref != uses[1].Ref || uses[2].Ref.Name != "" {
		t.Errorf("uses %+v", uses)
	}
}

func TestNoAllocation(t *testing.T) {
	s := NewScope(testSet())
	cond, err := ParseCond(s, splitWords("if { path_beg /a /b /x } { hdr(host) -i C } !{ src 10.0.0.0/8 } { path,lower -m sub y } METH_GET"), sample.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := testContext()
	if got := cond.Eval(ctx); got != Pass {
		t.Fatalf("got %v", got)
	}
	if n := testing.AllocsPerRun(200, func() { ctx.Arena.Reset(); cond.Eval(ctx) }); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

func BenchmarkCond(b *testing.B) {
	s := NewScope(testSet())
	cond, err := ParseCond(s, splitWords("if { path_beg /q } { hdr(host) -i y }"), sample.Options{})
	if err != nil {
		b.Fatal(err)
	}
	s.Refs.Number()
	ctx := testContext()
	for b.Loop() {
		cond.Eval(ctx)
	}
}

func FuzzCond(f *testing.F) {
	text, _ := os.ReadFile(filepath.Join("testdata", "conditions.txt"))
	for _, line := range strings.Split(string(text), "\n") {
		_, cond, _ := strings.Cut(line, " ")
		f.Add(cond)
	}
	set := testSet()
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "-f") {
			return
		}
		ctx := testContext()
		c, err := ParseCond(NewScope(set), splitWords(text), sample.Options{})
		if err != nil {
			return
		}
		r := c.Eval(ctx)
		if r == Miss {
			t.Fatalf("%q: undecided although nothing more will come", text)
		}
		words := splitWords(text)
		words[0] = map[string]string{"if": "unless", "unless": "if"}[words[0]]
		not, err := ParseCond(NewScope(set), words, sample.Options{})
		if err != nil {
			t.Fatalf("%q is refused: %v", words, err)
		}
		if not.Eval(testContext()) == r {
			t.Fatalf("%q and its opposite are both %v", text, r)
		}
	})
}

func FuzzPatterns(f *testing.F) {
	f.Add(uint8(MatchIP), "10.1/8", "10.0.0.1")
	f.Add(uint8(MatchInt), "gt 5:9", "7")
	f.Add(uint8(MatchDom), ".a.b.", "x.a.b:80")
	f.Add(uint8(MatchReg), "^(a|b)$", "a")
	f.Fuzz(func(t *testing.T, m uint8, list, value string) {
		matcher, icase := MatchFound+Matcher(m)%(matcherCount-1), m&128 != 0
		texts := strings.Fields(list)
		p, err := parse(matcher, icase, texts)
		if err != nil {
			return
		}
		find := func(p *Patterns, value string) int {
			s := sample.Sample{Type: sample.Str, Data: []byte(value)}
			if !s.Cast(testContext(), wants[matcher]) {
				return -1
			}
			return p.Find(&s)
		}
		switch matcher {
		case MatchFound, MatchBool:
			return // they look at no pattern
		case MatchInt, MatchLen:
			if strings.ContainsAny(list, "glet") {
				return // an operator holds for those behind it
			}
		case MatchStr:
			for _, text := range texts {
				if find(p, text) < 0 {
					t.Fatalf("%q does not match itself in %q, icase %v", text, texts, icase)
				}
			}
		}
		// A list matches when one of its patterns does alone, and says which.
		got, any := find(p, value), false
		for i, text := range texts {
			alone, err := parse(matcher, icase, []string{text})
			if err != nil {
				t.Fatalf("%q is refused alone: %v", text, err)
			}
			matches := find(alone, value) >= 0
			if i == got && !matches {
				t.Fatalf("%v %q: pattern %d of %q is said to match, and does not alone", matcher, value, i, texts)
			}
			any = any || matches
		}
		if (got >= 0) != any || got >= len(texts) {
			t.Fatalf("%v %q: %d of %q, one alone matches: %v", matcher, value, got, texts, any)
		}
	})
}
