package cli

import (
	"net"
	"time"

	"gohap/lbcore/clock"
)

// writer sends output through one buffer of fixed size and blocks while the
// peer does not read: whoever dumps a million lines goes as fast as the reader.
type writer struct {
	conn net.Conn
	buf  []byte
	idle *time.Duration // how long the peer may take nothing
	err  error
}

// writeBuffer is how much output waits for a write.
const writeBuffer = 16384

func (w *writer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && w.err == nil {
		k := min(len(p), writeBuffer-len(w.buf))
		w.buf = append(w.buf, p[:k]...)
		p = p[k:]
		if len(w.buf) == writeBuffer {
			w.Flush()
		}
	}
	return n - len(p), w.err
}

func (w *writer) WriteString(s string) (int, error) {
	n := len(s)
	for len(s) > 0 && w.err == nil {
		k := min(len(s), writeBuffer-len(w.buf))
		w.buf = append(w.buf, s[:k]...)
		s = s[k:]
		if len(w.buf) == writeBuffer {
			w.Flush()
		}
	}
	return n - len(s), w.err
}

// Flush sends what waits. A peer that takes nothing for the idle time is gone.
func (w *writer) Flush() {
	for p := w.buf; len(p) > 0 && w.err == nil; {
		// A deadline a portion: a slow reader that takes something stays.
		w.conn.SetWriteDeadline(clock.Wall().Add(*w.idle))
		var n int
		n, w.err = w.conn.Write(p[:min(len(p), 4096)])
		p = p[n:]
	}
	w.buf = w.buf[:0]
}
