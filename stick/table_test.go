package stick

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func table(t testing.TB, c Config) *Table {
	t.Helper()
	tb, err := New(c, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tb
}

func num(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// every stores each kind of data.
func every() (all []Stored) {
	for d := range DataKinds {
		s := Stored{Data: d, N: 1}
		if d.Form() == Rate {
			s.Period = 1000 + uint32(d)
		}
		if d.Array() {
			s.N = 3
		}
		all = append(all, s)
	}
	return all
}

// TestData: each datum has room of its own.
func TestData(t *testing.T) {
	for _, k := range []KeyType{KeyInteger, KeyIPv4, KeyIPv6, KeyString, KeyBinary} {
		tb := table(t, Config{Name: "t", Key: k, KeyLen: 7, Size: 100, Expire: 10_000, Store: every()})
		var entries []Entry
		for i := range 5 {
			key, ok := tb.Key(nil, bytes.Repeat([]byte{byte('a' + i)}, tb.keyLen))
			e, made, ok2 := tb.Create(key, 1)
			if !ok || !ok2 || !made {
				t.Fatalf("%v: no entry %d", k, i)
			}
			entries = append(entries, e)
		}
		set := func(e Entry, seed int) {
			for d := range DataKinds {
				for i := range tb.Elements(d) {
					n := uint64(seed*10000 + int(d)*100 + i)
					switch d.Form() {
					case Rate:
						e.AddRate(d, i, uint32(n), 5)
					case Dict:
						e.SetText(d, fmt.Sprint("s", n))
					case Wide:
						e.Add(d, i, n<<32|n)
					default:
						e.Add(d, i, n)
					}
				}
			}
		}
		for i, e := range entries {
			set(e, i)
		}
		for seed, e := range entries {
			for d := range DataKinds {
				for i := range tb.Elements(d) {
					n := uint64(seed*10000 + int(d)*100 + i)
					switch d.Form() {
					case Rate:
						if got := e.Rate(d, i, 6); got != uint32(n) {
							t.Errorf("%v %v[%d] of %d: %d", k, d, i, seed, got)
						}
					case Dict:
						if got := e.Text(d); got != fmt.Sprint("s", n) {
							t.Errorf("%v %v of %d: %s", k, d, seed, got)
						}
					case Wide:
						if got := e.Get(d, i); got != n<<32|n {
							t.Errorf("%v %v of %d: %d", k, d, seed, got)
						}
					default:
						if got := e.Get(d, i); got != n {
							t.Errorf("%v %v[%d] of %d: %d", k, d, i, seed, got)
						}
					}
				}
			}
			if want := bytes.Repeat([]byte{byte('a' + seed)}, tb.keyLen); !bytes.Equal(e.Key(), want) {
				t.Errorf("%v: key %q", k, e.Key())
			}
		}
	}
}

// TestExpiry: an entry is there until its time, from its last touch, to the ms.
func TestExpiry(t *testing.T) {
	for _, life := range []uint32{1, 10, 127, 128, 1000, 30_000, 1_800_000, 24 * 86_400_000} {
		for _, start := range []uint32{0, 5, 1<<32 - 1000, 1<<31 - 3} {
			tb, err := New(Config{Name: "t", Key: KeyInteger, Size: 10, Expire: life}, start)
			if err != nil {
				t.Fatal(err)
			}
			now := start
			e, _, _ := tb.Create(num(1), now)
			e.Release()
			for range 3 {
				now += life - 1
				tb.Tick(now)
				if e, ok := tb.Get(num(1), now); !ok {
					t.Fatalf("expiry %d from %d: gone before its time", life, start)
				} else {
					e.Touch(now)
					e.Release()
				}
			}
			if _, ok := tb.Get(num(1), now+life); ok {
				t.Errorf("expiry %d from %d: there after its time", life, start)
			}
			if tb.Len() != 0 || tb.Expired.Load() != 1 {
				t.Errorf("%d entries, %d expired", tb.Len(), tb.Expired.Load())
			}
		}
	}
}

// TestTick: the wheel removes what nobody asks for, soon after its time, and never
// what is held.
func TestTick(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 1000, Expire: 10_000})
	held, _, _ := tb.Create(num(-1), 0)
	for i := range 100 {
		e, _, _ := tb.Create(num(i), uint32(i*100))
		e.Release()
	}
	for now := uint32(0); now < 30_000; now += tb.Interval() {
		tb.Tick(now)
		want := 1
		for i := range 100 {
			if int32(now-uint32(i*100)-10_000) < 0 {
				want++
			}
		}
		if n := tb.Len(); n < want || n > want+3 {
			t.Fatalf("at %d: %d entries, not %d", now, n, want)
		}
	}
	held.Touch(30_000)
	held.Release()
	tb.Tick(41_000)
	if tb.Len() != 0 {
		t.Errorf("%d entries", tb.Len())
	}
}

