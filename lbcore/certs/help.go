package certs

import (
	"crypto"
	"errors"
	"io"
	"runtime"
	"sync"
)

// helpers run what is too slow for a loop.
var helpers struct {
	mu      sync.Mutex
	waiting []func()
	running int
}

// Help runs f on a helper goroutine, soon; any goroutine. What waits is bounded by
// the connections that wait for it.
func Help(f func()) {
	h := &helpers
	h.mu.Lock()
	if h.running >= max(1, runtime.NumCPU()) {
		h.waiting = append(h.waiting, f)
		h.mu.Unlock()
		return
	}
	h.running++
	h.mu.Unlock()
	go help(f)
}

func help(f func()) {
	h := &helpers
	for {
		f()
		h.mu.Lock()
		if len(h.waiting) == 0 {
			h.running--
			h.mu.Unlock()
			return
		}
		f = h.waiting[0]
		h.waiting[0] = nil
		h.waiting = h.waiting[1:]
		h.mu.Unlock()
	}
}

// Handshaker is the connection that a handshake belongs to, as the functions that
// crypto/tls calls in the middle of it see it: ClientHelloInfo.Conn.
type Handshaker interface {
	// Choose remembers what answers the client's name and what becomes of its
	// OCSP response; Chosen tells it.
	Choose(e *Entry, s Staple)
	Chosen() *Entry
	// Forgive remembers what was wrong with the peer's certificate and did not
	// end the handshake.
	Forgive(v Verdict)
	// Away has a helper run f while the handshake waits; false when the
	// connection was closed meanwhile.
	Away(f func()) bool
}

var errClosed = errors.New("the connection was closed")

// slowKey is a private key whose operations helpers do, for one handshake.
type slowKey struct {
	crypto.Signer
	conn Handshaker
}

// Sign implements crypto.Signer.
func (k *slowKey) Sign(rand io.Reader, digest []byte, o crypto.SignerOpts) (sig []byte, err error) {
	var r result
	r.digest = append(r.digest[:0], digest...)
	if !k.conn.Away(func() { r.out, r.err = k.Signer.Sign(rand, r.digest, o) }) {
		return nil, errClosed
	}
	return r.out, r.err
}

// Decrypt implements crypto.Decrypter: the key exchange of old RSA suites.
func (k *slowKey) Decrypt(rand io.Reader, msg []byte, o crypto.DecrypterOpts) ([]byte, error) {
	d, ok := k.Signer.(crypto.Decrypter)
	if !ok {
		return nil, errors.New("the private key cannot decrypt")
	}
	var r result
	r.digest = append(r.digest[:0], msg...)
	if !k.conn.Away(func() { r.out, r.err = d.Decrypt(rand, r.digest, o) }) {
		return nil, errClosed
	}
	return r.out, r.err
}

// result is a helper's, in memory that outlives a handshake which is given up.
type result struct {
	digest, out []byte
	err         error
}
