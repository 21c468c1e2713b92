package peers

import (
	"encoding/binary"

	"gohap/stick"
)

// teaching is what is left to tell a peer of all entries.
type teaching struct {
	why   teachWhy
	marks []uint32 // by table: the last change when its walk began
	table int
	part  int
	ids   []uint32
	told  bool // all was sent; it is to be confirmed
}

type teachWhy uint8

const (
	teachAll    teachWhy = iota // it asked, or takes over: it is told the end
	teachMissed                 // the log of changes does not reach back to it
)

func newTeaching(s *Section, why teachWhy) *teaching {
	return &teaching{why: why, marks: make([]uint32, len(s.tables))}
}

// confirmed ends a resync that this process taught.
func (x *Session) confirmed(now uint32) {
	t := x.teach
	if t == nil || !t.told {
		return
	}
	x.taught(t)
	if s := x.s; s.ending && x.p.n.local {
		s.taught = true
		x.end("the process that takes over has all", now)
	}
}

// taught notes that the peer has all that was there when it was told.
func (x *Session) taught(t *teaching) {
	for i, mark := range t.marks {
		pt := &x.p.n.tables[i]
		if pt.walk || int32(mark-pt.acked) > 0 {
			pt.acked = mark
		}
		pt.walk = false
	}
	x.teach = nil
}

// Deadline returns when Append wants to be called though nothing came; ok is false
// when the session is closed.
func (x *Session) Deadline() (at uint32, ok bool) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	switch x.phase {
	case phaseClosed:
		return 0, false
	case phaseRunning:
		return min32(x.aliveBy, x.sentAt+heartbeat), true
	}
	return x.aliveBy, true
}

// Append appends to dst what is to be sent now, up to about max bytes: one update
// more when it is the first. It returns dst. Nothing is prepared beyond that: what
// was appended must be sent in order or the session closed. The caller asks again
// until nothing is appended; then there is nothing left until Wake, Receive or the
// Deadline.
func (x *Session) Append(dst []byte, max int, now uint32) []byte {
	s := x.s
	s.mu.Lock()
	defer s.unlock()
	start := len(dst)
	defer func() {
		if n := len(dst) - start; n > 0 && x.p != nil {
			x.sentAt = now
			x.p.SentBytes.Add(int64(n))
		}
	}()
	if x.phase != phaseClosed && int32(now-x.aliveBy) >= 0 {
		if x.look(now); x.phase == phaseClosed {
			return dst
		}
	}
	dst = append(dst, x.out...)
	x.out = nil
	if x.phase != phaseRunning {
		return dst
	}
	end := start + max
	if dst = x.appendDue(dst); len(dst) < end {
		dst = x.appendTaught(dst, end, now)
	}
	if len(dst) < end && s.teacher != x && (x.teach == nil || x.teach.told) && !(x.p.n.local && !s.ending) {
		dst = x.appendChanges(dst, end, now)
	}
	if len(dst) == start && int32(now-x.sentAt) >= heartbeat {
		dst = append(dst, classControl, ctlHeartbeat)
		x.p.Sent.Add(1)
		x.p.TxHeartbeats.Add(1)
	}
	return dst
}

// look ends a session from which nothing came for a while, or no whole hello.
func (x *Session) look(now uint32) {
	if !x.alive || x.phase != phaseRunning {
		if x.p != nil {
			x.p.NoHeartbeat.Add(1)
		}
		if x.phase == phaseRunning {
			x.end("nothing came from it for too long", now)
		} else {
			x.end("no hello or no answer to it in time", now)
		}
		return
	}
	x.alive, x.aliveBy = false, now+aliveFor
}

// appendDue appends control messages and acknowledgements.
func (x *Session) appendDue(dst []byte) []byte {
	if x.request {
		x.request = false
		dst = append(dst, classControl, ctlRequest)
		x.p.Sent.Add(1)
	}
	if x.acks {
		x.acks = false
		for _, rec := range x.recs {
			if rec != nil && rec.ack {
				rec.ack = false
				x.scratch = appendVarint(x.scratch[:0], rec.id)
				x.scratch = binary.BigEndian.AppendUint32(x.scratch, rec.get)
				dst = appendMessage(dst, classTable, tabAck, x.scratch)
				x.p.Sent.Add(1)
			}
		}
	}
	for ; x.confirms > 0; x.confirms-- { // behind the acks: all was taken
		dst = append(dst, classControl, ctlConfirm)
		x.p.Sent.Add(1)
	}
	return dst
}

