package fleet

import (
	"net"
	"sync"
	"testing"
	"time"
)

// wire is a TCP relay that takes a while for every byte, and can be cut.
type wire struct {
	l     net.Listener
	to    string
	delay time.Duration

	mu    sync.Mutex
	cut   chan struct{} // closed when bytes pass again, nil: they do
	conns []net.Conn
}

// newWire relays to an address of a node.
func newWire(t *testing.T, to string, delay time.Duration) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l, to: to, delay: delay}
	go w.serve()
	t.Cleanup(w.close)
	return w
}

func (w *wire) addr() string { return w.l.Addr().String() }

func (w *wire) close() {
	w.l.Close()
	w.mend()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
}

// sever lets no byte pass until mend, and no connection begin.
func (w *wire) sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut == nil {
		w.cut = make(chan struct{})
	}
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut != nil {
		close(w.cut)
		w.cut = nil
	}
}

// passes waits until bytes pass.
func (w *wire) passes() {
	w.mu.Lock()
	cut := w.cut
	w.mu.Unlock()
	if cut != nil {
		<-cut
	}
}

func (w *wire) serve() {
	for {
		from, err := w.l.Accept()
		if err != nil {
			return
		}
		go func() {
			w.passes()
			to, err := net.Dial("tcp", w.to)
			if err != nil {
				from.Close()
				return
			}
			w.mu.Lock()
			w.conns = append(w.conns, from, to)
			w.mu.Unlock()
			go w.carry(from, to)
			w.carry(to, from)
		}()
	}
}

// carry takes bytes one way.
func (w *wire) carry(from, to net.Conn) {
	type piece struct {
		due  time.Time
		data []byte
	}
	way := make(chan piece, 1024)
	go func() {
		defer to.Close()
		for p := range way {
			<-time.After(time.Until(p.due))
			w.passes()
			if _, err := to.Write(p.data); err != nil {
				break
			}
		}
		for range way { // until the reader ends
		}
	}()
	defer close(way)
	for {
		buf := make([]byte, 8192)
		n, err := from.Read(buf)
		if n > 0 {
			way <- piece{time.Now().Add(w.delay), buf[:n]}
		}
		if err != nil {
			return
		}
	}
}
