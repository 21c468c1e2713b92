package peers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gohap/e2e/oracle"
	"gohap/stick"
)

// sections is a section of two peers with a table of each kind. Where says where
// peer a and peer b are.
func sections(a, b, options string) string {
	const size = " size 200k expire 1h store "
	return "peers p\n peer a " + a + options + "\n peer b " + b + options + `
 table s type string len 20` + size + `server_id,gpt0,gpc0,gpc0_rate(60s),gpc1,gpc1_rate(60s),conn_cnt,conn_rate(60s),sess_cnt,sess_rate(60s),http_req_cnt,http_req_rate(60s),http_err_cnt,http_err_rate(60s),http_fail_cnt,http_fail_rate(60s),bytes_in_cnt,bytes_in_rate(60s),bytes_out_cnt,bytes_out_rate(60s),glitch_cnt,glitch_rate(60s)
 table r type ipv6` + size + `gpt(2),gpc(2),gpc_rate(2,60s)
 table i type integer` + size + `gpc0
backend bk
 stick-table type ip` + size + `gpc0,http_req_cnt peers p
`
}

// put is a value that one side is given.
type put struct {
	table, key, data string
	n                uint64
}

var scalars = []string{"server_id", "gpt0", "gpc0", "gpc0_rate", "gpc1", "gpc1_rate", "conn_cnt", "conn_rate", "sess_cnt", "sess_rate", "http_req_cnt", "http_req_rate",
	"http_err_cnt", "http_err_rate", "http_fail_cnt", "http_fail_rate", "bytes_in_cnt", "bytes_in_rate", "bytes_out_cnt", "bytes_out_rate", "glitch_cnt", "glitch_rate"}

func everything() (all []put) {
	for i, d := range scalars {
		all = append(all, put{"p/s", string(rune('a'+i)) + strings.Repeat("x", i%20), d, uint64(1000 + i)}) // keys of 1 to 20 bytes
	}
	all = append(all, put{"p/s", "wide", "bytes_in_cnt", 5_000_000_000}, put{"p/s", "most", "gpc0", 1<<32 - 1},
		put{"p/r", "2001:db8::1", "gpt[1]", 5}, put{"p/r", "2001:db8::1", "gpc[0]", 6}, put{"p/r", "2001:db8::2", "gpc_rate[1]", 7},
		put{"p/i", "4294967295", "gpc0", 3}, put{"p/i", "0", "gpc0", 240}, put{"bk", "192.0.2.1", "http_req_cnt", 2287}, put{"bk", "192.0.2.2", "gpc0", 2288})
	return all
}

// differ says what the first difference is, "" for none.
func differ[V any](a, b map[string]V) string {
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if v, ok := b[k]; !ok || !reflect.DeepEqual(a[k], v) {
			return fmt.Sprintf("%s: %v here, %v there (%t)", k, a[k], v, ok)
		}
	}
	if len(b) > len(a) {
		return fmt.Sprintf("%d entries here, %d there", len(a), len(b))
	}
	return ""
}

// alike compares tables of both sides and says what differs.
func alike(a, b node, tables ...string) string {
	for _, name := range tables {
		if diff := differ(a.dump(name), b.dump(name)); diff != "" {
			return name + ": " + diff
		}
	}
	return ""
}

var shared = []string{"p/s", "p/r", "p/i", "bk"}

// pair starts both, gohap as peer b or a, first or second; before runs between.
func pair(t *testing.T, role string, gohapFirst bool, where func(h, g func()), options string) (*haproxy, *gohap) {
	t.Helper()
	text := sections(oracle.FreeAddress(t), oracle.FreeAddress(t), options)
	other := map[string]string{"a": "b", "b": "a"}[role]
	var h *haproxy
	var g *gohap
	startH := func() { h = startHaproxy(t, other, text) }
	startG := func() { g = startGohap(t, role, text) }
	if where != nil {
		where(startH, startG)
	} else if gohapFirst {
		startG()
		startH()
	} else {
		startH()
		startG()
	}
	return h, g
}

