// Package state is what a fleet agrees on: which configuration is the active one and
// which were before it, which nodes belong, what settings hold. It is a state machine
// without Raft, sockets, clocks or files: every node that applies the same entries has
// the same state.
//
//	state.go     the state, what one may ask of it
//	entry.go     what changes it: entries, as JSON with a version
//	manifest.go  the manifest of a bundle: the names and hashes of its files
//
// An entry is proposed against what its proposer knew and says so; where the state has
// moved on meanwhile it changes nothing and its result says why. An entry of a version
// that this program does not know halts the machine for good: it skips nothing, and the
// node goes on with what it has until the program is a newer one.
//
// A Machine may be asked by any goroutine; Apply, Restore are for one at a time.
package state
