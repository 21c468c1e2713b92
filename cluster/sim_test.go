package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"gohap/cluster/keyring"
	"gohap/cluster/simnet"
)

// fake serves configurations: it refuses those that say "bad NAME" of its node.
type fake struct {
	name string

	mu      sync.Mutex
	serving string
	checked int
	takes   time.Duration // to serve one
}

func (f *fake) Check(_ context.Context, b *Bundle) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checked++
	if text := string(b.Files[b.Main[0]]); strings.Contains(text, "bad "+f.name) {
		return fmt.Errorf("haproxy.cfg:1: node %s does not take it", f.name)
	}
	return nil
}

func (f *fake) Apply(ctx context.Context, b *Bundle) error {
	if err := f.Check(ctx, b); err != nil {
		return err
	}
	f.mu.Lock()
	takes := f.takes
	f.mu.Unlock()
	time.Sleep(takes)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serving = string(b.Files[b.Main[0]])
	return nil
}

// slow has it take some time to serve one.
func (f *fake) slow(takes time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takes = takes
}

func (f *fake) serves() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.serving
}

// memory is a disk for Raft that outlives its node.
type memory struct{ *raft.InmemStore }

func (m *memory) DeleteAll() error {
	first, _ := m.FirstIndex()
	last, _ := m.LastIndex()
	return m.DeleteRange(first, last)
}
func (m *memory) Close() error { return nil }

// machine is a host with a node on it, or none.
type machine struct {
	*Node
	name  string
	host  netip.AddrPort
	dir   string
	app   *fake
	disk  *memory
	snaps raft.SnapshotStore
	text  string   // the configuration that it is started with
	seeds []string // nil: all
	alter func(*Config)
}

type sim struct {
	t      *testing.T
	net    *simnet.Net
	secret keyring.Secret
	all    []*machine
}

// simulate runs f with n machines, none started, in simulated time.
func simulate(t *testing.T, seed uint64, n int, f func(t *testing.T, s *sim)) {
	synctest.Test(t, func(t *testing.T) {
		s := &sim{t: t, net: simnet.New(seed), secret: keyring.NewSecret()}
		s.net.Delay(time.Millisecond, 2*time.Millisecond)
		t.Cleanup(func() {
			s.net.Close()
			time.Sleep(3 * time.Minute)
		})
		for i := range n {
			s.add(i + 1)
		}
		f(t, s)
	})
}

func (s *sim) add(i int) *machine {
	m := &machine{name: fmt.Sprint("web", i), host: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 9410), text: "global\n"}
	s.format(m)
	s.all = append(s.all, m)
	s.t.Cleanup(func() { s.kill(m) })
	return m
}

// format gives a machine an empty disk.
func (s *sim) format(m *machine) {
	m.dir, m.disk, m.snaps = s.t.TempDir(), &memory{raft.NewInmemStore()}, raft.NewInmemSnapshotStore()
}

