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
// Imports: cli, proxy, loop, clock, keyword. No goroutine is started here.
package stats
