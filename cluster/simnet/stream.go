package simnet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// window is how much of a stream may be under way, bytes.
const window = 64 << 10

// Listener takes streams; it is a net.Listener.
type Listener struct {
	net   *Net
	local netip.AddrPort
	in    chan *half
	once  sync.Once
	done  chan struct{}
}

// Listen opens a listener of streams.
func (n *Net) Listen(local netip.AddrPort) (*Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[local] != nil {
		return nil, &net.OpError{Op: "listen", Net: "sim", Err: errInUse}
	}
	l := &Listener{net: n, local: local, in: make(chan *half, 128), done: make(chan struct{})}
	n.listeners[local] = l
	return l, nil
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *Listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.net.mu.Lock()
		delete(l.net.listeners, l.local)
		l.net.mu.Unlock()
	})
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

// Dial connects a host to an address. A cut lets it wait until ctx ends.
func (n *Net) Dial(ctx context.Context, host netip.Addr, to netip.AddrPort) (net.Conn, error) {
	for _, leg := range [2][2]netip.Addr{{host, to.Addr()}, {to.Addr(), host}} {
		if err := n.pass(ctx.Done(), leg[0], leg[1]); err != nil {
			return nil, &net.OpError{Op: "dial", Net: "sim", Addr: net.TCPAddrFromAddrPort(to), Err: context.Cause(ctx)}
		}
	}
	n.mu.Lock()
	l := n.listeners[to]
	a := &half{net: n, local: n.ephemeral(host), remote: to}
	b := &half{net: n, local: to, remote: a.local}
	a.other, b.other = b, a
	a.init()
	b.init()
	n.mu.Unlock()
	if l == nil {
		return nil, refused("dial", to)
	}
	select {
	case l.in <- b:
	default:
		return nil, refused("dial", to)
	}
	n.mu.Lock()
	n.streams[a], n.streams[b] = true, true
	n.mu.Unlock()
	go a.carry()
	go b.carry()
	return a, nil
}

// pass waits as long as something takes from a host to another, for ever while the
// way is cut.
func (n *Net) pass(over <-chan struct{}, from, to netip.Addr) error {
	for {
		d, ok, changed := n.way(from, to, true)
		if !ok {
			select {
			case <-changed:
				continue
			case <-over:
				return context.Canceled
			case <-n.over:
				return context.Canceled
			}
		}
		if d <= 0 {
			return nil
		}
		t := time.NewTimer(d)
		select {
		case <-t.C:
			return nil
		case <-over:
		case <-n.over:
		}
		t.Stop()
		return context.Canceled
	}
}

// half is one end of a stream; it is a net.Conn. What is written waits in out until
// carry brings it to the other end's in.
type half struct {
	net           *Net
	local, remote netip.AddrPort
	other         *half

	mu     sync.Mutex
	wake   chan struct{} // closed at every change of what follows
	out    []byte
	in     []byte
	ended  bool // the other end closed, and all it wrote is in
	reset  bool
	closed bool
	read   time.Time // deadlines
	write  time.Time
	done   chan struct{} // closed with closed
}

func (h *half) init() { h.wake, h.done = make(chan struct{}), make(chan struct{}) }

// change tells of a change; under mu.
func (h *half) change() {
	close(h.wake)
	h.wake = make(chan struct{})
}

// carry brings what is written to the other end, and the end.
func (h *half) carry() {
	defer func() {
		h.net.mu.Lock()
		delete(h.net.streams, h)
		h.net.mu.Unlock()
	}()
	o := h.other
	for {
		h.mu.Lock()
		data, closed, wake := h.out, h.closed, h.wake
		h.mu.Unlock()
		if len(data) == 0 && !closed {
			<-wake
			continue
		}
		// A closed one still brings what it has, but not for ever.
		var over <-chan struct{}
		if closed {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			over = ctx.Done()
		} else {
			over = h.done
		}
		if h.net.pass(over, h.local.Addr(), h.remote.Addr()) != nil {
			if closed {
				return
			}
			continue
		}
		o.mu.Lock()
		for len(o.in)+len(data) > window && !o.closed && len(data) > 0 && len(o.in) > 0 {
			wake := o.wake
			o.mu.Unlock()
			<-wake
			o.mu.Lock()
		}
		switch {
		case o.closed && len(data) > 0:
			o.mu.Unlock()
			h.mu.Lock()
			h.reset, h.out = true, nil
			h.change()
			closed = h.closed
			h.mu.Unlock()
			if closed {
				return
			}
			continue
		case len(data) > 0:
			o.in = append(o.in, data...)
		default:
			o.ended = true
		}
		o.change()
		o.mu.Unlock()
		if len(data) == 0 {
			return
		}
		h.mu.Lock()
		h.out = h.out[len(data):]
		h.change()
		h.mu.Unlock()
	}
}

// await waits for a change until a deadline; under mu, which it gives up meanwhile.
func (h *half) await(deadline time.Time) error {
	wake := h.wake
	if deadline.IsZero() {
		h.mu.Unlock()
		<-wake
		h.mu.Lock()
		return nil
	}
	left := time.Until(deadline)
	if left <= 0 {
		return os.ErrDeadlineExceeded
	}
	t := time.NewTimer(left)
	h.mu.Unlock()
	select {
	case <-wake:
	case <-t.C:
	}
	t.Stop()
	h.mu.Lock()
	return nil
}

// Read implements net.Conn.
func (h *half) Read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.closed:
			return 0, net.ErrClosed
		case len(h.in) > 0:
			n := copy(b, h.in)
			h.in = h.in[n:]
			h.change()
			return n, nil
		case h.reset:
			return 0, errReset
		case h.ended:
			return 0, io.EOF
		}
		if err := h.await(h.read); err != nil {
			return 0, err
		}
	}
}

// Write implements net.Conn.
func (h *half) Write(b []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(b) > 0 {
		switch {
		case h.closed:
			return n, net.ErrClosed
		case h.reset:
			return n, errReset
		case len(h.out) < window:
			k := min(len(b), window-len(h.out))
			h.out = append(h.out[:len(h.out):len(h.out)], b[:k]...)
			b, n = b[k:], n+k
			h.change()
			continue
		}
		if err := h.await(h.write); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Close implements net.Conn: what was written still arrives.
func (h *half) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.done)
		h.change()
	}
	return nil
}

// LocalAddr implements net.Conn.
func (h *half) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(h.local) }

// RemoteAddr implements net.Conn.
func (h *half) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(h.remote) }

// SetDeadline implements net.Conn.
func (h *half) SetDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.read, h.write = t, t
	h.change()
	return nil
}

// SetReadDeadline implements net.Conn.
func (h *half) SetReadDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.read = t
	h.change()
	return nil
}

// SetWriteDeadline implements net.Conn.
func (h *half) SetWriteDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.write = t
	h.change()
	return nil
}
