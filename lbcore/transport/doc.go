// Package transport moves bytes between a mux and a connected socket.
//
//	mux  --Send-->  Conn  --loop.Send-->  socket
//	mux  <--Recv--  Conn  <--loop.Recv--  socket
//
// Conn is the seam: Raw is plain TCP or unix; TLS and PROXY protocol stand
// behind the same methods. A transport belongs to the loop that its descriptor
// is registered with, and so does every call. No goroutine is started here.
//
//	TLS  tls.Conn --wire--> Raw     heap-allocated, beside its owner's Raw
//	     handshake: a coroutine that is left when input runs dry or a helper signs
//
// A TLS connection begins in an owner of its own and moves to a mux once its
// handshake is over; its coroutine runs on the loop's thread alone.
//
// Imports: loop, certs, buffer, invariant.
package transport
