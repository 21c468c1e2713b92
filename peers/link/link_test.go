package link

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gohap/lbcore/clock"
	"gohap/peers"
	"gohap/stick"
)

// end is one of two peers in this process.
type end struct {
	*Link
	table *stick.Table
	mu    sync.Mutex
	said  []string
}

func (e *end) told(what string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Contains(strings.Join(e.said, "\n"), what)
}

// listen opens a listener on the loopback; open is where, "" for anywhere.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start runs a section with a peer. Dial connects to it, self to the local peer.
func start(t *testing.T, name, other string, l net.Listener, takeover bool, dial, self func(context.Context) (net.Conn, error)) *end {
	t.Helper()
	e := &end{}
	var err error
	if e.table, err = stick.New(stick.Config{Name: "t", Key: stick.KeyInteger, Size: 1000000, Expire: 3600000, Peers: true, Store: []stick.Stored{{Data: stick.GPC0, N: 1}}}, clock.Millis()); err != nil {
		t.Fatal(err)
	}
	here, there := &peers.Peer{Name: name}, &peers.Peer{Name: other}
	s := peers.New(peers.Config{Section: "p", Local: name, PID: 1, Takeover: takeover, Peers: []*peers.Peer{here, there}, Tables: []peers.TableConfig{{Name: "t", Table: e.table}},
		Log: func(_, text string) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.said = append(e.said, text)
		}}, clock.Millis())
	e.Link = Start(Config{Section: Classic(s), Listener: l, Peers: []Peer{{Remote: ClassicPeer(s, here), Local: true, Dial: self}, {Remote: ClassicPeer(s, there), Dial: dial}}})
	t.Cleanup(e.Stop)
	return e
}

func to(l net.Listener) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
}

func nobody(context.Context) (net.Conn, error) { return nil, errors.New("nobody is there") }

func (e *end) put(t *testing.T, key uint32, n uint64) {
	t.Helper()
	k, _ := e.table.Key(nil, []byte{byte(key >> 24), byte(key >> 16), byte(key >> 8), byte(key)})
	x, _, ok := e.table.Create(k, clock.Millis())
	if !ok {
		t.Fatal("no room")
	}
	x.Set(stick.GPC0, 0, n)
	x.Touch(clock.Millis())
	x.Changed()
	x.Release()
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for until := clock.Mono() + int64(20*time.Second); !f(); {
		if clock.Mono() > until {
			t.Fatalf("still not: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// TestPair has two sections connect to each other at once and share what each has.
func TestPair(t *testing.T) {
	la, lb := listen(t), listen(t)
	a := start(t, "a", "b", la, false, to(lb), nobody)
	b := start(t, "b", "a", lb, false, to(la), nobody)
	for i := range uint32(2000) {
		a.put(t, i, 1)
		b.put(t, i+10000, 2)
	}
	eventually(t, "both have all", func() bool { return a.table.Len() == 4000 && b.table.Len() == 4000 })
}

// TestWakes changes entries one by one for a while: they go out together, not each
// by itself, and each of them goes.
func TestWakes(t *testing.T) {
	la, lb := listen(t), listen(t)
	a := start(t, "a", "b", la, false, to(lb), nobody)
	b := start(t, "b", "a", lb, false, to(la), nobody)
	eventually(t, "they are connected", func() bool { return a.Section.(classic).View(false).Peers[1].Established })
	before, began := a.wakes.Load(), clock.Mono()
	n := uint32(0)
	for ; n < 20000 || clock.Mono() < began+int64(50*time.Millisecond); n++ {
		a.put(t, n, uint64(n))
		runtime.Gosched() // as loops leave the processor to who is woken
	}
	took := time.Duration(clock.Mono() - began)
	if woke := a.wakes.Load() - before; woke < 1 || woke > int64(took/wakeEvery)+2 {
		t.Errorf("%d changes in %v woke the sessions %d times", n, took, woke)
	}
	eventually(t, "the other one has all", func() bool { return b.table.Len() == int(n) })
	a.put(t, n, 1)
	eventually(t, "and one more", func() bool { return b.table.Len() == int(n)+1 })
}

// TestTeach ends a section: the one that takes over on its listener learns all.
func TestTeach(t *testing.T) {
	l := listen(t)
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	again, err := net.FileListener(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	old := start(t, "a", "b", l, false, nobody, to(l))
	for i := range uint32(20000) {
		old.put(t, i, 1)
	}
	next := start(t, "a", "b", again, true, nobody, to(again))
	old.Teach()
	<-old.Taught()
	if !old.Section.Taught() || next.table.Len() != 20000 {
		t.Errorf("taught %t, %d entries", old.Section.Taught(), next.table.Len())
	}
	// The old one was not up to date itself yet: others are asked.
	if v := next.Section.(classic).View(false); v.State != peers.FromRemote {
		t.Errorf("it is %s", v.State)
	}
}

// TestNobodyTakesOver ends a section without one that takes over: that is found
// out soon.
func TestNobodyTakesOver(t *testing.T) {
	l := listen(t)
	e := start(t, "a", "b", l, false, nobody, to(l))
	eventually(t, "it is said that the peer is away", func() bool { return e.told("cannot connect to b: nobody is there") })
	e.Teach()
	select {
	case <-e.Taught():
	case <-time.After(10 * time.Second):
		t.Fatal("it teaches nobody for too long")
	}
	if e.Section.Taught() {
		t.Error("somebody was taught")
	}
}

// TestStopWhileWritesWait stops a section whose peer reads nothing.
func TestStopWhileWritesWait(t *testing.T) {
	l := listen(t)
	e := start(t, "b", "a", l, false, nobody, nobody)
	for i := range uint32(100000) {
		e.put(t, i, 1)
	}
	c, err := to(l)(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	if _, err := c.Write([]byte("HAProxyS 2.1\nb\na 1 1\n\x00\x00")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is connected", func() bool { return e.Section.(classic).View(false).Peers[1].Established })
	e.Stop()
}
