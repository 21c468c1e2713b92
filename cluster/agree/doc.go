// Package agree runs Raft for a fleet's state: hashicorp/raft over the fleet's own
// port, with package state as its machine and package raftlog under it.
//
//	agree.go      opening, proposing, who leads, who votes
//	machine.go    the machine as Raft calls it
//	transport.go  Raft's connections: the address of a server is its id and where
//	              that id was seen last
//	cure.go       what is done about snapshots that are installed again and again
//
// Only proposing and changing who votes waits for others. A disk that fails parks
// Raft (see raftlog): everything else of the node goes on, and Stats says why.
//
// Any goroutine may call any method.
package agree
