package acl

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gohap/e2e/oracle"
	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

var update = flag.Bool("update", false, "record testdata anew from the reference")

// noValue is how an example says that there is no value.
const noValue = "(no value)"

func quoteWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

const refHead = "defaults\n mode http\n timeout client 30s\n timeout server 30s\n timeout connect 30s\nfrontend f\n"

// askReference runs the rules that rule(i) returns, each of which must answer
// the path /i, and returns the n bodies.
func askReference(t *testing.T, n int, rule func(i int) string) []string {
	t.Helper()
	addr, fd := oracle.Inherit(t, "127.0.0.1")
	cfg := refHead + " bind fd@3\n"
	for i := 0; i < n; i++ {
		cfg += rule(i)
	}
	ref := oracle.Start(t, oracle.Installed(t, oracle.Haproxy), cfg, fd)
	defer ref.Stop()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("%v\n%s", err, ref.Stop())
	}
	defer c.Close()
	r := bufio.NewReader(c)
	bodies := make([]string, n)
	for i := range bodies {
		fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("rule %s: %v\n%s", rule(i), err, ref.Stop())
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		bodies[i] = string(body)
	}
	return bodies
}

// TestExamplesOnReference runs the examples of the stateless fetches and
// converters on the reference: both must print what the row says.
func TestExamplesOnReference(t *testing.T) {
	set := keyword.NewSet()
	sample.Register(set)
	var first, second []keyword.Example
	for _, class := range []keyword.Class{keyword.Fetch, keyword.Converter, keyword.VarScope} {
		for _, row := range set.Rows(class) {
			for _, g := range row.Good {
				// In the reference has_ctl without arguments changes the default of every
				// later word without arguments: it gets a process of its own.
				if strings.HasSuffix(g.Config, ",has_ctl") {
					second = append(second, g)
				} else {
					first = append(first, g)
				}
			}
		}
	}
	for _, list := range [][]keyword.Example{first, second} {
		got := askReference(t, len(list), func(i int) string {
			e := list[i].Config
			return fmt.Sprintf(" http-request return status 200 content-type text/plain lf-string %s if { path /%d } { %s -m found }\n"+
				" http-request return status 200 content-type text/plain string %s if { path /%d }\n",
				quoteWord("%["+e+"]"), i, quoteWord(e), quoteWord(noValue), i)
		})
		for i, g := range list {
			if got[i] != g.Out {
				t.Errorf("%s: the reference says %q, the row %q", g.Config, got[i], g.Out)
			}
		}
	}
}

// refuses reports whether the reference refuses one line of a frontend.
func refuses(t *testing.T, dir, line string) bool {
	file := filepath.Join(dir, "cfg")
	if err := os.WriteFile(file, []byte(refHead+" bind 127.0.0.1:1\n "+line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, exit := oracle.Ask(t, dir, nil, "-c", "-f", file)
	return exit != 0
}

func TestBadExamplesOnReference(t *testing.T) {
	dir := t.TempDir()
	set := keyword.NewSet()
	sample.Register(set)
	for _, class := range []keyword.Class{keyword.Fetch, keyword.Converter, keyword.VarScope, keyword.LogFlag} {
		for _, row := range set.Rows(class) {
			for _, b := range row.Bad {
				value := b
				if class != keyword.LogFlag {
					value = "%[" + b + "]"
				}
				if !refuses(t, dir, "http-request set-header x "+quoteWord(value)) {
					t.Errorf("%s %s: the reference accepts %s", class, row.Name, b)
				}
			}
		}
	}
}

// TestConditionsOnReference checks, or with -update records, the table that
// TestConditions runs here.
func TestConditionsOnReference(t *testing.T) {
	file := filepath.Join("testdata", "conditions.txt")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	got := askReference(t, len(lines), func(i int) string {
		_, cond, _ := strings.Cut(lines[i], " ")
		return fmt.Sprintf(" http-request set-var(txn.r) int(0)\n http-request set-var(txn.r) int(1) %s\n"+
			" http-request return status 200 content-type text/plain lf-string %%[var(txn.r)] if { path /%d }\n", cond, i)
	})
	var out strings.Builder
	for i, line := range lines {
		want, cond, _ := strings.Cut(line, " ")
		if got[i] != want && !*update {
			t.Errorf("%s: the reference says %s, the table %s", cond, got[i], want)
		}
		fmt.Fprintf(&out, "%s %s\n", got[i], cond)
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
