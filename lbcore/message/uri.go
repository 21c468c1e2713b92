package message

// URI is a request target taken apart. All slices point into the target.
type URI struct {
	Form      Form
	Scheme    []byte // absolute form only, without ":"
	UserInfo  []byte // without "@"
	Authority []byte // host and port with userinfo removed
	Host      []byte // without brackets' port; an IPv6 literal keeps its brackets
	Port      []byte // digits, may be empty
	PathQuery []byte // path and query with the "?"
	Path      []byte // up to "?" or "#"
	Query     []byte // after "?", up to "#"
	HasQuery  bool   // a "?" is there, Query may be empty
}

// Form is one of the four forms of a request target (RFC 9112 section 3.2).
type Form uint8

const (
	FormNone Form = iota
	FormOrigin
	FormAbsolute
	FormAuthority
	FormAsterisk
)
