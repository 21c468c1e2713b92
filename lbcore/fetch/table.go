package fetch

import (
	"fmt"

	"gohap/lbcore/clock"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/stick"
)

// This file is the converters that look their input up in a stick table, and the
// fetches about a table itself.
//
// Reference: what is no key of the table, or has no entry, counts as 0; an entry
// without the datum has no value. Looking does not make an entry live on.

// tableMs is the time of tables for whoever evaluates.
func tableMs(c *sample.Context) uint32 {
	switch {
	case exchange(c) != nil:
		return uint32(exchange(c).Now() / 1e6)
	case session(c) != nil:
		return uint32(session(c).W.Loop.Now() / 1e6)
	case c.Clock != nil:
		return uint32(c.Clock.Mono() / 1e6)
	}
	return clock.Millis()
}

// find holds the entry of a value, and makes it if create says so: the zero value
// where there is none, no room, or the value is no key of the table.
func find(c *sample.Context, t *proxy.Table, s *sample.Sample, create bool) (e counted) {
	key, ok := t.KeyOf(c, s)
	if !ok {
		return e
	}
	return entryOf(t, key, create, tableMs(c))
}

// ofKey makes a converter of what a fetch says of the key's entry; the element is
// the first argument if it is indexed. One that changes something makes the entry
// and lets it live on.
func ofKey(of datum, changes, indexed bool) sample.ConvFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		at, i := 0, 0
		if indexed {
			i, at = element(args[0]), 1
		}
		t := tableOf(args, at)
		if t == nil {
			return false
		}
		e := find(c, t, s, changes)
		if changes && e.Valid() {
			e.Touch(e.now)
		}
		return e.value(of, i, s)
	}
}

func inTable(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	t := tableOf(args, 0)
	if t == nil {
		return false
	}
	e := find(c, t, s, false)
	e.release()
	s.SetBool(e.Valid())
	return true
}

// tableAge makes a converter of an entry's time, in ms; without an entry it has the
// value that the arguments give, or none.
func tableAge(of func(t *proxy.Table, left uint32) uint32) sample.ConvFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		t := tableOf(args, 0)
		if t == nil {
			return false
		}
		e := find(c, t, s, false)
		switch {
		case !e.Valid() && len(args) < 2:
			return false
		case !e.Valid():
			s.SetInt(args[1].Int)
			return true
		}
		s.SetInt(int64(of(t, e.Left(e.now))))
		e.release()
		return true
	}
}

// aboutTable makes a fetch of a number about the table that the argument names.
func aboutTable(of func(t *proxy.Table) int) sample.FetchFunc {
	return func(_ *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		t := tableOf(args, 0)
		if t == nil {
			return false
		}
		s.SetInt(int64(of(t)))
		return true
	}
}

var oneTable = args(1, sample.ArgTable)

var tableRows = []entry{
	{name: "table_cnt", out: sample.SInt, args: oneTable, needs: internal, fetch: aboutTable(func(t *proxy.Table) int { return t.Len() }),
		summary: "the entries of a stick table", good: ex("table_cnt(addresses)", "0"), bad: []string{"table_cnt(addresses,x)"}},
	{name: "table_avl", out: sample.SInt, args: oneTable, needs: internal, fetch: aboutTable(func(t *proxy.Table) int { return t.Size - t.Len() }),
		summary: "the entries that a stick table has room for", good: ex("table_avl(addresses)", "100"), bad: []string{"table_avl(addresses,x)"}},
}

// tableNames are the data that converters read by their own name.
var tableNames = []struct {
	name string
	of   datum
	what string
}{
	{"table_gpt0", stored(stick.GPT0), "the tag"}, {"table_gpc0", stored(stick.GPC0), "the counter gpc0"}, {"table_gpc1", stored(stick.GPC1), "the counter gpc1"},
	{"table_gpc0_rate", stored(stick.GPC0Rate), "how fast gpc0 grows"}, {"table_gpc1_rate", stored(stick.GPC1Rate), "how fast gpc1 grows"},
	{"table_conn_cnt", stored(stick.ConnCnt), "the connections"}, {"table_conn_cur", stored(stick.ConnCur), "the present connections"}, {"table_conn_rate", stored(stick.ConnRate), "the connections in the period"},
	{"table_sess_cnt", stored(stick.SessCnt), "the sessions"}, {"table_sess_rate", stored(stick.SessRate), "the sessions in the period"},
	{"table_http_req_cnt", stored(stick.HTTPReqCnt), "the HTTP requests"}, {"table_http_req_rate", stored(stick.HTTPReqRate), "the HTTP requests in the period"},
	{"table_http_err_cnt", stored(stick.HTTPErrCnt), "the HTTP requests that the client got wrong"}, {"table_http_err_rate", stored(stick.HTTPErrRate), "those in the period"},
	{"table_http_fail_cnt", stored(stick.HTTPFailCnt), "the HTTP requests that the server failed"}, {"table_http_fail_rate", stored(stick.HTTPFailRate), "those in the period"},
	{"table_bytes_in_rate", stored(stick.BytesInRate), "the bytes from clients in the period"}, {"table_bytes_out_rate", stored(stick.BytesOutRate), "the bytes to clients in the period"},
	{"table_kbytes_in", kilobytes(stick.BytesInCnt), "the KiB from clients"}, {"table_kbytes_out", kilobytes(stick.BytesOutCnt), "the KiB to clients"},
	{"table_glitch_cnt", stored(stick.GlitchCnt), "the glitches of HTTP/2 and QUIC, as peers count them,"}, {"table_glitch_rate", stored(stick.GlitchRate), "those in the period"},
	{"table_server_id", stored(stick.ServerID), "the number of the server"},
}

