package h1

import (
	"fmt"
	"os"
	"regexp"
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
// kind are joined. A # line behind an empty one is a headline between cases.
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
	prev := ""
	for i, l := range strings.Split(string(text), "\n") {
		headline := prev == "" && strings.HasPrefix(l, "# ")
		prev = l
		where := fmt.Sprintf("%s:%d", path, i+1)
		kind, rest, _ := strings.Cut(l, " ")
		if kind == "case" {
			c = &scriptCase{name: rest, conf: "plain", line: i + 1}
			cases = append(cases, c)
		}
		if l == "" || c == nil || headline {
			continue
		}
		switch kind {
		case "case", "#":
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

// quoteLines writes bytes as script lines, one for every LF; equal ones that
// follow each other are joined, as are long runs of one byte.
func quoteLines(kind, s string) []string {
	var out []string
	lines := strings.SplitAfter(s, "\n")
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && lines[i+n] == lines[i] {
			n++
		}
		q := quoteRuns(lines[i])
		switch {
		case lines[i] == "":
		case n > 3 && !strings.ContainsAny(q, "{}"):
			out = append(out, fmt.Sprintf("%s {%d*%s}", kind, n, q))
		default:
			for range n {
				out = append(out, kind+" "+q)
			}
		}
		i += n
	}
	return out
}

var run50 = regexp.MustCompile("a{50,}|b{50,}|A{50,}|0{50,}")

func quoteRuns(l string) string {
	q := strconv.QuoteToASCII(l)
	q = strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
	return run50.ReplaceAllStringFunc(q, func(run string) string { return fmt.Sprintf("{%d*%c}", len(run), run[0]) })
}
