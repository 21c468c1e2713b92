package h1

import "gohap/lbcore/message"

// The decoder's states, in the order in which a head passes through them.
const (
	atEmpty   uint8 = iota // before the start line; empty lines are skipped
	atEmptyLF              // after the CR of an empty line
	atMethod
	atTargetBlank
	atTarget
	atVersionBlank
	atVersion
	atStartLF // after the CR of a request line
	atAnswer  // version of a status line
	atStatusBlank
	atStatus
	atReasonBlank
	atReason
	atReasonLF
	atLine // first byte of a line; the header before it is still pending
	atName
	atValueBlank
	atValue
	atValueLF
	atEndLF // after the CR of the empty line
	atDone
	atFailed
)

// Decoder parses heads and resumes where the last call ended. It belongs to one
// direction of one connection; the zero value is ready.
type Decoder struct {
	state    uint8
	relaxed  bool
	payload  bool // Options.AnyPayload
	response bool
	trailer  bool
	pending  bool // a header line is read, the next byte tells whether it goes on
	folded   bool
	drop     bool // relaxed: the name is not legal, the line is left out
	taken    int  // relaxed: the first byte that would be refused, 0 for none

	pos      int // next byte to look at
	start    int // first byte of the start line
	methodE  int
	targetB  int
	targetE  int
	versionB int // also a status line's status
	versionE int
	nameB    int
	nameE    int
	valueB   int
	valueE   int
	lineE    int // end of the value before blanks are trimmed

	base   []byte // b of the last call
	facts  facts
	uri    authority
	fail   Failure
	limits limits
}

// limits are the options with their defaults filled in.
type limits struct {
	fields int
	head   int
	line   int
}

// Reset makes the decoder ready for the next head.
func (d *Decoder) Reset() {
	*d = Decoder{}
}

// Failure tells why the last call failed. For responses the code is 502.
func (d *Decoder) Failure() Failure { return d.fail }

// Request parses a request head. b begins at the same byte in every call until
// the head is done and only grows (it may move); h is left alone by the caller
// meanwhile. Header names are lower-cased and folded lines unfolded in place.
// Done gives the head's length n including leading empty lines; the fields
// point into b.
func (d *Decoder) Request(b []byte, h *message.Head, o *Options) (n int, st Status) {
	if d.state == atEmpty && d.pos == 0 {
		h.Reset()
		d.begin(o, false)
	}
	return d.run(b, h, nil)
}

// Response parses a response head like Request; req tells what was asked.
func (d *Decoder) Response(b []byte, h *message.Head, o *Options, req *RequestInfo) (n int, st Status) {
	if d.state == atEmpty && d.pos == 0 {
		h.Reset()
		h.Response = true
		d.begin(o, true)
	}
	return d.run(b, h, req)
}

func (d *Decoder) begin(o *Options, response bool) {
	d.response = response
	d.limits = limits{fields: 100}
	if o != nil {
		d.relaxed, d.payload = o.Relaxed, o.AnyPayload
		if o.MaxFields > 0 {
			d.limits.fields = o.MaxFields
		}
		d.limits.head, d.limits.line = o.MaxHead, max(o.MaxLine, o.MaxHead)
	}
	d.facts.reset()
}

func (d *Decoder) run(b []byte, h *message.Head, req *RequestInfo) (int, Status) {
	full := false
	m := d.limits.head
	if d.state < atLine {
		m = d.limits.line
	}
	if m > 0 && len(b) >= m {
		b, full = b[:m], true
	}
	if len(d.base) > 0 && len(b) > 0 && (&b[0] != &d.base[0] || cap(b) != cap(d.base)) {
		d.rebase(b, h)
	}
	d.base = b
	if d.state < atLine {
		var ok bool
		if d.response {
			ok = d.statusLine(b, h)
		} else {
			ok = d.requestLine(b, h)
		}
		if !ok && d.state != atFailed {
			return d.wantMore(full)
		}
		if m = d.limits.head; m > 0 && ok && d.pos > m {
			return d.wantMore(true)
		} else if m > 0 && len(b) >= m {
			b, full = b[:m], true
		}
	}
	if d.state == atDone || d.state >= atLine && d.state < atDone && d.headers(b, h) {
		switch {
		case d.trailer:
			d.codings(h)
		case d.response:
			d.finishResponse(h, req)
		default:
			d.finishRequest(b, h)
		}
	}
	switch d.state {
	case atFailed:
		return 0, Failed
	case atDone:
		d.base = nil
		return d.pos, Done
	}
	return d.wantMore(full)
}

