package peers

// Session is a connection to a peer.
type Session struct {
	s *Section
	p *Peer
}

// Peer returns whom the session is with, nil while an inbound one has not said.
func (x *Session) Peer() *Peer { return x.p }

// Inbound tells that the other side connected.
func (x *Session) Inbound() bool { return false }

// Receive takes what came from the peer, in pieces of any size; b is not kept.
func (x *Session) Receive(b []byte, now uint32) {}

// Append appends to dst what is to be sent now, at most max bytes (of 1024 or
// more some are always appended when there is something), and returns it. Nothing
// is prepared beyond that: what was appended must be sent in order or the session
// closed.
func (x *Session) Append(dst []byte, max int, now uint32) []byte { return dst }

// Deadline returns when Append wants to be called though nothing came; ok is false
// when no time is known.
func (x *Session) Deadline() (at uint32, ok bool) { return 0, false }

// Closed tells that the session is over, why, in an operator's words, and after
// how many ms an outbound one should be tried again. What Append has left is sent
// first (the status or an error).
func (x *Session) Closed() (reason string, closed bool) { return "", false }

// RetryAfter returns after how many ms the caller should connect to the peer of a
// closed session again.
func (x *Session) RetryAfter() uint32 { return 5000 }

// Close ends the session: its connection is lost or given up. Cursors stay.
func (x *Session) Close(now uint32) {}
