package message

// EqualFold compares without regard to the case of ASCII letters, byte by byte:
// names and tokens of HTTP are ASCII (RFC 9110 5.6.2), and what is not must not
// become equal to something else.
func EqualFold[A, B ~[]byte | ~string](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if c, e := a[i], b[i]; c != e && (c|0x20 != e|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
