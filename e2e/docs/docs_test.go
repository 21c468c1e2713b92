package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gohap/e2e/oracle"
	"gohap/lbcore/catalog"
	"gohap/lbcore/keyword"
	"gohap/node"
)

func TestRender(t *testing.T) {
	set := keyword.NewSet()
	set.Add(
		keyword.Row{Class: keyword.Proxy, Name: "zword", Where: keyword.InProxies, Args: "[a|b]", Summary: "z",
			Flags: keyword.Negatable | keyword.Deprecated, Instead: "aword", Good: []keyword.Example{{Config: "zword a"}}},
		keyword.Row{Class: keyword.Proxy, Name: "aword", Where: keyword.InBackends, Summary: "a"},
		keyword.Row{Class: keyword.Fetch, Name: "f", Out: "str", Summary: "f", Good: []keyword.Example{
			{Config: "f(`)", Out: ""}, {Config: "f(x)", In: "GET / HTTP/1.1\nhost: h", Out: "y"}}},
	)
	var out bytes.Buffer
	render(&out, set)
	for _, want := range []string{
		"- [proxy-keywords](#proxy-keywords): 2\n",
		"| word | where | arguments | what it does | example | notes |\n| --- | --- | --- | --- | --- | --- |\n" +
			"| `aword` | defaults, listen, backend |  | a |  |  |\n" +
			"| `zword` | any proxy | `[a\\|b]` | z | `zword a` | takes `no`; deprecated → aword |\n",
		"| word | in → out | what it does | example |\n| --- | --- | --- | --- |\n| `f` | → str | f | `f(x)` → `y` on `GET / HTTP/1.1` |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not found: %s\nin:\n%s", want, out.String())
		}
	}
	if got := code("a`b"); got != "`` a`b ``" {
		t.Error(got)
	}
}

// TestUpToDate holds the committed file against the rows.
func TestUpToDate(t *testing.T) {
	var want bytes.Buffer
	render(&want, catalog.New(node.Register))
	if got := committed(t, target); got != want.String() {
		t.Errorf("%s is not what the rows say: run make docs", target)
	}
}

// TestWithoutEffect wants every word that is checked and ignored told.
func TestWithoutEffect(t *testing.T) {
	set, text := catalog.New(node.Register), committed(t, "docs/differences.md")
	for _, class := range set.Classes() {
		for _, r := range set.Rows(class) {
			if r.Flags&keyword.NoEffect != 0 && !strings.Contains(text, "`"+r.Name+"`") {
				t.Errorf("docs/differences.md does not name %s %s, a word without effect", class, r.Name)
			}
		}
	}
}

func committed(t *testing.T, name string) string {
	t.Helper()
	root, err := oracle.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
