package build_test

import (
	"bytes"
	"flag"
	"regexp"
	"testing"

	"gohap/e2e/oracle"
	"gohap/lbcore/build"
	"gohap/lbcore/catalog"
	"gohap/lbcore/config"
)

var update = flag.Bool("update", false, "write testdata/golden/*.out from the reference")

// actions is the list of a rule set's actions: each new one is in it.
var actions = regexp.MustCompile(`expects '.*' and '.*', but got`)

// TestGolden holds every message about a configuration against the reference's.
func TestGolden(t *testing.T) {
	oracle.Golden{
		Dir: "testdata/golden", Pattern: "*.cfg", Least: 40, Env: []string{}, Update: *update, Ours: runOurs,
		Blur: func(text string) string { return actions.ReplaceAllString(text, "expects … but got") },
	}.Run(t)
}

func runOurs(_ *testing.T, name string) string {
	var out bytes.Buffer
	diag := &config.Diagnostics{Out: &out, Pid: 1, Version: "x", Path: "y"}
	env := config.NewEnviron(nil)
	b := build.New(catalog.New(), diag, env)
	src := &config.Source{Paths: []string{name}, Env: env, Diag: diag,
		Facts: &config.Facts{Version: "3.2.0"}, IsSection: b.IsSection, Refused: b.Refused}
	if src.Load() && src.Parse(b) {
		b.Finish()
	}
	return oracle.Mask(out.Bytes())
}
