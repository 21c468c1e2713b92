//go:build soak

package process

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
func fillTable(t *testing.T, bin string, n int) int {
	socket := filepath.Join(t.TempDir(), "cli")
	r := oracle.Start(t, bin, fmt.Sprintf("global\n stats socket %s level admin\n stats timeout 10m\nbackend t\n stick-table type ip size %d expire 1d store conn_cnt\n", socket, n))
	defer r.Stop()
	if !oracle.Eventually(patience, func() bool { return answer(socket, "show version") != "" }) {
		t.Fatal("no command socket")
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReaderSize(c, 1<<20)
	fmt.Fprint(c, "prompt i\n")
	if line, err := in.ReadString('\n'); err != nil || line != "\n" {
		t.Fatalf("prompt i: %q, %v", line, err)
	}
	before := oracle.Resident(t, r.Cmd.Process.Pid)
	go func() { // ends with the last entry, or with the connection
		out := bufio.NewWriterSize(c, 1<<16)
		for i := range n {
			fmt.Fprintf(out, "set table t key %d.%d.%d.%d data.conn_cnt %d\n", 10+i>>24, i>>16&255, i>>8&255, i&255, i)
		}
		out.Flush()
	}()
	for range n {
		if line, err := in.ReadSlice('\n'); err != nil || len(line) != 1 {
			t.Fatalf("set table: %q, %v", line, err)
		}
	}
	fmt.Fprint(c, "show table\n")
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, fmt.Sprintf("used:%d", n)) {
		t.Fatalf("%q, %v", line, err)
	}
	return oracle.Resident(t, r.Cmd.Process.Pid) - before
}
