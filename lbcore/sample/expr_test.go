package sample

import (
	"strings"
	"testing"
	"time"

	"gohap/lbcore/keyword"
)

// The texts are the reference's own; what stands behind the expression on the
// line belongs to some of them.
func TestExpressionErrors(t *testing.T) {
	set := testSet()
	for _, c := range []struct{ text, want string }{
		{"", "missing fetch method"},
		{" str(a)", "missing fetch method"},
		{"foo(", "unknown fetch method 'foo'"},
		{"pid(]", "fetch method 'pid' : expected ')' before ']'"},
		{"pid(a)]", "fetch method 'pid' : expected ')' before 'a)]'"},
		{"str(a]", "fetch method 'str' : expected ')'"},
		{"date(0,s,c)]", "fetch method 'date' : expected ')' before ',c)]'"},
		{"date(,ms)]", "fetch method 'date' : expected ')' before ',ms)]'"},
		{"int]", "fetch method 'int' : expected type 'integer' at position 1, but got nothing"},
		{"int()]", "fetch method 'int' : expected type 'integer' at position 1, but got nothing"},
		{"int(1x)]", "fetch method 'int' : failed to parse '1x' as type 'integer' at position 1"},
		{"int( 1)]", "fetch method 'int' : failed to parse ' 1' as type 'integer' at position 1"},
		{"ipv4(1.2.3)]", "fetch method 'ipv4' : failed to parse '1.2.3' as type 'IPv4 address' at position 1"},
		{"str(a),]", "unknown converter ''"},
		{"str(a), lower]", "unknown converter ''"},
		{"str(a),lowerx]", "unknown converter 'lowerx'"},
		{"str(a),ungrpc(1)]", "converter 'ungrpc' is known to HAProxy, not implemented by gohap"},
		{"ssl_bc_session_key]", "fetch method 'ssl_bc_session_key' is known to HAProxy, not implemented by gohap"},
		{"str(a),lower(x)]", "invalid arg 1 in converter 'lower' : expected ')' before 'x)]'"},
		{"str(a),word]", "invalid arg 1 in converter 'word' : expected type 'integer' at position 1, but got nothing"},
		{"str(a),word(1)]", "invalid arg 2 in converter 'word' : missing arguments (got 1/2), type 'string' expected"},
		{"str(a),word(1,2,3,4)]", "invalid arg 3 in converter 'word' : expected ')' before ',4)]'"},
		{"str(a),regsub]", "invalid arg 2 in converter 'regsub' : missing arguments (got 1/2), type 'string' expected"},
		{"ipv6(::1),add(1)]", "converter 'add' cannot be applied"},
		{"ipv4(1.2.3.4),ipmask(33)]", "invalid arg 1 in converter 'ipmask' : failed to parse '33' as type 'IPv4 mask' at position 1"},
		{"str(a),hmac(x,y)]", "invalid args in converter 'hmac' : algorithm must be a valid OpenSSL message digest name."},
		{"str(a),sha2(1)]", "invalid args in converter 'sha2' : Unsupported number of bits: '1'"},
		{"var(x)]", "invalid args in fetch method 'var' : invalid variable name 'x'. A variable name must start with its scope. The scope can be 'proc', '(p)sess', '(p)txn', '(p)req', '(p)res' or 'check'"},
		{"var(txn.x-y)]", "invalid args in fetch method 'var' : invalid syntax at char '-'"},
		{"str(a),json(foo)]", "invalid args in converter 'json' : Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'"},
		{"int(1),add(x)]", "invalid args in converter 'add' : expects an integer or a variable name"},
		{"str(a),bytes(-1)]", "invalid args in converter 'bytes' : expects a non-negative integer"},
		{"str(a),bytes(1,-1)]", "invalid args in converter 'bytes' : expects a positive integer"},
		{"str(a),field(0,x)]", "invalid args in converter 'field' : Unexpected value 0 for index"},
		{"date(0,foo)]", "invalid args in fetch method 'date' : expects 's', 'ms' or 'us', got 'foo'"},
		{"uuid(5)]", "invalid args in fetch method 'uuid' : Unsupported UUID version: '5'"},
		{"bool(x)]", "invalid args in fetch method 'bool' : Expects 'true', 'false', '0' or '1'"},
		{"bin(abc)]", "invalid args in fetch method 'bin' : an even number of hex digit is expected"},
		{"str(a),be2dec(.,9)]", "invalid args in converter 'be2dec' : chunk_size out of [1..8] range (9)"},
		{"str(a),set-var(txn.x,foo)]", `invalid args in converter 'set-var' : unknown condition "foo"`},
		{"str(a),concat(a,b-c)]", "invalid args in converter 'concat' : failed to register variable name 'b-c'"},
		{"str(a),param(x,yz)]", "invalid args in converter 'param' : Delimiter must be exactly 1 character."},
		{"str(a),digest(blake2b512)]", "invalid args in converter 'digest' : algorithm 'blake2b512' is known to HAProxy, not implemented by gohap"},
	} {
		if _, _, err := Compile(set, c.text, Options{}); err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestCompileLeavesTheRest(t *testing.T) {
	set := testSet()
	for _, c := range []struct{ text, rest string }{
		{"str(a),lower] x", "] x"},
		{"str(a),,lower() x", " x"},
		{"str(a)lower", "lower"},
		{`str(")a"),lower,`, ""},
	} {
		_, rest, err := Compile(set, c.text, Options{})
		if strings.HasSuffix(c.text, ",") {
			if err == nil {
				t.Errorf("%s was accepted", c.text)
			}
			continue
		}
		if err != nil || rest != c.rest {
			t.Errorf("%s: rest %q, %v", c.text, rest, err)
		}
	}
}

func TestCompileWords(t *testing.T) {
	set := testSet()
	for _, c := range []struct {
		words string
		n     int
		out   string
		err   string
	}{
		{"str(aB),lower if TRUE", 1, "ab", ""},
		{"str(aB),lower upper if TRUE", 2, "AB", ""},
		{"str(aB) lower() upper table t", 3, "AB", ""},
		{"str(aB), lower if", 2, "ab", ""},
		{"str(aB), if", 1, "aB", ""},
		{"str(a)lower if", 0, "", "missing comma after fetch keyword"},
		{"str(a),lower)x if", 0, "", "missing comma after converter 'lower'"},
		{"if TRUE", 0, "", "unknown fetch method 'if'"},
		{"", 0, "", "missing fetch method"},
	} {
		e, n, err := CompileWords(set, strings.Fields(c.words), Options{})
		if err != nil {
			if err.Error() != c.err {
				t.Errorf("%s: %v", c.words, err)
			}
			continue
		}
		var s Sample
		if !e.Eval(testContext(), Str, &s) || string(s.Data) != c.out || n != c.n {
			t.Errorf("%s: %q after %d words", c.words, s.Data, n)
		}
	}
}

func TestPlacesFollowFromNeeds(t *testing.T) {
	for _, c := range []struct {
		needs Needs
		dump  string // the column string of the reference's keyword dump
	}{
		{NeedsNothing, "YYYYYYYYYYYYYYYYYYYYYY"},
		{NeedsInternalState, "YYYYYYYYYYYYYYYYYYYY.Y"},
		{NeedsClientAddress, "YYYYYYYYYYYYYYYYYYYY.."},
		{NeedsFrontend, "YYYYYYYYYYYYYYYYYYY..."},
		{NeedsClientConnection, ".YYYYYYYYYYYYYYYYYY..."},
		{NeedsRequestHeaders, "..YYYYYYYYY..........."},
		{NeedsRequestHeaders | NeedsResponseHeaders, "..YYYYYYYYYYYYYYYY.Y.."},
		{NeedsRequest, "..YYYYYYYYYYYYYYYYY..."},
		{NeedsBackend, "......YYYYYYYYYYYYYY.."},
		{NeedsServer, "..........YYYYYYYYYY.."},
		{NeedsServerAddress, "...........YYYYYYYYY.."},
		{NeedsResponseHeaders, "...........YYYYYYY.Y.."},
		{NeedsResponseStatistics, ".........YYYYYYYYYY..."},
	} {
		v := c.needs.Validity()
		var got strings.Builder
		for i := 0; i < keyword.Places; i++ {
			got.WriteByte(".Y"[v>>i&1])
		}
		if got.String() != c.dump {
			t.Errorf("%s: %s, want %s", c.needs, got.String(), c.dump)
		}
	}
	if got := (NeedsRequestHeaders | NeedsResponseHeaders).String(); got != "HTTP request headers,HTTP response headers" {
		t.Errorf("got %q", got)
	}
}

func TestRefs(t *testing.T) {
	set := testSet()
	set.Add(keyword.Row{Class: keyword.Fetch, Name: "be_conn", Summary: "test", Impl: &FetchRow{
		Fetch: func(_ *Context, args []Arg, s *Sample) bool { s.SetInt(args[0].Ref.(int64)); return true },
		Args:  args(1, ArgBackend), Out: SInt,
	}})
	if _, _, err := Compile(set, "be_conn(x)", Options{}); err == nil {
		t.Error("a reference was accepted where none can be resolved")
	}
	for _, text := range []string{"be_conn(x)", "be_conn"} {
		var refs []Ref
		e, _, err := Compile(set, text, Options{Proxy: "p", Refs: func(r Ref) { refs = append(refs, r) }})
		if err != nil || len(refs) != 1 || refs[0].Proxy != "p" || refs[0].Index != 1 {
			t.Fatalf("%s: %+v %v", text, refs, err)
		}
		refs[0].Arg.Ref = int64(7)
		var s Sample
		if !e.Eval(testContext(), Str, &s) || string(s.Data) != "7" {
			t.Errorf("%s: %q", text, s.Data)
		}
	}
}

func TestVariables(t *testing.T) {
	st := &Store{Limit: 2*varOverhead + 5}
	var s, got Sample
	s.SetStr([]byte("abc"))
	if !st.Set(1, &s) || !st.Set(2, &Sample{Type: SInt, Int: 5}) {
		t.Fatal("within the limit")
	}
	s.SetStr([]byte("abcdef"))
	if st.Set(1, &s) || st.Set(3, &Sample{Type: SInt}) {
		t.Error("beyond the limit")
	}
	if !st.Get(1, &got) || string(got.Data) != "abc" {
		t.Errorf("a refused value changed the old one: %q", got.Data)
	}
	st.Unset(1)
	if exists, set := st.Has(1); !exists || set {
		t.Errorf("unset: %v %v", exists, set)
	}
	st.Reset()
	if exists, _ := st.Has(2); exists {
		t.Error("reset kept a variable")
	}
	if n := testing.AllocsPerRun(100, func() { st.Set(1, &s); st.Reset() }); n != 0 {
		t.Errorf("%v allocations in a settled store", n)
	}
	p := NewProcVars()
	v, _ := ParseVar("proc.a")
	p.Declare(v)
	if exists, set := p.Has(v.ID); !exists || set {
		t.Errorf("declared: %v %v", exists, set)
	}
	c := testContext()
	c.Process.ProcVars = p
	if !v.Set(c, &s) || !v.Get(c, &got) || string(got.Data) != "abcdef" {
		t.Errorf("proc: %q", got.Data)
	}
	for _, bad := range []string{"", "x", "foo.x", "txn.", "txn.a-b", ".x", "TXN.x"} {
		if _, err := ParseVar(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestClockFetches(t *testing.T) {
	set := testSet()
	for text, want := range map[string]string{
		"date": "1700000000", "date(-5)": "1699999995", "date(0,ms)": "1700000000123", "date(7,us)": "1700000000123463",
		"date_us": "123456", "pid": "42", "hostname": "node1", "thread": "0",
		"date,utime(%F %T)": "2023-11-14 22:13:20",
	} {
		if got := evalText(t, set, text); got != want {
			t.Errorf("%s = %q, want %q", text, got, want)
		}
	}
}

func TestLocalTime(t *testing.T) {
	saved := time.Local
	defer func() { time.Local = saved }()
	time.Local = time.FixedZone("XST", -(3*3600 + 30*60))
	if got := evalText(t, testSet(), "int(784111777),ltime(%F %T %z %Z)"); got != "1994-11-06 05:19:37 -0330 XST" {
		t.Errorf("got %q", got)
	}
}

func TestEvalDoesNotAllocate(t *testing.T) {
	set := testSet()
	for _, text := range []string{
		"str(ABC),lower,upper,concat(a,txn.x,b)", "int(5),add(txn.n),mul(3)", "str(a.b.c),word(2,.),length", "str(1.2.3.4),ipmask(24)",
		"str(abc),sha1,hex", "str(YWJj),b64dec,base64", "str(a%20b),url_dec,url_enc", "int(784111777),utime(%F %T)", "int(784111777),http_date",
		`str('{"a":{"b":[1,2.5]}}'),json_query($.a.b[1])`, "var(txn.x),set-var(txn.y)", "str(de),language(de;en)", "str(h:80),host_only",
		"ipv6(2001:db8::1)", "bin(0102),be2dec(:,1)", "bool(1),iif(a,b)", "str(abc),json", "uuid", "rand(5)",
	} {
		e, _, err := Compile(set, text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := testContext()
		var s Sample
		s.SetInt(4)
		c.Vars.Txn.Set(varID("n"), &s)
		c.Vars.Txn.Set(varID("x"), &s)
		run := func() { c.Arena.Reset(); e.Eval(c, Str, &s) }
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func FuzzExpression(f *testing.F) {
	set := testSet()
	for _, class := range []keyword.Class{keyword.Fetch, keyword.Converter} {
		for _, row := range set.Rows(class) {
			for _, g := range row.Good {
				f.Add(g.Config)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "jwt_verify") { // would open files
			return
		}
		e, rest, err := Compile(set, text, Options{})
		if err != nil {
			return
		}
		if e.String()+rest != text {
			t.Fatalf("%q was cut into %q and %q", text, e, rest)
		}
		for want := Any; int(want) < typeCount-1; want++ {
			var s Sample
			if e.Eval(testContext(), want, &s) && want != Any && want != Addr && s.Type != want {
				t.Fatalf("%q: wanted %v, got %v", text, want, s.Type)
			}
		}
	})
}

// FuzzValue feeds arbitrary bytes to every converter.
func FuzzValue(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x\u00e9"]}`))
	f.Add([]byte("for=\"[::1]:80\";proto=http"))
	f.Add([]byte("Sun, 06 Nov 1994 08:49:37 GMT"))
	f.Add([]byte("a.b.c"))
	set := testSet()
	var exprs []*Expr
	for _, row := range set.Rows(keyword.Converter) {
		for _, g := range row.Good {
			if i := strings.LastIndex(g.Config, ","+row.Name); i > 0 {
				if e, rest, err := Compile(set, "var(txn.v)"+g.Config[i:], Options{}); err == nil && rest == "" {
					exprs = append(exprs, e)
				}
			}
		}
	}
	if len(exprs) < 60 {
		f.Fatalf("only %d converters", len(exprs))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, e := range exprs {
			c := testContext()
			var s, kept Sample
			s.SetStr(value)
			c.Vars.Txn.Set(varID("v"), &s)
			e.Eval(c, Str, &s)
			if c.Vars.Txn.Get(varID("v"), &kept); string(kept.Data) != string(value) {
				t.Fatalf("%s wrote into its input %q", e, value)
			}
		}
	})
}
