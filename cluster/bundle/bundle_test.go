package bundle

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gohap/cluster/durable"
	"gohap/cluster/state"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStore: what is gathered is read again, checked, by nobody else, and swept when
// nobody needs it.
func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "contents")
	s := open(t, dir)
	files := map[string][]byte{"haproxy.cfg": []byte("global\n"), "/etc/certs/a.pem": []byte("key"), "b.pem": []byte("key")}
	m, err := s.Gather("", []string{"haproxy.cfg"}, files)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 3 || m.Files[0].Name != "/etc/certs/a.pem" || m.Files[0].Hash != m.Files[1].Hash && m.Files[0].Hash != m.Files[2].Hash {
		t.Errorf("%+v", m)
	}
	got, err := s.Files(m)
	if err != nil || !maps.EqualFunc(got, files, bytes.Equal) {
		t.Errorf("%v %v", got, err)
	}
	filepath.WalkDir(filepath.Dir(dir), func(path string, e fs.DirEntry, err error) error {
		if info, err := e.Info(); err != nil || path != filepath.Dir(dir) && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
		return nil
	})
	if _, err := s.Gather("", []string{"other"}, files); err == nil {
		t.Error("a bundle without its configuration")
	}
	other := open(t, t.TempDir())
	if missing := other.Missing(m); len(missing) != 2 {
		t.Errorf("%v", missing)
	}
	if missing := s.Missing(m); len(missing) != 0 {
		t.Errorf("%v", missing)
	}
	for _, f := range other.Missing(m) {
		r, err := s.Open(f.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := other.Put(strings.NewReader("something else"), f.Hash, 100); err == nil {
			t.Error("other contents are taken")
		}
		if _, _, err := other.Put(r, f.Hash, f.Size); err != nil {
			t.Error(err)
		}
		r.Close()
	}
	if _, _, err := s.Put(strings.NewReader("too long"), "", 3); err == nil {
		t.Error("more than the limit")
	}
	release := s.Hold(m)
	if n, err := s.Sweep(nil); n != 0 || err != nil {
		t.Errorf("%d of what is held, %v", n, err)
	}
	release()
	release()
	if n, err := s.Sweep(map[state.Hash]bool{m.Files[0].Hash: true}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := s.Files(m); err == nil || !strings.Contains(err.Error(), "haproxy.cfg") {
		t.Errorf("what is gone: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, string(m.Files[0].Hash)), []byte("kex"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(m.Files[0].Hash); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("what is damaged: %v", err)
	}
	for _, h := range []state.Hash{"", "../secret", "x"} {
		if _, err := s.Open(h); err == nil || s.Has(h) {
			t.Errorf("%q is opened", h)
		}
	}
	left := filepath.Join(dir, durable.Partial+"1")
	os.WriteFile(left, []byte("half"), 0o600)
	open(t, dir)
	if _, err := os.Stat(left); err == nil {
		t.Error("half a file stays")
	}
}

// TestLast: it is there after a restart, or clearly not.
func TestLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last.json")
	if l, err := ReadLast(path); l != nil || err != nil {
		t.Errorf("%v %v", l, err)
	}
	s := open(t, t.TempDir())
	m, err := s.Gather("", []string{"c"}, map[string][]byte{"c": []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteLast(path, &Last{Fleet: "f", Generation: 7, Manifest: *m}); err != nil {
		t.Fatal(err)
	}
	l, err := ReadLast(path)
	if err != nil || l.Generation != 7 || l.Fleet != "f" || !l.Manifest.Equal(m) {
		t.Errorf("%+v %v", l, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Error(info.Mode())
	}
	for _, text := range []string{"", "{}", `{"v":2}`, `{"v":1,"manifest":{"main":["../x"]}}`} {
		os.WriteFile(path, []byte(text), 0o600)
		if l, err := ReadLast(path); err == nil || l != nil {
			t.Errorf("%q is taken", text)
		}
	}
}
