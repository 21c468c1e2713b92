package message

import "bytes"

// Form is one of the four forms of a request target (RFC 9112 section 3.2).
type Form uint8

// The forms; FormNone is a target that fits none without knowing the method.
const (
	FormNone Form = iota
	FormOrigin
	FormAbsolute
	FormAuthority
	FormAsterisk
)

// URI is a request target taken apart. All slices point into the target; those
// of parts that are not there are nil.
type URI struct {
	Form      Form
	Scheme    []byte // absolute form, without ":"
	UserInfo  []byte // without "@"
	Authority []byte // host and port, without userinfo
	Host      []byte // an IPv6 literal keeps its brackets
	Port      []byte // without ":"; may be empty
	PathQuery []byte // from the path on, to the end
	Path      []byte // up to "?" or "#"
	Query     []byte // after "?", up to "#"
	HasQuery  bool   // a "?" is there, Query may be empty
}

// PathQuery returns the path and query of a request's target, and the path alone, nil when it has
// none (CONNECT, OPTIONS *). Reference: the empty path of an absolute form is
// "/".
func (h *Head) PathQuery() (pathq, path []byte) {
	t := h.Target
	switch {
	case len(t) > 0 && t[0] == '/':
	case h.Method == CONNECT || h.Flags.Has(AuthorityForm):
		return nil, nil
	default:
		u := SplitURI(t)
		if u.Form != FormAbsolute {
			return nil, nil
		}
		if t = u.PathQuery; len(t) == 0 {
			return slash, slash
		}
	}
	if i := bytes.IndexByte(t, '?'); i >= 0 {
		return t, t[:i]
	}
	return t, t
}

var slash = []byte("/")

// SplitURI takes an origin-form, absolute-form or asterisk-form target apart. An
// authority-form target (CONNECT) is for SplitAuthority.
func SplitURI(target []byte) URI {
	var u URI
	switch {
	case len(target) == 0:
		return u
	case target[0] == '/':
		u.Form = FormOrigin
		u.splitPath(target)
		return u
	case len(target) == 1 && target[0] == '*':
		u.Form = FormAsterisk
		return u
	}
	n := schemeLen(target)
	if n == 0 {
		return u
	}
	u.Form = FormAbsolute
	u.Scheme = target[:n]
	rest := target[n+3:]
	end := authorityLen(rest)
	u.splitAuthority(rest[:end])
	u.splitPath(rest[end:])
	return u
}

// SplitAuthority takes an authority-form target apart; what a "/", "?" or "#"
// begins is left out (reference).
func SplitAuthority(target []byte) URI {
	u := URI{Form: FormAuthority}
	u.splitAuthority(target[:authorityLen(target)])
	return u
}

// schemeLen returns the length of the scheme before "://", 0 if there is none.
func schemeLen(t []byte) int {
	for i, c := range t {
		l := c | 0x20
		switch {
		case l-'a' <= 'z'-'a':
		case i > 0 && (c-'0' <= 9 || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':' && len(t) >= i+3 && t[i+1] == '/' && t[i+2] == '/':
			return i
		default:
			return 0
		}
	}
	return 0
}

// authorityLen returns where an authority ends (RFC 3986 section 3.2).
func authorityLen(t []byte) int {
	for i, c := range t {
		if c == '/' || c == '?' || c == '#' {
			return i
		}
	}
	return len(t)
}

func (u *URI) splitAuthority(a []byte) {
	for i := len(a) - 1; i >= 0; i-- {
		if a[i] == '@' { // the last one: userinfo may hold more of them (reference)
			u.UserInfo, a = a[:i], a[i+1:]
			break
		}
	}
	u.Authority = a
	u.Host, u.Port = SplitHostPort(a)
}

// SplitHostPort parts host and port at the last colon outside brackets; port is
// nil if there is no colon.
func SplitHostPort(a []byte) (host, port []byte) {
	for i := len(a) - 1; i >= 0 && a[i] != ']'; i-- {
		if a[i] == ':' {
			return a[:i], a[i+1:]
		}
	}
	return a, nil
}

func (u *URI) splitPath(p []byte) {
	u.PathQuery = p
	end := len(p)
	for i, c := range p {
		if c == '#' {
			end = i
			break
		}
	}
	for i, c := range p[:end] {
		if c == '?' {
			u.Path, u.Query, u.HasQuery = p[:i], p[i+1:end], true
			return
		}
	}
	u.Path = p[:end]
}
