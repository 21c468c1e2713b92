package fleet

import (
	"fmt"
	"strconv"
	"strings"

	"gohap/peers"
)

// Session is a connection to a process of another node, or to the one that takes over
// from this one. Its fields are guarded by Section.mu.
type Session struct {
	s       *Section
	p       *Peer // nil until an inbound one said who it is
	inbound bool
	phase   phase
	epoch   uint64 // of the other process

	in  peers.Inbox // a message or hello that has not come whole yet
	out []byte      // hello, status

	heard, sent uint32
	vectorAt    uint32 // when vectors are told next
	leave       bool   // it is to be told that this process ends
	left        bool   // it said so
	lastWords   bool   // vectors were told since Finish
	defined     bool   // our tables were told
	tables      []*shared
	theirs      map[uint64]*shared // by the other side's number
	turn        int
	scratch     []byte
	defs        []byte
	c           change

	reason string
}

// shared is a table as both sides of a session have it.
type shared struct {
	t      *Table
	i      int     // its place in the section
	layout *layout // nil: the other side does not have it
	// Sources by the other side's number, and numbers of ours by source.
	sources map[uint64]uint32
	numbers map[uint32]uint64
	have    map[uint32]uint64 // what the other side said to have
	direct  []uint32          // sources that it is itself
	feeds   []*feed
	began   bool // the feed of what is counted here is there
	wants   []want
	inexact bool // the other side's table, as it says
}

// want is a source that the other side is asked to tell of, or to stop telling of.
type want struct {
	number uint64
	from   uint64
}

// stopTelling in the place of a change's number ends a subscription.
const stopTelling = 1<<64 - 1

type phase uint8

const (
	phaseHello   phase = iota // inbound: who is it
	phaseStatus               // outbound: what does it say
	phaseRunning              // messages
	phaseClosed
)

const (
	// silentFor is after how long without a message a session ends, ms.
	silentFor = 5000
	// vectorEvery is how often the sides tell each other what they have, ms.
	vectorEvery = 1000
	// quietFor is after how long a session is given up for a new one, ms.
	quietFor = 3000
	// Sessions that ended are tried again after some time between these, ms.
	againMin, againMore = 200, 600
	// longestHello bounds three lines, longestMessage a payload, bytes.
	longestHello   = 2048
	longestMessage = 1 << 20
)

// Closed tells that the session is over and why. What Append has left is sent before
// the connection is closed.
func (x *Session) Closed() (reason string, closed bool) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	return x.reason, x.phase == phaseClosed
}

// Close ends the session: its connection is lost or given up.
func (x *Session) Close(now uint32) {
	x.s.mu.Lock()
	defer x.s.unlock()
	x.end("closed", now)
}

func (x *Session) end(reason string, now uint32) {
	if x.phase == phaseClosed {
		return
	}
	x.phase, x.reason, x.in = phaseClosed, reason, peers.Inbox{}
	for _, sh := range x.tables {
		sh.t.mu.Lock()
		for _, src := range sh.direct {
			sh.t.sources[src].direct--
		}
		sh.t.mu.Unlock()
		sh.direct, sh.feeds = nil, nil
	}
	s := x.s
	for i, o := range s.sessions {
		if o == x {
			s.sessions = append(s.sessions[:i:i], s.sessions[i+1:]...)
			break
		}
	}
	for _, m := range s.asked {
		for src, o := range m {
			if o == x {
				delete(m, src)
			}
		}
	}
	if p := x.p; p != nil && p.session == x {
		p.session, p.last = nil, reason
		p.waits, p.again = true, now+againMin+s.chance(againMore)
	}
	s.poke = true
}

func (x *Session) breach(now uint32, reason string) {
	x.p.Errors.Add(1)
	x.s.Log("warning", fmt.Sprintf("peers %s: %s broke the protocol: %s", Name, x.p.Name, reason))
	x.end(reason, now)
}

// establish begins the exchange of messages.
func (x *Session) establish(now uint32) {
	s := x.s
	x.phase, x.heard, x.sent, x.vectorAt = phaseRunning, now, now, now
	x.theirs = map[uint64]*shared{}
	for i, t := range s.Tables {
		x.tables = append(x.tables, &shared{t: t, i: i, sources: map[uint64]uint32{}, numbers: map[uint32]uint64{}, have: map[uint32]uint64{}})
	}
	if x.p.session == x {
		x.lacks()
	}
	x.leave = s.ending
	x.p.failed = false
	x.p.Connects.Add(1)
	s.poke = true
}

// lacks notes in all tables that the peer's next process may have nothing yet.
func (x *Session) lacks() {
	for _, t := range x.s.Tables {
		t.lacks(x.p.node)
	}
}

func line(b []byte) (text string, rest []byte, ok bool) {
	t, rest, ok := peers.Line(b)
	return string(t), rest, ok
}

