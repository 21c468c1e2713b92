package message

import "gohap/lbcore/buffer"

// CookieEdit walks the cookies of one cookie field's value and changes it on the
// way, as the reference does: blanks around a "=" go, a cookie goes with the "$"
// attributes behind it, and of what parts it from its neighbours one delimiter and
// one blank stay. The value itself is left alone: the first change copies it into
// the arena.
type CookieEdit struct {
	// Name and Value are the present cookie's, without blanks around them; quotes
	// stay part of the value. They hold until the next call.
	Name, Value []byte
	// Changed tells that Result is another value than the field's.
	Changed bool

	v      []byte
	arena  *buffer.Arena
	prev   int  // the delimiter in front of the present cookie, 0 for the first
	next   int  // the delimiter behind it, or the end
	begin  int  // of the present value
	end    int  // behind it
	from   int  // what is deleted begins here, -1 for nothing
	some   bool // a cookie stays
	before bool // one in front of the present one does
	begun  bool
}

// Open begins with the value of a cookie field.
func (e *CookieEdit) Open(v []byte, a *buffer.Arena) {
	*e = CookieEdit{v: v, arena: a, from: -1}
}

// Next goes to the next cookie that has a name and reports whether there is one.
func (e *CookieEdit) Next() bool {
	for {
		at := 0
		if e.begun {
			if e.prev = e.next; e.prev >= len(e.v) {
				return false
			}
			at = e.prev + 1
		} else if e.begun = true; len(e.v) == 0 {
			return false
		}
		for at < len(e.v) && isBlank(e.v[at]) {
			at++
		}
		equal := at
		for equal < len(e.v) && e.v[equal] != '=' && e.v[equal] != ';' && e.v[equal] != ',' {
			equal++
		}
		named := equal < len(e.v) && e.v[equal] == '='
		stop := equal
		e.next = equal
		if named {
			stop = e.measure(at, equal)
		}
		if at < len(e.v) && e.v[at] == '$' { // an attribute of the cookie in front
			continue
		}
		if e.from >= 0 {
			n := e.remove(e.from, e.prev)
			e.prev, e.next, e.begin, e.end = e.from, e.next-n, e.begin-n, e.end-n
			at, stop, e.from = at-n, stop-n, -1
		}
		e.before, e.some = e.some, true
		if named {
			e.Name, e.Value = e.v[at:stop], e.v[e.begin:e.end]
			return true
		}
	}
}

// measure finds the value of the cookie whose name begins at and whose "=" stands
// at equal, takes the blanks around that away and returns the name's end.
func (e *CookieEdit) measure(at, equal int) int {
	stop := equal
	for stop > at && isBlank(e.v[stop-1]) {
		stop--
	}
	e.begin = equal + 1
	for e.begin < len(e.v) && isBlank(e.v[e.begin]) {
		e.begin++
	}
	c := Cookies{V: e.v}
	e.next = c.skip(e.begin, false)
	if n := e.begin - stop - 1; n > 0 && e.v[at] != '$' {
		e.own()
		e.v[stop] = '='
		e.cut(stop+1, n)
		e.begin, e.next = e.begin-n, e.next-n
	}
	e.end = e.next
	for e.end > e.begin && isBlank(e.v[e.end-1]) {
		e.end--
	}
	return stop
}

// Delete removes the present cookie.
func (e *CookieEdit) Delete() { e.from, e.some = e.prev, e.before }

// CutValue removes the first n bytes of the present cookie's value.
func (e *CookieEdit) CutValue(n int) {
	e.own()
	e.cut(e.begin, n)
	e.end, e.next = e.end-n, e.next-n
	e.Value = e.v[e.begin:e.end]
}

// Result returns the value when the walk is over; empty means that the field goes.
func (e *CookieEdit) Result() []byte {
	if e.from < 0 {
		return e.v
	}
	e.Changed = true
	if !e.some {
		return nil
	}
	return e.v[:e.from]
}

// remove deletes from the delimiter at from, or the beginning, up to the one at
// next, and returns how many bytes that were.
func (e *CookieEdit) remove(from, next int) int {
	e.own()
	before := len(e.v)
	rest := next + 1
	for rest < len(e.v) && isBlank(e.v[rest]) {
		rest++
	}
	if from == 0 {
		e.cut(0, rest)
		return before - len(e.v)
	}
	to := from
	for to > 0 && isBlank(e.v[to-1]) {
		to--
	}
	e.v[to], e.v[to+1] = e.v[next], ' '
	e.cut(to+2, rest-to-2)
	e.from = to
	return before - len(e.v)
}

func (e *CookieEdit) own() {
	if !e.Changed {
		e.v, e.Changed = e.arena.Copy(e.v), true
	}
}

func (e *CookieEdit) cut(at, n int) { e.v = append(e.v[:at], e.v[at+n:]...) }
