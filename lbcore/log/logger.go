package log

import (
	"sync"
	"sync/atomic"
)

// Sender takes datagrams. A loop's Sender copies the line into its batch, sends
// the batch at the end of the turn and after 1 ms at most, one socket a loop
// and family; it reports false when the line is dropped.
type Sender interface {
	Datagram(to *Target, line []byte) bool
}

// Output takes the lines of a descriptor or a ring. It copies the line, never
// blocks, may be called by any goroutine, and reports false when the line is
// dropped.
type Output interface {
	Line(line []byte) bool
}

// Logger is a target at work. Its methods may be called by any goroutine.
type Logger struct {
	Target *Target
	Out    Output // for descriptors and rings; nil for datagrams
	// Profile makes the lines of traffic; nil without.
	Profile *Profile

	Sent, Dropped atomic.Uint64

	seq atomic.Uint32
}

// Wants reports whether a message of this level is sent at all. It does not
// count as a line for sampling.
func (l *Logger) Wants(level Level) bool { return level <= l.Target.Level }

// sampled counts a line and reports whether it is among those sent.
func (l *Logger) sampled() bool {
	s := &l.Target.Sample
	if s.Size == 0 {
		return true
	}
	for {
		n := l.seq.Load()
		next := n + 1
		if next >= s.Size {
			next = 0
		}
		if l.seq.CompareAndSwap(n, next) {
			return s.takes(n + 1)
		}
	}
}

// Lines is what a loop, or anybody under a lock, needs to emit: the encoder, the
// datagram sender and a buffer.
type Lines struct {
	Encoder Encoder
	Sender  Sender
	buf     []byte
}

// Emit sends a message to every logger that wants it.
func (w *Lines) Emit(loggers []*Logger, m *Message) {
	for _, l := range loggers {
		if !l.Wants(m.Level) || !l.sampled() {
			continue
		}
		w.buf = w.Encoder.Append(w.buf[:0], l.Target, m)
		var ok bool
		if l.Out != nil {
			ok = l.Out.Line(w.buf)
		} else {
			ok = w.Sender != nil && w.Sender.Datagram(l.Target, w.buf)
		}
		if ok {
			l.Sent.Add(1)
		} else {
			l.Dropped.Add(1)
		}
	}
}

// Shared is Lines for goroutines off the loops: checks, commands, the process.
type Shared struct {
	mu    sync.Mutex
	lines Lines
}

// NewShared returns a Shared that sends datagrams by s.
func NewShared(e Encoder, s Sender) *Shared {
	return &Shared{lines: Lines{Encoder: e, Sender: s}}
}

// Emit sends a message to every logger that wants it. Any goroutine may call
// it; not on a loop, as it may wait for a socket.
func (s *Shared) Emit(loggers []*Logger, m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines.Emit(loggers, m)
}
