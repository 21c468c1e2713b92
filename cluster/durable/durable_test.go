package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestPut: what failed leaves what was there and nothing beside it; what did not is
// there for its owner alone.
func TestPut(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := WriteFile(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Put(dir, func(w io.Writer) (string, error) {
		if _, err := w.Write([]byte("tw")); err != nil {
			return "", err
		}
		return "file", broken
	})
	if err != broken {
		t.Error(err)
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "one" {
		t.Errorf("%q %v", text, err)
	}
	if err := WriteFile(path, []byte("two")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 3 {
		t.Errorf("%v %v", info, err)
	}
	if err := WriteFile(filepath.Join(dir, "none", "file"), nil); err == nil {
		t.Error("a directory that is not there")
	}
}
