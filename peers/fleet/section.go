package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// Name is that of the section whose tables belong to the fleet.
const Name = "fleet"

// Config is the section as the configuration declares it.
type Config struct {
	Local  string // the name of this node
	PID    int    // of this process, told to others
	Peers  []*Peer
	Tables []*Table // Section.Name of each is its name to others
	Names  []string // of the tables, to others
	// Log takes what an operator wants to know, as peers.Config.Log.
	Log func(level, text string)
}

// Peer is a node of the section, this one included. The name is set before New; the
// counters may be read at any time.
type Peer struct {
	Name string

	// Since the start.
	Connects  atomic.Int64 // sessions that were established
	Sent      atomic.Int64 // messages
	Received  atomic.Int64 // messages
	SentBytes atomic.Int64
	RecvBytes atomic.Int64
	Updates   atomic.Int64 // changes that were sent
	Learned   atomic.Int64 // changes that were taken
	Refused   atomic.Int64 // changes of new keys for which a full table had no room
	Foreign   atomic.Int64 // tables that are unknown here or have other keys
	Errors    atomic.Int64 // sessions ended by a breach of the protocol
	Silent    atomic.Int64 // sessions ended because nothing came for too long

	section *Section
	node    uint64
	local   bool
	session *Session // the one with its present process, guarded by Section.mu
	waits   bool     // it is not connected to before again
	again   uint32
	last    string // why the last session ended
	failed  bool
}

// Section is what the sessions of a process share. Any goroutine but a loop's may
// call it.
type Section struct {
	Config
	epoch  uint64 // tells processes of one node apart
	chance func(n uint32) uint32

	wakes   atomic.Pointer[func()]
	pending atomic.Bool // something was counted since the last flush

	mu        sync.Mutex
	poke      bool // wake is due once mu is let go
	sessions  []*Session
	flushed   uint32
	asked     []map[uint32]*Session // by table: who tells of a source in its place
	ending    bool                  // this process ends
	finishing bool                  // and counts nothing any more
}

// flushEvery is how often changes are told at the most, ms.
const flushEvery = 100

// New makes the state of a section. Its tables are this section's from now on, and no
// former one's.
func New(c Config, now uint32) *Section {
	if c.Log == nil {
		c.Log = func(string, string) {}
	}
	s := &Section{Config: c, epoch: rand.Uint64(), chance: rand.Uint32N, flushed: now - flushEvery}
	for _, p := range c.Peers {
		p.section, p.node, p.local = s, NodeID(p.Name), p.Name == c.Local
	}
	for _, t := range c.Tables {
		s.asked = append(s.asked, map[uint32]*Session{})
		t.owner.Store(s)
		t.Stick.Notify(s.changed)
	}
	s.share()
	s.pending.Store(true)
	return s
}

// changed is called on loops.
func (s *Section) changed() {
	s.pending.Store(true)
	s.wake()
}

func (s *Section) wake() {
	if f := s.wakes.Load(); f != nil {
		(*f)()
	}
}

// Wake sets what is called when sessions may have something to send, on any
// goroutine, a loop's too: it must not wait or call this package.
func (s *Section) Wake(f func()) { s.wakes.Store(&f) }

func (s *Section) unlock() {
	poke := s.poke
	s.poke = false
	s.mu.Unlock()
	if poke {
		s.wake()
	}
}

// flush takes what was counted here, unless that was done a moment ago.
func (s *Section) flush(now uint32) {
	if !s.pending.Load() || int32(now-s.flushed) < flushEvery && int32(now-s.flushed) >= 0 {
		return
	}
	s.pending.Store(false)
	s.flushed = now
	s.flushAll(now)
	s.poke = true
}

func (s *Section) flushAll(now uint32) {
	for _, t := range s.Tables {
		for t.Flush(now) {
		}
		if t.owner.Load() == s && t.Arm() {
			s.pending.Store(true)
		}
	}
}

// Accept begins a session with whoever connected.
func (s *Section) Accept(now uint32) *Session {
	s.mu.Lock()
	defer s.unlock()
	x := &Session{s: s, inbound: true, phase: phaseHello, heard: now, sent: now}
	s.sessions = append(s.sessions, x)
	return x
}

// Connect begins a session with a peer whose connection is made.
func (s *Section) Connect(p *Peer, now uint32) *Session {
	s.mu.Lock()
	defer s.unlock()
	x := &Session{s: s, p: p, phase: phaseStatus, heard: now, sent: now}
	if p.session != nil && !s.ending {
		x.phase, x.reason = phaseClosed, "it connected itself"
		return x
	}
	s.sessions = append(s.sessions, x)
	if p.session == nil {
		p.session = x
	}
	x.out = fmt.Appendf(nil, "%s\n%s\n%s %d %x\n", helloLine, p.Name, s.Local, s.PID, s.epoch)
	return x
}

