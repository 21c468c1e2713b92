//go:build soak

package vtc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gohap/e2e/oracle"
)

// TestDisabled proves that each scenario depends on the words it names: without
// one of them, it fails. GOHAP_BIN must be a test build.
func TestDisabled(t *testing.T) {
	all, gohap := negativeRuns(t)
	chosen := chosen().names
	count := 0
	slots := make(chan struct{}, jobs)
	for _, s := range all {
		if len(s.disables) == 0 || len(chosen) > 0 && !slices.Contains(chosen, s.name()) {
			continue
		}
		count += len(s.disables)
		t.Run(s.name(), func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			r, err := run(s.path, gohap)
			<-slots
			if err != nil || !r.passed {
				t.Fatalf("it fails already with its words: %v\n%s", err, r.failure())
			}
			for _, word := range s.disables {
				t.Run(strings.ReplaceAll(word, "/", "_"), func(t *testing.T) {
					t.Parallel()
					slots <- struct{}{}
					defer func() { <-slots }()
					failsWithout(t, s, gohap, word)
				})
			}
		})
	}
	if count == 0 {
		t.Fatal("no word to disable")
	}
	// The bar marks a line that e2e/suite prints.
	fmt.Printf("| %d words to take away\n", count)
}

func failsWithout(t *testing.T, s scenario, gohap, word string) {
	r, err := runUntil(s.path, gohap, true, "GOHAP_DISABLE="+word)
	if err != nil {
		t.Fatal(err)
	}
	if r.passed {
		t.Errorf("%s passes without %s: it does not test it, or the binary is no test build", s.path, word)
	}
	if strings.Contains(r.log, "TIMED OUT") {
		t.Errorf("%s without %s ends only by its time limit: that proves nothing\n%s", s.path, word, r.failure())
	}
}

// TestTwins proves the same for scenarios whose item is no registered word, on
// the reference too.
func TestTwins(t *testing.T) {
	all, gohap := negativeRuns(t)
	reference, err := oracle.Haproxy()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.twin == "" {
			continue
		}
		twin, err := parse(s.twin)
		if err != nil {
			t.Fatal(err)
		}
		list := []program{{"gohap", gohap}, {"reference", reference}}
		if s.differs != "" {
			list = list[:1]
		}
		for _, p := range list {
			t.Run(s.name()+"/"+p.name, func(t *testing.T) {
				r, err := run(twin.path, p.path)
				if err != nil {
					t.Fatal(err)
				}
				if r.passed || !strings.Contains(r.failure(), twin.failsBy) {
					t.Errorf("passed %v, want a failure by %q, got:\n%s", r.passed, twin.failsBy, r.failure())
				}
			})
		}
	}
}

// Every twin belongs to a scenario.
func TestNoLostTwins(t *testing.T) {
	all, _ := negativeRuns(t)
	used := map[string]bool{}
	for _, s := range all {
		used[s.twin] = true
	}
	twins, err := filepath.Glob("twin/*.vtc")
	if err != nil {
		t.Fatal(err)
	}
	for _, twin := range twins {
		if !used[twin] {
			t.Errorf("%s belongs to no scenario", twin)
		}
	}
}

func negativeRuns(t *testing.T) ([]scenario, string) {
	t.Helper()
	all, err := scenarios(".")
	if err != nil {
		t.Fatal(err)
	}
	gohap, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("GOHAP_DISABLE") != "" {
		t.Fatal("GOHAP_DISABLE is set in the environment already")
	}
	return all, gohap
}
