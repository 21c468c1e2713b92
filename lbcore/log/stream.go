package log

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	// streamRing is how many bytes of lines wait for a connection, the newest ones.
	streamRing = 256 << 10
	// streamPause is the time between two attempts to connect, streamPatience how
	// long one of them, or a write, may take.
	streamPause    = time.Second
	streamPatience = 5 * time.Second
	// streamFarewell is how long Close waits for the lines that are left.
	streamFarewell = time.Second
)

// Stream sends lines over a connection to a log server (log tcp@, uxst@). They wait
// in a ring, so that a server that is away or slow costs the oldest of them and
// nobody's time. What a connection has taken when it breaks is not sent again.
type Stream struct {
	ring     *Ring
	to       *Target
	now      func() time.Time // for deadlines
	patience time.Duration    // how long a write may take
	connect  time.Duration    // how long an attempt to connect may take
	counted  bool             // RFC 6587 octet counting
	missed   *atomic.Uint64   // lines that were overwritten before they were sent
	closing  chan struct{}
	done     chan struct{}
	ctx      context.Context // ends what blocks
	cancel   context.CancelFunc
}

// NewStream starts the goroutine that connects to a target and sends the lines;
// missed counts those that came to be overwritten. Close ends it.
func NewStream(to *Target, missed *atomic.Uint64, now func() time.Time) *Stream {
	s := &Stream{ring: NewRing(to.Text, streamRing), to: to, now: now, missed: missed}
	s.start()
	return s
}

// Forward is how the lines of a ring go to a server.
type Forward struct {
	To             *Target       // its address
	Counted        bool          // each line behind its length (RFC 6587), not in front of a LF
	Connect, Write time.Duration // how long connecting, and a write, may take; zero for the default
}

// NewForward starts the goroutine that sends the lines of a ring to a server, from the
// oldest one on. Close ends it.
func NewForward(r *Ring, f *Forward, missed *atomic.Uint64, now func() time.Time) *Stream {
	s := &Stream{ring: r, to: f.To, now: now, missed: missed, counted: f.Counted, connect: f.Connect, patience: f.Write}
	s.start()
	return s
}

func (s *Stream) start() {
	s.connect, s.patience = cmp.Or(s.connect, streamPatience), cmp.Or(s.patience, streamPatience)
	s.closing, s.done = make(chan struct{}), make(chan struct{})
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.run()
}

// Line takes a copy of a line. Any goroutine, also a loop, may call it.
func (s *Stream) Line(line []byte) bool { return s.ring.Line(line) }

// Close sends the lines that are left, if they leave within a second, and ends the
// goroutine.
func (s *Stream) Close() {
	close(s.closing)
	end := time.NewTimer(streamFarewell)
	defer end.Stop()
	select {
	case <-s.done:
	case <-end.C:
	}
	s.cancel()
	<-s.done
}

func (s *Stream) run() {
	defer close(s.done)
	dialer := net.Dialer{Timeout: s.connect}
	network, address := "tcp", s.to.Addr.String()
	if s.to.Path != "" {
		network, address = "unix", s.to.Path
	}
	at := Cursor(0)
	for {
		if c, err := dialer.DialContext(s.ctx, network, address); err == nil {
			s.serve(c, &at)
			c.Close()
		}
		pause := time.NewTimer(streamPause)
		select {
		case <-pause.C:
		case <-s.closing:
			pause.Stop()
			return
		}
	}
}

// serve sends lines until the connection breaks or Close ends it.
func (s *Stream) serve(c net.Conn, at *Cursor) {
	defer context.AfterFunc(s.ctx, func() { c.Close() })()
	gone := make(chan struct{})
	go s.hear(c, gone)
	for {
		changed := s.ring.Changed()
		if !s.send(c, at) {
			return
		}
		select {
		case <-changed:
		case <-gone:
			return
		case <-s.closing:
			s.send(c, at)
			return
		}
	}
}

// hear waits for the server's end, or that of the connection; what it says is
// nobody's business.
func (s *Stream) hear(c net.Conn, gone chan<- struct{}) {
	defer close(gone)
	var b [512]byte
	for {
		if _, err := c.Read(b[:]); err != nil {
			return
		}
	}
}

// send sends what the ring has, some lines at a time.
func (s *Stream) send(c net.Conn, at *Cursor) bool {
	const batch = 16 << 10
	var out []byte
	for more := true; more; {
		out = out[:0]
		for more && len(out) < batch {
			var missed uint64
			start := len(out)
			switch out, missed, more = s.ring.Next(out, at); {
			case !more:
			case s.counted:
				n := append(strconv.AppendInt(nil, int64(len(out)-start), 10), ' ')
				out = slices.Insert(out, start, n...)
			default:
				out = append(out, '\n')
			}
			s.missed.Add(missed)
		}
		if len(out) == 0 {
			break
		}
		c.SetWriteDeadline(s.now().Add(s.patience))
		if _, err := c.Write(out); err != nil {
			return false
		}
	}
	return true
}