func (s *sim) start(all ...*machine) {
	s.t.Helper()
	for _, m := range all {
		l, err := s.net.Listen(m.host)
		if err != nil {
			s.t.Fatal(err)
		}
		p, err := s.net.ListenPacket(m.host)
		if err != nil {
			s.t.Fatal(err)
		}
		seeds := m.seeds
		if seeds == nil {
			for _, o := range s.all {
				seeds = append(seeds, o.host.Addr().String())
			}
		}
		m.app = &fake{name: m.name}
		if b, err := LastGood(m.dir); err != nil {
			s.t.Fatal(err)
		} else if b != nil { // as a node does that is started
			m.app.serving = string(b.Files[b.Main[0]])
		}
		c := Config{Name: m.name, Dir: m.dir, Log: slog.New(slog.DiscardHandler), Seeds: seeds, Port: 9410, Listener: l, Packets: p, Advertise: m.host,
			Secrets: []keyring.Secret{s.secret}, Applier: m.app, Store: m.disk, Snapshots: m.snaps,
			Local: func() (*Bundle, error) { return config(m.text), nil },
			Dial: func(ctx context.Context, at string) (net.Conn, error) {
				to, err := netip.ParseAddrPort(at)
				if err != nil {
					s.t.Errorf("%s dials %q", m.name, at)
					return nil, err
				}
				return s.net.Dial(ctx, m.host.Addr(), to)
			},
			Resolve: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no names here") }}
		if m.alter != nil {
			m.alter(&c)
		}
		if m.Node, err = Start(c); err != nil {
			s.t.Fatal(err)
		}
	}
}

// kill ends a node without a word.
func (s *sim) kill(m *machine) {
	if m.Node != nil {
		s.net.Crash(m.host.Addr())
		m.Close()
		m.Node = nil
	}
}

func (s *sim) running() (all []*machine) {
	for _, m := range s.all {
		if m.Node != nil {
			all = append(all, m)
		}
	}
	return all
}

func config(text string) *Bundle {
	return &Bundle{Main: []string{"haproxy.cfg"}, Files: map[string][]byte{"haproxy.cfg": []byte(text), "certs/a.pem": []byte("key")}}
}

// pass lets simulated time pass.
func (s *sim) pass(d time.Duration) { time.Sleep(d) }

// await waits until f holds and returns how long it took.
func (s *sim) await(limit time.Duration, what string, f func() bool) time.Duration {
	s.t.Helper()
	begin := time.Now()
	for !f() {
		if time.Since(begin) > limit {
			for _, m := range s.running() {
				st := m.Status()
				s.t.Logf("%s: leader %q, generation %d, serves %q: %s", m.name, st.Leader, st.Generation, m.app.serves(), st.Summary)
			}
			s.t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(begin)
}

// serve waits until all running nodes serve a text.
func (s *sim) serve(text string, limit time.Duration) time.Duration {
	s.t.Helper()
	return s.await(limit, fmt.Sprintf("all serve %q", text), func() bool {
		return !slices.ContainsFunc(s.running(), func(m *machine) bool { return m.app.serves() != text })
	})
}

// healthy waits until all running nodes say that all is well.
func (s *sim) healthy(limit time.Duration) time.Duration {
	s.t.Helper()
	return s.await(limit, "all is well", func() bool {
		return !slices.ContainsFunc(s.running(), func(m *machine) bool { return !m.Status().Healthy })
	})
}

func (s *sim) apply(m *machine, text string) *Applied {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	st, _, _ := m.raft.State()
	return m.Apply(ctx, &Proposal{Bundle: config(text), Base: st.Active}, nil)
}

// says waits until a node's summary has a text.
func (s *sim) says(m *machine, text string) {
	s.t.Helper()
	s.await(time.Minute, m.name+" says "+text, func() bool { return strings.Contains(m.Status().Summary, text) })
}

// TestFounding: three nodes that are started with the same line and file are a fleet
// that serves it, whoever starts when.
func TestFounding(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.start(s.all[0])
		time.Sleep(5 * time.Second)
		s.says(s.all[0], "1 of 3 founding nodes are here")
		s.start(s.all[1:]...)
		t.Logf("serving after %v", s.serve("global\n", 15*time.Second))
		s.healthy(15 * time.Second)
		fleets := map[string]bool{}
		for _, m := range s.all {
			st := m.Status()
			fleets[st.Fleet] = true
			if st.Generation != 1 || len(st.Nodes) != 3 || st.Leader == "" {
				t.Errorf("%s: %+v", m.name, st)
			}
		}
		if len(fleets) != 1 {
			t.Errorf("%v", fleets)
		}
		a := s.apply(s.all[2], "two")
		if !a.OK() || a.Generation != 2 || len(a.Checked) != 3 || len(a.Serving) != 3 {
			t.Errorf("%+v", a)
		}
		t.Logf("applied after %v", s.serve("two", 2*time.Second))
	})
}

// TestUnmanaged: founding nodes with different files agree on none, say who differs
// and how, and serve what a person applies.
func TestUnmanaged(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.all[1].text = "other"
		s.start(s.all...)
		s.await(time.Minute, "somebody tells the difference", func() bool {
			return slices.ContainsFunc(s.all, func(m *machine) bool {
				return strings.Contains(m.Status().Summary, "haproxy.cfg") && strings.Contains(m.Status().Summary, "different configurations")
			})
		})
		for _, m := range s.all {
			if m.app.serves() != "" {
				t.Errorf("%s serves something", m.name)
			}
		}
		if a := s.apply(s.all[0], "mine"); !a.OK() || a.Generation != 1 {
			t.Errorf("%+v", a)
		}
		s.serve("mine", 5*time.Second)
		s.healthy(30 * time.Second)
	})
}

