package rows

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gohap/e2e/oracle"
)

// row is one line of the list.
type row struct {
	id   string
	item string
	run  func(s *subject)
}

// sections is the whole list, with the number of rows of each letter.
var sections = []struct {
	letter string
	n      int
	rows   []row
}{
	{"A", 26, features},
	{"B", 17, starting},
	{"C", 10, balancing},
	{"D", 62, keywords},
	{"E", 6, logging},
	{"F", 14, page},
	{"G", 5, socket},
	{"H", 12, checks},
	{"I", 31, infoFields},
	{"J", 25, statFields},
	{"K", 43, commands},
	{"M", 14, tools},
}

// TestRows runs each row on the reference, then on gohap.
func TestRows(t *testing.T) {
	for _, x := range sections {
		for _, r := range x.rows {
			t.Run(r.id, func(t *testing.T) {
				t.Parallel()
				on(t, "haproxy", oracle.Haproxy, r)
				on(t, "gohap", oracle.Gohap, r)
			})
		}
	}
}

// on runs a row on one program.
func on(t *testing.T, name string, find func() (string, error), r row) {
	t.Run(name, func(t *testing.T) {
		dir, err := os.MkdirTemp("", "rows") // short: a socket's path has 107 bytes
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		s := &subject{T: t, name: name, bin: oracle.Installed(t, find), dir: dir, addrs: map[string]string{}}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("%s: %s\n%s", r.id, r.item, s.saidSoFar())
			}
		})
		r.run(s)
	})
}

// TestListIsWhole: each row has a test or a reason, and one of the two alone.
func TestListIsWhole(t *testing.T) {
	for _, x := range sections {
		tests := map[string]int{}
		for _, r := range x.rows {
			tests[r.id]++
		}
		for i := 1; i <= x.n; i++ {
			id := fmt.Sprint(x.letter, i)
			n := tests[id]
			if reasons[id] != "" {
				n++
			}
			if n != 1 {
				t.Errorf("%s has %d tests and reasons", id, n)
			}
			delete(tests, id)
		}
		for id := range tests {
			t.Errorf("%s is no row", id)
		}
	}
}

// write puts a file into the row's folder and returns its path.
func (s *subject) file(name, text string) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
	return path
}