// TestFull: a full table removes the entry that was touched longest ago, or
// refuses.
func TestFull(t *testing.T) {
	for _, expire := range []uint32{0, 1000, 600_000} {
		tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 20, Expire: expire})
		now := uint32(0)
		for i := range 20 {
			now++
			e, _, _ := tb.Create(num(i), now)
			e.Release()
		}
		for i := range 10 { // the first ten are young again
			now++
			e, _ := tb.Get(num(i), now)
			e.Touch(now)
			e.Release()
		}
		for i := range 10 {
			now++
			e, made, ok := tb.Create(num(100+i), now)
			if !ok || !made {
				t.Fatalf("expiry %d: no room for %d", expire, i)
			}
			e.Release()
			if _, ok := tb.Get(num(10+i), now); ok {
				t.Errorf("expiry %d: %d was not the one to go", expire, 10+i)
			}
		}
		if tb.Len() != 20 || tb.Evicted.Load() != 10 {
			t.Errorf("%d entries, %d evicted", tb.Len(), tb.Evicted.Load())
		}
	}
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 5, Expire: 1000, NoPurge: true})
	for i := range 5 {
		e, _, _ := tb.Create(num(i), 1)
		e.Release()
	}
	if _, _, ok := tb.Create(num(9), 2); ok || tb.Refused.Load() != 1 {
		t.Error("a table that purges nothing took one more")
	}
	if e, _, ok := tb.Create(num(9), 1002); !ok {
		t.Error("what has expired takes room")
	} else {
		e.Release()
	}
	tb = table(t, Config{Name: "t", Key: KeyInteger, Size: 2})
	a, _, _ := tb.Create(num(1), 1)
	b, _, _ := tb.Create(num(2), 1)
	if _, _, ok := tb.Create(num(3), 1); ok {
		t.Error("an entry that is held made room")
	}
	a.Release()
	if c, _, ok := tb.Create(num(3), 1); !ok {
		t.Error("no room")
	} else {
		c.Release()
	}
	b.Release()
}

// TestRate: events of the present period and what is left of the one before.
func TestRate(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 10, Store: []Stored{{Data: HTTPReqRate, N: 1, Period: 1000}}})
	e, _, _ := tb.Create(num(1), 10_000)
	for i := range uint32(10) {
		e.AddRate(HTTPReqRate, 0, 1, 10_000+i*100)
	}
	for at, want := range map[uint32]uint32{10_900: 10, 10_998: 10, 11_000: 10, 11_100: 9, 11_500: 5, 11_990: 0, 12_000: 0, 20_000: 0} {
		if got := e.Rate(HTTPReqRate, 0, at); got != want {
			t.Errorf("at %d: %d, not %d", at, got, want)
		}
	}
	e.AddRate(HTTPReqRate, 0, 4, 11_500)
	if got := e.Rate(HTTPReqRate, 0, 11_500); got != 4+5 {
		t.Errorf("%d", got)
	}
	e.AddRate(HTTPReqRate, 0, 1, 20_000)
	if got := e.Rate(HTTPReqRate, 0, 20_000); got != 1 {
		t.Errorf("%d", got)
	}
}

