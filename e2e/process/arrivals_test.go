//go:build soak

package process

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// moved is by how much the 99th percentile of a client's times may move.
const moved = 2 * time.Millisecond

// clientsSee is what moves looks for as clients see it: requests arrive at fixed times,
// whether or not those before are answered, in windows while work is done again and again
// and in windows without, by turns. The middle one of the differences between neighbours
// counts, of those pairs whose window without work was a calm one: in others the machine
// is what is measured. Work begins anew as long as stop is open, and says what it did.
func clientsSee(t *testing.T, addr string, paths func(n int) (path, want string), work func(stop chan struct{}) string) {
	t.Helper()
	const wanted, most, calm = 9, 45, 3 * time.Millisecond
	var by []time.Duration
	for pair := 0; pair < most && len(by) < wanted; pair++ {
		var quiet, busy time.Duration
		did := ""
		with := func() {
			stop, done := make(chan struct{}), make(chan string)
			go func() { done <- work(stop) }()
			busy = arrivals(t, addr, paths)
			close(stop)
			did = <-done
		}
		if pair%2 == 0 { // whoever comes first has no advantage
			quiet = arrivals(t, addr, paths)
			with()
		} else {
			with()
			quiet = arrivals(t, addr, paths)
		}
		if t.Failed() {
			return
		}
		t.Logf("p99 %v quiet, %v with %s", quiet, busy, did)
		if quiet <= calm {
			by = append(by, busy-quiet)
		}
	}
	if len(by) < wanted {
		t.Skipf("only %d of %d pairs of windows were calm: give the machine rest, there is nothing to install", len(by), most)
	}
	slices.Sort(by)
	t.Logf("p99 moves by %v", by[wanted/2])
	if m := by[wanted/2]; m > moved {
		t.Errorf("the 99th percentile moves by %v", m)
	}
}

// arrivals sends 250 requests a second over each of four connections for two seconds and
// returns the 99th percentile of their times.
func arrivals(t *testing.T, addr string, paths func(n int) (path, want string)) time.Duration {
	t.Helper()
	const interval, count = 4 * time.Millisecond, 500
	start := time.Now()
	times := overFour(t, func(k int) ([]time.Duration, error) {
		return arriving(addr, k, start.Add(time.Duration(k)*interval/connections), interval, count, paths)
	})
	if t.Failed() {
		t.FailNow()
	}
	return times[len(times)*99/100]
}

// arriving sends requests over one connection at fixed times. A request that is late
// because the one before was not answered is counted from when it was due, one that is
// late because this program was not woken in time from when it was sent.
func arriving(addr string, seed int, start time.Time, interval time.Duration, count int, paths func(n int) (path, want string)) ([]time.Duration, error) {
	p := &pacer{addr: addr}
	defer p.end()
	times := make([]time.Duration, 0, count)
	var answered time.Time
	for n := range count {
		due := start.Add(time.Duration(n) * interval)
		if wait := time.Until(due); wait > 0 {
			<-time.After(wait)
		}
		from := due
		if answered.Before(due) {
			from = time.Now()
		}
		if err := p.get(paths(seed + n*7919)); err != nil {
			return times, err
		}
		answered = time.Now()
		times = append(times, answered.Sub(from))
	}
	return times, nil
}

// TestShowManySessionsToClients is TestShowManySessions as clients see it.
func TestShowManySessionsToClients(t *testing.T) {
	socket, front, sessions := manySessions(t)
	clientsSee(t, front, sameAnswer, func(stop chan struct{}) string {
		for dumps := 1; ; dumps++ {
			n, size := shown(t, socket)
			if n != sessions {
				t.Errorf("%d streams shown of %d, in %d bytes", n, sessions, size)
			}
			select {
			case <-stop:
				return fmt.Sprintf("%d dumps of %d sessions", dumps, sessions)
			default:
			}
		}
	})
}

// TestMillionEntryMapToClients is TestMillionEntryMap as clients see it.
func TestMillionEntryMapToClients(t *testing.T) {
	socket, front, list := millionEntries(t)
	round := 0
	clientsSee(t, front, entryOf, func(stop chan struct{}) string {
		round++
		return fmt.Sprintf("%d entries added", addEntries(t, socket, list, round, stop))
	})
}

// TestReloadToClients is TestReloadLatency as clients see it.
func TestReloadToClients(t *testing.T) {
	_, front, reload := master(t)
	clientsSee(t, front, sameAnswer, func(stop chan struct{}) string {
		took := reload()
		<-stop
		return fmt.Sprintf("a new worker after %v", took.Round(time.Millisecond))
	})
}
