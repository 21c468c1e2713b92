package h1

import "gohap/lbcore/message"

func trim(v []byte) []byte {
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}

// equalFold compares with lower-case ASCII text.
func equalFold(v []byte, lowered string) bool {
	if len(v) != len(lowered) {
		return false
	}
	for i, c := range v {
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		if c != lowered[i] {
			return false
		}
	}
	return true
}

// filterList leaves tokens out of a comma-separated value, in place, and returns
// what stays. An untouched value keeps its blanks but loses a trailing comma;
// once a token was left out the rest is joined by bare commas (reference, which
// leaves the blank before a cut comma at the end; here values have none there).
func filterList(v []byte, drop func(token []byte) bool) []byte {
	out, moved := 0, false // v[:out] is kept
	empty := 0             // elements without content since the last kept token
	for i := 0; i < len(v); i++ {
		j := i
		for j < len(v) && v[j] != ',' {
			j++
		}
		token := trim(v[i:j])
		switch {
		case len(token) > 0 && drop(token):
			moved = true
		case !moved:
			if len(token) > 0 {
				out = j
			}
		case len(token) == 0:
			empty++
		default:
			if out > 0 {
				for ; empty >= 0; empty-- {
					v[out] = ','
					out++
				}
			}
			empty = 0
			out += copy(v[out:], token)
		}
		i = j
	}
	return trim(v[:out])
}

// replaceList sets the field's value to a filtered one; false when nothing is left.
func replaceList(f *message.Field, v []byte) bool {
	if len(v) != len(f.Value) {
		f.Value = v
		f.Flags &^= message.FieldVerbatim
	}
	return len(v) > 0
}

// cleanConnection takes the tokens that concern this hop (RFC 9112 section 9.3)
// out of a connection field; false when nothing is left of it.
func cleanConnection(h *message.Head, f *message.Field) bool {
	h.Flags |= message.HasConnection
	switch { // what nearly all of them say
	case equalFold(f.Value, "keep-alive"):
		h.Flags |= message.ConnKeepAlive
		return false
	case equalFold(f.Value, "close"):
		h.Flags |= message.ConnClose
		return false
	}
	return replaceList(f, filterList(f.Value, func(token []byte) bool {
		switch {
		case equalFold(token, "close"):
			h.Flags |= message.ConnClose
		case equalFold(token, "keep-alive"):
			h.Flags |= message.ConnKeepAlive
		case equalFold(token, "upgrade"):
			h.Flags |= message.ConnUpgrade
			return false
		default:
			return false
		}
		return true
	}))
}

// cleanUpgrade takes h2 and h2c out of an upgrade field (reference; RFC 9113
// section 3.1 dropped them); false when nothing is left of it.
func cleanUpgrade(h *message.Head, f *message.Field) bool {
	keep := replaceList(f, filterList(f.Value, func(token []byte) bool {
		if equalFold(token, "websocket") {
			h.Flags |= message.UpgradeWebSocket
		}
		return equalFold(token, "h2c") || equalFold(token, "h2")
	}))
	if keep {
		h.Flags |= message.HasUpgrade
	}
	return keep
}

// dropUpgrade takes the upgrade tokens out of all connection fields.
func dropUpgrade(h *message.Head) {
	for i := h.FindID(message.IDConnection, 0); i >= 0; i = h.FindID(message.IDConnection, i+1) {
		f := &h.Fields[i]
		if !replaceList(f, filterList(f.Value, func(t []byte) bool { return equalFold(t, "upgrade") })) {
			h.DelAt(i)
		}
	}
	h.Flags &^= message.ConnUpgrade
}
