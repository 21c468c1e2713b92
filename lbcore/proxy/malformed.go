package proxy

import (
	"net/netip"
	"time"
)

// Malformed is a message that broke its protocol, as "show errors" prints it. It
// does not change once it is stored.
type Malformed struct {
	Time     time.Time
	Event    int64 // its number in the process, from 0
	Other    *Proxy
	Server   *Server
	Source   netip.AddrPort // the client; the zero value by a unix socket
	Received []byte         // what had come of the message
	Pos      int            // in Received, of the byte at fault
	State    string         // what was being read
	Reason   string
	BufSize  int
}

// KeepMalformed stores m, whose bytes it copies, as the last malformed request or
// response of p; any loop.
func (p *Proxy) KeepMalformed(of *Process, response bool, m Malformed) {
	m.Event = of.Malformed.Add(1) - 1
	m.Received = append([]byte(nil), m.Received...)
	if response {
		p.badResponse.Store(&m)
	} else {
		p.badRequest.Store(&m)
	}
}

// LastMalformed returns the last malformed request or response of p, nil for none;
// any goroutine.
func (p *Proxy) LastMalformed(response bool) *Malformed {
	if response {
		return p.badResponse.Load()
	}
	return p.badRequest.Load()
}
