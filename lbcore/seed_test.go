package lbcore

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSeedConfiguration loads the example that started the project, whole. Its old
// forms are taken with a warning that shows the modern one.
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
	if c == nil || diag.Errors() != 0 {
		t.Fatalf("%d errors\n%s", diag.Errors(), said.String())
	}
	if n := strings.Count(said.String(), "an old form"); n != 3 || diag.Warnings() != 6 { // and two words without a meaning, one option that overrides
		t.Errorf("%d warnings of old forms, %d in all\n%s", n, diag.Warnings(), said.String())
	}
	if !c.Global.Launch.Daemon || c.Global.Confinement.Chroot != "/var/lib/haproxy" || len(c.Proxies) == 0 {
		t.Errorf("launch %+v, confinement %+v, %d proxies", c.Global.Launch, c.Global.Confinement, len(c.Proxies))
	}
}
