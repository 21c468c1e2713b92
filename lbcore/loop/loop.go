package loop

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore/buffer"
	"gohap/lbcore/clock"
	"gohap/lbcore/invariant"
)

// Handler owns a registered descriptor.
type Handler interface {
	// Ready tells of edges. It runs on the loop.
	Ready(r Readiness)
	// Panicked is called on the loop when Ready, or work done for this handler,
	// panicked: it must give up every resource and is never called twice.
	Panicked(cause any)
}

// Runner is work for the run queue: it runs once, later in the same turn or in
// the next one.
type Runner interface{ Run() }

// Publisher is told once at the end of a turn in which it asked for it.
type Publisher interface{ Publish() }

// Bounds on one turn, so that nothing starves its neighbours.
const (
	maxEvents   = 256                    // descriptors handled a turn
	maxTimers   = 1024                   // timers fired a turn
	postedSlice = 200 * time.Microsecond // posted work a turn
	rawWait     = 2                      // ms of raw epoll_wait before the scheduler-aware one
)

// slotChunk is how many descriptors' handlers stand together: growing the table
// never copies what is there.
const slotChunk = 1024

type slot struct {
	h   Handler
	gen int32
}

// Loop is one event loop. All methods are for its own thread unless they say
// otherwise.
type Loop struct {
	ID      int
	Kernel  Kernel
	Buffers *buffer.Pool
	Pipes   *buffer.Pipes
	Log     *slog.Logger
	// CPUs are the processors that the loop's thread runs on, none for any. Set
	// before Run.
	CPUs unix.CPUSet

	clock    clock.Source
	now      int64
	wallSec  int64 // wall ns minus monotonic ns, refreshed each second
	wallNext int64
	slots    []*[slotChunk]slot
	gen      int32
	events   []Event
	timers   wheel
	tasks    []Runner
	running  []Runner
	dirty    []Publisher
	turnEnd  []func()
	lazy     []func(waiting bool) (more bool)
	trimNext int64
	hasLazy  bool
	conns    atomic.Int64 // registered connections, read when handing over

	mail mailbox

	stop atomic.Bool
	beat atomic.Int64  // monotonic ns of the last turn's start
	busy atomic.Bool   // handling, as opposed to waiting
	done chan struct{} // closed when Run returns

	Stats Stats
}

// Stats count what a loop did; they are published once a turn. Any goroutine
// reads them through Loop.Snapshot.
type Stats struct {
	Turns, Events, Posted, Tasks, Fired int64
	Recvs, Sends, Accepts, Connects     int64 // data system calls
	RecvAgain, SendAgain                int64 // of these, answered EAGAIN
	Ctls, RawWaits, Waits, Interrupted  int64
	BytesIn, BytesOut                   int64
	Splices, Spliced                    int64 // calls, and bytes sent without copying
	Panics                              int64
	MaxStall                            int64 // ns, longest wait for a processor
	MaxTurn                             int64 // ns, longest turn, the wait for events not counted
	MaxTurnCPU                          int64 // ns, its processor time; with assertions only
	Handed                              int64 // descriptors handed to another loop
}

// New returns a loop over a kernel; size is the content size of its buffers in
// bytes.
func New(id int, k Kernel, c clock.Source, size int, log *slog.Logger) *Loop {
	l := &Loop{
		ID: id, Kernel: k, Buffers: buffer.NewPool(size), Log: log,
		clock: c, events: make([]Event, maxEvents), done: make(chan struct{}),
	}
	l.Pipes = buffer.NewPipes(k, pipeBudget())
	l.tick()
	l.timers.tick = l.now / tickNs
	l.mail.init(l)
	return l
}

// Now returns the monotonic time of this turn, in ns.
func (l *Loop) Now() int64 { return l.now }

// Precise reads the clock anew and makes it this turn's time.
func (l *Loop) Precise() int64 {
	l.now = l.clock.Mono()
	return l.now
}

// WallNano returns wall-clock nanoseconds since 1970 for a monotonic time of
// this loop.
func (l *Loop) WallNano(mono int64) int64 { return mono + l.wallSec }

// Clock returns the loop's time source.
func (l *Loop) Clock() clock.Source { return l.clock }

