package h1

import (
	"bytes"

	"gohap/lbcore/message"
)

// headers parses header lines up to the empty line; true when the head is whole.
func (d *Decoder) headers(b []byte, h *message.Head) bool {
	i := d.pos
	for i < len(b) {
		c := b[i]
		switch d.state {
		case atLine:
			if c == ' ' || c == '\t' {
				if d.pending {
					d.unfold(b, i)
					continue
				}
				// The first line cannot be a continuation (RFC 9112 section 2.2).
				if !d.relaxed {
					return d.failure(400, i, "first header line begins with a blank")
				}
			}
			if d.pending && !d.endField(b, h, i) {
				return false
			}
			d.nameB = i
			switch c {
			case '\r':
				d.state = atEndLF
			case '\n':
				d.state = atDone
			default:
				d.state = atName
				continue
			}
		case atName:
			for {
				l := lower[c]
				if l == 0 {
					break
				}
				b[i] = l
				if i++; i == len(b) {
					d.pos = i
					return false
				}
				c = b[i]
			}
			if c != ':' {
				if !d.relaxed || c == '\n' {
					return d.failure(400, i, "illegal byte in header name")
				}
				d.drop = true
				d.violation(i)
				break
			}
			if i == d.nameB {
				return d.failure(400, i, "empty header name")
			}
			d.nameE, d.valueB, d.state = i, i+1, atValueBlank
		case atValueBlank:
			if c == ' ' || c == '\t' {
				break
			}
			d.valueB, d.state = i, atValue
			continue
		case atValue:
			i = valueEnd(b, i)
			if i == len(b) {
				d.pos = i
				return false
			}
			d.valueE, d.lineE = i, i
			switch b[i] {
			case '\r':
				d.state = atValueLF
			case '\n':
				d.state, d.pending = atLine, true
			default:
				if !d.relaxed {
					return d.failure(400, i, "NUL in header value")
				}
			}
		case atValueLF:
			if c != '\n' {
				return d.failure(400, i, "CR without LF in header value")
			}
			d.state, d.pending = atLine, true
		case atEndLF:
			if c != '\n' {
				return d.failure(400, i, "CR without LF")
			}
			d.state = atDone
		}
		i++
		if d.state == atDone {
			d.pos = i
			return d.countFields(h, i)
		}
	}
	d.pos = i
	return false
}

// countFields refuses a head of too many lines, as late as the reference does.
func (d *Decoder) countFields(h *message.Head, pos int) bool {
	if len(h.Fields) > d.limits.fields {
		return d.failure(400, pos, "too many header lines")
	}
	return true
}

// unfold turns the line end before the continuation at i into blanks (RFC 9112
// section 5.2) and goes on with the value.
func (d *Decoder) unfold(b []byte, i int) {
	b[i-1] = ' '
	if d.lineE < i-1 {
		b[i-2] = ' '
	}
	d.pending, d.folded = false, true
	d.state = atValue
	if d.valueB == d.lineE { // nothing yet: the value begins in a later line
		d.state = atValueBlank
	}
}

// endField takes the pending line as a field; next is the byte after its LF.
func (d *Decoder) endField(b []byte, h *message.Head, next int) bool {
	folded, drop := d.folded, d.drop
	d.pending, d.folded, d.drop = false, false, false
	if drop {
		return true
	}
	end := d.valueE
	for end > d.valueB && (b[end-1] == ' ' || b[end-1] == '\t') {
		end--
	}
	n := len(h.Fields)
	if n > d.limits.fields {
		return d.failure(400, next, "too many header lines")
	}
	if n < cap(h.Fields) {
		h.Fields = h.Fields[:n+1]
	} else {
		h.Fields = append(h.Fields, message.Field{})
	}
	f := &h.Fields[n]
	f.Name = b[d.nameB:d.nameE]
	f.Value = b[d.valueB:end]
	f.ID = message.Identify(f.Name)
	f.Flags = 0
	if d.valueB == d.nameE+2 && end+2 == next && b[d.nameE+1] == ' ' && !folded {
		f.Flags = message.FieldVerbatim
	}
	if special[f.ID] {
		keep, ok := d.special(h, f)
		if !keep {
			h.Fields = h.Fields[:n]
		}
		return ok
	}
	return true
}

// facts are what the header lines told so far.
type facts struct {
	length    uint64
	hasLength bool
	chunked   bool // the last transfer coding is chunked
	chunks    bool // one of them is
	unknown   bool // there is a coding that is not known
	hasCoding bool
	host      int // index of the host field, -1
	keyOK     bool
	accept    bool
	version   bool // it is one that is taken
}

func (f *facts) reset() { *f = facts{host: -1} }

