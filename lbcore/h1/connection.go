package h1

import "gohap/lbcore/message"

// Policy is what the configuration says about connections of one exchange:
// option httpclose and http-server-close of both sections, and the backend's
// option http-pretend-keepalive.
type Policy struct {
	FrontendClose, FrontendServerClose bool
	BackendClose, BackendServerClose   bool
	PretendKeepAlive                   bool
}

// Info is what the other functions have to know about a request; take it when
// the request is decoded, before rules change the head.
func Info(h *message.Head) RequestInfo {
	return RequestInfo{
		Method:    h.Method,
		Upgrade:   h.Flags.Has(message.ConnUpgrade | message.HasUpgrade),
		Version11: h.Version11(),
		Keep:      wantsKeep(h) && !h.Flags.Has(message.InsecureTransfer),
	}
}

// wantsKeep reports whether the peer that sent h agrees to go on (RFC 9112
// section 9.3); close beats keep-alive.
func wantsKeep(h *message.Head) bool {
	if h.Flags.Has(message.ConnClose) {
		return false
	}
	return h.Version11() || h.Flags.Has(message.ConnKeepAlive)
}

// ServerCloses reports whether the options end the server connection after this
// exchange, whatever its header says. Reference: httpclose of the frontend
// concerns the client side alone.
func (p Policy) ServerCloses() bool {
	return p.FrontendServerClose || p.BackendServerClose || p.BackendClose
}

// ServerConnection is the connection header for the request to the server:
//
//	              keep-alive   close   pretend-keepalive
//	HTTP/1.1      -            close   -
//	HTTP/1.0      keep-alive   -       keep-alive
//	upgrade       -            -       -
func ServerConnection(req *message.Head, p Policy) Connection {
	v11 := req.Version11()
	switch {
	case req.Flags.Has(message.ConnUpgrade | message.HasUpgrade):
		return ConnNone
	case p.PretendKeepAlive: // reference: whatever else is said here
		if v11 {
			return ConnNone
		}
		return ConnKeepAlive
	case req.Method == message.CONNECT && req.Flags.Has(message.HasTransfer):
		return closeFor(v11)
	case !v11 && req.Flags.Has(message.HasTransfer):
		return ConnNone // reference: chunked in HTTP/1.0 is not trusted with more
	case p.ServerCloses():
		return closeFor(v11)
	case v11:
		return ConnNone
	}
	return ConnKeepAlive
}

// ServerReusable reports whether the server connection may serve another request
// after this response has been read to its end.
func ServerReusable(resp *message.Head, p Policy) bool {
	return !p.ServerCloses() && wantsKeep(resp) &&
		!resp.Flags.Has(message.UntilClose) && !resp.Flags.Has(message.Tunnel) &&
		!resp.Flags.Has(message.InsecureTransfer)
}

// ClientKeeps reports whether the client connection stays open after a response,
// from the server or made here.
func ClientKeeps(req RequestInfo, resp *message.Head, p Policy) bool {
	return req.Keep && !p.FrontendClose &&
		!resp.Flags.Has(message.UntilClose) && !resp.Flags.Has(message.Tunnel) &&
		// Reference: a client need not know chunks in HTTP/1.0.
		(resp.Version11() || !resp.Flags.Has(message.HasTransfer))
}

// ClientConnection is the connection header for a response to the client:
//
//	                              stays open   closes
//	both HTTP/1.1                 -            close
//	response 1.1, client 1.0      keep-alive   close
//	response 1.0                  keep-alive   -
//	interim, upgrade, tunnel      -            -
//
// Reference: whatever the status of a response that says "connection: upgrade".
func ClientConnection(req RequestInfo, resp *message.Head, p Policy) Connection {
	v11 := resp.Version11()
	switch {
	case resp.Flags.Has(message.Interim) || resp.Flags.Has(message.Tunnel) || resp.Flags.Has(message.ConnUpgrade):
		return ConnNone
	case !ClientKeeps(req, resp, p):
		return closeFor(v11)
	case v11 && req.Version11:
		return ConnNone
	}
	return ConnKeepAlive
}

// closeFor is how a message of that version says that it is the last one.
func closeFor(v11 bool) Connection {
	if v11 {
		return ConnClose
	}
	return ConnNone
}
