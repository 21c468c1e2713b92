// Package fleet counts stick tables exactly across nodes: what a key did anywhere is
// what every node reads of it. It is state, codec and sessions without I/O, as package
// peers is for the classic protocol.
//
//	records.go  the memory of contributions: records, chains, lists
//	table.go    a table: what is counted here, and the sums of what others count
//	learn.go    what others tell; what an earlier life of this node counted
//	clear.go    clearing and setting, and what need not be kept
//	stream.go   what is still to be told of a source
//	wire.go     messages
//	section.go  what the sessions of a process share
//	session.go  a connection: its beginning, what comes in
//	exchange.go what the sides of a session tell each other
//	view.go     what there is to show
//
// Each process that counts on an entry contributes to it. Nobody but that process
// changes its contribution, so that contributions never meet and need not be merged:
//
//	entry --chain--> A/a1/5 (9, 3)   node A in its life a1, born at its change 5:
//	                 B/b1/2 (7, 4)   as of its change 9 it counted 3
//	                 everyone reads 3 + 4
//
// Of two states of one contribution the one of the later change holds. The sum of the
// other processes' contributions stands in words of the stick entry beside those that
// this process counts in (package stick, fleet.go): a rule's reading is one addition,
// and its counting is what it is in any table that has peers.
//
//	counters    the sum
//	rates       the sum of sliding averages, each on its own process's clock
//	conn_cur    the sum over processes that live
//	gpt, server_key  the last writer's, by a Lamport number, then by node
//	server_id   not shared: it is a position in a configuration
//
// Every process numbers its changes. For each source (a node in one of its lives) a
// process knows up to which change it has all; the sides of a session tell each other
// these numbers every second. Each tells its own changes as they come, at most every
// 100 ms, behind the number that the other one has. What a side has more of others,
// that have no session here, it is asked to tell as well. What waits for a session is
// a place in a list in the order of arrival, never a copy.
//
// Clearing names all contributions with what was seen of them, in a baseline that is
// told like a contribution of who cleared; readers subtract it. The process that a
// contribution belongs to notes in it how much is cleared, and the baseline goes. A
// contribution of which all is cleared stays, unseen, until every node of the section
// knows; then the entry goes.
//
// A process that learns of an earlier life of its node, once that is dead, adds what
// it counted to its own contribution and names it, so that others drop it in the same
// step. A name says up to what it is taken over and how much of that was cleared:
// what comes late, a count or a clear, finds its place.
//
// Sums lack what was evicted, expired or found no room somewhere, and what a process
// counted and told nobody when it crashed; the tables tell of it (TableView.Inexact).
//
// Section.mu is taken before a Table's locks, those before the stick table's. Loops
// take Table.mu alone: Reset waits for it, for the time of atOnce changes at most, and
// Renew does not wait. No goroutine starts here.
//
// Times are milliseconds of the monotonic clock as uint32, as in package stick.
package fleet