// TestEveryDatum sets each kind of data on one side, which the other one is to have.
func TestEveryDatum(t *testing.T) {
	for _, role := range []string{"a", "b"} {
		for _, gohapFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("gohap %s first %t", role, gohapFirst), func(t *testing.T) {
				t.Parallel()
				h, g := pair(t, role, gohapFirst, nil, "")
				for _, p := range everything() { // one side each, by turns
					h.put(p.table, p.key, p.data, p.n)
				}
				eventually(t, "gohap has what the reference was told", func() string { return alike(h, g, shared...) })
				if n := len(g.dump("p/s")); n != len(scalars)+2 {
					t.Errorf("%d entries", n)
				}
				for _, p := range everything() {
					g.put(p.table, p.key+map[string]string{"p/s": "", "p/r": "9", "p/i": "", "bk": "9"}[p.table], p.data, p.n+7)
				}
				eventually(t, "the reference has what gohap was told", func() string { return alike(g, h, shared...) })
				if n := g.dump("bk")["192.0.2.19"]["http_req_cnt"]; n != 2294 {
					t.Errorf("http_req_cnt is %d", n)
				}
				h.sound(t)
			})
		}
	}
}

// fill gives a side many entries.
func fill(n node, from, to int) {
	var h *haproxy
	var b strings.Builder
	h, _ = n.(*haproxy)
	for i := from; i < to; i++ {
		key := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		if h == nil {
			n.put("bk", key, "gpc0", uint64(i+1))
			continue
		}
		fmt.Fprintf(&b, "set table bk key %s data.gpc0 %d;", key, i+1)
		if b.Len() > 12000 || i == to-1 {
			h.ask(b.String())
			b.Reset()
		}
	}
}

// count returns how many entries there are with the right value.
func count(n node) (right int) {
	for key, held := range n.dump("bk") {
		var a, b, c, d int
		if _, err := fmt.Sscanf(key, "%d.%d.%d.%d", &a, &b, &c, &d); err == nil && held["gpc0"] == uint64(b<<16|c<<8|d)+1 {
			right++
		}
	}
	return right
}

// TestResync starts one side when the other one has many entries.
func TestResync(t *testing.T) {
	for _, gohapLearns := range []bool{true, false} {
		t.Run(fmt.Sprintf("gohap learns %t", gohapLearns), func(t *testing.T) {
			t.Parallel()
			text := sections(oracle.FreeAddress(t), oracle.FreeAddress(t), "")
			var from, to node
			var h *haproxy
			if gohapLearns {
				h = startHaproxy(t, "a", text)
				from = h
				fill(from, 0, entries)
				to = startGohap(t, "b", text)
			} else {
				from = startGohap(t, "b", text)
				fill(from, 0, entries)
				h = startHaproxy(t, "a", text)
				to = h
			}
			eventually(t, "all entries are there", func() string {
				if n := count(to); n != entries {
					return fmt.Sprintf("%d of %d", n, entries)
				}
				return ""
			})
			h.sound(t)
		})
	}
}

// TestKilled kills each side; it returns and learns what it had.
func TestKilled(t *testing.T) {
	t.Parallel()
	text := sections(oracle.FreeAddress(t), oracle.FreeAddress(t), "")
	h, g := startHaproxy(t, "a", text), startGohap(t, "b", text)
	for _, p := range everything() {
		h.put(p.table, p.key, p.data, p.n)
	}
	eventually(t, "gohap has all", func() string { return alike(h, g, shared...) })
	was := g.dump("p/s")
	h.stop()
	h = startHaproxy(t, "a", text)
	eventually(t, "the reference has all again", func() string { return differ(was, h.dump("p/s")) })
	g.stop()
	g = startGohap(t, "b", text)
	eventually(t, "gohap has all again", func() string { return differ(was, g.dump("p/s")) })
	g.put("bk", "192.0.2.7", "gpc0", 70)
	eventually(t, "both go on", func() string { return alike(h, g, shared...) })
	h.sound(t)
}

