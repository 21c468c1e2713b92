package peers

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"gohap/e2e/oracle"
	"gohap/lbcore/clock"
	"gohap/peers"
	"gohap/stick"
)

// TestShards distributes the keys of tables of each kind to three peers, of which
// two are there: both programs send the same keys to the same peer, each to one.
func TestShards(t *testing.T) {
	t.Parallel()
	tables := []string{"s", "i", "a", "b"}
	// got is what peers b and c hold by table, with the sender a of one kind and
	// them of the other.
	got := func(start func(name, text string) node, others func(name, text string) node) (all [2]map[string]bool) {
		a, b, c, d := oracle.FreeAddress(t), oracle.FreeAddress(t), oracle.FreeAddress(t), oracle.FreeAddress(t)
		text := "peers p\n shards 3\n bind " + a + "\n server a\n server b " + b + " shard 1\n server c " + c + " shard 2\n server d " + d + " shard 3\n"
		alone := "peers p\n peer a " + a + "\n peer %s %s\n"
		more := " table s type string len 20 size 1k store gpc0\n table i type integer size 1k store gpc0\n table a type ipv6 size 1k store gpc0\n table b type ip size 1k store gpc0\n"
		from := start("a", text+more)
		to := [2]node{others("b", fmt.Sprintf(alone, "b", b)+more), others("c", fmt.Sprintf(alone, "c", c)+more)}
		for i := range 100 {
			from.put("p/s", fmt.Sprint("key", i), "gpc0", 1)
			from.put("p/i", fmt.Sprint(i*1000003), "gpc0", 1)
			from.put("p/a", fmt.Sprintf("2001:db8::%x", i+1), "gpc0", 1)
			from.put("p/b", fmt.Sprintf("192.0.2.%d", i), "gpc0", 1)
		}
		for i, n := range to {
			last := -1
			eventually(t, "no more keys come", func() string {
				all[i] = map[string]bool{}
				for _, table := range tables {
					for key := range n.dump("p/" + table) {
						all[i][table+" "+key] = true
					}
				}
				was := last
				if last = len(all[i]); last < 60 || last != was {
					<-time.After(time.Second)
					return fmt.Sprint(last)
				}
				return ""
			})
		}
		return all
	}
	reference := func(name, text string) node { return startHaproxy(t, name, text) }
	ours := func(name, text string) node { return startGohap(t, name, text) }
	theirs, mine := got(reference, ours), got(ours, reference)
	for i := range theirs {
		if !maps.Equal(theirs[i], mine[i]) {
			t.Errorf("peer %d: the reference sends %d keys, gohap %d others: %v, %v", i, len(theirs[i]), len(mine[i]), slices.Sorted(maps.Keys(theirs[i]))[:3], slices.Sorted(maps.Keys(mine[i]))[:3])
		}
	}
	for key := range mine[0] {
		if mine[1][key] {
			t.Errorf("%s went to both", key)
		}
	}
}

// TestPresentConnections: what is counted at present is told, and learned by tables
// that only receive.
func TestPresentConnections(t *testing.T) {
	t.Parallel()
	text := "peers p\n peer a " + oracle.FreeAddress(t) + "\n peer b " + oracle.FreeAddress(t) + "\n table own type string size 100 store conn_cur,gpc0\n table sum type string size 100 recv-only store conn_cur,gpc0\n"
	h, g := startHaproxy(t, "a", text), startGohap(t, "b", text)
	for i, table := range []string{"p/own", "p/sum"} {
		want := uint64(5 * i) // learned by the second alone
		h.put(table, "theirs", "conn_cur", 5)
		h.put(table, "theirs", "gpc0", 1)
		g.put(table, "ours", "conn_cur", 5)
		g.put(table, "ours", "gpc0", 1)
		eventually(t, table, func() string {
			here, there := g.dump(table)["theirs"], h.dump(table)["ours"]
			if here["gpc0"] != 1 || there["gpc0"] != 1 || here["conn_cur"] != want || there["conn_cur"] != want {
				return fmt.Sprint(here, there)
			}
			return ""
		})
	}
	h.sound(t)
}

