package agree

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"gohap/cluster/keyring"
	"gohap/cluster/port"
	"gohap/cluster/simnet"
	"gohap/cluster/state"
)

// memory is a store that outlives its node, and fails when told to.
type memory struct {
	*raft.InmemStore
	full atomic.Bool
}

var errFull = errors.New("no space left on device")

func (m *memory) StoreLogs(l []*raft.Log) error {
	if m.full.Load() {
		return errFull
	}
	return m.InmemStore.StoreLogs(l)
}

func (m *memory) SetUint64(k []byte, n uint64) error {
	if m.full.Load() {
		return errFull
	}
	return m.InmemStore.SetUint64(k, n)
}

func (m *memory) DeleteAll() error {
	first, _ := m.FirstIndex()
	last, _ := m.LastIndex()
	return m.DeleteRange(first, last)
}

func (m *memory) Close() error { return nil }

// peer is a node on a simulated host, with its disk.
type peer struct {
	*Node
	id    string
	host  netip.AddrPort
	port  *port.Port
	disk  *memory
	snaps raft.SnapshotStore
	told  atomic.Int64
}

type sim struct {
	t      *testing.T
	net    *simnet.Net
	secret keyring.Secret
	rest   time.Duration // after the network's end
	peers  []*peer
}

func simulate(t *testing.T, n int, f func(t *testing.T, s *sim)) {
	synctest.Test(t, func(t *testing.T) { run(t, n, time.Minute, f) })
}

// run is simulate in real time.
func run(t *testing.T, n int, rest time.Duration, f func(t *testing.T, s *sim)) {
	s := &sim{t: t, rest: rest, net: simnet.New(3), secret: keyring.NewSecret()}
	s.net.Delay(time.Millisecond, time.Millisecond)
	t.Cleanup(func() {
		s.net.Close()
		time.Sleep(s.rest)
	})
	for i := range n {
		p := &peer{id: fmt.Sprint("n", i+1), host: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 9410),
			disk: &memory{InmemStore: raft.NewInmemStore()}, snaps: raft.NewInmemSnapshotStore()}
		s.peers = append(s.peers, p)
		s.start(p)
		t.Cleanup(func() { s.stop(p) })
	}
	f(t, s)
}

