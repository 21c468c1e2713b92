package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// journal is a Handler that writes down what it is called with.
type journal struct {
	b       strings.Builder
	abortAt string
}

func (j *journal) note(what string, st *Statement) Outcome {
	prefix := ""
	if st.No {
		prefix = "no "
	}
	if st.Default {
		prefix = "default "
	}
	fmt.Fprintf(&j.b, "%s %s %s/%s %s%q\n", what, st.Pos, st.Section, st.SectionName, prefix, st.Words)
	if j.abortAt != "" && st.Words[0] == j.abortAt {
		return Abort
	}
	return Continue
}

func (j *journal) Early(st *Statement) Outcome     { return j.note("early", st) }
func (j *journal) Section(st *Statement) Outcome   { return j.note("section", st) }
func (j *journal) Statement(st *Statement) Outcome { return j.note("statement", st) }
func (j *journal) EndSection() Outcome {
	j.b.WriteString("end\n")
	return Continue
}

func newSource(diag *Diagnostics, files ...string) *Source {
	s := &Source{
		Env: NewEnviron(nil), Diag: diag, Facts: referenceFacts(),
		IsSection: func(w string) bool { return slices.Contains(fewSections, w) },
		Refused: func(w string) (string, bool) {
			return "section 'fcgi-app' is known to HAProxy, not implemented by gohap", w == "fcgi-app"
		},
	}
	for i, text := range files {
		s.Add(fmt.Sprintf("f%d", i+1), text)
	}
	return s
}

func TestHandlerCalls(t *testing.T) {
	diag, j := &Diagnostics{}, &journal{}
	s := newSource(diag, "global\n daemon\n setenv A 1\n no option x\nfrontend f1 # c\n default log \"$A\"\n", "backend b\n x y \"$LATE\"\nlisten l\n")
	s.BetweenPasses = func(e *Environ) { e.Set("LATE", "yes") }
	if !s.Parse(j) {
		t.Fatal(diag.Log())
	}
	want := `early f1:2 global/ ["daemon"]
early f1:4 global/ no ["option" "x"]
section f1:1 global/ ["global"]
statement f1:2 global/ ["daemon"]
statement f1:4 global/ no ["option" "x"]
end
section f1:5 frontend/f1 ["frontend" "f1"]
statement f1:6 frontend/f1 default ["log" "1"]
end
section f2:1 backend/b ["backend" "b"]
statement f2:2 backend/b ["x" "y" "yes"]
end
section f2:3 listen/l ["listen" "l"]
end
`
	if got := j.b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if files, _ := s.Env.Lookup("HAPROXY_CFGFILES"); files != "f1;f2" {
		t.Errorf("HAPROXY_CFGFILES is %q", files)
	}
}

func TestHandlerAborts(t *testing.T) {
	for word, want := range map[string]string{
		"bad":      "statement f1:3",
		"frontend": "section f1:2",
		"daemon":   "early f1:5",
	} {
		diag, j := &Diagnostics{}, &journal{abortAt: word}
		s := newSource(diag, "\nfrontend x\n bad\nglobal\n daemon\n", "listen l\n")
		if s.Parse(j) {
			t.Errorf("%s: no abort", word)
		}
		lines := strings.Split(strings.TrimSpace(j.b.String()), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, want) {
			t.Errorf("%s: the last call was %q", word, last)
		}
		if n := len(diag.Messages()); n != 1 || diag.Messages()[0].Text != "config : Error(s) found in configuration file : f1" {
			t.Errorf("%s: %s", word, diag.Log())
		}
	}
}

func TestRefusedSection(t *testing.T) {
	diag, j := &Diagnostics{}, &journal{}
	s := newSource(diag, "backend a\n x\nfcgi-app php\n index i\n foo\nbackend b\n y\n")
	if s.Parse(j) {
		t.Error("a section that is not served was taken")
	}
	want := "section f1:1 backend/a [\"backend\" \"a\"]\nstatement f1:2 backend/a [\"x\"]\nend\nsection f1:6 backend/b [\"backend\" \"b\"]\nstatement f1:7 backend/b [\"y\"]\nend\n"
	if got := j.b.String(); got != want {
		t.Errorf("calls:\n%s", got)
	}
	if m := diag.Messages()[0].Text; m != "config : parsing [f1:3] : section 'fcgi-app' is known to HAProxy, not implemented by gohap" {
		t.Error(m)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.cfg": "b\n", "a.cfg": "a\n", ".hidden.cfg": "h\n", "x.conf": "x\n", "z.cfg": "z\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sub.cfg"), 0o700); err != nil {
		t.Fatal(err)
	}
	diag := &Diagnostics{}
	s := newSource(diag)
	s.Paths = []string{filepath.Join(dir, "x.conf"), dir}
	if !s.Load() {
		t.Fatal(diag.Log())
	}
	var names []string
	for _, f := range s.Files() {
		names = append(names, filepath.Base(f))
	}
	if want := []string{"x.conf", "a.cfg", "b.cfg", "z.cfg"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}

	s.Paths = []string{filepath.Join(dir, "nosuch")}
	if s.Load() {
		t.Error("a missing file was read")
	}
	want := "config : Cannot open configuration file/directory " + dir + "/nosuch : No such file or directory"
	if m := diag.Messages(); len(m) != 1 || m[0].Text != want {
		t.Errorf("got %s", diag.Log())
	}

	if err := os.Symlink("nowhere", filepath.Join(dir, "l.cfg")); err != nil {
		t.Fatal(err)
	}
	s.Paths = []string{dir}
	if s.Load() || !strings.HasSuffix(diag.Log(), "config : Cannot open configuration file "+dir+" : No such file or directory\n") {
		t.Error(diag.Log())
	}
}

