package fetch

import (
	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// Register adds the fetches and the log aliases.
func Register(set *keyword.Set) {
	for _, rows := range [][]entry{headerRows, cookieRows, uriRows, bodyRows, authRows, connRows, proxyRows, tableRows, txnRows, counterRows(), contentRows(), tlsRows()} {
		for i := range rows {
			addFetch(set, &rows[i])
		}
	}
	registerServerConverters(set)
	registerTables(set)
	for i := range aliasRows {
		addAlias(set, &aliasRows[i])
	}
}

// entry is one fetch.
type entry struct {
	name    string
	out     sample.Type
	args    sample.ArgList
	needs   sample.Needs
	fetch   sample.FetchFunc
	check   sample.CheckFunc
	summary string
	good    []keyword.Example
	bad     []string
	instead string // the modern form of a deprecated word
}

func addFetch(set *keyword.Set, e *entry) {
	row := &sample.FetchRow{Fetch: e.fetch, Args: e.args, Check: e.check, Out: e.out, Needs: e.needs}
	set.Add(keyword.Row{
		Class: keyword.Fetch, Name: e.name, Args: e.args.String(), Out: e.out.String(), Summary: e.summary,
		Good: e.good, Bad: e.bad, Instead: e.instead, Valid: row.Validity(), Impl: row,
	})
}

// What the fetches of a group look at.
const (
	reqHead  = sample.NeedsRequestHeaders
	resHead  = sample.NeedsResponseHeaders
	anyHead  = sample.NeedsRequestHeaders | sample.NeedsResponseHeaders
	reqLine  = sample.NeedsRequest
	internal = sample.NeedsInternalState
)

// args builds an argument grammar: the first min are mandatory.
func args(min int, types ...sample.ArgType) sample.ArgList {
	return sample.ArgList{Min: min, Types: types}
}

// ex pairs expressions with what they print for the example request.
func ex(pairs ...string) []keyword.Example {
	list := make([]keyword.Example, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, keyword.Example{Config: pairs[i], Out: pairs[i+1]})
	}
	return list
}

// on lists expressions with the message that they look at and what they print.
func on(triples ...string) []keyword.Example {
	list := make([]keyword.Example, 0, len(triples)/3)
	for i := 0; i+2 < len(triples); i += 3 {
		list = append(list, keyword.Example{Config: triples[i], In: triples[i+1], Out: triples[i+2]})
	}
	return list
}

// plus joins examples.
func plus(lists ...[]keyword.Example) (all []keyword.Example) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// missing stands for "no value" in an example's Out.
const missing = "(no value)"

// exampleHead is the request of the examples that name none.
const exampleHead = "GET /a/b.html?x=1&y=2 HTTP/1.1\nhost: www.example.com"

// req is exampleHead with further header lines.
func req(lines string) string { return exampleHead + "\n" + lines }

// res is a response with header lines.
func res(lines string) string { return "HTTP/1.1 200 OK\n" + lines }
