package stream

import (
	"bytes"
	"net/netip"

	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
)

// addAddress appends the header line of option forwardfor or originalto.
// Reference: an exception in either section suppresses it, if-none counts
// only when every section that has the option says so, and the backend's
// header name wins.
func (s *Stream) addAddress(fe, be *proxy.Forwarded, addr netip.Addr) {
	if !addr.IsValid() {
		return
	}
	if s.FE == s.BE {
		be = nil
	}
	var name []byte
	ifNone := true
	for _, f := range [2]*proxy.Forwarded{fe, be} {
		if f == nil {
			continue
		}
		for _, net := range f.Except {
			if net.Contains(addr) {
				return
			}
		}
		name = f.Header
		ifNone = ifNone && f.IfNone
	}
	if name == nil || ifNone && s.Req.Find(name) >= 0 {
		return
	}
	s.Req.Add(name, s.Arena.Keep(addr.AppendTo(s.Arena.Rest(64))))
}

// captureCookie takes the first cookie whose name=value text begins with the
// captured prefix, cut to its length.
func captureCookie(s *Stream, h *message.Head, id message.ID, c *proxy.CookieCapture) []byte {
	for at := h.FindID(id, 0); at >= 0; at = h.FindID(id, at+1) {
		walk := message.Cookies{V: h.Fields[at].Value, Set: id == message.IDSetCookie}
		for ck, ok := walk.Next(); ok; ck, ok = walk.Next() {
			if text := walk.V[ck.Begin:ck.End]; bytes.HasPrefix(text, c.Prefix) {
				return s.Arena.Copy(text[:min(len(text), c.Len)])
			}
		}
	}
	return nil
}
