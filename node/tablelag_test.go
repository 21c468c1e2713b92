package node

import (
	"testing"
	"time"

	tables "gohap/peers/fleet"
)

// TestLag: a node that keeps up is not behind, however much is counted; one that takes
// nothing is behind since the first look at what it lacks, until it has that.
func TestLag(t *testing.T) {
	l, now := &lag{}, time.Now()
	see := func(changes, fast, slow uint64) int64 {
		now = now.Add(time.Second)
		l.see([]tables.PeerView{
			{Peer: &tables.Peer{Name: "fast"}, Lags: []tables.Lag{{Table: "t", Known: true, Changes: changes, Behind: changes - fast}}},
			{Peer: &tables.Peer{Name: "slow"}, Lags: []tables.Lag{{Table: "t", Known: true, Changes: changes, Behind: changes - slow}, {Table: "u", Changes: 9, Behind: 9}}},
			{Peer: &tables.Peer{Name: "gone"}},
		}, now)
		return l.millis()
	}
	for i := range uint64(100) { // a little is always under way
		if got := see(10*i+3, 10*i, 10*i); got != 0 {
			t.Fatalf("look %d: %d ms", i, got)
		}
	}
	for i := range uint64(200) {
		if got, want := see(1000+i, 1000+i, 995), int64(i)*1000; got != want {
			t.Fatalf("look %d: %d ms, not %d", i, got, want)
		}
	}
	if n := len(l.looks[lagKey{"slow", "t"}]); n > mostLooks {
		t.Errorf("%d looks are kept", n)
	}
	if got := see(1200, 1200, 1190); got == 0 || got > 30_000 { // it has most of it
		t.Errorf("%d ms", got)
	}
	if got := see(1200, 1200, 1200); got != 0 || len(l.looks) != 0 {
		t.Errorf("%d ms, %v", got, l.looks)
	}
}
