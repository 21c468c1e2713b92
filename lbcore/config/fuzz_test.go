package config

import (
	"strings"
	"testing"
)

// FuzzWords: a line is cut or refused, positions stay inside it, and quoting
// every word again gives the same words.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"", `a "b c" 'd'`, `"${V[*]}" "$NO" x`, `a\ b \x41 "\"" #c`, `"${A-x}`, "a\rb", `'`} {
		f.Add(s)
	}
	lookup := env("V= a  b ", "ONE=1")
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\x00") {
			return // the reader cuts there
		}
		l, err := SplitWords(line, lookup)
		if err != nil {
			if err.Offset < 0 || err.Offset > len(line) {
				t.Fatalf("%q: error at %d", line, err.Offset)
			}
			_ = lineCaret(line, err.Offset)
			return
		}
		if len(l.Words) != len(l.Starts) || len(l.Words) > MaxWords {
			t.Fatalf("%q: %d words, %d starts", line, len(l.Words), len(l.Starts))
		}
		for _, at := range l.Starts {
			if at < 0 || at >= len(line) {
				t.Fatalf("%q: word at %d", line, at)
			}
		}
		quoted := make([]string, len(l.Words))
		for i, w := range l.Words {
			quoted[i] = `"` + quoter.Replace(w) + `"`
		}
		again, err := SplitWords(strings.Join(quoted, " "), lookup)
		if err != nil || strings.Join(again.Words, "\x00") != strings.Join(l.Words, "\x00") {
			t.Fatalf("%q: %q became %q (%v)", line, l.Words, again.Words, err)
		}
	})
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "\n", `\n`, "\r", `\r`)

// FuzzCondition: an expression has a value or an error inside it, and a
// negation has the opposite.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{"", "1 && (0 || !1)", "streq(a,b) && defined(V)", "((", "version_atleast(3.2-dev1)", "openssl_version_before(1.1.1w)", "0x1f||-0", "streq('a,\"b)"} {
		f.Add(s)
	}
	facts, lookup := referenceFacts(), env("V=1")
	f.Fuzz(func(t *testing.T, expr string) {
		ok, err := facts.Eval(expr, lookup)
		if err != nil {
			if e := err.(*CondError); e.Text == "" || e.Offset < 0 || e.Offset > len(expr) {
				t.Fatalf("%q: %+v", expr, e)
			}
			return
		}
		if strings.Trim(expr, " \t") == "" {
			return
		}
		if not, err := facts.Eval("!("+expr+")", lookup); err != nil || not == ok {
			t.Fatalf("%q is %v, its negation %v (%v)", expr, ok, not, err)
		}
	})
}

// FuzzAddress: an address is read or refused; what is printed reads as the same.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{":80", "1.2.3.4:80-90", "[::1]:80", "unix@/x", "fd@3", "$V:1", "quic4@:1", "stream+ipv4@127.1:+5", "0x7f.1"} {
		f.Add(s)
	}
	rules := AddressRules{Stream: true, Datagram: true, PortRange: true, PortOffset: true, Descriptors: true, Env: env("V=1.2.3.4")}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text, &rules)
		if err != nil {
			return
		}
		if a.Port < 0 || a.PortHigh < a.Port || a.PortHigh > 65535 || a.Offset < -65535 || a.Offset > 65535 {
			t.Fatalf("%q: %+v", text, a)
		}
		if strings.Contains(a.Path, "$") || a.Family == Unix && !strings.HasPrefix(a.Path, "/") {
			return // only an address in the environment's place, or a path that needs its prefix
		}
		b, err := ParseAddress(a.String(), &rules)
		if err != nil || b.Family != a.Family || b.IP != a.IP || b.Port != a.Port || b.Path != a.Path || b.FD != a.FD {
			t.Fatalf("%q is %+v, printed %q is %+v (%v)", text, a, a, b, err)
		}
	})
}

// FuzzArgs: offsets stay inside and an expression is consumed up to its end.
func FuzzArgs(f *testing.F) {
	for _, s := range []string{"(a,b)", `("a)",'b')`, "hdr(host),lower", "a,b(", `(\ \\\,`, "()"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, most := range []int{-1, 1, 2} {
			args, end, err := SplitArgs(text, most)
			if end < 0 || end > len(text) || err != nil && (err.Offset < 0 || err.Offset > len(text)) {
				t.Fatalf("%q: %d, %+v", text, end, err)
			}
			if most > 0 && len(args) > most {
				t.Fatalf("%q: %d arguments", text, len(args))
			}
		}
		calls, end, err := SplitExpression(text)
		if end < 0 || end > len(text) || len(calls) == 0 || err != nil && err.Offset > len(text) {
			t.Fatalf("%q: %d, %+v", text, end, err)
		}
		if last := calls[len(calls)-1]; last.End != end {
			t.Fatalf("%q: ends at %d, last call at %d", text, end, last.End)
		}
	})
}
