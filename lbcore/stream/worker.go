package stream

import (
	"net/netip"
	"sync/atomic"
	"time"

	"gohap/lbcore/balance"
	"gohap/lbcore/log"
	"gohap/lbcore/loop"
	"gohap/lbcore/mux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/trace"
)

// Worker is what the streams and sessions of one loop share. It belongs to the
// loop.
type Worker struct {
	Loop   *loop.Loop
	Mux    *mux.Worker
	Proc   *proxy.Process
	Limits proxy.Limits
	aside  *Stream   // of do-log in rules of connections
	Logs   log.Lines // with the loop's own batch of datagrams
	// FindBackend serves use_backend rules whose name is computed.
	FindBackend func(name []byte) *proxy.Proxy
	Statistics  Statistics // nil: there are no statistics pages
	Trace       *trace.Set // where events are told, Mux.Trace too

	streams  []*Stream
	waiters  proxy.Waiters
	sessions []*Session
	line     []byte // scratch for log lines
	pick     balance.Request
	door     *door
	slots    []*slots // unused sets
	extras   []*extra // unused
	tracked  int      // entries in slots
	totals   *proxy.LoopCounters
	// pausedNow tells other loops that a listener here waits for room, resuming
	// that it is already being told.
	pausedNow atomic.Bool
	resuming  atomic.Bool
	active    streamList
	clients   int // client connections
	batch     *loop.Datagrams
	accepts   []*Acceptor
	proxies   []*proxy.Proxy
	chores    loop.Timer
	// Siblings are the workers of all loops, this one included.
	Siblings []*Worker
	targets  map[*log.Target]*loop.Sockaddr
}

// NewWorker returns the shared parts for a loop.
func NewWorker(l *loop.Loop, p *proxy.Process, lim proxy.Limits) *Worker {
	w := &Worker{
		Loop: l, Mux: mux.NewWorker(l), Proc: p, Limits: lim,
		line: make([]byte, 0, 8192), totals: p.Totals.For(l),
		batch: loop.NewDatagrams(l), targets: map[*log.Target]*loop.Sockaddr{},
	}
	w.batch.SendBuffer = lim.LogSend
	w.Trace = w.Mux.Trace
	w.waiters.Loop = l
	w.Logs.Sender = w
	w.Mux.Secured = p.SSL.Alive
	w.Mux.Records = &w.Limits.Records
	w.Logs.Encoder.PID = p.Facts.PID
	return w
}

// Datagram implements log.Sender over the loop's batch.
func (w *Worker) Datagram(to *log.Target, line []byte) bool {
	sa := w.targets[to]
	if sa == nil {
		if to.Kind == log.Unix {
			path := to.Path
			if path != "" && path[0] == '@' {
				path = "\x00" + path[1:]
			}
			sa, _ = loop.UnixSockaddr(path)
		} else {
			sa = loop.IPSockaddr(to.Addr)
		}
		w.targets[to] = sa
	}
	if sa == nil || !w.batch.Send(sa, line) {
		w.Proc.Dropped.Add(1)
		return false
	}
	return true
}

// wall is this turn's wall-clock time.
func (w *Worker) wall() time.Time { return time.Unix(0, w.Loop.WallNano(w.Loop.Now())) }

// Housekeep begins the loop's periodic work: idle server connections beyond what
// traffic needed lately are closed.
func (w *Worker) Housekeep(proxies []*proxy.Proxy) {
	w.proxies = proxies
	w.chores.Owner = chores{w}
	w.Loop.Arm(&w.chores, w.Loop.Now()+int64(time.Second))
}

// chores runs a loop's periodic work.
type chores struct{ w *Worker }

// Expired implements loop.Expirer.
func (c chores) Expired(t *loop.Timer) {
	for _, p := range c.w.proxies {
		for _, s := range p.Set().All {
			s.Purge(c.w.Loop)
		}
		if p.Direct != nil {
			p.Direct.Purge(c.w.Loop)
		}
	}
	c.w.Loop.Arm(t, c.w.Loop.Now()+int64(time.Second))
}

