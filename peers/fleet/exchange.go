package fleet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gohap/peers"
	"gohap/stick"
)

// take takes a message that came whole; n is its length.
func (x *Session) take(typ byte, r *reader, n int, now uint32) error {
	if typ == msgLeaving {
		x.left = true
		if x.p.session == x { // its next process is to be found
			x.p.session, x.p.waits = nil, false
			x.lacks()
		}
		return nil
	}
	if typ < msgTable || typ > msgSubscribe {
		return nil
	}
	number := r.Number()
	if r.Bad {
		return errors.New("a message is cut short")
	}
	if typ == msgTable {
		return x.takeTable(number, r, now)
	}
	sh := x.theirs[number]
	if sh == nil {
		return nil // of a table that is not there here
	}
	switch typ {
	case msgSource:
		return x.takeSource(sh, r)
	case msgVector:
		return x.takeVector(sh, r, now)
	case msgChange:
		return x.takeChange(sh, r, n, now)
	case msgMark:
		return x.takeMark(sh, r, now)
	}
	return x.takeSubscribe(sh, r)
}

func (x *Session) takeTable(number uint64, r *reader, now uint32) error {
	place := -1
	l, t, err := readTable(r, func(name string) (t *Table) {
		t, place = x.s.table(name)
		return t
	})
	if err != nil {
		return err
	}
	if t == nil {
		x.p.Foreign.Add(1)
		if place >= 0 {
			x.s.Log("warning", fmt.Sprintf("peers %s: table %s of %s has other keys than ours: it is not shared", Name, x.s.Names[place], x.p.Name))
		}
		return nil
	}
	sh := x.tables[place]
	sh.layout, x.theirs[number] = l, sh
	x.vectorAt = now
	x.s.poke = true
	return nil
}

// mostSources bounds the processes that a session may tell of for a table.
const mostSources = 10000

func (x *Session) takeSource(sh *shared, r *reader) error {
	number, id := r.Number(), SourceID{r.u64(), r.u64()}
	name := r.text()
	if r.Bad || name == "" {
		return errors.New("a process without a name")
	}
	if len(sh.sources) >= mostSources {
		return errors.New("too many processes")
	}
	sh.t.mu.Lock()
	defer sh.t.mu.Unlock()
	sh.sources[number] = sh.t.source(id, name)
	return nil
}

// takeVector takes what the other side has of each process: it is told what it lacks
// of this one, and asked for what it has more of others that have no session here.
func (x *Session) takeVector(sh *shared, r *reader, now uint32) error {
	flags := r.Bytes(1)
	t := sh.t
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	mine := uint64(0)
	for len(r.B) > 0 && !r.Bad {
		src, ok := sh.sources[r.Number()]
		have := r.Number()
		f := r.Bytes(1)
		beat := r.Number()
		if r.Bad {
			break
		}
		if !ok {
			return errors.New("a vector of no process")
		}
		sh.have[src] = have
		if x.p.session == x {
			t.has(x.p.node, src, have)
		}
		t.alive(src, beat, f[0]&processEnded != 0, f[0]&processDead != 0)
		if src == self {
			mine = have
			continue
		}
		if f[0]&processSelf != 0 {
			x.isItself(sh, src)
		}
	}
	if r.Bad {
		return errors.New("a vector is cut short")
	}
	sh.inexact = flags[0]&vectorInexact != 0
	if !sh.began {
		sh.began = true
		sh.feeds = append(sh.feeds, &feed{src: self, from: mine})
	}
	x.askFor(sh)
	x.s.poke = true
	return nil
}

// isItself notes that the other side is a process, once.
func (x *Session) isItself(sh *shared, src uint32) {
	for _, d := range sh.direct {
		if d == src {
			return
		}
	}
	sh.direct = append(sh.direct, src)
	sh.t.sources[src].direct++
}

// askFor asks the other side for what it has more of processes that have no session
// here, unless another node tells of them that has as much.
func (x *Session) askFor(sh *shared) {
	asked := x.s.asked[sh.i]
	for _, number := range slices.Sorted(maps.Keys(sh.sources)) {
		src := sh.sources[number]
		s := &sh.t.sources[src]
		from := asked[src]
		switch {
		case src == self:
		case s.direct > 0:
			if from == x {
				delete(asked, src)
				sh.wants = append(sh.wants, want{number, stopTelling})
			}
		case sh.have[src] > s.have && from != x && (from == nil || from.tables[sh.i].have[src] <= s.have):
			asked[src] = x
			sh.wants = append(sh.wants, want{number, s.have})
		}
	}
}

