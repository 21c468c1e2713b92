package build_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gohap/lbcore/build"
	"gohap/lbcore/catalog"
	"gohap/lbcore/config"
)

var update = flag.Bool("update", false, "write testdata/golden/*.out from the reference")

// reference is the binary that e2e/oracle/install.sh puts there.
const reference = "../../e2e/oracle/haproxy/usr/sbin/haproxy"

// masks hide what differs from run to run.
var masks = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`(?m)^(\[\w+\] +)\(\d+\) `), "$1(PID) "},
	{regexp.MustCompile(`(haproxy version is|path to executable is) .*`), "$1 …"},
}

func mask(text []byte) string {
	for _, m := range masks {
		text = m.re.ReplaceAll(text, []byte(m.by))
	}
	return string(text)
}

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
			if live, ok := runReference(t, name); ok && *update {
				writeFile(t, out, live)
			} else if want := readFile(t, out); ok && live != want {
				t.Errorf("the reference says otherwise than %s:\n%s", out, live)
			}
			text, want := readFile(t, path), readFile(t, out)
			got := runOurs(t, name)
			if strings.HasPrefix(text, "# differs: ") {
				ours := strings.TrimSuffix(path, ".cfg") + ".ours"
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

// runReference returns what the reference writes about a case; ok is false where
// it is not installed (run e2e/oracle/install.sh).
func runReference(t *testing.T, name string) (string, bool) {
	t.Helper()
	bin, err := filepath.Abs(reference)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(bin); err != nil {
		return "", false
	}
	cmd := exec.Command(bin, "-c", "-f", name)
	cmd.Dir, cmd.Env = "testdata/golden", []string{}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return mask(stderr.Bytes()), true
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
	return mask(out.Bytes())
}
