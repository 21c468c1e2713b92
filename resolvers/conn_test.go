package resolvers

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// dialled makes a name server's connections and counts them.
type dialled struct {
	to    string
	made  atomic.Int32
	mu    sync.Mutex
	conns []*lasting
}

// lasting is a connection until its server ends it.
type lasting struct {
	net.Conn
	ended atomic.Bool
}

func (c *lasting) Read(b []byte) (int, error) {
	if c.ended.Load() {
		return 0, io.EOF
	}
	return c.Conn.Read(b)
}

func (d *dialled) dial(ctx context.Context) (net.Conn, error) {
	d.made.Add(1)
	var n net.Dialer
	c, err := n.DialContext(ctx, "tcp", d.to)
	if err != nil {
		return nil, err
	}
	l := &lasting{Conn: c}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, l)
	return l, nil
}

// streaming makes a section whose one server is asked over connections of d.
func streaming(t *testing.T, p *play, most int) (*Section, *dialled) {
	s := asking(t)
	s.Retry = 5 * time.Second
	d := &dialled{to: p.addr.String()}
	s.Add(&Nameserver{Name: "n1", TCP: true, Most: most, Dial: d.dial})
	s.Start()
	return s, d
}

func (s *Section) query(t *testing.T, name string) reply {
	t.Helper()
	return s.askAll(t.Context(), newQuestion(name, typeA))
}

// A connection serves one query after the other; one that was closed meanwhile is
// replaced, and nothing is lost by it.
func TestConnectionsKept(t *testing.T) {
	p := newPlay(t, records("a.test. 30 A 1.2.3.4"))
	s, d := streaming(t, p, 0)
	for range 5 {
		if r := s.query(t, "a.test"); r.verdict != good {
			t.Fatalf("verdict %d", r.verdict)
		}
	}
	if n := d.made.Load(); n != 1 {
		t.Errorf("%d connections for five queries", n)
	}
	d.conns[0].ended.Store(true)
	if r := s.query(t, "a.test"); r.verdict != good || d.made.Load() != 2 {
		t.Fatalf("verdict %d, %d connections", r.verdict, d.made.Load())
	}
	s.Stop()
	if _, err := d.conns[1].Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a kept connection outlives the section: %v", err)
	}
}

// Queries beyond the bound wait for their turn, on no connection of their own.
func TestConnectionsBounded(t *testing.T) {
	var now, most atomic.Int32
	p := newPlay(t, func(q dns.Question, tcp bool, m *dns.Msg) bool {
		for n := now.Add(1); n > most.Load() && !most.CompareAndSwap(most.Load(), n); {
		}
		<-time.After(5 * time.Millisecond)
		now.Add(-1)
		return records("a.test. 30 A 1.2.3.4")(q, tcp, m)
	})
	s, d := streaming(t, p, 3)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if r := s.query(t, "a.test"); r.verdict != good {
				t.Errorf("verdict %d", r.verdict)
			}
		})
	}
	all.Wait()
	if d.made.Load() > 3 || most.Load() > 3 || most.Load() < 2 {
		t.Errorf("%d connections, %d queries at once", d.made.Load(), most.Load())
	}
}

// A query that was not answered ends its connection: a late answer is nobody's.
func TestConnectionOfSilence(t *testing.T) {
	p := newPlay(t, mute)
	s, d := streaming(t, p, 0)
	s.Retry = 30 * time.Millisecond
	if r := s.query(t, "a.test"); r.verdict != silent {
		t.Errorf("verdict %d", r.verdict)
	}
	p.script(records("a.test. 30 A 1.2.3.4"))
	s.Retry = 5 * time.Second
	if r := s.query(t, "a.test"); r.verdict != good || d.made.Load() != 2 {
		t.Errorf("verdict %d, %d connections", r.verdict, d.made.Load())
	}
}

// A server that cannot be reached is not asked again before its time.
func TestConnectionRefused(t *testing.T) {
	s := asking(t)
	s.Retry = 40 * time.Millisecond
	calls := 0
	s.Add(&Nameserver{Name: "n1", TCP: true, Dial: func(context.Context) (net.Conn, error) { calls++; return nil, net.ErrClosed }})
	begun := s.now()
	if r := s.query(t, "a.test"); r.verdict != silent {
		t.Errorf("verdict %d", r.verdict)
	}
	if took := time.Duration(s.now() - begun); took < s.Retry || calls != 1 || s.Servers[0].SendErrors.Load() != 1 {
		t.Errorf("%d calls in %v, %d errors", calls, took, s.Servers[0].SendErrors.Load())
	}
}

// said is a connection over which a server has said something.
type said struct {
	net.Conn
	bytes.Reader
}

func (s *said) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s *said) Write(p []byte) (int, error) { return len(p), nil }
func (s *said) Close() error                { return nil }

// Whatever a server says over a connection: it ends, with an answer or an error.
func FuzzExchange(f *testing.F) {
	q := question{id: 7, name: "a.test", kind: typeA}
	frame := func(all ...[]byte) (b []byte) {
		for _, p := range all {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
		}
		return b
	}
	right := message(f, q, nil, "a.test. 30 A 1.2.3.4")
	wrong := message(f, q, func(m *dns.Msg) { m.Id++ }, "a.test. 30 A 6.6.6.6")
	f.Add(frame(right))
	f.Add(frame(wrong, nil, []byte("x"), right))
	f.Add(frame(message(f, q, func(m *dns.Msg) { m.Truncated = true }, "a.test. 30 A 1.2.3.4")))
	f.Add(frame(right)[:9])
	f.Fuzz(func(t *testing.T, text []byte) {
		n := &Nameserver{}
		c := &said{Reader: *bytes.NewReader(text)}
		a, v, err := n.exchange(t.Context(), c, q, nil)
		switch {
		case err != nil && v != silent, err == nil && (v == silent || v == invalid || v == outdated || v == truncated):
			t.Fatalf("verdict %d, %v", v, err)
		case err == nil && v == good && len(a.addresses) == 0, v != good && len(a.addresses) > 0:
			t.Fatalf("verdict %d, %+v", v, a)
		}
	})
}
