package transport

import (
	"crypto/sha256"
	"crypto/tls"
)

// Session returns what tells a session from others. Reference, towards clients: in
// TLS 1.3 each connection has one of its own, before it a resumed session has the id
// that the client gave, and one that begins with a ticket has none. Towards servers:
// the digest of the session's ticket, of the newest one as soon as it has come, else
// the id that the server gave before TLS 1.3.
func (t *TLS) Session() []byte {
	if t.hs != nil {
		return nil
	}
	if s := t.conn.ConnectionState(); !t.client && s.Version == tls.VersionTLS13 {
		id, _ := s.ExportKeyingMaterial("EXPORTER-gohap-session-id", nil, 32)
		return id
	}
	return t.session
}

// identify finds the session's id once the handshake is over.
func (t *TLS) identify(h *handshake) {
	s := t.State()
	switch {
	case !t.client && s.DidResume && s.Version < tls.VersionTLS13:
		t.session = h.session()
	case !t.client:
	case s.DidResume && !h.ticket:
		t.session = h.offered
	case !h.ticket && s.Version < tls.VersionTLS13:
		t.session = h.session()
	}
}

// session is the id in what the peer sent first, a hello (RFC 5246 section 7.4.1.2);
// nil for none. A client's hello of a session that is resumed has its id.
func (h *handshake) session() []byte {
	const at = 5 + 4 + 2 + 32 // behind both headers, the version and the random
	b := h.first[:min(h.n, int64(len(h.first)))]
	if len(b) <= at || int(b[at]) > len(b)-at-1 || b[at] == 0 {
		return nil
	}
	return append([]byte(nil), b[at+1:at+1+int(b[at])]...)
}

// sessions is the cache of sessions as one connection to a server sees it: which
// session it offers, which tickets it gets. On the connection's loop.
type sessions struct {
	kept tls.ClientSessionCache // of all connections to the server, nil where none is resumed
	t    *TLS
}

// Get implements tls.ClientSessionCache.
func (s *sessions) Get(key string) (*tls.ClientSessionState, bool) {
	if s.kept == nil {
		return nil, false
	}
	cs, ok := s.kept.Get(key)
	if ok && s.t.hs != nil {
		s.t.hs.offered = ticketID(cs)
	}
	return cs, ok
}

// Put implements tls.ClientSessionCache.
func (s *sessions) Put(key string, cs *tls.ClientSessionState) {
	if s.kept != nil {
		s.kept.Put(key, cs)
	}
	if cs == nil { // a session that the server would not go on with
		return
	}
	s.t.session = ticketID(cs)
	if s.t.hs != nil {
		s.t.hs.ticket = true
	}
}

// ticketID is what a client calls a session that it has a ticket of (RFC 5077
// section 3.4 leaves it to it; reference: the ticket's digest).
func ticketID(cs *tls.ClientSessionState) []byte {
	ticket, _, err := cs.ResumptionState()
	if err != nil || len(ticket) == 0 {
		return nil
	}
	id := sha256.Sum256(ticket)
	return id[:]
}
