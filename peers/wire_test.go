package peers

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"gohap/stick"
)

// TestVarint: as the reference was seen to write numbers.
func TestVarint(t *testing.T) {
	for _, c := range []struct {
		n    uint64
		want string
	}{
		{0, "00"}, {1, "01"}, {239, "ef"}, {240, "f000"}, {255, "ff00"}, {256, "f001"}, {300, "fc03"}, {2287, "ff7f"}, {2288, "f08000"},
		{10000, "f0e203"}, {60000, "f0971c"}, {1 << 19, "f0f1fe00"}, {1<<22 | 1<<23 | 1<<24, "f0f1fe6e"}, {1 << 40, "f0f1fefefefe00"},
		{1<<32 - 1, "fff0fefe7e"}, {1<<64 - 1, "fff0fefefefefefefe0e"},
	} {
		got := appendVarint(nil, c.n)
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%d: %x, not %s", c.n, got, c.want)
		}
		if v, n := varint(append(got, 0x55)); v != c.n || n != len(got) {
			t.Errorf("%x: %d in %d bytes", got, v, n)
		}
		for i := range got {
			if _, n := varint(got[:i]); n != 0 {
				t.Errorf("%x: a number in %d bytes", got[:i], n)
			}
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		v := rnd.Uint64() >> rnd.IntN(64)
		b := appendVarint(nil, v)
		if got, n := varint(b); got != v || n != len(b) || n > maxVarint {
			t.Fatalf("%d: %x is %d in %d", v, b, got, n)
		}
	}
	if _, n := varint(bytes.Repeat([]byte{0xff}, 12)); n >= 0 {
		t.Error("twelve bytes are a number")
	}
}

// TestTexts: 128 texts are remembered, the 129th takes the place of the first.
func TestTexts(t *testing.T) {
	var sent sentTexts
	var got gotTexts
	rnd := rand.New(rand.NewPCG(3, 4))
	short := 0
	for i := range 5000 {
		n := rnd.IntN(140)
		if i < 1000 {
			n = i % 128
		}
		text := fmt.Sprint("server", n)
		if n == 17 {
			text = strings.Repeat("x", 239+rnd.IntN(3))
		}
		b := sent.append(nil, text)
		if len(b) == 2 {
			short++
		}
		r := Reader{B: b}
		if back := got.read(&r); back != text || r.Bad || len(r.B) > 0 {
			t.Fatalf("%d: %q came as %q, %x left", i, text, back, r.B)
		}
	}
	if short < 2500 || short > 4900 {
		t.Errorf("%d of 5000 by number alone", short)
	}
	if b := sent.append(nil, ""); !bytes.Equal(b, []byte{0}) {
		t.Errorf("no text: %x", b)
	}
	if b := sent.append(nil, strings.Repeat("y", longestText+1)); !bytes.Equal(b, []byte{0}) {
		t.Errorf("too much text: %x", b)
	}
}

// TestEveryDatum: each kind of data and of keys comes as it was sent.
func TestEveryDatum(t *testing.T) {
	for _, key := range []stick.KeyType{stick.KeyInteger, stick.KeyIPv4, stick.KeyIPv6, stick.KeyString, stick.KeyBinary} {
		c := stick.Config{Name: "p/t", Key: key, KeyLen: 7, Size: 10, Expire: 5000, Peers: true}
		for d := range stick.DataKinds {
			s := stick.Stored{Data: d, N: 1, Period: 10_000}
			if d.Array() {
				s.N = 3
			}
			c.Store = append(c.Store, s)
		}
		pair := [2]*Section{}
		var tables [2]*stick.Table
		for i, name := range []string{"a", "b"} {
			tables[i], _ = stick.New(c, 0)
			pair[i] = New(Config{Section: "p", Local: name, Peers: []*Peer{{Name: "a"}, {Name: "b"}},
				Tables: []TableConfig{{Name: "/t", Table: tables[i], RecvOnly: true}}}, 0)
		}
		raw, _ := tables[0].Key(nil, []byte("abcdefghijklmnop")[:map[stick.KeyType]int{stick.KeyInteger: 4, stick.KeyIPv4: 4, stick.KeyIPv6: 16, stick.KeyString: 7, stick.KeyBinary: 7}[key]])
		e, _, _ := tables[0].Create(raw, 100)
		for d := range stick.DataKinds {
			for i := range tables[0].Elements(d) {
				n := uint64(d)*1000 + uint64(i) + 1
				switch d.Form() {
				case stick.Sint:
					e.Set(d, i, uint64(^uint32(0)-41))
				case stick.Rate:
					e.SetRateParts(d, i, 100, 50, uint32(n), uint32(n)+7)
				case stick.Dict:
					e.SetText(d, "s1")
				case stick.Wide:
					e.Set(d, i, n<<40)
				default:
					e.Set(d, i, n<<16)
				}
			}
		}
		e.Touch(100)
		e.Release()
		w := &wire{ends: [2]*Session{pair[0].Connect(pair[0].Peers[1], 100), pair[1].Accept(100)}}
		for w.pump(nil, 100, 1<<16) {
		}
		want, got := dump(tables[0], 200), dump(tables[1], 200)
		if len(want) != 1 || fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%v:\n%s\nnot\n%s", key, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if !strings.Contains(want[0], "gpc_rate=100,24002,24009") && !strings.Contains(want[0], "gpc_rate=150,24002,24009") {
			t.Errorf("%v: %s", key, want)
		}
	}
}

