package h1

import (
	"math"

	"gohap/lbcore/message"
)

// finishRequest decides on framing, upgrade and target once all fields are in.
func (d *Decoder) finishRequest(b []byte, h *message.Head) bool {
	f := &d.facts
	if !f.version { // reference: judged once the head is complete
		return d.failure(400, d.versionB, "unknown version")
	}
	if d.fail.Code != 0 {
		return d.failure(d.fail.Code, d.fail.Pos, d.fail.Reason)
	}
	if len(h.Fields) == 0 && string(h.MethodText) == "PRI" && string(h.Target) == "*" && h.Major == 2 && h.Minor == 0 {
		h.Flags |= message.Preface // RFC 9113 section 3.4
	}
	if !d.payload && !h.Version11() && (f.chunked || f.length > 0) {
		switch h.Method {
		case message.GET, message.HEAD, message.DELETE:
			// Reference: such a body is a smuggler's in HTTP/1.0 (RFC 1945 knows none).
			return d.failure(413, d.pos, "body with GET, HEAD or DELETE in HTTP/1.0")
		}
	}
	if !d.codings(h) {
		return false
	}
	if h.Flags.Has(message.HasUpgrade) && !h.Flags.Has(message.ConnUpgrade) {
		h.Del(message.IDUpgrade.Name())
		h.Flags &^= message.HasUpgrade | message.UpgradeWebSocket
	} else if h.Flags.Has(message.ConnUpgrade) && !h.Flags.Has(message.HasUpgrade) {
		dropUpgrade(h)
	}
	if h.Flags.Has(message.UpgradeWebSocket) && !f.keyOK && !d.relaxed {
		return d.failure(400, d.pos, "websocket upgrade without key")
	}
	if h.Method == message.CONNECT {
		d.noFraming(h)
	} else {
		d.setLength(h)
	}
	switch {
	case d.uri.connect:
		d.normaliseConnectHost(h)
	case d.uri.present:
		d.normaliseTarget(b, h)
	}
	return true
}

// codings judges the transfer codings: chunked has to be the last one (RFC 9112
// section 6.1), and nobody here decodes another.
func (d *Decoder) codings(h *message.Head) bool {
	f := &d.facts
	if f.hasCoding && !f.chunked {
		return d.failure(400, d.pos, "transfer-encoding without final chunked")
	}
	if f.unknown {
		return d.failure(422, d.pos, "unknown transfer-encoding")
	}
	if f.hasCoding && (f.hasLength || !h.Version11()) {
		h.Flags |= message.InsecureTransfer
	}
	return true
}

// setLength settles the framing; a length beside chunked is dropped (RFC 9112
// section 6.3).
func (d *Decoder) setLength(h *message.Head) {
	f := &d.facts
	switch {
	case f.hasCoding:
		h.Flags |= message.Chunked
		h.BodyLen = -1
		if f.hasLength {
			h.Del(message.IDContentLength.Name())
		}
	case f.hasLength:
		h.Flags |= message.HasLength
		// Nobody lives to see the end of a longer one.
		h.BodyLen = int64(min(f.length, math.MaxInt64))
	case h.Response:
		h.Flags |= message.UntilClose
		h.BodyLen = -1
	}
}

// noFraming takes the framing fields out of a message that has no content.
func (d *Decoder) noFraming(h *message.Head) {
	if d.facts.hasLength {
		h.Del(message.IDContentLength.Name())
	}
	if d.facts.hasCoding {
		h.Del(message.IDTransferEncoding.Name())
	}
	h.BodyLen = 0
}

// finishResponse applies RFC 9112 section 6.3 to a response.
func (d *Decoder) finishResponse(h *message.Head, req *RequestInfo) bool {
	if req == nil {
		req = &RequestInfo{}
	}
	if !d.facts.version {
		return d.failure(502, d.start, "unknown version")
	}
	if !d.codings(h) {
		if noContent(h, req) { // whoever ends the connection may want to know
			h.Flags |= message.NoBody
		}
		return false
	}
	switch {
	case h.Status == 101:
		if !req.Upgrade || !h.Flags.Has(message.ConnUpgrade|message.HasUpgrade) {
			return d.failure(502, d.pos, ReasonUnasked)
		}
		if h.Flags.Has(message.UpgradeWebSocket) && !d.facts.accept && !d.relaxed {
			return d.failure(502, d.pos, "websocket upgrade without accept")
		}
		h.Flags |= message.Tunnel
		d.noFraming(h)
	case h.Status >= 100 && h.Status < 200:
		h.Flags |= message.Interim | message.NoBody
		d.noFraming(h)
	case req.Method == message.CONNECT && h.Status >= 200 && h.Status < 300:
		h.Flags |= message.Tunnel
		d.noFraming(h)
	case h.Status == 204:
		h.Flags |= message.NoBody
		d.noFraming(h)
	case h.Status == 304 || req.Method == message.HEAD:
		d.setLength(h)
		h.Flags |= message.NoBody
		h.Flags &^= message.UntilClose
		h.BodyLen = 0
	default:
		d.setLength(h)
	}
	return true
}

// noContent tells whether no body follows the response whatever its fields say.
func noContent(h *message.Head, req *RequestInfo) bool {
	return h.Status < 200 || h.Status == 204 || h.Status == 304 || req.Method == message.HEAD ||
		req.Method == message.CONNECT && h.Status < 300
}
