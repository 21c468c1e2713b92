package fleet

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gohap/stick"
)

// world is some nodes with simulated connections and one clock. Everything that
// happens in it follows from its seed.
type world struct {
	t     *testing.T
	r     *rand.Rand
	now   uint32
	nodes []*node
	pipes []*pipe
	up    map[[2]int]bool   // links between nodes, the lower number first
	delay map[[2]int]uint32 // ms
	log   []string
	epoch uint64
	conf  stick.Config
}

// node is a place where processes follow each other.
type node struct {
	name  string
	procs []*process // those that run, the last one takes connections
}

type process struct {
	*member
	at      int
	s       *Section
	conns   []*conn
	ticked  uint32
	ending  bool
	finish  bool
	holding map[uint32]int // connections that track a key
}

// conn is a process's end of a connection.
type conn struct {
	x     *Session
	of    *process
	out   *pipe
	other *conn
	dead  bool
}

// pipe carries bytes one way.
type pipe struct {
	to       *conn
	link     [2]int
	segments []segment
}

type segment struct {
	at   uint32
	data []byte
	end  bool
}

func newWorld(t *testing.T, seed uint64, nodes int, conf stick.Config) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), now: 100000, up: map[[2]int]bool{}, delay: map[[2]int]uint32{}, conf: conf}
	for i := range nodes {
		w.nodes = append(w.nodes, &node{name: string(rune('A' + i))})
		for j := range i {
			w.up[[2]int{j, i}] = true
			w.delay[[2]int{j, i}] = 1 + w.r.Uint32N(100)
		}
	}
	for i := range nodes {
		w.start(i)
	}
	return w
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%d: ", w.now-100000)+fmt.Sprintf(format, args...))
}

// start begins a new process of a node.
func (w *world) start(i int) *process {
	n := w.nodes[i]
	w.epoch++
	m := newMember(w.t, w.conf, &w.now, n.name, w.epoch)
	c := Config{Local: n.name, PID: int(w.epoch), Tables: []*Table{m.f}, Names: []string{"t"}}
	for _, o := range w.nodes {
		c.Peers = append(c.Peers, &Peer{Name: o.name})
	}
	p := &process{member: m, at: i, s: New(c, w.now), holding: map[uint32]int{}}
	p.s.epoch, p.s.chance = w.epoch, w.r.Uint32N
	n.procs = append(n.procs, p)
	w.note("%s starts %d", n.name, w.epoch)
	return p
}

// stop lets a process end as a soft stop does, beside the next one.
func (w *world) stop(p *process) {
	p.ending = true
	p.s.Stop(w.now)
	w.note("%s ends %x", p.name, p.s.epoch)
}

// kill ends a process at once: what is on its way from it arrives.
func (w *world) kill(p *process) {
	n := w.nodes[p.at]
	for i, o := range n.procs {
		if o == p {
			n.procs = append(n.procs[:i:i], n.procs[i+1:]...)
		}
	}
	for _, c := range p.conns {
		w.close(c)
	}
	p.conns = nil
	w.note("%s loses %x", p.name, p.s.epoch)
}

func (w *world) close(c *conn) {
	if !c.dead {
		c.dead = true
		c.out.segments = append(c.out.segments, segment{at: w.now + w.lag(c.out.link), end: true})
	}
}

func (w *world) lag(link [2]int) uint32 {
	if link[0] == link[1] {
		return 1
	}
	return w.delay[link]
}

