package proxy

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"gohap/lbcore/balance"
	"gohap/stick"
)

// maker makes the policy of an algorithm.
func maker(algorithm string) PolicyMaker {
	return func(_ *Proxy, servers []*Server, backups bool) balance.Policy {
		if len(servers) == 0 {
			return nil
		}
		nodes := make([]balance.Node, len(servers))
		for i, s := range servers {
			nodes[i] = Node{s}
		}
		switch algorithm {
		case "leastconn":
			return balance.NewLeastConn(nodes)
		case "ring":
			return balance.NewRing("uri", nodes, balance.Config{Consistent: true})
		case "random":
			return balance.NewRandom(nodes, balance.Config{Draws: 2})
		case "first":
			return balance.NewFirst(nodes)
		}
		return balance.NewRoundRobin(nodes)
	}
}

// loopTurns counts the turns of a goroutine that plays a loop.
type loopTurns struct{ n atomic.Int64 }

// TestSetsUnderLoops has six loops choose servers while two goroutines add and
// delete them: what is chosen is a server of the set that was asked, and once every
// loop has turned nobody chooses a server that was parted.
func TestSetsUnderLoops(t *testing.T) {
	for _, algorithm := range []string{"roundrobin", "leastconn", "ring", "random", "first"} {
		t.Run(algorithm, func(t *testing.T) { setsUnderLoops(t, algorithm) })
	}
}

func setsUnderLoops(t *testing.T, algorithm string) {
	const loops, changes = 6, 60
	make := maker(algorithm)
	p := &Proxy{Name: "b", IsBackend: true}
	onChange := func(s *Server) { s.Proxy.Rebalance() }
	add := func(name string, weight int) *Server { return &Server{Name: name, ID: weight, Weight0: weight} }
	fixed := add("fixed", 3)
	p.AddServer(fixed)
	fixed.Init(0, onChange)
	p.Balance(make)

	var stop atomic.Bool
	var turns [loops]loopTurns
	var freed sync.Map // servers that nobody may choose any more
	var running sync.WaitGroup
	for i := range loops {
		running.Go(func() {
			var slot Slot
			r := balance.Request{Avoid: -1}
			for n := uint32(0); !stop.Load(); n++ {
				set := p.Set()
				r.Hash, r.Keyed = n*2654435761, n%3 == 0
				if at := set.Policy.Pick(&r); at >= 0 {
					s := set.Active[at]
					if _, ended := freed.Load(s); ended {
						t.Errorf("%s was chosen behind its end", s.Name)
					}
					if slot.Try(s) {
						slot.Release()
					}
				} else {
					t.Errorf("nobody was chosen: %d", at)
				}
				turns[i].n.Add(1)
				runtime.Gosched()
			}
		})
	}
	var one sync.Mutex // control goroutines take turns
	var changing sync.WaitGroup
	for c := range 2 {
		changing.Go(func() {
			for n := range changes {
				s := add(fmt.Sprintf("s%d-%d", c, n), 1+n%5)
				s.Proxy = p
				s.StartInMaint(false, 0, onChange)
				one.Lock()
				p.Join(s, make)
				one.Unlock()
				s.SetAdmin(0, ForcedMaint, 0)
				s.SetWeight(1 + n%9)
				s.SetAdmin(ForcedMaint, 0, 0)
				one.Lock()
				s.SetGone(true)
				p.Part(s, make)
				for i := range turns {
					for now := turns[i].n.Load(); turns[i].n.Load() < now+2; {
						runtime.Gosched()
					}
				}
				freed.Store(s, true)
				one.Unlock()
				if s.InUse() {
					t.Errorf("%s is used behind its end", s.Name)
				}
			}
		})
	}
	changing.Wait()
	stop.Store(true)
	running.Wait()
	if set := p.Set(); len(set.All) != 1 || p.Server("fixed") != fixed || set.Policy.Pick(&balance.Request{Avoid: -1}) != 0 {
		t.Errorf("%d servers are left", len(set.All))
	}
}

