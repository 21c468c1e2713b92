package oracle

import (
	"bytes"
	"flag"
	"fmt"
	"regexp"
	"slices"
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
	forFlag   = flag.Duration("for", 0, "begin no further seed after this time; 0: no bound")
	countFlag = flag.Int("exchanges", 200, "exchanges a seed")
	caseFlag  = flag.Int("case", -1, "one exchange, printed")
	modeFlag  = flag.Int("mode", -1, "one mode: 0 whole, 1 to 20 a split, 21 a byte a write")
	shownFlag = flag.Int("shown", 20, "differences printed in full")
)

// How long nothing must move: at first, and when a difference is looked at again.
const (
	quick   = 12 * time.Millisecond
	patient = 100 * time.Millisecond
	slow    = 300 * time.Millisecond
)

type job struct {
	x *exchange
	m mode
}

// TestExchanges compares generated exchanges, each whole, at seeded splits and a
// byte a write. What differs is run again, patiently, and dropped where the
// reference disagrees with itself; at the end once more alone.
func TestExchanges(t *testing.T) {
	bin, err := Gohap()
	if err != nil {
		t.Fatal(err)
	}
	ref, got := startProgram(t, "haproxy", reference(t)), startProgram(t, "gohap", bin)
	jobs := make(chan job, 64)
	go func() {
		defer close(jobs)
		start := time.Now()
		seed := *seedFlag
		for ; seed < *seedFlag+uint64(*seedsFlag) && (*forFlag == 0 || time.Since(start) < *forFlag); seed++ {
			plan(seed, jobs)
		}
		// The bar marks a line that e2e/suite prints whatever came out.
		fmt.Printf("| exchanges of seeds %d to %d\n", *seedFlag, seed-1)
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
	results.settle(ref, got)
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
	// crowded: what differed beside others and does not alone.
	crowded  atomic.Int64
	suspects []job
}

// A verdict is what comparing one exchange came to.
type verdict int

const (
	failed verdict = iota // it could not be run, which was told
	same
	explained
	unsteady // the reference disagrees with itself
	steadier
	different
)

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

// compare runs j beside others. What differs is looked at again alone, by settle.
func (c *tally) compare(ref, got *program, lane int, j job) {
	switch v, _, _ := c.judge(ref, got, lane, j); v {
	case same:
		c.equal.Add(1)
	case explained:
		c.known.Add(1)
	case unsteady:
		c.dropped.Add(1)
	case steadier:
		c.steadier.Add(1)
	case different:
		c.mu.Lock()
		c.suspects = append(c.suspects, j)
		c.mu.Unlock()
	}
}

// settle runs what differed once more, one after the other: on a busy machine
// pieces arrive together or apart as they would not, at one of the programs.
func (c *tally) settle(ref, got *program) {
	for _, j := range c.suspects {
		if !ref.alive(c.t) || !got.alive(c.t) {
			return
		}
		switch v, theirs, mine := c.judge(ref, got, 0, j); v {
		case different:
			c.differs(j, theirs, mine)
		case failed:
		default:
			c.crowded.Add(1)
			c.t.Logf("alone they agree: seed %d case %d mode %d", j.x.seed, j.x.number, j.m)
		}
	}
}

// judge runs j until the programs agree, at most five times: the first look
// is a quick one, the last two outlast what the reference's kernel holds back.
func (c *tally) judge(ref, got *program, lane int, j job) (v verdict, theirs, mine seen) {
	pieces := j.m != 0 || j.x.pieces
	var refs []seen
	for _, quiet := range []time.Duration{quick, patient, patient, slow, slow} {
		a, b, err := both(ref, got, lane, j, quiet)
		if err != nil {
			c.t.Errorf("seed %d case %d: %v", j.x.seed, j.x.number, err)
			return failed, theirs, mine
		}
		refs, mine = append(refs, a.look(pieces)), b.look(pieces)
		if *caseFlag >= 0 {
			c.t.Logf("%s  %s, quiet after %v\n%s", j.x, j.m, quiet, diff(refs[len(refs)-1], mine))
		}
		if quiet == quick && mine.nothing() { // it may still come
			continue
		}
		for _, r := range refs {
			if r.equal(mine) {
				return same, r, mine
			}
			if known(j.x, r, mine) != "" {
				return explained, r, mine
			}
		}
	}
	for _, r := range refs[2:] {
		if !r.equal(refs[1]) {
			return unsteady, r, mine
		}
	}
	if j.m != 0 {
		a, err := drive(ref, lane, j.x, 0, patient)
		if err == nil {
			if whole := a.look(true); whole.equal(mine) || known(j.x, whole, mine) != "" {
				return steadier, whole, mine
			}
		}
	}
	return different, refs[2], mine
}

func (c *tally) differs(j job, ref, got seen) {
	text := fmt.Sprintf("%s  %s; again: -run Exchanges -seed %d -case %d -mode %d\n%s", j.x, j.m, j.x.seed, j.x.number, j.m, diff(ref, got))
	key := fmt.Sprintf("%d/%d", j.x.seed, j.x.number)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bySign[key] = append(c.bySign[key], text)
}

func (c *tally) report() {
	c.t.Logf("%d equal, %d as the reference when whole, %d known differences, %d dropped: the reference disagrees with itself, %d that agree when alone",
		c.equal.Load(), c.steadier.Load(), c.known.Load(), c.dropped.Load(), c.crowded.Load())
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
// all that differs, if any; how server connections end may differ beside it.
func known(x *exchange, ref, got seen) string {
	ended := got.endedProperly(x, ref)
	if ended.equal(ref) {
		return "the reference ends a server connection properly now and then"
	}
	refBare, gotBare := ref.bareRefusals(), got.bareRefusals()
	for _, d := range deliberate {
		if d.explains(x, ref, got) || d.explains(x, ref, ended) || d.explains(x, ref.alone(), got.alone()) || d.explains(x, refBare, gotBare) {
			return d.name
		}
	}
	return ""
}

// bareRefusals is s without interim responses in front of a 502, which either
// program may or may not have passed on (see below), for exchanges that differ in
// something else known besides.
func (s seen) bareRefusals() seen {
	s.client = refusedBehind.ReplaceAll(s.client, []byte("HTTP/1.1 502 "))
	s.lines = slices.Clone(s.lines)
	for i, l := range s.lines {
		switch {
		case strings.HasPrefix(l, "client got"):
			s.lines[i] = "client got: " + brief(s.client)
		case strings.HasPrefix(l, "log: "):
			s.lines[i] = maskGateway(l)
		}
	}
	return s
}

var logFrontConns = regexp.MustCompile(` a/\d+/\d+/\d+/`)

// alone is s without the connections that logs count: some exchanges leave the
// reference a stream until a time-out.
func (s seen) alone() seen {
	s.lines = slices.Clone(s.lines)
	for i, l := range s.lines {
		s.lines[i] = logFrontConns.ReplaceAllString(l, " a/0/0/0/")
	}
	return s
}

// endedProperly is s with a proper end of each server connection that the
// reference ended so where s has a reset. By how it received the last bytes it
// does that now and then; time-outs and refused answers always end properly.
func (s seen) endedProperly(x *exchange, ref seen) seen {
	if x.conf.expires {
		return s
	}
	refused := map[string]bool{}
	for i, l := range strings.Split(ref.with("log: "), "\n") {
		if strings.Contains(l, " 502 ") {
			refused[fmt.Sprintf("server %d: ", i+1)] = true
		}
	}
	s.lines = slices.Clone(s.lines)
	for i, l := range s.lines {
		name, fate, _ := strings.Cut(l, ": ")
		proper := name + ": " + strings.ReplaceAll(fate, "reset", "eof")
		if strings.HasPrefix(name, "server ") && !strings.Contains(name, "got") && !refused[name+": "] &&
			proper != l && slices.Contains(ref.lines, proper) {
			s.lines[i] = proper
		}
	}
	return s
}

var interim = regexp.MustCompile(`HTTP/1\.[01] 1[0-9][0-9] [^\r]*\r\n(?:[^\r]+\r\n)*\r\n`)

var refusedBehind = regexp.MustCompile(`(?:` + interim.String() + `)+HTTP/1\.1 502 `)

var (
	connectLength = regexp.MustCompile(`(?i)connect[ \t]+[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*content-length`)
	shortAnswer   = regexp.MustCompile(`HTTP/\d\.\d \d\d[ \r\n]`)
	shortClose    = regexp.MustCompile(`HTTP/1\.1 0\d\d [^\r]*\r\n(?:[^\r]+\r\n)*connection: close\r\n`)
	shortStatus   = regexp.MustCompile(`HTTP/1\.1 0(\d\d) `)
)

var (
	badGateway   = regexp.MustCompile(` 502 \d+ - - PH--`)
	gatewayBytes = regexp.MustCompile(` 502 \d+ `)
	aborted      = regexp.MustCompile(` C[QCHD]-- `)
)

// maskGateway hides how many bytes a 502 counts.
func maskGateway(text string) string { return gatewayBytes.ReplaceAllString(text, " 502 n ") }

var deliberate = []struct {
	name     string
	explains func(x *exchange, ref, got seen) bool
}{
	// The reference drops what it has not looked at when the client's end arrives.
	{"requests that came before the client's end are served", func(x *exchange, ref, got seen) bool {
		theirs, ours := ref.with("log: "), got.with("log: ")
		more := len(got.client) > len(ref.client) || len(ours) > len(theirs) // half a request is logged and answered by nothing
		return x.ends() && more && bytes.HasPrefix(got.client, ref.client) && strings.HasPrefix(ours, theirs)
	}},
	// Which of two faults came first is a matter of timing.
	{"a bad request and the client's end at once", func(x *exchange, ref, got seen) bool {
		cause := func(s seen) string {
			return strings.ReplaceAll(strings.Join(s.lines, "\n"), "400 0 - - CR--", "400 0 - - PR--")
		}
		return x.ends() && cause(ref) == cause(got)
	}},
	// It is cut in place, and cut again when the head is looked at once more.
	{"a connection field in a head that comes in pieces", func(x *exchange, ref, got seen) bool {
		longer := twiceCut.ReplaceAllString(ref.with("server"), "$1$2")
		counts := func(s seen) string { return countedIn.ReplaceAllString(s.with("log: "), "${1}n") }
		return longer != ref.with("server") && longer == got.with("server") && counts(ref) == counts(got) && bytes.Equal(ref.client, got.client)
	}},
	// The reference looks again at a head of which it has seen a part once it is whole.
	{"a fault in a head that comes in pieces is told at once", func(x *exchange, ref, got seen) bool {
		bare := func(s seen) string { return s.without("client") }
		return paged(ref, got) && strings.ReplaceAll(bare(ref), "400 0 - - CR--", "400 0 - - PR--") == bare(got)
	}},
	{"CONNECT with a content-length is passed on without it", func(x *exchange, ref, got seen) bool {
		return connectLength.Match(x.sent())
	}},
	// The reference's kernel holds them for 200 ms when more is announced.
	{"the beginning of a response is passed on at once", func(x *exchange, ref, got seen) bool {
		return ref.without("client got") == got.without("client got") &&
			(bytes.Equal(ref.client, got.client) || x.leaves() && bytes.HasPrefix(got.client, ref.client))
	}},
	// Whether the request's last piece or the answer is first is a matter of
	// timing: a protocol changes only once the request is complete.
	{"a 101 that races with the request's body", func(x *exchange, ref, got seen) bool {
		changed := func(s seen) bool { return bytes.Contains(s.client, []byte("HTTP/1.1 101 ")) }
		refused := func(s seen) bool { return strings.Contains(s.with("log: "), " 502 ") && !changed(s) }
		return x.sends("upgrade: ") && (changed(ref) && refused(got) || changed(got) && refused(ref))
	}},
	// The reference takes both fields out of it as out of an interim response.
	{"a short status keeps its transfer coding and its close", func(x *exchange, ref, got seen) bool {
		coded := func(a answer) bool {
			low := bytes.ToLower(a.data)
			return shortAnswer.Match(a.data) && (bytes.Contains(low, []byte("transfer-encoding")) || bytes.Contains(low, []byte("connection:")))
		}
		return (slices.ContainsFunc(x.answers, coded) || shortClose.Match(got.client) && !shortClose.Match(ref.client)) &&
			shortAnswer.Match(ref.client) && shortStatus.Match(got.client) &&
			ref.with("server") == got.with("server")
	}},
	{"a status has three digits", func(x *exchange, ref, got seen) bool {
		counted := regexp.MustCompile(` (\d\d?) \d+ - -`)
		lines := func(s seen) string { return counted.ReplaceAllString(s.without("client got"), " $1 n - -") }
		return shortStatus.Match(got.client) && lines(ref) == lines(got) &&
			bytes.Equal(shortStatus.ReplaceAll(got.client, []byte("HTTP/1.1 $1 ")), ref.client)
	}},
	// The reference's bookkeeping takes room for each field.
	{"a response head may be exactly tune.bufsize - tune.maxrewrite long", func(x *exchange, ref, got seen) bool {
		return badGateway.MatchString(ref.with("log: ")) && !badGateway.MatchString(got.with("log: ")) &&
			slices.ContainsFunc(x.answers, func(a answer) bool { return nearLimit(a.data) })
	}},
	// It sees the reset together with the data or behind them.
	{"a reset that races with the last bytes of a body that ends by close", func(x *exchange, ref, got seen) bool {
		calm := func(s seen) string { return strings.ReplaceAll(strings.Join(s.lines, "\n"), " SD-- ", " ---- ") }
		return slices.ContainsFunc(x.answers, resetsOpenBody) && calm(ref) == calm(got)
	}},
	// Whether the end is there when the 101 is looked at: then it ends the exchange.
	{"a server's end that comes together with its 101", func(x *exchange, ref, got seen) bool {
		ends := func(a answer) bool { return a.then != send && bytes.Contains(a.data, []byte("HTTP/1.1 101 ")) }
		return slices.ContainsFunc(x.answers, ends) && bytes.Equal(ref.client, got.client) &&
			maskSwitched(ref) == maskSwitched(got) && beginnings(ref.received(), got.received())
	}},
	{"a head may be exactly tune.bufsize - tune.maxrewrite long", func(x *exchange, ref, got seen) bool {
		return x.size() > 14000 && strings.Contains(ref.with("log: ")+got.with("log: "), " 431 0 - - PR--")
	}},
	// Some exchanges leave the reference a stream until a time-out.
	{"connections of earlier exchanges are gone", func(x *exchange, ref, got seen) bool {
		return ref.alone().equal(got.alone())
	}},
	{"an interim response is passed on whatever stands behind it", func(x *exchange, ref, got seen) bool {
		return badGateway.MatchString(ref.with("log: ")) && interim.Match(got.client) &&
			len(got.client) > len(ref.client) && bytes.Equal(interim.ReplaceAll(got.client, nil), interim.ReplaceAll(ref.client, nil)) &&
			ref.with("server") == got.with("server")
	}},
	// The reference keeps the stream, unlogged, until a time-out.
	{"a refused CONNECT ends with its answer", func(x *exchange, ref, got seen) bool {
		return x.sends("connect ") && ref.without("log: ") == got.without("log: ") && strings.HasPrefix(got.with("log: "), ref.with("log: "))
	}},
	// The same, where the request's body is still under way.
	{"an exchange whose upgrade is refused before the request's end ends with both", func(x *exchange, ref, got seen) bool {
		early := func(a answer) bool { return a.on == head }
		return x.sends("upgrade:") && slices.ContainsFunc(x.answers, early) && strings.Contains(ref.with("client: "), "open open") &&
			bytes.Equal(ref.client, got.client) && strings.HasPrefix(got.with("log: "), ref.with("log: ")) && beginnings(ref.received(), got.received())
	}},
	// Now and then it notices, by timing.
	{"a client's end or reset while an answer is awaited or under way, without abortonclose", func(x *exchange, ref, got seen) bool {
		if x.conf.aborts() || !beginnings(ref.received(), got.received()) {
			return false
		}
		// Every client ends at last: the first of the fates is then the same.
		before := func(s seen) string { return laterFates.ReplaceAllString(s.with("server"), "$1") }
		leaves := x.ends() || x.leaves()
		told := ref.without("server") == got.without("server") && strings.Contains(ref.with("server"), "eof") && (leaves || before(ref) == before(got))
		ended := leaves && bytes.HasPrefix(got.client, ref.client) && aborted.MatchString(strings.TrimPrefix(ref.with("log: "), got.with("log: ")))
		return told || ended && strings.HasPrefix(ref.with("log: "), got.with("log: "))
	}},
	// The reference takes a head and what came with it at once or not at all.
	{"a response head is passed on whatever stands behind it", func(x *exchange, ref, got seen) bool {
		return badGateway.MatchString(ref.with("log: ")) && strings.Contains(got.with("log: "), " PD--")
	}},
	// The same for what stands in front of a broken chunk.
	{"data in front of a broken chunk is passed on", func(x *exchange, ref, got seen) bool {
		return strings.Contains(ref.with("log: "), " PD--") && strings.Contains(got.with("log: "), " PD--") &&
			len(got.client) > len(ref.client) && bytes.HasPrefix(got.client, ref.client) && ref.with("server") == got.with("server")
	}},
	// How much had come by then is a matter of timing.
	{"what stands behind a refused 101 counts as far as it has come", func(x *exchange, ref, got seen) bool {
		return x.answers101() && bytes.Equal(ref.client, got.client) &&
			maskGateway(strings.Join(ref.lines, "\n")) == maskGateway(strings.Join(got.lines, "\n"))
	}},
	// With abortonclose it decides which of the two is seen first.
	{"a client's end that races with the answer", func(x *exchange, ref, got seen) bool {
		return x.conf.aborts() && (x.ends() || x.leaves()) && (abortedOf(ref, got) || abortedOf(got, ref))
	}},
	{"a 400, 408 or 413 behind an announced body is sent", func(x *exchange, ref, got seen) bool {
		return x.announces() && paged(ref, got) && ref.without("client got") == got.without("client got")
	}},
	// Whether the tunnel's last bytes or the server's end is seen first.
	{"a tunnel's end that races with its data", func(x *exchange, ref, got seen) bool {
		calm := func(s seen) string { return strings.ReplaceAll(s.with("log: "), " SD-- ", " ---- ") }
		return x.sends("connect ") && calm(ref) == calm(got) &&
			(bytes.HasPrefix(ref.client, got.client) || bytes.HasPrefix(got.client, ref.client))
	}},
	// Until a time-out.
	{"the reference keeps a client open behind a large body that it does not read", func(x *exchange, ref, got seen) bool {
		return x.size() > 14000 && strings.Contains(ref.with("client: "), "open") && strings.HasSuffix(got.with("client: "), "eof") &&
			ref.without("client: ") == got.without("client: ")
	}},
	// It is read as far as there is room behind what else lies in the buffer.
	{"how much counts of a large body that no server took", func(x *exchange, ref, got seen) bool {
		counted := regexp.MustCompile(`(" )\d+\n`)
		mask := func(s seen) string { return counted.ReplaceAllString(strings.Join(s.lines, "\n")+"\n", "$1") }
		return x.conf.refused && x.size() > 14000 && mask(ref) == mask(got)
	}},
	// It is passed on by its own timing: the answer comes before the fault is seen.
	{"how much in front of a broken chunk reaches a server that has answered", func(x *exchange, ref, got seen) bool {
		return x.sends("transfer-encoding") && strings.Contains(ref.with("log: "), " PL-- ") && bytes.Equal(ref.client, got.client) &&
			ref.without("server") == got.without("server") && beginnings(ref, got)
	}},
	// Whether the end of a client that announces more is there when its head is
	// looked at: then no server is chosen.
	{"a client's end that comes together with half a request", func(x *exchange, ref, got seen) bool {
		early, late := ref, got
		if strings.Contains(got.with("log: "), " CR-- ") {
			early, late = got, ref
		}
		return x.ends() && x.announces() && bytes.Equal(ref.client, got.client) && endedEarly(early.with("log: ")) == endedEarly(late.with("log: ")) &&
			strings.HasPrefix(late.with("server"), early.with("server"))
	}},
	// The reference may hold the beginning back, or have it sent on before it has
	// seen the fault that came together with it.
	{"how much in front of a broken chunk reaches the server", func(x *exchange, ref, got seen) bool {
		letters := "PH"
		if x.conf.buffers() { // it waits for the body before there is a server
			letters = "P[RH]"
		}
		refused := regexp.MustCompile(` 400 [1-9]\d* - - ` + letters + `-- `)
		counted := regexp.MustCompile(`(400 [1-9]\d* - - ` + letters + `-- .*") \d+`) // by what it has taken
		logs := func(s seen) string { return counted.ReplaceAllString(s.with("log: "), "$1") }
		return x.sends("transfer-encoding") && refused.MatchString(ref.with("log: ")) && logs(ref) == logs(got) &&
			(paged(ref, got) || bytes.Equal(ref.client, got.client)) && beginnings(ref, got)
	}},
}

var endedLate = regexp.MustCompile(`/(<NOSRV>|s) n/(-1|n)/(-1|n)/-1/n 400 (\d+) - - C[RQCH]-- (a/\d+/\d+)/\d+/`)

var (
	twiceCut  = regexp.MustCompile(`(?i)(connection: )upgrade[a-z-]+, (upgrade)`)
	countedIn = regexp.MustCompile(`(?m)(" )\d+$`)
)

var laterFates = regexp.MustCompile(`(?m)^(server \d+: \w+) \w+ \w+$`)

// endedEarly is log lines with the end of a client that announced more as if it
// had been seen before there was a server.
func endedEarly(log string) string {
	return endedLate.ReplaceAllString(log, "/<NOSRV> n/-1/-1/-1/n 400 $4 - - CR-- $5/0/")
}

// resetsOpenBody tells whether a is ended by reset and no length says where.
func resetsOpenBody(a answer) bool {
	head := bytes.ToLower(a.data)
	return a.then == reset && !bytes.Contains(head, []byte("content-length")) && !bytes.Contains(head, []byte("transfer-encoding"))
}

// nearLimit tells whether b begins with a head that the reference finds too long
// and gohap does not: measured, it loses 79 bytes and 4 for each field.
func nearLimit(b []byte) bool {
	const limit = 16384 - 1024
	at := bytes.Index(b, []byte("\r\n\r\n"))
	if at < 0 {
		return false
	}
	fields := bytes.Count(b[:at], []byte("\n"))
	return at+4 <= limit && at+4 > limit-79-4*fields
}

var (
	serverLine    = regexp.MustCompile(`(?m)^server .*\n`)
	switchedBytes = regexp.MustCompile(`( 101 \d+ - - ---- .*" )\d+`)
)

// maskSwitched hides what servers got and how their connections ended, and what
// counts of the client's bytes where the protocol changed.
func maskSwitched(s seen) string {
	text := serverLine.ReplaceAllString(strings.Join(s.lines, "\n")+"\n", "")
	return switchedBytes.ReplaceAllString(text, "${1}n")
}

// received is s without the fates of connections.
func (s seen) received() seen {
	s.lines = slices.DeleteFunc(slices.Clone(s.lines), func(l string) bool { return !strings.Contains(l, " got") })
	return s
}

// announces tells whether the client announces a body.
func (x *exchange) announces() bool { return x.sends("content-length") || x.sends("transfer-encoding") }

var clientFault = regexp.MustCompile(`^HTTP/1\.1 4(00|08|13) `)

// paged tells whether got's client has the page of an error behind what ref's has.
func paged(ref, got seen) bool {
	return bytes.HasPrefix(got.client, ref.client) && clientFault.Match(got.client[len(ref.client):])
}

// beginnings tells whether each server got in one the beginning of what it got
// in the other.
func beginnings(a, b seen) bool {
	as, bs := strings.Split(a.with("server"), "\n"), strings.Split(b.with("server"), "\n")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		x, y := strings.TrimRight(as[i], `"`), strings.TrimRight(bs[i], `"`)
		if name, _, _ := strings.Cut(x, ": "); a.got[name] != "" && b.got[name] != "" { // not the short form
			x, y = a.got[name], b.got[name]
		}
		x, y = strings.TrimSuffix(x, " cut}"), strings.TrimSuffix(y, " cut}")
		if !strings.HasPrefix(x, y) && !strings.HasPrefix(y, x) {
			return false
		}
	}
	return true
}

// abortedOf tells whether cut is what whole is, but for its last request, which
// its client's end has aborted.
func abortedOf(cut, whole seen) bool {
	c, w := strings.Split(cut.with("log: "), "\n"), strings.Split(whole.with("log: "), "\n")
	last := len(c) - 1
	tunnel := last == len(w) && bytes.Contains(whole.client, []byte("HTTP/1.1 101 ")) // logged at its end
	if tunnel && aborted.MatchString(c[last]) && slices.Equal(c[:last], w) {
		w = append(w, "")
	}
	if last >= len(w) || !aborted.MatchString(c[last]) || aborted.MatchString(w[last]) || !slices.Equal(c[:last], w[:last]) {
		return false
	}
	client := cut.client
	if at := bytes.LastIndex(client, []byte("HTTP/1.1 400 Bad request\r\n")); at >= 0 {
		client = client[:at]
	}
	return bytes.HasPrefix(whole.client, client)
}

// sent is all that the client sends.
func (x *exchange) sent() []byte {
	var all []byte
	for _, st := range x.client {
		all = append(all, st.data...)
	}
	return all
}

// sends tells whether the client's bytes contain s, in whatever case.
func (x *exchange) sends(s string) bool {
	return bytes.Contains(bytes.ToLower(x.sent()), []byte(s))
}

// ends tells whether the client ends its direction by itself.
func (x *exchange) ends() bool {
	return slices.ContainsFunc(x.client, func(s step) bool { return s.kind == shut })
}

// leaves tells whether the client closes or resets its connection by itself.
func (x *exchange) leaves() bool {
	return slices.ContainsFunc(x.client, func(s step) bool { return s.kind == closes || s.kind == reset })
}

// answers101 tells whether a server's answer changes the protocol.
func (x *exchange) answers101() bool {
	return slices.ContainsFunc(x.answers, func(a answer) bool { return bytes.Contains(a.data, []byte("HTTP/1.1 101 ")) })
}

// with returns the lines that begin with name.
func (s seen) with(name string) string {
	var all []string
	for _, l := range s.lines {
		if strings.HasPrefix(l, name) {
			all = append(all, l)
		}
	}
	return strings.Join(all, "\n")
}

// without returns the lines that do not begin with name.
func (s seen) without(name string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(s.lines), func(l string) bool { return strings.HasPrefix(l, name) }), "\n")
}