// TestApply: a node that refuses ends it and nothing changed; an old base too; force
// overrides, and the one who refused keeps the former one and says so.
func TestApply(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.start(s.all...)
		s.healthy(time.Minute)
		a := s.apply(s.all[0], "bad web2")
		if a.OK() || a.Generation != 0 || !strings.Contains(a.Error, "web2") || !strings.Contains(fmt.Sprint(a.Checked), "haproxy.cfg:1: node web2 does not take it") {
			t.Errorf("%+v", a)
		}
		ctx := t.Context()
		if a := s.all[0].Apply(ctx, &Proposal{Bundle: config("x"), Base: 0}, nil); a.OK() || !strings.Contains(a.Error, "generation 1 is active") {
			t.Errorf("an old base: %+v", a)
		}
		s.serve("global\n", 0)
		var said []string
		a = s.all[0].Apply(ctx, &Proposal{Bundle: config("bad web2"), Base: 1, Force: true}, func(text string) { said = append(said, text) })
		if a.OK() || a.Generation != 2 || len(said) < 3 {
			t.Errorf("%+v %v", a, said)
		}
		for _, m := range s.all {
			if want := map[bool]string{true: "global\n", false: "bad web2"}[m.name == "web2"]; m.app.serves() != want {
				t.Errorf("%s serves %q", m.name, m.app.serves())
			}
		}
		s.says(s.all[1], "does not serve generation 2")
		s.all[1].app.slow(300 * time.Millisecond) // what it refused before says nothing of this one
		a = s.all[1].Apply(ctx, &Proposal{Bundle: config("good"), Base: 2}, func(text string) {
			if strings.HasPrefix(text, "generation 3 is agreed on") {
				s.await(time.Second, "web2 knows of it", func() bool {
					st, _, _ := s.all[1].raft.State()
					return st.Active == 3
				})
				if said := s.all[1].Status().Summary; strings.Contains(said, "does not take it") {
					t.Errorf("while it is about to serve another one: %s", said)
				}
			}
		})
		if !a.OK() || a.Generation != 3 {
			t.Errorf("%+v", a)
		}
		s.serve("good", time.Second)
		s.healthy(10 * time.Second)
		b, err := s.all[2].Bundle(ctx, 1)
		if err != nil || !maps.EqualFunc(b.Files, config("global\n").Files, func(a, b []byte) bool { return string(a) == string(b) }) {
			t.Errorf("%v %v", b, err)
		}
		if _, err := s.all[2].Bundle(ctx, 9); err == nil {
			t.Error("a generation that there is not")
		}
		if all, active := s.all[0].History(); len(all) != 3 || active != 3 || all[0].Number != 3 {
			t.Errorf("%v", all)
		}
		s.kill(s.all[2])
		time.Sleep(5 * time.Second)
		if a := s.apply(s.all[0], "without web3"); !a.OK() || fmt.Sprint(a.Skipped) != "[web3]" {
			t.Errorf("%+v", a)
		}
		s.start(s.all[2])
		s.serve("without web3", 20*time.Second)
	})
}

