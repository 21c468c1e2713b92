package peers

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gohap/stick"
)

// node is a process of the model: a section with its tables.
type node struct {
	name   string
	s      *Section
	tables []*stick.Table
	woken  bool
}

func modelTables(t testing.TB, size int, now uint32) (all []*stick.Table) {
	for _, c := range []stick.Config{
		{Name: "p/num", Key: stick.KeyInteger, Store: []stick.Stored{{Data: stick.GPC0, N: 1}, {Data: stick.GPCRate, N: 2, Period: 1 << 30}, {Data: stick.BytesInCnt, N: 1}}},
		{Name: "p/text", Key: stick.KeyString, KeyLen: 20, Store: []stick.Stored{{Data: stick.ServerKey, N: 1}, {Data: stick.GPT, N: 3}, {Data: stick.ServerID, N: 1}}},
	} {
		c.Size, c.Peers = size, true
		tb, err := stick.New(c, now)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tb)
	}
	return all
}

func newNode(t testing.TB, name string, others []string, size int, now uint32) *node {
	n := &node{name: name, tables: modelTables(t, size, now)}
	c := Config{Section: "p", Local: name, Peers: []*Peer{{Name: name}}}
	for _, o := range others {
		c.Peers = append(c.Peers, &Peer{Name: o})
	}
	for _, tb := range n.tables {
		c.Tables = append(c.Tables, TableConfig{Name: strings.TrimPrefix(tb.Name, "p"), Table: tb})
	}
	n.s = New(c, now)
	n.s.Wake(func() { n.woken = true })
	return n
}

// write changes an entry of key k to value v.
func (n *node) write(k, v int, now uint32) {
	for i, tb := range n.tables {
		key := binary.BigEndian.AppendUint32(nil, uint32(k))
		if i == 1 {
			key = []byte(fmt.Sprint("key", k))
		}
		e, _, ok := tb.Create(key, now)
		if !ok {
			panic("no room")
		}
		e.Set(stick.GPC0, 0, uint64(v))
		e.Set(stick.BytesInCnt, 0, uint64(v)<<20)
		e.SetRateParts(stick.GPCRate, 1, now, 0, uint32(v), uint32(k))
		e.SetText(stick.ServerKey, fmt.Sprint("server", v%300))
		e.Set(stick.GPT, 2, uint64(v))
		e.Set(stick.ServerID, 0, uint64(uint32(-v)))
		e.Touch(now)
		e.Release()
	}
}

// content is what a node holds, times aside.
func (n *node) content(now uint32) map[string]string {
	all := map[string]string{}
	for _, tb := range n.tables {
		tb.Walk(now, func(e stick.Entry) bool {
			_, cur, prev := e.RateParts(stick.GPCRate, 1, now)
			all[tb.Name+" "+string(tb.AppendKey(nil, e.Key()))] = fmt.Sprint(e.Get(stick.GPC0, 0), e.Get(stick.BytesInCnt, 0), cur, prev,
				e.Text(stick.ServerKey), e.Get(stick.GPT, 2), int32(e.Get(stick.ServerID, 0)))
			return true
		})
	}
	return all
}

// wire is a connection between two sessions: bytes under way in both directions.
type wire struct {
	ends [2]*Session
	way  [2][]byte // to ends[i]
}

// pump moves some bytes: what a side sends waits in a buffer of limited size.
func (w *wire) pump(rnd *rand.Rand, now uint32, buffer int) (moved bool) {
	for i, x := range w.ends {
		to := 1 - i
		if room := buffer - len(w.way[to]); room > buffer/2 {
			was := len(w.way[to])
			w.way[to] = x.Append(w.way[to], room, now)
			moved = moved || len(w.way[to]) > was
		}
		if n := len(w.way[to]); n > 0 {
			if rnd != nil && rnd.IntN(3) > 0 {
				n = 1 + rnd.IntN(n)
			}
			w.ends[to].Receive(w.way[to][:n], now)
			w.way[to] = append(w.way[to][:0], w.way[to][n:]...)
			moved = true
		}
	}
	return moved
}

func (w *wire) broken() bool {
	_, a := w.ends[0].Closed()
	_, b := w.ends[1].Closed()
	return a || b
}

