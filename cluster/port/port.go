package port

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gohap/cluster/keyring"
)

const (
	// defaultWaiting is how many connections may be in their handshakes.
	defaultWaiting = 128
	// defaultHandshake is how long a handshake may take.
	defaultHandshake = 5 * time.Second
	// queued is how many connections wait for the one who serves their protocol.
	queued = 64
)

// Config is what a port is made of.
type Config struct {
	Ring      *keyring.Ring
	Log       *slog.Logger
	Waiting   int           // connections in their handshakes; 0: 128
	Handshake time.Duration // most time for one; 0: 5 s
	// Dial connects for outgoing connections; nil is TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Port serves one listener.
type Port struct {
	config Config
	ring   atomic.Pointer[keyring.Ring]
	ctx    context.Context
	stop   context.CancelFunc
	work   sync.WaitGroup

	// Refused counts connections that came to nothing: no member, no protocol, no
	// word in time, no room.
	Refused atomic.Int64

	mu        sync.Mutex
	listener  net.Listener
	protocols map[string]*Listener
	waiting   *list.List // of net.Conn, the one that came first in front
	conns     map[*Conn]bool
	closed    bool
}

// Conn is a connection with a member.
type Conn struct {
	*tls.Conn
	Peer     string // the other node's id
	Protocol string
	port     *Port
	once     sync.Once
}

// Close closes the connection; more than once does nothing.
func (c *Conn) Close() (err error) {
	c.once.Do(func() {
		c.port.forget(c)
		err = c.Conn.Close()
	})
	return err
}

// New makes a port that does not listen yet: Dial works, Handle can be called.
func New(c Config) *Port {
	if c.Waiting <= 0 {
		c.Waiting = defaultWaiting
	}
	if c.Handshake <= 0 {
		c.Handshake = defaultHandshake
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	p := &Port{config: c, protocols: map[string]*Listener{}, waiting: list.New(), conns: map[*Conn]bool{}}
	p.ring.Store(c.Ring)
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Handle returns the listener of a protocol's connections; whoever takes it serves
// them. To be called before Serve, once a protocol.
func (p *Port) Handle(protocol string) *Listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &Listener{port: p, protocol: protocol, conns: make(chan *Conn, queued), done: make(chan struct{})}
	p.protocols[protocol] = l
	return l
}

// Reopen lets a listener of this port go on that was closed.
func (p *Port) Reopen(l *Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = make(chan struct{})
	l.over = false
}

// Serve accepts connections from l in the background, until Close, which closes it.
func (p *Port) Serve(l net.Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		l.Close()
		return
	}
	p.listener = l
	p.work.Go(func() { p.accept(l) })
}

// Addr is where the port listens, nil before Serve.
func (p *Port) Addr() net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return nil
	}
	return p.listener.Addr()
}

// Ring returns the keys in use.
func (p *Port) Ring() *keyring.Ring { return p.ring.Load() }

// SetRing changes the keys: connections whose secret is none any more are closed.
func (p *Port) SetRing(r *keyring.Ring) {
	p.ring.Store(r)
	p.mu.Lock()
	var gone []*Conn
	for c := range p.conns {
		if _, member := r.Peer(c.ConnectionState()); !member {
			gone = append(gone, c)
		}
	}
	p.mu.Unlock()
	for _, c := range gone {
		c.Close()
	}
}

// Drop closes the connections of a protocol.
func (p *Port) Drop(protocol string) {
	p.mu.Lock()
	var gone []*Conn
	for c := range p.conns {
		if c.Protocol == protocol {
			gone = append(gone, c)
		}
	}
	p.mu.Unlock()
	for _, c := range gone {
		c.Close()
	}
}

// Close closes the listener and every connection, and waits for what the port
// started.
func (p *Port) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	p.stop()
	if p.listener != nil {
		p.listener.Close()
	}
	var all []net.Conn
	for e := p.waiting.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(net.Conn))
	}
	for c := range p.conns {
		all = append(all, c)
	}
	for _, l := range p.protocols {
		l.end()
	}
	p.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
	p.work.Wait()
}

// accept takes connections until the listener is closed.
func (p *Port) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			p.admit(c)
		case errors.Is(err, net.ErrClosed) || p.ctx.Err() != nil:
			return
		default: // no descriptors left, most likely
			p.config.Log.Warn("the fleet's port cannot accept", "error", err)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-p.ctx.Done():
				return
			}
		}
	}
}

