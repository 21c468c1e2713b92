package mux

import (
	"gohap/lbcore/h1"
	"gohap/lbcore/message"
)

// keepsRequest tells whether a client's request allows another one behind it
// (RFC 9112 section 9.3).
func keepsRequest(h *message.Head, cfg *ClientConfig) bool {
	switch f := h.Flags; {
	case cfg.CloseClient, f.Has(message.ConnClose):
		return false
	case f.Has(message.InsecureTransfer) && !cfg.InsecureReuse:
		return false
	case h.Version11():
		return true
	default:
		return f.Has(message.ConnKeepAlive)
	}
}

// persist decides, with the response's head, whether the client's connection
// goes on, and which connection header tells so: HTTP/1.1 is persistent unless
// it says close, HTTP/1.0 closes unless it says keep-alive.
func (c *H1Client) persist(h *message.Head) h1.Connection {
	if h.Flags.Has(message.Tunnel) {
		c.keep = false
		return h1.ConnNone
	}
	unframed := !h.Flags.Has(message.NoBody) && !h.Flags.Has(message.Chunked) && h.BodyLen < 0
	if unframed || c.owner.Stopping() {
		c.keep = false
	}
	switch {
	case !c.keep && (h.Version11() || c.v11 || !unframed):
		return h1.ConnClose
	case c.keep && (!c.v11 || !h.Version11()):
		return h1.ConnKeepAlive
	}
	return h1.ConnNone
}
