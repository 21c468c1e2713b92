package h1

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A script holds cases as blocks of lines separated by empty lines:
//
//	case NAME            what is shown, with the rule it stands for
//	conf NAME            the proxy's options (see confs), plain by default
//	> BYTES              what the client sends
//	< BYTES              what the server sends
//	= BYTES              what leaves on the other side
//	! CODE @POS REASON   or: the message is refused
//	...                  or: more input is wanted
//	~ LINE               what is wanted here in place of those lines
//	# TEXT               a remark, why it differs
//
// BYTES are Go string text without the quotes; {N*TEXT} repeats. Lines of one
// kind are joined.
type scriptCase struct {
	name, conf     string
	client, server string
	want           []string // the lines = ! and ..., verbatim
	own            []string // the lines after ~
	input          []string // all other lines, verbatim
	line           int
}

func readScript(t testing.TB, path string) []*scriptCase {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []*scriptCase
	var c *scriptCase
	for i, l := range strings.Split(string(text), "\n") {
		where := fmt.Sprintf("%s:%d", path, i+1)
		kind, rest, _ := strings.Cut(l, " ")
		if kind == "case" {
			c = &scriptCase{name: rest, conf: "plain", line: i + 1}
			cases = append(cases, c)
		}
		if l == "" || c == nil || strings.HasPrefix(l, "#") {
			continue
		}
		switch kind {
		case "case":
		case "conf":
			c.conf = rest
		case ">":
			c.client += unquote(t, where, rest)
		case "<":
			c.server += unquote(t, where, rest)
		case "=", "!", "...":
			c.want = append(c.want, l)
			continue
		case "~":
			c.own = append(c.own, rest)
		default:
			t.Fatalf("%s: unknown line %q", where, l)
		}
		c.input = append(c.input, l)
	}
	return cases
}

func unquote(t testing.TB, where, s string) string {
	t.Helper()
	for {
		i := strings.Index(s, "{")
		if i < 0 {
			break
		}
		j := strings.Index(s[i:], "}")
		n, text, ok := strings.Cut(s[i+1:i+max(j, 1)], "*")
		count, err := strconv.Atoi(n)
		if j < 0 || !ok || err != nil {
			break // a plain brace
		}
		s = s[:i] + strings.Repeat(text, count) + s[i+j+1:]
	}
	u, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%s: %v in %q", where, err, s)
	}
	return u
}

// quoteLines writes bytes as script lines, one for every LF.
func quoteLines(kind, s string) []string {
	var out []string
	for _, l := range strings.SplitAfter(s, "\n") {
		if l == "" {
			continue
		}
		q := strconv.QuoteToASCII(l)
		q = strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
		if n := len(l); n > 400 { // long runs of one byte
			if c := l[n/2]; c > ' ' && c < 0x7f {
				run := n/2 - 1
				for run > 0 && l[run] == c {
					run--
				}
				end := n / 2
				for end < n && l[end] == c {
					end++
				}
				if end-run > 50 {
					a, z := strconv.QuoteToASCII(l[:run+1]), strconv.QuoteToASCII(l[end:])
					q = a[1:len(a)-1] + fmt.Sprintf("{%d*%c}", end-run-1, c) + z[1:len(z)-1]
				}
			}
		}
		out = append(out, kind+" "+q)
	}
	return out
}
