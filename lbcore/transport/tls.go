package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net/netip"

	"golang.org/x/sys/unix"

	"gohap/lbcore/buffer"
	"gohap/lbcore/certs"
	"gohap/lbcore/loop"
)

// TLS is a Conn that speaks TLS over a Raw, which its owner embeds. It is made by
// Server or Client and begins with a handshake; all methods are for the loop.
//
// Package crypto/tls is driven without waiting. It reads from and writes to wire,
// which never blocks: while the handshake lasts it runs in a coroutine that is
// left when input runs dry, afterwards a read without input fails by a temporary
// error. Writes always succeed; what the socket does not take waits in out, and
// Send says Again until that has left.
type TLS struct {
	raw     *Raw
	conn    *tls.Conn
	hs      *handshake     // nil once the handshake has succeeded
	out     *buffer.Buffer // encrypted, not yet sent; linked by Next
	last    *buffer.Buffer // the end of out
	shown   *certs.Cert    // the certificate that this side has shown
	failed  certs.Verdict  // what the peer's certificate was forgiven
	staple  certs.Staple   // what became of its OCSP response
	cork    bool           // writes are collected
	session []byte         // the id of the session, see session.go
	shut    bool           // our direction ends when out has left
	closed  bool
	client  bool
	broken  error   // why nothing more can be read
	stood   int64   // when the handshake was over
	sizing  *sizing // nil for records as large as can be
}

// recordSize is the most plaintext of one record, bytes.
const recordSize = 16384

// Server begins the server's side over a connected socket. The first Handshake
// reads.
func Server(raw *Raw, cfg *tls.Config) *TLS {
	t := &TLS{raw: raw}
	t.conn = tls.Server((*wire)(t), cfg)
	t.begin()
	return t
}

// Client begins the client's side; the first Handshake writes. name is what the
// server is called, "" for nothing.
func Client(raw *Raw, cfg *tls.Config, name string) *TLS {
	t := &TLS{raw: raw, client: true}
	own := cfg.Clone()
	own.ServerName = name
	if !own.SessionTicketsDisabled {
		own.ClientSessionCache = &sessions{kept: cfg.ClientSessionCache, t: t}
	}
	t.conn = tls.Client((*wire)(t), own)
	t.begin()
	return t
}

// Move makes dst, in another owner, the socket underneath; h is told of its edges
// from now on.
func (t *TLS) Move(dst *Raw, h loop.Handler) {
	t.raw.Move(dst, h)
	t.raw = dst
}

// State returns what was agreed on.
func (t *TLS) State() tls.ConnectionState { return t.conn.ConnectionState() }

// Name returns the name that the client asked for.
func (t *TLS) Name() string { return t.conn.ConnectionState().ServerName }

// Shown returns the certificate that this side has shown, nil for none.
func (t *TLS) Shown() *certs.Cert { return t.shown }

// Stapled tells what became of the OCSP response of the certificate that this side
// has shown.
func (t *TLS) Stapled() certs.Staple { return t.staple }

// Stand remembers when the handshake was over, monotonic ns; Stood tells it.
func (t *TLS) Stand(now int64) { t.stood = now }

// Stood is described at Stand.
func (t *TLS) Stood() int64 { return t.stood }

// Verdict returns why the peer's certificate would have been refused where the
// configuration forgives that.
func (t *TLS) Verdict() certs.Verdict { return t.failed }

// Recv implements Conn.
func (t *TLS) Recv(p []byte) (int, State) {
	n, err := t.conn.Read(p)
	switch {
	case n > 0 || err == nil: // an error comes again with the next call
		return n, OK
	case err == errAgain:
		return 0, Again
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return 0, EOF
	}
	t.flush() // the alert
	t.broken = err
	if t.raw.err == 0 {
		t.raw.err = int32(unix.EPROTO)
	}
	return 0, Failed
}

