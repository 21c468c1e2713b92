package balance

import (
	"strings"
	"testing"
)

type node int

func (n *node) Weight() int   { return int(*n) }
func (n *node) Load() int64   { return 0 }
func (n *node) Full() bool    { return false }
func (n *node) Crowded() bool { return false }
func (n *node) ID() int       { return 1 }
func (n *node) Key() uint32   { return 1 }

func sequence(p Policy, n int) string {
	var b strings.Builder
	for range n {
		if i := p.Pick(&Request{Avoid: -1}); i < 0 {
			b.WriteByte('-')
		} else {
			b.WriteByte(byte('a' + i))
		}
	}
	return b.String()
}

func nodes(weights ...int) []Node {
	var out []Node
	for _, w := range weights {
		n := node(w)
		out = append(out, &n)
	}
	return out
}

// The sequences were seen on the reference.
func TestSequences(t *testing.T) {
	for _, c := range []struct {
		p    Policy
		want string
	}{
		{NewStaticRR(nodes(2, 1, 1)), "aabc"},
		{NewStaticRR(nodes(5, 3, 2)), "aabacababc"},
		{NewRoundRobin(nodes(5, 1, 1)), "aaabaacaaabaac"},
		{NewRoundRobin(nodes(3, 2, 1)), "abacababacab"},
		{NewRoundRobin(nodes(1, 2, 3)), "cbcacbcbcacb"},
		{NewRoundRobin(nodes(1, 5)), "bbbbbabbbbba"},
		{NewRoundRobin(nodes(5, 3, 2)), "abacababacabacababac"},
		{NewRoundRobin(nodes(1, 3, 1)), "bbabcbbabc"},
		{NewRoundRobin(nodes(4, 2)), "aabaab"},
		{NewRoundRobin(nodes(1, 1, 1)), "abcabc"},
		{NewRoundRobin(nodes(2, 1, 1)), "abacabac"},
		{NewRoundRobin(nodes(0, 0)), "--"},
		{NewRoundRobin(nodes(7, 5, 3, 1)), "abacbaabcabadacbabacbaabcabadacb"},
		{NewRoundRobin(nodes(11, 30)), "bbbabbbabbabbbabbbabbabbbabbbabbbabbabbbabbbabbbabba"},
		{NewRoundRobin(nodes(217, 80)), "aaabaaabaabaaabaaabaabaaabaaabaaabaab"},
	} {
		if got := sequence(c.p, len(c.want)); got != c.want {
			t.Errorf("%s: %s, want %s", c.p.Name(), got, c.want)
		}
	}
}

func TestRoundRobinShares(t *testing.T) {
	n := nodes(10, 20, 70)
	p := NewRoundRobin(n)
	first := sequence(p, 1000)
	for i, want := range []int{100, 200, 700} {
		if c := strings.Count(first, string(rune('a'+i))); c != want {
			t.Errorf("node %d was taken %d times, want %d", i, c, want)
		}
	}
	*n[2].(*node) = 0
	p.Update()
	got := sequence(p, 300)
	if b := strings.Count(got, "b"); strings.Contains(got, "c") || b < 198 || b > 202 {
		t.Errorf("after the heaviest left: %d of 300, %s", b, got)
	}
	*n[2].(*node) = 30
	p.Update()
	if got := sequence(p, 600); strings.Count(got, "c") < 295 || strings.Count(got, "c") > 305 {
		t.Errorf("after it came back: %d of 600", strings.Count(got, "c"))
	}
}

func TestPickAvoids(t *testing.T) {
	for _, p := range []Policy{NewRoundRobin(nodes(5, 1)), NewStaticRR(nodes(5, 1))} {
		for range 10 {
			if p.Pick(&Request{}) != 1 {
				t.Errorf("%s took the node to avoid", p.Name())
			}
		}
	}
	if i := NewRoundRobin(nodes(3)).Pick(&Request{}); i != 0 {
		t.Errorf("the only node must be taken even when it is to be avoided, got %d", i)
	}
}

// busy is a node with a load, full when full is set.
type busy struct {
	weight, id int
	load       int64
	full       bool
	key        uint32
}

func (n *busy) Weight() int   { return n.weight }
func (n *busy) Load() int64   { return n.load }
func (n *busy) Full() bool    { return n.full }
func (n *busy) Crowded() bool { return n.full }
func (n *busy) ID() int       { return n.id }
func (n *busy) Key() uint32   { return n.key }

