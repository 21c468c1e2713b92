package balance

import (
	"strings"
	"testing"
)

type node int

func (n *node) Weight() int { return int(*n) }
func (n *node) Load() int64 { return 0 }
func (n *node) Full() bool  { return false }
func (n *node) ID() int     { return 1 }
func (n *node) Key() uint32 { return 1 }

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
