package fleet

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"gohap/stick"
)

// three returns members that know of each other as nodes.
func three(t *testing.T, c stick.Config, now *uint32) (a, b, m *member) {
	a, b, m = newMember(t, c, now, "A", 1), newMember(t, c, now, "B", 2), newMember(t, c, now, "C", 3)
	a.f.Peers([]string{"B", "C"})
	b.f.Peers([]string{"A", "C"})
	m.f.Peers([]string{"A", "B"})
	return a, b, m
}

func (m *member) entry(key uint32) stick.Entry {
	m.t.Helper()
	e, ok := m.st.Get(keyOf(key), *m.now)
	if !ok {
		m.t.Fatalf("%s has no entry of %d", m.name, key)
	}
	return e
}

// TestRates: the sum of rates slides as each of them does, on its own clock.
func TestRates(t *testing.T) {
	now := uint32(100000)
	a, b, c := three(t, config(100), &now)
	a.count(1, 40)
	now += 4000 // b's periods begin later
	b.count(1, 30)
	now += 7000 // a's second period: 11 s old, of 10 s
	a.count(1, 10)
	for _, m := range []*member{a, b} {
		m.give(c)
		m.give(a)
		m.give(b)
	}
	for range 30 {
		want := 0
		for _, m := range []*member{a, b} {
			e := m.entry(1)
			age, cur, prev := e.RateParts(stick.HTTPReqRate, 0, now)
			if age >= 10000 {
				age, cur, prev = age-10000, 0, cur
			}
			want += int(cur) + int(prev)*int(10000-age)/10000
			e.Release()
		}
		for _, m := range []*member{a, b, c} {
			e := m.entry(1)
			if got := int(e.Rate(stick.HTTPReqRate, 0, now)); got < want-1 || got > want+2 {
				t.Errorf("%d: %s reads %d, want %d", now, m.name, got, want)
			}
			e.Release()
		}
		now += 900
	}
	e := c.entry(1)
	defer e.Release()
	if got := e.Rate(stick.HTTPReqRate, 0, now); got != 0 {
		t.Errorf("%d is left when all is over", got)
	}
}

// TestConnectionsOfTheDead: what a process counts at present goes when it is dead, and
// comes back when it lives.
func TestConnectionsOfTheDead(t *testing.T) {
	now := uint32(100000)
	a, b, _ := three(t, config(100), &now)
	a.with(1, func(e stick.Entry) { e.Add(stick.ConnCur, 0, 3); e.Add(stick.HTTPReqCnt, 0, 3); e.Touch(now) })
	a.give(b)
	reads := func() (int, int) {
		e := b.entry(1)
		defer e.Release()
		return int(e.Get(stick.ConnCur, 0)), int(e.Get(stick.HTTPReqCnt, 0))
	}
	for _, step := range []struct {
		ms   uint32
		live bool
		want int
	}{{9000, false, 3}, {1500, false, 0}, {1000, true, 3}, {10500, false, 0}} {
		now += step.ms
		if step.live {
			b.f.mu.Lock()
			b.f.now = now
			b.f.alive(b.f.byID[a.id()], 1, false, false)
			b.f.mu.Unlock()
		}
		b.f.Tick(now)
		if conns, n := reads(); conns != step.want || n != 3 {
			t.Errorf("after %+v: %d connections, %d requests", step, conns, n)
		}
	}
}

// TestTouches: that an entry lives on is told once an eighth of the expiry passed.
func TestTouches(t *testing.T) {
	now := uint32(100000)
	c := config(100)
	c.Expire = 80000
	a, b, _ := three(t, c, &now)
	a.count(1, 1)
	a.give(b)
	seq := a.f.changes()
	told := 0
	for range 100 {
		now += 1000
		e := a.entry(1)
		e.Touch(now)
		e.Release()
		a.flush()
		if n := a.f.changes(); n != seq {
			seq, told = n, told+1
			a.give(b)
		}
	}
	if told < 9 || told > 10 {
		t.Errorf("100 s of touches were told %d times", told)
	}
	e := b.entry(1)
	if left := e.Left(now); left < 69000 {
		t.Errorf("it lives for %d ms elsewhere", left)
	}
	e.Release()
}

