// Package message is the version-neutral HTTP message: a start line and an
// ordered list of header fields over memory that somebody else owns (a receive
// buffer or a stream's arena), with the facts that the codecs found out about
// framing and connection.
//
//	Head        start line, Fields, Flags, BodyLen
//	Field       lower-case name, trimmed value, ID, flags
//	URI         path, query and authority of a target, without allocation
//	Cookies     request cookies and Set-Cookie, the reference's tolerance
//	List        comma-separated values outside quotes, occurrence counting
//	StatusText  the reference's wording
//	pages       built-in error pages, byte for byte
//
// Nothing here allocates beyond growing Head.Fields, starts goroutines or reads
// a clock. A Head belongs to one stream (one loop); its slices live as long as
// the buffer they point into. The package imports the standard library alone.
package message