// Active returns how many streams live on this loop.
func (w *Worker) Active() int { return w.active.n }

// Sessions returns how many client connections live on this loop.
func (w *Worker) Sessions() int { return w.clients }

// Place is where a walk over streams goes on; the zero value is the first one.
type Place struct {
	id uint64
	s  *Stream // it has another number when it is no more
}

// Walk calls f for each stream, the newest first, until f returns false; it
// returns where to go on behind that one, the zero value at the end. Streams may come and go between
// two calls, for whoever walks a large population does so in slices. Loop only.
func (w *Worker) Walk(from Place, f func(*Stream) bool) Place {
	s := from.s
	if s == nil || s.ID != from.id {
		for s = w.active.head; s != nil && from.id != 0 && s.ID > from.id; s = s.next {
		}
	}
	for ; s != nil; s = s.next {
		if f(s) {
			continue
		}
		if s = s.next; s == nil {
			break
		}
		return Place{s.ID, s}
	}
	return Place{}
}

// CloseIdle closes the client connections that wait between requests, as a
// soft stop does, as far as it has come to them.
func (w *Worker) CloseIdle() {
	w.Loop.Handlers(func(h loop.Handler) bool {
		if c, ok := h.(*mux.H1Client); ok && c.Owner().Stopping() {
			c.CloseIdle()
		}
		return true
	})
}

// KillServer ends the streams that a server has on this loop, as operators and
// on-marked-down ask: cause is the first letter of their termination state. It
// takes some at a time and reports whether there may be more. Loop only.
func (w *Worker) KillServer(srv *proxy.Server, cause byte) (more bool) {
	const slice = 256
	var list [slice]*Stream
	n := 0
	for s := w.active.head; s != nil && n < slice; s = s.next {
		if s.Server == srv {
			list[n] = s
			n++
		}
	}
	for _, s := range list[:n] {
		s.kill(cause)
	}
	return n == slice
}

// KillStream ends one stream as an operator's wish. Loop only.
func (w *Worker) KillStream(s *Stream) {
	s.kill('K')
}

// Readmit is for limits that were raised: listeners that wait look again. Loop only.
func (w *Worker) Readmit() { w.resume() }

// Kill closes all client connections, as a hard stop does.
func (w *Worker) Kill() {
	for s := w.active.head; s != nil; s = w.active.head {
		s.kill('K')
	}
	w.Loop.Handlers(func(h loop.Handler) bool {
		switch c := h.(type) {
		case *mux.H1Client:
			c.Kill()
		case *opening:
			c.kill()
		}
		return true
	})
	w.batch.Flush()
	w.batch.Close()
}

// Acceptor takes the connections of one bind line on one loop.
type Acceptor struct {
	W        *Worker
	Bind     *proxy.Bind
	Place    int // of its descriptor among those of Bind
	Listener *loop.Listener
	counters *proxy.LoopCounters
	fe       *proxy.LoopCounters
	waiting  bool // paused because something was full
	timer    loop.Timer
}

// NewAcceptor prepares accepting on a loop.
func NewAcceptor(w *Worker, b *proxy.Bind) *Acceptor {
	a := &Acceptor{W: w, Bind: b, fe: b.Proxy.FE.For(w.Loop)}
	if b.Counters != nil {
		a.counters = b.Counters.For(w.Loop)
	}
	w.accepts = append(w.accepts, a)
	return a
}

// acceptor returns this loop's acceptor of a bind line.
func (w *Worker) acceptor(b *proxy.Bind) *Acceptor {
	for _, a := range w.accepts {
		if a.Bind == b {
			return a
		}
	}
	panic("stream: a bind line that this loop does not serve")
}

