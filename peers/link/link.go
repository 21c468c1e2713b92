package link

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gohap/lbcore/clock"
)

// Config is what a section's connections need.
type Config struct {
	Section Section
	// Listener takes what peers connect to; nil: they cannot. Stop closes it.
	Listener net.Listener
	// Secure begins TLS on an accepted connection, nil: they are plain.
	Secure func(net.Conn) *tls.Conn
	Peers  []Peer
}

// Peer is a peer that can be connected to.
type Peer struct {
	Remote
	Local bool
	// Dial connects; the context ends what takes too long.
	Dial func(ctx context.Context) (net.Conn, error)
	// TLS returns how TLS is spoken to it, nil: it is not.
	TLS func() *tls.Config
}

// Link is the connections of a section. Any goroutine but a loop's may call it.
type Link struct {
	Config
	wake   chan struct{}
	wakes  atomic.Int64    // how often it woke the sessions
	ctx    context.Context // ends with Stop
	cancel context.CancelFunc
	all    sync.WaitGroup
	taught chan struct{} // closed once nothing is left to teach

	mu        sync.Mutex
	live      map[*driver]struct{}
	closed    bool // no connection begins any more
	ending    bool // the local peer alone is connected to
	finishing bool // Finish was called
}

// Start begins to listen and to connect.
func Start(c Config) *Link {
	l := &Link{Config: c, wake: make(chan struct{}, 1), taught: make(chan struct{}), live: map[*driver]struct{}{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	c.Section.Wake(func() {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	})
	l.all.Go(l.tick)
	if c.Listener != nil {
		l.all.Go(l.accept)
	}
	for _, p := range c.Peers {
		if !p.Local {
			l.all.Go(func() { l.keep(p) })
		}
	}
	return l
}

// wakeEvery is how often changes wake the sessions at the most: what changes
// meanwhile goes out together, and a loop that counts on a thousand entries wakes
// this goroutine once instead of a thousand times.
const wakeEvery = time.Millisecond

// tick does what is due in the section, and wakes the sessions.
func (l *Link) tick() {
	t := time.NewTimer(0)
	defer t.Stop()
	var woke int64 // clock.Mono
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.wake:
			if !l.sleep(wakeEvery - time.Duration(clock.Mono()-woke)) {
				return
			}
			woke = clock.Mono()
			l.wakes.Add(1)
			l.mu.Lock()
			for d := range l.live {
				d.poke()
			}
			l.mu.Unlock()
		case <-t.C:
			at := l.Section.Tick(clock.Millis())
			t.Reset(max(time.Duration(int32(at-clock.Millis()))*time.Millisecond, time.Millisecond))
		}
	}
}

func (l *Link) accept() {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			if l.ctx.Err() != nil || l.stops() {
				return
			}
			select { // no descriptors are left, most likely
			case <-l.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
				continue
			}
		}
		l.all.Go(func() { l.serve(conn) })
	}
}

// serve drives a connection that a peer made.
func (l *Link) serve(conn net.Conn) {
	if l.Secure != nil {
		t := l.Secure(conn)
		ctx, cancel := context.WithTimeout(l.ctx, handshakeTime)
		err := t.HandshakeContext(ctx)
		cancel()
		if err != nil {
			conn.Close()
			return
		}
		conn = t
	}
	l.drive(conn, l.Section.Accept(clock.Millis()), false)
}

// Add connects to one more peer from now on, until forgotten is closed.
func (l *Link) Add(p Peer, forgotten <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed && !l.ending {
		l.all.Go(func() { l.keepUntil(p, forgotten) })
	}
}

// Take drives a connection that a peer made and somebody else accepted.
func (l *Link) Take(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.ending {
		conn.Close()
		return
	}
	l.all.Go(func() { l.serve(conn) })
}

// stops tells that no connection may begin but one to the local peer.
func (l *Link) stops() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed || l.ending
}

// enter notes a connection; false when it must not begin.
func (l *Link) enter(d *driver) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.ending && !d.teaches {
		return false
	}
	l.live[d] = struct{}{}
	return true
}

func (l *Link) leave(d *driver) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.live, d)
}

// Teach ends the sessions and tells the process that takes over, if one listens on
// the local peer's address, what the tables hold. It returns at once; Taught tells
// when that is done.
func (l *Link) Teach() {
	l.mu.Lock()
	was := l.ending || l.closed
	l.ending = true
	l.mu.Unlock()
	if was {
		return
	}
	if l.Listener != nil {
		l.Listener.Close()
	}
	l.Section.Stop(clock.Millis())
	_, goesOn := l.Section.(finisher)
	l.all.Go(func() {
		if !goesOn {
			defer close(l.taught)
		}
		for _, p := range l.Peers {
			if p.Local {
				l.teach(p)
			}
		}
	})
}

const (
	// finishTime is how long what was counted last may take to be told.
	finishTime = 3 * time.Second
	// finishLook is how often it is looked whether it was.
	finishLook = 10 * time.Millisecond
)

// Finish tells, after Teach, that nothing is counted any more. It returns at once; it
// may be called more than once.
func (l *Link) Finish() {
	f, ok := l.Section.(finisher)
	l.mu.Lock()
	was := !l.ending || l.finishing
	l.finishing = true
	l.mu.Unlock()
	if !ok || was {
		return
	}
	f.Finish(clock.Millis())
	l.all.Go(func() {
		defer close(l.taught)
		for end := clock.Mono() + int64(finishTime); clock.Mono() < end && l.sleep(finishLook); {
			if f.Finished() {
				return
			}
		}
	})
}

// Taught is closed once what Teach began is over; where Finish has a meaning, after it.
func (l *Link) Taught() <-chan struct{} { return l.taught }

// Stop ends everything and waits for it.
func (l *Link) Stop() {
	l.mu.Lock()
	l.closed = true
	for d := range l.live {
		d.conn.Close()
	}
	l.mu.Unlock()
	l.cancel()
	if l.Listener != nil {
		l.Listener.Close()
	}
	l.all.Wait()
}
