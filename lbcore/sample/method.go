package sample

import "gohap/lbcore/message"

// methods lists the methods by number. Their spelling is case-sensitive
// (RFC 9110 section 9.1).
var methods = [...][]byte{
	message.GET: []byte("GET"), message.HEAD: []byte("HEAD"), message.POST: []byte("POST"), message.PUT: []byte("PUT"),
	message.DELETE: []byte("DELETE"), message.OPTIONS: []byte("OPTIONS"), message.TRACE: []byte("TRACE"),
	message.CONNECT: []byte("CONNECT"), message.PATCH: []byte("PATCH"),
}

// ParseMethod returns the number of a method, MethodOther when it has none.
func ParseMethod(text []byte) message.Method {
	for i, m := range methods {
		if m != nil && string(m) == string(text) {
			return message.Method(i)
		}
	}
	return message.MethodOther
}

// methodText returns a method's spelling, nil for MethodOther.
func methodText(m message.Method) []byte {
	if int(m) < len(methods) {
		return methods[m]
	}
	return nil
}
