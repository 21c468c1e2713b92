package control

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/peers/fleet"
	"gohap/stick"
)

// This file is the commands on stick tables. The words and their order of faults
// are the reference's.

// tableVerb is one of the three commands.
type tableVerb struct {
	word     string
	required string // what is answered where words are missing
	binary   string // what cannot be done to binary keys
}

var (
	showTable  = tableVerb{"show", `Optional argument only supports "data.<store_data_type>" <operator> <value> or key <key> or ptr <ptr>`, "Showing keys from"}
	clearTable = tableVerb{"clear", `Required arguments: <table> "data.<store_data_type>" <operator> <value> or <table> key <key> or <table> ptr <ptr>`, "Removing keys from"}
	setTable   = tableVerb{"set", "Required arguments: <table> key <key> [data.<store_data_type> <value>]* or <table> ptr <ptr> [data.<store_data_type> <value>]*", "Inserting keys into"}
)

func registerTables(set *keyword.Set) {
	for _, c := range []struct {
		v                   *tableVerb
		args, summary, good string
		level               cli.Level
		bad                 []string
	}{
		{&showTable, "[<table> [<filter>]*]", "report table usage stats or dump this table's contents (filter: data/key)", "show table be", cli.User, []string{"show table nosuch"}},
		{&setTable, "<table> key <k> [data.* <v>]*", "update or create a table entry's data", "set table be key 192.0.2.1", cli.Operator, []string{"set table", "set table nosuch key 1"}},
		{&clearTable, "<table> [<filter>]*", "remove an entry from a table (filter: data/key)", "clear table be", cli.Operator, []string{"clear table", "clear table nosuch"}},
	} {
		set.Add(keyword.Row{Class: keyword.Command, Name: c.v.word + " table", Args: c.args, Summary: c.summary, Bad: c.bad,
			Good: []keyword.Example{{Config: c.good}}, Impl: cli.Command{Level: c.level, Run: c.v.run}})
	}
}

// tables calls f for each table, the last one declared first (reference), until f
// says no.
func (c *Control) tables(f func(t *proxy.Table) bool) {
	for _, t := range slices.Backward(c.Tables) {
		if !f(t) {
			return
		}
	}
}

func (v *tableVerb) run(r *cli.Request) {
	name := at(r.Args, 0)
	if name == "" {
		if v != &showTable {
			r.Fail("%s", v.required)
			return
		}
		control(r).tables(func(t *proxy.Table) bool { return tableHead(r, t) })
		return
	}
	var t *proxy.Table
	control(r).tables(func(one *proxy.Table) bool {
		if one.Name == name {
			t = one
		}
		return t == nil
	})
	if t == nil {
		r.Fail("No such table")
		return
	}
	switch what := at(r.Args, 1); {
	case what == "key":
		v.byKey(r, t)
	case what == "ptr":
		v.byPointer(r, t)
	case strings.HasPrefix(what, "data."):
		v.byData(r, t, r.Args[1:])
	case what != "":
		r.Fail("%s", v.required)
	case v != &setTable:
		v.all(r, t, nil)
	}
}

// tableHead answers the line about a table, and another one where sums of the fleet may
// lack something.
func tableHead(r *cli.Request, t *proxy.Table) bool {
	_, err := fmt.Fprintf(r, "# table: %s, type: %s, size:%d, used:%d\n", t.Name, t.Config.Key, t.Size, t.Len())
	if why := inexact(t); err == nil && why != "" {
		_, err = fmt.Fprintf(r, "# table: %s, not exact: %s\n", t.Name, why)
	}
	return err == nil
}

func (v *tableVerb) byKey(r *cli.Request, t *proxy.Table) {
	text := at(r.Args, 2)
	if text == "" {
		r.Fail("Key value expected")
		return
	}
	if t.Config.Key == stick.KeyBinary {
		r.Fail("%s tables of type other than ip, ipv6, string and integer is not supported", v.binary)
		return
	}
	key, err := t.ParseKey(text)
	if err != nil {
		r.Fail("Invalid key")
		return
	}
	if !r.Require(cli.Operator) {
		return
	}
	var e stick.Entry
	ok := false
	if v == &setTable {
		if e, _, ok = t.Create(key, clock.Millis()); !ok {
			r.Fail("Unable to allocate a new entry")
		}
	} else {
		e, ok = t.Get(key, clock.Millis())
	}
	if ok {
		v.one(r, t, e)
	}
}

