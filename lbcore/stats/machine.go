package stats

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gohap/lbcore/cli"
	"gohap/lbcore/invariant"
	"gohap/lbcore/loop"
)

// answerTime is how long a loop may take to answer before it is left out: a
// stuck loop must not make the command socket useless.
const answerTime = time.Second

// ask runs f on every loop and collects what it returns, in the order of the
// loops; the zero value stands for a loop that did not answer in time.
func ask[T any](in *Instance, f func(*loop.Loop) T) []T {
	return gather(in, func(l *loop.Loop, into *T) (more bool) {
		*into = f(l)
		return false
	})
}

// gather is ask for what takes longer: f is called again while it returns true, a
// bounded time each turn, and each call counts as an answer.
func gather[T any](in *Instance, f func(l *loop.Loop, into *T) (more bool)) []T {
	if in.Group == nil {
		return nil
	}
	type answer struct {
		i int
		v T
	}
	all := make([]T, len(in.Group.Loops))
	answers := make(chan answer, len(all)) // late answers find room
	going := make(chan struct{}, 1)
	waiting := 0
	for i, l := range in.Group.Loops {
		a := &answer{i: i} // the loop's until it has answered
		step := func() (more bool) {
			if f(l, &a.v) {
				select {
				case going <- struct{}{}:
				default:
				}
				return true
			}
			answers <- *a
			return false
		}
		if l.PostSliced(step) {
			waiting++
		}
	}
	limit := time.NewTimer(answerTime)
	defer limit.Stop()
	for waiting > 0 {
		select {
		case a := <-answers:
			all[a.i] = a.v
			waiting--
		case <-going:
			limit.Reset(answerTime)
		case <-limit.C:
			return all
		}
	}
	return all
}

// loopFacts is what only a loop itself knows.
type loopFacts struct {
	pool  PoolInfo
	pipes pipeUse
}

func factsOf(l *loop.Loop) loopFacts {
	return loopFacts{
		pool:  PoolInfo{Size: l.Buffers.Size(), Used: l.Buffers.Used(), Allocated: l.Buffers.Used() + l.Buffers.Free()},
		pipes: pipeUse{int64(l.Pipes.Used()), int64(l.Pipes.Free()), l.Stats.Spliced},
	}
}

// gathering is a question to all loops that a loop asks.
type gathering struct {
	home  *loop.Loop
	parts []atomic.Pointer[loopFacts]
	left  atomic.Int32
	timer loop.Timer
	then  func([]loopFacts)
}

// gather asks all loops, and has then called on home with what they answered:
// once all have, or after answerTime with zeroes for those that did not. Home
// loop only; nothing waits.
func (in *Instance) gather(home *loop.Loop, then func([]loopFacts)) {
	g := &gathering{home: home, then: then}
	if in.Group == nil {
		then(nil)
		return
	}
	g.parts = make([]atomic.Pointer[loopFacts], len(in.Group.Loops))
	g.left.Store(int32(len(g.parts)))
	g.timer.Owner = g
	home.Arm(&g.timer, home.Now()+int64(answerTime))
	for i, l := range in.Group.Loops {
		if !l.Post(func() { f := factsOf(l); g.parts[i].Store(&f); g.answered() }) {
			g.answered()
		}
	}
}

// answered is called for each loop, on any.
func (g *gathering) answered() {
	if g.left.Add(-1) == 0 {
		g.home.Post(func() { g.Expired(nil) })
	}
}

// Expired implements loop.Expirer; home loop only.
func (g *gathering) Expired(*loop.Timer) {
	then := g.then
	if then == nil {
		return
	}
	g.then = nil
	g.home.Disarm(&g.timer)
	all := make([]loopFacts, len(g.parts))
	for i := range g.parts {
		if f := g.parts[i].Load(); f != nil {
			all[i] = *f
		}
	}
	then(all)
}