// TestLarge: a hundred thousand entries are taught through small pieces, with no
// more memory under way than a buffer.
func TestLarge(t *testing.T) {
	const n = 100_000
	a, b := newNode(t, "a", []string{"b"}, n, 0), newNode(t, "b", []string{"a"}, n, 0)
	for k := range n {
		key := []byte{byte(k >> 24), byte(k >> 16), byte(k >> 8), byte(k)}
		e, _, _ := a.tables[0].Create(key, 0)
		e.Set(stick.GPC0, 0, uint64(k))
		e.Touch(0)
		e.Release()
	}
	a.s.Tick(6000) // nobody teaches it: it is up to date
	w := link(b, a, 6000)
	for w.pump(nil, 6000, 16384) {
		if c := cap(w.ends[0].in.b) + cap(w.ends[1].in.b); c > 1<<17 {
			t.Fatalf("%d bytes wait", c)
		}
	}
	if b.s.View(false).State != Finished {
		t.Errorf("%+v", b.s.View(false))
	}
	if b.tables[0].Len() != n || len(differ(a.content(6000), b.content(6000))) > 0 {
		t.Errorf("%d of %d entries", b.tables[0].Len(), n)
	}
	sent := a.s.Peers[1].SentBytes.Load()
	t.Logf("%.1f bytes an entry", float64(sent)/n)
	if sent > 60*n {
		t.Errorf("%d bytes", sent)
	}
}

// TestMissed: a peer that the log of changes does not reach back to gets all.
func TestMissed(t *testing.T) {
	a, b := newNode(t, "a", []string{"b"}, 500, 0), newNode(t, "b", []string{"a"}, 500, 0)
	a.s.Tick(6000)
	b.s.Tick(6000)
	for k := range 50 {
		a.write(k, k, 6000)
	}
	p := a.s.Peers[1]
	for i, tb := range a.tables {
		p.n.tables[i].acked = tb.Last() // it says to have it, but long ago
	}
	p.n.tables[0].walk = true
	w := link(a, b, 6000)
	for w.pump(nil, 6000, 4096) {
	}
	if got := [2]int{b.tables[0].Len(), b.tables[1].Len()}; got != [2]int{50, 0} {
		t.Errorf("%v entries", got)
	}
	if p.n.tables[0].walk || p.n.session.teach != nil {
		t.Error("it goes on")
	}
	a.write(51, 51, 6000)
	for w.pump(nil, 6000, 4096) {
	}
	if got := [2]int{b.tables[0].Len(), b.tables[1].Len()}; got != [2]int{51, 1} {
		t.Errorf("%v entries", got)
	}
	// In the middle of a session too.
	e, _, _ := a.tables[0].Create([]byte{0, 0, 0, 99}, 6000) // in no log
	e.TouchLearned(6000, 0)
	e.Release()
	p.n.tables[0].acked = a.tables[0].Last() - 1<<30
	p.n.tables[0].pushed = p.n.tables[0].acked
	a.s.Tick(6100)
	for w.pump(nil, 6100, 4096) {
	}
	if got := [2]int{b.tables[0].Len(), b.tables[1].Len()}; got != [2]int{52, 1} || p.n.tables[0].walk {
		t.Errorf("%v entries", got)
	}
	if p.Errors.Load()+p.BadAcks.Load() != 0 {
		t.Errorf("%d breaches, %d bad acks", p.Errors.Load(), p.BadAcks.Load())
	}
}