// Send implements Conn. All of p is taken unless earlier bytes wait; Again tells
// that bytes wait, Send without bytes asks whether they still do.
func (t *TLS) Send(p []byte) (int, State) {
	if t.out != nil {
		if s := t.flush(); s != OK {
			return 0, s
		}
	}
	if len(p) == 0 {
		return 0, OK
	}
	t.cork = len(p) > recordSize || t.sizing != nil // more than one record leaves in one piece
	err := t.write(p)
	t.cork = false
	if err != nil {
		t.drop()
		if t.raw.err == 0 {
			t.raw.err = int32(unix.EPIPE)
		}
		return 0, Failed
	}
	return len(p), t.flush()
}

// SendLast implements Conn: the alert that ends the stream leaves with p.
func (t *TLS) SendLast(p []byte) (int, State) {
	if t.out != nil || len(p) == 0 {
		return t.Send(p)
	}
	t.cork = true
	err := t.write(p)
	if err == nil {
		_ = t.conn.CloseWrite()
	}
	t.cork = false
	if err != nil {
		t.drop()
		return 0, Failed
	}
	return len(p), t.flush()
}

// flush sends what waits.
func (t *TLS) flush() State {
	for b := t.out; b != nil; b = t.out {
		n, s := t.raw.Send(b.Bytes())
		b.R += n
		if s == Failed {
			t.drop()
		}
		if s != OK {
			return s
		}
		t.out, b.Next = b.Next, nil
		b.Release()
		if t.out == nil {
			t.last = nil
			if t.shut {
				t.raw.ShutdownWrite()
			}
		}
	}
	return OK
}

// drop gives up what waits.
func (t *TLS) drop() {
	for b := t.out; b != nil; b = t.out {
		t.out, b.Next = b.Next, nil
		b.Release()
	}
	t.last = nil
}

// hold keeps bytes for a later flush.
func (t *TLS) hold(p []byte) {
	for len(p) > 0 {
		b := t.last
		if b == nil || len(b.Room()) == 0 {
			b = t.raw.loop.Buffers.Get()
			if t.last == nil {
				t.out = b
			} else {
				t.last.Next = b
			}
			t.last = b
		}
		n := copy(b.Room(), p)
		b.W += n
		p = p[n:]
	}
}

// Pending implements Conn.
func (t *TLS) Pending() bool { return t.hs == nil && held(t.conn) > 0 }

// Ready implements Conn.
func (t *TLS) Ready(r loop.Readiness) (in, out bool) {
	in, out = t.raw.Ready(r)
	if out && t.out != nil {
		t.flush()
	}
	return in, out
}

// Quiet implements Conn.
func (t *TLS) Quiet() bool { return t.raw.Quiet() && !t.Pending() }

// Idle implements Conn: crypto/tls keeps buffers as large as the largest record
// and flight so far.
func (t *TLS) Idle() {
	if t.hs == nil {
		release(t.conn)
	}
}

// Watch implements Conn.
func (t *TLS) Watch() { t.raw.Watch() }

// ShutdownWrite implements Conn: the peer is told by an alert first.
func (t *TLS) ShutdownWrite() {
	t.shut = true
	if t.hs == nil {
		_ = t.conn.CloseWrite() // nothing is written twice
	}
	if t.flush() == OK && t.out == nil {
		t.raw.ShutdownWrite()
	}
}

// Close implements Conn.
func (t *TLS) Close(reset bool) {
	if t.closed {
		return
	}
	t.closed = true
	switch {
	case t.hs != nil:
		t.hs.end()
	case !reset:
		_ = t.conn.CloseWrite()
	}
	if !reset {
		t.flush()
	}
	t.drop()
	t.raw.Close(reset)
}

// Err implements Conn.
func (t *TLS) Err() loop.Errno { return t.raw.Err() }

// Local implements Conn.
func (t *TLS) Local() netip.AddrPort { return t.raw.Local() }

// HungUp implements Conn.
func (t *TLS) HungUp() bool { return t.raw.HungUp() }

var (
	_ Conn = (*Raw)(nil)
	_ Conn = (*TLS)(nil)
)
