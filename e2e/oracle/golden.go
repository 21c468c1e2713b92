package oracle

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A Golden is a folder of configurations, each with what the reference says about
// it in name.out beside name.cfg or the folder name.d. A case whose first line is
// "# differs: why" has in name.ours what ours says.
type Golden struct {
	Dir     string
	Pattern string // of the cases
	Least   int    // fewer cases are a mistake
	Env     []string
	Update  bool // write what came out
	// Ours returns what ours says about the case name, masked; it runs in Dir.
	Ours func(t *testing.T, name string) string
	// Blur hides in ours, where it differs, what changes with every new word.
	Blur func(text string) string
}

// Run compares every case: name.out with what the reference says where it is
// installed, and ours with it.
func (g Golden) Run(t *testing.T) {
	t.Helper()
	cases, err := filepath.Glob(filepath.Join(g.Dir, g.Pattern))
	if err != nil || len(cases) < g.Least {
		t.Fatalf("only %d cases (%v)", len(cases), err)
	}
	for _, path := range cases {
		t.Run(filepath.Base(path), func(t *testing.T) { g.run(t, path) })
	}
}

func (g Golden) run(t *testing.T, path string) {
	name := filepath.Base(path)
	base := strings.TrimSuffix(strings.TrimSuffix(path, ".cfg"), ".d")
	out := base + ".out"
	if live, ok := Messages(t, g.Dir, name, g.Env); ok && g.Update {
		write(t, out, live)
	} else if want := ReadFile(t, out); ok && live != want {
		t.Errorf("the reference says otherwise than %s:\n%s", out, live)
	}
	text, want := ReadFile(t, path), ReadFile(t, out)
	got := g.ours(t, name)
	if strings.HasPrefix(text, "# differs: ") {
		if g.Blur != nil {
			got = g.Blur(got)
		}
		if g.Update {
			write(t, base+".ours", got)
		}
		if got == want {
			t.Error("it says that it differs, and does not")
		}
		want = ReadFile(t, base+".ours")
	}
	if got != want {
		t.Errorf("input:\n%s\ngot:\n%s\nwant:\n%s", text, got, want)
	}
}

// ours runs from within the folder, so that messages name a case as the
// reference's do.
func (g Golden) ours(t *testing.T, name string) string {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(g.Dir)
	defer t.Chdir(home)
	return g.Ours(t, name)
}

// ReadFile returns a file's text, and of a folder that it is one.
func ReadFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, syscall.EISDIR) {
		return err.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
