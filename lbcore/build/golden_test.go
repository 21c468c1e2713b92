package build_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gohap/e2e/oracle"
	"gohap/lbcore/build"
	"gohap/lbcore/catalog"
	"gohap/lbcore/config"
)

var update = flag.Bool("update", false, "write testdata/golden/*.out from the reference")

// actions is the list of a rule set's actions: each new one is in it.
var actions = regexp.MustCompile(`expects '.*' and '.*', but got`)

// TestGolden holds every message about a configuration against the reference's:
// name.out is what it said, and is compared with what it says where it is
// installed. A case whose first line is "# differs: why" has a name.ours beside.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/golden/*.cfg")
	if err != nil || len(cases) < 40 {
		t.Fatalf("only %d cases (%v)", len(cases), err)
	}
	for _, path := range cases {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			out := strings.TrimSuffix(path, ".cfg") + ".out"
			if live, ok := oracle.Messages(t, "testdata/golden", name, []string{}); ok && *update {
				writeFile(t, out, live)
			} else if want := readFile(t, out); ok && live != want {
				t.Errorf("the reference says otherwise than %s:\n%s", out, live)
			}
			text, want := readFile(t, path), readFile(t, out)
			got := runOurs(t, name)
			if strings.HasPrefix(text, "# differs: ") {
				ours := strings.TrimSuffix(path, ".cfg") + ".ours"
				got = actions.ReplaceAllString(got, "expects … but got")
				if *update {
					writeFile(t, ours, got)
				}
				if got == want {
					t.Error("it says that it differs, and does not")
				}
				want = readFile(t, ours)
			}
			if got != want {
				t.Errorf("input:\n%s\ngot:\n%s\nwant:\n%s", text, got, want)
			}
		})
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// runOurs reads a case from within its folder, so that messages name it as the
// reference's do.
func runOurs(t *testing.T, name string) string {
	t.Helper()
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("testdata/golden")
	defer t.Chdir(home)
	var out bytes.Buffer
	diag := &config.Diagnostics{Out: &out, Pid: 1, Version: "x", Path: "y"}
	env := config.NewEnviron(nil)
	b := build.New(catalog.New(), diag, env)
	src := &config.Source{Paths: []string{name}, Env: env, Diag: diag,
		Facts: &config.Facts{Version: "3.2.0"}, IsSection: b.IsSection, Refused: b.Refused}
	if src.Load() && src.Parse(b) {
		b.Finish()
	}
	return oracle.Mask(out.Bytes())
}
