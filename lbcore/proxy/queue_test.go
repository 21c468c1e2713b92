package proxy

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gohap/lbcore/balance"
	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/loop/simkernel"
)

// limited makes a backend of n servers with a maxconn.
func limited(n int, maxconn int64) *Proxy {
	p := &Proxy{Name: "b", IsBackend: true}
	var nodes []balance.Node
	for i := range n {
		s := &Server{Name: fmt.Sprint("s", i+1), ID: i + 1, Weight0: 1}
		s.Maxconn.Store(maxconn)
		p.AddServer(s)
		nodes = append(nodes, Node{s})
	}
	for _, s := range p.Set().All {
		s.Init(0, func(*Server) { p.Set().Policy.Update() })
	}
	p.Set().Policy = balance.NewRoundRobin(nodes)
	for i, s := range p.Set().All {
		s.Balanced(p.Set().Policy, i)
	}
	return p
}

// The model: what the lines must be, as a sorted list that a reader can follow.
type modelLine struct {
	server *Server // nil for the backend's line
	key    lineKey
	who    *modelRequest
}

type modelRequest struct {
	slot Slot
	w    *Waiter
	loop int
	told bool    // the grant was delivered
	to   *Server // by the model, nil while it waits
	redo bool    // by the model: its line was dissolved
	left bool
}

func (r *modelRequest) Granted(_ *Waiter, s *Server) {
	r.told, r.w = true, nil
	if s != nil {
		r.slot.Keep(s)
	}
	if r.left || s != r.to || (s == nil) != r.redo {
		panic(fmt.Sprintf("told of %v, the model says %v, redo %v, left %v", name(s), name(r.to), r.redo, r.left))
	}
}

func name(s *Server) string {
	if s == nil {
		return "none"
	}
	return s.Name
}

// queueModel drives eight loops of a simulated kernel, one step at a time, so
// that every interleaving of joining, leaving, granting and telling can come
// up, and compares each step with the model.
type queueModel struct {
	t     *testing.T
	rnd   *rand.Rand
	clk   *clock.Fake
	p     *Proxy
	pools []*Waiters
	lines []modelLine
	held  []*modelRequest
	order int64
	log   []string
}

func (m *queueModel) fail(f string, a ...any) {
	m.t.Helper()
	for _, l := range m.log[max(0, len(m.log)-40):] {
		m.t.Log(l)
	}
	m.t.Fatalf(f, a...)
}

func (m *queueModel) note(f string, a ...any) { m.log = append(m.log, fmt.Sprintf(f, a...)) }

// used is how many slots of s the model has given out.
func (m *queueModel) used(s *Server) (n int64) {
	for _, r := range m.held {
		if r.to == s {
			n++
		}
	}
	return n
}

