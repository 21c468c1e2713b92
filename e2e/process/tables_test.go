//go:build soak

package process

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

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
	c := dialSoon(t, socket)
	defer c.Close()
	in := bufio.NewReaderSize(c, 1<<20)
	fmt.Fprint(c, "prompt i\nshow info\n")
	pid := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if m := regexp.MustCompile(`^Pid: (\d+)`).FindStringSubmatch(line); m != nil {
			pid, _ = strconv.Atoi(m[1])
		}
		if line == "\n" && pid != 0 {
			break
		}
	}
	before := rss(t, pid)
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
	return rss(t, pid) - before
}

// dialSoon connects to a command socket that is about to be there.
func dialSoon(t *testing.T, socket string) net.Conn {
	began := time.Now()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for range look.C {
		if c, err := net.Dial("unix", socket); err == nil {
			return c
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("not there within 10 s")
		}
	}
	return nil
}

// rss returns the resident bytes of a process.
func rss(t *testing.T, pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