func link(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

func (w *world) isUp(l [2]int) bool { return l[0] == l[1] || w.up[l] }

// dial connects a process to another one.
func (w *world) dial(p *process, peer *Peer, to *process) {
	x := p.s.Connect(peer, w.now)
	l := link(p.at, to.at)
	a := &conn{x: x, of: p}
	b := &conn{x: to.s.Accept(w.now), of: to, other: a}
	a.other = b
	a.out, b.out = &pipe{to: b, link: l}, &pipe{to: a, link: l}
	p.conns, to.conns = append(p.conns, a), append(to.conns, b)
	w.pipes = append(w.pipes, a.out, b.out)
}

// accepting returns the process of a node that takes connections, nil without one.
func (w *world) accepting(i int) *process {
	procs := w.nodes[i].procs
	if len(procs) == 0 || procs[len(procs)-1].ending {
		return nil
	}
	return procs[len(procs)-1]
}

// step lets some ms pass.
func (w *world) step(ms uint32) {
	w.now += ms
	for _, p := range w.pipes {
		for w.isUp(p.link) && len(p.segments) > 0 && int32(w.now-p.segments[0].at) >= 0 {
			s := p.segments[0]
			p.segments = p.segments[1:]
			if p.to.dead {
				continue
			}
			if s.end {
				p.to.x.Close(w.now)
				continue
			}
			p.to.x.Receive(s.data, w.now)
		}
	}
	for i, n := range w.nodes {
		for _, p := range append([]*process(nil), n.procs...) {
			w.run(i, p)
		}
	}
	live := w.pipes[:0]
	for _, p := range w.pipes {
		if !p.to.dead || !p.to.other.dead {
			live = append(live, p)
		}
	}
	w.pipes = live
}

// run does what a process's goroutines do.
func (w *world) run(i int, p *process) {
	if w.now-p.ticked >= 1000 {
		p.ticked = w.now
		p.s.Tick(w.now)
	}
	for j, o := range w.nodes {
		if j == i || p.ending || !w.isUp(link(i, j)) {
			continue
		}
		peer := p.s.peer(o.name)
		if after, idle := p.s.Idle(peer, w.now); idle && after == 0 {
			if to := w.accepting(j); to != nil {
				w.dial(p, peer, to)
			}
		}
	}
	if to := w.accepting(i); p.ending && to != nil && to != p && !p.connected(to) {
		w.dial(p, p.s.peer(p.name), to)
	}
	live := p.conns[:0]
	for _, c := range p.conns {
		for !c.dead {
			_, closed := c.x.Closed()
			b := c.x.Append(nil, 4096, w.now)
			if len(b) > 0 {
				c.out.segments = append(c.out.segments, segment{at: w.now + w.lag(c.out.link), data: b})
				continue
			}
			if closed {
				w.close(c)
			}
			break
		}
		if !c.dead {
			live = append(live, c)
		}
	}
	p.conns = live
	if p.finish && p.s.Finished() {
		w.kill(p)
	}
}

func (p *process) connected(to *process) bool {
	for _, c := range p.conns {
		if c.other.of == to && !c.dead {
			return true
		}
	}
	return false
}

func (w *world) procs() (list []*process) {
	for _, n := range w.nodes {
		list = append(list, n.procs...)
	}
	return list
}

// total is what the process counts at most: the greatest sum that some processes know
// of each contribution to a key.
func (w *world) total(key uint32) (n int64) {
	best := map[string]int64{}
	for _, p := range w.procs() {
		p.flush()
		for _, c := range p.f.Contributions(keyOf(key), w.now) {
			id := fmt.Sprint(c.Source, c.Birth)
			best[id] = max(best[id], c.Value(stick.HTTPReqCnt, 0))
		}
	}
	for _, v := range best {
		n += v
	}
	return n
}

const modelKeys = 5

// model is a world and what its counters must be in the end.
type model struct {
	*world
	want    [modelKeys]int64
	calm    uint32 // until when nobody clears: a clear is on its way
	clears  bool
	crashes bool
	wild    bool // clears meet each other: all nodes must agree, on what is open
}

// act does something.
func (m *model) act() {
	w := m.world
	all := w.procs()
	if len(all) == 0 {
		return
	}
	p, key := all[w.r.IntN(len(all))], uint32(w.r.IntN(modelKeys))
	if p.finish {
		return
	}
	switch k := w.r.IntN(100); {
	case k < 60:
		n := 1 + w.r.IntN(5)
		p.with(key, func(e stick.Entry) {
			e.Add(stick.HTTPReqCnt, 0, uint64(n))
			e.Add(stick.BytesInCnt, 0, uint64(n))
			e.AddRate(stick.HTTPReqRate, 0, uint32(n), w.now)
			e.Touch(w.now)
		})
		m.want[key] += int64(n)
	case k < 66:
		tag := w.r.Uint64N(100)
		p.with(key, func(e stick.Entry) {
			e.Set(stick.GPT0, 0, tag)
			e.SetText(stick.ServerKey, fmt.Sprint("s", tag))
			e.Touch(w.now)
		})
	case k < 72:
		e, _, _ := p.st.Create(keyOf(key), w.now)
		e.Add(stick.ConnCur, 0, 1)
		e.Touch(w.now)
		p.holding[key]++
	case k < 78:
		if p.holding[key] > 0 {
			p.release(key)
		}
	case k < 84 && m.clears && (m.wild || int32(w.now-m.calm) >= 0) && !p.ending:
		m.clear(p, key)
	case k < 88:
		w.cutSomething()
	case k < 90:
		m.restart()
	}
}

// release ends a connection that tracks a key.
func (p *process) release(key uint32) {
	p.holding[key]--
	e, ok := p.st.Get(keyOf(key), *p.now)
	if !ok {
		p.t.Fatal("an entry in use is gone")
	}
	e.Sub(stick.ConnCur, 0)
	e.Touch(*p.now)
	e.Release()
	e.Release()
}

// clear clears or sets a key: what its process reads goes, and nothing else.
func (m *model) clear(p *process, key uint32) {
	e, ok := p.st.Get(keyOf(key), m.now)
	if !ok {
		return
	}
	m.calm = m.now + 25000
	seen := int64(e.Get(stick.HTTPReqCnt, 0))
	switch m.r.IntN(3) {
	case 0:
		m.want[key] -= seen
		p.f.Clear(e, m.now)
		m.note("%s clears %d, which is %d", p.name, key, seen)
		return
	case 1:
		m.want[key] += 100 - seen
		p.f.Set(e, stick.HTTPReqCnt, 0, 100, m.now)
		m.note("%s sets %d, which is %d, to 100", p.name, key, seen)
	default:
		m.want[key] -= int64(p.f.Reset(e, stick.HTTPReqCnt, 0))
		e.Touch(m.now)
		m.note("%s resets %d, which is %d", p.name, key, seen)
	}
	e.Release()
}

// cutSomething cuts a link, or mends it.
func (w *world) cutSomething() {
	n := len(w.nodes)
	l := link(w.r.IntN(n), w.r.IntN(n))
	if l[0] != l[1] {
		w.up[l] = !w.up[l]
		w.note("link %v is up: %t", l, w.up[l])
	}
}

// restart replaces the process of a node, softly or by a crash.
func (m *model) restart() {
	i := m.r.IntN(len(m.nodes))
	p := m.accepting(i)
	if p == nil || len(m.nodes[i].procs) > 1 {
		return
	}
	if m.crashes && m.r.IntN(2) == 0 {
		if len(m.procs()) < 2 || int32(m.now-m.calm) < 0 { // total does not know what a clear on its way will take
			return
		}
		var before [modelKeys]int64
		for k := range before {
			before[k] = m.total(uint32(k))
		}
		m.kill(p)
		for _, q := range m.pipes { // what is on its way is lost as well
			if q.to.other.of == p {
				q.segments = append(q.segments[:0], segment{at: m.now, end: true})
			}
		}
		for k := range before {
			m.want[k] += m.total(uint32(k)) - before[k]
		}
		m.start(i)
		return
	}
	m.start(i)
	m.stop(p)
}

// finish lets old processes end once they hold nothing.
func (m *model) finish() {
	for _, p := range m.procs() {
		if p.ending && !p.finish {
			for key := range uint32(modelKeys) {
				for p.holding[key] > 0 {
					p.release(key)
				}
			}
			p.finish = true
			p.s.Finish(m.now)
		}
	}
}

// rest mends all links, lets time pass and compares.
func (m *model) rest() {
	m.t.Helper()
	for l := range m.up {
		m.up[l] = true
	}
	m.note("rest")
	for i := range 1200 { // 30 s
		if i == 40 {
			m.finish()
		}
		m.step(25)
	}
	var conns [modelKeys]uint64
	for _, p := range m.procs() {
		for key, n := range p.holding {
			conns[key] += uint64(n)
		}
	}
	for key := range uint32(modelKeys) {
		if m.wild {
			m.agree(key)
		}
		tags := map[string]bool{}
		for _, p := range m.procs() {
			e, ok := p.st.Get(keyOf(key), m.now)
			if !ok || p.f.Hidden(e, m.now) {
				if m.want[key] != 0 {
					m.fail("%s lacks key %d, which is %d", p.name, key, m.want[key])
				}
				if ok {
					e.Release()
				}
				tags["- "] = true
				continue
			}
			if got := int64(e.Get(stick.HTTPReqCnt, 0)); got != m.want[key] {
				m.fail("%s has %d of key %d, want %d", p.name, got, key, m.want[key])
			}
			if got := e.Get(stick.ConnCur, 0); got != conns[key] {
				m.fail("%s has %d connections of key %d, want %d", p.name, got, key, conns[key])
			}
			tags[fmt.Sprint(e.Get(stick.GPT0, 0), e.Text(stick.ServerKey))] = true
			e.Release()
		}
		if len(tags) > 1 {
			delete(tags, "0")
			delete(tags, "- ")
		}
		if len(tags) > 1 {
			m.fail("tags of key %d: %v", key, tags)
		}
	}
}

// agree has what the first node reads of a key be what all others must.
func (m *model) agree(key uint32) {
	m.t.Helper()
	was := m.want[key]
	m.want[key] = max(0, int64(m.procs()[0].reads(key)))
	if m.want[key] < was { // a request that was cleared twice is gone once
		m.fail("key %d is %d, at least %d were left", key, m.want[key], was)
	}
}

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Errorf(format, args...)
}

// TestModel drives random schedules of counts, clears, tags, restarts, crashes and cut
// links, and compares all nodes at rest with what was counted.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(schedules) {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &model{world: newWorld(t, seed, 3+int(seed%3), config(1000)), clears: seed%2 == 0, crashes: seed%4 >= 2, wild: seed%5 == 4}
			m.crashes = m.crashes && !m.wild
			for range 2 {
				for range 400 { // 10 s
					m.step(25)
					if m.r.IntN(3) == 0 {
						m.act()
					}
				}
				m.rest()
			}
			if t.Failed() {
				for _, line := range m.log {
					t.Log(line)
				}
				for _, p := range m.procs() {
					for key := range uint32(modelKeys) {
						t.Logf("%s/%x key %d reads %d: %s", p.name, p.s.epoch, key, p.reads(key), p.shows(key))
					}
				}
			}
		})
		if !ok {
			break
		}
	}
}
