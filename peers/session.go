package peers

import (
	"fmt"
	"math/rand/v2"
)

// Session is a connection to a peer. Its fields are guarded by Section.mu.
type Session struct {
	s       *Section
	p       *Peer // nil until an inbound one said who it is
	inbound bool
	took    bool // it took the place of another one
	phase   phase
	minor   int // of the version: 2.minor

	in  Inbox
	out []byte // hello, status or error

	// What is due.
	request  bool // ask to be taught
	confirms int  // ends of resyncs to confirm
	acks     bool // some table has one

	heardAt uint32 // when the teacher said something of a table
	alive   bool   // something came since the last look
	aliveBy uint32 // when to look again
	sentAt  uint32
	heardIn uint32 // when the last message came

	// What was received of tables.
	defs    map[uint64]*received // by the peer's number
	recs    []*received          // by ours, from 0
	current *received            // that updates are about, nil: one that is not ours
	got     gotTexts
	values  []datum

	// What is sent of them.
	texts   sentTexts
	last    *shared // that was told of last
	turn    int     // the table whose turn is next
	scratch []byte
	teach   *teaching

	reason string
}

// received is a table as the peer tells it, in a session.
type received struct {
	definition
	t   *shared
	get uint32 // number of the last update
	ack bool   // it is to be told
}

type phase uint8

const (
	phaseHello   phase = iota // inbound: who is it
	phaseStatus               // outbound: what does it say
	phaseRunning              // messages
	phaseClosed
)

// aliveFor is how often a session is looked at: it ends when nothing came since
// the last look, ms.
const aliveFor = 5000

// heartbeat is after how long silence something is sent, ms.
const heartbeat = 3000

// After how long a session with another peer is tried again, ms. Where both connected
// at once each takes the other's connection and gives up its own: both go, and would
// come again at once unless chance parted them.
const (
	retryAfter    = 5000
	collidedAfter = 50   // at least
	collidedMore  = 2000 // at most on top
)

// Closed tells that the session is over and why, in an operator's words. What
// Append has left, a status or an error, is sent before the connection is closed.
func (x *Session) Closed() (reason string, closed bool) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	return x.reason, x.phase == phaseClosed
}

// Close ends the session: its connection is lost or given up. How far the peer is
// with each table stays known.
func (x *Session) Close(now uint32) {
	x.s.mu.Lock()
	defer x.s.unlock()
	x.end("closed", now)
}

// end closes a session.
func (x *Session) end(reason string, now uint32) {
	if x.phase == phaseClosed {
		return
	}
	x.phase, x.reason = phaseClosed, reason
	x.in, x.defs, x.current, x.teach = Inbox{}, nil, nil, nil
	s := x.s
	if x.p == nil {
		return
	}
	if n := x.p.n; n.session == x {
		n.session, n.last = nil, reason
		n.waits, n.again = true, now+retryAfter
		if x.took {
			n.again = now + collidedAfter + rand.Uint32N(collidedMore+1)
		}
		if n.status == "CONN" {
			n.status = "HSHK"
		}
	}
	if s.teacher == x {
		s.forgo(now)
	}
}

// breach ends a session that broke the protocol.
func (x *Session) breach(typ byte, now uint32, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	x.p.Errors.Add(1)
	x.s.Log("warning", fmt.Sprintf("peers %s: %s broke the protocol: %s", x.s.Section, x.p.Name, reason))
	x.out = append(x.out, classError, typ)
	x.end(reason, now)
}

// establish begins the exchange of messages.
func (x *Session) establish(now uint32) {
	s, n := x.s, x.p.n
	x.phase, x.alive, x.aliveBy, x.sentAt = phaseRunning, true, now+aliveFor, now
	x.defs, x.recs = map[uint64]*received{}, make([]*received, len(s.tables))
	n.stale, n.since, n.status, n.failed = false, now, "ESTA", false
	x.heardIn = now
	x.p.Connects.Add(1)
	for i := range n.tables {
		n.tables[i].pushed = n.tables[i].acked
	}
	switch {
	case s.ending && n.local:
		x.teach = newTeaching(s, teachAll)
	case s.state == FromLocal && n.local && x.inbound && s.teacher == nil:
		s.teacher, x.heardAt = x, now
	case s.state == FromRemote:
		s.choose(now)
	}
	if x.teach == nil {
		for _, t := range n.tables {
			if t.walk {
				x.teach = newTeaching(s, teachMissed)
				break
			}
		}
	}
	s.poke = true
}

// Receive takes what came from the peer, in pieces of any size; b is not kept.
func (x *Session) Receive(b []byte, now uint32) {
	x.s.mu.Lock()
	defer x.s.unlock()
	if x.phase == phaseClosed || len(b) == 0 {
		return
	}
	x.alive = true
	if x.p != nil {
		x.p.RecvBytes.Add(int64(len(b)))
	}
	x.in.Take(b, 4096, func(b []byte) int { return x.take(b, now) })
}

