package vtc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"gohap/e2e/oracle"
)

// jobs bounds the scenarios that run at once.
const jobs = 2

// choice is what the environment (set by the script run) selects.
type choice struct {
	names           []string // none: all
	referenceOnly   bool
	gohapOnly       bool
	printEverything bool
}

func chosen() choice {
	only := os.Getenv("VTC_PROGRAM")
	return choice{
		names:           strings.Fields(os.Getenv("VTC_SCENARIOS")),
		referenceOnly:   only == "reference",
		gohapOnly:       only == "gohap",
		printEverything: os.Getenv("VTC_VERBOSE") != "",
	}
}

// report collects one line a scenario; it is printed whatever happened.
type report struct {
	mu   sync.Mutex
	rows map[string]map[string]string // scenario, program: outcome
}

func (r *report) set(scenario, program, outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rows[scenario] == nil {
		r.rows[scenario] = map[string]string{"reference": "-", "gohap": "-"}
	}
	r.rows[scenario][program] = outcome
}

func (r *report) print() {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.rows))
	for name := range r.rows {
		names = append(names, name)
	}
	slices.Sort(names)
	// The bar marks a report to e2e/suite, which prints it whatever came out.
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "| scenario\treference\tgohap")
	for _, name := range names {
		fmt.Fprintf(w, "| %s\t%s\t%s\n", name, r.rows[name]["reference"], r.rows[name]["gohap"])
	}
	w.Flush()
}

// TestScenarios runs every scenario against the reference, then against gohap.
func TestScenarios(t *testing.T) {
	all, err := scenarios(".")
	if err != nil {
		t.Fatal(err)
	}
	want := chosen()
	programs := programs(t, want)
	slots := make(chan struct{}, jobs)
	out := &report{rows: map[string]map[string]string{}}
	t.Cleanup(out.print)
	ran := 0
	for _, s := range all {
		if len(want.names) > 0 && !slices.Contains(want.names, s.name()) {
			continue
		}
		ran++
		t.Run(s.name(), func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			for _, p := range programs {
				if p.name == "reference" && s.differs != "" {
					out.set(s.name(), p.name, "differs")
					continue
				}
				if !t.Run(p.name, func(t *testing.T) { scenarioPasses(t, s, p, out, want.printEverything) }) && p.name == "reference" {
					return // a scenario that the reference fails says nothing of gohap
				}
			}
		})
	}
	if ran < max(1, len(want.names)) {
		t.Errorf("%d of the scenarios %q exist", ran, want.names)
	}
}

// program is a binary under test.
type program struct{ name, path string }

func programs(t *testing.T, want choice) []program {
	t.Helper()
	var list []program
	for _, p := range []struct {
		name string
		skip bool
		find func() (string, error)
	}{
		{"reference", want.gohapOnly, oracle.Haproxy},
		{"gohap", want.referenceOnly, oracle.Gohap},
	} {
		if p.skip {
			continue
		}
		path, err := p.find()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, program{p.name, path})
	}
	return list
}

func scenarioPasses(t *testing.T, s scenario, p program, out *report, everything bool) {
	r, err := run(s.path, p.path)
	if err != nil {
		out.set(s.name(), p.name, "not run")
		t.Fatal(err)
	}
	if r.passed {
		out.set(s.name(), p.name, fmt.Sprintf("ok %.1fs", r.took.Seconds()))
		if everything {
			t.Log(r.log)
		}
		return
	}
	out.set(s.name(), p.name, "FAIL")
	t.Errorf("%s fails with %s:\n%s\n%s", s.path, p.name, r.log, r.failure())
}

func TestWords(t *testing.T) {
	got, err := words("actions: http-request:set-header|del-header")
	want := []string{"actions: http-request:set-header", "actions: http-request:del-header"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, error %v", got, err)
	}
}

// The header's rules, and that the runner tells a failure from a pass and from
// a skip: on scenarios that need no proxy.
func TestRunner(t *testing.T) {
	write := func(t *testing.T, name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	t.Run("passes", func(t *testing.T) {
		r, err := run(write(t, "a.vtc", "varnishtest \"a\"\nshell {true}\n"), "/bin/false")
		if err != nil || !r.passed {
			t.Errorf("passed %v, error %v", r.passed, err)
		}
	})
	t.Run("fails", func(t *testing.T) {
		r, err := run(write(t, "a.vtc", "varnishtest \"a\"\nshell {false}\n"), "/bin/false")
		if err != nil || r.passed || r.failure() == "" {
			t.Errorf("passed %v, error %v, failure %q", r.passed, err, r.failure())
		}
	})
	t.Run("program matters", func(t *testing.T) {
		text := "varnishtest \"a\"\nfeature ignore_unknown_macro\nhaproxy h1 -conf-OK {\n}\n"
		r, err := run(write(t, "a.vtc", text), "/bin/true")
		if err != nil || r.passed || !strings.Contains(r.failure(), "Configuration file is valid") {
			t.Errorf("passed %v, error %v, failure %q", r.passed, err, r.failure())
		}
	})
	t.Run("environment", func(t *testing.T) {
		text := "varnishtest \"a\"\nshell {test \"$GOHAP_DISABLE\" = options:forwardfor}\n"
		file := write(t, "a.vtc", text)
		if r, err := run(file, "/bin/true", "GOHAP_DISABLE=options:forwardfor"); err != nil || !r.passed {
			t.Errorf("with the word disabled: passed %v, error %v\n%s", r.passed, err, r.log)
		}
		if r, err := run(file, "/bin/true"); err != nil || r.passed {
			t.Errorf("without: passed %v, error %v", r.passed, err)
		}
	})
	t.Run("skip is no pass", func(t *testing.T) {
		_, err := run(write(t, "a.vtc", "varnishtest \"a\"\nfeature cmd \"false\"\n"), "/bin/true")
		if err == nil || !strings.Contains(err.Error(), "make deps") {
			t.Errorf("error %v", err)
		}
	})
}

func TestHeader(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	put("twin/t.vtc", "# twin of: good_twin.vtc\n# fails by: EXPECT\n")
	put("twin/mute.vtc", "# twin of: mute.vtc\n")
	for _, c := range []struct{ name, text, err string }{
		{"good.vtc", "# item: x\n# disables: actions: http-request:set-header\nvarnishtest \"\"\n", ""},
		{"good_twin.vtc", "# item: x\n# negative twin: twin/t.vtc\n", ""},
		{"empty.vtc", "varnishtest \"\"\n", "names no item"},
		{"late.vtc", "# disables: a:b\n# item: x\n", "first line"},
		{"alone.vtc", "# item: x\n", "neither"},
		{"colon.vtc", "# item: x\n# disables: forwardfor\n", "class:name"},
		{"several.vtc", "# item: x\n# disables: actions: http-request:set-header|del-header\n", ""},
		{"several_gap.vtc", "# item: x\n# disables: actions: http-request:set-header| del-header\n", "without blanks"},
		{"several_none.vtc", "# item: x\n# disables: timeouts:client|\n", "class:name"},
		{"typo.vtc", "# item: x\n# disable: a:b\n", "unknown header"},
		{"lost.vtc", "# item: x\n# negative twin: twin/none.vtc\n", "no such file"},
		{"other.vtc", "# item: x\n# negative twin: twin/t.vtc\n", "is a twin of"},
		{"mute.vtc", "# item: x\n# negative twin: twin/mute.vtc\n", "fails by"},
	} {
		s, err := parse(put(c.name, c.text))
		if err == nil {
			err = s.check()
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
	}
}
