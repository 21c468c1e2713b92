package resolvers

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"time"
)

const (
	// keepTime is how long a connection without a query is kept (reference).
	keepTime = 5 * time.Second
	// mostConns is how many connections to a server there are at once where nothing is
	// said: queries beyond it wait for their turn. Reference: there is no such bound, but
	// four queries share a connection; name servers have one, of 150 and the like.
	mostConns = 32
)

// kept is a connection that waits for a query.
type kept struct {
	net.Conn
	end *time.Timer
}

// stream asks over a connection, one that is kept where there is any. That may have
// been closed by the server meanwhile: it is asked over another one then.
func (n *Nameserver) stream(ctx context.Context, q question, packet []byte) (a answer, v verdict) {
	select {
	case n.slots <- struct{}{}:
		defer func() { <-n.slots }()
	case <-ctx.Done():
		return a, silent
	}
	n.Sent.Add(1)
	packet = append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
	for {
		c, used := n.take(), true
		if c == nil {
			used = false
			if c = n.connect(ctx); c == nil {
				return a, silent
			}
		}
		var err error
		if a, v, err = n.exchange(ctx, c, q, packet); err == nil {
			n.keep(c)
			return a, v
		}
		c.Close()
		if !used || ctx.Err() != nil {
			<-ctx.Done()
			return a, silent
		}
	}
}

// connect makes a connection; without one ctx has ended, so that a server that cannot
// be reached is not asked again at once.
func (n *Nameserver) connect(ctx context.Context) net.Conn {
	var c net.Conn
	var err error
	if n.Dial != nil {
		c, err = n.Dial(ctx)
	} else {
		var d net.Dialer
		c, err = d.DialContext(ctx, "tcp", n.Addr.String())
	}
	if err != nil {
		n.SendErrors.Add(1)
		<-ctx.Done()
		return nil
	}
	return c
}

// exchange sends a query and waits for its answer. With an error the connection is of
// no use any more.
func (n *Nameserver) exchange(ctx context.Context, c net.Conn, q question, packet []byte) (a answer, v verdict, err error) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	if _, err := c.Write(packet); err != nil {
		stop()
		return a, silent, err
	}
	var size [2]byte
	for {
		if _, err := io.ReadFull(c, size[:]); err != nil {
			stop()
			return a, silent, err
		}
		buf := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, buf); err != nil {
			stop()
			return a, silent, err
		}
		switch a, v = q.parse(buf); v {
		case invalid, outdated:
			n.count(&a, v)
			continue
		case truncated: // over a connection all fits
			a, v = answer{}, other
		}
		if !stop() {
			return a, v, ctx.Err()
		}
		return a, v, nil
	}
}

// take returns a connection that is kept, the one that was used last, or nil.
func (n *Nameserver) take() net.Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.kept) == 0 {
		return nil
	}
	k := n.kept[len(n.kept)-1]
	n.kept = n.kept[:len(n.kept)-1]
	k.end.Stop()
	return k.Conn
}

// keep keeps a connection for a while.
func (n *Nameserver) keep(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		c.Close()
		return
	}
	k := &kept{Conn: c}
	n.kept = append(n.kept, k)
	k.end = time.AfterFunc(keepTime, func() { n.drop(k) })
}

// drop closes a connection that nobody took.
func (n *Nameserver) drop(k *kept) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := slices.Index(n.kept, k); i >= 0 {
		n.kept = slices.Delete(n.kept, i, i+1)
		k.Close()
	}
}

// end closes all that is kept, and whatever were to be.
func (n *Nameserver) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	for _, k := range n.kept {
		k.end.Stop()
		k.Close()
	}
	n.kept = nil
}