func TestDiagnostics(t *testing.T) {
	var out bytes.Buffer
	d := &Diagnostics{Out: &out, Pid: 42, Version: "3.2.0-x", Path: "/usr/sbin/x"}
	p := Position{"f.cfg", 3}
	d.Noticef(p, "n")
	d.Diagf(p, "dropped")
	d.Warnf(p, "w %d", 1)
	d.Alertf(p, "a")
	d.Rawf(Notice, "done")
	want := `[NOTICE]   (42) : config : parsing [f.cfg:3] : n
[NOTICE]   (42) : haproxy version is 3.2.0-x
[NOTICE]   (42) : path to executable is /usr/sbin/x
[WARNING]  (42) : config : parsing [f.cfg:3] : w 1
[ALERT]    (42) : config : parsing [f.cfg:3] : a
[NOTICE]   (42) : done
`
	if out.String() != want {
		t.Errorf("got:\n%s", out.String())
	}
	if d.Errors() != 1 || d.Warnings() != 1 || d.RefuseWarnings() {
		t.Errorf("%d errors, %d warnings", d.Errors(), d.Warnings())
	}
	if log := d.Log(); strings.Contains(log, "version") || strings.Count(log, "\n") != 4 {
		t.Errorf("log:\n%s", log)
	}
}

func TestZeroWarning(t *testing.T) {
	d := &Diagnostics{ZeroWarning: true, Diagnose: true, Quiet: true, Out: &bytes.Buffer{}}
	if d.RefuseWarnings() {
		t.Error("refused nothing")
	}
	d.Diagf(Position{}, "d")
	if !d.RefuseWarnings() || d.Errors() != 1 {
		t.Error("a diagnostic message is a warning with -dW")
	}
	if d.Out.(*bytes.Buffer).Len() != 0 {
		t.Error("quiet, and yet printed")
	}
	if m := d.Messages(); m[len(m)-1].Text != "Some warnings were found and 'zero-warning' is set. Aborting." {
		t.Error(m)
	}
}

func TestEnviron(t *testing.T) {
	e := NewEnviron([]string{"A=1", "B=2=3", "junk", "C="})
	for _, words := range [][]string{{"setenv", "A", "9"}, {"presetenv", "B", "no"}, {"presetenv", "D", "4"}, {"unsetenv", "C", "X"}} {
		if ours, err := e.Apply(words); !ours || err != nil {
			t.Errorf("%q: %v %v", words, ours, err)
		}
	}
	if got := strings.Join(e.Pairs(), " "); got != "A=9 B=2=3 D=4" {
		t.Error(got)
	}
	if ours, err := e.Apply([]string{"daemon"}); ours || err != nil {
		t.Error("daemon is not about the environment")
	}
	if _, err := e.Apply([]string{"resetenv", "D"}); err != nil || strings.Join(e.Pairs(), " ") != "D=4" {
		t.Error(e.Pairs())
	}
}

// TestStartupVariables asks the reference for its values where it is installed.
func TestStartupVariables(t *testing.T) {
	e := NewEnviron([]string{"HAPROXY_BRANCH=own"})
	e.SetStartup("3.2.26-1", "3.2", true)
	if v, _ := e.Lookup("HAPROXY_MWORKER"); v != "1" {
		t.Error("no HAPROXY_MWORKER")
	}
	for _, name := range []string{"BRANCH", "STARTUP_VERSION", "HTTP_LOG_FMT", "HTTP_CLF_LOG_FMT", "HTTPS_LOG_FMT", "TCP_LOG_FMT", "TCP_CLF_LOG_FMT"} {
		value, ok := e.Lookup("HAPROXY_" + name)
		if !ok || value == "" || value == "own" {
			t.Errorf("HAPROXY_%s is %q", name, value)
		}
		if !hasReference() {
			continue
		}
		want := "unknown keyword '" + value + "' out of section."
		if says := strings.TrimPrefix(referenceSays(t, "\"$HAPROXY_"+name+"\"\n"), "parsing [t.cfg:1]: "); !strings.HasSuffix(says, want) {
			t.Errorf("HAPROXY_%s: the reference says %q", name, says)
		}
	}
}
