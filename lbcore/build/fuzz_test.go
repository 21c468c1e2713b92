package build_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gohap/lbcore/build"
	"gohap/lbcore/catalog"
	"gohap/lbcore/config"
)

// FuzzConfiguration: any text is a configuration or gives an error, the same
// one each time, and the words that are registered stay as they were.
func FuzzConfiguration(f *testing.F) {
	cases, err := filepath.Glob("testdata/golden/*.cfg")
	if err != nil || len(cases) < 40 {
		f.Fatalf("only %d cases (%v)", len(cases), err)
	}
	for _, path := range cases {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	// No name server is asked.
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no network here")
	}}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "/") && (strings.Contains(text, "dev") || strings.Contains(text, "proc")) {
			return // files that do not end
		}
		first, failed := load(text)
		if again, _ := load(text); again != first {
			t.Fatalf("%q gives\n%s\nthen\n%s", text, first, again)
		}
		if failed != strings.Contains(first, "[ALERT]") {
			t.Fatalf("%q: failed %v, and says\n%s", text, failed, first)
		}
	})
}

// load builds text and returns what was said, and whether it was refused.
func load(text string) (said string, failed bool) {
	var out bytes.Buffer
	diag := &config.Diagnostics{Out: &out, Pid: 1, Version: "x", Path: "y"}
	env := config.NewEnviron(nil)
	b := build.New(catalog.New(), diag, env)
	src := &config.Source{Env: env, Diag: diag, Facts: &config.Facts{Version: "3.2.0"}, IsSection: b.IsSection, Refused: b.Refused}
	src.Add("cfg", text)
	ok := src.Load() && src.Parse(b)
	if ok {
		b.Finish()
	}
	return out.String(), !ok || diag.Errors() > 0
}
