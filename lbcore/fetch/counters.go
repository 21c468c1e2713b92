package fetch

import (
	"encoding/binary"
	"net/netip"

	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
	"gohap/stick"
)

// counted is the entry of a stick table that a fetch looks at: that of a slot, or
// that which another table has for the same key.
type counted struct {
	stick.Entry // the zero value where the table has no such key
	now         uint32
	own         bool // held by the fetch, which releases it
}

func (e counted) release() {
	if e.own {
		e.Release()
	}
}

// slotOf returns the entry in a slot of the stream or of its connection.
func slotOf(c *sample.Context, i int64) (e stick.Entry, now uint32) {
	if i < 0 || i > 1<<20 {
		return e, 0
	}
	return stream.TrackedIn(c, int(i))
}

// entryOf holds the entry of a key, and makes it if create says so: the zero value
// where there is none, or no room.
func entryOf(t *proxy.Table, key []byte, create bool, now uint32) (e counted) {
	if e.now = now; create {
		e.Entry, _, e.own = t.Create(key, now)
	} else {
		e.Entry, e.own = t.Get(key, now)
	}
	return e
}

// tableOf returns the table that an argument names, nil where none is given.
func tableOf(args []sample.Arg, at int) *proxy.Table {
	if at >= len(args) {
		return nil
	}
	t, _ := args[at].Ref.(*proxy.Table)
	return t
}

// slotEntry finds the entry of a slot: ok is false for an empty one. With a table it
// is that table's entry of the same key; reference: keys of another type or
// length are as good as nothing.
func slotEntry(c *sample.Context, slot int64, t *proxy.Table) (e counted, ok bool) {
	e.Entry, e.now = slotOf(c, slot)
	if !e.Valid() {
		return e, false
	}
	if t == nil || t.Table == e.Table() {
		return e, true
	}
	if of := &e.Table().Config; of.Key != t.Config.Key || of.KeyLen != t.Config.KeyLen {
		return counted{}, false
	}
	return entryOf(t, e.Key(), false, e.now), true
}

// sourceEntry finds the entry of the client's address in a table, or makes it: ok is
// false for an address that is no key of the table.
func sourceEntry(c *sample.Context, t *proxy.Table, create bool, s *sample.Sample) (e counted, ok bool) {
	ss := session(c)
	if ss == nil || t == nil || !ss.Source().IsValid() {
		return e, false
	}
	s.SetIP(ss.Source().Addr())
	key, ok := t.KeyOf(c, s)
	if !ok {
		return e, false
	}
	return entryOf(t, key, create, tableMs(c)), true
}

// datum is what a fetch says of an entry; i is the element that it was asked for.
// ok is false for what the table does not store.
type datum func(e counted, i int) (v int64, ok bool)

// stored is what a counter, a gauge, a tag or a rate is.
func stored(d stick.Data) datum {
	return func(e counted, i int) (int64, bool) {
		d, i, ok := e.Table().Find(d, i)
		return e.Value(d, i, e.now), ok
	}
}

// kilobytes is a counter of bytes.
func kilobytes(d stick.Data) datum {
	return func(e counted, _ int) (int64, bool) { return int64(e.Get(d, 0) >> 10), e.Table().Has(d, 0) }
}

// take makes a counter zero and says what it was.
func take(d stick.Data) datum {
	return func(e counted, i int) (int64, bool) {
		d, i, ok := e.Table().Find(d, i)
		if !ok {
			return 0, false
		}
		v := e.Take(d, i)
		e.Touch(e.now)
		return int64(v), true
	}
}

// increment adds one to a counter and to its rate and says what it is then.
func increment(d, speed stick.Data) datum {
	return func(e counted, i int) (int64, bool) { return int64(e.Increment(d, speed, i, 1, e.now)), true }
}

// trackers is how many connections and streams track the entry.
func trackers(e counted, _ int) (int64, bool) {
	n := e.Holds()
	if e.own {
		n--
	}
	return int64(n), true
}

