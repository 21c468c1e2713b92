// Package port is the one TCP port of a fleet's node: everything that members say to
// each other but gossip packets goes through it, over TLS 1.3 in which both ends prove
// that they have the fleet's secret. What a connection is for is its ALPN protocol:
//
//	          +--"gohap-gossip"--> membership, whole states
//	TCP -- TLS+--"gohap-raft"----> the log of what is agreed
//	          +--"gohap-rpc"-----> questions, contents of bundles
//	          +--"gohap-tables"--> stick tables
//
// A connection without a protocol, or with one that nobody serves, is refused. Until
// its handshake is over a stranger costs a goroutine and a place among Waiting: where
// all are taken the one that has waited longest goes, so strangers who say nothing
// keep no member out.
//
// The port starts a goroutine that accepts and one for each handshake; connections
// belong to those who take them from the listener of their protocol. All methods may
// be called by any goroutine.
package port
