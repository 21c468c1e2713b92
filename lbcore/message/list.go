package message

// List walks the values of a comma-separated field outside of quotes (req.hdr).
// The zero value with V set is ready.
type List struct {
	V    []byte
	done bool
}

// Next returns the next value without blanks around it; ok is false after the
// last. An empty field has one empty value, as in the reference.
func (l *List) Next() (value []byte, ok bool) {
	if l.done {
		return nil, false
	}
	end := valueLen(l.V)
	value = trimBlanks(l.V[:end])
	if end == len(l.V) {
		l.done = true
	} else {
		l.V = l.V[end+1:]
	}
	return value, true
}

// valueLen returns where the first value ends: at a comma outside quotes. A
// backslash inside quotes hides the next byte.
func valueLen(v []byte) int {
	quoted := false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return i
		}
	}
	return len(v)
}

func trimBlanks(v []byte) []byte {
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}

// HasToken reports whether a comma-separated list holds the token, by exact case.
func HasToken(v []byte, token string) bool {
	l := List{V: v}
	for t, ok := l.Next(); ok; t, ok = l.Next() {
		if string(t) == token {
			return true
		}
	}
	return false
}

// Values walks the values of all fields of one name in order, split at commas
// (Split) or whole lines.
type Values struct {
	Head  *Head
	Name  []byte // lower-case
	Split bool
	index int // field after the current one
	list  List
	open  bool
}

// Next returns the next value and the index of its field; index is -1 after the
// last.
func (v *Values) Next() (value []byte, index int) {
	for {
		if v.open {
			if value, ok := v.list.Next(); ok {
				return value, v.index - 1
			}
			v.open = false
		}
		i := v.Head.FindNext(v.Name, v.index)
		if i < 0 {
			return nil, -1
		}
		v.index = i + 1
		if !v.Split {
			return v.Head.Fields[i].Value, i
		}
		v.list, v.open = List{V: v.Head.Fields[i].Value}, true
	}
}

// Count returns how many values there are from here on.
func (v Values) Count() int {
	n := 0
	for _, i := v.Next(); i >= 0; _, i = v.Next() {
		n++
	}
	return n
}

// Value returns one occurrence of a field: n counts from 1, negative n from the
// end (-1 is the last). Split counts comma-separated values (req.hdr), otherwise
// lines (req.fhdr).
func (h *Head) Value(name []byte, n int, split bool) (value []byte, ok bool) {
	v := Values{Head: h, Name: name, Split: split}
	if n < 0 {
		n += v.Count() + 1
	}
	for ; n > 0; n-- {
		value, i := v.Next()
		if i < 0 {
			return nil, false
		}
		if n == 1 {
			return value, true
		}
	}
	return nil, false
}
