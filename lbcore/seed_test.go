package lbcore

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestSeedConfiguration loads the example that started the project. Its old
// forms are taken with a warning that shows the modern one; what is refused is
// refused by name, and is nothing but what this list says.
func TestSeedConfiguration(t *testing.T) {
	text, err := os.ReadFile("../e2e/testdata/seed.cfg")
	if err != nil {
		t.Fatal(err)
	}
	// A user that every machine has, for the one that a package makes.
	text = regexp.MustCompile(`(?m)^( +(?:user|group) +)haproxy$`).ReplaceAll(text, []byte("${1}root"))
	path := t.TempDir() + "/seed.cfg"
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	c, diag := Load(&Options{Stderr: &said, Paths: []string{path}})
	if c != nil {
		t.Error("everything of the example is implemented: empty the list below")
	}
	refused := regexp.MustCompile(`\[[^ ]*/seed\.cfg:(\d+)\] : .*'([a-z -]+)'.* is known to HAProxy, not implemented by gohap`)
	var words []string
	lines := map[string]bool{}
	for _, m := range refused.FindAllStringSubmatch(said.String(), -1) {
		lines[m[1]] = true
	}
	var rest []string
	for i, line := range strings.Split(string(text), "\n") {
		if lines[strconv.Itoa(i+1)] {
			w := strings.Fields(line)
			name := w[0]
			if name == "option" {
				name += " " + w[1]
			}
			if !slices.Contains(words, name) {
				words = append(words, name)
			}
			continue
		}
		rest = append(rest, line)
	}
	want := []string{"stats"}
	if !slices.Equal(words, want) {
		t.Errorf("refused: %v, want %v\n%s", words, want, said.String())
	}
	if n := strings.Count(said.String(), "an old form"); n != 3 || diag.Errors() != len(lines)+2 {
		t.Errorf("%d warnings of old forms, %d errors for %d lines\n%s", n, diag.Errors(), len(lines), said.String())
	}
	said.Reset()
	if c, _ := Load(&Options{Stderr: &said, Builtin: strings.Join(rest, "\n")}); c == nil {
		t.Errorf("without these lines it must load:\n%s", said.String())
	}
}