// TestReload reloads each side while the other one is away: the old process
// teaches the new one.
func TestReload(t *testing.T) {
	t.Parallel()
	text := sections(oracle.FreeAddress(t), oracle.FreeAddress(t), "")
	g := startGohap(t, "b", text)
	for _, p := range everything() {
		g.put(p.table, p.key, p.data, p.n)
	}
	was := g.dump("p/s")
	g.reload()
	eventually(t, "the new instance has all", func() string { return differ(was, g.dump("p/s")) })
	h := startHaproxy(t, "a", text)
	eventually(t, "the reference has all", func() string { return alike(g, h, shared...) })
	g.reload()
	g.put("bk", "192.0.2.7", "gpc0", 70)
	eventually(t, "the reference goes on", func() string { return alike(g, h, shared...) })
	next := startHaproxy(t, "a", text, "-x", h.socket, "-sf", fmt.Sprint(h.run.Cmd.Process.Pid))
	g.put("bk", "192.0.2.8", "gpc0", 80)
	next.put("bk", "192.0.2.9", "gpc0", 90)
	eventually(t, "the reference was reloaded", func() string { return alike(g, next, shared...) })
	next.sound(t)
}

// TestTransports speaks over TLS and over unix sockets.
func TestTransports(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	crt := oracle.Certificate(t, "peer.example", key)
	dir := t.TempDir()
	tls := func(local, remote, name string) string {
		return "peers p\n bind " + local + " ssl crt " + crt + "\n default-server ssl verify none\n server " + name + "\n server " + map[string]string{"a": "b", "b": "a"}[name] + " " + remote +
			"\n table s type string len 20 size 100 store gpc0\n"
	}
	unix := "peers p\n peer a unix@" + dir + "/a\n peer b unix@" + dir + "/b\n table s type string len 20 size 100 store gpc0\n"
	a, b := oracle.FreeAddress(t), oracle.FreeAddress(t)
	for _, c := range []struct{ name, a, b string }{{"tls", tls(a, b, "a"), tls(b, a, "b")}, {"unix", unix, unix}} {
		t.Run(c.name, func(t *testing.T) {
			h, g := startHaproxy(t, "a", c.a), startGohap(t, "b", c.b)
			h.put("p/s", "one", "gpc0", 1)
			g.put("p/s", "two", "gpc0", 2)
			eventually(t, "both have both", func() string {
				if len(h.dump("p/s")) != 2 {
					return "the reference lacks one"
				}
				return alike(h, g, "p/s")
			})
			h.sound(t)
		})
	}
}

// TestServerKeys tells servers' names, each once by the dictionary.
func TestServerKeys(t *testing.T) {
	t.Parallel()
	text := "peers p\n peer a " + oracle.FreeAddress(t) + "\n peer b " + oracle.FreeAddress(t) + "\n table s type string len 20 size 1k store server_key,server_id\n"
	h, g := startHaproxy(t, "a", text), startGohap(t, "b", text)
	tab := g.table("p/s")
	r := mathrand.New(mathrand.NewPCG(1, 2))
	want := map[string]string{}
	for i := range 500 { // more servers than the dictionary has room for
		key, server := fmt.Sprint("k", i), fmt.Sprint("server", r.IntN(200))
		want[key] = server
		e := g.entry(tab, key)
		e.SetText(stick.ServerKey, server)
		e.Touch(ms())
		e.Changed()
		e.Release()
	}
	eventually(t, "the reference knows the servers", func() string {
		got := map[string]string{}
		for line := range strings.SplitSeq(h.ask("show table p/s"), "\n") {
			if _, line, ok := strings.Cut(line, " key="); ok {
				key, _, _ := strings.Cut(line, " ")
				_, got[key], _ = strings.Cut(line, "server_key=")
			}
		}
		return differ(want, got)
	})
	h.sound(t)
	// Another one of ours learns them from the reference.
	g.stop()
	g = startGohap(t, "b", text)
	eventually(t, "gohap learns them from the reference", func() string {
		got := map[string]string{}
		tab := g.table("p/s")
		tab.Walk(ms(), func(e stick.Entry) bool {
			got[string(tab.AppendKey(nil, e.Key()))] = e.Text(stick.ServerKey)
			return true
		})
		return differ(want, got)
	})
}
