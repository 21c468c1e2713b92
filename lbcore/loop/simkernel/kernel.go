package simkernel

import (
	"net/netip"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gohap/lbcore/loop"
)

// Kernel is a loop's simulated operating system. It belongs to the test's
// goroutine, which also takes the loop's turns.
type Kernel struct {
	socks    map[int32]*sock
	next     int32
	order    []int32 // descriptors with pending edges, oldest first
	spare    []int32
	woken    atomic.Bool
	servers  map[netip.AddrPort]*server
	nextPort uint16
	occupied map[netip.AddrPort]bool
	// Opened and Closed count descriptors, for leak checks.
	Opened, Closed int
	pipes          map[int32]*pipe
}

// sock is the near end: what the loop holds a descriptor of.
type sock struct {
	fd        int32
	listening []*sock // accept queue of a listener
	isListen  bool
	passed    []*Peer // passed over this one, not taken yet
	in        []byte  // arrived, not read
	eof       bool    // the peer has ended its direction
	reset     bool
	room      int // bytes that Send takes before EAGAIN; negative for no bound
	out       []byte
	held      []byte // sent with more to come
	shut      bool   // our direction has ended
	closed    bool
	linger    bool // closed with a reset
	remote    netip.AddrPort
	local     netip.AddrPort
	connect   connectState
	wait      bool // watched
	gen       int32
	want      loop.Readiness
	edges     loop.Readiness
	queued    bool
}

type connectState uint8

const (
	standing connectState = iota
	connecting
	refused
)

// server is an address that may be dialled.
type server struct {
	mode    Mode
	waiting []*Peer
}

// Mode is how a server's address answers a dial.
type Mode uint8

// The modes.
const (
	Accepting Mode = iota // at once
	Slow                  // when Peer.Answer says so
	Refusing
)

// New returns an empty kernel.
func New() *Kernel {
	return &Kernel{socks: map[int32]*sock{}, next: 10, servers: map[netip.AddrPort]*server{}, nextPort: 40000}
}

// Peer is the far end of a socket.
type Peer struct {
	k *Kernel
	s *sock
	// To is the address that was dialled.
	To netip.AddrPort
}

// Occupy makes a local address one that another process has.
func (k *Kernel) Occupy(at netip.AddrPort) {
	if k.occupied == nil {
		k.occupied = map[netip.AddrPort]bool{}
	}
	k.occupied[at] = true
}

// From returns where a connection that was made to a server comes from.
func (p *Peer) From() netip.AddrPort { return p.s.local }

func (k *Kernel) sock() *sock {
	k.next++
	k.Opened++
	s := &sock{fd: k.next, room: -1}
	k.socks[s.fd] = s
	return s
}

// Listener makes a listening descriptor.
func (k *Kernel) Listener(at netip.AddrPort) int32 {
	s := k.sock()
	s.isListen, s.local = true, at
	return s.fd
}

// Dial connects a client to a listening descriptor.
func (k *Kernel) Dial(listener int32, from netip.AddrPort) *Peer {
	l := k.socks[listener]
	s := k.sock()
	s.remote, s.local = from, l.local
	l.listening = append(l.listening, s)
	k.edge(l, loop.In)
	return &Peer{k: k, s: s}
}

// Serve lets an address be dialled.
func (k *Kernel) Serve(at netip.AddrPort, m Mode) {
	if v := k.servers[at]; v != nil {
		v.mode = m
		return
	}
	k.servers[at] = &server{mode: m}
}

// Accept returns the next connection that was dialled to an address, nil when
// there is none.
func (k *Kernel) Accept(at netip.AddrPort) *Peer {
	v := k.servers[at]
	if v == nil || len(v.waiting) == 0 {
		return nil
	}
	p := v.waiting[0]
	v.waiting = v.waiting[1:]
	return p
}

// Passed returns the next connection that was passed over a descriptor of
// Listener's, nil when there is none.
func (k *Kernel) Passed(over int32) *Peer {
	s := k.socks[over]
	if len(s.passed) == 0 {
		return nil
	}
	p := s.passed[0]
	s.passed = s.passed[1:]
	return p
}

// Deserted ends the far end of a descriptor of Listener's: nothing is passed
// over it any more.
func (k *Kernel) Deserted(over int32) {
	s := k.socks[over]
	s.eof = true
	k.edge(s, loop.In)
}

// edge notes a new edge and queues its event.
func (k *Kernel) edge(s *sock, r loop.Readiness) {
	s.edges |= r
	k.queue(s)
}