func (v *tableVerb) byPointer(r *cli.Request, t *proxy.Table) {
	text, ok := strings.CutPrefix(at(r.Args, 2), "0x")
	id, err := strconv.ParseUint(text, 16, 64)
	switch {
	case !ok:
		r.Fail("Pointer expected (0xffff notation)")
		return
	case err != nil && !errors.Is(err, strconv.ErrRange):
		r.Fail("Malformed ptr.")
		return
	case !r.Require(cli.Operator):
		return
	}
	var e stick.Entry
	if ok = id < 1<<32; ok {
		e, ok = t.ByID(uint32(id), clock.Millis())
	}
	if !ok {
		r.Fail("No entry can be found matching ptr.")
		return
	}
	v.one(r, t, e)
}

// one does to an entry, which it releases, what the command says.
func (v *tableVerb) one(r *cli.Request, t *proxy.Table, e stick.Entry) {
	switch v {
	case &showTable:
		if tableHead(r, t) {
			r.Write(appendEntry(nil, t, e, clock.Millis()))
			showContributions(r, t, e)
		}
	case &clearTable:
		if f := fleet.Of(t.Table); f != nil {
			f.Clear(e, clock.Millis())
			return
		}
		if e.Remove() {
			return
		}
		r.Fail("Entry currently in use, cannot remove")
	default:
		setEntry(r, t, e, r.Args[3:])
		e.Touch(clock.Millis())
	}
	e.Release()
}

// all does it to the entries that a filter passes; those that are in use stay.
func (v *tableVerb) all(r *cli.Request, t *proxy.Table, f []condition) {
	if v == &showTable {
		if !tableHead(r, t) {
			return
		}
		if r.Level() < cli.Operator {
			r.WriteString("# contents not dumped due to insufficient privileges\n")
			return
		}
	}
	if of := fleet.Of(t.Table); of != nil && v == &clearTable {
		clearFleet(of, t, f)
		return
	}
	if v == &clearTable {
		t.Clear(clock.Millis(), func(e stick.Entry) bool { return passes(f, e, clock.Millis()) })
		return
	}
	var line []byte
	t.Walk(clock.Millis(), func(e stick.Entry) bool {
		now := clock.Millis()
		if !passes(f, e, now) || hidden(t, e) {
			return true
		}
		line = appendEntry(line[:0], t, e, now)
		_, err := r.Write(line)
		return err == nil
	})
}

// mostConditions is how many a filter may have (reference).
const mostConditions = 4

// byData does it to the entries whose data are as the words say.
func (v *tableVerb) byData(r *cli.Request, t *proxy.Table, words []string) {
	if v == &setTable {
		r.Fail(`content-based lookup is only supported with the "show" and "clear" actions`)
		return
	}
	var f []condition
	for i := range mostConditions {
		w := words[min(3*i, len(words)):]
		if at(w, 0) == "" {
			break
		}
		c, wrong := readCondition(t, w)
		if wrong != "" {
			r.Fail("Filter entry #%d: %s", i+1, wrong)
			return
		}
		f = append(f, c)
	}
	if n := 3 * mostConditions; at(words, n) != "" {
		r.Fail("Detected extra data in filter, %dth word of input, after '%s'", n+4, words[n-1])
		return
	}
	v.all(r, t, f)
}

// condition is one of a filter: how a datum compares to a number.
type condition struct {
	data stick.Data
	i    int
	op   string
	n    int64
}

func readCondition(t *proxy.Table, w []string) (c condition, wrong string) {
	var ok bool
	if c.data, c.i, wrong = readDatum(t, w[0]); wrong != "" {
		return c, wrong
	}
	switch c.op = at(w, 1); c.op {
	case "eq", "ne", "le", "ge", "lt", "gt":
	default:
		return c, `Require and operator among "eq", "ne", "le", "ge", "lt", "gt"`
	}
	if c.n, ok = whole(at(w, 2)); !ok {
		return c, "Require a valid integer value to compare against"
	}
	return c, ""
}

// whole reads a number; reference: one with a plus is none, and a minus alone is 0.
func whole(word string) (n int64, ok bool) {
	if word == "-" {
		return 0, true
	}
	n, err := strconv.ParseInt(word, 10, 64)
	return n, err == nil && word[0] != '+'
}

// readDatum reads data.<name>, or data.<name>[<element>] of an array.
func readDatum(t *proxy.Table, word string) (d stick.Data, i int, wrong string) {
	const unknown = "Unknown data type"
	name, ok := strings.CutPrefix(word, "data.")
	name, element, array := strings.Cut(name, "[")
	d, known := stick.DataByName(name)
	if !ok || !known || array && !d.Array() {
		return d, 0, unknown
	}
	if array {
		element, closed := strings.CutSuffix(element, "]")
		n, err := strconv.Atoi(element)
		if err != nil || !closed {
			return d, 0, unknown
		}
		i = n
	}
	if !t.Has(d, 0) {
		return d, 0, "Data type not stored in this table"
	}
	return d, i, ""
}