// hello reads who connects. It returns the length, 0 when more has to come.
func (x *Session) hello(b []byte, now uint32) int {
	first, rest, ok := line(b)
	if !ok {
		if len(b) > longestHello {
			x.end("no hello", now)
		}
		return 0
	}
	if strings.HasPrefix(first, classicHello) {
		x.refuse(502, "a peer that speaks the classic protocol, as HAProxy does: tables of this section are counted by gohap nodes alone; share them with HAProxy in a section of another name", now)
		return 0
	}
	if first != helloLine {
		x.refuse(501, fmt.Sprintf("a hello that begins with %.40q", first), now)
		return 0
	}
	to, rest, ok1 := line(rest)
	from, rest, ok2 := line(rest)
	if !ok1 || !ok2 {
		if len(b) > longestHello {
			x.end("no hello", now)
		}
		return 0
	}
	words := strings.Fields(from)
	if len(words) < 3 {
		x.refuse(501, fmt.Sprintf("a hello of %.80q without a process", from), now)
		return 0
	}
	epoch, err := strconv.ParseUint(words[2], 16, 64)
	p := x.s.peer(words[0])
	switch {
	case to != x.s.Local:
		x.refuse(503, fmt.Sprintf("a hello to %.80q, which is not this node", to), now)
	case p == nil:
		x.refuse(504, fmt.Sprintf("a hello of %.80q, which is no node of the section", words[0]), now)
	case err != nil || epoch == x.s.epoch:
		x.refuse(501, "a hello of this process itself", now)
	case x.s.ending:
		x.say(300)
		x.end("this process ends", now)
	case !x.wins(p, epoch, now):
		x.say(300)
		x.end("the node has a session", now)
	default:
		x.p, x.epoch = p, epoch
		if !p.local {
			p.session = x
		}
		p.RecvBytes.Add(int64(len(b) - len(rest)))
		x.out = fmt.Appendf(x.out, "200 %x\n", x.s.epoch)
		x.establish(now)
		return len(b) - len(rest)
	}
	return 0
}

func (x *Session) say(status int) { x.out = fmt.Appendf(x.out, "%d\n", status) }

func (x *Session) refuse(status int, reason string, now uint32) {
	x.say(status)
	x.s.Log("warning", fmt.Sprintf("peers %s: refused %s (%d)", Name, reason, status))
	x.end(reason, now)
}

// wins tells whether an inbound session becomes the one with its peer. Where both
// sides connected at once the connection of the node with the lower identity stays; a
// new connection of the same process means that it lost the former one, and one of
// another process of the node stands beside it.
func (x *Session) wins(p *Peer, epoch uint64, now uint32) bool {
	old := p.session
	if p.local || old == nil {
		return true
	}
	if old.phase == phaseRunning && old.epoch != epoch {
		return true // it goes on until its end
	}
	if !old.inbound && int32(now-old.heard) < quietFor && p.node > NodeID(x.s.Local) {
		return false
	}
	old.end("the node connected anew", now)
	return true
}

// status reads what the other side says of the hello. It returns the length, 0 when
// more has to come.
func (x *Session) status(b []byte, now uint32) int {
	text, rest, ok := line(b)
	if !ok {
		if len(b) > 64 {
			x.breach(now, "no status")
		}
		return 0
	}
	code, epoch, _ := strings.Cut(text, " ")
	id, err := strconv.ParseUint(epoch, 16, 64)
	switch {
	case code == "200" && err == nil:
		x.epoch = id
		x.establish(now)
	case code == "300":
		x.end("it is busy (300)", now)
	default:
		why := map[string]string{"501": "it does not speak the protocol of fleets", "502": "it speaks another version", "503": "it is not " + x.p.Name, "504": "it does not know " + x.s.Local}[code]
		reason := fmt.Sprintf("%s (%.40s)", why, text)
		if !x.p.failed {
			x.p.failed = true
			x.s.Log("warning", fmt.Sprintf("peers %s: %s refused the session: %s", Name, x.p.Name, reason))
		}
		x.end(reason, now)
		x.p.again = now + 5000
	}
	return len(b) - len(rest)
}

// Receive takes what came, in pieces of any size; b is not kept.
func (x *Session) Receive(b []byte, now uint32) {
	x.s.mu.Lock()
	defer x.s.unlock()
	if x.phase == phaseClosed || len(b) == 0 {
		return
	}
	x.heard = now
	if x.p != nil {
		x.p.RecvBytes.Add(int64(len(b)))
	}
	x.in.Take(b, 65536, func(b []byte) int { return x.step(b, now) })
}

// step takes what there is whole of b and returns its length, 0 when more has to come,
// less when the session is over.
func (x *Session) step(b []byte, now uint32) (n int) {
	switch x.phase {
	case phaseHello:
		n = x.hello(b, now)
	case phaseStatus:
		n = x.status(b, now)
	case phaseRunning:
		n = x.message(b, now)
	}
	if x.phase == phaseClosed {
		return -1
	}
	return n
}

// message takes one from b and returns its length, 0 when it is not whole.
func (x *Session) message(b []byte, now uint32) int {
	cl, typ, payload, n, bad := peers.NextMessage(b, longestMessage)
	if bad {
		x.breach(now, "a message without a length or beyond all bounds")
		return 0
	}
	if n == 0 {
		return 0
	}
	x.p.Received.Add(1)
	if cl != class {
		return n // of a later version
	}
	r := reader{peers.Reader{B: payload}}
	if err := x.take(typ, &r, n, now); err != nil {
		x.breach(now, err.Error())
	}
	return n
}
