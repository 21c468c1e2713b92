package action

import (
	"bytes"
	"strconv"

	"gohap/lbcore/message"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// changed keeps what else a head says in step with a field that a rule wrote.
func changed(c *sample.Context, h *message.Head, id message.ID, value []byte) rule.Verdict {
	switch id {
	case message.IDHost:
		if !h.Response && h.Flags.Has(message.AbsoluteForm) {
			setAuthority(c, h, value)
		}
	case message.IDContentLength:
		return reframe(h)
	}
	return rule.Continue
}

// setAuthority gives an absolute target the host of the host field: they must
// not differ (RFC 9112 section 3.2.2).
func setAuthority(c *sample.Context, h *message.Head, host []byte) {
	u := message.SplitURI(h.Target)
	if u.Form != message.FormAbsolute || bytes.Equal(u.Authority, host) {
		return
	}
	scheme := len(u.Scheme) + len("://")
	t := c.Arena.Alloc(scheme + len(host) + len(u.PathQuery))
	copy(t, h.Target[:scheme])
	copy(t[scheme+copy(t[scheme:], host):], u.PathQuery)
	h.Target = t
}

// setHost gives the host field, where there is one, the authority of an
// absolute target.
func setHost(h *message.Head) {
	u := message.SplitURI(h.Target)
	if u.Form != message.FormAbsolute {
		return
	}
	if at := h.FindID(message.IDHost, 0); at >= 0 && !bytes.Equal(h.Fields[at].Value, u.Authority) {
		h.ReplaceValue(at, u.Authority)
	}
}

// reframe keeps the framing of a body safe when rules change content-length: a
// request that loses it goes on in chunks, a response until the connection
// closes, and one that contradicts the body is an error.
func reframe(h *message.Head) rule.Verdict {
	at := h.FindID(message.IDContentLength, 0)
	switch {
	case h.Flags.Has(message.NoBody):
	case at >= 0:
		n, err := strconv.ParseInt(string(h.Fields[at].Value), 10, 64)
		if err != nil || n != max(h.BodyLen, 0) || h.Flags.Has(message.Chunked) || h.FindID(message.IDContentLength, at+1) >= 0 {
			return rule.Failed
		}
	case !h.Flags.Has(message.HasLength):
	case h.Response:
		h.Flags = h.Flags&^message.HasLength | message.UntilClose
		h.BodyLen = -1
	case h.BodyLen > 0:
		h.Flags = h.Flags&^message.HasLength | message.Chunked
		h.BodyLen = -1
	}
	return rule.Continue
}