// resumeAll lets the paused listeners of every loop look whether they may go
// on: a slot of the process, a frontend or a bind line was freed.
func (w *Worker) resumeAll() {
	for _, o := range w.Siblings {
		if o == w {
			o.resume()
		} else if o.pausedNow.Load() && !o.resuming.Swap(true) {
			o.Loop.Post(o.resume)
		}
	}
}

// resume wakes this loop's paused listeners that have room again.
func (w *Worker) resume() {
	w.resuming.Store(false)
	still := false
	for _, a := range w.accepts {
		if a.Listener == nil || !a.waiting {
			continue
		}
		if a.full() {
			still = true
			continue
		}
		a.waiting = false
		w.Proc.Waiting.Add(-1)
		a.Listener.Resume()
	}
	w.pausedNow.Store(still)
}

// Full implements loop.Acceptor: the frontend, the bind line or the process
// has as many connections as it may. The listener pauses then, and goes on when
// a connection has ended on whatever loop.
func (a *Acceptor) Full() bool {
	if !a.full() {
		return false
	}
	if !a.waiting {
		a.waiting = true
		a.W.pausedNow.Store(true)
		a.W.Proc.Waiting.Add(1)
	}
	// A slot may have been freed between the look and the mark.
	if a.full() {
		return true
	}
	a.waiting = false
	a.W.Proc.Waiting.Add(-1)
	return false
}

func (a *Acceptor) full() bool {
	p, fe := a.W.Proc, a.Bind.Proxy
	if d := a.tooFast(p, fe); d > 0 {
		a.timer.Owner = a
		a.W.Loop.Arm(&a.timer, a.W.Loop.Now()+d)
		return true
	}
	if most := p.Maxconn.Load(); most > 0 && p.Conn.Load() >= most {
		p.MaxReached.Add(1)
		return true
	}
	if most := fe.Maxconn.Load(); most != 0 && fe.FEConn.Load() >= most { // below zero: closed to all
		return true
	}
	if most := p.SSL.Most.Load(); most > 0 && a.Bind.TLS != nil && p.SSL.Conns.Load() >= most {
		return true
	}
	return a.Bind.Maxconn > 0 && a.Bind.Conn.Load() >= a.Bind.Maxconn
}

// tooFast returns how long to wait, ns, until one more connection keeps the
// rates that the process and the frontend may have.
func (a *Acceptor) tooFast(p *proxy.Process, fe *proxy.Proxy) (d int64) {
	now := a.W.Loop.Now()
	if most := p.MaxConnRate.Load(); most > 0 {
		d = p.ConnRate.Wait(now, uint32(most))
	}
	if most := p.MaxSessRate.Load(); most > 0 {
		d = max(d, p.SessRate.Wait(now, uint32(most)))
	}
	if most := p.SSL.MostRate.Load(); most > 0 && a.Bind.TLS != nil {
		d = max(d, p.SSL.Rate.Wait(now, uint32(most)))
	}
	if most := fe.MaxSessRate.Load(); most > 0 {
		d = max(d, fe.SessRate.Wait(now, uint32(most)))
	}
	return d
}

// Expired implements loop.Expirer: a rate has room again.
func (a *Acceptor) Expired(*loop.Timer) { a.W.resume() }

// Accepted implements loop.Acceptor.
func (a *Acceptor) Accepted(l *loop.Loop, fd int32, peer netip.AddrPort) {
	if l != a.W.Loop {
		// A shared listener handed the descriptor to a less loaded loop.
		a = a.W.Siblings[l.ID].acceptor(a.Bind)
	}
	s := a.W.session()
	s.open(a, fd, peer)
}

type streamList struct {
	head *Stream
	n    int
}

func (l *streamList) push(s *Stream) {
	s.prev, s.next = nil, l.head
	if l.head != nil {
		l.head.prev = s
	}
	l.head = s
	l.n++
}

func (l *streamList) remove(s *Stream) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		l.head = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
	l.n--
}
