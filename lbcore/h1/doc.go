// Package h1 is the HTTP/1 codec without I/O: bytes to message and back, chunked
// bodies, and the pure functions that decide what a connection header says and
// whether a connection may be used again.
//
//	bytes  --Decoder-->  message.Head  --AppendRequest/AppendResponse-->  bytes
//	bytes  --Chunks--->  payload       --AppendChunkSize/AppendTrailers->  bytes
//
// A Decoder and a Chunks belong to one direction of one connection and keep
// their state between calls. The package imports lbcore/message alone.
package h1
