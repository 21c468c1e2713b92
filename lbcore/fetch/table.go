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
	return uint32(clock.Mono() / 1e6)
}

// find holds the entry of a value.
func find(c *sample.Context, t *proxy.Table, s *sample.Sample) (e stick.Entry, ok bool) {
	key, ok := t.KeyOf(c, s)
	if !ok {
		return e, false
	}
	return t.Get(key, tableMs(c))
}

// stored reads element i of a datum. ok is false where it is not stored.
func stored(c *sample.Context, t *proxy.Table, e stick.Entry, d stick.Data, i int) (n int64, ok bool) {
	if d, i, ok = t.Find(d, i); !ok {
		return 0, false
	}
	switch d.Form() {
	case stick.Rate:
		return int64(e.Rate(d, i, tableMs(c))) * int64(t.Unit(d)), true
	case stick.Sint:
		return int64(int32(e.Get(d, i))), true
	}
	return int64(e.Get(d, i)), true
}

// tableDatum makes a converter that reads a datum, shifted to the right.
func tableDatum(d stick.Data, shift uint) sample.ConvFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		return readDatum(c, tableOf(args, 0), s, d, 0, shift)
	}
}

// tableElement makes one that reads an element of an array.
func tableElement(d stick.Data) sample.ConvFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		return readDatum(c, tableOf(args, 1), s, d, int(args[0].Int), 0)
	}
}

func readDatum(c *sample.Context, t *proxy.Table, s *sample.Sample, d stick.Data, i int, shift uint) bool {
	if t == nil {
		return false
	}
	e, ok := find(c, t, s)
	if !ok {
		s.SetInt(0)
		return true
	}
	n, ok := stored(c, t, e, d, i)
	e.Release()
	s.SetInt(int64(uint64(n) >> shift))
	return ok
}

// tableChange makes a converter that counts in a counter, or clears it.
func tableChange(d stick.Data, change func(c *sample.Context, t *proxy.Table, e stick.Entry, d stick.Data, i int) (int64, bool)) sample.ConvFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		i := 0
		if d.Array() {
			i = int(args[0].Int)
		}
		t := tableOf(args, len(args)-1)
		if t == nil {
			return false
		}
		key, ok := t.KeyOf(c, s)
		if !ok {
			s.SetInt(0)
			return true
		}
		now := tableMs(c)
		e, _, ok := t.Create(key, now)
		if !ok {
			s.SetInt(0)
			return true
		}
		n, ok := change(c, t, e, d, i)
		e.Touch(now)
		e.Release()
		s.SetInt(n)
		return ok
	}
}

// rateOf is the rate that goes with a counter.
var rateOf = map[stick.Data]stick.Data{stick.GPC0: stick.GPC0Rate, stick.GPC1: stick.GPC1Rate, stick.GPC: stick.GPCRate}

// increase counts one and returns the new number; 0 where nothing is stored.
func increase(c *sample.Context, _ *proxy.Table, e stick.Entry, d stick.Data, i int) (n int64, ok bool) {
	return int64(e.Increment(d, rateOf[d], i, 1, tableMs(c))), true
}

// clearCounter sets a counter to 0 and returns what it was.
func clearCounter(_ *sample.Context, t *proxy.Table, e stick.Entry, d stick.Data, i int) (n int64, ok bool) {
	if d, i, ok = t.Find(d, i); !ok {
		return 0, false
	}
	return int64(e.Swap(d, i, 0)), true
}

func inTable(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	t := tableOf(args, 0)
	if t == nil {
		return false
	}
	e, ok := find(c, t, s)
	e.Release()
	s.SetBool(ok)
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
		e, ok := find(c, t, s)
		switch {
		case !ok && len(args) < 2:
			return false
		case !ok:
			s.SetInt(args[1].Int)
			return true
		}
		s.SetInt(int64(of(t, e.Left(tableMs(c)))))
		e.Release()
		return true
	}
}