var special = func() (t [256]bool) {
	for _, id := range []message.ID{message.IDHost, message.IDContentLength, message.IDTransferEncoding,
		message.IDConnection, message.IDUpgrade, message.IDExpect, message.IDTE,
		message.IDSecWebSocketKey, message.IDSecWebSocketAccept} {
		t[id] = true
	}
	return t
}()

// special reads the fields that framing and connection depend on. keep is false
// for a line that is left out.
func (d *Decoder) special(h *message.Head, f *message.Field) (keep, ok bool) {
	pos := d.valueB
	switch f.ID {
	case message.IDContentLength:
		return d.contentLength(f, pos)
	case message.IDTransferEncoding:
		f.Flags &^= message.FieldVerbatim // the encoder writes the coding itself
		if !d.coding(f.Value) {
			return false, d.failure(400, pos, "bad transfer-encoding")
		}
		h.Flags |= message.HasTransfer
	case message.IDTE:
		f.Flags &^= message.FieldVerbatim // the encoder filters it
	case message.IDHost:
		if !d.response {
			return d.host(h, f, pos)
		}
	case message.IDConnection:
		if d.trailer {
			return true, true
		}
		return cleanConnection(h, f), true
	case message.IDUpgrade:
		return cleanUpgrade(h, f), true
	case message.IDExpect:
		if v, _, _ := bytes.Cut(f.Value, []byte{','}); equalFold(trim(v), "100-continue") {
			h.Flags |= message.Expect100
		}
	case message.IDSecWebSocketKey:
		// 16 bytes in base64 (RFC 6455 section 4.1); reference: the length counts.
		d.facts.keyOK = len(f.Value) == 24
	case message.IDSecWebSocketAccept:
		d.facts.accept = true
	}
	return true, true
}

// contentLength reads one line, which may repeat its value (RFC 9110 section
// 8.6), and normalises it. A repeated line is left out.
func (d *Decoder) contentLength(f *message.Field, pos int) (keep, ok bool) {
	v := f.Value
	first := true
	for i := 0; ; {
		j := i
		var n uint64
		for ; j < len(v) && isDigit(v[j]); j++ {
			c := uint64(v[j] - '0')
			if n > (1<<64-1)/10 || n*10 > 1<<64-1-c {
				return false, d.failure(400, pos, "content-length overflows")
			}
			n = n*10 + c
		}
		if j == i || !first && n != d.facts.length || first && d.facts.hasLength && n != d.facts.length {
			return false, d.failure(400, pos, "bad or differing content-length")
		}
		if first {
			first, keep = false, !d.facts.hasLength
			d.facts.length, d.facts.hasLength = n, true
			text := v[i:j]
			for len(text) > 1 && text[0] == '0' {
				text = text[1:]
			}
			f.Value = text
		}
		for j < len(v) && (v[j] == ' ' || v[j] == '\t') {
			j++
		}
		if j == len(v) {
			break
		}
		if v[j] != ',' {
			return false, d.failure(400, pos, "bad content-length")
		}
		for j++; j < len(v) && (v[j] == ' ' || v[j] == '\t'); {
			j++
		}
		i = j
	}
	if len(f.Value) != len(v) {
		f.Flags &^= message.FieldVerbatim
	}
	return keep, true
}

// coding reads one transfer-encoding line; false where chunked comes twice, where
// it is not a request's last or an element is empty (RFC 9112 section 6.1).
func (d *Decoder) coding(v []byte) bool {
	d.facts.hasCoding = true
	for {
		i := 0
		for i < len(v) && v[i] != ',' {
			i++
		}
		token := trim(v[:i])
		isChunked := equalFold(token, "chunked")
		if len(token) == 0 || d.facts.chunks && (isChunked || !d.response) {
			return false
		}
		d.facts.chunked = isChunked
		d.facts.chunks = d.facts.chunks || isChunked
		d.facts.unknown = d.facts.unknown || !isChunked
		if i == len(v) {
			return true
		}
		v = v[i+1:]
	}
}

// host checks one host line; a repeated equal one is left out.
func (d *Decoder) host(h *message.Head, f *message.Field, pos int) (keep, ok bool) {
	if !validHost(f.Value) {
		return false, d.failure(400, pos, "illegal byte in host")
	}
	if d.facts.host >= 0 {
		if !message.EqualFold(h.Fields[d.facts.host].Value, f.Value) {
			return false, d.failure(400, pos, "differing host fields")
		}
		return false, true
	}
	if d.trailer {
		d.facts.host = len(h.Fields) - 1
		return true, true
	}
	h.Flags |= message.HasHost
	d.facts.host = len(h.Fields) - 1
	if d.uri.present && !d.relaxed && !d.matchHost(f.Value) {
		d.judgeLater(pos, "host differs from the target's authority")
	}
	return true, true
}
