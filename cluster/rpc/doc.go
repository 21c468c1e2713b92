// Package rpc lets nodes ask each other: a method's name and JSON there, JSON back,
// and bytes behind either where contents are moved. It runs over the fleet's port, so
// whoever asks is a member and known by its id.
//
//	frame:    4 bytes length, big endian | JSON | as many bytes as the JSON's "body" says
//	request:  {"method": ..., "args": ..., "body": n}
//	response: {"result": ..., "error": "...", "code": "...", "body": n}
//
// A connection carries one call after the other; a client keeps some for its next
// calls. Every call has an end: the caller's context there, a time limit here.
//
// Any goroutine may call any method. Handlers run on a goroutine a connection.
package rpc
