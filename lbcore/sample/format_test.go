package sample

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"gohap/lbcore/keyword"
)

// formatSet adds aliases as package fetch does, with the values of the requests
// that were logged by the reference for the table below.
func formatSet() *keyword.Set {
	set := testSet()
	add := func(name string, row AliasRow) {
		set.Add(keyword.Row{Class: keyword.LogAlias, Name: name, Summary: "test", Impl: &row})
	}
	text := func(v string) AliasFunc { return func(_ *Context, dst []byte) []byte { return append(dst, v...) } }
	none := text("")
	add("ci", AliasRow{Append: text("unix"), Type: Str})
	add("cp", AliasRow{Append: text("1"), Type: SInt})
	add("ST", AliasRow{Append: text("200"), Type: SInt})
	add("B", AliasRow{Append: text("49"), Type: SInt})
	add("Ta", AliasRow{Append: text("0"), Type: SInt})
	add("bp", AliasRow{Append: none, Type: SInt})
	add("r", AliasRow{Append: text("GET /a?b=c HTTP/1.1"), Type: Str, Escape: EscapeText})
	add("CC", AliasRow{Append: none, Type: Str, Escape: EscapeText})
	add("ID", AliasRow{Append: none, Type: Str})
	add("tsc", AliasRow{Append: text("LR--"), Type: Str})
	add("s", AliasRow{Append: text("<NOSRV>"), Type: Str})
	add("hr", AliasRow{Append: text("{" + rawCapture + "|}"), Type: Str, Escape: EscapeText})
	add("hs", AliasRow{Append: none, Type: Str, Null: true})
	return set
}

const rawCapture = "a\"b\\c]d\te#f\xe9"

func formatContext() *Context {
	c := testContext()
	var s Sample
	s.SetStr([]byte(rawCapture + "{|}"))
	c.Vars.Txn.Set(varID("x"), &s)
	s.SetBin([]byte{0, 1, 10, 0xff, 'A'})
	c.Vars.Txn.Set(varID("bin"), &s)
	s.SetIP(netip.MustParseAddr("127.0.0.1"))
	c.Vars.Txn.Set(varID("ip"), &s)
	return c
}