// TestFull: a full table takes no key of others, goes on for those that it has, and
// says so; what it evicts is told as well.
func TestFull(t *testing.T) {
	now := uint32(100000)
	a, b := newMember(t, config(1000), &now, "A", 1), newMember(t, config(5), &now, "B", 2)
	for k := range uint32(8) {
		a.count(k, 2)
	}
	a.give(b)
	v := b.f.View(now)
	if b.st.Len() != 5 || v.Refused != 3 || v.Inexact() != "3 keys of other nodes found no room" {
		t.Errorf("%d entries, %d refused, %q", b.st.Len(), v.Refused, v.Inexact())
	}
	kept := -1
	for k := range uint32(8) {
		if b.reads(k) == 2 {
			kept = int(k)
		}
	}
	a.count(uint32(kept), 1)
	a.give(b)
	if got := b.reads(uint32(kept)); got != 3 {
		t.Errorf("a key that it has reads %d", got)
	}
	b.count(100, 1)
	v = b.f.View(now)
	if v.Evicted != 1 || v.Inexact() != "1 entries made room for others" {
		t.Errorf("%d evicted, %q", v.Evicted, v.Inexact())
	}
	b.f.sweepNow(now)
	if b.f.used != b.st.Len() {
		t.Errorf("%d records for %d entries", b.f.used, b.st.Len())
	}
	if w := a.f.View(now); w.Inexact() != "" {
		t.Errorf("the other one says %q", w.Inexact())
	}
}

func (t *Table) sweepNow(now uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	t.sweep()
}

// TestAbsorb: a table of another size takes the place of one: nothing is counted twice,
// neither here nor elsewhere, and what the former one counts afterwards is seen.
func TestAbsorb(t *testing.T) {
	now := uint32(100000)
	a, b, _ := three(t, config(100), &now)
	a.count(1, 5)
	b.count(1, 7)
	a.give(b)
	b.give(a)
	next := newMember(t, config(200), &now, "A", 9)
	next.f.Absorb(a.f, now)
	if got := next.reads(1); got != 12 {
		t.Fatalf("it reads %d", got)
	}
	next.count(1, 1)
	a.count(1, 2) // it still drains
	a.give(next)
	next.give(b)
	a.give(b)
	next.give(a)
	for _, m := range []*member{a, b, next} {
		if got := m.reads(1); got != 15 {
			t.Errorf("%s reads %d", m.name, got)
		}
	}
	a.f.end(true)
	next.f.mu.Lock()
	next.f.now = now
	next.f.alive(next.f.byID[a.id()], 0, true, false)
	next.f.mu.Unlock()
	next.f.Tick(now)
	next.give(b)
	for _, m := range []*member{b, next} {
		if got := m.reads(1); got != 15 {
			t.Errorf("%s reads %d once the former one is taken over", m.name, got)
		}
	}
}

// TestLastWriterWins: tags and servers are the last writer's everywhere; of two that
// wrote at once the same one is the last for all.
func TestLastWriterWins(t *testing.T) {
	now := uint32(100000)
	a, b, c := three(t, config(100), &now)
	set := func(m *member, tag uint64) {
		m.with(1, func(e stick.Entry) {
			e.Set(stick.GPT0, 0, tag)
			e.SetText(stick.ServerKey, fmt.Sprint("s", tag))
			e.Touch(now)
		})
		m.flush()
	}
	spread := func() {
		for range 2 {
			for _, m := range []*member{a, b, c} {
				for _, o := range []*member{a, b, c} {
					if m != o {
						m.give(o)
					}
				}
			}
		}
	}
	read := func(m *member) string {
		e := m.entry(1)
		defer e.Release()
		return fmt.Sprint(e.Get(stick.GPT0, 0), e.Text(stick.ServerKey))
	}
	set(a, 1)
	spread()
	set(b, 2)
	spread()
	set(a, 3)
	set(c, 4) // at once
	spread()
	if read(a) != read(b) || read(b) != read(c) || read(a) != "3s3" && read(a) != "4s4" {
		t.Errorf("%s, %s, %s", read(a), read(b), read(c))
	}
	set(b, 5)
	spread()
	for _, m := range []*member{a, b, c} {
		if got := read(m); got != "5s5" {
			t.Errorf("%s: %s", m.name, got)
		}
	}
}

