package process

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gohap/e2e/oracle"
	"gohap/lbcore/clock"
)

// tabled is a program with a table t of addresses with a counter.
type tabled struct {
	t      *testing.T
	socket string
	pid    int
	out    net.Conn // of the command socket, which answers each line
	in     *bufio.Reader
}

func startTabled(t *testing.T, bin string, size int) *tabled {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "cli")
	r := oracle.Start(t, bin, fmt.Sprintf("global\n stats socket %s level admin\n stats timeout 10m\nbackend t\n stick-table type ip size %d expire 1d store conn_cnt\n", socket, size))
	if !oracle.Eventually(20*time.Second, func() bool { said, _ := oracle.Command(socket, "show version"); return said != "" }) {
		t.Fatal("no command socket")
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p := &tabled{t, socket, r.Cmd.Process.Pid, c, bufio.NewReaderSize(c, 1<<20)}
	fmt.Fprint(c, "prompt i\n")
	if line, err := p.in.ReadString('\n'); err != nil || line != "\n" {
		t.Fatalf("prompt i: %q, %v", line, err)
	}
	return p
}

// ask returns the answer to a command, over a connection of its own.
func (p *tabled) ask(text string) string {
	p.t.Helper()
	said, err := oracle.Command(p.socket, text)
	if err != nil {
		p.t.Fatal(err)
	}
	return said
}

// set makes or changes n entries, whose keys follow each other by step.
func (p *tabled) set(n, step int) {
	p.t.Helper()
	go func() { // ends with the last entry, or with the connection
		out := bufio.NewWriterSize(p.out, 1<<16)
		for i := range n {
			i *= step
			fmt.Fprintf(out, "set table t key %d.%d.%d.%d data.conn_cnt %d\n", 10+i>>24, i>>16&255, i>>8&255, i&255, i)
		}
		out.Flush()
	}()
	for range n {
		if line, err := p.in.ReadSlice('\n'); err != nil || len(line) != 1 {
			p.t.Fatalf("set table: %q, %v", line, err)
		}
	}
}

// used fails unless there are n entries.
func (p *tabled) used(n int) {
	p.t.Helper()
	if text := p.ask("show table"); !strings.Contains(text, fmt.Sprintf("used:%d\n", n)) {
		p.t.Fatalf("%q, want %d", text, n)
	}
}

// TestShowTableSlowly has somebody who reads nothing for a while ask for a large
// table: others are answered at once, entries come and go, no memory is taken, and
// in the end he has all that stayed.
func TestShowTableSlowly(t *testing.T) {
	t.Parallel()
	const n = 100_000
	p := startTabled(t, oracle.Installed(t, oracle.Gohap), n)
	p.set(n, 1)
	slow, err := net.Dial("unix", p.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprint(slow, "show table t\n")
	first := make([]byte, 1)
	if _, err := io.ReadFull(slow, first); err != nil || first[0] != '#' {
		t.Fatalf("%q, %v", first, err)
	}
	before := oracle.Resident(t, p.pid)
	began := clock.Mono()
	for range 20 {
		if said := p.ask("show table t key 10.0.0.77"); !strings.Contains(said, "conn_cnt=77\n") {
			t.Fatalf("%q", said)
		}
	}
	if took := time.Duration(clock.Mono() - began); took > 2*time.Second {
		t.Errorf("20 commands took %v meanwhile", took)
	}
	for range 3 {
		p.set(n, 1)
	}
	if grew := oracle.Resident(t, p.pid) - before; grew > 12<<20 { // the garbage of the commands
		t.Errorf("it grew by %d bytes meanwhile", grew)
	}
	p.ask("clear table t key 10.1.134.159") // one of them goes
	p.used(n - 1)
	lines := 0
	in := bufio.NewReader(slow)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%v behind %d lines", err, lines)
		}
		if line == "\n" {
			break
		}
		lines++
	}
	if lines != n && lines != n+1 { // the head and the entries
		t.Errorf("%d lines", lines)
	}
	if said := p.ask("show table t data.conn_cnt eq 5"); !strings.Contains(said, "key=10.0.0.5 use=0 ") {
		t.Errorf("%q", said)
	}
}
