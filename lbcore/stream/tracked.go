package stream

import (
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/stick"
)

// This file counts on the entries of stick tables that track-sc rules name.
//
// A connection and each of its streams have slots, tune.stick-counters many. A
// slot that connection or session rules fill is the connection's and lasts as
// long; one that content or HTTP rules fill is the stream's and ends with it. The
// first rule that fills a slot wins: a stream's is filled only where the
// connection's is empty. While an entry stands in a slot it is held.
//
//	tracking begins   conn_cnt, conn_rate, conn_cur
//	                  of a request that is counted already http_req_*
//	                  by http-response rules http_err_* or http_fail_* by the status
//	session accepted  sess_cnt, sess_rate
//	request begun     http_req_*, also of one that never becomes a stream
//	refused           http_err_*: deny, tarpit, auth, nonsense from the client
//	response headed   http_err_* by 4xx, http_fail_* by 5xx but 501 and 505
//	response failed   http_fail_*: none, nonsense, one that is cut
//	stream over       bytes_*, behind the log line
//	tracking ends     conn_cur
//
// Each of these lets the entry live for its table's expiry from then on.

// slots are the tracked entries of a connection or of a stream.
type slots struct {
	entries []stick.Entry
}

// newSlots returns an empty set.
func (w *Worker) newSlots() *slots {
	if n := len(w.slots); n > 0 {
		t := w.slots[n-1]
		w.slots = w.slots[:n-1]
		return t
	}
	return &slots{make([]stick.Entry, w.Limits.StickCounters)}
}

// Tracked returns how many entries the loop's connections and streams hold. Loop
// only.
func (w *Worker) Tracked() int { return w.tracked }

// millis is this turn's time as stick tables have it.
func (w *Worker) millis() uint32 { return uint32(w.Loop.Now() / 1e6) }

// at returns the entry in a slot, the zero value where there is none.
func (t *slots) at(i int) stick.Entry {
	if t == nil || uint(i) >= uint(len(t.entries)) {
		return stick.Entry{}
	}
	return t.entries[i]
}

// begin puts the entry of a key into a slot. ok is false where the table has no
// room for it.
func (w *Worker) begin(to **slots, i int, t *proxy.Table, key []byte) (e stick.Entry, ok bool) {
	if i >= w.Limits.StickCounters {
		return e, false
	}
	now := w.millis()
	if e, _, ok = t.Create(key, now); !ok {
		return e, false
	}
	if *to == nil {
		*to = w.newSlots()
	}
	(*to).entries[i] = e
	w.tracked++
	e.Add(stick.ConnCur, 0, 1)
	countOn(e, stick.ConnCnt, stick.ConnRate, now)
	return e, true
}

// end empties all slots.
func (w *Worker) end(of **slots) {
	t := *of
	if t == nil {
		return
	}
	*of = nil
	now := w.millis()
	for i, e := range t.entries {
		if !e.Valid() {
			continue
		}
		t.entries[i] = stick.Entry{}
		e.Sub(stick.ConnCur, 0)
		e.Touch(now)
		e.Release()
		w.tracked--
	}
	w.slots = append(w.slots, t)
}

// event counts one in a counter and its rate, on all entries.
func (t *slots) event(count, rate stick.Data, now uint32) {
	if t == nil {
		return
	}
	for _, e := range t.entries {
		if e.Valid() {
			countOn(e, count, rate, now)
		}
	}
}

func countOn(e stick.Entry, count, rate stick.Data, now uint32) {
	e.Add(count, 0, 1)
	e.AddRate(rate, 0, 1, now)
	e.Touch(now)
}

// bytes counts what a stream has received from its client and sent there.
func (t *slots) bytes(in, out int64, now uint32) {
	if t == nil {
		return
	}
	for _, e := range t.entries {
		if e.Valid() {
			e.AddBytes(stick.BytesInCnt, stick.BytesInRate, uint64(in), now)
			e.AddBytes(stick.BytesOutCnt, stick.BytesOutRate, uint64(out), now)
			e.Touch(now)
		}
	}
}

