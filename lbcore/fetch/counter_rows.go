package fetch

import (
	"slices"
	"strings"

	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// counterRows are the rows of the fetches of stick counters. The examples' table t
// has a new entry in each slot, of what the client connected to, and u has none.
func counterRows() (rows []entry) {
	for _, f := range counterFamilies {
		for i := range counterWords {
			w := &counterWords[i]
			if w.in == "" || slices.Contains(strings.Fields(w.in), f.prefix) {
				rows = append(rows, counterRow(w, f.prefix, f.slot, f.of))
			}
		}
		if f.prefix != "src_" {
			rows = append(rows, slotRows(f.prefix, f.slot)...)
		}
	}
	return rows
}

// counterRow is one word of one family.
func counterRow(w *counterWord, prefix string, slot int64, of string) entry {
	e := entry{name: prefix + w.name, out: sample.SInt, needs: sample.NeedsInternalState, summary: w.summary + ", " + of}
	var types []sample.ArgType
	var given []string
	if w.indexed {
		types, given = append(types, sample.ArgInt), append(given, "0")
	}
	if slot < 0 {
		types, given = append(types, sample.ArgInt), append(given, "0")
	}
	least := len(types)
	types = append(types, sample.ArgTable)
	table := "t"
	if prefix == "src_" {
		least++
		table = "u"
		e.fetch = sourceFetch(w.of, w.create, w.indexed)
	} else {
		e.fetch = slotFetch(w.of, slot, w.indexed)
	}
	if prefix == "src_" || strings.HasPrefix(w.name, "kbytes") { // reference
		e.needs = client
	}
	e.args = args(least, types...)
	e.good = counterExamples(w, e.name, given, table)
	e.bad = []string{e.name + "(" + strings.Join(append(given, table, "u"), ",") + ")"}
	if least > 0 && prefix != "src_" {
		e.bad = append(e.bad, e.name)
	}
	return e
}

// counterExamples are the examples of a word; they are evaluated more than once.
func counterExamples(w *counterWord, name string, given []string, table string) []keyword.Example {
	call := func(args []string) string {
		if len(args) == 0 {
			return name
		}
		return name + "(" + strings.Join(args, ",") + ")"
	}
	if w.indexed { // arrays stand in a table of their own
		table += "a"
		if strings.HasPrefix(name, "sc") {
			table = "ua"
		}
	}
	with := call(append(slices.Clone(given), table))
	want := "0"
	switch {
	case table == "ua" && strings.HasPrefix(name, "sc"):
		return ex(with, "0") // the key is not there
	case table == "u" || table == "ua":
		if strings.HasPrefix(w.name, "inc_") || strings.HasPrefix(w.name, "updt_") {
			return ex(with+",bool", "1")
		}
		return ex(with, "0")
	case strings.HasPrefix(w.name, "inc_"):
		return ex(call(given)+",bool", "1")
	case w.example != "":
		want = w.example
	}
	return ex(call(given), want, with, want)
}

// slotRows are the words about a slot itself.
func slotRows(prefix string, slot int64) []entry {
	list, given := args(0, sample.ArgTable), ""
	key := sample.ArgList{}
	if slot < 0 {
		list, given, key = args(1, sample.ArgInt, sample.ArgTable), "(0)", args(1, sample.ArgInt)
	}
	bad := prefix + "tracked(0,t,u)"
	return []entry{
		{name: prefix + "tracked", out: sample.Bool, args: list, needs: internal, fetch: fetchTracked(slot), summary: "whether a slot tracks an entry",
			good: ex(prefix+"tracked"+given, "1"), bad: []string{bad}},
		{name: prefix + "key", out: sample.Any, args: key, needs: internal, fetch: fetchKey(slot), summary: "the key of the entry that a slot tracks",
			good: ex(prefix+"key"+given+",ipmask(8)", "127.0.0.0"), bad: []string{prefix + "key(0,1)"}},
	}
}