// The outputs are the reference's own for the same values.
func TestFormats(t *testing.T) {
	const capture = `{a#22b\c]d#09e#23f#E9|}`
	cases := []struct {
		place     Place
		text, out string
	}{
		{ForLog, "%ci %cp %r %ST %B %CC %tsc", "unix 1 GET /a?b=c HTTP/1.1 200 49 - LR--"},
		{ForLog, "%{+Q}o %ci %cp %r %ST %CC %hr %tsc %s %bp %ID", `"unix" 1 "GET /a?b=c HTTP/1.1" 200 "" "` + capture + `" "LR--" "<NOSRV>" "" ""`},
		{ForLog, "%{+E}o %ci %hr", `unix {a#22b\\c\]d#09e#23f#E9|}`},
		{ForLog, "%{+Q,+E}o %r %[var(txn.x)]", `"GET /a?b=c HTTP/1.1" "a\"b\\c\]d` + "\te#f\xe9{|}\""},
		{ForLog, "%[var(txn.x)] %[var(txn.bin)] %[var(txn.nope)]", rawCapture + "{|} - -"},
		{ForLog, "%{+Q}[var(txn.bin)] %{+Q}[var(txn.nope)] %{+Q}[int(5)]", `"" "" "5"`},
		{ForLog, "%{+X}[int(255)] %{+E}[var(txn.x)]", `255 a\"b\\c\]d` + "\te#f\xe9{|}"},
		{ForLog, "a  b   c", "a b c"},
		{ForLog, "%{+Q}o a %ci  b%{-Q}cp%ci", `a "unix" b1"unix"`},
		{ForLog, "  lead %ci  trail  ", "lead unix trail "},
		{ForLog, `"quoted" \x %% %%ci`, `"quoted" \x % %ci`},
		{ForLog, "a %hs b", "a b"},
		{ForLog, "%{+Q}o a %hs b", "a b"},
		{ForLog, "a %hs %hs %[var(txn.nope)] %hs", "a - "},
		{ForLog, "%(x)ci%(y)cp", "unix1"},
		{ForLog, `%{+json}o %(a)ci %(b)[int(5)] %(c)[str(x\"y\\z)] %(d)[bool(1)] %ST lit %(e)ST %(f)r %(g)B %(h)Ta %(i)CC %(j)[var(txn.nope)] %(l)[var(txn.bin)]`,
			`{"a": "unix", "b": 5, "c": "x\"y\\z", "d": true, "e": 200, "f": "GET /a?b=c HTTP/1.1", "g": 49, "h": 0, "i": "", "j": "", "l": ""}`},
		{ForLog, `%{+json}o %(a:sint)ci %(b:str)[int(5)] %(c:bool)[str(x)] %(d:sint)[str(12x)] %(e:str)ST %(f:bool)ST %(g:raw)ST %(h:sint)[str(x)] %(i:bool)[str(1)] %(j:raw)[str(x)]`,
			`{"a": "unix", "b": "5", "c": false, "d": 12, "e": "200", "f": true, "g": 200, "h": 0, "i": true, "j": x}`},
		{ForLog, `%(a){+json}[str(x\"y)] %(b){+json}r %(c:sint){+json}[str(12)] %{+json}[str(z)]`, `"x\"y" "GET /a?b=c HTTP/1.1" 12 "z"`},
		{ForLog, "%{+json,+Q}o %(a)ci %(b)r", `{"a": "unix", "b": "GET /a?b=c HTTP/1.1"}`},
		{ForLog, "%{+json}o %(a)hr %(j)hs %(k)[var(txn.x)]", `{"a": "{a#22b\\c]d#09e#23f#E9|}", "j": null, "k": "a\"b\\c]d\te#f\u00E9{|}"}`},
		{ForLog, "%{+json,+utf8}o %(a)[bin(c3a9c285e9)]", "{\"a\": \"\u00e9\\u0085\\u00E9\"}"},
		{ForLog, "%{+bin}o %[var(txn.bin)]", "\x00\x01\n\xffA"},
		{ForLog, "%{+Q}o %{-Q}ci %cp %{+Q}[int(1)]%[str()]", `unix 1 "1"""`},
		{ForLog, "%[var(txn.ip)]", "127.0.0.1"},
		{ForString, "%CC|%ID|%{+Q}CC|%{+M}CC|%[var(txn.nope)]|%{+Q}[var(txn.nope)]|%{+M}[var(txn.nope)]", `||""|-||""|-`},
		{ForString, "a  b   %ci   c", "a  b   unix   c"},
		{ForString, "  a%[var(txn.bin)]b  ", "  ab  "},
		{ForString, "%[str(a\\r\\nb\\tc)]|%[bin(7f80)]|%[str(ab%0d)]", "a\r\nb\tc|\x7f\x80|ab%0d"},
		{ForHeader, "%CC|%{+Q}CC|%{+M}CC|%[var(txn.nope)]|%{+Q}[var(txn.nope)]|%{+M}[var(txn.nope)]", `|""|-|||`},
		{ForHeader, "%[str(a\\r\\nb\\tc)]|%[bin(7f80)]|%[str(ab%0d)]", "a%0D%0Ab\tc|%7F\x80|ab%0d"},
		{ForHeader, "%{+Q}[var(txn.x)] %{+E}[var(txn.x)]", rawCapture + "{|} " + `a\"b\\c\]d` + "\te#f\xe9{|}"},
		{ForHeader, "%{+bin}o %[var(txn.bin)]", " %00%01%0A\xffA"},
		{ForHeader, "%{+json}o %(a)ci %(b)[var(txn.x)]", " unix " + rawCapture + "{|}"},
		{ForID, "%ci_%cp_x", "unix_1_x"},
		{ForID, "a %{+X}o %ci:%cp  b %[var(txn.nope)] %CC", "a unix:1 b  "},
	}
	set, c := formatSet(), formatContext()
	for _, k := range cases {
		f, err := CompileFormat(set, k.text, FormatOptions{For: k.place})
		if err != nil {
			t.Errorf("%s: %v", k.text, err)
			continue
		}
		if got := string(f.Append(nil, c)); got != k.out {
			t.Errorf("%s\n got %q\nwant %q", k.text, got, k.out)
		}
	}
}