// admit begins a handshake, for which somebody may have to go.
func (p *Port) admit(c net.Conn) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		c.Close()
		return
	}
	var last net.Conn
	if p.waiting.Len() >= p.config.Waiting {
		last = p.waiting.Remove(p.waiting.Front()).(net.Conn)
	}
	e := p.waiting.PushBack(c)
	p.work.Go(func() { p.shake(c, e) })
	p.mu.Unlock()
	if last != nil {
		last.Close()
	}
}

// shake has a connection prove that it is a member's and hands it on.
func (p *Port) shake(raw net.Conn, e *list.Element) {
	p.mu.Lock()
	protocols := make([]string, 0, len(p.protocols))
	for name := range p.protocols {
		protocols = append(protocols, name)
	}
	p.mu.Unlock()
	slices.Sort(protocols)
	ctx, cancel := context.WithTimeout(p.ctx, p.config.Handshake)
	defer cancel()
	ring := p.ring.Load()
	t := tls.Server(raw, ring.Server(protocols))
	err := t.HandshakeContext(ctx)
	p.mu.Lock()
	p.waiting.Remove(e) // does nothing where it had to go
	p.mu.Unlock()
	var c *Conn
	if err == nil {
		c, err = p.join(t, ring)
	}
	if err == nil {
		err = p.protocols[c.Protocol].hand(c)
	}
	if err != nil {
		p.Refused.Add(1)
		p.config.Log.Debug("the fleet's port refused a connection", "from", raw.RemoteAddr(), "error", err)
		raw.Close()
	}
}

// join makes a connection with a member of what a handshake left, in either role.
func (p *Port) join(t *tls.Conn, ring *keyring.Ring) (*Conn, error) {
	s := t.ConnectionState()
	id, member := ring.Peer(s)
	if !member {
		return nil, errors.New("the other end is no member")
	}
	c := &Conn{Conn: t, Peer: id, Protocol: s.NegotiatedProtocol, port: p}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, net.ErrClosed
	}
	p.conns[c] = true
	p.mu.Unlock()
	if now := p.ring.Load(); now != ring { // meanwhile
		if _, member := now.Peer(s); !member {
			c.Close()
			return nil, errors.New("the other end's secret was removed")
		}
	}
	return c, nil
}

func (p *Port) forget(c *Conn) {
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// Dial connects to a node for a protocol: to that with the id, or to whichever is at
// the address where id is empty. ctx bounds connecting and handshake.
func (p *Port) Dial(ctx context.Context, address, protocol, id string) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.Handshake)
	defer cancel()
	raw, err := p.config.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	ring := p.ring.Load()
	t := tls.Client(raw, ring.Client(protocol, id))
	if err := t.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("%s at %s: %w", protocol, address, err)
	}
	c, err := p.join(t, ring)
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("%s at %s: %w", protocol, address, err)
	}
	return c, nil
}

// Listener has the connections of one protocol; it is a net.Listener.
type Listener struct {
	port     *Port
	protocol string
	conns    chan *Conn

	mu   sync.Mutex
	over bool
	done chan struct{} // closed with over
}

func (l *Listener) ended() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

// hand passes a connection on; it fails where nobody takes those before it.
func (l *Listener) hand(c *Conn) error {
	if l.put(c) {
		return nil
	}
	c.Close()
	return fmt.Errorf("nobody serves %s", l.protocol)
}

func (l *Listener) put(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	select {
	case l.conns <- c:
		return true
	default:
		return false
	}
}

// AcceptConn waits for the next connection.
func (l *Listener) AcceptConn() (*Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended():
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptConn()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Addr implements net.Listener; it is never nil.
func (l *Listener) Addr() net.Addr {
	if a := l.port.Addr(); a != nil {
		return a
	}
	return &net.TCPAddr{}
}

// Close implements net.Listener: the protocol is served no more, until Reopen.
func (l *Listener) Close() error {
	l.end()
	for {
		select {
		case c := <-l.conns:
			c.Close()
		default:
			return nil
		}
	}
}

func (l *Listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.over = true
		close(l.done)
	}
}
