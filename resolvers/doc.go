// Package resolvers asks name servers at run time: for the addresses of servers, for
// the servers of a service (SRV), for names that requests bring.
//
//	Section        a resolvers section: name servers, times, what is kept how long
//	  Nameserver   one of them; its counters; a query over UDP or TCP
//	  Watch        somebody who is told of a name's answers as they change
//	  Lookup       somebody who wants one address of a name, now
//	Slots, Services   which server gets which address or record: pure functions
//
// One resolution runs for each name and kind, whoever uses it: a goroutine that asks
// all name servers at once, takes the first valid answer, and sleeps until the next is
// due. A query has an id and a goroutine of its own, and over UDP a socket; its answer
// counts only when it comes from where the query went, with its id and its question. A
// connection serves one query at a time and is kept for the next (conn.go).
//
//	valid  ──────────────► records, those that were left out until hold obsolete
//	error  ──────────────► the other family is asked, then all again, resolve_retries times;
//	                       what was valid within hold <status> stays
//
// Watchers are called by the resolution's goroutine, one after the other, under no
// lock; lookups by theirs. Nothing here runs on a loop.
//
// goroutine (*Section).begin: one a resolution, ended with its last watch or by Stop
// goroutine (*Section).askAll: one a name server and query, ended with the query's time
// goroutine (*Section).Lookup: one a name that requests wait for
//
// Messages are read and written in message.go alone, by github.com/miekg/dns.
// Imports: lbcore/clock.
package resolvers