// TestNewNodes: a fourth node comes in and votes when it is stable; a node whose disk
// is lost comes back under its name; one that takes a living one's name does not.
func TestNewNodes(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.start(s.all...)
		s.healthy(time.Minute)
		d := s.add(4)
		d.text = "its own"
		s.start(d)
		s.serve("global\n", 20*time.Second)
		s.await(time.Minute, "it votes", func() bool {
			return slices.ContainsFunc(d.Status().Nodes, func(r NodeStatus) bool { return r.Name == "web4" && r.Role == "voter" })
		})
		thief := s.add(5)
		thief.alter = func(c *Config) { c.Name = "web1" }
		s.start(thief)
		s.says(thief, "take another --name")
		s.kill(thief)

		if at, ok := d.where("nobody"); ok || at != "" {
			t.Errorf("a node that nobody has seen is at %q", at)
		}

		old := d.ID()
		s.kill(d)
		s.format(d)
		time.Sleep(5 * time.Second)
		s.start(d)
		s.serve("global\n", 30*time.Second)
		if d.ID() == old {
			t.Fatal("it has its old id")
		}
		s.await(time.Minute, "it votes again and the old one is gone", func() bool {
			st := s.all[0].Status()
			return len(st.Nodes) == 4 && slices.ContainsFunc(st.Nodes, func(r NodeStatus) bool { return r.Name == "web4" && r.ID == d.ID() && r.Role == "voter" }) &&
				!slices.ContainsFunc(st.Nodes, func(r NodeStatus) bool { return r.ID == old })
		})
	})
}

// TestQuorum: with two of three dead nothing can be applied and everything is served;
// a restart serves the last good one at once; the fleet goes on when they come back.
func TestQuorum(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.start(s.all...)
		s.healthy(time.Minute)
		s.apply(s.all[0], "two")
		s.serve("two", 5*time.Second)
		s.kill(s.all[1])
		s.kill(s.all[2])
		s.says(s.all[0], "No leader: 1 of 3 voters are here")
		if a := s.apply(s.all[0], "three"); a.OK() || a.Generation != 0 {
			t.Errorf("%+v", a)
		}
		s.serve("two", 0)
		s.kill(s.all[0])
		b, err := LastGood(s.all[0].dir)
		if err != nil || b.Generation != 2 || string(b.Files["haproxy.cfg"]) != "two" {
			t.Errorf("%+v %v", b, err)
		}
		s.start(s.all...)
		s.serve("two", 0)
		s.await(time.Minute, "a leader, and what was agreed on", func() bool {
			return s.all[1].Status().Leader != "" && s.all[1].Status().Generation == 2
		})
		if a := s.apply(s.all[1], "three"); !a.OK() || a.Generation != 3 {
			t.Errorf("%+v", a)
		}
		s.serve("three", 5*time.Second)
	})
}

// TestPartitions: the smaller side says that it has no leader and serves on; both
// sides meet again by themselves within 30 s, however long it took.
func TestPartitions(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.start(s.all...)
		s.healthy(time.Minute)
		var hosts []netip.Addr
		for _, m := range s.all {
			hosts = append(hosts, m.host.Addr())
		}
		for _, long := range []time.Duration{90 * time.Second, time.Hour} {
			s.net.Isolate(hosts[0], hosts, true)
			s.says(s.all[0], "No leader: 1 of 3")
			text := fmt.Sprint("after ", long)
			s.await(10*time.Second, "the others agree", func() bool { return s.apply(s.all[1], text).Generation > 0 })
			time.Sleep(long)
			s.net.Isolate(hosts[0], hosts, false)
			t.Logf("healed after %v", s.serve(text, 30*time.Second))
			s.healthy(30 * time.Second)
		}
	})
}

// TestLeave: a leader that leaves hands its lead over first; it is seen as left, and
// comes back as what it was.
func TestLeave(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.start(s.all...)
		s.healthy(time.Minute)
		var a *machine
		for _, m := range s.all {
			if m.Status().Leader == m.name {
				a = m
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := a.Leave(ctx); err != nil {
			t.Error(err)
		}
		s.kill(a)
		other := s.running()[0]
		s.await(5*time.Second, "the others know", func() bool {
			st := other.Status()
			return st.Leader != "" && st.Leader != a.name && strings.Contains(fmt.Sprint(st.Nodes), "left")
		})
		s.start(a)
		s.healthy(30 * time.Second)
	})
}