// countConnection adds one to the connections.
func countConnection(e counted, _ int) (int64, bool) {
	if !e.Table().Has(stick.ConnCnt, 0) {
		return 0, false
	}
	v := e.Add(stick.ConnCnt, 0, 1)
	e.Touch(e.now)
	return int64(v), true
}

// value makes the sample. Reference: what no entry has is zero, stored or not.
func (e counted) value(of datum, i int, s *sample.Sample) bool {
	v, ok := int64(0), true
	if e.Valid() {
		v, ok = of(e, i)
		e.release()
	}
	s.SetInt(v)
	return ok
}

// slotFetch is a fetch of a slot: a number that the name has, or the first argument
// behind the index.
func slotFetch(of datum, slot int64, indexed bool) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		at, i, n := 0, 0, slot
		if indexed {
			i, at = element(args[0]), 1
		}
		if slot < 0 {
			n = args[at].Int
			at++
		}
		e, ok := slotEntry(c, n, tableOf(args, at))
		return ok && e.value(of, i, s)
	}
}

// element is the index that an argument says.
func element(a sample.Arg) int {
	if a.Int < 0 || a.Int >= stick.MaxElements {
		return stick.MaxElements // which no array has
	}
	return int(a.Int)
}

// sourceFetch is a fetch of the entry of the client's address.
func sourceFetch(of datum, create, indexed bool) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		at, i := 0, 0
		if indexed {
			i, at = element(args[0]), 1
		}
		e, ok := sourceEntry(c, tableOf(args, at), create, s)
		return ok && e.value(of, i, s)
	}
}

// fetchTracked tells whether a slot has an entry.
func fetchTracked(slot int64) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		at, n := 0, slot
		if slot < 0 {
			at, n = 1, args[0].Int
		}
		e, ok := slotEntry(c, n, tableOf(args, at))
		e.release()
		s.SetBool(ok)
		return true
	}
}

// fetchKey is the key of the entry in a slot.
func fetchKey(slot int64) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		n := slot
		if slot < 0 {
			n = args[0].Int
		}
		e, _ := slotOf(c, n)
		if !e.Valid() {
			return false
		}
		switch key := e.Key(); e.Table().Config.Key {
		case stick.KeyInteger:
			s.SetInt(int64(binary.BigEndian.Uint32(key)))
		case stick.KeyIPv4, stick.KeyIPv6:
			ip, _ := netip.AddrFromSlice(key)
			s.SetIP(ip)
		case stick.KeyBinary:
			s.SetBin(c.Arena.Copy(key))
		default:
			s.SetStr(c.Arena.Copy(key))
		}
		return true
	}
}

// counterWord is a word of the families sc_, sc0_, sc1_, sc2_ and src_.
type counterWord struct {
	name    string
	of      datum
	summary string
	in      string // families, "" for all
	indexed bool
	create  bool // the entry of a client's address is made
	example string
}