// Tick does what is due whether or not there are sessions, and returns when it wants
// to be called again.
func (s *Section) Tick(now uint32) (at uint32) {
	s.mu.Lock()
	defer s.unlock()
	if len(s.Peers) > 1 || len(s.sessions) > 0 { // else nobody is to be told
		s.flush(now)
	}
	for _, t := range s.Tables {
		if t.owner.Load() == s {
			before := t.changes()
			t.Tick(now)
			s.poke = s.poke || t.changes() != before
		}
	}
	return now + 1000
}

// Idle tells that a peer has no session, and after how many ms it should be
// connected to.
func (s *Section) Idle(p *Peer, now uint32) (after uint32, idle bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.session != nil {
		return 0, false
	}
	if left := int32(p.again - now); p.waits && left > 0 {
		return uint32(left), true
	}
	p.waits = false
	return 0, true
}

// Failed tells that a peer could not be connected to. It is logged once until a
// session comes about.
func (s *Section) Failed(p *Peer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.last = err.Error()
	if !p.failed {
		p.failed = true
		s.Log("warning", fmt.Sprintf("peers %s: cannot connect to %s: %s", Name, p.Name, err))
	}
}

// Stop tells that this process ends: it takes no session any more and tells its peers
// that they find the next process where they found this one. What it has still to
// count is told to them and to the process that takes over.
func (s *Section) Stop(now uint32) {
	s.mu.Lock()
	defer s.unlock()
	s.ending, s.poke = true, true
	mine := false
	for _, t := range s.Tables {
		if t.owner.Load() == s {
			mine = true
			t.end(false)
		}
	}
	s.share()
	for _, x := range s.sessions {
		if x.leave = true; !mine {
			x.end("this process ends", now)
		}
	}
}

// Finish tells, after Stop, that nothing will be counted any more.
func (s *Section) Finish(now uint32) {
	s.mu.Lock()
	defer s.unlock()
	s.finishing, s.poke = true, true
	s.flushAll(now)
	for _, t := range s.Tables {
		if t.owner.Load() == s {
			t.end(true)
		}
	}
	for _, x := range s.sessions {
		x.vectorAt, x.lastWords = now, false
	}
}

// Finished tells, after Finish, that all who have a session know all.
func (s *Section) Finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.sessions {
		if x.phase == phaseRunning && !(x.lastWords && x.knows()) {
			return false
		}
	}
	return true
}

// Taught implements what classic sections tell when the process that takes over has
// all: of these it learns until the end.
func (s *Section) Taught() bool { return false }

// Admit adds a node while the section runs; fresh tells that it was not there.
func (s *Section) Admit(name string) (p *Peer, fresh bool) {
	s.mu.Lock()
	defer s.unlock()
	if p = s.peer(name); p != nil {
		return p, false
	}
	p = &Peer{Name: name, section: s, node: NodeID(name)}
	s.Peers = append(s.Peers, p)
	s.share()
	return p, true
}

// Expel takes a node out that belongs to the fleet no more; its session ends. What it
// counted stays counted.
func (s *Section) Expel(name string, now uint32) {
	s.mu.Lock()
	defer s.unlock()
	p := s.peer(name)
	if p == nil || p.local {
		return
	}
	if p.session != nil {
		p.session.end("it was removed from the fleet", now)
	}
	s.Peers = slices.DeleteFunc(slices.Clone(s.Peers), func(o *Peer) bool { return o == p })
	s.share()
}

// share tells the tables who is to know of a change: the other nodes, and the process
// that takes over from this one; under mu, or before anything runs.
func (s *Section) share() {
	var others []string
	for _, p := range s.Peers {
		if !p.local || s.ending {
			others = append(others, p.Name)
		}
	}
	for _, t := range s.Tables {
		if t.owner.Load() == s {
			t.Peers(others)
		}
	}
}

func (s *Section) peer(name string) *Peer {
	for _, p := range s.Peers {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// table returns a table by its name to others, and its place.
func (s *Section) table(name string) (*Table, int) {
	for i, n := range s.Names {
		if n == name {
			return s.Tables[i], i
		}
	}
	return nil, -1
}

// changes counts what this process published.
func (t *Table) changes() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sources[self].have
}

// end notes that this process ends: it takes no earlier one's counts over; over: it
// counts nothing any more.
func (t *Table) end(over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ending, t.sources[self].ended = true, over
}
