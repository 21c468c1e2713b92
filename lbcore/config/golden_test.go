package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gohap/e2e/oracle"
	"gohap/lbcore/keyword"
)

var update = flag.Bool("update", false, "write testdata/golden/*.out from the reference")

// goldenEnv is the whole environment of a golden case.
var goldenEnv = []string{"HOME=/root", "V= a  b\tc ", "E=", "S=x y", "ONE=1", `Q=a"b#c$d\e`, "QB=${ONE}"}

// TestGolden holds every message about testdata/golden against the reference's:
// the committed output always, and the binary itself where it is installed.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/golden/*.[cd]*")
	if err != nil || len(cases) < 100 {
		t.Fatalf("only %d cases (%v)", len(cases), err)
	}
	for _, path := range cases {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			out := strings.TrimSuffix(strings.TrimSuffix(path, ".cfg"), ".d") + ".out"
			if live, ok := oracle.Messages(t, "testdata/golden", name, goldenEnv); ok {
				if *update {
					if err := os.WriteFile(out, []byte(live), 0o644); err != nil {
						t.Fatal(err)
					}
				} else if want := readFile(t, out); live != want {
					t.Errorf("the reference says otherwise than %s:\n%s", out, live)
				}
			}
			want, text := readFile(t, out), input(path)
			if got := runOurs(t, name); got != want {
				t.Errorf("input:\n%s\ngot:\n%s\nwant:\n%s", text, got, want)
			}
		})
	}
}

func input(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func runOurs(t *testing.T, name string) string {
	t.Helper()
	t.Chdir("testdata/golden")
	var out bytes.Buffer
	diag := &Diagnostics{Out: &out, Pid: 1, Version: "x", Path: "y"}
	src := &Source{
		Paths: []string{name}, Env: NewEnviron(goldenEnv), Diag: diag, Facts: referenceFacts(),
		IsSection: func(w string) bool { return slices.Contains(fewSections, w) },
	}
	if src.Load() {
		src.Parse(&fewWords{diag: diag})
	}
	return oracle.Mask(out.Bytes())
}

func referenceFacts() *Facts {
	return &Facts{
		Version: "3.2.26-1", SSLLibrary: "OpenSSL 3.6.5 29 Sep 2026", SSLVersion: "3.6.5",
		Features: map[string]bool{"EPOLL": true},
		Enabled:  map[string]bool{"EPOLL": true, "POLL": true},
	}
}

var fewSections = []string{"global", "userlist", "listen", "frontend", "backend", "defaults"}

// fewWords is a Handler with just the words that the golden cases need.
type fewWords struct{ diag *Diagnostics }

func (h *fewWords) Early(st *Statement) Outcome { return Continue }
func (h *fewWords) EndSection() Outcome         { return Continue }
func (h *fewWords) Section(st *Statement) Outcome {
	if st.Word(1) == "" && st.Words[0] == "userlist" {
		h.diag.Rawf(Alert, "config : parsing [%s]: 'userlist' expects <name> as arguments.", st.Pos)
	}
	return Continue
}

func (h *fewWords) Statement(st *Statement) Outcome {
	word := st.Words[0]
	if st.Section == "userlist" {
		h.diag.Rawf(Alert, "config : parsing [%s]: unknown keyword '%s' in 'userlist' section", st.Pos, word)
		return Continue
	}
	switch word {
	case "description":
		if st.Word(1) == "" {
			h.diag.Rawf(Alert, "config : parsing [%s]: 'description' expects a string argument.", st.Pos)
		}
	default:
		names := append([]string{"listen", "frontend", "backend", "defaults", "peers", "global"}, keyword.KnownNames(keyword.Global)...)
		h.diag.Alertf(st.Pos, "unknown keyword '%s' in '%s' section%s", word, st.Section, keyword.DidYouMean(word, names))
	}
	return Continue
}
