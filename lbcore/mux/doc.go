// Package mux turns connections into streams and back.
//
//	         Upper (package stream)
//	   Event |                 ^ | Read WriteHead Write
//	         |        Endpoint | v
//	H1Client, H1Server, Pass, testmux      framing, persistence, own time-outs
//	         |
//	   transport.Conn
//
// A mux owns its connection: the transport, the codec's state, received bytes
// not yet read and produced bytes not yet sent. A stream sees an Endpoint for
// each of its two sides and pulls: it reads when the other side has room, so a
// full buffer pauses exactly that side. Framing never leaves this package; a
// stream handles heads and decoded body buffers.
//
// Ownership of buffers moves with the pointer. The first Read after a head
// returns the buffer that the head was parsed from, its content being the body
// received so far, if any: the head's fields point into the bytes in front of
// the content. They stay valid until that buffer is written to the other side,
// where the encoded head takes their place and leaves in the same send.
//
// Everything here runs on the connection's loop; no goroutine is started.
// Imports: loop, transport, message, h1, buffer, invariant.
package mux
