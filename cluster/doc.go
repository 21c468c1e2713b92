// Package cluster makes nodes a fleet: they find each other, agree on one
// configuration and have it served everywhere. What a configuration is, it does not
// know: bundles are opaque, and an Applier that the program brings checks and serves
// them.
//
//	node.go      a node's life: start, leave, close
//	identity.go  who it is: its id and fleet, on disk
//	found.go     how a fleet begins: grants of the founding members
//	join.go      how a node comes into one, and back
//	follow.go    the active configuration is fetched, checked, served
//	lead.go      what the leader does besides: voters, first configuration, old ones
//	apply.go     a new configuration: checked everywhere, agreed on, reported
//	calls.go     what nodes ask each other
//	command.go   the program's own commands, on other nodes
//	secret.go    other secrets while the node runs
//	status.go    what a person sees of it all
//	watch.go     what the log is told
//
// Under it: keyring (the secret), port (one TLS port), member (gossip), rpc (calls),
// agree over state and raftlog (Raft), bundle over durable (contents on disk).
//
//	                join, apply, status
//	                        |
//	member <-- node.go, join.go, follow.go, lead.go --> agree --> state
//	   \                    |                            /
//	    +-------------- rpc / port / keyring -----------+
//
// The rule above all: serving never waits for any of this. A node starts from its last
// good configuration, or its own file, before it knows of anybody; without a quorum,
// a disk or a network it goes on with what it serves.
//
// Any goroutine may call a Node's methods.
package cluster
