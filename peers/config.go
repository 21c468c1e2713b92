package peers

import (
	"sync/atomic"

	"gohap/stick"
)

// Config is a peers section.
type Config struct {
	Section string // its name
	Local   string // the name of this process among the peers
	PID     int    // of this process, told to others
	// Takeover tells that there is a process before this one, which will teach it.
	Takeover bool
	// Peers are all of the section, the local one included (by its name).
	Peers  []*Peer
	Tables []TableConfig
	// Shards is the number of parts that keys are distributed to, 0: all peers
	// get all keys.
	Shards int
	// MaxUpdates is how many updates a table gets in a turn before others have
	// theirs, 0: 200.
	MaxUpdates int
	// MaxMessage is the longest payload taken, bytes, 0: 16384.
	MaxMessage int
	// Log takes what an operator wants to know: level is "notice", "info",
	// "warning" or "alert" and text lacks the line's end. May be nil.
	Log func(level, text string)
}

// TableConfig is a table that a section shares. Its stick.Config.Peers is set.
type TableConfig struct {
	Name  string // on the wire: a proxy's name, "/name" of a table of the section
	Table *stick.Table
	// RecvOnly lets conn_cur be learned. Pushed is such a table all the same.
	RecvOnly bool
	// WriteTo gets server and tags of what peers tell of the table too, nil: no
	// other one does.
	WriteTo *stick.Table
}

// Peer is a peer of a section. The configuration fields are set before New; the
// counters may be read at any time.
type Peer struct {
	Name  string
	Shard int // the part of keys that it gets, 0: all; the local peer gets all

	// Since the start.
	Connects     atomic.Int64 // sessions that were established
	Sent         atomic.Int64 // messages
	Received     atomic.Int64 // messages
	SentBytes    atomic.Int64
	RecvBytes    atomic.Int64
	Updates      atomic.Int64 // updates of entries that were sent
	Learned      atomic.Int64 // updates of entries that were taken
	Refused      atomic.Int64 // updates of new keys for which a full table had no room
	Foreign      atomic.Int64 // definitions of tables that are unknown here or have other keys
	Ignored      atomic.Int64 // updates of such tables
	TooLong      atomic.Int64 // updates that would not fit into a message
	BadAcks      atomic.Int64 // acknowledgements of what was never sent
	Errors       atomic.Int64 // sessions ended by a breach of the protocol
	TxHeartbeats atomic.Int64
	RxHeartbeats atomic.Int64
	Collisions   atomic.Int64 // sessions that ended because the peer connected itself
	NoHeartbeat  atomic.Int64 // sessions ended because nothing came for too long

	n *peerState
}