// TestModel compares a table with a map, step by step.
func TestModel(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		size := []int{1, 3, 50, 10_000}[seed%4]
		expire := uint32(500 + rnd.IntN(100_000))
		tb := table(t, Config{Name: "t", Key: KeyString, KeyLen: 12, Size: size, Expire: expire, Store: []Stored{{Data: GPC0, N: 1}}, Peers: seed%2 == 0})
		type model struct {
			until uint32
			n     uint64
		}
		want := map[string]*model{}
		now := uint32(1<<32 - 50_000)
		tb.shards[0].swept = now >> tb.width
		for i := range tb.shards {
			tb.shards[i].swept = now >> tb.width
		}
		keys := size + size/2 + 2
		for step := range 6000 {
			now += uint32(rnd.IntN(int(expire)/200 + 2))
			for k, m := range want {
				if over(m.until, now) {
					delete(want, k)
				}
			}
			if rnd.IntN(20) == 0 {
				tb.Tick(now)
			}
			key := fmt.Sprint("k", rnd.IntN(keys))
			m := want[key]
			switch rnd.IntN(4) {
			case 0, 1:
				e, made, ok := tb.Create([]byte(key), now)
				if !ok || made != (m == nil) {
					t.Fatalf("seed %d step %d: create %s: made %v, %v, model %v", seed, step, key, made, ok, m)
				}
				if m == nil {
					if len(want) == size {
						oldest := ""
						for k, m := range want {
							if oldest == "" || int32(m.until-want[oldest].until) < 0 {
								oldest = k
							}
						}
						if size <= scanned {
							old := want[oldest].until
							if there(tb, oldest, now) && !twins(want, func(m *model) bool { return m.until == old }) {
								t.Fatalf("seed %d step %d: %s was the oldest", seed, step, oldest)
							}
						}
						for k := range want { // among equals either may go
							if !there(tb, k, now) {
								delete(want, k)
							}
						}
					}
					m = &model{}
					want[key] = m
				}
				m.until = now + expire
				m.n++
				e.Add(GPC0, 0, 1)
				e.Touch(now)
				e.Release()
			case 2:
				e, ok := tb.Get([]byte(key), now)
				if ok != (m != nil) {
					t.Fatalf("seed %d step %d: get %s: %v, model %v", seed, step, key, ok, m)
				}
				if ok {
					if e.Get(GPC0, 0) != m.n || e.Left(now) != m.until-now {
						t.Fatalf("seed %d step %d: %d, left %d, not %+v", seed, step, e.Get(GPC0, 0), e.Left(now), m)
					}
					e.Release()
				}
			case 3:
				if rnd.IntN(8) > 0 {
					continue
				}
				if found, held := tb.Delete([]byte(key), now); found != (m != nil) || held {
					t.Fatalf("seed %d step %d: delete %s: %v %v, model %v", seed, step, key, found, held, m)
				}
				delete(want, key)
			}
			if step%500 == 0 {
				n := 0
				tb.Walk(now, func(e Entry) bool { n++; return want[string(e.Key())] != nil })
				if n != len(want) || tb.Len() != n {
					t.Fatalf("seed %d step %d: %d walked, %d counted, %d in the model", seed, step, n, tb.Len(), len(want))
				}
			}
		}
	}
}

func there(tb *Table, key string, now uint32) bool {
	e, ok := tb.Get([]byte(key), now)
	e.Release()
	return ok
}

func twins[M any](all map[string]M, is func(M) bool) bool {
	n := 0
	for _, m := range all {
		if is(m) {
			n++
		}
	}
	return n > 1
}

