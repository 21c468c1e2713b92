package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func hash(i int) Hash { return Hash(fmt.Sprintf("%064x", i)) }

func manifest(i int) Manifest {
	return Manifest{Main: []string{"haproxy.cfg"}, Files: []File{{"certs/a.pem", hash(1), 10}, {"haproxy.cfg", hash(i), 20}}}
}

func apply(t *testing.T, m *Machine, e Entry) Result {
	t.Helper()
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, i, _ := m.State()
	return m.Apply(i+1, b)
}

func commit(base uint64, i int) Entry {
	return Entry{Commit: &Commit{Base: base, Manifest: manifest(i), By: "a", At: int64(i)}}
}

// TestGenerations: numbers rise, a commit against an old base changes nothing, the
// active one cannot be forgotten.
func TestGenerations(t *testing.T) {
	m := New()
	if r := apply(t, m, commit(0, 5)); r.Err == nil {
		t.Error("a commit before there is a fleet")
	}
	if r := apply(t, m, Entry{Found: &Found{"f"}}); r.Err != nil {
		t.Fatal(r.Err)
	}
	if r := apply(t, m, Entry{Found: &Found{"g"}}); r.Err == nil || !strings.Contains(r.Err.Error(), "founded as f") {
		t.Errorf("founded twice: %v", r.Err)
	}
	_, _, changed := m.State()
	for i := range 3 {
		if r := apply(t, m, commit(uint64(i), 5+i)); r.Err != nil || r.Generation != uint64(i+1) {
			t.Fatalf("%+v", r)
		}
	}
	select {
	case <-changed:
	default:
		t.Error("nobody is told of a change")
	}
	before, index, _ := m.State()
	r := apply(t, m, commit(2, 9))
	var c *ConflictError
	if !errors.As(r.Err, &c) || *c != (ConflictError{2, 3}) {
		t.Errorf("%+v", r)
	}
	bad := commit(3, 9)
	bad.Commit.Manifest.Main = []string{"other.cfg"}
	if r := apply(t, m, bad); r.Err == nil {
		t.Error("a bundle without its configuration")
	}
	if r := apply(t, m, Entry{}); r.Err == nil {
		t.Error("an entry that says nothing")
	}
	after, next, _ := m.State()
	if !cmp.Equal(before, after) || next != index+3 {
		t.Errorf("%+v at %d, before %+v at %d", after, next, before, index)
	}
	if needs := after.Needs(); len(needs) != 4 || !needs[hash(6)] {
		t.Errorf("%v", needs)
	}
	if r := apply(t, m, Entry{Forget: &Forget{[]uint64{3}}}); r.Err == nil {
		t.Error("the active one is forgotten")
	}
	if r := apply(t, m, Entry{Forget: &Forget{[]uint64{1, 7}}}); r.Err != nil {
		t.Error(r.Err)
	}
	s, _, _ := m.State()
	if _, ok := s.Generation(1); ok || len(s.Generations) != 2 || s.Active != 3 {
		t.Errorf("%+v", s)
	}
	if g, ok := s.Generation(2); !ok || g.Manifest.Files[1].Hash != hash(6) || g.By != "a" {
		t.Errorf("%+v", g)
	}
	if r := apply(t, m, commit(3, 9)); r.Generation != 4 {
		t.Errorf("a number is given again: %+v", r)
	}
	if _, ok := before.Generation(1); !ok {
		t.Error("a state that somebody has changed under his hands")
	}
}

