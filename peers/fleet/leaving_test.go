package fleet

import (
	"testing"

	"gohap/stick"
)

// TestLeavingProcess has a process that ends learn of a clear while there is no next
// one: that it knows does not let the cleared contribution go, for the next one may
// have heard of it before it was cleared, from a third node.
func TestLeavingProcess(t *testing.T) {
	w := newWorld(t, 1, 2, config(1000))
	pass := func(ms uint32) {
		for ; ms > 0; ms -= 25 {
			w.step(25)
		}
	}
	a, b := w.nodes[0].procs[0], w.nodes[1].procs[0]
	pass(1000)
	a.count(1, 5)
	pass(2500)
	if got := b.reads(1); got != 5 {
		t.Fatalf("B reads %d, want 5", got)
	}

	w.stop(b)
	if len(b.f.peers) != 2 {
		t.Errorf("%d are told what B does not keep, want A and B's next process", len(b.f.peers))
	}
	pass(500)
	e, ok := a.st.Get(keyOf(1), w.now)
	if !ok {
		t.Fatal("the entry is gone")
	}
	a.f.Clear(e, w.now)
	pass(2500)
	if got := b.reads(1); got > 0 {
		t.Errorf("the process that ends reads %d, want nothing", got)
	}
	if a.f.used == 0 {
		t.Error("what was cleared went before B's next process knew")
	}

	w.start(1)
	pass(2500)
	if a.f.used != 0 {
		t.Error("what was cleared stays though B's next process knows: ", a.shows(1))
	}
}

// TestLeftProcess has a process say that it has a clear, then end, before a third node
// has it: the third node's word does not make up for the next process's.
func TestLeftProcess(t *testing.T) {
	w := newWorld(t, 1, 3, config(1000))
	pass := func(ms uint32) {
		for ; ms > 0; ms -= 25 {
			w.step(25)
		}
	}
	a, b := w.nodes[0].procs[0], w.nodes[1].procs[0]
	pass(1000)
	a.count(1, 5)
	pass(2500)
	w.up[link(0, 2)], w.up[link(1, 2)] = false, false
	e, ok := a.st.Get(keyOf(1), w.now)
	if !ok {
		t.Fatal("the entry is gone")
	}
	a.f.Clear(e, w.now)
	pass(2500)
	w.stop(b)
	pass(500)
	w.up[link(0, 2)] = true
	pass(8000)
	if a.f.used == 0 {
		t.Error("what was cleared went before B's next process knew")
	}
	w.up[link(1, 2)] = true
	w.start(1)
	pass(4000)
	if a.f.used != 0 {
		t.Error("what was cleared stays though all know: ", a.shows(1))
	}
}

// TestLostProcess has a process crash after it said what it has: when the next one
// comes, nothing is known of that.
func TestLostProcess(t *testing.T) {
	w := newWorld(t, 1, 2, config(1000))
	a, b := w.nodes[0].procs[0], w.nodes[1].procs[0]
	a.count(1, 5)
	for range 100 {
		w.step(25)
	}
	if !a.f.told(self, 1) {
		t.Fatal("B did not say what it has")
	}
	w.kill(b)
	w.start(1)
	connects := &a.s.peer("B").Connects
	for before, i := connects.Load(), 0; connects.Load() == before; i++ {
		if i == 100 {
			t.Fatal("there is no session with B's next process")
		}
		w.step(25)
	}
	if a.f.told(self, 1) {
		t.Error("what the lost process had counts for the next one")
	}
}

// TestTakenOverLast has a node know of a life that took an earlier one's count over,
// with all of it cleared, while it does not yet take that earlier life for dead: the
// name stays as long as what it covers.
func TestTakenOverLast(t *testing.T) {
	now := uint32(100000)
	a, b := newMember(t, config(100), &now, "A", 1), newMember(t, config(100), &now, "B", 2)
	next := newMember(t, config(100), &now, "B", 3)
	a.f.Peers([]string{"B"})
	next.f.Peers([]string{"A"})
	b.with(1, func(e stick.Entry) { e.Add(stick.ConnCur, 0, 1); e.Add(stick.HTTPReqCnt, 0, 9); e.Touch(now) })
	b.give(a)
	a.give(next)

	now += deadAfter
	a.f.mu.Lock()
	a.f.now = now
	a.f.alive(a.f.byID[b.id()], 1, false, false)
	a.f.mu.Unlock()
	next.f.Clear(next.entry(1), now)
	for range 3 {
		next.f.Tick(now)
		next.give(a)
		a.f.Tick(now)
		a.give(next)
	}
	if got := a.reads(1); got > 0 {
		t.Errorf("A reads %d of what was cleared: %s", got, a.shows(1))
	}

	now += deadAfter
	for range 3 {
		a.f.Tick(now)
		next.f.Tick(now)
	}
	for _, m := range []*member{a, next} {
		if m.f.sweepNow(now); m.f.used != 0 {
			t.Errorf("%s keeps %s", m.name, m.shows(1))
		}
	}
}

// TestNextIsTold has a process that ends learn of a clear that the next one learns of
// from it alone: it keeps what was cleared until then, of its own count too.
func TestNextIsTold(t *testing.T) {
	now := uint32(100000)
	a, b := newMember(t, config(100), &now, "A", 1), newMember(t, config(100), &now, "B", 2)
	next := newMember(t, config(100), &now, "B", 3)
	a.f.Peers([]string{"B"})
	b.f.Peers([]string{"A", "B"}) // as Stop does
	a.count(1, 5)
	b.count(1, 2)
	a.give(b)
	b.give(a)
	b.give(next)
	a.f.Clear(a.entry(1), now)
	a.give(b)
	b.give(a)
	a.give(b)
	b.f.Tick(now)
	if got := b.reads(1); got > 0 {
		t.Errorf("the process that ends reads %d", got)
	}
	b.give(next)
	if got := next.reads(1); got > 0 {
		t.Errorf("the next one reads %d", got)
	}
	if b.f.told(self, b.f.sources[self].have) {
		t.Error("the next one did not say that it has what this one counted")
	}
	for range 3 {
		next.give(b)
		b.give(a)
		a.give(b)
		b.f.Tick(now)
		a.f.Tick(now)
		b.give(next)
	}
	if b.f.sweepNow(now); b.f.used != 0 {
		t.Errorf("what was cleared stays: %s", b.shows(1))
	}
}
