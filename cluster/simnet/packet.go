package simnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

type packet struct {
	from netip.AddrPort
	data []byte
}

// Packets is a socket of datagrams; it is a net.PacketConn.
type Packets struct {
	net   *Net
	local netip.AddrPort
	in    chan packet
	once  sync.Once
	done  chan struct{}
}

// ListenPacket opens a socket of datagrams.
func (n *Net) ListenPacket(local netip.AddrPort) (*Packets, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.packets[local] != nil {
		return nil, &net.OpError{Op: "listen", Net: "sim", Err: errInUse}
	}
	p := &Packets{net: n, local: local, in: make(chan packet, 1024), done: make(chan struct{})}
	n.packets[local] = p
	return p, nil
}

// ReadFrom implements net.PacketConn.
func (p *Packets) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case <-p.done:
		return 0, nil, net.ErrClosed
	default:
	}
	select {
	case d := <-p.in:
		return copy(b, d.data), net.UDPAddrFromAddrPort(d.from), nil
	case <-p.done:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo implements net.PacketConn. Whether a datagram arrives is not known.
func (p *Packets) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-p.done:
		return 0, net.ErrClosed
	default:
	}
	p.net.Datagrams.Add(1)
	p.net.Bytes.Add(int64(len(b)))
	a := to.(*net.UDPAddr).AddrPort()
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	d, ok, _ := p.net.way(p.local.Addr(), a.Addr(), false)
	if !ok {
		return len(b), nil
	}
	data := packet{p.local, append([]byte(nil), b...)}
	time.AfterFunc(d, func() {
		p.net.mu.Lock()
		q := p.net.packets[a]
		p.net.mu.Unlock()
		if q == nil {
			return
		}
		select {
		case q.in <- data:
		default: // full
		}
	})
	return len(b), nil
}

// Close implements net.PacketConn.
func (p *Packets) Close() error {
	p.once.Do(func() {
		close(p.done)
		p.net.mu.Lock()
		delete(p.net.packets, p.local)
		p.net.mu.Unlock()
	})
	return nil
}

// LocalAddr implements net.PacketConn.
func (p *Packets) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.local) }

// SetDeadline implements net.PacketConn; there are none.
func (p *Packets) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline implements net.PacketConn; there are none.
func (p *Packets) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline implements net.PacketConn; there are none.
func (p *Packets) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
