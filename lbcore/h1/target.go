package h1

import "gohap/lbcore/message"

// authority is what an absolute-form or CONNECT target says about the host.
type authority struct {
	present bool
	connect bool
	host    []byte // host and port without userinfo
	port    string // the default port that may be left out, "" when there is none
}

// target judges the request target (RFC 9112 section 3.2) and remembers its
// authority.
func (d *Decoder) target(h *message.Head) bool {
	t := h.Target
	if h.Method == message.CONNECT {
		return d.connectTarget(h)
	}
	if len(t) == 0 {
		return d.failure(400, d.targetB, "empty target")
	}
	switch {
	case t[0] == '/':
		return true
	case len(t) == 1 && t[0] == '*':
		// Reference: methods without a meaning of their own may use it too.
		switch h.Method {
		case message.OPTIONS, message.PATCH, message.MethodOther:
			h.Flags |= message.AsteriskForm
			return true
		}
		d.judgeLater(d.targetB, "asterisk for a method other than OPTIONS")
		return true
	}
	u := message.SplitURI(t)
	if u.Form != message.FormAbsolute || !validHost(u.Authority) {
		d.judgeLater(d.targetB, "bad target")
		return true
	}
	h.Flags |= message.AbsoluteForm
	d.uri = authority{present: true, host: u.Authority}
	switch {
	case equalFold(u.Scheme, "http"):
		d.uri.port = ":80"
	case equalFold(u.Scheme, "https"):
		d.uri.port = ":443"
	}
	return true
}

// judgeLater notes a fault of host or target. Reference: they are judged once
// the head is complete.
func (d *Decoder) judgeLater(pos int, reason string) {
	if d.fail.Code == 0 {
		d.fail = Failure{Code: 400, Pos: pos, Reason: reason}
	}
}

// connectTarget wants host and port (RFC 9112 section 3.2.3). Reference: a path
// behind them and userinfo before them pass.
func (d *Decoder) connectTarget(h *message.Head) bool {
	a := message.SplitAuthority(h.Target).Authority
	i := len(a)
	for i > 0 && isDigit(a[i-1]) {
		i--
	}
	hasPort := i > 0 && i < len(a) && a[i-1] == ':'
	if !validHost(a) || len(a) == 0 || !hasPort && !d.relaxed {
		d.judgeLater(d.targetB, "CONNECT without host and port")
		return true
	}
	h.Flags |= message.AuthorityForm
	d.uri = authority{present: true, connect: true, host: a}
	if hasPort {
		switch string(a[i-1:]) {
		case ":80":
			d.uri.port = ":80"
		case ":443":
			d.uri.port = ":443"
		}
	}
	return true
}

// cutPort cuts an empty port and the default port off.
func (u *authority) cutPort(host []byte) []byte {
	n := len(host)
	if n > 0 && host[n-1] == ':' {
		return host[:n-1]
	}
	if p := len(u.port); p > 0 && n >= p && string(host[n-p:]) == u.port {
		return host[:n-p]
	}
	return host
}

// matchHost compares the host field with the target's authority (RFC 9112
// section 3.2.2), default ports aside. Relaxed decoders take what differs.
func (d *Decoder) matchHost(value []byte) bool {
	host := d.uri.cutPort(d.uri.host)
	if !message.EqualFold(host, d.uri.cutPort(value)) {
		return false
	}
	if len(host) != len(d.uri.host) && len(host) == len(value) {
		// Without brackets "::1" is a host ":" with port 1.
		_, port := message.SplitHostPort(value)
		return port == nil
	}
	return true
}

// normaliseTarget takes the default port out of an absolute-form target and
// gives it the path "/" where it has none (reference; RFC 9110 section 4.2.3),
// in place: the byte behind a target is a blank or a line end. The host field
// follows a target that is changed.
func (d *Decoder) normaliseTarget(b []byte, h *message.Head) {
	begin, end := d.targetB, d.targetE
	host := d.uri.host
	hostEnd := cap(b) - cap(host) + len(host)
	cut := len(host) - len(d.uri.cutPort(host))
	bare := hostEnd == end && h.Method != message.OPTIONS
	if cut > 0 {
		copy(b[begin+cut:], b[begin:hostEnd-cut])
		begin += cut
	}
	if bare {
		b[end] = '/'
		end++
	}
	if i := d.facts.host; i >= 0 && (cut > 0 || bare) {
		h.ReplaceValue(i, host[cut:])
	}
	h.Target = b[begin:end]
}

// normaliseConnectHost takes the port out of the host field of a CONNECT to a
// default port (reference); the target keeps it.
func (d *Decoder) normaliseConnectHost(h *message.Head) {
	i := d.facts.host
	if i < 0 {
		return
	}
	v := h.Fields[i].Value
	if n := len(v); n > 0 && v[n-1] != ':' && d.matchHost(v) {
		if cut := d.uri.cutPort(v); len(cut) != n {
			h.ReplaceValue(i, cut)
		}
	}
}

// validHost reports whether v may stand as host and port: no blank, control or
// 8-bit byte, none of "#,/?@\", brackets only around the whole host (reference).
func validHost(v []byte) bool {
	i := 0
	if len(v) > 0 && v[0] == '[' {
		for i = 1; i < len(v) && v[i] != ']'; i++ {
			if class[v[i]]&inHost == 0 {
				return false
			}
		}
		if i++; i > len(v) || i < len(v) && v[i] != ':' {
			return false
		}
	}
	for ; i < len(v); i++ {
		if class[v[i]]&inHost == 0 {
			return false
		}
	}
	return true
}