// TestManyGoroutines: eight of them count on the same keys of a table that is full
// all the time, and nothing is lost but what was evicted.
func TestManyGoroutines(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 9000, Expire: 50, Peers: true,
		Store: []Stored{{Data: HTTPReqCnt, N: 1}, {Data: HTTPReqRate, N: 1, Period: 10}, {Data: ConnCur, N: 1}}})
	pinned, _, _ := tb.Create(num(-1), 0)
	const each = 10_000
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range each {
				now := uint32(i / 50)
				key := num(rnd.IntN(12_000))
				if i%4 == 0 {
					key = num(-1)
				}
				e, _, ok := tb.Create(key, now)
				if !ok {
					t.Error("no room")
					return
				}
				e.Add(ConnCur, 0, 1)
				e.Add(HTTPReqCnt, 0, 1)
				e.AddRate(HTTPReqRate, 0, 1, now)
				e.Sub(ConnCur, 0)
				e.Touch(now)
				e.Release()
				switch i % 1000 {
				case 0:
					tb.Tick(now)
				case 1:
					tb.Walk(now, func(e Entry) bool { return e.Rate(HTTPReqRate, 0, now) < 1<<30 })
				case 2:
					tb.Delete(key, now)
				}
			}
		})
	}
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		cursor := uint32(0)
		for {
			next := tb.Changes(cursor, 200, func(e Entry, _ uint32) { _ = e.Get(HTTPReqCnt, 0) })
			if next == cursor {
				select {
				case <-stop:
					return
				default:
				}
			}
			cursor = next
		}
	})
	wg.Wait()
	close(stop)
	reader.Wait()
	if got := pinned.Get(HTTPReqCnt, 0); got != 8*each/4 {
		t.Errorf("%d counted, not %d", got, 8*each/4)
	}
	if got := pinned.Get(ConnCur, 0); got != 0 {
		t.Errorf("%d current", got)
	}
	if n := pinned.Holds(); n != 1 {
		t.Errorf("%d holds", n)
	}
	if n := tb.Len(); n > 9000 {
		t.Errorf("%d entries", n)
	}
	held := 0
	tb.Walk(600, func(e Entry) bool { held += e.Holds() - 1; return true })
	if held != 1 {
		t.Errorf("%d holds are left", held)
	}
}

// TestChanges: each entry that changed is seen once behind a cursor, with its last
// values, and a busy one leaves no trail.
func TestChanges(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 5000, Peers: true, Store: []Stored{{Data: GPC0, N: 1}}})
	touch := func(n int) {
		e, _, _ := tb.Create(num(n), 1)
		e.Add(GPC0, 0, 1)
		e.Touch(1)
		e.Release()
	}
	read := func(cursor uint32) (uint32, []int) {
		var got []int
		for {
			next := tb.Changes(cursor, 7, func(e Entry, _ uint32) { got = append(got, int(binary.BigEndian.Uint32(e.Key()))) })
			if next == cursor {
				return cursor, got
			}
			cursor = next
		}
	}
	for range 10_000 {
		touch(1)
		touch(2)
	}
	cursor, got := read(0)
	if fmt.Sprint(got) != "[1 2]" || len(tb.log.records) != 2 {
		t.Errorf("%v, %d records", got, len(tb.log.records))
	}
	touch(3)
	touch(1)
	touch(3)
	if _, got := read(0); fmt.Sprint(got) != "[2 3 1]" {
		t.Errorf("%v", got)
	}
	if cursor, got = read(cursor); fmt.Sprint(got) != "[3 1]" {
		t.Errorf("%v", got)
	}
	for range 3000 {
		touch(2)
		cursor, _ = read(cursor)
	}
	if n := len(tb.log.records); n > 2100 {
		t.Errorf("%d records of three entries", n)
	}
	tb.Delete(num(2), 1)
	touch(4)
	if _, got := read(0); fmt.Sprint(got) != "[3 1 4]" {
		t.Errorf("%v", got)
	}
}

// TestLogAges: the log reaches back so far, whoever has not read it; an entry that
// is dropped is written again when it changes.
func TestLogAges(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 100, Peers: true, Store: []Stored{{Data: GPC0, N: 1}}})
	touch := func(n int) {
		e, _, _ := tb.Create(num(n), 1)
		e.Touch(1)
		e.Release()
	}
	read := func(cursor uint32) (got []int) {
		tb.Changes(cursor, 100, func(e Entry, seq uint32) { got = append(got, int(binary.BigEndian.Uint32(e.Key()))) })
		return got
	}
	touch(1)
	touch(2)
	if tb.Behind(0) {
		t.Error("behind at the start")
	}
	tb.log.seq = keepChanges - keepChanges>>10 + 1
	touch(3)
	if !tb.Behind(0) || tb.Behind(2) && tb.Behind(tb.log.seq) {
		t.Error("not behind")
	}
	if got := read(0); fmt.Sprint(got) != "[1 2 3]" {
		t.Errorf("%v", got)
	}
	touch(2) // taken: it moves
	tb.log.seq = 2*keepChanges - 3
	touch(4)
	touch(5)
	touch(6) // at a multiple, the log is aged: 1 and 3 lie too far back
	if got := read(tb.log.seq - keepChanges); fmt.Sprint(got) != "[4 5 6]" || len(tb.log.records) != 3 || tb.log.stale != 0 {
		t.Errorf("%v, %d records, %d stale", got, len(tb.log.records), tb.log.stale)
	}
	cursor := tb.Last()
	touch(1)
	if got := read(cursor); fmt.Sprint(got) != "[1]" {
		t.Errorf("%v", got)
	}
	tb.log.seq = ^uint32(0) - 1 // numbers wrap, without 0
	cursor = tb.Last()
	tb.log.taken.Store(cursor)
	tb.log.records = nil
	for k := 10; k < 14; k++ {
		touch(k)
	}
	if got := read(cursor); fmt.Sprint(got) != "[10 11 12 13]" || tb.Last() != 3 {
		t.Errorf("%v up to %d", got, tb.Last())
	}
}

