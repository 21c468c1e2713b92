//go:build soak

package process

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// moved is by how much the 99th percentile of a client's times may move.
const moved = 2 * time.Millisecond

// TestShowManySessionsToClients is TestShowManySessions as clients see it: requests
// arrive at fixed times, whether or not those before are answered, in windows with a
// command that dumps all streams again and again and in windows without, by turns. The
// middle one of the differences between neighbours counts, of those pairs whose window
// without the command was a calm one: in others the machine is what is measured.
func TestShowManySessionsToClients(t *testing.T) {
	socket, front, sessions := manySessions(t)
	const wanted, most, calm = 9, 45, 3 * time.Millisecond
	var by []time.Duration
	for pair := 0; pair < most && len(by) < wanted; pair++ {
		var quiet, busy time.Duration
		dumps := 0
		with := func() {
			stop, done := make(chan struct{}), make(chan int)
			go func() { done <- dumping(t, socket, sessions, stop) }()
			busy = arrivals(t, front)
			close(stop)
			dumps = <-done
		}
		if pair%2 == 0 { // whoever comes first has no advantage
			quiet = arrivals(t, front)
			with()
		} else {
			with()
			quiet = arrivals(t, front)
		}
		if t.Failed() {
			return
		}
		t.Logf("p99 %v quiet, %v during %d dumps of %d sessions", quiet, busy, dumps, sessions)
		if quiet <= calm {
			by = append(by, busy-quiet)
		}
	}
	if len(by) < wanted {
		t.Skipf("only %d of %d pairs of windows were calm: give the machine rest", len(by), most)
	}
	slices.Sort(by)
	t.Logf("p99 moves by %v", by[wanted/2])
	if m := by[wanted/2]; m > moved {
		t.Errorf("the 99th percentile moves by %v", m)
	}
}

// dumping runs show sess all again and again until stop closes, each to its end.
func dumping(t *testing.T, socket string, sessions int, stop chan struct{}) (dumps int) {
	for {
		n, size := shown(t, socket)
		if n != sessions {
			t.Errorf("%d streams shown of %d, in %d bytes", n, sessions, size)
			return dumps
		}
		dumps++
		select {
		case <-stop:
			return dumps
		default:
		}
	}
}

// arrivals sends 250 requests a second over each of four connections for two seconds and
// returns the 99th percentile of their times.
func arrivals(t *testing.T, addr string) time.Duration {
	t.Helper()
	const connections, interval, count = 4, 4 * time.Millisecond, 500
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	start := time.Now()
	for k := range connections {
		wg.Go(func() {
			times, err := arriving(addr, start.Add(time.Duration(k)*interval/connections), interval, count)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			all = append(all, times...)
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// arriving sends requests over one connection at fixed times. A request that is late
// because the one before was not answered is counted from when it was due, one that is
// late because this program was not woken in time from when it was sent.
func arriving(addr string, start time.Time, interval time.Duration, count int) ([]time.Duration, error) {
	p := &pacer{addr: addr}
	defer p.end()
	times := make([]time.Duration, 0, count)
	var answered time.Time
	for n := range count {
		due := start.Add(time.Duration(n) * interval)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		from := due
		if answered.Before(due) {
			from = time.Now()
		}
		got, err := p.ask("/")
		if err != nil || got != "answer" {
			return times, fmt.Errorf("%q, %v", got, err)
		}
		answered = time.Now()
		times = append(times, answered.Sub(from))
	}
	return times, nil
}