// settle gives free slots of s out.
func (m *queueModel) settle(s *Server) {
	for m.used(s) < s.Limit() || s.Limit() == 0 {
		best := -1
		for i, l := range m.lines {
			if l.server != s && (l.server != nil || !s.Usable()) {
				continue
			}
			if best < 0 || l.key.before(m.lines[best].key) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		r := m.lines[best].who
		m.lines = append(m.lines[:best], m.lines[best+1:]...)
		r.to = s
		m.held = append(m.held, r)
		m.note("  model grants %s", s.Name)
	}
}

func (m *queueModel) length(s *Server) (n int64) {
	for _, l := range m.lines {
		if l.server == s {
			n++
		}
	}
	return n
}

func (m *queueModel) arrive() {
	r := &modelRequest{loop: m.rnd.IntN(len(m.pools))}
	s := m.p.Set().All[m.rnd.IntN(len(m.p.Set().All))]
	any := m.length(nil) > 0 && s.Usable()
	want := s.Limit() == 0 || m.length(s) == 0 && !any && m.used(s) < s.Limit()
	got := r.slot.Try(s)
	m.note("try %s: %v", s.Name, got)
	if got != want {
		m.fail("a slot of %s: %v, the model says %v", s.Name, got, want)
	}
	if got {
		r.to, r.told = s, true
		m.held = append(m.held, r)
		return
	}
	at := s
	if m.rnd.IntN(2) == 0 {
		at = nil
	}
	pr := Priority{Class: int16(m.rnd.IntN(3)), Offset: int32(m.rnd.IntN(5))}
	full := at != nil && at.Maxqueue > 0 && m.length(at) >= int64(at.Maxqueue)
	key := lineKey{int64(pr.Class), m.pools[r.loop].Loop.Now()/1e6 + int64(pr.Offset), 0}
	r.w = m.pools[r.loop].Join(m.p, at, r, pr, false)
	m.note("join %s on %d: %v", name(at), r.loop, r.w != nil)
	if (r.w == nil) != full {
		m.fail("joined %v, the model says full %v", r.w != nil, full)
	}
	if full {
		return
	}
	m.order++
	key.order = m.order
	m.lines = append(m.lines, modelLine{at, key, r})
	if at != nil {
		m.settle(at)
	} else { // as a stream does
		for _, x := range m.p.Set().All {
			x.Feed()
			m.settle(x)
		}
	}
}

// release ends somebody's use, whether told of it or not yet.
func (m *queueModel) release() {
	if len(m.held) == 0 {
		return
	}
	i := m.rnd.IntN(len(m.held))
	r := m.held[i]
	m.held = append(m.held[:i], m.held[i+1:]...)
	m.note("release %s told %v", name(r.to), r.told)
	s := r.to
	r.left = true
	if r.told {
		r.slot.Release()
		r.slot.Release()
	} else {
		r.w.Leave()
	}
	m.settle(s)
}

// leave takes somebody out of line.
func (m *queueModel) leave() {
	if len(m.lines) == 0 {
		return
	}
	i := m.rnd.IntN(len(m.lines))
	r := m.lines[i].who
	m.lines = append(m.lines[:i], m.lines[i+1:]...)
	m.note("leave")
	r.left = true
	r.w.Leave()
}

// toggle takes a server out of service, or back, or changes its limit.
func (m *queueModel) toggle() {
	s := m.p.Set().All[m.rnd.IntN(len(m.p.Set().All))]
	if m.rnd.IntN(2) == 0 {
		n := int64(m.rnd.IntN(4))
		m.note("maxconn of %s is %d", s.Name, n)
		s.SetMaxconn(n)
		m.settle(s)
		return
	}
	if s.Admin().Maint() {
		m.note("%s up", s.Name)
		s.SetAdmin(0, ForcedMaint, 0)
		m.settle(s)
		return
	}
	m.note("%s down", s.Name)
	s.SetAdmin(ForcedMaint, 0, 0)
	none := m.p.Availability() == (Availability{})
	kept := m.lines[:0]
	for _, l := range m.lines {
		if l.server == s || none && l.server == nil {
			l.who.redo = true
			continue
		}
		kept = append(kept, l)
	}
	m.lines = kept
	m.settle(s)
}

func (m *queueModel) compare() {
	m.t.Helper()
	for _, s := range m.p.Set().All {
		if s.Conn.Load() != m.used(s) || s.QueueLen() != m.length(s) {
			m.fail("%s: %d used, %d in line; the model says %d and %d", s.Name, s.Conn.Load(), s.QueueLen(), m.used(s), m.length(s))
		}
	}
	if n := m.p.QueueGauge().Load(); n != m.length(nil) || m.p.Queue.All.Load() != int64(len(m.lines)) {
		m.fail("%d in the backend's line, %d in all; the model says %d and %d", n, m.p.Queue.All.Load(), m.length(nil), len(m.lines))
	}
}

func TestQueueModel(t *testing.T) {
	for seed := range uint64(200) {
		m := &queueModel{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), clk: clock.NewFake(time.Unix(1_800_000_000, 0)), p: limited(3, 1)}
		m.p.Set().All[1].Maxqueue = 2
		for i := range 8 {
			l := loop.New(i, simkernel.New().Loop(), m.clk, 1024, slog.New(slog.NewTextHandler(io.Discard, nil)))
			m.pools = append(m.pools, &Waiters{Loop: l})
		}
		turn := func(i int) {
			l := m.pools[i].Loop
			for n := 0; n == 0 || l.Busy(); n++ {
				l.Queue(nothing{})
				l.Turn()
			}
		}
		for range 400 {
			switch n := m.rnd.IntN(20); {
			case n < 8:
				m.arrive()
			case n < 13:
				m.release()
			case n < 15:
				m.leave()
			case n < 16:
				m.toggle()
			case n < 17:
				m.clk.Advance(time.Millisecond)
			default:
				i := m.rnd.IntN(8)
				m.note("loop %d turns", i)
				turn(i)
			}
			m.compare()
		}
		for len(m.held) > 0 || len(m.lines) > 0 {
			m.leave()
			m.release()
			m.compare()
		}
		for i := range m.pools {
			turn(i)
		}
		m.compare()
	}
}

type nothing struct{}

func (nothing) Run() {}

// churn is one loop's requests in the concurrent test: each takes a slot or
// waits for one, some leave, and all release.
type churn struct {
	p       *Proxy
	pool    *Waiters
	rnd     *rand.Rand
	todo    int
	holding []*churned
	waiting map[*churned]bool
	over    *atomic.Int64
	got     *atomic.Int64
	gone    *atomic.Int64
}

type churned struct {
	c    *churn
	slot Slot
	w    *Waiter
}