// farm makes n nodes of equal weight.
func farm(n int) ([]Node, []*busy) {
	var out []Node
	var own []*busy
	for i := range n {
		b := &busy{weight: 16, id: n - i, key: uint32(i+1) * 4096}
		out, own = append(out, b), append(own, b)
	}
	return out, own
}

func every(n []Node) []Policy {
	return []Policy{NewRoundRobin(n), NewStaticRR(n), NewLeastConn(n), NewFirst(n), NewHashMap("uri", n),
		NewRing("uri", n, Config{}), NewRandom(n, Config{Draws: 2})}
}

func TestFullNodes(t *testing.T) {
	n, own := farm(3)
	for _, p := range every(n) {
		for _, b := range own {
			b.full, b.weight = true, 16
		}
		p.Update()
		if got := p.Pick(&Request{Avoid: -1}); got != Busy {
			t.Errorf("%s: all full and no key: %d", p.Name(), got)
		}
		if got := p.Pick(&Request{Avoid: -1, Hash: 7, Keyed: true}); (got >= 0) != p.Hashes() {
			t.Errorf("%s: all full and a key: %d", p.Name(), got)
		}
		own[1].full = false
		for range 20 {
			if got := p.Pick(&Request{Avoid: -1}); got != 1 {
				t.Errorf("%s: took %d, not the one that is not full", p.Name(), got)
			}
		}
		for _, b := range own {
			b.weight = 0
		}
		p.Update()
		if got := p.Pick(&Request{Avoid: -1}); got != None {
			t.Errorf("%s: nobody usable: %d", p.Name(), got)
		}
	}
}

func TestLeastConnFollowsLoad(t *testing.T) {
	n, own := farm(1000)
	p := NewLeastConn(n)
	for range 5000 {
		i := p.Pick(&Request{Avoid: -1})
		own[i].load++
		p.Touch(i)
	}
	for i, b := range own {
		if b.load != 5 {
			t.Fatalf("node %d serves %d of 5,000 streams over 1,000 nodes", i, b.load)
		}
	}
	own[7].load = 1
	p.Touch(7)
	if i := p.Pick(&Request{Avoid: -1}); i != 7 {
		t.Errorf("took %d, not the one with the lowest load", i)
	}
}

func TestFirstGoesByID(t *testing.T) {
	n, own := farm(3)
	p := NewFirst(n)
	for _, want := range []int{2, 1, 0} {
		if got := p.Pick(&Request{Avoid: -1}); got != want {
			t.Errorf("took %d, want %d", got, want)
		}
		own[want].full = true
	}
}

// Only the keys of a node that leaves move.
func TestRingMovesLittle(t *testing.T) {
	n, own := farm(5)
	p := NewRing("uri", n, Config{})
	before := map[uint32]int{}
	for h := uint32(0); h < 1<<32-1<<20; h += 1 << 20 {
		before[h] = p.Pick(&Request{Avoid: -1, Hash: h, Keyed: true})
	}
	own[2].weight = 0
	p.Update()
	for h, was := range before {
		if is := p.Pick(&Request{Avoid: -1, Hash: h, Keyed: true}); was != 2 && is != was || is == 2 {
			t.Fatalf("hash %d moved from %d to %d", h, was, is)
		}
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	n, _ := farm(100)
	for _, p := range every(n) {
		r := &Request{Avoid: -1, Hash: 12345, Keyed: true}
		if a := testing.AllocsPerRun(100, func() { p.Touch(p.Pick(r)) }); a != 0 {
			t.Errorf("%s: %v allocations", p.Name(), a)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	n, _ := farm(1000)
	for _, p := range every(n) {
		b.Run(p.Name(), func(b *testing.B) {
			r := &Request{Avoid: -1, Hash: 12345, Keyed: true}
			for b.Loop() {
				p.Touch(p.Pick(r))
			}
		})
		b.Run(p.Name()+"/8 goroutines", func(b *testing.B) {
			b.SetParallelism(4) // times GOMAXPROCS
			b.RunParallel(func(pb *testing.PB) {
				r := &Request{Avoid: -1, Hash: 12345, Keyed: true}
				for pb.Next() {
					p.Touch(p.Pick(r))
				}
			})
		})
	}
}
