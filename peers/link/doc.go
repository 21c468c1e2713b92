// Package link has the connections of peers sections: it listens for peers,
// connects to them, and drives the sessions of packages peers and peers/fleet.
//
//	link.go    a section's connections: accepting, waking, ticking, stopping
//	dial.go    who connects to a peer, and when again
//	drive.go   one connection: what is read and written
//	section.go what a section and its sessions must be
//
// What it starts, for a section that runs:
//
//	one goroutine that accepts        ends with the listener
//	one that ticks and wakes          ends with Stop
//	one for each remote peer          connects to it, and reads a connection it made
//	one for each accepted connection  reads
//	one for each connection           writes
//
// Wake may come from an event loop: it fills a channel of one place and waits for
// nothing; the sessions are woken once a millisecond at the most, the first time at
// once. A connection has one read and one write buffer of a fixed size: a peer
// that takes nothing is told nothing, and is given up when a write makes no
// progress for writeTime.
//
// When the process ends (Teach) it stops listening and connecting to others, and
// connects to the local peer's address, where the process that takes over listens.
// Sessions of the fleet go on meanwhile, until all is told that was counted (Finish).
package link
