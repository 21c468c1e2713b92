package peers

// This file lends the protocol's numbers and messages to package peers/fleet; Reader,
// Inbox and Line (wire.go) serve both.

// AppendVarint appends a number in the protocol's encoding.
func AppendVarint(dst []byte, v uint64) []byte { return appendVarint(dst, v) }

// Varint reads a number and returns how many bytes it took; 0: b ends too early,
// negative: no number of 64 bits is that long.
func Varint(b []byte) (v uint64, n int) { return varint(b) }

// AppendMessage appends a message with a payload.
func AppendMessage(dst []byte, class, typ byte, payload []byte) []byte {
	return appendMessage(dst, class, typ, payload)
}

// NextMessage reads a message from b and returns how many bytes it took, 0 when more
// has to come; bad tells of one without a length or longer than longest.
func NextMessage(b []byte, longest int) (class, typ byte, payload []byte, n int, bad bool) {
	f, n, is := nextFrame(b, longest)
	return f.class, f.typ, f.payload, n, is == frameTooLong || is == frameBad
}