func (l *Loop) tick() {
	l.now = l.clock.Mono()
	if l.now >= l.wallNext {
		l.wallSec = l.clock.Wall().UnixNano() - l.now
		l.wallNext = l.now + int64(time.Second)
	}
}

// Register puts a descriptor that was attached under edge-triggered watch for
// input, output and hang-up, once for its whole life, and returns an error only
// when the kernel refuses. Try to read and write first: registration is for
// waiting.
func (l *Loop) Register(fd int32) Errno {
	l.Stats.Ctls++
	return l.Kernel.Add(fd, In|Out|RdHup|edgeTriggered, l.slot(fd).gen)
}

// Attach makes h the handler of a descriptor, until Forget or Detach; the kernel
// is not asked to watch it yet.
func (l *Loop) Attach(fd int32, h Handler) {
	for int(fd)/slotChunk >= len(l.slots) {
		l.slots = append(l.slots, nil)
	}
	c := l.slots[fd/slotChunk]
	if c == nil {
		c = new([slotChunk]slot)
		l.slots[fd/slotChunk] = c
	}
	s := &c[fd%slotChunk]
	invariant.Check(s.h == nil, "descriptor registered twice")
	l.gen = (l.gen + 1) & 0x7fffffff
	*s = slot{h, l.gen}
}

// slot returns a descriptor's slot, nil when it never had one.
func (l *Loop) slot(fd int32) *slot {
	if i := int(fd) / slotChunk; i < len(l.slots) && l.slots[i] != nil {
		return &l.slots[i][fd%slotChunk]
	}
	return nil
}

// Handlers calls f for every attached handler until it returns false. f may
// close what it is called with.
func (l *Loop) Handlers(f func(Handler) bool) {
	for _, c := range l.slots {
		if c == nil {
			continue
		}
		for i := range c {
			if h := c[i].h; h != nil && !f(h) {
				return
			}
		}
	}
}

// Descriptors calls f for every attached handler with its descriptor, in order from
// one on, until f returns false; it returns the descriptor to go on from, negative at
// the end. f changes nothing.
func (l *Loop) Descriptors(from int32, f func(fd int32, h Handler) bool) (next int32) {
	for n := int(from) / slotChunk; n < len(l.slots); n++ {
		c := l.slots[n]
		if c == nil {
			continue
		}
		first := int32(n * slotChunk)
		for fd := max(from, first); fd < first+slotChunk; fd++ {
			if h := c[fd-first].h; h != nil && !f(fd, h) {
				return fd + 1
			}
		}
	}
	return -1
}

// Waiting returns how many timers are queued and how many tasks are to run.
func (l *Loop) Waiting() (timers, tasks int) { return l.timers.count, len(l.tasks) }

// Forget ends the watch of a descriptor that is about to be closed; closing it
// takes it out of the epoll set.
func (l *Loop) Forget(fd int32) {
	if s := l.slot(fd); s != nil {
		s.h = nil
	}
}

// Rehandle gives a descriptor to another handler, which is told of its edges from
// now on.
func (l *Loop) Rehandle(fd int32, h Handler) {
	if s := l.slot(fd); s != nil {
		s.h = h
	}
}

// Nudge calls a descriptor's handler without any edge.
func (l *Loop) Nudge(fd int32) {
	if s := l.slot(fd); s != nil && s.h != nil {
		h := s.h
		l.Guard(h, func() { h.Ready(0) })
	}
}

// Detach ends the watch of a descriptor that lives on, elsewhere.
func (l *Loop) Detach(fd int32) {
	l.Forget(fd)
	l.Stats.Ctls++
	l.Kernel.Remove(fd)
}

// Queue appends work to the run queue.
func (l *Loop) Queue(r Runner) { l.tasks = append(l.tasks, r) }

// PublishLater has p told at the end of this turn. The caller remembers that
// it asked, so that it asks once a turn.
func (l *Loop) PublishLater(p Publisher) { l.dirty = append(l.dirty, p) }

// OnTurnEnd adds a function that runs at the end of every turn.
func (l *Loop) OnTurnEnd(f func()) { l.turnEnd = append(l.turnEnd, f) }