// TestKeyLengths tells of text and binary keys of the longest length and of longer
// ones, where lengths need one byte on the wire and two.
func TestKeyLengths(t *testing.T) {
	t.Parallel()
	lengths := []int{1, 8, 31, 32, 238, 239, 240, 241, 1000}
	text := "peers p\n peer a " + oracle.FreeAddress(t) + "\n peer b " + oracle.FreeAddress(t) + "\n"
	for _, n := range lengths {
		text += fmt.Sprintf(" table s%d type string len %d size 100 store gpc0\n table b%d type binary len %d size 100 store gpc0\n", n, n, n, n)
	}
	text += " table short type string size 100 store gpc0\n"
	h, g := startHaproxy(t, "a", text), startGohap(t, "b", text)
	for _, n := range lengths {
		table := fmt.Sprintf("p/s%d", n)
		h.put(table, strings.Repeat("h", n), "gpc0", 1)
		g.put(table, strings.Repeat("g", n), "gpc0", 2)
		if n > 1 {
			h.put(table, strings.Repeat("H", n+5), "gpc0", 3) // cut
			h.put(table, "x", "gpc0", 4)
			g.put(table, "y", "gpc0", 5)
		}
		g.put(fmt.Sprintf("p/b%d", n), strings.Repeat("A5", n), "gpc0", 6)
	}
	h.put("p/short", strings.Repeat("h", 40), "gpc0", 7)
	g.put("p/short", strings.Repeat("g", 40), "gpc0", 8)
	for _, n := range lengths {
		for table, want := range map[string]int{fmt.Sprintf("p/s%d", n): map[bool]int{true: 5, false: 2}[n > 1], fmt.Sprintf("p/b%d", n): 1} {
			eventually(t, table, func() string {
				if got := len(h.dump(table)); got != want {
					return fmt.Sprintf("the reference has %d", got)
				}
				return alike(g, h, table)
			})
		}
	}
	eventually(t, "the length without a word", func() string { return alike(h, g, "p/short") })
	if len(g.dump("p/short")[strings.Repeat("g", 31)]) == 0 {
		t.Errorf("keys are %v", g.dump("p/short"))
	}
	h.sound(t)
}

// TestRatesDecay: a rate that one side counted falls on the other one as it does
// there.
func TestRatesDecay(t *testing.T) {
	t.Parallel()
	const period = 3000 // ms
	text := fmt.Sprintf("peers p\n peer a %s\n peer b %s\n table t type string size 100 store http_req_rate(%dms),bytes_in_rate(%dms)\n", oracle.FreeAddress(t), oracle.FreeAddress(t), period, period)
	h, g := startHaproxy(t, "a", text), startGohap(t, "b", text)
	h.put("p/t", "theirs", "http_req_rate", 30000)
	h.put("p/t", "theirs", "bytes_in_rate", 60000)
	g.put("p/t", "ours", "http_req_rate", 30000)
	eventually(t, "both know of them", func() string {
		if g.dump("p/t")["theirs"]["http_req_rate"] == 0 || h.dump("p/t")["ours"]["http_req_rate"] == 0 {
			return "not yet"
		}
		return ""
	})
	fell := 0
	for range 24 {
		<-time.After(250 * time.Millisecond)
		began := clock.Mono()
		here, there := g.dump("p/t"), h.dump("p/t")
		took := float64(clock.Mono()-began)/1e6 + 40 // the wire's and the clocks' share
		for _, key := range []string{"theirs", "ours"} {
			for _, rate := range []string{"http_req_rate", "bytes_in_rate"} {
				a, b := float64(here[key][rate]), float64(there[key][rate])
				if full := map[string]float64{"http_req_rate": 30000, "bytes_in_rate": 60000}[rate]; math.Abs(a-b) > full*took/period {
					t.Errorf("%s of %s: %.0f here, %.0f there", rate, key, a, b)
				}
				if a > 0 && a < 20000 {
					fell++
				}
			}
		}
	}
	if fell == 0 {
		t.Error("no rate was seen to fall")
	}
	h.sound(t)
}

// many is how many entries a table of TestManyUpdates has.
const many = 50_000

// TestManyUpdates counts again and again on both sides.
func TestManyUpdates(t *testing.T) {
	t.Parallel()
	text := textTable(oracle.FreeAddress(t), oracle.FreeAddress(t), "")
	h, g := startHaproxy(t, "a", text), startGohap(t, "b", text)
	live := g.in.Config.Peers[0].Peers[0].Live
	tab := g.table("p/t")
	// Who learns takes what the other one had before for what it counts meanwhile.
	eventually(t, "they have learned from each other", func() string {
		v := g.in.Config.Peers[0].Section.View(false)
		if p := v.Peers[0]; !p.Established || p.Teaching || v.State != peers.Finished {
			return fmt.Sprint(p.Status, v.State)
		}
		return ""
	})
	for round := uint64(1); live.Updates.Load() < updates; round++ {
		for i := range many {
			e := g.entry(tab, fmt.Sprint("g", i))
			e.Set(stick.GPC0, 0, round)
			e.Touch(ms())
			e.Release()
		}
		var b strings.Builder
		for i := range many / 10 {
			fmt.Fprintf(&b, "set table p/t key h%d data.gpc0 %d;", i, round)
			if b.Len() > 12000 || i == many/10-1 {
				h.ask(b.String())
				b.Reset()
			}
		}
		last := fmt.Sprint("g", many-1)
		eventually(t, "a round is there", func() string {
			if said := h.ask("show table p/t key " + last); !strings.Contains(said, fmt.Sprintf(" gpc0=%d\n", round)) {
				return fmt.Sprintf("round %d: %s", round, said)
			}
			return ""
		})
	}
	eventually(t, "both have all", func() string { return alike(g, h, "p/t") })
	if n := len(g.dump("p/t")); n != many+many/10 {
		t.Errorf("%d entries", n)
	}
	if n := live.Errors.Load() + live.Refused.Load() + live.BadAcks.Load(); n != 0 || live.Connects.Load() > 3 {
		t.Errorf("%d errors, refused or bad, %d sessions", n, live.Connects.Load())
	}
	h.sound(t)
}
