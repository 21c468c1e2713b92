package oracle

import (
	"flag"
	"fmt"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seedFlag  = flag.Uint64("seed", 1, "seed of the exchanges")
	seedsFlag = flag.Int("seeds", 1, "how many seeds from -seed on")
	countFlag = flag.Int("exchanges", 200, "exchanges a seed")
	caseFlag  = flag.Int("case", -1, "one exchange, printed")
	modeFlag  = flag.Int("mode", -1, "one mode: 0 whole, 1 to 20 a split, 21 a byte a write")
	shownFlag = flag.Int("shown", 20, "differences printed in full")
)

// How long nothing must move: at first, and when a difference is looked at again.
const (
	quick   = 12 * time.Millisecond
	patient = 100 * time.Millisecond
)

type job struct {
	x *exchange
	m mode
}

// TestExchanges compares generated exchanges, each whole, at seeded splits and a
// byte a write. What differs is run again, patiently, and dropped where the
// reference disagrees with itself.
func TestExchanges(t *testing.T) {
	bin, err := Gohap()
	if err != nil {
		t.Fatal(err)
	}
	ref, got := startProgram(t, "haproxy", reference(t)), startProgram(t, "gohap", bin)
	jobs := make(chan job, 64)
	go func() {
		defer close(jobs)
		for seed := *seedFlag; seed < *seedFlag+uint64(*seedsFlag); seed++ {
			plan(seed, jobs)
		}
	}()
	results := &tally{t: t, bySign: map[string][]string{}}
	var workers sync.WaitGroup
	for lane := range lanes {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for j := range jobs {
				if !ref.alive(t) || !got.alive(t) {
					continue
				}
				results.compare(ref, got, lane, j)
			}
		}()
	}
	workers.Wait()
	results.report()
}

func plan(seed uint64, jobs chan<- job) {
	for n := range *countFlag {
		if *caseFlag >= 0 && n != *caseFlag {
			continue
		}
		x := generate(seed, n)
		for m := mode(0); m <= perByte; m++ {
			if *modeFlag >= 0 && int(m) != *modeFlag {
				continue
			}
			if x.conf.expires && m != 0 { // time is what it takes
				continue
			}
			jobs <- job{x, m}
		}
	}
}

// tally collects what was found.
type tally struct {
	t       *testing.T
	mu      sync.Mutex
	bySign  map[string][]string
	equal   atomic.Int64
	dropped atomic.Int64
	known   atomic.Int64
	// steadier: gohap answers pieces as the reference answers the whole, which
	// the reference itself does not.
	steadier atomic.Int64
}

// both runs j on the two programs.
func both(ref, got *program, lane int, j job, quiet time.Duration) (a, b *run, err error) {
	done := make(chan error, 1)
	go func() {
		var err error
		a, err = drive(ref, lane, j.x, j.m, quiet)
		done <- err
	}()
	b, errB := drive(got, lane, j.x, j.m, quiet)
	if err = <-done; err == nil {
		err = errB
	}
	return a, b, err
}

// compare runs j until the programs agree, at most three times: the first look
// is a quick one.
func (c *tally) compare(ref, got *program, lane int, j job) {
	pieces := j.m != 0
	var refs []seen
	var mine seen
	for _, quiet := range []time.Duration{quick, patient, patient} {
		a, b, err := both(ref, got, lane, j, quiet)
		if err != nil {
			c.t.Errorf("seed %d case %d: %v", j.x.seed, j.x.number, err)
			return
		}
		refs, mine = append(refs, a.look(pieces)), b.look(pieces)
		for _, r := range refs {
			if r.equal(mine) {
				c.equal.Add(1)
				return
			}
			if known(j.x, r, mine) != "" {
				c.known.Add(1)
				return
			}
		}
	}
	if !refs[1].equal(refs[2]) {
		c.dropped.Add(1)
		return
	}
	if pieces {
		a, err := drive(ref, lane, j.x, 0, patient)
		if err == nil && a.look(true).equal(mine) {
			c.steadier.Add(1)
			return
		}
	}
	c.differs(j, refs[2], mine)
}

func (c *tally) differs(j job, ref, got seen) {
	text := fmt.Sprintf("%s  %s; again: -run Exchanges -seed %d -case %d -mode %d\n%s", j.x, j.m, j.x.seed, j.x.number, j.m, diff(ref, got))
	key := fmt.Sprintf("%d/%d", j.x.seed, j.x.number)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bySign[key] = append(c.bySign[key], text)
}

func (c *tally) report() {
	c.t.Logf("%d equal, %d as the reference when whole, %d known differences, %d dropped: the reference disagrees with itself",
		c.equal.Load(), c.steadier.Load(), c.known.Load(), c.dropped.Load())
	keys := make([]string, 0, len(c.bySign))
	total := 0
	for k, texts := range c.bySign {
		keys = append(keys, k)
		total += len(texts)
		sort.Strings(texts)
	}
	sort.Slice(keys, func(i, j int) bool { return len(c.bySign[keys[i]]) > len(c.bySign[keys[j]]) })
	for i, k := range keys {
		if i == *shownFlag {
			break
		}
		c.t.Errorf("%d modes differ, one of them:\n%s", len(c.bySign[k]), c.bySign[k][0])
	}
	if total > 0 {
		c.t.Errorf("%d exchanges differ in %d modes: %s", len(keys), total, strings.Join(keys, " "))
	}
	if c.dropped.Load() > c.equal.Load()/20 {
		c.t.Errorf("%d of %d were dropped: the test no longer tells much", c.dropped.Load(), c.equal.Load())
	}
}

// known names the deliberate difference that explains what differs, if any.
func known(*exchange, seen, seen) string { return "" }
