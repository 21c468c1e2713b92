package h1

import "gohap/lbcore/message"

// Options steer the decoder.
type Options struct {
	// MaxFields is the largest number of header lines (tune.http.maxhdr less one
	// for the start line); 0 means 100.
	MaxFields int
	// MaxHead is the largest head in bytes (tune.bufsize - tune.maxrewrite); 0
	// means no limit. A longer one fails with 414 inside the target, else 431.
	MaxHead int
	// MaxLine is how many bytes an unfinished start line may have, MaxHead where
	// that is more. Reference: such a line fills the buffer, a head leaves room
	// for rewriting.
	MaxLine int
	// Relaxed accepts what option accept-unsafe-violations-in-http-request (or
	// -response) accepts.
	Relaxed bool
	// AnyPayload accepts bodies of GET, HEAD and DELETE in HTTP/1.0.
	AnyPayload bool
}

// Status is the outcome of one call of a decoder.
type Status int8

const (
	NeedMore Status = iota
	Done
	Failed
)

// RequestInfo is what a response has to know about its request.
type RequestInfo struct {
	Method  message.Method
	Upgrade bool // the request asked for an upgrade (connection: upgrade and an upgrade field)
	// Version11 and Keep tell whether the client spoke HTTP/1.1 and whether it
	// agrees to keep its connection; ClientConnection needs them.
	Version11, Keep bool
}

// Failure tells why a decoder failed.
type Failure struct {
	Code   int    // HTTP status to answer a request with: 400, 413, 414, 422, 431, 501…
	Pos    int    // offset in the bytes given of the byte at fault
	Reason string // short, for show errors
	state  uint8  // what was being read, see State
}

// ReasonUnasked is the Reason of a sound 101 that nobody asked for.
const ReasonUnasked = "101 without upgrade"

// Connection is what the encoder writes as connection header after everything.
type Connection uint8

const (
	ConnNone Connection = iota
	ConnClose
	ConnKeepAlive
)