func (x *Session) takeChange(sh *shared, r *reader, n int, now uint32) error {
	c := &x.c
	err := sh.t.readChange(r, sh.layout, func(n uint64) (uint32, bool) { src, ok := sh.sources[n]; return src, ok }, c, now)
	if err != nil {
		return err
	}
	if sh.t.learn(c, now) {
		x.p.Learned.Add(1)
	} else {
		x.p.Refused.Add(1)
	}
	sh.t.count(c.src, n)
	x.s.poke = true
	return nil
}

// count notes the bytes that came of a source.
func (t *Table) count(src uint32, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sources[src].bytes += uint64(n)
}

func (x *Session) takeMark(sh *shared, r *reader, now uint32) error {
	src, ok := sh.sources[r.Number()]
	have, flags := r.Number(), r.Bytes(1)
	if r.Bad || !ok {
		return errors.New("a mark of no process")
	}
	sh.t.complete(src, have, flags[0]&markInexact != 0)
	if flags[0]&markAnswer != 0 {
		x.vectorAt = now
	}
	x.s.poke = true
	return nil
}

func (x *Session) takeSubscribe(sh *shared, r *reader) error {
	number, from := r.Number(), r.Number()
	if r.Bad {
		return errors.New("a subscription is cut short")
	}
	for src, n := range sh.numbers {
		if n != number {
			continue
		}
		for i, f := range sh.feeds {
			if f.src == src {
				sh.feeds = append(sh.feeds[:i], sh.feeds[i+1:]...)
				break
			}
		}
		if from != stopTelling {
			sh.feeds = append(sh.feeds, &feed{src: src, from: from})
		}
		x.s.poke = true
	}
	return nil
}

// Deadline returns when Append wants to be called though nothing came; ok is false
// when the session is closed.
func (x *Session) Deadline() (at uint32, ok bool) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	at = x.heard + silentFor
	switch {
	case x.phase == phaseClosed:
		return 0, false
	case x.phase == phaseRunning && int32(x.vectorAt-at) < 0:
		at = x.vectorAt
	}
	if flush := x.s.flushed + flushEvery; x.s.pending.Load() && int32(flush-at) < 0 {
		at = flush
	}
	return at, true
}

// Append appends to dst what is to be sent now, up to about max bytes. Nothing is
// prepared beyond that: what was appended must be sent in order or the session
// closed. The caller asks again until nothing is appended; then there is nothing left
// until Wake, Receive or the Deadline.
func (x *Session) Append(dst []byte, max int, now uint32) []byte {
	s := x.s
	s.mu.Lock()
	defer s.unlock()
	start := len(dst)
	defer func() {
		if n := len(dst) - start; n > 0 && x.p != nil {
			x.sent = now
			x.p.SentBytes.Add(int64(n))
		}
	}()
	if x.phase != phaseClosed && int32(now-x.heard) >= silentFor {
		if x.p != nil {
			x.p.Silent.Add(1)
		}
		x.end("nothing came from it for too long", now)
	}
	dst = append(dst, x.out...)
	x.out = nil
	if x.phase != phaseRunning {
		return dst
	}
	s.flush(now)
	if x.leave {
		x.leave = false
		dst = append(dst, class, msgLeaving)
		x.p.Sent.Add(1)
	}
	if !x.defined {
		x.defined = true
		for _, sh := range x.tables {
			dst = x.append(dst, msgTable, sh.t.appendTable(x.scratch[:0], uint64(sh.i+1), s.Names[sh.i]))
		}
	}
	for _, sh := range x.tables {
		dst = x.appendWants(dst, sh)
	}
	for range x.tables { // in turn, so that none waits for another
		x.turn = (x.turn + 1) % len(x.tables)
		dst = x.appendChanges(dst, x.tables[x.turn], start+max, now)
		if len(dst) >= start+max {
			return dst
		}
	}
	if int32(now-x.vectorAt) >= 0 { // behind the marks: it says what they say
		x.vectorAt, x.lastWords = now+vectorEvery, s.finishing
		for _, sh := range x.tables {
			dst = x.appendVector(dst, sh)
		}
	}
	return dst
}

// append appends a message whose payload was made in x.scratch.
func (x *Session) append(dst []byte, typ byte, payload []byte) []byte {
	x.scratch = payload
	x.p.Sent.Add(1)
	return peers.AppendMessage(dst, class, typ, payload)
}