// passes tells whether an entry is as all conditions say; no element has no value.
func passes(f []condition, e stick.Entry, now uint32) bool {
	for i := range f {
		c := &f[i]
		if c.i < 0 || !e.Table().Has(c.data, c.i) {
			return false
		}
		if !c.holds(e.Value(c.data, c.i, now)) {
			return false
		}
	}
	return true
}

func (c *condition) holds(n int64) bool {
	switch c.op {
	case "eq":
		return n == c.n
	case "ne":
		return n != c.n
	case "le":
		return n <= c.n
	case "ge":
		return n >= c.n
	case "lt":
		return n < c.n
	}
	return n > c.n
}

// setEntry stores what the words say; reference: up to the first that is wrong.
func setEntry(r *cli.Request, t *proxy.Table, e stick.Entry, words []string) {
	for ; len(words) > 0; words = words[min(2, len(words)):] {
		if !strings.HasPrefix(words[0], "data.") {
			r.Fail(`"data.<type>" followed by a value expected`)
			return
		}
		d, i, wrong := readDatum(t, words[0])
		n, ok := whole(at(words, 1))
		switch {
		case wrong != "":
			r.Fail("%s", wrong)
			return
		case !ok:
			r.Fail("Require a valid integer value to store")
			return
		case i < 0 || !t.Has(d, i):
			r.Fail("index out of range in this data array")
			return
		}
		if of := fleet.Of(t.Table); of != nil && d.Form() != stick.Dict {
			of.Set(e, d, i, uint64(n), clock.Millis())
			continue
		}
		switch d.Form() {
		case stick.Rate:
			e.SetRateParts(d, i, clock.Millis(), 0, uint32(n), 0)
		case stick.Dict: // reference: taken, and left as it is
		default:
			e.Set(d, i, uint64(n))
		}
	}
}

// appendEntry appends an entry's line.
func appendEntry(b []byte, t *proxy.Table, e stick.Entry, now uint32) []byte {
	b = strconv.AppendUint(append(b, "0x"...), uint64(e.ID()), 16)
	b = appendText(append(b, ": key="...), t, e.Key())
	b = strconv.AppendInt(append(b, " use="...), int64(e.Holds()-1), 10) // but this one
	b = strconv.AppendUint(append(b, " exp="...), uint64(e.Left(now)), 10)
	b = append(b, " shard=0"...)
	for d := range stick.DataKinds {
		for i := range t.Elements(d) {
			b = appendDatum(b, t, e, d, i, now)
		}
	}
	return append(b, '\n')
}

func appendDatum(b []byte, t *proxy.Table, e stick.Entry, d stick.Data, i int, now uint32) []byte {
	b = append(appendName(append(b, ' '), t, d, i), '=')
	if d.Form() != stick.Dict {
		return strconv.AppendInt(b, e.Value(d, i, now), 10)
	}
	text := e.Text(d)
	if text == "" {
		text = "-"
	}
	return append(b, text...)
}

// appendName appends how a datum is called.
func appendName(b []byte, t *proxy.Table, d stick.Data, i int) []byte {
	name, tail := d.String(), ""
	if d.Array() { // gpc_rate is shown as gpc0_rate, gpc1_rate, …
		name, tail, _ = strings.Cut(name, "_")
		b = strconv.AppendInt(append(b, name...), int64(i), 10)
		if tail != "" {
			b = append(append(b, '_'), tail...)
		}
	} else {
		b = append(b, name...)
	}
	if d.Form() == stick.Rate {
		b = append(strconv.AppendUint(append(b, '('), uint64(t.Period(d)), 10), ')')
	}
	return b
}

// appendText appends a key so that it stays one word.
func appendText(b []byte, t *proxy.Table, key []byte) []byte {
	if t.Config.Key != stick.KeyString {
		return t.AppendKey(b, key)
	}
	for _, c := range key {
		switch {
		case c == ' ' || c == '=' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c > '~':
			b = appendControl(b, c)
		default:
			b = append(b, c)
		}
	}
	return b
}

func appendControl(b []byte, c byte) []byte {
	if i := strings.IndexByte("\t\n\r\x1b", c); i >= 0 {
		return append(b, '\\', "tnre"[i])
	}
	return fmt.Appendf(b, "\\x%02X", c)
}