func tableTrackers(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	t := tableOf(args, 0)
	if t == nil {
		return false
	}
	n := 0
	if e, ok := find(c, t, s); ok {
		n = e.Holds() - 1 // but this one
		e.Release()
	}
	s.SetInt(int64(n))
	return true
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
	name  string
	data  stick.Data
	shift uint
	what  string
}{
	{"table_gpt0", stick.GPT0, 0, "the tag"}, {"table_gpc0", stick.GPC0, 0, "the counter gpc0"}, {"table_gpc1", stick.GPC1, 0, "the counter gpc1"},
	{"table_gpc0_rate", stick.GPC0Rate, 0, "how fast gpc0 grows"}, {"table_gpc1_rate", stick.GPC1Rate, 0, "how fast gpc1 grows"},
	{"table_conn_cnt", stick.ConnCnt, 0, "the connections"}, {"table_conn_cur", stick.ConnCur, 0, "the present connections"}, {"table_conn_rate", stick.ConnRate, 0, "the connections in the period"},
	{"table_sess_cnt", stick.SessCnt, 0, "the sessions"}, {"table_sess_rate", stick.SessRate, 0, "the sessions in the period"},
	{"table_http_req_cnt", stick.HTTPReqCnt, 0, "the HTTP requests"}, {"table_http_req_rate", stick.HTTPReqRate, 0, "the HTTP requests in the period"},
	{"table_http_err_cnt", stick.HTTPErrCnt, 0, "the HTTP requests that the client got wrong"}, {"table_http_err_rate", stick.HTTPErrRate, 0, "those in the period"},
	{"table_http_fail_cnt", stick.HTTPFailCnt, 0, "the HTTP requests that the server failed"}, {"table_http_fail_rate", stick.HTTPFailRate, 0, "those in the period"},
	{"table_bytes_in_rate", stick.BytesInRate, 0, "the bytes from clients in the period"}, {"table_bytes_out_rate", stick.BytesOutRate, 0, "the bytes to clients in the period"},
	{"table_kbytes_in", stick.BytesInCnt, 10, "the KiB from clients"}, {"table_kbytes_out", stick.BytesOutCnt, 10, "the KiB to clients"},
	{"table_server_id", stick.ServerID, 0, "the number of the server"},
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
		{"table_trackers", oneTable, sample.SInt, "how many track the key in a stick table", tableTrackers, "(addresses)", "0"},
		{"table_expire", aged, sample.SInt, "the ms until the key's entry in a stick table expires", tableAge(func(_ *proxy.Table, left uint32) uint32 { return left }), "(addresses,5)", "5"},
		{"table_idle", aged, sample.SInt, "the ms since the key's entry in a stick table was last used", tableAge(idle), "(addresses)", missing},
		{"table_gpt", two, sample.SInt, "a tag by number of the key in a stick table", tableElement(stick.GPT), "(0,addresses)", "0"},
		{"table_gpc", two, sample.SInt, "a counter by number of the key in a stick table", tableElement(stick.GPC), "(0,addresses)", "0"},
		{"table_gpc_rate", two, sample.SInt, "how fast a counter by number of the key in a stick table grows", tableElement(stick.GPCRate), "(0,addresses)", "0"},
	}
	for _, n := range tableNames {
		list = append(list, tableConv{n.name, oneTable, sample.SInt, n.what + " of the key in a stick table, 0 for a key that it has not", tableDatum(n.data, n.shift), "(addresses)", "0"})
	}
	for _, k := range []struct {
		name string
		data stick.Data
	}{{"gpc0", stick.GPC0}, {"gpc1", stick.GPC1}, {"gpc", stick.GPC}} {
		use, words := "(counted)", oneTable
		if k.data.Array() {
			use, words = "(1,counted)", two
		}
		list = append(list,
			tableConv{"table_clr_" + k.name, words, sample.SInt, "sets a counter of the key in a stick table to 0 and returns what it was; the key gets an entry", tableChange(k.data, clearCounter), use, "0"},
			tableConv{"table_inc_" + k.name, words, sample.SInt, "counts one in a counter of the key in a stick table and returns the new number; the key gets an entry", tableChange(k.data, increase), use, "1"})
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
