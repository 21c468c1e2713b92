package stick

import (
	"fmt"
	"sync"
	"testing"
)

// TestLearnedGoesInTime: an entry that has less time left than the table's expiry, as
// peers and reloads tell of, is gone once that is over, not when it could have been.
func TestLearnedGoesInTime(t *testing.T) {
	const n, expire = 1000, 100_000
	for _, start := range []uint32{0, 1<<32 - 30_000} { // the clock wraps meanwhile
		for _, nopurge := range []bool{false, true} {
			tb, err := New(Config{Name: "t", Key: KeyInteger, Size: n, Expire: expire, NoPurge: nopurge, Store: []Stored{{Data: GPC0, N: 1}}}, start)
			if err != nil {
				t.Fatal(err)
			}
			left := func(i int) uint32 { return uint32(i) * 50 } // from none at all to 50 s
			now := start + 5
			for i := range n {
				e, _, _ := tb.Create(num(i), now)
				e.Touch(now)
				e.TouchLearned(now, left(i))
				e.Release()
			}
			touched, _ := tb.Get(num(n-1), now) // one lives on
			touched.Touch(now)
			touched.Release()
			for at := now; int32(at-now) < 60_000; at += 1000 {
				tb.Tick(at)
				over, most := 0, 0
				for i := range n - 1 {
					if left(i) <= at-now {
						over++
					}
					if left(i)+expire/64 < at-now { // a slot of the wheel is that long at the most
						most++
					}
				}
				if gone := n - tb.Len(); gone < most || gone > over {
					t.Fatalf("nopurge %t: %d entries are gone after %d ms, between %d and %d should be", nopurge, gone, at-now, most, over)
				}
			}
			if tb.Len() != 1 || !there(tb, string(num(n-1)), now+60_000) {
				t.Errorf("nopurge %t: %d entries are left", nopurge, tb.Len())
			}
		}
	}
}

// TestFullOfLearned: a full table that purges nothing takes a new key when the time of
// a learned one is over.
func TestFullOfLearned(t *testing.T) {
	tb := table(t, Config{Name: "t", Key: KeyInteger, Size: 10, Expire: 100_000, NoPurge: true, Store: []Stored{{Data: GPC0, N: 1}}})
	for i := range 10 {
		e, _, _ := tb.Create(num(i), 0)
		e.TouchLearned(0, 1000+uint32(i)*10_000)
		e.Release()
	}
	if _, _, ok := tb.Create(num(10), 900); ok {
		t.Error("it has room")
	}
	e, made, ok := tb.Create(num(10), 1100)
	if !ok || !made {
		t.Fatal("it has no room once an entry's time is over")
	}
	e.Release()
	if there(tb, string(num(0)), 1100) || !there(tb, string(num(1)), 1100) {
		t.Error("another one went")
	}
}

// BenchmarkUpdates counts requests as loops do: the entry of a key is found, held,
// counted on three times and let go, by one loop and by eight, on one key and on many,
// with and without peers that are to be told.
func BenchmarkUpdates(b *testing.B) {
	for _, peers := range []bool{false, true} {
		for _, keys := range []int{1, 100_000} {
			for _, loops := range []int{1, 8} {
				b.Run(fmt.Sprintf("peers=%t/keys=%d/loops=%d", peers, keys, loops), func(b *testing.B) {
					tb := table(b, Config{Name: "t", Key: KeyIPv4, Size: 200_000, Expire: 600_000, Peers: peers,
						Store: []Stored{{Data: HTTPReqRate, N: 1, Period: 10_000}, {Data: HTTPReqCnt, N: 1}, {Data: BytesOutCnt, N: 1}, {Data: BytesOutRate, N: 1, Period: 10_000}}})
					for i := range keys {
						e, _, _ := tb.Create(num(i), 0)
						e.Release()
					}
					b.ResetTimer()
					var all sync.WaitGroup
					for loop := range loops {
						all.Go(func() {
							var key [4]byte
							for i := range b.N / loops {
								k := uint32(i*7919+loop*13) % uint32(keys)
								key = [4]byte{byte(k >> 24), byte(k >> 16), byte(k >> 8), byte(k)}
								now := uint32(i >> 10)
								e, _, _ := tb.Create(key[:], now)
								e.Add(HTTPReqCnt, 0, 1)
								e.AddRate(HTTPReqRate, 0, 1, now)
								e.AddBytes(BytesOutCnt, BytesOutRate, 200, now)
								e.Touch(now)
								e.Release()
							}
						})
					}
					all.Wait()
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
				})
			}
		}
	}
}