// TestWake: a change wakes once, until what there is was sent.
func TestWake(t *testing.T) {
	a, b := newNode(t, "a", []string{"b"}, 500, 0), newNode(t, "b", []string{"a"}, 500, 0)
	a.s.Tick(6000)
	b.s.Tick(6000)
	w := link(a, b, 6000)
	for w.pump(nil, 6000, 4096) {
	}
	wakes := 0
	a.s.Wake(func() { wakes++ })
	for range 3 {
		a.write(1, 1, 6000)
		a.write(2, 1, 6000)
	}
	if wakes != 2 { // once a table
		t.Errorf("woken %d times", wakes)
	}
	for w.pump(nil, 6000, 4096) {
	}
	a.write(1, 2, 6000)
	if wakes != 4 {
		t.Errorf("woken %d times", wakes)
	}
	b.write(3, 2, 6000)
	for w.pump(nil, 6000, 4096) {
	}
	if wakes != 4 {
		t.Errorf("woken %d times by what was learned", wakes)
	}
}

// TestSteady: updates of known tables cost no allocation to take.
func TestSteady(t *testing.T) {
	a, b := newNode(t, "a", []string{"b"}, 500, 0), newNode(t, "b", []string{"a"}, 500, 0)
	a.s.Tick(6000)
	b.s.Tick(6000)
	a.write(1, 1, 6000)
	w := link(a, b, 6000)
	for w.pump(nil, 6000, 4096) {
	}
	a.write(1, 2, 6000)
	some := w.ends[0].Append(nil, 4096, 6000)
	if n := testing.AllocsPerRun(100, func() { w.ends[1].Receive(some, 6000) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzFrame: what nextFrame takes is within what came, and encodes to it again.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{10, 0x80, 3, 1, 2, 3, 0, 0})
	f.Add([]byte{10, 0x80, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, n, is := nextFrame(b, 16384)
		if is != frameWhole {
			if n != 0 {
				t.Fatal(n, is)
			}
			return
		}
		if n < 2 || n > len(b) || len(fr.payload) > 16384 {
			t.Fatal(n)
		}
		if fr.typ&hasPayload != 0 {
			back, m, is := nextFrame(appendMessage(nil, fr.class, fr.typ, fr.payload), 16384)
			if is != frameWhole || m > n || !bytes.Equal(back.payload, fr.payload) {
				t.Fatal(back, m, is)
			}
		}
	})
}

// FuzzSession: a session that is fed anything, in two pieces, stays within bounds
// and answers what can be read.
func FuzzSession(f *testing.F) {
	hello := []byte("HAProxyS 2.1\nb\na 1 1\n")
	f.Add(hello, uint16(3), true)
	for _, s := range []string{
		"0000", "0002", "0001", "0003", "0a82090103 2f6e756d0204 0400", "0a820a01042f6e756d02040400 0a8009000000010000000105",
		"0a820e01052f746578740615f1f1fe0000 0a800c00000001016105040102 7331", "0a840501000000ff", "ff00", "0a83 0101",
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(5), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, raw bool) {
		n := newNode(t, "b", []string{"a"}, 50, 0)
		x := n.s.Accept(0)
		if !raw {
			x.Receive(hello, 0)
		}
		n.write(1, 1, 0)
		at := min(int(cut), len(b))
		x.Receive(b[:at], 1)
		out := x.Append(nil, 1000, 1)
		x.Receive(b[at:], 2)
		for i := range uint32(20) {
			out = x.Append(out, 1000, 3+i*400)
			n.s.Tick(3 + i*400)
		}
		if len(out) > 20*1500 {
			t.Fatalf("%d bytes of output", len(out))
		}
		if cap(x.in.b) > 2*(16384+16)+len(b) || len(x.defs) > len(n.tables) {
			t.Fatalf("%d bytes wait, %d tables", cap(x.in.b), len(x.defs))
		}
		if n.tables[0].Len() > 50 || n.tables[1].Len() > 50 {
			t.Fatal("too many entries")
		}
		n.tables[0].Walk(10_000, func(e stick.Entry) bool {
			if e.Holds() != 1 {
				t.Fatalf("%d holds", e.Holds())
			}
			return true
		})
		n.s.View(true)
	})
}

