package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gohap/e2e/oracle"
)

// TestUnit has systemd read the unit, with the program where it was built.
func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed: make deps on a machine with systemd")
	}
	root, err := oracle.Root()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs/deploy/gohap-node.service"))
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "gohap-node.service")
	built := strings.ReplaceAll(string(text), "/usr/sbin/gohap-node", bin)
	if built == string(text) {
		t.Fatal("the unit does not start /usr/sbin/gohap-node")
	}
	verify := func(text string) (string, error) {
		if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "verify", unit).CombinedOutput()
		return string(out), err
	}
	if out, err := verify(built); err != nil || strings.Contains(out, unit) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := verify(strings.ReplaceAll(built, bin, "/nonexistent/gohap-node")); err == nil {
		t.Error("a unit that is wrong passes: the check shows nothing")
	}
}