// Recv reads from a socket into p.
func (l *Loop) Recv(fd int32, p []byte) (int, Errno) {
	l.Stats.Recvs++
	n, e := l.Kernel.Recv(fd, p)
	if e == unix.EAGAIN {
		l.Stats.RecvAgain++
	}
	l.Stats.BytesIn += int64(n)
	return n, e
}

// Send writes p to a socket. With more, the caller writes again or ends the
// direction at once, and a segment that is not full waits for that.
func (l *Loop) Send(fd int32, p []byte, more bool) (int, Errno) {
	l.Stats.Sends++
	n, e := l.Kernel.Send(fd, p, more)
	if e == unix.EAGAIN {
		l.Stats.SendAgain++
	}
	l.Stats.BytesOut += int64(n)
	return n, e
}

// pin binds the loop's thread to its processors. Threads that the runtime starts
// later come from others.
func (l *Loop) pin() {
	if l.CPUs.Count() == 0 {
		return
	}
	if err := unix.SchedSetaffinity(0, &l.CPUs); err != nil {
		l.Log.Warn("cannot bind an event loop to its processors", "loop", l.ID, "error", err.Error())
	}
}

// Run turns the loop until Stop; it locks the goroutine to its thread.
func (l *Loop) Run() {
	runtime.LockOSThread()
	defer close(l.done)
	l.pin()
	for !l.stop.Load() {
		l.Turn()
	}
	l.mail.drain()
	l.Pipes.Close()
	l.Kernel.Release()
}

// Stop makes Run return after the current turn; any goroutine. Done is closed
// then.
func (l *Loop) Stop() {
	l.stop.Store(true)
	l.Kernel.Wake()
}

// Done is closed when Run has returned.
func (l *Loop) Done() <-chan struct{} { return l.done }

// Turn waits for events and handles one bounded portion of everything due.
func (l *Loop) Turn() {
	n := l.wait()
	l.tick()
	l.beat.Store(l.now)
	l.busy.Store(true)
	began, used := l.now, threadTime()
	l.Stats.Turns++
	for i := 0; i < n; {
		i = l.runEvents(i, n)
	}
	l.runTasks()
	for !l.runTimers() {
	}
	l.mail.run()
	l.endTurn()
	l.Stats.MaxTurn = max(l.Stats.MaxTurn, l.clock.Mono()-began)
	l.Stats.MaxTurnCPU = max(l.Stats.MaxTurnCPU, threadTime()-used)
	l.busy.Store(false)
}

func (l *Loop) wait() int {
	timeout := -1
	switch {
	case len(l.tasks) > 0 || l.mail.pending():
		timeout = 0
	default:
		timeout = l.timers.wait(l.now)
	}
	first := rawWait
	if timeout >= 0 {
		first = min(first, timeout)
	}
	if l.hasLazy && timeout != 0 {
		// Something waits to be sent in company, for a millisecond at most: that
		// is how long this wait may last before it goes alone.
		l.Stats.RawWaits++
		n, e := l.Kernel.Wait(l.events, 1, false)
		if e != 0 {
			return l.interrupted()
		}
		if n > 0 {
			return n
		}
		l.tick()
		l.runLazy(true)
		if timeout = l.timers.wait(l.now); timeout >= 0 {
			first = min(rawWait, timeout)
		}
	}
	l.Stats.RawWaits++
	n, e := l.Kernel.Wait(l.events, first, false)
	if e == 0 && n == 0 && first != timeout {
		if timeout > 0 {
			timeout -= first
		}
		l.Stats.Waits++
		n, e = l.Kernel.Wait(l.events, timeout, true)
	}
	if e != 0 {
		return l.interrupted()
	}
	return n
}

// interrupted ends a wait without events. EINTR is the runtime asking for this
// thread: a loop of raw calls has no preemption point of its own.
func (l *Loop) interrupted() int {
	l.Stats.Interrupted++
	before := l.clock.Mono()
	runtime.Gosched()
	l.Stats.MaxStall = max(l.Stats.MaxStall, l.clock.Mono()-before)
	return 0
}