// TestReturn puts a parted server back in its place.
func TestReturn(t *testing.T) {
	p := &Proxy{Name: "b", IsBackend: true}
	for _, name := range []string{"a", "b", "c"} {
		s := &Server{Name: name, Weight0: 1, Cookie: "k", Backup: name == "b"}
		p.AddServer(s)
		s.Init(0, nil)
	}
	make := maker("roundrobin")
	p.Balance(make)
	old, b := p.Set(), p.Server("b")
	p.Part(b, make)
	if p.Server("b") != nil || len(p.Set().Backups) != 0 || len(p.ByCookie([]byte("k"))) != 2 {
		t.Errorf("it is still there: %v", p.Set().All)
	}
	if len(old.All) != 3 || len(old.byCookie["k"]) != 3 {
		t.Error("the set before was changed")
	}
	p.Return(old, b, make)
	names := ""
	for _, s := range p.Set().All {
		names += s.Name
	}
	if names != "abc" || len(p.Set().Backups) != 1 || p.ByCookie([]byte("k"))[1] != b {
		t.Errorf("it came back as %q", names)
	}
}

// TestInherit sees that a server that joins and parts does not disturb the order of
// the others.
func TestInherit(t *testing.T) {
	for _, algorithm := range []string{"roundrobin", "leastconn", "ring"} {
		var want, got string
		for _, disturbed := range []bool{false, true} {
			p := &Proxy{Name: "b", IsBackend: true}
			for i, name := range []string{"a", "b", "c"} {
				s := &Server{Name: name, ID: i + 1, Weight0: 3 - i, RingKey: uint32(i+1) * 4096}
				p.AddServer(s)
				s.Init(0, func(s *Server) { s.Proxy.Rebalance() })
			}
			make := maker(algorithm)
			p.Balance(make)
			text := ""
			for i := range 24 {
				set := p.Set()
				at := set.Policy.Pick(&balance.Request{Avoid: -1})
				text += set.Active[at].Name
				s := set.Active[at]
				s.Conn.Inc()
				s.Touched()
				if i%5 == 0 { // the other streams stay
					s.Conn.Dec()
					s.Touched()
				}
				if !disturbed {
					continue
				}
				x := &Server{Name: fmt.Sprint("x", i), ID: 9, Weight0: 1, Proxy: p}
				x.StartInMaint(false, 0, nil)
				p.Join(x, make)
				if i%2 == 0 {
					p.Part(x, make)
				}
			}
			if disturbed {
				got = text
			} else {
				want = text
			}
		}
		if got != want {
			t.Errorf("%s: %s, undisturbed %s", algorithm, got, want)
		}
	}
}

// TestStuckServer finds servers by what entries hold, among as many as there are:
// by key, by address and by number, and none that was parted.
func TestStuckServer(t *testing.T) {
	p := &Proxy{Name: "p"}
	var last *Server
	for i := range 1000 {
		last = &Server{Name: fmt.Sprint("s", i), ID: i + 1, Weight0: 1}
		p.AddServer(last)
	}
	p.Balance(maker("roundrobin"))
	made, err := stick.New(stick.Config{Name: "p", Key: stick.KeyInteger, Size: 10, Store: []stick.Stored{{Data: stick.ServerID, N: 1}, {Data: stick.ServerKey, N: 1}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	table := &Table{Table: made}
	e, _, _ := made.Create([]byte{0, 0, 0, 1}, 0)
	defer e.Release()
	is := func(what string, id int, key, want string) {
		t.Helper()
		e.Set(stick.ServerID, 0, uint64(uint32(id)))
		e.SetText(stick.ServerKey, key)
		got := ""
		if srv := p.StuckServer(table, e); srv != nil {
			got = srv.Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	is("a number", 1000, "", "s999")
	is("a number that is none", 1001, "", "")
	is("a negative one", -1, "", "")
	is("a key goes first", 3, "s7", "s7")
	is("a key that is none", 3, "gone", "s2")
	p.Part(last, maker("roundrobin"))
	is("a server that was parted", 1000, "", "")
	p.Join(&Server{Name: "again", ID: 1000, Weight0: 1}, maker("roundrobin"))
	is("its number, given again", 1000, "", "again")
}
