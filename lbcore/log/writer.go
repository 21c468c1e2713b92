package log

import (
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// writerLimit is how many bytes wait for a slow descriptor before lines are
// dropped.
const writerLimit = 1 << 20

// Writer writes lines to a descriptor that may block: stdout, a pipe, a
// terminal. Lines wait in a bounded buffer that one goroutine drains; whole
// lines only are written or dropped.
type Writer struct {
	out io.Writer

	mu      sync.Mutex // guards what follows
	waiting []byte
	spare   []byte
	closed  bool
	wake    chan struct{} // one token: there is something to do
	done    chan struct{}
}

// Descriptor writes to a descriptor that stays somebody else's: unlike a file it is
// not closed when nobody holds it any more, for the next instance writes there too.
type Descriptor int

// Write implements io.Writer. It blocks until all is written or the descriptor
// fails.
func (d Descriptor) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = unix.Write(int(d), p[n:])
		n += max(m, 0)
		if err == unix.EAGAIN { // somebody made it so
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(d), Events: unix.POLLOUT}}, -1)
		}
		if err == unix.EINTR {
			err = nil
		}
	}
	return n, err
}

// NewWriter starts the goroutine that writes to out. Close ends it.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Line takes a copy of a line. Any goroutine, also a loop, may call it.
func (w *Writer) Line(line []byte) bool {
	w.mu.Lock()
	if w.closed || len(w.waiting)+len(line) > writerLimit {
		w.mu.Unlock()
		return false
	}
	w.waiting = append(w.waiting, line...)
	w.mu.Unlock()
	w.signal()
	return true
}

func (w *Writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run drains the buffer until Close. A write error loses that batch: there is
// nowhere to tell it.
func (w *Writer) run() {
	defer close(w.done)
	for range w.wake {
		for {
			w.mu.Lock()
			batch, closed := w.waiting, w.closed
			w.waiting, w.spare = w.spare[:0], nil
			w.mu.Unlock()
			if len(batch) > 0 {
				_, _ = w.out.Write(batch)
			}
			w.mu.Lock()
			w.spare = batch[:0]
			more := len(w.waiting) > 0
			w.mu.Unlock()
			if more {
				continue
			}
			if closed {
				return
			}
			break
		}
	}
}

// Close writes what waits and ends the goroutine. It blocks as long as the
// descriptor does.
func (w *Writer) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
	<-w.done
}
