package config

import (
	"bytes"
	"flag"
	"slices"
	"testing"

	"gohap/e2e/oracle"
	"gohap/lbcore/keyword"
)

var update = flag.Bool("update", false, "write testdata/golden/*.out from the reference")

// goldenEnv is the whole environment of a golden case.
var goldenEnv = []string{"HOME=/root", "V= a  b\tc ", "E=", "S=x y", "ONE=1", `Q=a"b#c$d\e`, "QB=${ONE}"}

// TestGolden holds every message about testdata/golden against the reference's.
func TestGolden(t *testing.T) {
	oracle.Golden{Dir: "testdata/golden", Pattern: "*.[cd]*", Least: 100, Env: goldenEnv, Update: *update, Ours: runOurs}.Run(t)
}

func runOurs(_ *testing.T, name string) string {
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
