package stats

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gohap/e2e/oracle"
	"gohap/lbcore/clock"
)

var record = flag.Bool("record", false, "rewrite testdata from the reference's answers")

// questions are asked of the reference; the answers stand in testdata.
var questions = map[string]string{
	"stat.csv":        "show stat",
	"stat-user.csv":   "show stat",
	"stat-up.csv":     "show stat up",
	"stat-maint.csv":  "show stat no-maint",
	"stat-filter.csv": "show stat l1 6 1;show stat 2 8 -1;show stat b1 -1 2;show stat 99 -1 -1;show stat l1 typed up;show stat l1 2",
	"stat-typed.txt":  "show stat -1 -1 -1 typed desc",
	"stat.json":       "show stat f1 -1 -1 json",
	"info.txt":        "show info desc",
	"info-typed.txt":  "show info typed desc",
	"info-float.txt":  "show info typed float",
	"info.json":       "show info json",
	"servers.txt":     "show servers conn;show servers conn b1;show backend",
	"errors.txt":      "set severity-output number;show stat nowhere 1 1;show stat typed desc up;show stat domain x;show env NO_SUCH_VARIABLE;show servers conn nowhere;show activity 99;show sess 0x1;show sess bogus;show sess 0x1 all;show sess older;show sess older x;show sess server;show sess server x;show sess server x/y;show sess backend;show sess backend x;show sess frontend x;show sess older 1h;show sess all backend b1",
	"help.txt":        "help show info;help show stat;help show version;help show servers conn;help clear counters;help show env;help show sess;help show backend;help show pools;help show activity;help show startup-logs;help show schema json;help show cli;help echo;help set timeout;help set severity-output;help user;help operator",
}

// userQuestion is asked over a socket of level user.
const userQuestion = "stat-user.csv"

// reference is a running haproxy with testdata/haproxy.cfg.
type reference struct {
	socket string
	names  *strings.Replacer // what differs from run to run
}

func startReference(t *testing.T) *reference {
	bin := oracle.Installed(t, oracle.Haproxy)
	conf, err := os.ReadFile("testdata/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ref := &reference{socket: filepath.Join(dir, "s")}
	var there, back []string
	for _, name := range []string{"10001", "10002", "10003", "10004", "10005"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if name == "10004" { // a server that answers
			t.Cleanup(func() { l.Close() })
		} else {
			l.Close()
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		there, back = append(there, ":"+name, ":"+port), append(back, ":"+port, ":"+name, " "+port+" ", " "+name+" ")
	}
	there = append(there, "SOCKET", ref.socket, "UNIX", filepath.Join(dir, "x"))
	ref.names = strings.NewReplacer(back...)
	running := oracle.Start(t, bin, strings.NewReplacer(there...).Replace(string(conf)))
	for end := clock.Mono() + int64(30*time.Second); ; { // until the three checks are done
		csv, err := ref.ask("show stat")
		if err == nil && strings.Count(csv, ",L4CON,") == 2 && strings.Count(csv, ",L4OK,") == 1 {
			return ref
		}
		if clock.Mono() > end {
			t.Fatalf("the reference does not get ready: %v %s\n%s", err, csv, running.Stop())
		}
		<-time.After(20 * time.Millisecond) // another program: nothing to wait on
	}
}

func (r *reference) ask(line string) (string, error) { return r.askAt("", line) }

// askAt asks over the socket with a suffix, "-user" for that of level user.
func (r *reference) askAt(suffix, line string) (string, error) {
	out, err := oracle.Command(r.socket+suffix, line)
	return r.clean(out), err
}

func (r *reference) clean(s string) string {
	if r.names != nil {
		s = r.names.Replace(s)
	}
	return s
}

// question asks what stands under a name.
func (r *reference) question(name string) (string, error) {
	if name == userQuestion {
		return r.askAt("-user", questions[name])
	}
	return r.ask(questions[name])
}

// atWork matches the mark of a check that runs at this moment, which stands in
// front of the last result: "* L4OK". Which checks do is nobody's to choose.
var atWork = regexp.MustCompile(`\* (L4|L6|L7|SOCKERR|INI)`)

// settled asks until no check runs at that moment.
func (r *reference) settled(t *testing.T, name string) string {
	t.Helper()
	for end := clock.Mono() + int64(30*time.Second); ; {
		got, err := r.question(name)
		if err != nil {
			t.Fatal(err)
		}
		if !atWork.MatchString(got) {
			return got
		}
		if clock.Mono() > end {
			t.Fatalf("%s: a check never ends:\n%s", name, got)
		}
	}
}

// TestReference compares what is recorded with what the reference answers now,
// as far as it does not depend on the moment.
func TestReference(t *testing.T) {
	ref := startReference(t)
	for name := range questions {
		got := ref.settled(t, name)
		path := filepath.Join("testdata", name)
		if *record {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want := golden(t, name)
		if d := firstDifference(steady(name, want), steady(name, got)); d != "" {
			t.Errorf("%s: the reference changed (run with -record): %s", name, d)
		}
	}
}

func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// firstDifference names the first line that differs.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "<nothing>", "<nothing>"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d:\nwant %s\ngot  %s", i+1, a, b)
		}
	}
	return ""
}