func (r *churned) Granted(_ *Waiter, s *Server) {
	delete(r.c.waiting, r)
	r.w = nil
	r.c.hold(r, s)
	r.slot.Keep(s)
}

func (c *churn) hold(r *churned, s *Server) {
	if n, most := s.Conn.Load(), s.Maxconn.Load(); n > most {
		c.over.Add(1)
	}
	c.got.Add(1)
	c.holding = append(c.holding, r)
}

func (c *churn) step() (more bool) {
	switch n := c.rnd.IntN(10); {
	case n < 5 && c.todo > 0:
		c.todo--
		r := &churned{c: c}
		s := c.p.Set().All[c.rnd.IntN(len(c.p.Set().All))]
		if r.slot.Try(s) {
			c.hold(r, s)
			break
		}
		c.waiting[r] = true
		if n == 0 {
			r.w = c.pool.Join(c.p, s, r, Priority{}, false)
			break
		}
		r.w = c.pool.Join(c.p, nil, r, Priority{}, false)
		if i := c.p.Set().Policy.Pick(&balance.Request{Avoid: -1}); i >= 0 {
			c.p.Set().Active[i].Feed()
		}
	case n < 6:
		for r := range c.waiting { // any: this loop may have been told already
			delete(c.waiting, r)
			r.w.Leave()
			c.gone.Add(1)
			break
		}
	default:
		if k := len(c.holding); k > 0 {
			r := c.holding[k-1]
			c.holding = c.holding[:k-1]
			r.slot.Release()
		}
	}
	return c.todo > 0 || len(c.holding) > 0 || len(c.waiting) > 0
}

// Eight loops at once: no slot and no waiter is lost, no limit is passed, every
// gauge comes back to zero.
func TestQueueConcurrent(t *testing.T) {
	const loops = 8
	g, err := loop.NewGroup(loops, 1024, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	g.Start()
	defer g.Stop()
	each := 20000
	if testing.Short() {
		each = 2000
	}
	p := limited(4, 3)
	var over, got, gone atomic.Int64
	var all sync.WaitGroup
	for i, l := range g.Loops {
		c := &churn{p: p, pool: &Waiters{Loop: l}, rnd: rand.New(rand.NewPCG(7, uint64(i))), todo: each,
			waiting: map[*churned]bool{}, over: &over, got: &got, gone: &gone}
		all.Add(1)
		l.Post(func() {
			l.PostSliced(func() bool {
				for range 64 {
					if !c.step() {
						all.Done()
						return false
					}
				}
				return true
			})
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Fatalf("waiters are left: %d in line, %d got a slot, %d left", p.Queue.All.Load(), got.Load(), gone.Load())
	}
	if over.Load() != 0 || got.Load()+gone.Load() != int64(loops*each) {
		t.Errorf("%d times over the limit; %d got a slot and %d left of %d", over.Load(), got.Load(), gone.Load(), loops*each)
	}
	for _, s := range p.Set().All {
		if s.Conn.Load() != 0 || s.QueueLen() != 0 || s.Conn.Max() > 3 {
			t.Errorf("%s: %d slots, %d in line, at most %d", s.Name, s.Conn.Load(), s.QueueLen(), s.Conn.Max())
		}
	}
	if p.Queue.All.Load() != 0 || p.QueueGauge().Load() != 0 {
		t.Errorf("%d waiters are left", p.Queue.All.Load())
	}
}

// The reference's formula: between minconn and maxconn with the backend's load.
func TestLimit(t *testing.T) {
	p := limited(1, 10)
	s := p.Set().All[0]
	s.Minconn, p.Fullconn = 2, 20
	var got []int64
	for range 24 {
		p.BEConn.Inc()
		got = append(got, s.Limit())
	}
	want := []int64{2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 10, 10, 10}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Between the moment a slot is free and the moment it is given to who waits,
// nobody else gets it, by whichever line he waits.
func TestNobodyOvertakes(t *testing.T) {
	for _, own := range []bool{true, false} {
		p := limited(1, 1)
		s := p.Set().All[0]
		pool := &Waiters{Loop: loop.New(0, simkernel.New().Loop(), clock.System, 1024, slog.New(slog.NewTextHandler(io.Discard, nil)))}
		var first, newcomer Slot
		if !first.Try(s) {
			t.Fatal("no slot")
		}
		at := s
		if !own {
			at = nil
		}
		r := &modelRequest{to: s}
		r.w = pool.Join(p, at, r, Priority{}, false)
		s.Conn.Dec() // the first half of a release
		if newcomer.Try(s) {
			t.Errorf("own line %v: a newcomer got the slot", own)
		}
		if s.Feed(); s.Conn.Load() != 1 || p.Queue.All.Load() != 0 {
			t.Errorf("own line %v: %d slots, %d in line", own, s.Conn.Load(), p.Queue.All.Load())
		}
	}
}
