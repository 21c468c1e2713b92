package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gohap/cluster/bundle"
)

// TestFirstServed: a node serves what it served last, its own files where there is no
// such thing or it is not good any more; of its own it knows what was read.
func TestFirstServed(t *testing.T) {
	const text = "defaults\n timeout client 5s\n timeout connect 5s\n timeout server 5s\n mode http\nfrontend f\n bind unix@%s\n http-request return status 200\n"
	for _, c := range []struct{ name, last, want string }{
		{"nothing before", "", "own.cfg"},
		{"a good one", text, "last.cfg"},
		{"one that is not good any more", "frontend f\n bind nonsense\n", "own.cfg"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := prepare(t)
			dir := t.TempDir()
			own := filepath.Join(dir, "own.cfg")
			sock := filepath.Join(dir, "s")
			if err := os.WriteFile(own, []byte(strings.Replace(text, "%s", sock, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			s.flags.paths = []string{own}
			data := filepath.Join(dir, "data")
			if c.last != "" {
				store, err := bundle.Open(filepath.Join(data, "contents"))
				if err != nil {
					t.Fatal(err)
				}
				m, err := store.Gather("", []string{"/x/last.cfg"}, map[string][]byte{"/x/last.cfg": []byte(strings.Replace(c.last, "%s", sock, 1))})
				if err != nil {
					t.Fatal(err)
				}
				if err := bundle.WriteLast(filepath.Join(data, "last.json"), &bundle.Last{Generation: 3, Manifest: *m}); err != nil {
					t.Fatal(err)
				}
			}
			s.fleet = newFleet(s.process, &joinFlags{dir: data, track: filepath.Join(dir, "track")})
			if err := s.fleet.open(); err != nil {
				t.Fatal(err)
			}
			if _, ok := s.open(s.options(s.said)); !ok {
				t.Fatal(s.said.String())
			}
			s.in.Run()
			defer s.in.Stop()
			if got := filepath.Base(s.in.Config.Names[0]); got != c.want {
				t.Errorf("%s is served", got)
			}
			if s.fleet.record != nil { // as start does
				if g := s.in.Config.Recorded(s.fleet.record); len(g.Main) != 1 || g.Main[0] != own || len(g.Files[own]) == 0 {
					t.Errorf("%+v", g)
				}
			}
		})
	}
}
