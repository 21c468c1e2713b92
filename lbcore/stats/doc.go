// Package stats answers what an operator asks of a running instance: the
// statistics of proxies, listeners and servers, facts about the process, its
// pools, loops and streams.
//
//	Instance ── rows ── columns ── CSV, typed, JSON
//	            cells   name, origin/nature/scope, description
//
// One table of columns (columns.go) and one of fields (fields.go) say what
// there is, in the reference's order and names; the forms follow from them.
// What a cell holds for which kind of object is part of the contract: an empty
// cell differs from a zero. Commands register by Register; they run on the
// goroutine of their connection, read counters and gauges as any goroutine may
// and walk streams by loop.PostSliced only.
//
// The statistics pages (page.go) and the Prometheus exporter (exporter.go) answer
// requests on their loop. Their answers are made unit by unit, a line of a table or
// the values of a metric for one server, as the client takes them (produce.go):
// what is held is one unit, however many servers there are. What only a loop knows
// is gathered by posts, never waited for (machine.go). A form's action runs on a
// goroutine, which posts the outcome back (page_admin.go).
//
// goroutine (*Operations).Do: a change of servers writes lines and may block
//
//	over 6000 lines: tables of all that is counted, and the forms of them, which share
//	their cells
//
// Imports: cli, proxy, loop, clock, keyword; of stream what services need; of resolvers
// the counters.
package stats