func (k *Kernel) queue(s *sock) {
	if s.wait && !s.queued && !s.closed && (s.edges&(s.want|loop.Hup|loop.Err) != 0 || s.isListen && len(s.listening) > 0) {
		s.queued = true
		k.order = append(k.order, s.fd)
	}
}

// Answer completes a slow connect.
func (p *Peer) Answer() {
	p.s.connect = standing
	p.k.edge(p.s, loop.Out)
}

// Refuse fails a slow connect.
func (p *Peer) Refuse() {
	p.s.connect = refused
	p.k.edge(p.s, loop.Out|loop.Err|loop.Hup)
}

// Write makes bytes arrive.
func (p *Peer) Write(b []byte) {
	if p.s.closed || p.s.reset {
		return
	}
	p.s.in = append(p.s.in, b...)
	p.k.edge(p.s, loop.In)
}

// Close ends the peer's direction.
func (p *Peer) Close() {
	p.s.eof = true
	p.k.edge(p.s, loop.In|loop.RdHup)
}

// Reset breaks the connection.
func (p *Peer) Reset() {
	p.s.reset = true
	p.k.edge(p.s, loop.In|loop.RdHup|loop.Hup|loop.Err)
}

// Room sets how many more bytes the peer takes before the socket is full; a
// negative number means no bound.
func (p *Peer) Room(n int) {
	p.s.room = n
	if n != 0 {
		p.k.edge(p.s, loop.Out)
	}
}

// Take returns what was sent to the peer since the last call.
func (p *Peer) Take() []byte {
	b := p.s.out
	p.s.out = nil
	return b
}

// State tells how the near end stands: "open", "shut" (its direction has
// ended), "closed" or "reset".
func (p *Peer) State() string {
	switch {
	case p.s.closed && (p.s.linger || len(p.s.in) > 0):
		return "reset" // closing with unread bytes answers with a reset
	case p.s.closed:
		return "closed"
	case p.s.shut:
		return "shut"
	}
	return "open"
}

// Wait implements loop.Kernel: it never waits. A wake-up has done its work then.
func (k *Kernel) Wait(ev []loop.Event, _ int, _ bool) (int, loop.Errno) {
	k.woken.Store(false)
	n := 0
	order := k.order
	k.order, k.spare = k.spare[:0], order
	for _, fd := range order {
		s := k.socks[fd]
		if s == nil || s.closed || !s.wait {
			continue
		}
		s.queued = false
		if n == len(ev) {
			k.queue(s)
			continue
		}
		e := s.edges & (s.want | loop.Hup | loop.Err)
		if s.isListen && len(s.listening) > 0 {
			e |= loop.In
		}
		if e == 0 {
			continue
		}
		s.edges = 0
		ev[n] = loop.Event{Events: e, FD: fd, Gen: s.gen}
		n++
	}
	return n, 0
}

// Pending tells whether an event waits.
func (k *Kernel) Pending() bool { return len(k.order) > 0 || k.woken.Load() }

// Add implements loop.Kernel.
func (k *Kernel) Add(fd int32, want loop.Readiness, gen int32) loop.Errno {
	s := k.socks[fd]
	if s == nil {
		return unix.EBADF
	}
	s.wait, s.want, s.gen = true, want, gen
	if len(s.in) > 0 || s.eof || s.reset {
		s.edges |= loop.In
	}
	if s.eof {
		s.edges |= loop.RdHup
	}
	if s.reset {
		s.edges |= loop.Hup | loop.Err
	}
	if s.connect == standing && s.room != 0 {
		s.edges |= loop.Out
	}
	k.queue(s)
	return 0
}

// Modify implements loop.Kernel.
func (k *Kernel) Modify(fd int32, want loop.Readiness, gen int32) loop.Errno {
	return k.Add(fd, want, gen)
}

// Remove implements loop.Kernel.
func (k *Kernel) Remove(fd int32) loop.Errno {
	if s := k.socks[fd]; s != nil {
		s.wait = false
	}
	return 0
}

// Wake implements loop.Kernel.
func (k *Kernel) Wake() { k.woken.Store(true) }

// Woken implements loop.Kernel.
func (k *Kernel) Woken() { k.woken.Store(false) }

// IsWake implements loop.Kernel: wake-ups are no events here.
func (k *Kernel) IsWake(*loop.Event) bool { return false }

// Listeners returns how many listening descriptors are open.
func (k *Kernel) Listeners() int {
	n := 0
	for _, s := range k.socks {
		if s.isListen && !s.closed {
			n++
		}
	}
	return n
}

// Reuse forgets what was sent to the peer and keeps the memory, for tests that
// count allocations.
func (p *Peer) Reuse() { p.s.out = p.s.out[:0] }
