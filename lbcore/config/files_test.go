package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestTree: a tree of what a recorder saw answers as the disk did, errors too.
func TestTree(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for name, text := range map[string]string{"haproxy.cfg": "global\n", "certs/a.pem": "A", "certs/b.pem": "B", "certs/deep/c.pem": "C", "unread": "x"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read := func(f Files) (said []string) {
		say := func(what string, v any, err error) {
			var e *fs.PathError
			if errors.As(err, &e) {
				err = e.Err
			}
			said = append(said, fmt.Sprint(what, " ", v, " ", err))
		}
		for _, name := range []string{"haproxy.cfg", "./certs//a.pem", filepath.Join(dir, "certs/b.pem"), "certs", "none", "certs/deep/../deep/c.pem"} {
			text, err := f.ReadFile(name)
			say("read "+name, string(text), err)
			i, err := f.Stat(name)
			if err == nil {
				said = append(said, fmt.Sprint(i.Name(), i.IsDir()))
			}
		}
		entries, err := f.ReadDir("certs")
		for _, e := range entries {
			said = append(said, fmt.Sprint(e.Name(), e.IsDir()))
		}
		say("dir", len(entries), err)
		_, err = f.ReadDir("none")
		say("dir", nil, err)
		say("chdir", nil, f.Chdir("none"))
		say("chdir", nil, f.Chdir("certs/deep"))
		at, err := f.Getwd()
		say("at", at, err)
		text, err := f.ReadFile("../b.pem")
		say("up", string(text), err)
		say("chdir", nil, f.Chdir(dir))
		return said
	}
	r, err := NewRecorder()
	if err != nil {
		t.Fatal(err)
	}
	want := read(r)
	if r.Dir() != dir || len(r.Files) != 4 {
		t.Errorf("%q, %d files", r.Dir(), len(r.Files))
	}
	t.Chdir("/")
	got := read(NewTree(r.Dir(), r.Files))
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("from memory\n%q\nfrom the disk\n%q", got, want)
	}
	again := read(NewTree(r.Dir(), r.Files))
	if fmt.Sprint(again) != fmt.Sprint(want) {
		t.Error("a second time it is another")
	}
	// Absolute names need no directory.
	r, _ = NewRecorder()
	if _, err := r.ReadFile(filepath.Join(dir, "haproxy.cfg")); err != nil || r.Dir() != "" {
		t.Errorf("%q %v", r.Dir(), err)
	}
	if _, err := NewTree("", r.Files).ReadFile("haproxy.cfg"); !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
}