// TestNodes: one name one node; who was removed does not come back.
func TestNodes(t *testing.T) {
	m := New()
	apply(t, m, Entry{Found: &Found{"f"}})
	for _, n := range []Node{{"2", "web2"}, {"1", "web1"}, {"1", "web1b"}} {
		if r := apply(t, m, Entry{Admit: &n}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	for _, n := range []Node{{"3", "web2"}, {"", "x"}, {"3", ""}} {
		if r := apply(t, m, Entry{Admit: &n}); r.Err == nil {
			t.Errorf("%+v is taken", n)
		}
	}
	if r := apply(t, m, Entry{Remove: &Remove{"9"}}); r.Err == nil {
		t.Error("nobody is removed")
	}
	if r := apply(t, m, Entry{Remove: &Remove{"2"}}); r.Err != nil {
		t.Error(r.Err)
	}
	if r := apply(t, m, Entry{Admit: &Node{"2", "web2"}}); r.Err == nil || !strings.Contains(r.Err.Error(), "was removed") {
		t.Errorf("it comes back: %v", r.Err)
	}
	if r := apply(t, m, Entry{Admit: &Node{"3", "web2"}}); r.Err != nil {
		t.Error(r.Err)
	}
	s, _, _ := m.State()
	if !cmp.Equal(s.Nodes, []Node{{"1", "web1b"}, {"3", "web2"}}) {
		t.Errorf("%+v", s.Nodes)
	}
	if n, ok := s.Node("3"); !ok || n.Name != "web2" {
		t.Error("not found")
	}
}

// TestVersions: a later entry or snapshot halts the machine: it skips nothing, says
// why and gives no snapshot away.
func TestVersions(t *testing.T) {
	m := New()
	apply(t, m, Entry{Found: &Found{"f"}})
	before, index, _ := m.State()
	r := m.Apply(index+1, []byte(`{"v":2,"later":{}}`))
	var v *VersionError
	if !errors.As(r.Err, &v) || v.Version != 2 || m.Halted() == nil {
		t.Fatalf("%+v", r)
	}
	if r := apply(t, m, commit(0, 1)); r.Err == nil {
		t.Error("it goes on")
	}
	if _, err := m.Snapshot(); err == nil {
		t.Error("a snapshot of what has a gap")
	}
	if after, i, _ := m.State(); after != before || i != index {
		t.Error("it changed")
	}
	m = New()
	if err := m.Restore([]byte(`{"v":2,"fleet":"x"}`)); !errors.As(err, &v) || m.Halted() == nil {
		t.Error(err)
	}
	if s, _, _ := m.State(); s.Fleet != "" {
		t.Error("it was taken")
	}
	m = New()
	if r := m.Apply(1, []byte("garbage")); r.Err == nil || m.Halted() == nil {
		t.Error("garbage is skipped")
	}
}

// TestSnapshots: whoever begins from a snapshot anywhere ends where the others are.
func TestSnapshots(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var log [][]byte
		for range 60 {
			base := uint64(rnd.IntN(12))
			e := []Entry{
				{Found: &Found{fmt.Sprint(rnd.IntN(3))}}, commit(base, rnd.IntN(50)), commit(base, rnd.IntN(50)),
				{Forget: &Forget{[]uint64{base, base + 1}}}, {Admit: &Node{fmt.Sprint(rnd.IntN(5)), fmt.Sprint("n", rnd.IntN(5))}}, {Remove: &Remove{fmt.Sprint(rnd.IntN(5))}},
			}[rnd.IntN(6)]
			b, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, b)
		}
		whole := New()
		at := rnd.IntN(len(log))
		var snap []byte
		for i, b := range log {
			if i == at {
				var err error
				if snap, err = whole.Snapshot(); err != nil {
					t.Fatal(err)
				}
			}
			whole.Apply(uint64(i+1), b)
		}
		part := New()
		if err := part.Restore(snap); err != nil {
			t.Fatal(err)
		}
		for i, b := range log[at:] {
			part.Apply(uint64(at+i+1), b)
		}
		one, _ := whole.Snapshot()
		two, _ := part.Snapshot()
		if string(one) != string(two) {
			t.Fatalf("seed %d:\n%s\n%s", seed, one, two)
		}
	}
}

// TestManifest refuses what would lead outside a bundle or contradicts itself.
func TestManifest(t *testing.T) {
	good := manifest(1)
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	if f, ok := good.File("certs/a.pem"); !ok || f.Size != 10 {
		t.Error("not found")
	}
	other := manifest(2)
	if good.Equal(&other) || !good.Equal(&good) {
		t.Error("equal")
	}
	for name, change := range map[string]func(*Manifest){
		"nothing":   func(m *Manifest) { m.Main = nil },
		"outside":   func(m *Manifest) { m.Files[0].Name = "../a" },
		"not clean": func(m *Manifest) { m.Files[0].Name = "a//b" },
		"no name":   func(m *Manifest) { m.Files[0].Name = "" },
		"a nul":     func(m *Manifest) { m.Files[0].Name = "a\x00" },
		"no hash":   func(m *Manifest) { m.Files[0].Hash = "abc" },
		"upper":     func(m *Manifest) { m.Files[0].Hash = Hash(strings.Repeat("A", 64)) },
		"negative":  func(m *Manifest) { m.Files[0].Size = -1 },
		"too large": func(m *Manifest) { m.Files[0].Size, m.Files[1].Size = MaxSize, 1 },
		"twice":     func(m *Manifest) { m.Files[1].Name = m.Files[0].Name },
		"no main":   func(m *Manifest) { m.Main = []string{"x"} },
		"too many":  func(m *Manifest) { m.Files = make([]File, MaxFiles+1) },
	} {
		m := manifest(1)
		if change(&m); m.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func FuzzApply(f *testing.F) {
	e := commit(0, 1)
	b, _ := e.Encode()
	f.Add(b)
	f.Add([]byte(`{"v":1,"remove":{"id":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := New()
		m.Apply(1, []byte(`{"v":1,"found":{"fleet":"f"}}`))
		before, _, _ := m.State()
		text, _ := json.Marshal(before)
		r := m.Apply(2, b)
		if after, _ := json.Marshal(before); string(after) != string(text) {
			t.Fatal("a state was changed that somebody has")
		}
		if snap, err := m.Snapshot(); (err == nil) != (m.Halted() == nil) {
			t.Fatal(err)
		} else if err == nil {
			o := New()
			if err := o.Restore(snap); err != nil {
				t.Fatal(err)
			}
		} else if r.Err == nil {
			t.Fatal("halted without a word")
		}
	})
}
