package member

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"gohap/cluster/port"
)

// Protocol is the ALPN name of memberlist's streams.
const Protocol = "gohap-gossip"

// maxPacket is the largest datagram that is read, bytes.
const maxPacket = 65536

// transport is memberlist's network: datagrams of a socket of its own, streams of the
// fleet's port.
type transport struct {
	packets   net.PacketConn
	port      *port.Port
	streams   *port.Listener
	advertise netip.AddrPort
	in        chan *memberlist.Packet
	conns     chan net.Conn
	done      chan struct{}
	once      sync.Once
	work      sync.WaitGroup
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(packets net.PacketConn, p *port.Port, streams *port.Listener, advertise netip.AddrPort) *transport {
	t := &transport{packets: packets, port: p, streams: streams, advertise: advertise,
		in: make(chan *memberlist.Packet, 256), conns: make(chan net.Conn), done: make(chan struct{})}
	t.work.Go(t.read)
	t.work.Go(t.accept)
	return t
}

// read passes datagrams on; where memberlist is behind they are lost, as on the way.
func (t *transport) read() {
	all := make([]byte, maxPacket)
	for {
		n, from, err := t.packets.ReadFrom(all)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || t.over() {
				return
			}
			continue // what ICMP said of a former datagram
		}
		select {
		case t.in <- &memberlist.Packet{Buf: bytes.Clone(all[:n]), From: from, Timestamp: time.Now()}:
		default:
		}
	}
}

func (t *transport) over() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

func (t *transport) accept() {
	for {
		c, err := t.streams.Accept()
		if err != nil {
			return
		}
		select {
		case t.conns <- c:
		case <-t.done:
			c.Close()
			return
		}
	}
}

// FinalAdvertiseAddr implements memberlist.Transport.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IP(t.advertise.Addr().AsSlice()), int(t.advertise.Port()), nil
}

// WriteTo implements memberlist.Transport.
func (t *transport) WriteTo(b []byte, address string) (time.Time, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return time.Time{}, err
	}
	_, err = t.packets.WriteTo(b, net.UDPAddrFromAddrPort(a))
	return time.Now(), err
}

// WriteToAddress implements memberlist.NodeAwareTransport.
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

// PacketCh implements memberlist.Transport.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.in }

// StreamCh implements memberlist.Transport.
func (t *transport) StreamCh() <-chan net.Conn { return t.conns }

// DialTimeout implements memberlist.Transport.
func (t *transport) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: address}, timeout)
}

// DialAddressTimeout implements memberlist.NodeAwareTransport: the name is the id that
// the other end must prove.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	c, err := t.port.Dial(ctx, a.Addr, Protocol, a.Name)
	if err != nil {
		return nil, err
	}
	if c.Peer == t.port.Ring().ID() {
		c.Close()
		return nil, errSelf
	}
	return c, nil
}

var errSelf = fmt.Errorf("this is the node itself")

// Shutdown implements memberlist.Transport. The port stays.
func (t *transport) Shutdown() error {
	t.once.Do(func() {
		close(t.done)
		t.packets.Close()
		t.streams.Close()
	})
	t.work.Wait()
	return nil
}
