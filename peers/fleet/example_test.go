package fleet

import (
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
	"testing"

	"gohap/peers"
	"gohap/stick"
)

// member is a process with one table, in tests.
type member struct {
	t    *testing.T
	now  *uint32
	st   *stick.Table
	f    *Table
	name string
}

func config(size int) stick.Config {
	return stick.Config{Name: "t", Key: stick.KeyInteger, Size: size, Expire: 3600000, Peers: true, Fleet: true,
		Store: []stick.Stored{{Data: stick.HTTPReqCnt, N: 1}, {Data: stick.HTTPReqRate, N: 1, Period: 10000}, {Data: stick.ConnCur, N: 1},
			{Data: stick.GPT0, N: 1}, {Data: stick.ServerKey, N: 1}, {Data: stick.GPC, N: 2}, {Data: stick.BytesInCnt, N: 1}}}
}

func newMember(t *testing.T, c stick.Config, now *uint32, name string, epoch uint64) *member {
	t.Helper()
	st, err := stick.New(c, *now)
	if err != nil {
		t.Fatal(err)
	}
	return &member{t, now, st, newTable(st, SourceID{NodeID(name), epoch}, name, *now), name}
}

func keyOf(key uint32) []byte { return binary.BigEndian.AppendUint32(nil, key) }

// with holds the entry of a key, which it makes.
func (m *member) with(key uint32, f func(e stick.Entry)) {
	m.t.Helper()
	e, _, ok := m.st.Create(keyOf(key), *m.now)
	if !ok {
		m.t.Fatal("no room")
	}
	f(e)
	e.Release()
}

// count counts requests and publishes that.
func (m *member) count(key uint32, n int) {
	m.t.Helper()
	m.with(key, func(e stick.Entry) {
		for range n {
			e.Add(stick.HTTPReqCnt, 0, 1)
			e.AddRate(stick.HTTPReqRate, 0, 1, *m.now)
		}
		e.Touch(*m.now)
	})
	m.flush()
}

func (m *member) flush() {
	for m.f.Flush(*m.now) {
	}
}

// reads returns what a rule reads of a key, -1 without an entry.
func (m *member) reads(key uint32) int {
	e, ok := m.st.Get(keyOf(key), *m.now)
	if !ok {
		return -1
	}
	defer e.Release()
	return int(e.Get(stick.HTTPReqCnt, 0))
}

// give tells another process what this one has of some sources, or of all.
func (m *member) give(to *member, sources ...SourceID) {
	m.t.Helper()
	m.flush()
	if len(sources) == 0 {
		for _, s := range m.f.sources {
			sources = append(sources, s.id)
		}
	}
	l := &layout{key: m.st.Config.Key, keyLen: m.st.Config.KeyLen}
	for i := range m.f.fields {
		f := &m.f.fields[i]
		l.fields = append(l.fields, to.f.fieldOf(f.data, f.i, m.st.Period(f.data)))
	}
	theirs := func(n uint64) (uint32, bool) {
		s := m.f.sources[n]
		to.f.now = *m.now
		return to.f.source(s.id, s.name), true
	}
	var told [][]byte
	for _, id := range sources {
		src := m.f.byID[id]
		at, _ := theirs(uint64(src))
		fd := feed{src: src, from: to.f.sources[at].have}
		for more := true; more; {
			more = m.f.tell(&fd, *m.now, func(e stick.Entry, r []uint64) bool {
				told = append(told, m.f.appendChange(nil, 1, e, r, func(src uint32) uint64 { return uint64(src) }, *m.now))
				return true
			})
		}
		for _, b := range told {
			in := reader{peers.Reader{B: b}}
			in.Number()
			var c change
			if err := to.f.readChange(&in, l, theirs, &c, *m.now); err != nil {
				m.t.Fatal(err)
			}
			to.f.learn(&c, *m.now)
		}
		told = nil
		to.f.complete(at, m.f.sources[src].have, false)
		for i := range to.f.peers {
			if p := &to.f.peers[i]; p.node == NodeID(m.name) {
				to.f.has(p.node, at, m.f.sources[src].have)
			}
		}
	}
}

func (m *member) id() SourceID { return m.f.sources[self].id }

// shows returns the contributions to a key: node/epoch/birth (seq, counted-cleared).
func (m *member) shows(key uint32) string {
	var out []string
	for _, c := range m.f.Contributions(keyOf(key), *m.now) {
		text := fmt.Sprintf("%s/%x/%d (%d, %d)", c.Node, c.Source.Epoch, c.Birth, c.Seq, c.Value(stick.HTTPReqCnt, 0))
		if len(c.Names) > 0 {
			text += " names " + strings.Join(c.Names, " ")
		}
		out = append(out, text)
	}
	sort.Strings(out)
	return strings.Join(out, "; ")
}

