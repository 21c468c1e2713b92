// Package transport moves bytes between a mux and a connected socket.
//
//	mux  --Send-->  Conn  --loop.Send-->  socket
//	mux  <--Recv--  Conn  <--loop.Recv--  socket
//
// Conn is the seam: Raw is plain TCP or unix; TLS and PROXY protocol stand
// behind the same methods. A transport belongs to the loop that its descriptor
// is registered with, and so does every call. No goroutine is started here.
//
// Imports: loop, invariant.
package transport
