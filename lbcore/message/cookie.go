package message

// Cookie is one cookie of a cookie or set-cookie field. Name and Value have no
// blanks around them; quotes stay part of the value.
type Cookie struct {
	Name, Value []byte
	// Begin and End are the cookie's place in the field's value, from the name's
	// first byte behind the value's last.
	Begin, End int
}

// Cookies walks the cookies of one field's value. The reference is tolerant: both
// ";" and "," part cookies outside quotes, blanks may stand around "=", what has
// no "=" and names that begin with "$" are passed over. Of a set-cookie field
// (Set) only the first pair is a cookie, its attributes end at a ",".
type Cookies struct {
	V    []byte
	Set  bool
	next int
}

// Next returns the next cookie; ok is false after the last.
func (c *Cookies) Next() (cookie Cookie, ok bool) {
	for c.next < len(c.V) {
		begin := c.next
		for begin < len(c.V) && isBlank(c.V[begin]) {
			begin++
		}
		equal := begin
		for equal < len(c.V) && c.V[equal] != '=' && c.V[equal] != ';' && c.V[equal] != ',' {
			equal++
		}
		if equal == len(c.V) || c.V[equal] != '=' {
			c.next = equal + 1
			continue
		}
		end := c.skip(equal+1, false)
		c.next = end + 1
		if equal > begin && c.V[begin] == '$' {
			continue
		}
		if c.Set && end < len(c.V) && c.V[end] == ';' {
			c.next = c.skip(end, true) + 1
		}
		cookie = Cookie{
			Name:  trimBlanks(c.V[begin:equal]),
			Value: trimBlanks(c.V[equal+1 : end]),
			Begin: begin,
		}
		for end > equal+1 && isBlank(c.V[end-1]) {
			end--
		}
		cookie.End = end
		return cookie, true
	}
	return Cookie{}, false
}

// skip returns where a value that begins at i ends: at "," or, unless attributes
// are skipped, at ";", outside quotes.
func (c *Cookies) skip(i int, attributes bool) int {
	quoted := false
	for ; i < len(c.V); i++ {
		switch b := c.V[i]; {
		case b == '"':
			quoted = !quoted
		case b == '\\' && quoted:
			i++
		case quoted:
		case b == ',' || b == ';' && !attributes:
			return i
		}
	}
	return len(c.V)
}

// SetCookie returns the cookie of a set-cookie field: its first pair, whose name
// the value begins with. Begin and End are its value's place. Reference: what
// stands behind a comma is no cookie.
func SetCookie(v []byte) (c Cookie, ok bool) {
	equal := 0
	for equal < len(v) && v[equal] != '=' && v[equal] != ';' {
		equal++
	}
	if equal == len(v) || v[equal] != '=' {
		return c, false
	}
	name := equal
	for name > 0 && isBlank(v[name-1]) {
		name--
	}
	c.Begin = equal + 1
	for c.Begin < len(v) && isBlank(v[c.Begin]) {
		c.Begin++
	}
	w := Cookies{V: v}
	c.End = w.skip(c.Begin, false)
	for c.End > c.Begin && isBlank(v[c.End-1]) {
		c.End--
	}
	c.Name, c.Value = v[:name], v[c.Begin:c.End]
	return c, true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