func (s *sim) start(p *peer) {
	s.t.Helper()
	ring, err := keyring.New(p.id, []keyring.Secret{s.secret})
	if err != nil {
		s.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	p.port = port.New(port.Config{Ring: ring, Log: log, Dial: func(ctx context.Context, at string) (net.Conn, error) {
		return s.net.Dial(ctx, p.host.Addr(), netip.MustParseAddrPort(at))
	}})
	streams := p.port.Handle(Protocol)
	l, err := s.net.Listen(p.host)
	if err != nil {
		s.t.Fatal(err)
	}
	p.port.Serve(l)
	p.Node, err = Open(Config{ID: p.id, At: p.host.String(), Port: p.port, Streams: streams, Log: log, Store: p.disk, Snapshots: p.snaps,
		Where: s.where, Failed: func(error) { p.told.Add(1) }})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *sim) where(id string) (string, bool) {
	for _, p := range s.peers {
		if p.id == id {
			return p.host.String(), true
		}
	}
	return "", false
}

func (s *sim) stop(p *peer) {
	if p.Node == nil {
		return
	}
	if err := p.Node.Close(); err != nil {
		s.t.Error(err)
	}
	p.port.Close()
	p.Node = nil
}

// kill stops a node without a word to the others.
func (s *sim) kill(p *peer) {
	s.net.Crash(p.host.Addr())
	s.stop(p)
}

func (s *sim) bootstrap(all ...*peer) {
	s.t.Helper()
	at := map[string]string{}
	for _, p := range all {
		at[p.id] = p.host.String()
	}
	if err := all[0].Bootstrap(at); err != nil {
		s.t.Fatal(err)
	}
}

// leader waits for one among some nodes.
func (s *sim) leader(all ...*peer) *peer {
	s.t.Helper()
	begin := time.Now()
	for {
		for _, p := range all {
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
			err := p.Confirm(ctx)
			cancel()
			if err == nil {
				return p
			}
		}
		if time.Since(begin) > time.Minute {
			s.t.Fatal("nobody leads")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *sim) propose(p *peer, e state.Entry) (state.Result, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Second)
	defer cancel()
	return p.Propose(ctx, &e)
}

func commit(base uint64) state.Entry {
	return state.Entry{Commit: &state.Commit{Base: base, By: "x", Manifest: state.Manifest{Main: []string{"c"},
		Files: []state.File{{Name: "c", Hash: state.Hash(fmt.Sprintf("%064x", base)), Size: 1}}}}}
}

// active waits until some nodes have a generation as the active one.
func (s *sim) active(want uint64, all ...*peer) {
	s.t.Helper()
	begin := time.Now()
	for _, p := range all {
		for {
			st, _, changed := p.State()
			if st.Active == want {
				break
			}
			if time.Since(begin) > 20*time.Second {
				s.t.Fatalf("%s has generation %d, not %d", p.id, st.Active, want)
			}
			select {
			case <-changed:
			case <-time.After(time.Second):
			}
		}
	}
}

// TestAgree: what the leader proposes all have; one that does not lead says who does;
// the lead passes on when its holder dies, and an old leader that returns follows.
func TestAgree(t *testing.T) {
	simulate(t, 3, func(t *testing.T, s *sim) {
		s.bootstrap(s.peers...)
		if err := s.peers[0].Bootstrap(map[string]string{"n1": "x:1"}); err == nil {
			t.Error("bootstrapped twice")
		}
		a := s.leader(s.peers...)
		for i, e := range []state.Entry{{Found: &state.Found{Fleet: "f"}}, commit(0), commit(1)} {
			if r, err := s.propose(a, e); err != nil || r.Err != nil || r.Generation != uint64(i) {
				t.Fatalf("%+v %v", r, err)
			}
		}
		if r, err := s.propose(a, commit(1)); err != nil || r.Err == nil {
			t.Errorf("an old base: %+v %v", r, err)
		}
		s.active(2, s.peers...)
		var others []*peer
		for _, p := range s.peers {
			if p != a {
				others = append(others, p)
				var not *NotLeaderError
				if _, err := s.propose(p, commit(2)); !errors.As(err, &not) || not.Leader != a.id {
					t.Errorf("%s proposes: %v", p.id, err)
				}
			}
		}
		s.kill(a)
		begin := time.Now()
		b := s.leader(others...)
		t.Logf("a new leader after %v", time.Since(begin))
		if r, err := s.propose(b, commit(2)); err != nil || r.Generation != 3 {
			t.Errorf("%+v %v", r, err)
		}
		s.start(a)
		s.active(3, s.peers...)
		if known, err := a.Known(); err != nil || !known {
			t.Error("it forgot")
		}
		if err := b.Transfer(t.Context(), a.id); err != nil {
			t.Error(err)
		}
		if s.leader(s.peers...) != a {
			t.Error("the lead was not handed over")
		}
	})
}

// TestMajority: a leader alone agrees on nothing and says so, and gives up the lead;
// the rest goes on; nothing is lost when they meet again.
func TestMajority(t *testing.T) {
	simulate(t, 3, func(t *testing.T, s *sim) {
		s.bootstrap(s.peers...)
		a := s.leader(s.peers...)
		s.propose(a, state.Entry{Found: &state.Found{Fleet: "f"}})
		s.active(0, s.peers...)
		var hosts []netip.Addr
		var others []*peer
		for _, p := range s.peers {
			hosts = append(hosts, p.host.Addr())
			if p != a {
				others = append(others, p)
			}
		}
		s.net.Isolate(a.host.Addr(), hosts, true)
		if r, err := s.propose(a, commit(0)); err == nil {
			t.Errorf("one of three agrees: %+v", r)
		}
		b := s.leader(others...)
		if r, err := s.propose(b, commit(0)); err != nil || r.Generation != 1 {
			t.Errorf("%+v %v", r, err)
		}
		var not *NotLeaderError
		if _, err := s.propose(a, commit(0)); !errors.As(err, &not) {
			t.Errorf("the lonely one: %v", err)
		}
		s.net.Isolate(a.host.Addr(), hosts, false)
		s.active(1, s.peers...)
		if s.leader(s.peers...) == a {
			t.Error("who was away took the lead")
		}
	})
}

// TestServers: nodes are added, made voters, and removed.
func TestServers(t *testing.T) {
	simulate(t, 3, func(t *testing.T, s *sim) {
		a, b, c := s.peers[0], s.peers[1], s.peers[2]
		s.bootstrap(a)
		s.leader(a)
		s.propose(a, state.Entry{Found: &state.Found{Fleet: "f"}})
		s.propose(a, commit(0))
		ctx := t.Context()
		if err := a.Add(ctx, b.id, b.host.String(), false); err != nil {
			t.Fatal(err)
		}
		s.active(1, a, b)
		for _, x := range []struct {
			p     *peer
			voter bool
		}{{b, true}, {c, true}} {
			if err := a.Add(ctx, x.p.id, x.p.host.String(), x.voter); err != nil {
				t.Fatal(err)
			}
		}
		s.active(1, a, b, c)
		if err := a.Demote(ctx, c.id); err != nil {
			t.Error(err)
		}
		all, err := a.Servers()
		if err != nil || fmt.Sprint(all) != "[{n1 true} {n2 true} {n3 false}]" {
			t.Errorf("%v %v", all, err)
		}
		if err := a.Remove(ctx, c.id); err != nil {
			t.Error(err)
		}
		if err := b.Remove(ctx, a.id); err == nil {
			t.Error("who does not lead removes")
		}
		if all, _ := a.Servers(); len(all) != 2 {
			t.Errorf("%v", all)
		}
	})
}

// TestFullDisk: Raft stands still on the node whose disk is full, which says so once;
// the others go on, and so does the rest of that node. In real time: what stands still
// is never through.
func TestFullDisk(t *testing.T) {
	run(t, 3, 0, func(t *testing.T, s *sim) {
		s.bootstrap(s.peers...)
		a := s.leader(s.peers...)
		s.propose(a, state.Entry{Found: &state.Found{Fleet: "f"}})
		a.disk.full.Store(true)
		s.propose(a, commit(0))
		var others []*peer
		for _, p := range s.peers {
			if p != a {
				others = append(others, p)
			}
		}
		b := s.leader(others...)
		st, _, _ := b.State()
		if r, err := s.propose(b, commit(st.Active)); err != nil || r.Err != nil {
			t.Errorf("%+v %v", r, err)
		}
		if err := a.Stats().Parked; !errors.Is(err, errFull) || a.told.Load() != 1 {
			t.Errorf("%v, told %d times", err, a.told.Load())
		}
		if st, _, _ := a.State(); st.Fleet != "f" {
			t.Error("it forgot what it knew")
		}
		a.disk.full.Store(false)
		s.kill(a)
		s.start(a)
		st, _, _ = b.State()
		s.active(st.Active, s.peers...)
	})
}

// TestSnapshots: a node that was away for longer than the log goes back gets a
// snapshot, and one that is sent it for ever begins anew.
func TestSnapshots(t *testing.T) {
	simulate(t, 3, func(t *testing.T, s *sim) {
		s.bootstrap(s.peers...)
		a := s.leader(s.peers...)
		s.propose(a, state.Entry{Found: &state.Found{Fleet: "f"}})
		var away, other *peer
		for _, p := range s.peers {
			if p != a {
				away, other = p, away
			}
		}
		s.active(0, s.peers...)
		s.kill(away)
		for i := range 1500 {
			if r, err := s.propose(a, commit(uint64(i))); err != nil || r.Err != nil {
				t.Fatalf("%+v %v", r, err)
			}
			if i%50 == 49 {
				s.propose(a, state.Entry{Forget: &state.Forget{Generations: numbers(i-48, i)}})
			}
		}
		if err := a.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		if first, _ := a.disk.FirstIndex(); first < 1000 {
			t.Fatalf("the log goes back to %d", first)
		}
		s.start(away)
		s.active(1500, a, away, other)
		for range cureAfter { // as if the leader sent it again
			(*away.machine.restored.Load())(99)
		}
		time.Sleep(10 * time.Second)
		if n := away.Stats().Cures; n != 1 {
			t.Errorf("cured %d times", n)
		}
		if r, err := s.propose(s.leader(s.peers...), commit(1500)); err != nil || r.Generation != 1501 {
			t.Errorf("%+v %v", r, err)
		}
		s.active(1501, a, away, other)
	})
}

func numbers(from, to int) (all []uint64) {
	for i := from; i <= to; i++ {
		all = append(all, uint64(i))
	}
	return all
}

// TestFiles: what was agreed on is there after a restart; one directory one process.
func TestFiles(t *testing.T) {
	s := keyring.NewSecret()
	dir := t.TempDir()
	start := func() (*Node, *port.Port) {
		ring, err := keyring.New("n1", []keyring.Secret{s})
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.DiscardHandler)
		p := port.New(port.Config{Ring: ring, Log: log})
		streams := p.Handle(Protocol)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p.Serve(l)
		n, err := Open(Config{ID: "n1", At: l.Addr().String(), Port: p, Streams: streams, Log: log, Dir: dir,
			Where: func(string) (string, bool) { return "", false }})
		if err != nil {
			p.Close()
			return nil, nil
		}
		return n, p
	}
	n, p := start()
	if err := n.Bootstrap(map[string]string{"n1": p.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	lead := func(n *Node) {
		for begin := time.Now(); n.Confirm(t.Context()) != nil; time.Sleep(20 * time.Millisecond) {
			if time.Since(begin) > 10*time.Second {
				t.Fatal("it does not lead")
			}
		}
	}
	lead(n)
	for _, e := range []state.Entry{{Found: &state.Found{Fleet: "f"}}, commit(0)} {
		if r, err := n.Propose(t.Context(), &e); err != nil || r.Err != nil {
			t.Fatalf("%+v %v", r, err)
		}
	}
	if again, _ := start(); again != nil {
		t.Error("two processes have one directory")
	}
	n.Close()
	p.Close()
	n, p = start()
	if n == nil {
		t.Fatal("it does not start again")
	}
	lead(n)
	if st, _, _ := n.State(); st.Fleet != "f" || st.Active != 1 {
		t.Errorf("%+v", st)
	}
	n.Close()
	p.Close()
}
