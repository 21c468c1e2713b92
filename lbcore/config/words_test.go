package config

import (
	"slices"
	"strings"
	"testing"
)

func env(pairs ...string) Lookup { return NewEnviron(pairs).Lookup }

func TestSplitWords(t *testing.T) {
	lookup := env("V= a  b\tc ", "E=", "ONE=1")
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{" \t# comment", nil},
		{"a b\tc", []string{"a", "b", "c"}},
		{"a#b c", []string{"a"}},
		{`a\#b "c#d" 'e#f'`, []string{"a#b", "c#d", "e#f"}},
		{`a\ b "c d" 'e f'`, []string{"a b", "c d", "e f"}},
		{"a\\\tb", []string{`a\`, "b"}},
		{`"a"b'c'`, []string{"abc"}},
		{`\n\r\t\x41\q\$`, []string{"\n\r\tA\\q\\$"}},
		{`"\n\x41\q\$"`, []string{"\nA\\q$"}},
		{`'\n"$V'`, []string{`\n"$V`}},
		{`$ONE "$ONE" "${ONE}x" "$ONE-x" "${ONE-x}"`, []string{"$ONE", "1", "1x", "1-x", "1"}},
		{`"${NO-a b}" "${NO-}" "${E-x}"`, []string{"a b", "", ""}},
		{`"${V}"`, []string{" a  b\tc "}},
		{`"<${V[*]}>"`, []string{"<", "a", "b", "c", ">"}},
		{`x "$NO" y`, []string{"x", "y"}},
		{`x "a$NO" b`, []string{"x", "ab"}},
		{`x "$NO"`, []string{"x", ""}},
		{`x "$NO""" y`, []string{"x", "", "y"}},
		{`"a\x00b" \x00`, []string{"a", ""}},
		{`a\`, []string{`a\`}},
		{"a\rb", []string{"a"}},
		{strings.Repeat("x ", MaxWords), strings.Fields(strings.Repeat("x ", MaxWords))},
	} {
		got, err := SplitWords(c.in, lookup)
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if !slices.Equal(got.Words, c.want) {
			t.Errorf("%q: got %q, want %q", c.in, got.Words, c.want)
		}
	}
}

func TestSplitWordsErrors(t *testing.T) {
	for _, c := range []struct {
		in, text string
		offset   int
	}{
		{`a "b`, errQuote, 2},
		{`a 'b\'' c`, errQuote, 6},
		{`a \x4`, errHex, 2},
		{`"$"`, errVarName, 2},
		{`"$.NOPE"`, errVarName, 2},
		{`"${1}"`, errVarName, 3},
		{`"${A"`, errVarBrace, 2},
		{`"${A.B}"`, errVarBrace, 2},
		{`"${A[x]}"`, errVarExpand, 4},
		{strings.Repeat("x ", MaxWords+1), errTooMany, 2 * (MaxWords - 1)},
	} {
		_, err := SplitWords(c.in, env())
		if err == nil || err.Text != c.text || err.Offset != c.offset {
			t.Errorf("%q: got %+v, want %s at %d", c.in, err, c.text, c.offset)
		}
	}
}

func TestLongLine(t *testing.T) {
	word := strings.Repeat("y", 200_000)
	got, err := SplitWords("x "+word, env())
	if err != nil || len(got.Words) != 2 || got.Words[1] != word {
		t.Fatalf("%v, %d words", err, len(got.Words))
	}
}

func TestSplitArgs(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want []string
		rest string
		err  string
	}{
		{"(a,b)c", -1, []string{"a", "b"}, "c", ""},
		{"x", -1, nil, "x", ""},
		{"()", -1, []string{""}, "", ""},
		{"(,)", -1, []string{"", ""}, "", ""},
		{"( a , b )", -1, []string{" a ", " b "}, "", ""},
		{`("(a|b)",x)`, -1, []string{"(a|b)", "x"}, "", ""},
		{`('a,b',"c)")`, -1, []string{"a,b", "c)"}, "", ""},
		{`(a\ b\\c\"d\n\t\x41\#\$\,e)`, -1, []string{"a b\\c\"d\n\t\\x41\\#\\$\\", "e"}, "", ""},
		{`('a\nb')`, -1, []string{`a\nb`}, "", ""},
		{"((a|b),c)", -1, []string{"(a|b"}, ",c)", ""},
		{"(a,b)", 1, []string{"a"}, ",b)", "expected ')' before ',b)'"},
		{"(a", -1, []string{"a"}, "", "expected ')'"},
		{"('a)", -1, []string{"a)"}, "", "expected ')'"},
	} {
		got, end, err := SplitArgs(c.in, c.max)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if !slices.Equal(got, c.want) || c.in[end:] != c.rest || text != c.err {
			t.Errorf("%q: got %q, rest %q, error %q", c.in, got, c.in[end:], text)
		}
	}
}

func TestSplitExpression(t *testing.T) {
	for _, c := range []struct {
		in, names, rest, err string
	}{
		{"src", "src", "", ""},
		{"req.hdr(host),lower,field(1,.) -m beg", "req.hdr lower field", " -m beg", ""},
		{`path,regsub("(a|b)",x)]`, "path regsub", "]", ""},
		{"path,regsub((a|b),x)", "path regsub", "", ""},
		{"a,b(", "a b", "", "expected ')'"},
		{"a,", "a ", "", ""},
	} {
		calls, end, err := SplitExpression(c.in)
		names := make([]string, len(calls))
		for i := range calls {
			names[i] = calls[i].Name
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if c.in == "path,regsub((a|b),x)" {
			// The argument ends at the first parenthesis; what follows is garbage
			// that begins with a comma and looks like a converter of no name.
			if calls[1].Args[0] != "(a|b" {
				t.Errorf("%q: %q", c.in, calls[1].Args)
			}
			continue
		}
		if got := strings.Join(names, " "); got != c.names || c.in[end:] != c.rest || text != c.err {
			t.Errorf("%q: names %q rest %q error %q", c.in, got, c.in[end:], text)
		}
	}
}
