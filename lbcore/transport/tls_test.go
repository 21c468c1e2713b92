package transport

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
	"unsafe"

	"gohap/lbcore/certs"
	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/loop/simkernel"
)

// front makes a bind line with one certificate.
func front(t testing.TB, key crypto.Signer, s certs.Settings) *certs.Front {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a"}, DNSNames: []string{"a"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/crt.pem"
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	store := certs.NewStore()
	f, err := certs.NewFront(store, s)
	if err != nil {
		t.Fatal(err)
	}
	slots, err := store.Find(path, certs.Files{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(slots, certs.Settings{}, nil, true); err != nil {
		t.Fatal(err)
	}
	f.Finish()
	return f
}

func ecKey(t testing.TB) crypto.Signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// echo is an owner of a server's side: it sends back what it receives.
type echo struct {
	Raw
	l       *loop.Loop
	front   *certs.Front
	tls     *TLS
	held    []byte
	failed  bool
	problem certs.Problem
	ended   bool
	stood   int // handshakes that were over
}

func (e *echo) Accepted(l *loop.Loop, fd int32, _ netip.AddrPort) {
	e.l = l
	e.Raw.Open(l, fd, e)
	e.tls = Server(&e.Raw, e.front.Config())
	e.Ready(0)
}

func (e *echo) Full() bool { return false }

func (e *echo) Ready(r loop.Readiness) {
	if e.failed || e.ended {
		return
	}
	e.tls.Ready(r)
	if e.tls.Handshaking() {
		switch e.tls.Handshake() {
		case Again:
			return
		case Failed:
			e.failed, e.problem = true, e.tls.Problem()
			e.tls.Close(false)
			return
		}
		e.stood++
	}
	if n, s := e.tls.Send(e.held); s == Again {
		e.held = e.held[n:]
		return
	}
	e.held = nil
	for {
		buf := make([]byte, 32768)
		n, s := e.tls.Recv(buf)
		if n > 0 {
			if sent, s := e.tls.Send(buf[:n]); s == Again {
				e.held = buf[sent:n]
				return
			}
		}
		switch s {
		case OK:
			continue
		case EOF, Failed:
			e.ended = true
			e.tls.Close(false)
		}
		return
	}
}

func (e *echo) Panicked(v any) { panic(v) }

// rig is a simulated kernel with an echo on it and a client that speaks by pipes.
type rig struct {
	t     testing.TB
	k     *simkernel.Kernel
	l     *loop.Loop
	e     *echo
	peer  *simkernel.Peer
	piece int // how many bytes arrive at a time, 0 for all
	room  int // how many bytes the peer takes at a time, 0 for all
}

var serverAt = netip.MustParseAddrPort("10.0.0.1:443")

func newRig(t testing.TB, f *certs.Front, piece int) *rig {
	r := &rig{t: t, k: simkernel.New(), e: &echo{front: f}, piece: piece}
	r.l = loop.New(0, r.k.Loop(), clock.NewFake(time.Unix(1_800_000_000, 0)), 32768, slog.New(slog.NewTextHandler(io.Discard, nil)))
	fd := r.k.Listener(serverAt)
	if _, e := r.l.Listen(fd, r.e, 16, nil); e != 0 {
		t.Fatal(e)
	}
	r.peer = r.k.Dial(fd, netip.MustParseAddrPort("10.0.0.2:1000"))
	r.settle()
	return r
}

func (r *rig) settle() {
	for range 1000 {
		r.l.Turn()
		if !r.k.Pending() && !r.l.Busy() {
			return
		}
	}
	r.t.Fatal("the loop does not come to rest")
}

// play runs a client against the echo until the client is done.
func (r *rig) play(client func(net.Conn) error) error {
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- client(near); near.Close() }()
	in := make(chan []byte)
	go func() {
		for {
			b := make([]byte, 65536)
			n, err := far.Read(b)
			if err != nil {
				close(in)
				return
			}
			in <- b[:n]
		}
	}()
	closed := false
	for {
		if out := r.peer.Take(); len(out) > 0 {
			if _, err := far.Write(out); err != nil {
				closed = true
			}
			continue
		}
		if r.peer.State() != "open" && !closed {
			closed = true
			far.Close()
		}
		select {
		case b, ok := <-in:
			if !ok {
				return <-done
			}
			step := len(b)
			if r.piece > 0 {
				step = r.piece
			}
			for len(b) > 0 {
				n := min(step, len(b))
				r.peer.Write(b[:n])
				b = b[n:]
				r.settle()
			}
		case <-time.After(time.Millisecond): // a helper may be at work
			if r.room > 0 {
				r.peer.Room(r.room)
			}
			r.settle()
		}
	}
}

// TestPieces is a conversation whose bytes arrive one by one and all at once, with
// keys that are used inline and by helpers, over both versions.
func TestPieces(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{ecKey(t), rsaKey} {
		f := front(t, key, certs.Settings{ALPN: []string{"http/1.1"}})
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, piece := range []int{1, 7, 0} {
				t.Run(fmt.Sprintf("%T %s in pieces of %d", key, certs.VersionName(version), piece), func(t *testing.T) {
					r := newRig(t, f, piece)
					err := r.play(func(c net.Conn) error {
						tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "a", MinVersion: version, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}})
						for _, n := range []int{1, 100, 40000} {
							msg := bytes.Repeat([]byte("x"), n)
							go func() { tc.Write(msg) }()
							got := make([]byte, n)
							if _, err := io.ReadFull(tc, got); err != nil {
								return err
							}
							if !bytes.Equal(got, msg) {
								return errors.New("something else came back")
							}
						}
						if p := tc.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
							return fmt.Errorf("protocol %q", p)
						}
						return tc.CloseWrite()
					})
					if err != nil {
						t.Fatal(err)
					}
					if !r.e.ended || r.e.stood != 1 {
						t.Errorf("ended %v, %d handshakes", r.e.ended, r.e.stood)
					}
					if used := r.l.Buffers.Used(); used != 0 {
						t.Errorf("%d buffers are left", used)
					}
				})
			}
		}
	}
}

