package catalog

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"gohap/lbcore/keyword"
)

// TestDumpIsTheReferences holds the lines of -dKsmp, -dKcnv and -dKacl, with arguments,
// types and the columns of places, against the reference's own dump.
func TestDumpIsTheReferences(t *testing.T) {
	text, err := os.ReadFile("../keyword/testdata/dk-all.txt")
	if err != nil {
		t.Fatal(err)
	}
	theirs := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		theirs[strings.TrimSpace(line)] = true
	}
	for _, class := range []string{"smp", "cnv", "acl"} {
		var out bytes.Buffer
		if err := keyword.Dump(&out, New(), []string{class}); err != nil {
			t.Fatal(err)
		}
		rows := 0
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			rows++
			if line = strings.TrimSpace(line); !theirs[line] {
				t.Errorf("%s: the reference has no line %q", class, line)
			}
		}
		if rows < 20 {
			t.Errorf("%s: only %d lines", class, rows)
		}
	}
}