// TestNotify: one call after Arm, not for what was learned; Take lets the next
// change be written.
func TestNotify(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 100, Expire: 500, Peers: true, Store: []Stored{{Data: GPC0, N: 1}}})
	calls := 0
	tb.Notify(func() { calls++ })
	e, _, _ := tb.Create(num(1), 1)
	e.TouchLearned(1, 9000)
	if e.Left(1) != 500 || tb.Last() != 0 {
		t.Errorf("%d left, change %d", e.Left(1), tb.Last())
	}
	e.Touch(1)
	if calls != 0 || !tb.Arm(0) || tb.Arm(1) {
		t.Errorf("%d calls", calls)
	}
	e.Touch(2) // nobody has taken the first one
	if calls != 0 || tb.Last() != 1 {
		t.Errorf("%d calls, change %d", calls, tb.Last())
	}
	if at := tb.Take(); at != 1 {
		t.Errorf("%d", at)
	}
	e.Touch(3)
	tb.Take()
	e.Touch(3)
	if calls != 1 || tb.Last() != 3 {
		t.Errorf("%d calls, change %d", calls, tb.Last())
	}
	e.Release()
	if e.RateParts(HTTPReqRate, 0, 5); tb.Has(HTTPReqRate, 0) {
		t.Error("a rate that is not stored")
	}
	tb.Delete(num(1), 3)
	if next := tb.Changes(0, 10, func(Entry, uint32) { t.Error("an entry that is gone") }); next != 3 || tb.Arm(next) {
		t.Errorf("cursor %d", next)
	}
}

// TestPart: a walk that pauses sees all entries that stay.
func TestPart(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 20_000, Store: []Stored{{Data: GPC0, N: 1}}})
	for n := range 20_000 {
		e, _, _ := tb.Create(num(n), 1)
		e.Release()
	}
	if tb.Parts() < 2 {
		t.Fatal("one part")
	}
	seen := map[uint32]bool{}
	var ids []uint32
	for i := range tb.Parts() {
		ids = tb.Part(i, 1, ids[:0])
		for n := range 1000 { // some go meanwhile
			tb.Delete(num(i*1000+n), 1)
		}
		for _, id := range ids {
			if e, ok := tb.Hold(id); ok {
				seen[binary.BigEndian.Uint32(e.Key())] = true
				e.Release()
			}
		}
	}
	for n := tb.Parts() * 1000; n < 20_000; n++ {
		if !seen[uint32(n)] {
			t.Fatalf("%d was not seen", n)
		}
	}
	if len(seen) > 20_000-1000 || tb.Len() != 20_000-tb.Parts()*1000 {
		t.Errorf("%d seen, %d there", len(seen), tb.Len())
	}
}

func BenchmarkCreate(b *testing.B) {
	for _, size := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			tb := table(b, Config{Name: "t", Key: KeyIPv4, Size: size, Expire: 60_000, Store: []Stored{{Data: ConnCnt, N: 1}, {Data: HTTPReqRate, N: 1, Period: 10_000}}})
			keys := make([][]byte, 1<<16)
			rnd := rand.New(rand.NewPCG(1, 1))
			for i := range keys {
				keys[i] = num(rnd.IntN(size))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				e, _, _ := tb.Create(keys[i&(1<<16-1)], uint32(i>>10))
				e.Add(ConnCnt, 0, 1)
				e.AddRate(HTTPReqRate, 0, 1, uint32(i>>10))
				e.Touch(uint32(i >> 10))
				e.Release()
				i++
			}
		})
	}
}