// TestNoCommonProtocol goes on without ALPN, as OpenSSL does.
func TestNoCommonProtocol(t *testing.T) {
	r := newRig(t, front(t, ecKey(t), certs.Settings{ALPN: []string{"http/1.1"}}), 0)
	err := r.play(func(c net.Conn) error {
		tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"foo"}})
		if err := tc.Handshake(); err != nil {
			return err
		}
		if p := tc.ConnectionState().NegotiatedProtocol; p != "" {
			return fmt.Errorf("protocol %q", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBackPressure lets the peer take little: Send says Again, nothing is lost.
func TestBackPressure(t *testing.T) {
	r := newRig(t, front(t, ecKey(t), certs.Settings{}), 0)
	const n = 300000
	r.room = 9000
	r.peer.Room(r.room)
	got := 0
	err := r.play(func(c net.Conn) error {
		tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		if err := tc.Handshake(); err != nil {
			return err
		}
		go func() {
			for range n / 30000 {
				tc.Write(make([]byte, 30000))
			}
		}()
		b := make([]byte, 1000)
		for got < n {
			k, err := tc.Read(b)
			if err != nil {
				return err
			}
			got += k
		}
		return nil
	})
	if err != nil || got != n {
		t.Fatalf("%d bytes, %v", got, err)
	}
}

// TestGarbage is what comes in place of a hello, and how it is called.
func TestGarbage(t *testing.T) {
	f := front(t, ecKey(t), certs.Settings{})
	for _, c := range []struct {
		in, want string
		conn     int
	}{
		{"GET / HTTP/1.1\r\n\r\n", "error:0A00009C:SSL routines::http request", certs.ConnHandshake},
		{"CONNECT a:1 HTTP/1.1\r\n\r\n", "error:0A00009B:SSL routines::https proxy request", certs.ConnHandshake},
		{"garbage garbage", "error:0A00010B:SSL routines::wrong version number", certs.ConnHandshake},
		{"\x17\x03\x03\x00\x05hello", "error:0A0000F4:SSL routines::unexpected message", certs.ConnHandshake},
		{"\x15\x03\x01\x00\x02\x02\x28", "error:0A0000F4:SSL routines::unexpected message", certs.ConnHandshake},
		{"\x16\x03\x01\xff\xffxxxxx", "error:0A000092:SSL routines::data length too long", certs.ConnHandshake},
		{"", "", certs.ConnEmpty},
		{"\x16\x03\x01", "", certs.ConnEmpty},
	} {
		for _, piece := range []int{1, 1000} {
			r := newRig(t, f, 0)
			for b := []byte(c.in); len(b) > 0; {
				n := min(piece, len(b))
				r.peer.Write(b[:n])
				r.settle()
				b = b[n:]
			}
			r.peer.Close()
			r.settle()
			p := r.e.problem
			if !r.e.failed || p.String() != c.want || p.Conn != c.conn {
				t.Errorf("%q in pieces of %d: failed %v, %q, %d; want %q, %d", c.in, piece, r.e.failed, p.String(), p.Conn, c.want, c.conn)
			}
		}
	}
}

// TestAborted closes connections in the middle of a handshake, with a helper at
// work and without: the coroutine ends and its helper's answer finds nobody.
func TestAborted(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := front(t, key, certs.Settings{})
	hello := helloOf(t)
	for cut := range 3 {
		r := newRig(t, f, 0)
		r.peer.Write(hello[:len(hello)*(cut+1)/3])
		r.settle()
		r.e.tls.Close(true)
		r.settle()
		if !r.e.tls.hs.over {
			t.Errorf("cut %d: the coroutine lives on", cut)
		}
		if used := r.l.Buffers.Used(); used != 0 {
			t.Errorf("cut %d: %d buffers are left", cut, used)
		}
	}
}

// helloOf returns a client's first flight.
func helloOf(t testing.TB) []byte {
	near, far := net.Pipe()
	go tls.Client(near, &tls.Config{InsecureSkipVerify: true, ServerName: "a"}).Handshake()
	b := make([]byte, 65536)
	n, err := far.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	far.Close()
	return b[:n]
}

// TestSlack holds what this package knows of crypto/tls: where it keeps its
// buffers. A toolchain that moves them needs slack.go to be looked at.
func TestSlack(t *testing.T) {
	if !slackKnown {
		t.Fatal("crypto/tls keeps its buffers elsewhere: idle connections keep them")
	}
	r := newRig(t, front(t, ecKey(t), certs.Settings{}), 0)
	err := r.play(func(c net.Conn) error {
		tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true})
		msg := make([]byte, 16000)
		go func() { tc.Write(msg) }()
		if _, err := io.ReadFull(tc, msg); err != nil {
			return err
		}
		done := make(chan string)
		r.l.Post(func() {
			raw := field[bytes.Buffer](r.e.tls.conn, inner.rawInput)
			before := raw.Cap()
			r.e.tls.Idle()
			done <- fmt.Sprintf("%v %v %v", before > 16000, raw.Cap() == 0, r.e.tls.Pending())
		})
		if got := <-done; got != "true true false" {
			return fmt.Errorf("large before, none after, pending: %s", got)
		}
		go func() { tc.Write(msg[:10]) }() // it still works
		_, err := io.ReadFull(tc, msg[:10])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRawSize: a plain connection does not pay for TLS.
func TestRawSize(t *testing.T) {
	if n := unsafe.Sizeof(Raw{}); n > 24 {
		t.Errorf("a plain connection has %d bytes", n)
	}
}