// TestWrap: counters of 32 bits wrap as they do in other tables, and their sum too.
func TestWrap(t *testing.T) {
	now := uint32(100000)
	a, b, _ := three(t, config(100), &now)
	a.with(1, func(e stick.Entry) { e.Add(stick.HTTPReqCnt, 0, 1<<32-10); e.Touch(now) })
	a.give(b)
	a.with(1, func(e stick.Entry) { e.Add(stick.HTTPReqCnt, 0, 15); e.Touch(now) })
	a.give(b)
	b.count(1, 1)
	b.give(a)
	for _, m := range []*member{a, b} {
		if got := m.reads(1); got != 6 {
			t.Errorf("%s reads %d", m.name, got)
		}
	}
}

// TestBytesOfAChange says what a change of an entry takes on the wire.
func TestBytesOfAChange(t *testing.T) {
	now := uint32(100000)
	a := newMember(t, config(1000), &now, "A", 1)
	for range 300 {
		a.count(1, 40)
	}
	e := a.entry(1)
	defer e.Release()
	a.f.mu.Lock()
	defer a.f.mu.Unlock()
	n := len(a.f.appendChange(nil, 1, e, a.f.rec(a.f.own(e)), func(uint32) uint64 { return 1 }, now))
	if n > 32 {
		t.Errorf("%d bytes", n)
	}
	t.Logf("%d bytes, of which 4 are the key", n)
}

// TestManyAreTakenOver: a process takes over what its node counted before it, some
// thousand keys a turn, in a time that grows with their number alone.
func TestManyAreTakenOver(t *testing.T) {
	now := uint32(100000)
	const keys = 30000
	c := config(2 * keys)
	a, b := newMember(t, c, &now, "A", 1), newMember(t, c, &now, "B", 2)
	for k := range uint32(keys) {
		b.with(k, func(e stick.Entry) { e.Add(stick.HTTPReqCnt, 0, 2); e.Touch(now) })
	}
	b.give(a)
	next := newMember(t, c, &now, "B", 3)
	a.give(next)
	now += 30000
	turns := 0
	for ; next.f.sources[next.f.byID[b.id()]].count > 0; turns++ {
		if turns > keys/(visitsAtOnce*atOnce)+2 {
			t.Fatalf("%d are left after %d turns", next.f.sources[next.f.byID[b.id()]].count, turns)
		}
		next.f.Tick(now)
	}
	next.give(a)
	for _, m := range []*member{a, next} {
		if m.reads(7) != 2 || m.reads(keys-1) != 2 {
			t.Errorf("%s reads %d and %d", m.name, m.reads(7), m.reads(keys-1))
		}
	}
	if n := a.f.sources[a.f.byID[b.id()]].count; n != 0 {
		t.Errorf("the other node keeps %d", n)
	}
}

// TestClearAlone: where there is no other node a cleared entry goes at once, and nothing
// is left of it.
func TestClearAlone(t *testing.T) {
	now := uint32(100000)
	a := newMember(t, config(100), &now, "A", 1)
	a.count(1, 3)
	a.f.Clear(a.entry(1), now)
	if a.st.Len() != 0 {
		t.Fatalf("%d entries", a.st.Len())
	}
	a.flush()
	a.f.sweepNow(now)
	if a.f.used != 0 {
		t.Errorf("%d records", a.f.used)
	}
	a.count(1, 2)
	held := a.entry(1) // an entry in use stays, with zeros
	a.f.Clear(a.entry(1), now)
	if a.reads(1) != 0 || a.st.Len() != 1 {
		t.Errorf("%d, %d entries", a.reads(1), a.st.Len())
	}
	a.f.Tick(now)
	held.Add(stick.HTTPReqCnt, 0, 1)
	held.Touch(now)
	held.Release()
	a.flush()
	a.f.Tick(now)
	if a.reads(1) != 1 || a.f.Hidden(a.entry(1), now) {
		t.Errorf("%d", a.reads(1))
	}
	e := a.entry(1)
	if n := e.Holds(); n != 2 { // this one and that of Hidden above
		t.Errorf("%d holds", n)
	}
	// One that is looked at while it is cleared goes afterwards.
	a.f.Clear(a.entry(1), now)
	e.Release()
	a.f.Tick(now)
	if a.st.Len() != 1 {
		t.Error("it went while it was used")
	}
	e.Release()
	a.f.Tick(now)
	if a.st.Len() != 0 {
		t.Error("it stays though nobody uses it")
	}
}