// tableConv is a converter of this file.
type tableConv struct {
	name    string
	args    sample.ArgList
	out     sample.Type
	summary string
	conv    sample.ConvFunc
	use     string // its arguments in the example
	gives   string // what the example prints
}

// registerTables adds them.
func registerTables(set *keyword.Set) {
	aged, two := args(1, sample.ArgTable, sample.ArgInt), args(2, sample.ArgInt, sample.ArgTable)
	list := []tableConv{
		{"in_table", oneTable, sample.Bool, "whether a stick table has the key", inTable, "(addresses)", "0"},
		{"table_trackers", oneTable, sample.SInt, "how many track the key in a stick table", ofKey(trackers, false, false), "(addresses)", "0"},
		{"table_expire", aged, sample.SInt, "the ms until the key's entry in a stick table expires", tableAge(func(_ *proxy.Table, left uint32) uint32 { return left }), "(addresses,5)", "5"},
		{"table_idle", aged, sample.SInt, "the ms since the key's entry in a stick table was last used", tableAge(idle), "(addresses)", missing},
		{"table_gpt", two, sample.SInt, "a tag by number of the key in a stick table", ofKey(stored(stick.GPT), false, true), "(0,addresses)", "0"},
		{"table_gpc", two, sample.SInt, "a counter by number of the key in a stick table", ofKey(stored(stick.GPC), false, true), "(0,addresses)", "0"},
		{"table_gpc_rate", two, sample.SInt, "how fast a counter by number of the key in a stick table grows", ofKey(stored(stick.GPCRate), false, true), "(0,addresses)", "0"},
	}
	for _, n := range tableNames {
		list = append(list, tableConv{n.name, oneTable, sample.SInt, n.what + " of the key in a stick table, 0 for a key that it has not", ofKey(n.of, false, false), "(addresses)", "0"})
	}
	for _, k := range []struct {
		name        string
		count, rate stick.Data
	}{{"gpc0", stick.GPC0, stick.GPC0Rate}, {"gpc1", stick.GPC1, stick.GPC1Rate}, {"gpc", stick.GPC, stick.GPCRate}} {
		use, words, array := "(counted)", oneTable, k.count.Array()
		if array {
			use, words = "(1,counted)", two
		}
		list = append(list,
			tableConv{"table_clr_" + k.name, words, sample.SInt, "sets a counter of the key in a stick table to 0 and returns what it was; the key gets an entry", ofKey(take(k.count), true, array), use, "0"},
			tableConv{"table_inc_" + k.name, words, sample.SInt, "counts one in a counter of the key in a stick table and returns the new number; the key gets an entry", ofKey(increment(k.count, k.rate), true, array), use, "1"})
	}
	for i := range list {
		c := &list[i]
		// The key is the converter's own: one must not see what another one counts.
		set.Add(keyword.Row{Class: keyword.Converter, Name: c.name, Args: c.args.String(), In: sample.Any.String(), Out: c.out.String(), Summary: c.summary,
			Good: ex(fmt.Sprintf("ipv4(192.0.2.%d),%s%s", i+1, c.name, c.use), c.gives), Bad: []string{"str(a)," + c.name + "(addresses,1,2)"},
			Impl: &sample.ConvRow{Conv: c.conv, Args: c.args, In: sample.Any, Out: c.out}})
	}
}

// idle is how long an entry was not used.
func idle(t *proxy.Table, left uint32) uint32 {
	if t.Expire == 0 {
		return 0
	}
	return t.Expire - left
}
