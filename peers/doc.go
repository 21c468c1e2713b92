// Package peers speaks the peers protocol, version 2.1, by which nodes tell each
// other what their stick tables hold. It is codec and state machine without I/O:
// a caller owns sockets, timers and reconnecting.
//
//	config.go   a section: its peers and tables
//	section.go  what its sessions share: who teaches this process, when
//	session.go  one connection: what comes in
//	hello.go    its beginning: version, names, status
//	send.go     what goes out: teaching, changes, acknowledgements
//	table.go    tables on the wire: definitions, keys, values
//	dict.go     the server keys that each side remembers
//	wire.go     numbers and messages
//	view.go     what there is to show
//
// A Section lives as long as its configuration; a Session as long as its
// connection. A section begins by learning what others know:
//
//	from-local --old process taught all--> finished
//	   |  5 s, or it was not up to date       ^ ^
//	   v                                      | |
//	from-remote --a peer taught all-----------+ |
//	   |  partial: another peer is asked        |
//	   +--5 s without a peer to ask-------------+
//
// How far a peer is with a table is a cursor into that table's log of changes. The
// numbers of updates on the wire are the log's, so an acknowledgement is a cursor,
// and a new session goes on behind the last one. Teaching walks the table itself,
// whose changes since the walk began follow from the log; a peer so far behind that
// the log does not reach back to it is walked too. What was learned is not in the
// log: peers tell their own changes alone.
//
// Nothing is prepared before there is room for it: what waits for a peer is a
// cursor, flags and at most the numbers of one part of a table's entries.
//
// Sections lock themselves: any goroutine may call a section and its sessions, and
// calls to sessions of one section exclude each other. Loops call none; what Wake
// set is called on them. Config.Log is called with the lock held and may call back
// nothing of this package.
//
// Times are milliseconds of the monotonic clock as uint32, as in package stick.
package peers