// TestIdle: a peer is connected to a while after its session ended, and at any time
// from then on, however long nobody answers.
func TestIdle(t *testing.T) {
	n := newNode(t, "b", []string{"a"}, 50, 0)
	p := n.s.Peers[0]
	if p.n.local {
		p = n.s.Peers[1]
	}
	n.s.Connect(p, 1000).Close(2000)
	for _, x := range []struct{ now, after uint32 }{{3000, 4000}, {7000, 0}, {1 << 31, 0}, {3 << 30, 0}, {1000, 0}} {
		if after, idle := n.s.Idle(p, x.now); after != x.after || !idle {
			t.Errorf("at %d: after %d ms, %t", x.now, after, idle)
		}
	}
}

// TestCollision: two nodes that connect to each other at the same time lose both
// connections, and try again at times that differ.
func TestCollision(t *testing.T) {
	apart := 0
	for range 20 {
		a, b := newNode(t, "a", []string{"b"}, 50, 0), newNode(t, "b", []string{"a"}, 50, 0)
		one, other := link(a, b, 1000), link(b, a, 1000)
		for one.pump(nil, 1000, 4096) || other.pump(nil, 1000, 4096) {
		}
		for _, w := range []*wire{one, other} { // whose end one side has given up
			if !w.broken() {
				t.Fatal("both sessions stand")
			}
			w.close(1000)
		}
		var after [2]uint32
		for i, n := range []*node{a, b} {
			p := n.s.Peers[1]
			if p.Collisions.Load() != 1 {
				t.Errorf("%d collisions", p.Collisions.Load())
			}
			if after[i], _ = n.s.Idle(p, 1000); after[i] < 50 || after[i] > 2050 {
				t.Errorf("after %d ms", after[i])
			}
		}
		if after[0] != after[1] {
			apart++
		}
	}
	if apart < 15 {
		t.Errorf("apart %d times of 20", apart)
	}
}

// TestGarbage: a peer that sends what it likes makes nothing grow.
func TestGarbage(t *testing.T) {
	n := newNode(t, "b", []string{"a"}, 50, 0)
	rnd := rand.New(rand.NewPCG(5, 6))
	var before, after runtime.MemStats
	round := func() {
		x := n.s.Accept(0)
		x.Receive([]byte("HAProxyS 2.1\nb\na 1 1\n"), 0)
		for range 200 {
			b := make([]byte, rnd.IntN(40))
			for i := range b {
				b[i] = byte(rnd.Uint32() >> rnd.IntN(30))
			}
			msg := appendMessage(nil, byte([]int{0, 1, 10, 10, 10, 10, 77}[rnd.IntN(7)]), byte(0x80+rnd.IntN(8)), b)
			x.Receive(appendMessage(nil, classTable, tabDefine, appendVarint(nil, rnd.Uint64())), 0)
			x.Receive(msg, 0)
			x.Append(nil, 4096, 0)
		}
		// Definitions under ever new numbers, controls without end, answers never taken.
		y := n.s.Accept(0)
		y.Receive([]byte("HAProxyS 2.1\nb\na 1 1\n"), 0)
		for range 2000 {
			d := appendVarint(nil, rnd.Uint64())
			y.Receive(appendMessage(nil, classTable, tabDefine, append(d, n.s.tables[0].define[1:]...)), 0)
			y.Receive([]byte{0, byte(rnd.IntN(3))}, 0)
		}
		if _, closed := y.Closed(); closed || len(y.defs) != 1 || y.confirms > 8 {
			t.Fatalf("%v, %d tables, %d to confirm", closed, len(y.defs), y.confirms)
		}
	}
	round()
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 50 {
		round()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<18 {
		t.Errorf("%d bytes grown", grown)
	}
}
