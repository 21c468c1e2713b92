package fleet

import (
	"testing"

	"gohap/stick"
)

// sectionOf is a section of a node with a table, in tests.
func sectionOf(t *testing.T, m *member, nodes ...string) *Section {
	t.Helper()
	c := Config{Local: m.name, PID: 1, Tables: []*Table{m.f}, Names: []string{"t"}}
	for _, name := range append(nodes, m.name) {
		c.Peers = append(c.Peers, &Peer{Name: name})
	}
	return New(c, *m.now)
}

// FuzzReceive gives a session what another node could send: it neither panics nor
// grows without bounds, the same bytes in pieces do the same, and what was counted
// here stays as it is.
func FuzzReceive(f *testing.F) {
	now := uint32(1000)
	a, b := newMember(&testing.T{}, config(100), &now, "a", 1), newMember(&testing.T{}, config(100), &now, "b", 2)
	for k := range uint32(5) {
		b.count(k, 3)
		b.with(k, func(e stick.Entry) {
			e.Set(stick.GPT0, 0, 7)
			e.SetText(stick.ServerKey, "s1")
			e.Add(stick.GPC, 1, 1<<31)
			e.Add(stick.BytesInCnt, 0, 1<<40)
			e.Touch(now)
		})
	}
	a.count(1, 1)
	a.give(b)
	e, _ := b.st.Get(keyOf(1), now)
	b.f.Clear(e, now)
	hello := []byte("GohapFleet 1\na\nb 1 2\n")
	sa, sb := sectionOf(&testing.T{}, a, "b"), sectionOf(&testing.T{}, b, "a")
	x, y := sb.Connect(sb.peer("a"), now), sa.Accept(now)
	said := append([]byte(nil), hello...)
	for range 6 { // a whole conversation, as the corpus' beginning
		out := x.Append(nil, 1<<20, now)
		if len(said) > len(hello) || len(out) > 0 && out[0] != 'G' {
			said = append(said, out...)
		}
		y.Receive(out, now)
		x.Receive(y.Append(nil, 1<<20, now), now)
		now += 200
	}
	if n := sa.peer("b").Learned.Load(); n < 6 {
		f.Fatalf("%d changes in the corpus", n)
	}
	f.Add(said)
	f.Add(hello)
	f.Add([]byte("HAProxyS 2.1\na\nb 1 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		whole, pieces := drive(t, data, len(data)), drive(t, data, 1)
		if whole != pieces {
			t.Errorf("in pieces: %q, as a whole: %q", pieces, whole)
		}
	})
}

// drive gives bytes to a session and returns how it stands then.
func drive(t *testing.T, data []byte, size int) string {
	now := uint32(5000)
	m := newMember(t, config(50), &now, "a", 1)
	m.count(1, 4)
	s := sectionOf(t, m, "b")
	x := s.Accept(now)
	for len(data) > 0 {
		n := min(size, len(data))
		x.Receive(data[:n], now)
		data = data[n:]
	}
	for range 3 {
		x.Append(nil, 4096, now)
		s.Tick(now)
		now += 500
	}
	if m.f.used > 100000 || len(m.f.sources) > mostSources+1 {
		t.Fatalf("%d records, %d sources", m.f.used, len(m.f.sources))
	}
	if n := m.st.Len(); n > 50 {
		t.Fatalf("%d entries in a table of 50", n)
	}
	reason, _ := x.Closed()
	return reason
}
