package stick

import (
	"fmt"
	"testing"
)

// TestRemove: an entry goes when nobody else holds it.
func TestRemove(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 10, Expire: 1000})
	e, _, _ := tb.Create(num(1), 0)
	other := e.Hold()
	if e.Remove() {
		t.Fatal("an entry that somebody else holds was removed")
	}
	if other.Holds() != 2 {
		t.Fatalf("%d holds are left", other.Holds())
	}
	other.Release()
	if !e.Remove() || tb.Len() != 0 {
		t.Fatalf("the entry was not removed, there are %d", tb.Len())
	}
	if _, ok := tb.Get(num(1), 0); ok {
		t.Error("a removed entry is found")
	}
}

// TestByID: entries are found by their numbers while they live.
func TestByID(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyString, KeyLen: 20, Size: 10_000, Expire: 1000})
	ids := map[uint32]string{}
	for i := range 9000 {
		key := fmt.Sprint("key", i)
		e, _, ok := tb.Create([]byte(key), 0)
		if !ok {
			t.Fatal("no room")
		}
		ids[e.ID()] = key
		e.Release()
	}
	for id, key := range ids {
		e, ok := tb.ByID(id, 0)
		if !ok || string(e.Key()) != key {
			t.Fatalf("%d is not %s", id, key)
		}
		if len(key) == 7 && !e.Remove() { // some thousand of them
			t.Fatalf("%s stays", key)
		} else if len(key) != 7 {
			e.Release()
		}
	}
	for id, key := range ids {
		if e, ok := tb.ByID(id, 0); ok != (len(key) != 7) {
			t.Fatalf("%s: found %v", key, ok)
		} else if e.Release(); ok && e.Holds() != 0 {
			t.Fatalf("%s: %d holds", key, e.Holds())
		}
		if _, ok := tb.ByID(id, 1000); ok {
			t.Fatalf("%s is found after its time", key)
		}
	}
	for _, id := range []uint32{0, 1 << 20, 1<<32 - 1} {
		if _, ok := tb.ByID(id, 0); ok {
			t.Errorf("an entry %d", id)
		}
	}
}

// TestClear: what matches goes, what is held stays.
func TestClear(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 100, Store: []Stored{{Data: GPC0, N: 1}}})
	var held Entry
	for i := range 100 {
		e, _, _ := tb.Create(num(i), 0)
		e.Set(GPC0, 0, uint64(i))
		if i == 50 {
			held = e
		} else {
			e.Release()
		}
	}
	tb.Clear(0, func(e Entry) bool { return e.Get(GPC0, 0) >= 40 })
	if tb.Len() != 41 {
		t.Errorf("%d entries are left", tb.Len())
	}
	if held.Holds() != 1 {
		t.Errorf("the held one has %d holds", held.Holds())
	}
	tb.Walk(0, func(e Entry) bool {
		if n := e.Get(GPC0, 0); n >= 40 && n != 50 || e.Holds() > 2 {
			t.Errorf("%d is left with %d holds", n, e.Holds())
		}
		return true
	})
}

// TestSlowWalk: while a walk is at an entry the others expire and can be removed.
func TestSlowWalk(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 100, Expire: 1000})
	for i := range 100 {
		e, _, _ := tb.Create(num(i), 0)
		e.Release()
	}
	seen := 0
	tb.Walk(0, func(Entry) bool {
		if seen++; seen == 1 {
			tb.Tick(5000)
		}
		return true
	})
	if seen != 1 || tb.Len() != 1 {
		t.Errorf("%d entries were seen, %d are left", seen, tb.Len())
	}
}

// TestFill: a table of another size takes over what it has room for.
func TestFill(t *testing.T) {
	old := table(t, Config{Name: "t", Key: KeyInteger, Size: 100, Expire: 10_000, Store: every()})
	for i := range 60 {
		e, _, _ := old.Create(num(i), 0)
		for d := range DataKinds {
			for k := range old.Elements(d) {
				switch d.Form() {
				case Rate:
					e.AddRate(d, k, uint32(i+k), 100)
				case Dict:
					e.SetText(d, fmt.Sprint("s", i))
				default:
					e.Set(d, k, uint64(i*100+k))
				}
			}
		}
		e.TouchFor(0, 5000)
		e.Release()
	}
	big := table(t, Config{Name: "t", Key: KeyInteger, Size: 1000, Expire: 60_000, Store: every()})
	if !big.Fits(old) || big.Same(old) {
		t.Fatal("it does not fit, or is the same")
	}
	big.Fill(old, 1000)
	if big.Len() != 60 {
		t.Fatalf("%d entries were taken over", big.Len())
	}
	for i := range 60 {
		e, ok := big.Get(num(i), 1000)
		if !ok {
			t.Fatalf("%d is missing", i)
		}
		if left := e.Left(1000); left != 4000 {
			t.Errorf("%d has %d ms left", i, left)
		}
		for d := range DataKinds {
			for k := range big.Elements(d) {
				o, _ := old.Get(num(i), 1000)
				if d.Form() == Rate {
					if got, want := e.Rate(d, k, 1000), o.Rate(d, k, 1000); got != want {
						t.Errorf("%d %v: %d, not %d", i, d, got, want)
					}
				} else if d.Form() == Dict && e.Text(d) != fmt.Sprint("s", i) || d.Form() != Dict && e.Get(d, k) != o.Get(d, k) {
					t.Errorf("%d %v: %d %q", i, d, e.Get(d, k), e.Text(d))
				}
				o.Release()
			}
		}
		e.Release()
	}
	small := table(t, Config{Name: "t", Key: KeyInteger, Size: 10, NoPurge: true, Expire: 10_000, Store: every()})
	if small.Fill(old, 1000); small.Len() != 10 {
		t.Errorf("%d entries in a table of 10", small.Len())
	}
	other := table(t, Config{Name: "t", Key: KeyInteger, Size: 100, Expire: 10_000})
	if other.Fits(old) {
		t.Error("other data fit")
	}
	again := table(t, old.Config)
	if !again.Same(old) {
		t.Error("the same declaration is another one")
	}
}