// Columns whose values are of the moment: seconds since, milliseconds of a
// check, and what the reference estimates from its own checks' connections.
var moment = []string{"lastchg", "downtime", "check_duration", "need_conn_est"}

// steady masks what differs from moment to moment and keeps whether there is a
// value at all.
func steady(name, s string) string {
	switch {
	case strings.HasSuffix(name, ".csv"):
		return steadyCSV(s)
	case name == "stat-typed.txt":
		return steadyTyped(s)
	case strings.HasPrefix(name, "info"):
		return steadyInfo(name, s)
	case name == "servers.txt":
		return steadyServers(s)
	}
	return s
}

// steadyCSV keeps the generic columns.
func steadyCSV(s string) string {
	var head, out []string
	for _, line := range strings.Split(s, "\n") {
		cells := strings.Split(line, ",")
		if len(cells) < 113 {
			out = append(out, line)
			continue
		}
		if strings.HasPrefix(line, "# ") {
			head = cells
		}
		cells = slices.Clone(cells[:114]) // "-" included
		for i, c := range cells {
			if c != "" && !strings.HasPrefix(line, "# ") && i < len(head) && slices.Contains(moment, head[i]) {
				cells[i] = "N"
			}
		}
		out = append(out, strings.Join(cells, ","))
	}
	return strings.Join(out, "\n")
}

var typedLine = regexp.MustCompile(`^\w\.\d+\.\d+\.(\d+)\.([^.]+)\.1:...:\w+:`)

func steadyTyped(s string) string {
	var out []string
	for _, line := range strings.Split(s, "\n") {
		m := typedLine.FindStringSubmatch(line)
		if m != nil {
			var pos int
			fmt.Sscan(m[1], &pos)
			if pos >= len(columns) {
				continue
			}
			if slices.Contains(moment, m[2]) {
				line = m[0] + "N" + line[strings.Index(line, `:"`):]
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

var (
	infoValue  = regexp.MustCompile(`(?m)^([^:\n]+): (".*"|[^"\n]*?)(:"[^"\n]*")$`)
	typedInfo  = regexp.MustCompile(`(?m)^([^:\n]+:...:\w+):.*?(:"[^\n]*")?$`)
	jsonNumber = regexp.MustCompile(`"value":("(?:\\.|[^"\\])*"|[0-9.]+)\}`)
)

// steadyInfo masks all values: they are another program's.
func steadyInfo(name, s string) string {
	switch name {
	case "info.txt":
		return infoValue.ReplaceAllString(s, "$1: N$3")
	case "info.json":
		// The reference writes a quote inside a string bare, which is no JSON.
		s = regexp.MustCompile(`"pos":51,.*"pos":52,`).ReplaceAllString(s, `"pos":52,`)
		return jsonNumber.ReplaceAllString(s, `"value":N}`)
	}
	return typedInfo.ReplaceAllString(s, "$1:N$2")
}

// steadyServers masks the seconds in server states and, of connections, what
// comes from the reference's own checks.
func steadyServers(s string) string {
	var out []string
	for _, line := range strings.Split(s, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 25 && f[0] != "#":
			f[9] = "N"
			line = strings.Join(f, " ")
		case len(f) == 15 && f[0] != "#":
			f[7], f[8] = "N", "N"
			line = strings.Join(f, " ")
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