func (w *wire) close(now uint32) {
	w.ends[0].Close(now)
	w.ends[1].Close(now)
}

func link(from, to *node, now uint32) *wire {
	return &wire{ends: [2]*Session{from.s.Connect(from.s.peer([]byte(to.name)), now), to.s.Accept(now)}}
}

// differ returns some of what two nodes do not hold alike.
func differ(a, b map[string]string) (some []string) {
	for k, v := range a {
		if b[k] != v {
			some = append(some, fmt.Sprintf("%s: %s and %s", k, v, b[k]))
		}
	}
	for k, v := range b {
		if a[k] == "" {
			some = append(some, fmt.Sprintf("%s: nothing and %s", k, v))
		}
	}
	return some[:min(len(some), 5)]
}

// TestModel: two nodes change keys of their own while the wire between them splits,
// delays, breaks and loses what was under way, and one of them restarts empty.
// At rest both hold the same, and of the one that did not restart the last values.
func TestModel(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		now := uint32(rnd.Uint32()) // near a wrap now and then
		if seed%3 == 0 {
			now = ^uint32(0) - 20_000
		}
		a, b := newNode(t, "a", []string{"b"}, 500, now), newNode(t, "b", []string{"a"}, 500, now)
		var w *wire
		last := map[int]int{}
		restarts, cuts := 0, 0
		tick := func() {
			now += uint32(rnd.IntN(400))
			a.s.Tick(now)
			b.s.Tick(now)
			if w == nil || w.broken() {
				if w != nil {
					w.close(now)
				}
				if w = link(a, b, now); rnd.IntN(2) == 0 {
					w.close(now)
					w = link(b, a, now)
				}
			}
		}
		for step := range 600 {
			if rnd.IntN(4) == 0 {
				tick()
			}
			for range rnd.IntN(6) {
				if k := rnd.IntN(60); a.s.View(false).State == Finished {
					last[k] = step
					a.write(k, step, now)
				}
				if b.s.View(false).State == Finished {
					b.write(100+rnd.IntN(60), step, now)
				}
			}
			if w != nil {
				w.pump(rnd, now, 50+rnd.IntN(3000))
			}
			switch rnd.IntN(120) {
			case 0:
				if w != nil {
					w.close(now)
					cuts++
				}
			case 1:
				if step > 100 && restarts < 2 && a.s.View(false).State == Finished { // else there is nothing left to know
					if w != nil {
						w.close(now)
					}
					b = newNode(t, "b", []string{"a"}, 500, now)
					w, restarts = link(b, a, now), restarts+1
				}
			}
		}
		for i := 0; ; i++ {
			tick()
			moved := w.pump(nil, now, 1<<16)
			for w.pump(nil, now, 1<<16) {
				moved = true
			}
			if i > 50 && !w.broken() && a.s.View(false).State == Finished && b.s.View(false).State == Finished && !moved {
				break
			}
			if i > 400 {
				t.Fatalf("seed %d: no rest: %+v %+v", seed, a.s.View(false), b.s.View(false))
			}
		}
		inA, inB := a.content(now), b.content(now)
		if d := differ(inA, inB); len(d) > 0 {
			t.Fatalf("seed %d, %d cuts, %d restarts: a and b differ:\n%s", seed, cuts, restarts, strings.Join(d, "\n"))
		}
		if len(inA) < 100 {
			t.Fatalf("seed %d: %d entries", seed, len(inA))
		}
		for k, v := range last {
			want := fmt.Sprint(v, v<<20, v, k, "", 0, 0)
			if got := inB[fmt.Sprint("p/num ", k)]; got != want {
				t.Fatalf("seed %d, %d cuts, %d restarts: key %d is %q, not %q", seed, cuts, restarts, k, got, want)
			}
		}
		for _, n := range []*node{a, b} {
			for _, p := range n.s.Peers {
				if p.Errors.Load()+p.BadAcks.Load()+p.Refused.Load() > 0 {
					t.Errorf("seed %d: %s: %d breaches, %d bad acks, %d refused", seed, n.name, p.Errors.Load(), p.BadAcks.Load(), p.Refused.Load())
				}
			}
		}
	}
}