var counterWords = []counterWord{
	{name: "bytes_in_rate", of: stored(stick.BytesInRate), summary: "bytes from clients in the period"},
	{name: "bytes_out_rate", of: stored(stick.BytesOutRate), summary: "bytes to clients in the period"},
	{name: "clr_gpc", of: take(stick.GPC), indexed: true, create: true, in: "sc_ sc1_ src_", summary: "sets a general purpose counter to zero and says what it was"},
	{name: "clr_gpc0", of: take(stick.GPC0), create: true, summary: "sets the first general purpose counter to zero and says what it was"},
	{name: "clr_gpc1", of: take(stick.GPC1), create: true, summary: "sets the second general purpose counter to zero and says what it was"},
	{name: "conn_cnt", of: stored(stick.ConnCnt), summary: "connections so far", example: "1"},
	{name: "conn_cur", of: stored(stick.ConnCur), summary: "connections now", example: "1"},
	{name: "conn_rate", of: stored(stick.ConnRate), summary: "connections in the period", example: "1"},
	{name: "get_gpc", of: stored(stick.GPC), indexed: true, in: "sc_ src_", summary: "a general purpose counter"},
	{name: "get_gpc0", of: stored(stick.GPC0), summary: "the first general purpose counter"},
	{name: "get_gpc1", of: stored(stick.GPC1), summary: "the second general purpose counter"},
	{name: "get_gpt", of: stored(stick.GPT), indexed: true, in: "sc_ src_", summary: "a general purpose tag"},
	{name: "get_gpt0", of: stored(stick.GPT0), summary: "the first general purpose tag"},
	{name: "glitch_cnt", of: stored(stick.GlitchCnt), summary: "glitches of HTTP/2 and QUIC so far, as peers count them"},
	{name: "glitch_rate", of: stored(stick.GlitchRate), summary: "glitches of HTTP/2 and QUIC in the period, as peers count them"},
	{name: "gpc0_rate", of: stored(stick.GPC0Rate), summary: "how much the first general purpose counter grew in the period"},
	{name: "gpc1_rate", of: stored(stick.GPC1Rate), summary: "how much the second general purpose counter grew in the period"},
	{name: "gpc_rate", of: stored(stick.GPCRate), indexed: true, in: "sc_ src_", summary: "how much a general purpose counter grew in the period"},
	{name: "http_err_cnt", of: stored(stick.HTTPErrCnt), summary: "HTTP requests so far that the client got wrong"},
	{name: "http_err_rate", of: stored(stick.HTTPErrRate), summary: "HTTP requests in the period that the client got wrong"},
	{name: "http_fail_cnt", of: stored(stick.HTTPFailCnt), summary: "HTTP requests so far that the server failed"},
	{name: "http_fail_rate", of: stored(stick.HTTPFailRate), summary: "HTTP requests in the period that the server failed"},
	{name: "http_req_cnt", of: stored(stick.HTTPReqCnt), summary: "HTTP requests so far", example: "1"},
	{name: "http_req_rate", of: stored(stick.HTTPReqRate), summary: "HTTP requests in the period", example: "1"},
	{name: "inc_gpc", of: increment(stick.GPC, stick.GPCRate), indexed: true, create: true, in: "sc_ src_", summary: "adds one to a general purpose counter and says what it is then"},
	{name: "inc_gpc0", of: increment(stick.GPC0, stick.GPC0Rate), create: true, summary: "adds one to the first general purpose counter and says what it is then"},
	{name: "inc_gpc1", of: increment(stick.GPC1, stick.GPC1Rate), create: true, summary: "adds one to the second general purpose counter and says what it is then"},
	{name: "kbytes_in", of: kilobytes(stick.BytesInCnt), summary: "kilobytes from clients so far"},
	{name: "kbytes_out", of: kilobytes(stick.BytesOutCnt), summary: "kilobytes to clients so far"},
	{name: "sess_cnt", of: stored(stick.SessCnt), summary: "sessions so far"},
	{name: "sess_rate", of: stored(stick.SessRate), summary: "sessions in the period"},
	{name: "trackers", of: trackers, in: "sc_ sc0_ sc1_ sc2_", summary: "how many connections and requests track the entry", example: "1"},
	{name: "updt_conn_cnt", of: countConnection, create: true, in: "src_", summary: "adds one to the connections and says how many there are then"},
}

// counterFamilies are the prefixes and the slots that they stand for.
var counterFamilies = []struct {
	prefix string
	slot   int64 // -1 where an argument says it
	of     string
}{
	{"sc_", -1, "of what is tracked"}, {"sc0_", 0, "of what the first slot tracks"}, {"sc1_", 1, "of what the second slot tracks"},
	{"sc2_", 2, "of what the third slot tracks"}, {"src_", 0, "of the client's address"},
}
