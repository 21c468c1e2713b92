package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAgain: few tests that fail get a second try alone; many, and failures that are
// no test's, get none.
func TestAgain(t *testing.T) {
	a, b := failure{pkg: "p", test: "A"}, failure{pkg: "p", test: "B/x"}
	for _, c := range []struct {
		name     string
		failures []failure
		failed   int
		left     int
		passes   string // at the second try
		asked    int
		unsteady string
		after    int // still failed
	}{
		{"one passes then", []failure{a, b}, 2, 3, "A", 2, "p A", 1},
		{"all fail again", []failure{a}, 1, 3, "", 1, "", 1},
		{"too many", []failure{a, b}, 2, 1, "A", 0, "", 2},
		{"soak", []failure{a}, 1, 0, "A", 0, "", 1},
		{"a package too", []failure{a}, 2, 3, "A", 0, "", 2},
	} {
		total, asked := &tally{failed: c.failed, passed: 10, failures: c.failures}, 0
		total.tryAgain(c.left, func(f failure) bool { asked++; return f.test == c.passes })
		if got := strings.Join(total.unsteady, ", "); got != c.unsteady || asked != c.asked || total.failed != c.after {
			t.Errorf("%s: %d asked, unsteady %q, %d failed; want %d, %q, %d", c.name, asked, got, total.failed, c.asked, c.unsteady, c.after)
		}
		if total.passed+total.failed != 10+c.failed {
			t.Errorf("%s: a test was lost: %d passed, %d failed", c.name, total.passed, total.failed)
		}
	}
}

// TestAlone runs a real package whose one subtest fails: just that one is found, and
// run alone.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module again\n\ngo 1.26\n",
		"a_test.go": `package again

import (
	"os"
	"testing"
)

func TestIt(t *testing.T) {
	t.Run("good", func(t *testing.T) { os.WriteFile("good", nil, 0o600) })
	t.Run("a.b once", func(t *testing.T) {
		if _, err := os.Stat("seen"); err != nil {
			os.WriteFile("seen", nil, 0o600)
			t.Fail()
		}
	})
}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var first tally
	runTests(&first, io.Discard, "-vet=off", "again")
	if first.passed != 1 || first.failed != 1 || len(first.failures) != 1 || first.failures[0].test != "TestIt/a.b_once" {
		t.Fatalf("%+v", first)
	}
	os.Remove("good")
	f := first.failures[0]
	f.flags = flagsOf([]string{"-vet=off", "again"})
	if want := []string{"-vet=off", "again", `-run=^TestIt$/^a\.b_once$`}; !slices.Equal(f.args(), want) {
		t.Errorf("%q, want %q", f.args(), want)
	}
	var second tally
	runTests(&second, io.Discard, f.args()...)
	if second.passed != 1 || second.failed != 0 {
		t.Errorf("alone: %+v", second)
	}
	if _, err := os.Stat("good"); err == nil {
		t.Error("the other subtest ran too")
	}
}