// TestClearOfOthers: a node that counted nothing clears what another one did: the entry
// goes everywhere once all know, though a flush comes between.
func TestClearOfOthers(t *testing.T) {
	now := uint32(100000)
	a, b, c := three(t, config(100), &now)
	a.count(1, 3)
	spread := func() {
		for range 3 {
			for _, m := range []*member{a, b, c} {
				for _, o := range []*member{a, b, c} {
					if m != o {
						m.give(o)
					}
				}
				m.f.Tick(now)
			}
		}
	}
	spread()
	b.f.Clear(b.entry(1), now)
	b.flush()
	e := b.entry(1)
	if !b.f.Hidden(e, now) {
		t.Error("it is seen where it was cleared")
	}
	e.Release()
	spread()
	for _, m := range []*member{a, b, c} {
		m.f.sweepNow(now)
		if m.st.Len() != 0 || m.f.used != 0 {
			t.Errorf("%s has %d entries, %d records", m.name, m.st.Len(), m.f.used)
		}
	}
}

// TestTogether counts, reads, resets and clears on several goroutines while changes are
// told both ways: what was counted and not taken is there in the end.
func TestTogether(t *testing.T) {
	now := uint32(100000)
	c := config(100)
	a, b := newMember(t, c, &now, "A", 1), newMember(t, c, &now, "B", 2)
	const each, counters = 3000, 3
	var taken atomic.Int64
	var counting, telling sync.WaitGroup
	for _, m := range []*member{a, b} {
		for range counters {
			counting.Go(func() {
				for k := range each {
					m.with(uint32(k%3), func(e stick.Entry) {
						e.Increment(stick.GPC, stick.GPCRate, 1, 1, now)
						e.AddRate(stick.HTTPReqRate, 0, 1, now)
						e.Rate(stick.HTTPReqRate, 0, now+20000) // asks for another line
						if k%500 == 0 {
							taken.Add(int64(e.Take(stick.GPC, 1)))
							e.Touch(now)
						}
						e.Set(stick.GPT0, 0, uint64(k))
					})
				}
			})
		}
	}
	sa, sb := sectionOf(t, a, "B"), sectionOf(t, b, "A")
	sb.epoch = sa.epoch + 1
	x, y := sa.Connect(sa.peer("B"), now), sb.Accept(now)
	at := now
	tell := func() {
		at += 200
		for quiet := false; !quiet; {
			out, back := x.Append(nil, 4096, at), y.Append(nil, 4096, at)
			y.Receive(out, at)
			x.Receive(back, at)
			quiet = len(out)+len(back) == 0
		}
		sa.Tick(at)
		sb.Tick(at)
	}
	stop := make(chan struct{})
	telling.Go(func() {
		for {
			tell()
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	counting.Wait()
	close(stop)
	telling.Wait()
	for range 10 {
		tell()
	}
	sum := func(m *member) (n int64) {
		for k := range uint32(3) {
			e := m.entry(k)
			n += int64(e.Get(stick.GPC, 1))
			e.Release()
		}
		return n
	}
	// Two nodes that take at once may each have taken the same.
	if left := sum(a); left != sum(b) || left+taken.Load() < 2*counters*each {
		t.Errorf("A reads %d, B %d, %d were taken, of %d", left, sum(b), taken.Load(), 2*counters*each)
	}
}