// room tells whether an update may be appended.
func (x *Session) room(dst []byte, end int, t *shared) bool {
	return end-len(dst) >= t.most+len(t.define)+16
}

// appendUpdate appends an update, with its table's definition when another one was
// told of before.
func (x *Session) appendUpdate(dst []byte, t *shared, e stick.Entry, seq uint32, timed bool, now uint32) []byte {
	if k := x.p.n.shard; k != 0 && Shard(t.Table, e.Key(), x.s.Shards) != k {
		return dst
	}
	x.scratch = t.appendEntry(x.scratch[:0], e, seq, timed, &x.texts, now)
	if len(x.scratch) > x.s.MaxMessage {
		x.p.TooLong.Add(1)
		return dst
	}
	if x.last != t {
		x.last = t
		dst = appendMessage(dst, classTable, tabDefine, t.define)
		x.p.Sent.Add(1)
	}
	typ := byte(tabUpdate)
	if timed {
		typ = tabTimed
	}
	x.p.Sent.Add(1)
	x.p.Updates.Add(1)
	return appendMessage(dst, classTable, typ, x.scratch)
}

// appendTaught appends of all entries what has room.
func (x *Session) appendTaught(dst []byte, end int, now uint32) []byte {
	t, s, first := x.teach, x.s, len(dst)
	if t == nil || t.told {
		return dst
	}
	for t.table < len(s.tables) {
		sh, pt := s.tables[t.table], &x.p.n.tables[t.table]
		if t.why == teachMissed && !pt.walk {
			t.marks[t.table] = pt.acked
			t.table++
			continue
		}
		if t.part == 0 && len(t.ids) == 0 {
			t.marks[t.table] = sh.Table.Take()
		}
		for len(t.ids) > 0 {
			if !x.room(dst, end, sh) && len(dst) > first {
				return dst
			}
			id := t.ids[len(t.ids)-1]
			t.ids = t.ids[:len(t.ids)-1]
			if e, ok := sh.Table.Hold(id); ok {
				dst = x.appendUpdate(dst, sh, e, t.marks[t.table], x.minor > 0, now)
				e.Release()
			}
		}
		if t.part < sh.Table.Parts() {
			t.ids = sh.Table.Part(t.part, now, t.ids[:0])
			t.part++
			continue
		}
		pt.pushed = t.marks[t.table]
		t.table++
		t.part = 0
	}
	t.told, t.ids = true, nil
	if t.why == teachMissed {
		x.taught(t)
		return dst
	}
	what := byte(ctlPartial)
	if s.state == Finished {
		what = ctlFinished
	}
	x.p.Sent.Add(1)
	return append(dst, classControl, what)
}

// appendChanges appends what changed here and the peer has not been told, tables in
// turn. When there is nothing left it asks to be woken.
func (x *Session) appendChanges(dst []byte, end int, now uint32) []byte {
	s, first := x.s, len(dst)
	for idle := 0; idle < len(s.tables); {
		x.turn %= len(s.tables)
		sh, pt := s.tables[x.turn], &x.p.n.tables[x.turn]
		if !sh.Table.Arm(pt.pushed) {
			x.turn++
			idle++
			continue
		}
		n := min(s.MaxUpdates, (end-len(dst)-len(sh.define)-16)/sh.most)
		if n < 1 {
			if len(dst) > first {
				return dst
			}
			n = 1
		}
		idle = 0
		pt.pushed = sh.Table.Changes(pt.pushed, n, func(e stick.Entry, seq uint32) {
			dst = x.appendUpdate(dst, sh, e, seq, false, now)
		})
		if n == s.MaxUpdates {
			x.turn++
		}
	}
	return dst
}
