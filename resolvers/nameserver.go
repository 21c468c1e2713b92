package resolvers

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Nameserver is a server that is asked. Its fields are set before the section starts.
type Nameserver struct {
	Name string
	Addr netip.AddrPort
	TCP  bool // it is asked over connections alone
	// Most is how many of them there are at once, zero for the default.
	Most int
	// Dial makes one; nil is TCP to Addr. Without one that is wanted it returns when ctx
	// ends. Any goroutine.
	Dial func(ctx context.Context) (net.Conn, error)

	section *Section
	slots   chan struct{} // as many as connections in use
	mu      sync.Mutex
	kept    []*kept // without a query, the latest last; under mu
	ended   bool    // nothing is kept any more; under mu
	Counters
}

// Counters are what became of a server's queries; any goroutine.
type Counters struct {
	Sent, SendErrors, Valid, Update  atomic.Uint64
	CNAME, CNAMEErrors, Empty, NX    atomic.Uint64
	Timeout, Refused, Other, Invalid atomic.Uint64
	TooBig, Truncated, Outdated      atomic.Uint64
}

// Reset makes them zero; any goroutine.
func (c *Counters) Reset() {
	for _, n := range []*atomic.Uint64{&c.Sent, &c.SendErrors, &c.Valid, &c.Update, &c.CNAME, &c.CNAMEErrors, &c.Empty, &c.NX,
		&c.Timeout, &c.Refused, &c.Other, &c.Invalid, &c.TooBig, &c.Truncated, &c.Outdated} {
		n.Store(0)
	}
}

// count counts what a message came to.
func (n *Nameserver) count(a *answer, v verdict) {
	if a.aliased && v == good {
		n.CNAME.Add(1)
	}
	n.counter(v).Add(1)
}

func (n *Nameserver) counter(v verdict) *atomic.Uint64 {
	switch v {
	case good:
		return &n.Valid
	case silent:
		return &n.Timeout
	case nx:
		return &n.NX
	case refused:
		return &n.Refused
	case other:
		return &n.Other
	case empty:
		return &n.Empty
	case badAlias:
		return &n.CNAMEErrors
	case truncated:
		return &n.Truncated
	case tooBig:
		return &n.TooBig
	case outdated:
		return &n.Outdated
	}
	return &n.Invalid
}

// reply is what came of asking one server.
type reply struct {
	answer
	verdict
	by *Nameserver
}

// ask asks the server and waits for its answer until limit. An answer that came after
// over was closed is outdated.
func (n *Nameserver) ask(ctx context.Context, q question, payload int, limit time.Duration, over <-chan struct{}) reply {
	short, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var a answer
	v := silent
	if packet, err := q.pack(payload); err == nil {
		if n.TCP {
			a, v = n.stream(short, q, packet)
		} else if a, v = n.datagram(short, q, packet, payload); v == truncated || v == tooBig {
			n.count(&a, v)
			whole, cancel := context.WithTimeout(ctx, limit)
			a, v = n.stream(whole, q, packet)
			cancel()
		}
	}
	if v != silent {
		select {
		case <-over:
			v = outdated
		default:
		}
	} else if ctx.Err() != nil { // nobody waits any more
		return reply{a, v, n}
	}
	n.count(&a, v)
	return reply{a, v, n}
}

// datagram asks over UDP, from a socket and a port of its own. What is no answer is
// counted and passed over: anybody may have sent it.
func (n *Nameserver) datagram(ctx context.Context, q question, packet []byte, payload int) (a answer, v verdict) {
	c, end := n.dial(ctx)
	if c == nil {
		return a, silent
	}
	defer end()
	n.Sent.Add(1)
	if _, err := c.Write(packet); err != nil {
		n.SendErrors.Add(1)
		<-ctx.Done()
		return a, silent
	}
	buf := make([]byte, payload+1)
	for {
		size, err := c.Read(buf)
		switch {
		case ctx.Err() != nil:
			return a, silent
		case err != nil: // nobody listens there: now, perhaps
			n.SendErrors.Add(1)
			<-ctx.Done()
			return a, silent
		case size > payload:
			return a, tooBig
		}
		if a, v = q.parse(buf[:size]); v != invalid && v != outdated {
			return a, v
		}
		n.count(&a, v)
	}
}

// dial makes a socket that takes datagrams from the server alone; end has to be called
// where there is one. It ends with ctx. Without one ctx has ended.
func (n *Nameserver) dial(ctx context.Context) (c net.Conn, end func()) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", n.Addr.String())
	if err != nil {
		n.SendErrors.Add(1)
		<-ctx.Done()
		return nil, nil
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	return c, func() {
		stop()
		c.Close()
	}
}
