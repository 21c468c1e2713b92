package stick

import (
	"sync"
	"testing"
)

func fleetTable(t *testing.T, fleet bool) *Table {
	t.Helper()
	tab, err := New(Config{Name: "t", Key: KeyInteger, Size: 100, Expire: 60000, Peers: fleet, Fleet: fleet, Store: []Stored{
		{Data: HTTPReqCnt, N: 1}, {Data: BytesInCnt, N: 1}, {Data: HTTPReqRate, N: 1, Period: 1000}, {Data: GPCRate, N: 2, Period: 10000},
		{Data: GPC, N: 2}, {Data: ConnCur, N: 1}, {Data: GPT0, N: 1}, {Data: ServerKey, N: 1}, {Data: ServerID, N: 1}}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// renewer answers what a table asks its fleet.
type renewer struct {
	renewed int
	events  uint64
}

func (r *renewer) Reset(e Entry, d Data, i int) uint64 {
	was := e.Get(d, i)
	e.AddOwn(d, i, -e.Own(d, i))
	e.SetOthers(d, i, 0)
	return was
}

func (r *renewer) Renew(e Entry, d Data, i int, now uint32) {
	r.renewed++
	e.SetOthersRate(d, i, r.events, 0, now, now+1000)
}

// TestOthers: what others counted is part of what is read and of nothing else.
func TestOthers(t *testing.T) {
	tab := fleetTable(t, true)
	f := &renewer{}
	tab.Join(f)
	e, _, _ := tab.Create([]byte{0, 0, 0, 1}, 1000)
	e.SetOthers(HTTPReqCnt, 0, 10)
	e.SetOthers(BytesInCnt, 0, 1<<40)
	e.SetOthers(GPC, 1, 5)
	e.SetOthers(ConnCur, 0, 2)
	if got := e.Add(HTTPReqCnt, 0, 3); got != 13 {
		t.Errorf("Add returns %d", got)
	}
	if got := e.Increment(GPC, GPCRate, 1, 1, 1000); got != 6 {
		t.Errorf("Increment returns %d", got)
	}
	e.Add(BytesInCnt, 0, 1)
	e.Add(ConnCur, 0, 1)
	e.Sub(ConnCur, 0)
	e.Sub(ConnCur, 0) // of others' nothing is taken
	for _, c := range []struct {
		d         Data
		i         int
		want, own uint64
	}{{HTTPReqCnt, 0, 13, 3}, {BytesInCnt, 0, 1<<40 + 1, 1}, {GPC, 0, 0, 0}, {GPC, 1, 6, 1}, {ConnCur, 0, 2, 0}} {
		if got, own := e.Get(c.d, c.i), e.Own(c.d, c.i); got != c.want || own != c.own {
			t.Errorf("%v(%d): %d, own %d; want %d, own %d", c.d, c.i, got, own, c.want, c.own)
		}
	}
	if got := e.Take(GPC, 1); got != 6 || e.Get(GPC, 1) != 0 {
		t.Errorf("Take returns %d and leaves %d", got, e.Get(GPC, 1))
	}
	e.Release()
}

// TestOthersRate: the others' rate is a line that falls, and is made anew behind its
// end.
func TestOthersRate(t *testing.T) {
	tab := fleetTable(t, true)
	f := &renewer{events: 7000}
	tab.Join(f)
	e, _, _ := tab.Create([]byte{0, 0, 0, 1}, 1000)
	defer e.Release()
	e.AddRate(HTTPReqRate, 0, 2, 1000)
	e.SetOthersRate(HTTPReqRate, 0, 10*1000, 8, 1000, 1500) // 10, of which 8 of the period before
	for _, c := range []struct{ at, want uint32 }{{1000, 12}, {1250, 10}, {1499, 8}} {
		if got := e.Rate(HTTPReqRate, 0, c.at); got != c.want {
			t.Errorf("at %d: %d, want %d", c.at, got, c.want)
		}
	}
	if f.renewed != 0 {
		t.Error("it was renewed too early")
	}
	if got := e.Rate(HTTPReqRate, 0, 1500); got != 9 || f.renewed != 1 {
		t.Errorf("behind the end: %d, renewed %d times", got, f.renewed)
	}
}

// TestLastWriter: the fleet's value does not take the place of one that somebody
// stored since, and a server that others name has no number here.
func TestLastWriter(t *testing.T) {
	tab := fleetTable(t, true)
	e, _, _ := tab.Create([]byte{0, 0, 0, 1}, 1000)
	defer e.Release()
	e.Set(ServerID, 0, 4)
	e.StoreLast(ServerKey, 0, tab.Number("s2"))
	if e.Text(ServerKey) != "s2" || e.Get(ServerID, 0) != 0 {
		t.Errorf("%q, server %d", e.Text(ServerKey), e.Get(ServerID, 0))
	}
	e.StoreLast(GPT0, 0, 5)
	e.Set(GPT0, 0, 6)
	e.StoreLast(GPT0, 0, 7)
	if v, written := e.Written(GPT0, 0); v != 6 || !written || e.Get(GPT0, 0) != 6 {
		t.Errorf("%d, written %t", v, written)
	}
	e.Noted(GPT0, 0, 6)
	e.StoreLast(GPT0, 0, 8)
	if v, written := e.Written(GPT0, 0); v != 8 || written {
		t.Errorf("%d, written %t", v, written)
	}
}

// TestDropped: chains of entries that went are told once, and new entries have none.
func TestDropped(t *testing.T) {
	tab := fleetTable(t, true)
	key := []byte{0, 0, 0, 1}
	e, _, _ := tab.Create(key, 1000)
	e.SetChain(77)
	if e.RemoveIf(func() bool { return false }) {
		t.Error("removed against ok")
	}
	second := e.Hold()
	if e.RemoveIf(func() bool { return true }) {
		t.Error("removed while held")
	}
	second.Release()
	if !e.RemoveIf(func() bool { return e.Chain() == 77 }) {
		t.Error("not removed")
	}
	if list := tab.Dropped(); len(list) != 1 || list[0] != 77 || tab.Dropped() != nil {
		t.Errorf("dropped %v", list)
	}
	if e, _, _ = tab.Create(key, 1000); e.Chain() != 0 {
		t.Errorf("a new entry has chain %d", e.Chain())
	}
	e.Release()
}

// TestFleetAside: a table that is not the fleet's has no word more, and counts alike.
func TestFleetAside(t *testing.T) {
	tab := fleetTable(t, false)
	if tab.chain != 0 || tab.stride != tab.dataEnd+tab.dataEnd&1 {
		t.Errorf("%d words for %d of data", tab.stride, tab.dataEnd)
	}
	e, _, _ := tab.Create([]byte{0, 0, 0, 1}, 1000)
	e.Add(GPC, 1, 4)
	if got := e.Take(GPC, 1); got != 4 || e.Get(GPC, 1) != 0 {
		t.Errorf("Take returns %d", got)
	}
	e.Release()
}

// TestReadWhileLearned reads a rate while another goroutine stores lines of one value.
func TestReadWhileLearned(t *testing.T) {
	tab := fleetTable(t, true)
	e, _, _ := tab.Create([]byte{0, 0, 0, 1}, 1000)
	defer e.Release()
	e.SetOthersRate(GPCRate, 1, 100*10000, 0, 1000, 100000)
	var all sync.WaitGroup
	all.Go(func() {
		for k := range uint32(20000) { // 100 at every time, by different lines
			e.SetOthersRate(GPCRate, 1, 100*10000+uint64(k)*10, k, 1990, 100000)
		}
	})
	for range 20000 {
		if got := e.Rate(GPCRate, 1, 2000); got != 100 {
			t.Fatalf("read %d", got)
		}
	}
	all.Wait()
}