// runLazy lets work that waits for a quiet moment decide; waiting tells that
// this is one.
func (l *Loop) runLazy(waiting bool) {
	more := false
	for _, f := range l.lazy {
		more = f(waiting) || more
	}
	l.hasLazy = more
}

// runEvents handles events i to n-1. After a panic it aborts the handler
// concerned and returns where to go on.
func (l *Loop) runEvents(i, n int) (next int) {
	var at Handler
	defer func() {
		if at == nil {
			return
		}
		if v := recover(); v != nil {
			l.panicked(at, v)
			next = i + 1
		}
	}()
	for ; i < n; i++ {
		ev := &l.events[i]
		if l.Kernel.IsWake(ev) {
			l.Kernel.Woken()
			continue
		}
		s := l.slot(ev.FD)
		if s == nil || s.h == nil || s.gen != ev.Gen {
			continue // closed earlier in this turn, or the number's former owner
		}
		at = s.h
		l.Stats.Events++
		at.Ready(ev.Events)
	}
	at = nil
	return n
}

func (l *Loop) panicked(h Handler, v any) {
	l.Stats.Panics++
	l.Log.Error("panic in an event loop; the connection is aborted",
		"loop", l.ID, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	defer func() {
		if again := recover(); again != nil {
			l.Stats.Panics++
			l.Log.Error("panic while aborting", "loop", l.ID, "panic", fmt.Sprint(again), "stack", string(debug.Stack()))
		}
	}()
	h.Panicked(v)
}

// Guard runs f for h and aborts h when f panics: for work that does not come
// from an event of h's own descriptor.
func (l *Loop) Guard(h Handler, f func()) {
	ok := false
	defer func() {
		if !ok {
			if v := recover(); v != nil {
				l.panicked(h, v)
			}
		}
	}()
	f()
	ok = true
}

// runTasks runs what was queued before this turn's events were done. What these
// tasks queue, a transfer that used up its budget above all, waits for the next
// turn, so that everybody else has his own before.
func (l *Loop) runTasks() {
	if len(l.tasks) == 0 {
		return
	}
	l.running, l.tasks = l.tasks, l.running[:0]
	for i := 0; i < len(l.running); {
		i = l.runBatch(i)
	}
	l.Stats.Tasks += int64(len(l.running))
	clear(l.running)
}

func (l *Loop) runBatch(i int) (next int) {
	var at Runner
	defer func() {
		if at == nil {
			return
		}
		if v := recover(); v != nil {
			l.recovered(at, v)
			next = i + 1
		}
	}()
	for ; i < len(l.running); i++ {
		at = l.running[i]
		at.Run()
	}
	at = nil
	return i
}

// recovered deals with a panic in a task or a timer: its owner is aborted when
// it can be.
func (l *Loop) recovered(owner, v any) {
	if h, ok := owner.(aborts); ok {
		l.panicked(aborter{h}, v)
		return
	}
	l.Stats.Panics++
	l.Log.Error("panic in an event loop's task", "loop", l.ID, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
}

type aborts interface{ Panicked(cause any) }

type aborter struct{ aborts }

func (aborter) Ready(Readiness) {}

func (l *Loop) runTimers() (all bool) {
	defer func() {
		if t := l.timers.firing; t != nil {
			if v := recover(); v != nil {
				l.timers.firing = nil
				l.recovered(t.Owner, v)
			}
		}
	}()
	before := l.timers.fired
	l.timers.advance(l.now, maxTimers)
	l.Stats.Fired += l.timers.fired - before
	return true
}

func (l *Loop) endTurn() {
	for i := 0; i < len(l.dirty); i++ {
		l.dirty[i].Publish()
	}
	clear(l.dirty)
	l.dirty = l.dirty[:0]
	for _, f := range l.turnEnd {
		f()
	}
	l.runLazy(false)
	if l.now >= l.trimNext {
		l.Buffers.Trim()
		l.Pipes.Trim()
		l.trimNext = l.now + int64(time.Second)
	}
	l.mail.publish(&l.Stats)
}

// Busy tells whether the next turn has work without any event.
func (l *Loop) Busy() bool { return len(l.tasks) > 0 || l.mail.pending() }