func (x *Session) appendWants(dst []byte, sh *shared) []byte {
	for _, w := range sh.wants {
		p := peers.AppendVarint(x.scratch[:0], uint64(sh.i+1))
		p = peers.AppendVarint(p, w.number)
		dst = x.append(dst, msgSubscribe, peers.AppendVarint(p, w.from))
	}
	sh.wants = sh.wants[:0]
	return dst
}

// numberOf returns the session's number of a source. One that the other side does not
// know is described in x.defs, which goes first. The table is locked.
func (x *Session) numberOf(sh *shared, src uint32) uint64 {
	if n, ok := sh.numbers[src]; ok {
		return n
	}
	n := uint64(len(sh.numbers) + 1)
	sh.numbers[src] = n
	s := &sh.t.sources[src]
	p := peers.AppendVarint(nil, uint64(sh.i+1))
	p = peers.AppendVarint(p, n)
	p = binary.BigEndian.AppendUint64(p, s.id.Node)
	p = binary.BigEndian.AppendUint64(p, s.id.Epoch)
	x.defs = peers.AppendMessage(x.defs, class, msgSource, appendText(p, s.name))
	x.p.Sent.Add(1)
	return n
}

// appendChanges appends of what the other side is to be told what has room.
func (x *Session) appendChanges(dst []byte, sh *shared, end int, now uint32) []byte {
	if sh.layout == nil {
		return dst
	}
	number := func(src uint32) uint64 { return x.numberOf(sh, src) }
	for _, fd := range sh.feeds {
		for more := true; more; {
			more = sh.t.tell(fd, now, func(e stick.Entry, r []uint64) bool {
				if len(dst) >= end {
					return false
				}
				x.defs = x.defs[:0]
				p := sh.t.appendChange(x.scratch[:0], uint64(sh.i+1), e, r, number, now)
				if dst = append(dst, x.defs...); len(p) > longestMessage {
					sh.t.late++
					x.scratch = p
					return true
				}
				x.p.Updates.Add(1)
				dst = x.append(dst, msgChange, p)
				return true
			})
			if len(dst) >= end {
				return dst
			}
		}
		if seq, partial, due := sh.t.mark(fd); due {
			flags := byte(0)
			if partial && fd.src != self {
				flags |= markInexact
			}
			if x.s.finishing {
				flags |= markAnswer
			}
			sh.t.mu.Lock()
			x.defs = x.defs[:0]
			n := number(fd.src)
			sh.t.mu.Unlock()
			dst = append(dst, x.defs...)
			p := peers.AppendVarint(x.scratch[:0], uint64(sh.i+1))
			p = peers.AppendVarint(p, n)
			p = peers.AppendVarint(p, seq)
			dst = x.append(dst, msgMark, append(p, flags))
		}
	}
	return dst
}

// sourcesAtOnce is how many processes a message of vectors has.
const sourcesAtOnce = 500

func (x *Session) appendVector(dst []byte, sh *shared) []byte {
	if sh.layout == nil {
		return dst
	}
	t := sh.t
	t.mu.Lock()
	defer t.mu.Unlock()
	flags := byte(0)
	if t.inexact() {
		flags = vectorInexact
	}
	for i := 0; i < len(t.sources); {
		x.defs = x.defs[:0]
		p := peers.AppendVarint(x.scratch[:0], uint64(sh.i+1))
		p = append(p, flags)
		for n := 0; i < len(t.sources) && n < sourcesAtOnce; i++ {
			if s := &t.sources[i]; !s.forgotten {
				p = t.appendSource(p, x.numberOf(sh, uint32(i)), uint32(i))
				n++
			}
		}
		dst = append(dst, x.defs...)
		dst = x.append(dst, msgVector, p)
	}
	return dst
}

func (t *Table) appendSource(p []byte, number uint64, src uint32) []byte {
	s := &t.sources[src]
	flags := byte(0)
	if src == self {
		flags = processSelf
	}
	if s.masked {
		flags |= processDead
	}
	if s.ended {
		flags |= processEnded
	}
	p = peers.AppendVarint(p, number)
	p = peers.AppendVarint(p, s.have)
	p = append(p, flags)
	return peers.AppendVarint(p, s.beat)
}

// knows tells that the other side has all that this process counted.
func (x *Session) knows() bool {
	for _, sh := range x.tables {
		if sh.layout != nil && sh.have[self] < sh.t.changes() && sh.t.owner.Load() == x.s {
			return false
		}
	}
	return true
}

// inexact tells that something that others know went or found no room here.
func (t *Table) inexact() bool {
	return t.refused > 0 || t.partial || t.late > 0 || t.Stick.Evicted.Load() > 0
}