// factsFrom is facts with what the loops answered.
func (in *Instance) factsFrom(loops []loopFacts) *facts {
	c := in.clock()
	f := &facts{Instance: in, mono: c.Mono(), wall: c.Wall().Unix()}
	buffers := PoolInfo{Name: "buffer"}
	for i := range loops {
		buffers.Size = max(buffers.Size, loops[i].pool.Size)
		buffers.Used += loops[i].pool.Used
		buffers.Allocated += loops[i].pool.Allocated
		f.pipes.used += loops[i].pipes.used
		f.pipes.free += loops[i].pipes.free
		f.pipes.spliced += loops[i].pipes.spliced
	}
	f.pools = append(f.pools, buffers)
	if in.Pools != nil {
		f.pools = append(f.pools, in.Pools()...)
	}
	f.rates = in.meter.read(f.mono, in.StartedMono, f.bytesOut(), cpuTime())
	return f
}

// pools lists the loops' buffers and what the instance adds.
func (in *Instance) pools() []PoolInfo {
	buffers := PoolInfo{Name: "buffer"}
	for _, p := range ask(in, func(l *loop.Loop) PoolInfo {
		return PoolInfo{Size: l.Buffers.Size(), Used: l.Buffers.Used(), Allocated: l.Buffers.Used() + l.Buffers.Free()}
	}) {
		buffers.Size = max(buffers.Size, p.Size)
		buffers.Used += p.Used
		buffers.Allocated += p.Allocated
	}
	all := []PoolInfo{buffers}
	if in.Pools != nil {
		all = append(all, in.Pools()...)
	}
	return all
}

// pipeUse is how many pipes there are, and how many bytes have passed through them.
type pipeUse struct{ used, free, spliced int64 }

// pipes adds the loops' pipes up.
func (in *Instance) pipes() (all pipeUse) {
	for _, p := range ask(in, func(l *loop.Loop) pipeUse {
		return pipeUse{int64(l.Pipes.Used()), int64(l.Pipes.Free()), l.Stats.Spliced}
	}) {
		all.used += p.used
		all.free += p.free
		all.spliced += p.spliced
	}
	return all
}

// activity is one line of "show activity".
type activity struct {
	name string
	of   func(*loop.Stats) int64
	max  bool // the total is the highest, not the sum
}

// activities are the loops' counters; names that the reference has mean the
// same as there.
var activities = []activity{
	{name: "loops", of: func(s *loop.Stats) int64 { return s.Turns }},
	{name: "tasksw", of: func(s *loop.Stats) int64 { return s.Tasks }},
	{name: "poll_io", of: func(s *loop.Stats) int64 { return s.Events }},
	{name: "poll_exp", of: func(s *loop.Stats) int64 { return s.Fired }},
	{name: "accepted", of: func(s *loop.Stats) int64 { return s.Accepts }},
	{name: "accq_pushed", of: func(s *loop.Stats) int64 { return s.Handed }},
	{name: "data_syscalls", of: func(s *loop.Stats) int64 { return s.Recvs + s.Sends }},
	{name: "recv_calls", of: func(s *loop.Stats) int64 { return s.Recvs }},
	{name: "recv_again", of: func(s *loop.Stats) int64 { return s.RecvAgain }},
	{name: "send_calls", of: func(s *loop.Stats) int64 { return s.Sends }},
	{name: "send_again", of: func(s *loop.Stats) int64 { return s.SendAgain }},
	{name: "connect_calls", of: func(s *loop.Stats) int64 { return s.Connects }},
	{name: "poll_ctl", of: func(s *loop.Stats) int64 { return s.Ctls }},
	{name: "poll_raw", of: func(s *loop.Stats) int64 { return s.RawWaits }},
	{name: "poll_wait", of: func(s *loop.Stats) int64 { return s.Waits }},
	{name: "poll_intr", of: func(s *loop.Stats) int64 { return s.Interrupted }},
	{name: "posted", of: func(s *loop.Stats) int64 { return s.Posted }},
	{name: "bytes_in", of: func(s *loop.Stats) int64 { return s.BytesIn }},
	{name: "bytes_out", of: func(s *loop.Stats) int64 { return s.BytesOut }},
	{name: "panics", of: func(s *loop.Stats) int64 { return s.Panics }},
	{name: "max_stall_us", of: func(s *loop.Stats) int64 { return s.MaxStall / 1000 }, max: true},
	{name: "max_turn_us", of: func(s *loop.Stats) int64 { return s.MaxTurn / 1000 }, max: true},
}

