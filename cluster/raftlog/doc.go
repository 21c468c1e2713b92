// Package raftlog keeps Raft's log, term and vote on disk, and keeps a disk that
// fails from taking more with it than Raft.
//
//	bolt.go  the file, a bbolt database: entries by index, values by name
//	park.go  a store that never returns an error
//
// The Raft library panics where its stable store, or reading its log, fails. A node
// must go on serving then, so Raft is given a Parking store: at the first failure it
// tells whoever wants to know and does not return any more. Raft stands still with it,
// as if the machine had stopped; the others elect and go on without this node.
//
//	log:    8 bytes index, big endian --> version 1, type, term, appended at, data, extensions
//	stable: name --> value
//
// Any goroutine may call any method.
package raftlog