// Tracked returns the entry that a slot of the connection has, the zero value
// where there is none. It is the connection's hold: nobody else releases it.
func (ss *Session) Tracked(i int) stick.Entry { return ss.slots().at(i) }

// slots returns the connection's, nil without.
func (ss *Session) slots() *slots {
	if ss.extra == nil {
		return nil
	}
	return ss.extra.slots
}

// Track makes the connection count on the entry of a key, as KeyOf makes it, in a
// slot that is empty. Nothing happens where the table has no room.
func (ss *Session) Track(i int, t *proxy.Table, key []byte) {
	ss.W.begin(&ss.more().slots, i, t, key)
}

// Tracked is Session.Tracked for the stream's own slots and then its connection's.
func (s *Stream) Tracked(i int) stick.Entry {
	if e := s.slots.at(i); e.Valid() {
		return e
	}
	return s.Sess.Tracked(i)
}

// TrackedIn is Tracked for the stream of a context or, in rules before there is one,
// its connection; the zero value where it has neither. now is the turn's time, ms.
func TrackedIn(c *sample.Context, i int) (e stick.Entry, now uint32) {
	if s, ok := c.Stream.(*Stream); ok && s != nil {
		return s.Tracked(i), s.W.millis()
	}
	if ss, ok := c.Session.(*Session); ok && ss != nil {
		return ss.Tracked(i), ss.W.millis()
	}
	return e, 0
}

// Track is Session.Track for a stream.
func (s *Stream) Track(i int, t *proxy.Table, key []byte) {
	e, ok := s.W.begin(&s.slots, i, t, key)
	if !ok || !s.asked {
		return
	}
	now := s.W.millis()
	countOn(e, stick.HTTPReqCnt, stick.HTTPReqRate, now)
	if s.Ctx.Dir == sample.Response && s.Res != nil {
		if count, rate, ok := byStatus(&s.W.Limits, s.Status); ok {
			countOn(e, count, rate, now)
		}
	}
}

// trackEvent counts on what the stream and its connection track.
func (s *Stream) trackEvent(count, rate stick.Data) {
	of := s.Sess.slots()
	if s.slots == nil && of == nil {
		return
	}
	now := s.W.millis()
	s.slots.event(count, rate, now)
	of.event(count, rate, now)
}

// trackRequest counts a request that begins.
func (s *Stream) trackRequest() {
	s.asked = true
	s.trackEvent(stick.HTTPReqCnt, stick.HTTPReqRate)
}

// CountClientError counts an error of the client: on what is tracked alone, not in
// statistics.
func (s *Stream) CountClientError() { s.trackEvent(stick.HTTPErrCnt, stick.HTTPErrRate) }

// trackFailure counts a response that the server failed to give.
func (s *Stream) trackFailure() { s.trackEvent(stick.HTTPFailCnt, stick.HTTPFailRate) }

// trackStatus counts what the server's answer says of the client or of itself.
func (s *Stream) trackStatus(code int) {
	if count, rate, ok := byStatus(&s.W.Limits, code); ok {
		s.trackEvent(count, rate)
	}
}

// byStatus returns what the status of a server's answer counts as.
func byStatus(l *proxy.Limits, code int) (count, rate stick.Data, ok bool) {
	switch {
	case l.ErrCodes.Has(code):
		return stick.HTTPErrCnt, stick.HTTPErrRate, true
	case l.FailCodes.Has(code):
		return stick.HTTPFailCnt, stick.HTTPFailRate, true
	}
	return 0, 0, false
}

// untrack counts the stream's bytes and empties its slots. Reference: the log line
// shows what was counted before.
func (s *Stream) untrack() {
	of := s.Sess.slots()
	if s.BytesIn|s.BytesOut != 0 && (s.slots != nil || of != nil) {
		now := s.W.millis()
		s.slots.bytes(s.BytesIn, s.BytesOut, now)
		of.bytes(s.BytesIn, s.BytesOut, now)
	}
	s.W.end(&s.slots)
}
