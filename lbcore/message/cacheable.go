package message

import "bytes"

// Cacheable tells whether caches between here and the client may keep the answer
// to a request of that method. Reference: they may where method and status allow
// it by themselves and the answer says for how long, or has what a copy is
// compared by, and nothing forbids it.
func Cacheable(m Method, h *Head) bool {
	if !cacheableMethod(m) || !cacheableStatus(h.Status) {
		return false
	}
	var c control
	c.read(h)
	return c.allowed && !c.forbidden
}

// CookieCacheable tells whether they may keep a cookie of such an answer. Reference:
// the same, but that an answer which says public need not be of such a method and
// status.
func CookieCacheable(m Method, h *Head) bool {
	c := control{cookie: true}
	c.read(h)
	return c.allowed && !c.forbidden && (c.public || cacheableMethod(m) && cacheableStatus(h.Status))
}

func cacheableMethod(m Method) bool {
	switch m {
	case GET, HEAD, OPTIONS, TRACE:
		return true
	}
	return false
}

func cacheableStatus(code int) bool {
	switch code {
	case 200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// control is what the fields of an answer say about caches; cookie asks for what they
// say of its cookies.
type control struct{ cookie, allowed, forbidden, public bool }

func (c *control) read(h *Head) {
	for i := range h.Fields {
		if f := &h.Fields[i]; f.Flags&FieldDeleted == 0 {
			c.field(f)
		}
	}
}

func (c *control) field(f *Field) {
	switch string(f.Name) {
	case "etag", "last-modified", "expires":
		c.allowed = true
	case "pragma":
		c.forbidden = c.forbidden || EqualFold(f.Value, "no-cache")
	case "cache-control":
		for v := f.Value; len(v) > 0; {
			part := v
			if i := bytes.IndexByte(v, ','); i >= 0 {
				part, v = v[:i], v[i+1:]
			} else {
				v = nil
			}
			c.directive(trimBlanks(part))
		}
	}
}

func (c *control) directive(d []byte) {
	name, value, _ := bytes.Cut(d, []byte("="))
	switch {
	case EqualFold(name, "private"), EqualFold(name, "no-store"):
		c.forbidden = true
	case EqualFold(name, "no-cache"): // reference: not with set-cookie, which is what is inserted
		c.forbidden = c.forbidden || c.cookie || !hasPrefix(value, `"set-cookie`)
	case EqualFold(d, "max-age=0"), EqualFold(d, "s-maxage=0"):
		c.forbidden = true
	case EqualFold(d, "public"):
		c.public = true
	case hasPrefix(d, "max-age"), hasPrefix(d, "s-maxage"):
		c.allowed = true
	}
}

// hasPrefix tells whether b begins with a lower-case word, whatever its case.
func hasPrefix(b []byte, word string) bool {
	return len(b) >= len(word) && EqualFold(b[:len(word)], word)
}
