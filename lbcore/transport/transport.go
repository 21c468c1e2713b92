package transport

import (
	"net/netip"

	"gohap/lbcore/loop"
)

// State is the outcome of a transfer. The bytes that a call reports are valid
// with every state.
type State uint8

// The states.
const (
	OK     State = iota
	Again        // nothing more now: the handler is told when that changes
	EOF          // the peer has ended its direction
	Failed       // the connection is gone; Err says why
)

// Conn is a connection that a mux drives. All methods are non-blocking and for
// the owning loop only.
type Conn interface {
	// Recv reads into p, which is not empty.
	Recv(p []byte) (n int, s State)
	// Send writes p.
	Send(p []byte) (n int, s State)
	// SendLast is Send before a Close or ShutdownWrite that follows at once: what
	// it took may leave together with that end.
	SendLast(p []byte) (n int, s State)
	// Pending tells whether received bytes wait above the socket.
	Pending() bool
	// Ready takes the edges of a poll and tells which directions may move.
	Ready(r loop.Readiness) (in, out bool)
	// Quiet tells that there is nothing to read before the handler is told.
	Quiet() bool
	// Idle tells that the owner waits for a message: what only a transfer needs is
	// given back.
	Idle()
	// Watch makes sure that the handler is told of edges even when no transfer
	// met Again.
	Watch()
	// ShutdownWrite ends the sending direction after what was sent.
	ShutdownWrite()
	// Close ends the connection and forgets the descriptor. With reset
	// unsent bytes are dropped and the peer gets a reset.
	Close(reset bool)
	// Err is the error behind Failed, zero otherwise.
	Err() loop.Errno
	// Local returns the socket's own address, the zero value for unix sockets.
	Local() netip.AddrPort
	// HungUp tells whether the peer has ended its direction, as far as a poll
	// has said so.
	HungUp() bool
}