// take takes what there is whole of b and returns its length, 0 when more has to come,
// less when the session is over.
func (x *Session) take(b []byte, now uint32) (n int) {
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
	f, n, is := nextFrame(b, x.s.MaxMessage)
	switch is {
	case frameShort:
		return 0
	case frameTooLong:
		x.breach(errSize, now, "a message of more than %d bytes", x.s.MaxMessage)
		return 0
	case frameBad:
		x.breach(errProtocol, now, "a message without a length")
		return 0
	}
	x.p.Received.Add(1)
	x.heardIn = now
	switch f.class {
	case classControl:
		x.control(f.typ, now)
	case classTable:
		x.aboutTable(f, now)
	case classUnused:
		x.breach(errProtocol, now, "a message of class 255")
	}
	return n
}

func (x *Session) control(typ byte, now uint32) {
	switch typ {
	case ctlRequest:
		x.teach = newTeaching(x.s, teachAll)
		x.s.Log("info", fmt.Sprintf("peers %s: %s asks for all tables", x.s.Section, x.p.Name))
	case ctlFinished, ctlPartial:
		x.s.learned(x, typ == ctlFinished, now)
	case ctlConfirm:
		x.confirmed(now)
	case ctlHeartbeat:
		x.p.RxHeartbeats.Add(1)
	}
}

func (x *Session) aboutTable(f frame, now uint32) {
	x.heardAt = now
	r := Reader{B: f.payload}
	switch f.typ {
	case tabDefine:
		x.defined(f.payload, now)
	case tabSwitch:
		id := r.Number()
		if r.Bad {
			x.breach(errProtocol, now, "a switch to no table")
			return
		}
		x.current = x.defs[id]
	case tabAck:
		id, seq := r.Number(), r.U32()
		if r.Bad {
			x.breach(errProtocol, now, "an acknowledgement is cut short")
			return
		}
		x.acked(id, seq)
	case tabUpdate, tabIncremental, tabTimed, tabTimedInc:
		x.updated(f.typ, &r, now)
	}
}

// defined takes a definition: updates that follow are about its table. One that is
// unknown here or has other keys is left out.
func (x *Session) defined(b []byte, now uint32) {
	d, name, key, keyLen, err := readDefine(b)
	if err != nil {
		x.breach(errProtocol, now, "%v", err)
		return
	}
	t := x.s.byName[string(name)]
	if t != nil && (key != t.Table.Config.Key || keyLen != t.keyLen) {
		t = nil
	}
	x.current = nil
	if old := x.defs[d.id]; old != nil && old.t != t { // the number is another one's now
		x.recs[old.t.id-1] = nil
		delete(x.defs, d.id)
	}
	if t == nil {
		x.p.Foreign.Add(1)
		return
	}
	rec := x.recs[t.id-1]
	if rec == nil {
		rec = &received{}
	} else { // one definition a table
		delete(x.defs, rec.id)
	}
	*rec = received{definition: d, t: t, get: rec.get, ack: rec.ack}
	x.defs[d.id], x.recs[t.id-1] = rec, rec
	x.current = rec
}

// updated takes an update.
func (x *Session) updated(typ byte, r *Reader, now uint32) {
	rec := x.current
	if rec == nil {
		x.p.Ignored.Add(1)
		return
	}
	seq := rec.get + 1
	if typ == tabUpdate || typ == tabTimed {
		seq = r.U32()
	}
	left := rec.t.Table.Expire
	if typ == tabTimed || typ == tabTimedInc {
		left = r.U32()
	}
	key := rec.t.readKey(r)
	x.values = readValues(r, &rec.definition, &x.got, x.values[:0])
	if r.Bad {
		x.breach(errProtocol, now, "an update of table %s is cut short", rec.t.Name)
		return
	}
	rec.get, rec.ack, x.acks = seq, true, true
	if rec.t.learn(key, x.values, left, now) {
		x.p.Learned.Add(1)
	} else {
		x.p.Refused.Add(1)
	}
}

// acked takes an acknowledgement. The reference's later versions send some of
// what was never pushed: they say nothing.
func (x *Session) acked(id uint64, seq uint32) {
	if id == 0 || id > uint64(len(x.p.n.tables)) {
		x.p.BadAcks.Add(1)
		return
	}
	t := &x.p.n.tables[id-1]
	from := t.acked
	if x.teach != nil {
		if from = x.teach.marks[id-1]; !x.teach.told { // it is about what is taught
			return
		}
	}
	if seq == t.acked || seq == from {
		return
	}
	if int32(seq-from) <= 0 || int32(t.pushed-seq) < 0 {
		x.p.BadAcks.Add(1)
		return
	}
	t.acked = seq
}
