package build_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gohap/lbcore/build"
	"gohap/lbcore/catalog"
	"gohap/lbcore/config"
)

// loadGood builds a configuration that has to be good.
func loadGood(t *testing.T, text string) *build.Result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cfg")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	diag := &config.Diagnostics{Out: &out, Pid: 1, Version: "x", Path: "y"}
	env := config.NewEnviron(nil)
	b := build.New(catalog.New(), diag, env)
	src := &config.Source{Paths: []string{file}, Env: env, Diag: diag,
		Facts: &config.Facts{Version: "3.2.0"}, IsSection: b.IsSection, Refused: b.Refused}
	if src.Load() && src.Parse(b) {
		if r := b.Finish(); r != nil {
			return r
		}
	}
	t.Fatalf("%s\nis refused:\n%s", text, out.String())
	return nil
}

// TestProxyIDs holds the automatic numbers of proxies, which statistics, state
// files and hashes show. Reference: the proxy of the command sockets has one of
// them, taken where the first stats line of a global section stands.
func TestProxyIDs(t *testing.T) {
	const stats = "global\n stats socket /run/x.sock\n"
	proxy := func(name string, lines ...string) string {
		text := "backend " + name + "\n mode http\n timeout connect 1s\n timeout server 1s\n"
		for _, l := range lines {
			text += " " + l + "\n"
		}
		return text
	}
	for _, tt := range []struct{ what, text, want string }{
		{"no command socket", proxy("a") + proxy("b"), "a 1 b 2 "},
		{"a command socket", stats + proxy("a") + proxy("b"), "a 2 b 3 "},
		{"two of them", stats + " stats socket /run/y.sock\n" + proxy("a"), "a 2 "},
		{"its other words", "global\n stats timeout 10s\n stats maxconn 9\n" + proxy("a"), "a 2 "},
		{"behind a proxy", proxy("a") + stats + proxy("b"), "a 1 b 3 "},
		{"a number of its own", proxy("a", "id 2") + proxy("b"), "a 2 b 3 "},
		{"the first number", proxy("a", "id 1") + proxy("b"), "a 1 b 2 "},
		{"taken by the next", stats + proxy("a", "id 3") + proxy("b"), "a 3 b 4 "},
	} {
		got := ""
		for _, p := range loadGood(t, tt.text).Proxies {
			got += fmt.Sprintf("%s %d ", p.Name, p.ID)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}
