// Package h1 is the HTTP/1 codec without I/O: bytes to message and back, chunked
// bodies, and the pure functions that decide what a connection field says and
// whether a connection may be used again.
//
//	bytes --Decoder--> message.Head --AppendRequest, AppendResponse--> bytes
//	bytes --Chunks---> payload, trailers --AppendChunkSize, AppendTrailers--> bytes
//
//	client side                        server side
//	Decoder.Request   head, Info
//	                                   ServerConnection, AppendRequest
//	                                   Decoder.Response, ServerReusable (interim ones too)
//	ClientConnection, AppendResponse
//	ClientKeeps
//
// A decoder normalises what it reads: names in lower case, folded lines unfolded,
// content-length in plain digits and once, no length beside chunked, close and
// keep-alive taken out of connection fields, h2 and h2c out of upgrade fields,
// host and absolute-form target without default port. It does so in place, in the
// buffer it is given; an untouched line stays one piece (message.FieldVerbatim)
// and is copied with its neighbours when the head is written again.
//
// A Decoder and a Chunks belong to one direction of one connection, on its loop.
// Nothing allocates but the growth of Head.Fields and of a trailer buffer. The
// package imports lbcore/message alone. testdata holds some two thousand exchanges
// recorded from the reference; TestReference plays them, TestRecord records them.
package h1