// wantMore asks for more input or, with the buffer full, fails: 414 inside the
// request line, 431 behind it (reference).
func (d *Decoder) wantMore(full bool) (int, Status) {
	if !full {
		return 0, NeedMore
	}
	if d.state < atLine {
		d.failure(414, d.pos, "start line too long")
	} else {
		d.failure(431, d.pos, "head too long")
	}
	return 0, Failed
}

func (d *Decoder) failure(code, pos int, reason string) bool {
	if d.response {
		code = 502
	}
	d.fail = Failure{Code: code, Pos: pos, Reason: reason, state: d.state}
	if d.state == atLine && d.nameE > 0 {
		d.fail.state = inFieldEnd
	}
	d.state = atFailed
	return false
}

// rebase points the fields that stand already into the moved buffer.
func (d *Decoder) rebase(b []byte, h *message.Head) {
	move := func(s []byte) []byte {
		off := cap(d.base) - cap(s)
		return b[off : off+len(s)]
	}
	for i := range h.Fields {
		f := &h.Fields[i]
		f.Name, f.Value = move(f.Name), move(f.Value)
	}
	for _, s := range []*[]byte{&h.MethodText, &h.Target, &h.Reason, &h.VersionText} {
		if *s != nil {
			*s = move(*s)
		}
	}
	if d.uri.host != nil {
		d.uri.host = move(d.uri.host)
	}
}

// emptyLines skips what may stand before a start line (RFC 9112 section 2.2).
func (d *Decoder) emptyLines(b []byte) bool {
	for d.pos < len(b) {
		c := b[d.pos]
		switch {
		case d.state == atEmptyLF && c != '\n':
			return d.failure(400, d.pos, "CR without LF")
		case c == '\n':
			d.state = atEmpty
		case c == '\r':
			d.state = atEmptyLF
		default:
			d.start = d.pos
			return true
		}
		d.pos++
	}
	return false
}

// requestLine parses up to and including the request line's LF.
func (d *Decoder) requestLine(b []byte, h *message.Head) bool {
	if d.state <= atEmptyLF {
		if !d.emptyLines(b) {
			return false
		}
		d.state = atMethod
	}
	i := d.pos
	for i < len(b) {
		c := b[i]
		switch d.state {
		case atMethod:
			for lower[c] != 0 {
				if i++; i == len(b) {
					d.pos = i
					return false
				}
				c = b[i]
			}
			d.methodE, d.targetB, d.targetE = i, i, i
			d.versionB, d.versionE = i, i
			if (c != ' ' && c != '\t' && c != '\r' && c != '\n') || i == d.start {
				return d.failure(400, i, "illegal byte in method")
			}
			d.state = d.afterWord(c, atTargetBlank)
		case atTargetBlank:
			if c == ' ' || c == '\t' {
				break
			}
			d.targetB, d.state = i, atTarget
			continue
		case atTarget:
			set := uint8(inTarget)
			if d.relaxed {
				set = inRelaxed
			}
			if i = targetRun(b, i); i == len(b) {
				d.pos = i
				return false
			}
			c = b[i]
			for class[c]&set != 0 {
				if i++; i == len(b) {
					d.pos = i
					return false
				}
				c = b[i]
			}
			d.targetE, d.versionB, d.versionE = i, i, i
			if d.relaxed {
				d.violations(b[:i])
			}
			if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				return d.failure(400, i, "illegal byte in target")
			}
			d.state = d.afterWord(c, atVersionBlank)
		case atVersionBlank:
			if c == ' ' || c == '\t' {
				break
			}
			d.versionB, d.versionE, d.state = i, i, atVersion
			continue
		case atVersion:
			for class[c]&inVersion != 0 {
				if i++; i == len(b) {
					d.pos = i
					return false
				}
				c = b[i]
			}
			d.versionE = i
			if c != '\r' && c != '\n' {
				return d.failure(400, i, "illegal byte in version")
			}
			d.state = d.afterWord(c, 0)
		case atStartLF:
			if c != '\n' {
				return d.failure(400, i, "CR without LF")
			}
			d.state = atLine
		}
		i++
		if d.state == atLine {
			d.pos = i
			return d.endRequestLine(b, h)
		}
	}
	d.pos = i
	return false
}

