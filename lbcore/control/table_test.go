package control

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/stick"
)

// tablesHost is what commands on tables act on.
type tablesHost struct{ c *Control }

func (h tablesHost) Control() *Control { return h.c }

// fewTables makes a table of each kind of key.
func fewTables(t testing.TB) (all []*proxy.Table) {
	one := func(name string, key stick.KeyType, n int, store ...stick.Stored) {
		table, err := stick.New(stick.Config{Name: name, Key: key, KeyLen: n, Size: 20, Expire: 3600000, Store: store}, clock.Millis())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &proxy.Table{Table: table})
	}
	const hour = 3600000
	one("ip", stick.KeyIPv4, 0, stick.Stored{Data: stick.GPC0, N: 1}, stick.Stored{Data: stick.GPC0Rate, N: 1, Period: hour}, stick.Stored{Data: stick.BytesInCnt, N: 1}, stick.Stored{Data: stick.ServerID, N: 1}, stick.Stored{Data: stick.ServerKey, N: 1})
	one("ipv6", stick.KeyIPv6, 0, stick.Stored{Data: stick.ConnCur, N: 1})
	one("string", stick.KeyString, 8, stick.Stored{Data: stick.GPC, N: 3}, stick.Stored{Data: stick.GPT, N: 2}, stick.Stored{Data: stick.GPCRate, N: 2, Period: hour})
	one("integer", stick.KeyInteger, 0)
	one("binary", stick.KeyBinary, 4, stick.Stored{Data: stick.GPC0, N: 1})
	return all
}

// serveTables answers commands on tables over a unix socket.
func serveTables(t testing.TB, tables []*proxy.Table) (in *bufio.Reader, out net.Conn) {
	set := keyword.NewSet()
	cli.Register(set)
	registerTables(set)
	s := &cli.Server{Commands: cli.NewCommands(set, cli.OfWorker), Host: tablesHost{&Control{Words: set, Tables: tables}}}
	k := cli.Socket{Network: "unix", Address: filepath.Join(t.TempDir(), "s"), Level: cli.Admin, UID: -1, GID: -1}
	l, err := cli.Listen(k)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = s.Serve(l, k); close(done) }()
	t.Cleanup(func() { s.Close(); <-done })
	if out, err = net.Dial("unix", k.Address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	fmt.Fprint(out, "prompt i\n")
	in = bufio.NewReader(out)
	if line, err := in.ReadString('\n'); err != nil || line != "\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return in, out
}

// FuzzTableCommands: whatever words stand behind a command on tables, it is
// answered, nobody holds an entry afterwards, and what the tables hold can be shown:
// one line an entry, whose key is found again.
func FuzzTableCommands(f *testing.F) {
	tables := fewTables(f)
	in, out := serveTables(f, tables)
	for _, s := range []string{
		"key 192.0.2.1 data.gpc0 5 data.gpc0_rate 6 data.bytes_in_cnt 99999999999 data.server_id -2 data.server_key 1", "key ::ffff:192.0.2.1", "key abc\\ d data.gpc[2] 1 data.gpt[0] 3 data.gpc_rate[1] 9",
		"data.gpc0 gt 4 data.gpc0_rate le 5", "data.gpc[1] eq 0 data.gpt[9] ne 1", "ptr 0x1", "ptr 0x1 data.gpc0 7", "key 01020304", "key -1", "", "data.gpc0", "key", "ptr 0xffffffffffffffffffff", "data.gpc[-1] ge -",
	} {
		for verb := range 3 {
			for table := range tables {
				f.Add(verb, table, s)
			}
		}
	}
	f.Fuzz(func(t *testing.T, verb, table int, words string) {
		if strings.ContainsAny(words, "\n\r;<\x00") || len(words) > 8000 || strings.HasSuffix(words, "\\") {
			return // another command, or one whose end is elsewhere: the engine's own fuzzing
		}
		name := tables[uint(table)%uint(len(tables))].Name
		_ = out.SetDeadline(clock.Wall().Add(20 * time.Second))
		answer := func(command string) (lines []string) {
			fmt.Fprint(out, command+"\n")
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					t.Fatalf("%q: %v behind %q", command, err, lines)
				}
				if line == "\n" {
					return lines
				}
				lines = append(lines, line)
			}
		}
		answer([]string{"show", "set", "clear"}[uint(verb)%3] + " table " + name + " " + words)
		for _, table := range tables {
			n := 0
			table.Walk(clock.Millis(), func(e stick.Entry) bool {
				if n++; e.Holds() != 1 {
					t.Errorf("behind %q the key %q is held %d times", words, e.Key(), e.Holds())
				}
				if table.Config.Key != stick.KeyString { // of which a part may be escaped
					if key, err := table.ParseKey(string(table.AppendKey(nil, e.Key()))); err != nil || string(key) != string(e.Key()) {
						t.Errorf("the key %q is shown as %q, which is %q (%v)", e.Key(), table.AppendKey(nil, e.Key()), key, err)
					}
				}
				return true
			})
			if lines := answer("show table " + table.Name); len(lines) != n+1 || !strings.HasPrefix(lines[0], "# table: "+table.Name+", type: ") {
				t.Errorf("behind %q table %s of %d entries is shown as %q", words, table.Name, n, lines)
			}
		}
	})
}