func (m *member) wants(key uint32, reads int, shows string) {
	m.t.Helper()
	if got := m.reads(key); got != reads {
		m.t.Errorf("%s reads %d, want %d", m.name, got, reads)
	}
	if got := m.shows(key); got != shows {
		m.t.Errorf("%s shows\n %s, want\n %s", m.name, got, shows)
	}
}

// TestWorkedExample is the one of the design, step by step. A contribution keeps its
// birth when it is cleared; what is cleared of it stands beside what was counted.
func TestWorkedExample(t *testing.T) {
	now := uint32(1000)
	const key, other = 7, 8
	a := newMember(t, config(100), &now, "A", 0xa1)
	b := newMember(t, config(100), &now, "B", 0xb1)
	c := newMember(t, config(100), &now, "C", 0xc1)
	for m, others := range map[*member][]string{a: {"B", "C"}, b: {"A", "C"}, c: {"A", "B"}} {
		m.f.Peers(others)
	}
	spread := func(ms ...*member) {
		for range 3 {
			for _, m := range ms {
				for _, o := range ms {
					if m != o {
						m.give(o)
					}
				}
			}
		}
	}
	changes := func(m *member, n int) { // of another key
		for range n {
			m.count(other, 1)
		}
	}
	// 1: A's entry is born at its change 5.
	changes(a, 4)
	a.count(key, 1)
	changes(a, 3)
	a.count(key, 2)
	changes(b, 1)
	b.count(key, 1)
	changes(b, 4)
	b.count(key, 3)
	spread(a, b, c)
	for _, m := range []*member{a, b, c} {
		m.wants(key, 7, "A/a1/5 (9, 3); B/b1/2 (7, 4)")
	}
	// 2: B restarts, learns its former contribution, counts two more.
	b = newMember(t, config(100), &now, "B", 0xb2)
	b.f.Peers([]string{"A", "C"})
	a.give(b)
	if got := b.reads(key); got != 7 {
		t.Errorf("B reads %d after its restart", got)
	}
	b.count(key, 1)
	changes(b, 1)
	b.count(key, 1)
	spread(a, b, c)
	for _, m := range []*member{a, b, c} {
		m.wants(key, 9, "A/a1/5 (9, 3); B/b1/2 (7, 4); B/b2/1 (3, 2)")
	}
	// Its former life is over for 10 s, and its rates.
	now += 21000
	for _, m := range []*member{a, b, c} {
		for i := range m.f.sources {
			if m.f.sources[i].id.Epoch != 0xb1 {
				m.f.sources[i].heard = now
			}
		}
	}
	b.f.Tick(now) // the other key is taken over first
	b.wants(key, 9, "A/a1/5 (9, 3); B/b2/1 (5, 6) names B/b1/2")
	spread(a, b, c)
	for _, m := range []*member{a, c} {
		m.wants(key, 9, "A/a1/5 (9, 3); B/b2/1 (5, 6) names B/b1/2")
	}
	// 3: C clears, while A has counted one more.
	a.count(key, 1)
	a.wants(key, 10, "A/a1/5 (10, 4); B/b2/1 (5, 6) names B/b1/2")
	e, _ := c.st.Get(keyOf(key), now)
	c.f.Clear(e, now)
	if got := c.reads(key); got != 0 {
		t.Errorf("C reads %d after it cleared", got)
	}
	a.give(c)
	if got := c.reads(key); got != 1 {
		t.Errorf("C reads %d with A's request that it could not know of", got)
	}
	// 4: A and B see the baseline.
	c.give(a, c.id())
	c.give(b, c.id())
	if got := a.reads(key); got != 1 {
		t.Errorf("A reads %d", got)
	}
	spread(a, b, c)
	for _, m := range []*member{a, b, c} {
		m.wants(key, 1, "A/a1/5 (11, 1)")
		m.f.Tick(now)
	}
	for _, m := range []*member{a, b, c} {
		for n := uint32(1); n <= uint32(len(m.f.pieces))*perPiece; n++ {
			if kind(m.f.rec(n)) == kindBaseline {
				t.Errorf("%s keeps a baseline", m.name)
			}
		}
	}
	// 5: A lacks the entry; the key returns there.
	if found, _ := a.st.Delete(keyOf(key), now); !found {
		t.Fatal("no entry at A")
	}
	spread(a, b, c)
	changes(a, 8)
	a.count(key, 1)
	spread(a, b, c)
	a.wants(key, 1, "A/a1/20 (20, 1)")
	for _, m := range []*member{b, c} {
		m.wants(key, 2, "A/a1/20 (20, 1); A/a1/5 (11, 1)")
	}
	// 6: C has no session with A; B tells it.
	a.count(key, 1)
	a.give(b)
	b.give(c)
	c.wants(key, 3, "A/a1/20 (21, 2); A/a1/5 (11, 1)")
}