// afterWord is the state after the byte c that ended a word of the request line.
func (d *Decoder) afterWord(c byte, blank uint8) uint8 {
	switch c {
	case '\r':
		return atStartLF
	case '\n':
		return atLine
	}
	return blank
}

// endRequestLine judges method, target and version once the line is whole.
func (d *Decoder) endRequestLine(b []byte, h *message.Head) bool {
	h.MethodText = b[d.start:d.methodE]
	h.Method = message.IdentifyMethod(h.MethodText)
	h.Target = b[d.targetB:d.targetE]
	version := b[d.versionB:d.versionE]
	if !d.target(h) {
		return false
	}
	if len(version) == 0 {
		return d.simpleRequest(h)
	}
	d.facts.version = setVersion(h, version) || d.relaxed
	return true
}

// simpleRequest is a line without version: HTTP/0.9, refused, or taken as a GET
// of HTTP/1.0 without headers where violations are accepted.
func (d *Decoder) simpleRequest(h *message.Head) bool {
	if d.fail.Code != 0 { // the target's
		return d.failure(d.fail.Code, d.fail.Pos, d.fail.Reason)
	}
	if !d.relaxed || h.Method != message.GET {
		return d.failure(400, d.versionB, "no version")
	}
	h.Major, h.Minor = 1, 0
	d.facts.version = true
	d.state = atDone
	return true
}

// setVersion reports whether v is HTTP/d.d; otherwise the text is kept and the
// message counts as HTTP/1.0 (reference, relaxed), RTSP as what it says.
func setVersion(h *message.Head, v []byte) bool {
	h.Major, h.Minor = 1, 0
	if len(v) == 8 && v[4] == '/' && v[6] == '.' && isDigit(v[5]) && isDigit(v[7]) {
		switch string(v[:4]) {
		case "HTTP":
			h.Major, h.Minor = v[5]-'0', v[7]-'0'
			return true
		case "RTSP":
			h.Major, h.Minor = v[5]-'0', v[7]-'0'
		}
	}
	h.VersionText = v
	return false
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// statusLine parses up to and including the status line's LF.
func (d *Decoder) statusLine(b []byte, h *message.Head) bool {
	if d.state <= atEmptyLF {
		if !d.emptyLines(b) {
			return false
		}
		d.state = atAnswer
	}
	i := d.pos
	for i < len(b) {
		c := b[i]
		switch d.state {
		case atAnswer:
			if class[c]&inVersion != 0 {
				break
			}
			d.methodE = i
			if (c != ' ' && c != '\t') || i == d.start {
				return d.failure(502, i, "illegal byte in version")
			}
			d.state = atStatusBlank
		case atStatusBlank:
			if c == ' ' || c == '\t' {
				break
			}
			d.targetB, d.state = i, atStatus
			if !isDigit(c) {
				return d.failure(502, i, "illegal byte in status")
			}
			continue
		case atStatus:
			if isDigit(c) {
				if i-d.targetB >= 3 && !d.relaxed || i-d.targetB >= 6 {
					return d.failure(502, i, "status of more than three digits")
				}
				h.Status = h.Status*10 + int(c-'0')
				break
			}
			d.targetE, d.versionB, d.versionE = i, i, i
			switch c {
			case ' ', '\t':
				d.state = atReasonBlank
			case '\r':
				d.state = atReasonLF
			case '\n':
				d.state = atLine
			default:
				return d.failure(502, i, "illegal byte in status")
			}
		case atReasonBlank:
			if c == ' ' || c == '\t' {
				break
			}
			d.versionB, d.state = i, atReason
			continue
		case atReason:
			// Any byte but CR and LF is taken (reference: NUL too).
			for c != '\r' && c != '\n' {
				if i++; i == len(b) {
					d.pos = i
					return false
				}
				c = b[i]
			}
			d.versionE, d.state = i, atLine
			if c == '\r' {
				d.state = atReasonLF
			}
		case atReasonLF:
			if c != '\n' {
				return d.failure(502, i, "CR without LF")
			}
			d.state = atLine
		}
		i++
		if d.state == atLine {
			d.pos = i
			return d.endStatusLine(b, h)
		}
	}
	d.pos = i
	return false
}

func (d *Decoder) endStatusLine(b []byte, h *message.Head) bool {
	h.Reason = b[d.versionB:max(d.versionE, d.versionB)]
	d.facts.version = setVersion(h, b[d.start:d.methodE]) || d.relaxed
	return true
}
