// Package simkernel plays sockets for transcripts: a loop.Kernel in memory,
// whose peers are driven by a test. Nothing happens by itself: bytes arrive,
// connections open and time passes when the test says so, and a loop's turns
// are taken by the test, so that every run of a script is the same.
//
//	Kernel.Dial(listener)   a client connects     -> *Peer
//	Kernel.Listen(addr)     a server may be dialled; Accept -> *Peer
//	Peer.Write, Close, Reset, Room, Take           the far end of a socket
//
// It implements what the edge-triggered poll promises: an event for each new
// edge, and one at registration when something is ready. Imports: loop and
// clock.
package simkernel
