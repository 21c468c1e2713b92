package oracle

import (
	"flag"
	"fmt"
	"regexp"
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
	pieces := j.m != 0 || j.x.pieces
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
	if j.m != 0 {
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

// known names the deliberate difference of docs/differences.md that explains
// all that differs, if any.
func known(x *exchange, ref, got seen) string {
	for _, d := range deliberate {
		if d.explains(x, ref, got) {
			return d.name
		}
	}
	return ""
}

var deliberate = []struct {
	name     string
	explains func(x *exchange, ref, got seen) bool
}{
	{"a 400 or 413 found behind an accepted content-length is sent", func(x *exchange, ref, got seen) bool {
		a, b, ok := onlyClientBytes(ref, got)
		page := regexp.MustCompile(`^HTTP/1\.1 4(00|13) `)
		return ok && strings.HasPrefix(b, a) && page.MatchString(b[len(a):]) && strings.Contains(strings.ToLower(x.String()), "content-length")
	}},
}

// onlyClientBytes tells whether nothing but what the client got differs, and
// returns that without its quotes.
func onlyClientBytes(ref, got seen) (a, b string, ok bool) {
	const name = "client got: "
	if len(ref.lines) != len(got.lines) {
		return "", "", false
	}
	for i, l := range ref.lines {
		switch {
		case l == got.lines[i]:
		case strings.HasPrefix(l, name) && strings.HasPrefix(got.lines[i], name):
			a, b = strings.Trim(l[len(name):], `"`), strings.Trim(got.lines[i][len(name):], `"`)
		default:
			return "", "", false
		}
	}
	return a, b, true
}
