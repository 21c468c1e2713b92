package config

import (
	"regexp"
	"strings"
	"testing"

	"gohap/e2e/oracle"
)

func TestEvalFacts(t *testing.T) {
	f := &Facts{
		Version: "3.2.0-gohap0.1.0", SSLLibrary: "Go crypto/tls", SSLVersion: "3.5.1",
		Features: map[string]bool{"FLEET": true}, Enabled: map[string]bool{"EPOLL": true},
	}
	for expr, want := range map[string]bool{
		"feature(FLEET)":                       true,
		"feature(QUIC)":                        false,
		"enabled(EPOLL) && !enabled(KQUEUE)":   true,
		"version_atleast(3.2)":                 true,
		"version_atleast(3.2.1)":               false,
		"version_before(3.3-dev1)":             true,
		"ssllib_name_startswith(OpenSSL)":      false,
		"openssl_version_atleast(1.1.1)":       true,
		"openssl_version_atleast(3.5.1)":       true,
		"openssl_version_atleast(3.5.1-beta1)": true,
		"openssl_version_atleast(3.5.1a)":      false,
		"openssl_version_before(3.5.2-alpha1)": true,
		"defined(A) && !defined(B)":            true,
		"":                                     false,
		"  ":                                   false,
	} {
		got, err := f.Eval(expr, env("A="))
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", expr, got, err)
		}
	}
}

func TestEvalDepth(t *testing.T) {
	f := &Facts{}
	if _, err := f.Eval(strings.Repeat("(", 100_000), env()); err == nil {
		t.Error("a hundred thousand parentheses were taken")
	}
	if ok, err := f.Eval(strings.Repeat("!", 100_000)+"1", env()); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	if ok, err := f.Eval(strings.Repeat("(", 900)+"1"+strings.Repeat(")", 900), env()); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
}

// commandCases are expressions of -cc with exit code and message.
var commandCases = []struct {
	expr string
	exit int
	text string
}{
	{"1", 0, ""},
	{"0", 1, ""},
	{"", 1, ""},
	{"foo", 2, "Failed to evaluate condition: unparsable conditional expression 'foo'"},
	{"streq(a,a)", 0, ""},
	{"streq(a b, c)", 1, ""},
	{`streq("a,b",a)`, 2, "Failed to evaluate condition: expected ')' before ',a)' in argument 1 of predicate 'streq' used in conditional expression"},
	{`streq("$HOME",/root)`, 0, ""},
	{"streq($HOME,/root)", 1, ""},
	{`streq("\x41",A)`, 0, ""},
	{"streq(a  b,a b)", 0, ""},
	{`streq("a  b",a b)`, 1, ""},
	{`streq("${NOPE-x}",x)`, 0, ""},
	{`streq("$.LINE",0)`, 0, ""},
	{`streq("$.FILE",)`, 0, ""},
	{"defined(HOME)", 0, ""},
	{"version_atleast(3.2)", 0, ""},
	{"1 #x", 2, `Failed to evaluate condition: unexpected character '#' at the end of conditional expression '1 #x'`},
	{`1\`, 2, `Failed to evaluate condition: unexpected character '\' at the end of conditional expression '1\'`},
	{`streq("a`, 2, "Syntax Error in condition: Unmatched quote."},
	{strings.Repeat("1 ", 70), 2, "Error in condition: Too many words."},
	{`1 && ""`, 2, "Failed to evaluate condition: unparsable conditional expression '&& '"},
	{`\x4`, 2, "Syntax Error in condition: Truncated or invalid hexadecimal sequence."},
}

func TestEvalCommand(t *testing.T) {
	for _, c := range commandCases {
		diag := &Diagnostics{}
		src := &Source{Env: NewEnviron(goldenEnv), Diag: diag, Facts: referenceFacts()}
		exit := src.EvalCommand(c.expr)
		text := ""
		if m := diag.Messages(); len(m) > 0 {
			text = m[0].Text
		}
		if exit != c.exit || text != c.text {
			t.Errorf("%q: exit %d %q, want %d %q", c.expr, exit, text, c.exit, c.text)
		}
		if hasReference() {
			compareCommand(t, c.expr, c.exit, c.text)
		}
	}
}

var alert = regexp.MustCompile(`(?m)^\[ALERT\] +\(\d+\) : (.*)$`)

func compareCommand(t *testing.T, expr string, exit int, text string) {
	t.Helper()
	stderr, code := oracle.Ask(t, "", goldenEnv, "-cc", expr)
	says := ""
	if m := alert.FindStringSubmatch(string(stderr)); m != nil {
		says = m[1]
	}
	if code != exit || says != text {
		t.Errorf("%q: the reference exits %d %q", expr, code, says)
	}
}
