package simnet

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Net is a network.
type Net struct {
	mu        sync.Mutex
	rnd       *rand.Rand
	delay     time.Duration
	spread    time.Duration
	loss      float64
	cuts      map[[2]netip.Addr]bool
	changed   chan struct{} // closed when a cut is made or mended
	packets   map[netip.AddrPort]*Packets
	listeners map[netip.AddrPort]*Listener
	streams   map[*half]bool
	next      uint16
	over      chan struct{} // closed by Close

	// Datagrams and their bytes that were sent since the start, lost ones too.
	Datagrams, Bytes atomic.Int64
}

// New makes a network without faults and delays.
func New(seed uint64) *Net {
	return &Net{rnd: rand.New(rand.NewPCG(seed, 1)), cuts: map[[2]netip.Addr]bool{}, changed: make(chan struct{}),
		packets: map[netip.AddrPort]*Packets{}, listeners: map[netip.AddrPort]*Listener{}, streams: map[*half]bool{}, next: 40000, over: make(chan struct{})}
}

// Delay makes everything take some time: least, and up to spread more by chance.
func (n *Net) Delay(least, spread time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay, n.spread = least, spread
}

// Loss drops a share of datagrams. Streams come late instead: each loss costs 200 ms.
func (n *Net) Loss(share float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss = share
}

// Cut lets nothing pass from one host to another; the other way is not touched.
func (n *Net) Cut(from, to netip.Addr, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if on {
		n.cuts[[2]netip.Addr{from, to}] = true
	} else {
		delete(n.cuts, [2]netip.Addr{from, to})
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// Isolate cuts a host from some others, both ways, or mends that.
func (n *Net) Isolate(a netip.Addr, others []netip.Addr, on bool) {
	for _, b := range others {
		if a != b {
			n.Cut(a, b, on)
			n.Cut(b, a, on)
		}
	}
}

// Crash ends whatever a host has open, as a process that is killed does. Who is cut
// off from it does not learn of that.
func (n *Net) Crash(host netip.Addr) {
	n.mu.Lock()
	var all []interface{ Close() error }
	for a, p := range n.packets {
		if a.Addr() == host {
			all = append(all, p)
		}
	}
	for a, l := range n.listeners {
		if a.Addr() == host {
			all = append(all, l)
		}
	}
	for h := range n.streams {
		if h.local.Addr() == host {
			all = append(all, h)
		}
	}
	n.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
}

// Close ends everything: nothing that is under way arrives.
func (n *Net) Close() {
	close(n.over)
	n.mu.Lock()
	hosts := map[netip.Addr]bool{}
	for a := range n.packets {
		hosts[a.Addr()] = true
	}
	for a := range n.listeners {
		hosts[a.Addr()] = true
	}
	for h := range n.streams {
		hosts[h.local.Addr()] = true
	}
	n.mu.Unlock()
	for h := range hosts {
		n.Crash(h)
	}
}

// way tells how long something takes from one host to another; ok is false where it
// does not arrive. wait is closed when that may have changed.
func (n *Net) way(from, to netip.Addr, stream bool) (d time.Duration, ok bool, wait chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cuts[[2]netip.Addr{from, to}] {
		return 0, false, n.changed
	}
	d = n.delay
	if n.spread > 0 {
		d += time.Duration(n.rnd.Int64N(int64(n.spread)))
	}
	for n.loss > 0 && n.rnd.Float64() < n.loss {
		if !stream {
			return 0, false, n.changed
		}
		d += 200 * time.Millisecond
	}
	return d, true, n.changed
}

func (n *Net) ephemeral(host netip.Addr) netip.AddrPort {
	n.next++
	if n.next < 40000 {
		n.next = 40000
	}
	return netip.AddrPortFrom(host, n.next)
}

func refused(op string, a netip.AddrPort) error {
	return &net.OpError{Op: op, Net: "sim", Addr: net.TCPAddrFromAddrPort(a), Err: errRefused}
}

type simError string

func (e simError) Error() string { return string(e) }

const (
	errRefused = simError("connection refused")
	errReset   = simError("connection reset by peer")
	errInUse   = simError("address already in use")
)
