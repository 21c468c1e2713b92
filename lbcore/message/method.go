package message

// IdentifyMethod returns the method of that name, MethodOther if there is none.
func IdentifyMethod(name []byte) Method {
	switch string(name) {
	case "GET":
		return GET
	case "POST":
		return POST
	case "HEAD":
		return HEAD
	case "PUT":
		return PUT
	case "DELETE":
		return DELETE
	case "OPTIONS":
		return OPTIONS
	case "PATCH":
		return PATCH
	case "CONNECT":
		return CONNECT
	case "TRACE":
		return TRACE
	}
	return MethodOther
}

var methodNames = [...]string{"", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"}

// String returns the method's name, "" for MethodOther.
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return ""
}