func TestFormatErrors(t *testing.T) {
	unknown := "no such format alias '%s'. If you wanted to emit the '%%' character verbatim, you need to use '%%%%'"
	set := formatSet()
	for _, c := range []struct{ text, want string }{
		{"%", "truncated line after '%'"},
		{"%% %", "truncated line after '%'"},
		{"%(x)", "truncated line after '%'"},
		{"%{+X", "truncated line after '+X'"},
		{"%{+X}", "parse argument modifier without alias name near '%{+X}'"},
		{"%{+Q}(x)[src]", "parse argument modifier without alias name near '%{+Q}'"},
		{"%xyz", strings.NewReplacer("%s", "xyz", "%%", "%").Replace(unknown)},
		{"%cia b", strings.NewReplacer("%s", "cia", "%%", "%").Replace(unknown)},
		{"% a", "unexpected alias name near ' ' at position 1 line : '% a'. Maybe you want to write a single '%', use the syntax '%%'"},
		{"%(x:foo)ci", "unexpected output type 'foo' at position 4 line : '%(x:foo)ci'. Supported types are: str, sint, bool, raw"},
		{"%(:int)[x]", "unexpected output type 'int' at position 3 line : '%(:int)[x]'. Supported types are: str, sint, bool, raw"},
		{"%[]", "failed to parse sample expression <]> : missing fetch method"},
		{"%[foo] bar", "failed to parse sample expression <foo] bar> : unknown fetch method 'foo'"},
		{"%[str(a) x] bar", "expected ']' after 'str(a)', but found ' '"},
		{"%[str(a)}", "expected ']' after 'str(a)', but found '}'"},
		{"%[str(a)", "missing ']' after 'str(a)'"},
		{"%{+cbor}o", "log-format flag 'cbor' is known to HAProxy, not implemented by gohap"},
	} {
		if _, err := CompileFormat(set, c.text, FormatOptions{}); err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
	set.Add(keyword.Row{Class: keyword.Fetch, Name: "res.hdr", Summary: "test", Impl: &FetchRow{Fetch: fetchTrue, Out: Bool, Needs: NeedsResponseHeaders}})
	want := "sample fetch <res.hdr> may not be reliably used here because it needs 'HTTP response headers' which is not available here"
	if _, err := CompileFormat(set, "%[res.hdr]", FormatOptions{Options: Options{Place: Logs}}); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	var warned string
	if _, err := CompileFormat(set, "%{+Z}ci", FormatOptions{Options: Options{Warn: func(w string) { warned = w }}}); err != nil || warned == "" {
		t.Errorf("an unknown flag: %v, %q", err, warned)
	}
}

func TestFormatDoesNotAllocate(t *testing.T) {
	f, err := CompileFormat(formatSet(), `%ci:%cp [%ST] %{+Q}r %hr %hs %[var(txn.x),lower,concat(a,txn.ip,b)] %[int(5),add(3)]`, FormatOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, dst := formatContext(), make([]byte, 0, 4096)
	f.Append(dst, c)
	if n := testing.AllocsPerRun(200, func() { c.Arena.Reset(); f.Append(dst, c) }); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

// FuzzFormat: a format that compiles renders the same every time, behind what is
// there; a header never gets a control character from a value.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"%{+Q}o %ci %(a:sint){+json,+E}[str(x),lower] %%", "%{+json}o%(a)r", "%[var(txn.x)]%hr  %hs", "%[str(0a0d),hex2i] %{+E}[str(a\"b)]"} {
		f.Add(s, []byte("a\r\nb\x00\x1b"))
	}
	set := formatSet()
	control := func(b []byte) bool {
		return bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
	}
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		if strings.Contains(text, "jwt_verify") { // would open files
			return
		}
		for _, place := range []Place{ForLog, ForID, ForHeader, ForString} {
			ft, err := CompileFormat(set, text, FormatOptions{For: place})
			if err != nil {
				continue
			}
			render := func(dst []byte) []byte {
				c := formatContext()
				var v Sample
				v.SetStr(value)
				c.Vars.Txn.Set(varID("x"), &v)
				return ft.Append(dst, c)
			}
			first := render(nil)
			if second := render([]byte("before ")); string(second) != "before "+string(first) && !strings.Contains(text, "rand") && !strings.Contains(text, "uuid") {
				t.Fatalf("%q gives %q, then %q", text, first, second)
			}
			// Reference: logs and strings have an expression's value as it is.
			if place == ForHeader && control(first) && !control([]byte(text)) && !strings.Contains(text, ":raw") && !strings.Contains(text, "+") {
				t.Fatalf("%q gives %q in place %v", text, first, place)
			}
		}
	})
}
