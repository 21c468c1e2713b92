package transport

import (
	"errors"
	"io"
	"iter"
	"net"
	"time"

	"gohap/lbcore/certs"
)

// handshake is what a TLS connection needs until its handshake is over. The
// coroutine is made, resumed and ended on the loop's thread.
type handshake struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool // of the coroutine, to leave it
	away  bool                // a helper computes for it
	over  bool
	err   error
	first [76]byte // what the peer sent first: a hello up to its session id
	last  [7]byte  // and what it sent last
	n     int64    // bytes received
	entry *certs.Entry

	offered []byte // the id of the session that a server is asked to go on with
	ticket  bool   // a server has given a ticket
}

func (t *TLS) begin() {
	h := &handshake{}
	t.hs = h
	h.next, h.stop = iter.Pull(func(yield func(struct{}) bool) {
		h.yield = yield
		h.err = t.conn.Handshake()
	})
}

// Handshake goes on with the handshake until it is over (OK), failed (Failed,
// Problem says why) or waits for input or for a helper (Again). The handler of the
// socket is called when a helper has done its work, without any edge.
func (t *TLS) Handshake() State {
	h := t.hs
	switch {
	case h == nil:
		return OK
	case h.away:
		return Again
	case h.over:
		return Failed
	}
	t.cork = true // a flight leaves in one piece
	_, more := h.next()
	t.cork = false
	sent := t.flush()
	switch {
	case more && sent == Failed:
		h.end()
		h.err = t.raw.Err()
		return Failed
	case more:
		return Again
	}
	h.over = true
	if h.err != nil {
		return Failed
	}
	t.hs = nil
	if h.entry != nil {
		t.shown = h.entry.Cert()
	}
	t.identify(h)
	return OK
}

// Handshaking tells whether the handshake is not over.
func (t *TLS) Handshaking() bool { return t.hs != nil }

// Received returns how many bytes came while the handshake lasts.
func (t *TLS) Received() int64 {
	if t.hs == nil {
		return 0
	}
	return t.hs.n
}

// Problem returns why the handshake failed, or why nothing could be read behind it.
func (t *TLS) Problem() certs.Problem {
	if t.hs == nil {
		p := certs.Explain(t.broken, nil, nil)
		if p.Conn != 0 {
			p.Conn = certs.ConnFatal
		}
		return p
	}
	first := t.hs.first[:min(t.hs.n, int64(len(t.hs.first)))]
	if t.client { // a server may begin with an alert
		first = nil
	}
	return certs.Explain(t.hs.err, first, t.hs.last[:])
}

// end leaves the coroutine for good.
func (h *handshake) end() {
	if !h.over {
		h.over = true
		h.stop()
	}
}

// back resumes a handshake whose helper has done its work. On the loop.
func (t *TLS) back(h *handshake) {
	if t.hs != h || h.over {
		return
	}
	h.away = false
	t.raw.loop.Nudge(t.raw.fd)
}

// wire is the socket as crypto/tls sees it.
type wire TLS

// again is the error of a read that finds nothing. crypto/tls goes on after an
// error that calls itself temporary.
type again struct{}

func (again) Error() string   { return "nothing to read now" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

var (
	errAgain   error = again{}
	errStopped       = errors.New("the connection was closed")
)

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	for {
		n, s := w.raw.Recv(p)
		h := w.hs
		switch s {
		case OK:
			if h != nil {
				if h.n < int64(len(h.first)) {
					copy(h.first[h.n:], p[:n])
				}
				h.n += int64(n)
				if n >= len(h.last) {
					copy(h.last[:], p[n-len(h.last):n])
				}
			}
			return n, nil
		case EOF:
			return 0, io.EOF
		case Failed:
			return 0, w.raw.Err()
		}
		if h == nil {
			return 0, errAgain
		}
		if !h.yield(struct{}{}) {
			return 0, errStopped
		}
	}
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	t := (*TLS)(w)
	if t.cork || t.out != nil {
		t.hold(p)
		return len(p), nil
	}
	n, s := t.raw.Send(p)
	switch s {
	case Again:
		t.hold(p[n:])
	case Failed:
		return n, t.raw.Err()
	}
	return len(p), nil
}

// Choose implements certs.Handshaker.
func (w *wire) Choose(e *certs.Entry, s certs.Staple) { w.hs.entry, w.staple = e, s }

// Chosen implements certs.Handshaker.
func (w *wire) Chosen() *certs.Entry { return w.hs.entry }

// Forgive implements certs.Handshaker.
func (w *wire) Forgive(v certs.Verdict) { w.failed = v }

// Away implements certs.Handshaker: the coroutine is left while a helper runs f.
func (w *wire) Away(f func()) bool {
	t, h := (*TLS)(w), w.hs
	if h == nil || h.over { // not in the coroutine
		f()
		return true
	}
	l := t.raw.loop
	h.away = true
	certs.Help(func() {
		f()
		l.Post(func() { t.back(h) })
	})
	for h.away {
		if !h.yield(struct{}{}) {
			return false
		}
	}
	return true
}

// Close implements net.Conn: the owner closes the socket.
func (w *wire) Close() error { return nil }

// LocalAddr and RemoteAddr implement net.Conn; nobody looks at them.
func (w *wire) LocalAddr() net.Addr { return nowhere{} }

// RemoteAddr is described at LocalAddr.
func (w *wire) RemoteAddr() net.Addr { return nowhere{} }

// SetDeadline implements net.Conn: time-outs are the owner's.
func (w *wire) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (w *wire) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

type nowhere struct{}

func (nowhere) Network() string { return "tcp" }
func (nowhere) String() string  { return "peer" } // sessions without a name are kept under it

var (
	_ net.Conn         = (*wire)(nil)
	_ certs.Handshaker = (*wire)(nil)
)
