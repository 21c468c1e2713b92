package link

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"gohap/lbcore/clock"
)

const (
	// connectTime is how long a connection may take to come about.
	connectTime = time.Second
	// handshakeTime is how long a TLS handshake may take.
	handshakeTime = 5 * time.Second
	// retryTime is when a peer is connected to again that could not be.
	retryTime = 5 * time.Second
	// retryLocal is the same for the process that takes over, of which teachTries
	// times in vain say that there is none.
	retryLocal = 500 * time.Millisecond
	teachTries = 4
	// lookTime is how often it is looked whether a peer that connected itself is
	// still there.
	lookTime = 250 * time.Millisecond
)

// keep connects to a remote peer whenever there is no session with it.
func (l *Link) keep(p Peer) { l.keepUntil(p, nil) }

// keepUntil is keep for a peer that may be forgotten.
func (l *Link) keepUntil(p Peer, forgotten <-chan struct{}) {
	wait := time.Duration(0)
	for l.sleep(wait) && !l.stops() {
		select {
		case <-forgotten:
			return
		default:
		}
		if ms, idle := p.Idle(clock.Millis()); !idle {
			wait = lookTime
			continue
		} else if ms > 0 {
			wait = time.Duration(ms) * time.Millisecond
			continue
		}
		conn, err := l.dial(p)
		if err != nil {
			wait = p.Failed(err)
			continue
		}
		if _, idle := p.Idle(clock.Millis()); !idle || l.stops() { // it was quicker
			conn.Close()
			wait = lookTime
			continue
		}
		l.drive(conn, p.Connect(clock.Millis()), false)
		wait = time.Millisecond // Idle tells how long
	}
}

// teach connects to the process that takes over until it has learned all.
func (l *Link) teach(p Peer) {
	for range teachTries {
		if conn, err := l.dial(p); err == nil {
			l.drive(conn, p.Connect(clock.Millis()), true)
		}
		if l.Section.Taught() || !l.sleep(retryLocal) {
			return
		}
	}
}

// dial connects to a peer.
func (l *Link) dial(p Peer) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, connectTime)
	defer cancel()
	conn, err := p.Dial(ctx)
	if err != nil || p.TLS == nil {
		return conn, err
	}
	ctx, cancel = context.WithTimeout(l.ctx, handshakeTime)
	defer cancel()
	t := tls.Client(conn, p.TLS())
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return t, nil
}

// sleep waits; false when everything ends.
func (l *Link) sleep(d time.Duration) bool {
	if d <= 0 {
		return l.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