// TestRemove: who is alive stays; who is gone is taken out and may not come back as he
// was.
func TestRemove(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.start(s.all...)
		s.healthy(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := s.all[0].Remove(ctx, "web3"); err == nil {
			t.Error("a living node was removed")
		}
		if err := s.all[0].Remove(ctx, "web9"); err == nil {
			t.Error("nobody was removed")
		}
		if err := s.all[0].Transfer(ctx, "web2"); err != nil {
			t.Error(err)
		}
		s.await(5*time.Second, "web2 leads", func() bool { return s.all[0].Status().Leader == "web2" })
		s.kill(s.all[2])
		s.await(10*time.Second, "it is seen", func() bool { return strings.Contains(s.all[0].Status().Summary, "web3 failed") })
		if err := s.all[0].Remove(ctx, "web3"); err != nil {
			t.Fatal(err)
		}
		s.await(20*time.Second, "two nodes are left", func() bool { return len(s.all[1].Status().Nodes) == 2 })
		s.start(s.all[2])
		time.Sleep(30 * time.Second)
		if st, _, _ := s.all[0].raft.State(); len(st.Nodes) != 2 {
			t.Errorf("%+v", st.Nodes)
		}
	})
}

// TestOldOnes: of many configurations the last ones are kept, with their contents and no
// others, on every node; one that is gone is said to be.
func TestOldOnes(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.start(s.all...)
		s.healthy(time.Minute)
		const more = 10
		for i := range keptGenerations + more {
			if a := s.apply(s.all[i%3], fmt.Sprint("text ", i)); !a.OK() {
				t.Fatalf("%d: %+v", i, a)
			}
		}
		s.await(time.Minute, "the old ones are forgotten", func() bool {
			return !slices.ContainsFunc(s.all, func(m *machine) bool { all, _ := m.History(); return len(all) > keptGenerations })
		})
		s.pass(2*sweepEvery + fetchTime) // what was tried is held for a while
		for _, m := range s.all {
			files, err := os.ReadDir(m.dir + "/contents")
			if err != nil {
				t.Fatal(err)
			}
			// A text each, the key that all have, and what the node was started with.
			if n := len(files); n > keptGenerations+2 {
				t.Errorf("%s keeps %d files", m.name, n)
			}
		}
		if _, err := s.all[0].Bundle(t.Context(), 2); err == nil || !strings.Contains(err.Error(), "generation 2 is not kept") {
			t.Errorf("an old one: %v", err)
		}
		if b, err := s.all[0].Bundle(t.Context(), more+5); err != nil || string(b.Files["haproxy.cfg"]) != fmt.Sprint("text ", more+3) {
			t.Errorf("a kept one: %v", err)
		}
	})
}

// TestTwoHolders: two nodes that say to have the address at once are shouted about, by
// every node, until one has it.
func TestTwoHolders(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		var both atomic.Bool
		for i, m := range s.all {
			m.alter = func(c *Config) { c.Load = func() Load { return Load{VIP: i == 0 || i == 2 && both.Load()} } }
		}
		s.start(s.all...)
		s.healthy(time.Minute)
		both.Store(true)
		for _, m := range s.all {
			s.says(m, "web1 and web3 HOLD THE ADDRESS AT ONCE")
		}
		both.Store(false)
		s.healthy(time.Minute)
	})
}

// TestStreams: other protocols go over the fleet's port, between nodes by name.
func TestStreams(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		for _, m := range s.all {
			m.alter = func(c *Config) {
				c.Streams = map[string]func(string, net.Conn){"gohap-echo": func(from string, c net.Conn) {
					defer c.Close()
					fmt.Fprintf(c, "%s to %s", from, m.name)
				}}
			}
		}
		s.start(s.all...)
		s.healthy(time.Minute)
		if got := s.all[0].Others(); fmt.Sprint(got) != "[web2 web3]" && fmt.Sprint(got) != "[web3 web2]" {
			t.Error(got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		c, err := s.all[0].DialNode(ctx, "web2", "gohap-echo")
		if err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 12)
		if n, err := c.Read(text); err != nil || string(text[:n]) != "web1 to web2" {
			t.Errorf("%q %v", text[:n], err)
		}
		c.Close()
		for _, x := range [][2]string{{"web9", "gohap-echo"}, {"web2", "gohap-nothing"}} {
			if c, err := s.all[0].DialNode(ctx, x[0], x[1]); err == nil {
				c.Close()
				t.Errorf("%v is reached", x)
			}
		}
	})
}
