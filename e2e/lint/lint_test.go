package lint

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	root   = "../.."
	module = "gohap"
)

// TestHouse applies every rule to the repository.
func TestHouse(t *testing.T) {
	source, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) { report(t, r.check(source)) })
	}
	t.Run("docs/locks.txt lists every mutex", func(t *testing.T) {
		list, err := parseLocks(read(t, "docs/locks.txt"))
		if err != nil {
			t.Fatal(err)
		}
		report(t, checkLocks(source, module, list))
	})
	t.Run("imports go down", func(t *testing.T) {
		l, err := parseLayers(read(t, "docs/layers.txt"))
		if err != nil {
			t.Fatal(err)
		}
		all, err := list(root)
		if err != nil {
			t.Fatal(err)
		}
		report(t, checkLayers(l, module, all))
	})
}

func report(t *testing.T, found []finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
