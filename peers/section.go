package peers

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Section is what the sessions of a peers section share.
type Section struct {
	Config
	tables []*shared
	byName map[string]*shared

	wakes atomic.Pointer[func()]

	mu      sync.Mutex
	poke    bool // wake is due once mu is let go
	state   State
	since   uint32
	timeout uint32   // when the state's patience ends, unless somebody teaches
	teacher *Session // who teaches this process
	ending  bool     // this process ends: Stop
	taught  bool     // the process that takes over has all
}

// State is how far a section is in learning what others know.
type State uint8

// The states of a section.
const (
	FromLocal  State = iota // waits for the process before this one
	FromRemote              // learns or waits to learn from another peer
	Finished                // up to date, or nobody was there
)

// String returns a word for it.
func (s State) String() string { return [...]string{"from-local", "from-remote", "finished"}[s] }

// patience is how long a section waits for somebody to teach it, or for that one's
// next word, ms.
const patience = 5000

// peerState is what a section knows of a peer across sessions; guarded by
// Section.mu.
type peerState struct {
	local   bool
	shard   int // the part of keys that it gets, 0: all
	session *Session
	tables  []peerTable
	stale   bool   // it is not up to date itself: another one is to teach
	older   bool   // it speaks version 2.0 alone
	last    string // why the last session ended
	status  string // of the last attempt, in the reference's words
	since   uint32 // when the last session was established
	waits   bool   // it is not connected to before again: a session ended
	again   uint32
	failed  bool // it could not be connected to since its last session
}

// peerTable is how far a peer is with a table. Numbers are those of the table's
// log of changes.
type peerTable struct {
	acked  uint32 // what it said to have
	pushed uint32 // what was sent in the present session
	walk   bool   // changes are missed: it is to have all entries
}

// New makes the state of a section. What its tables lack is asked for once
// sessions come: of the process before this one if Config.Takeover, else of others.
func New(c Config, now uint32) *Section {
	if c.MaxUpdates <= 0 {
		c.MaxUpdates = 200
	}
	if c.MaxMessage <= 0 {
		c.MaxMessage = 16384
	}
	if c.Log == nil {
		c.Log = func(string, string) {}
	}
	s := &Section{Config: c, byName: map[string]*shared{}, state: FromRemote, since: now, timeout: now + patience}
	if c.Takeover {
		s.state = FromLocal
	}
	for i, t := range c.Tables {
		if !t.Table.Peers {
			panic("peers: table " + t.Table.Name + " keeps no log of changes")
		}
		sh := newShared(t, uint64(i+1))
		s.tables = append(s.tables, sh)
		s.byName[t.Name] = sh
		t.Table.Notify(s.changed)
	}
	for _, p := range c.Peers {
		p.n = &peerState{local: p.Name == c.Local, status: "NONE", tables: make([]peerTable, len(s.tables))}
		if !p.n.local && p.Shard <= c.Shards { // others are ignored, as by the reference
			p.n.shard = p.Shard
		}
	}
	return s
}

// changed is called on loops.
func (s *Section) changed() {
	if f := s.wakes.Load(); f != nil {
		(*f)()
	}
}

// Wake sets what is called when sessions may have something to send: entries
// changed, or a session's turn in a resync came. f is called on any goroutine, a
// loop's too, and must not wait or call this package; entries' changes call it
// once until some session's Append has sent all there was.
func (s *Section) Wake(f func()) { s.wakes.Store(&f) }

// unlock lets mu go and wakes who is to send.
func (s *Section) unlock() {
	poke := s.poke
	s.poke = false
	s.mu.Unlock()
	if poke {
		s.changed()
	}
}

// Accept begins a session with whoever connected.
func (s *Section) Accept(now uint32) *Session {
	return &Session{s: s, inbound: true, phase: phaseHello, aliveBy: now + aliveFor, sentAt: now}
}

// Connect begins a session with a peer of the section whose connection is made. A
// session that the peer has ends.
func (s *Section) Connect(p *Peer, now uint32) *Session {
	s.mu.Lock()
	defer s.unlock()
	x := &Session{s: s, p: p, phase: phaseStatus, aliveBy: now + aliveFor, sentAt: now}
	if old := p.n.session; old != nil {
		old.end("replaced by a new connection", now)
	}
	p.n.session, p.n.status = x, "CONN"
	minor := 1
	if p.n.older {
		minor = 0
	}
	x.minor = minor
	x.out = fmt.Appendf(nil, "HAProxyS 2.%d\n%s\n%s %d 1\n", minor, p.Name, s.Local, s.PID)
	return x
}