// showActivity prints the loops' counters: a total, and each loop's share when
// there are several; an argument selects one loop, 0 the totals alone.
func showActivity(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	stats := ask(in, func(l *loop.Loop) loop.Stats { return l.Stats })
	only := -1
	if len(r.Args) > 0 {
		only = integer(r.Args[0])
	}
	if only < -1 || only > len(stats) {
		r.Fail("Thread ID number must be between -1 and nbthread")
		return
	}
	c := in.clock()
	now := c.Wall()
	up := (c.Mono() - in.StartedMono) / 1000
	r.Printf("thread_id: %d (1..%d)\n", max(1, only), len(stats))
	r.Printf("date_now: %d.%06d\n", now.Unix(), now.Nanosecond()/1000)
	r.Printf("uptime_now: %d.%06d\n", up/1e6, up%1e6)
	for _, a := range activities {
		r.WriteString(a.name + ": " + a.values(stats, only) + "\n")
	}
	if invariant.Enabled { // who tests asks what the machine's other work does not blur
		a := activity{name: "max_turn_cpu_us", of: func(s *loop.Stats) int64 { return s.MaxTurnCPU / 1000 }, max: true}
		r.WriteString(a.name + ": " + a.values(stats, only) + "\n")
	}
	for _, m := range processMetrics() {
		r.Printf("%s: %d\n", m.name, m.n)
	}
}

func (a *activity) values(stats []loop.Stats, only int) string {
	if only > 0 {
		return strconv.FormatInt(a.of(&stats[only-1]), 10)
	}
	total := int64(0)
	var each strings.Builder
	for i := range stats {
		n := a.of(&stats[i])
		if a.max {
			total = max(total, n)
		} else {
			total += n
		}
		each.WriteString(" " + strconv.FormatInt(n, 10))
	}
	text := strconv.FormatInt(total, 10)
	if only < 0 && len(stats) > 1 {
		text += " [" + each.String() + " ]"
	}
	return text
}

type metric struct {
	name string
	n    int64
}

// processMetrics are the runtime's own counters, of the process as a whole.
func processMetrics() []metric {
	names := []struct{ ours, theirs string }{
		{"mallocs", "/gc/heap/allocs:objects"},
		{"malloc_bytes", "/gc/heap/allocs:bytes"},
		{"frees", "/gc/heap/frees:objects"},
		{"heap_live", "/gc/heap/live:bytes"},
		{"gc_cycles", "/gc/cycles/total:gc-cycles"},
		{"goroutines", "/sched/goroutines:goroutines"},
	}
	samples := make([]metrics.Sample, len(names))
	for i, n := range names {
		samples[i].Name = n.theirs
	}
	metrics.Read(samples)
	var all []metric
	for i, n := range names {
		if samples[i].Value.Kind() == metrics.KindUint64 {
			all = append(all, metric{n.ours, int64(samples[i].Value.Uint64())})
		}
	}
	return all
}

// collecting guards the runtime's percentage while debugGC lowers it.
var collecting sync.Mutex

// debugGC forces a collection and waits until it is through. It has the next one come
// early, as it comes of itself: runtime.GC would spin until all is swept, tens of ms of
// a processor that the loops need.
func debugGC(r *cli.Request) {
	collecting.Lock()
	defer collecting.Unlock()
	before := collections()
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	deadline := time.NewTimer(collectionLimit)
	defer deadline.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	now := before
	for now.cycles == before.cycles {
		runtime.KeepAlive(make([]byte, 128<<10)) // too large for the stack
		select {
		case <-deadline.C:
			r.Message(cli.Err, "No collection came to its end within %v.", collectionLimit)
			return
		case <-look.C:
		}
		now = collections()
	}
	r.Message(cli.Info, "heap %d bytes before, %d after", before.heap, now.heap)
}

// collectionLimit is how long a collection may take that debugGC waits for.
const collectionLimit = 10 * time.Second

// collected is how many collections there were, and how many bytes live and dead
// objects take.
type collected struct{ cycles, heap uint64 }

// collections reads them; unlike the runtime's MemStats it stops nobody.
func collections() collected {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return collected{s[0].Value.Uint64(), s[1].Value.Uint64()}
}
