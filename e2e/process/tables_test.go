//go:build soak

package process

import (
	"os"
	"strconv"
	"testing"

	"gohap/e2e/oracle"
)

// TestTableMemory: 10 million entries (or TABLE_ENTRIES of them) of a table of
// addresses with one counter take no more memory than the reference's.
func TestTableMemory(t *testing.T) {
	n := 10_000_000
	if text := os.Getenv("TABLE_ENTRIES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	theirs := fillTable(t, oracle.Installed(t, oracle.Haproxy), n)
	ours := fillTable(t, oracle.Installed(t, oracle.Gohap), n)
	t.Logf("bytes an entry: reference %d, gohap %d", theirs/n, ours/n)
	if ours > theirs {
		t.Errorf("%d entries take %d bytes, the reference's %d", n, ours, theirs)
	}
}

// fillTable starts a program and returns by how many bytes it grew for n entries.
// What the commands themselves take, whatever the table, is there before.
func fillTable(t *testing.T, bin string, n int) int {
	p := startTabled(t, bin, n)
	p.set(100_000, 0)
	before := oracle.Resident(t, p.pid)
	p.set(n, 1)
	p.used(n)
	grew := oracle.Resident(t, p.pid) - before
	p.out.Close()
	return grew
}