// Tick does what is due in the section whether or not there are sessions, and
// returns when it wants to be called again.
func (s *Section) Tick(now uint32) (at uint32) {
	s.mu.Lock()
	defer s.unlock()
	for _, p := range s.Peers {
		for i := range p.n.tables {
			if t := &p.n.tables[i]; s.tables[i].Table.Behind(t.acked) {
				t.walk = true
				if x := p.n.session; x != nil && x.phase == phaseRunning && x.teach == nil && s.tables[i].Table.Behind(t.pushed) {
					x.teach = newTeaching(s, teachMissed)
					s.poke = true
				}
			}
		}
	}
	at = now + 1000
	if s.state == Finished {
		return at
	}
	if x := s.teacher; x != nil {
		if int32(now-x.heardAt) < patience {
			return at
		}
		x.p.n.stale = true
		s.Log("warning", fmt.Sprintf("peers %s: %s stopped in the middle of a resync", s.Section, x.p.Name))
		s.forgo(now)
	}
	if int32(now-s.timeout) < 0 {
		return min32(at, s.timeout)
	}
	if s.state == FromLocal {
		s.enter(FromRemote, now)
		s.choose(now)
		return at
	}
	s.Log("notice", fmt.Sprintf("peers %s: nobody else can teach this process: it goes on with what it has", s.Section))
	s.enter(Finished, now)
	return at
}

func min32(a, b uint32) uint32 {
	if int32(a-b) < 0 {
		return a
	}
	return b
}

func (s *Section) enter(state State, now uint32) {
	s.state, s.since, s.timeout = state, now, now+patience
}

// forgo gives the teacher up.
func (s *Section) forgo(now uint32) {
	s.teacher = nil
	s.timeout = now + patience
	s.poke = true // its session may push again
	if s.state == FromRemote {
		s.choose(now)
	}
}

// choose asks the first peer that may know.
func (s *Section) choose(now uint32) {
	for _, p := range s.Peers {
		if x := p.n.session; x != nil && x.phase == phaseRunning && s.state == FromRemote && s.teacher == nil && !p.n.local && !p.n.stale {
			s.teacher = x
			x.request, x.heardAt = true, now
			s.poke = true
		}
	}
}

// learned ends a resync that a session says to be at its end.
func (s *Section) learned(x *Session, whole bool, now uint32) {
	x.confirms = min(x.confirms+1, 8)
	if unasked := s.teacher == nil && x.p.n.local && s.state != Finished; s.teacher != x && !unasked {
		return
	}
	if whole {
		s.teacher = nil
		s.enter(Finished, now)
		s.Log("notice", fmt.Sprintf("peers %s: learned all tables from %s", s.Section, x.p.Name))
		s.poke = true
		return
	}
	x.p.n.stale = true
	s.Log("notice", fmt.Sprintf("peers %s: learned from %s, which is not up to date itself", s.Section, x.p.Name))
	if s.state == FromLocal {
		s.state, s.since = FromRemote, now
	}
	s.forgo(now)
}

// Stop tells that this process ends: sessions with other peers end, and one that
// the caller makes with the local peer, the process that takes over, teaches it
// all tables unasked.
func (s *Section) Stop(now uint32) {
	s.mu.Lock()
	defer s.unlock()
	s.ending, s.poke = true, true // so that connections of sessions that end are closed
	for _, p := range s.Peers {
		if x := p.n.session; x != nil {
			x.end("this process ends", now)
		}
	}
}

// Idle tells that a peer has no session, and after how many ms it should be
// connected to.
func (s *Section) Idle(p *Peer, now uint32) (after uint32, idle bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.n.session != nil {
		return 0, false
	}
	if left := int32(p.n.again - now); p.n.waits && left > 0 {
		return uint32(left), true
	}
	p.n.waits = false // until again comes round, after 25 days
	return 0, true
}

// Failed tells that a peer could not be connected to. It is logged once until a
// session comes about.
func (s *Section) Failed(p *Peer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.n.last = err.Error()
	if !p.n.failed {
		p.n.failed = true
		s.Log("warning", fmt.Sprintf("peers %s: cannot connect to %s: %s", s.Section, p.Name, err))
	}
}

// Taught tells, after Stop, that the process that takes over has all.
func (s *Section) Taught() bool {
	s.mu.Lock()
	defer s.unlock()
	return s.taught
}
