package balance

import "sync"

// RoundRobin is the dynamic weighted round robin. Time advances by one with
// every pick. A node that was taken stands in line again one stride later,
// total/weight picks away; the node that is due is taken. While none is due,
// nodes that were not taken yet enter, the heaviest first, so that heavy nodes
// come often and evenly between the others (reference: balance roundrobin;
// 5:1:1 gives a a a b a a c).
type RoundRobin struct {
	nodes []Node

	mu     sync.Mutex
	weight []int64
	due    []int64 // whole part of the position; fresh when not taken yet
	rest   []int64 // its fraction, in parts of the node's weight
	now    int64   // picks so far
	total  int64
}

const fresh = -1

// NewRoundRobin returns the policy over nodes.
func NewRoundRobin(nodes []Node) *RoundRobin {
	p := &RoundRobin{nodes: nodes, weight: make([]int64, len(nodes)),
		due: make([]int64, len(nodes)), rest: make([]int64, len(nodes))}
	p.Update()
	return p
}

// Name implements Policy.
func (p *RoundRobin) Name() string { return "roundrobin" }

// Dynamic implements Policy.
func (p *RoundRobin) Dynamic() bool { return true }

// Hashes implements Policy.
func (p *RoundRobin) Hashes() bool { return false }

// Touch implements Policy: load does not count.
func (p *RoundRobin) Touch(int) {}

// Pick implements Policy.
func (p *RoundRobin) Pick(r *Request) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := p.next(r.Avoid)
	if best < 0 && r.Avoid >= 0 {
		best = p.next(-1)
	}
	if best < 0 {
		if p.total > 0 {
			return Busy
		}
		return None
	}
	if p.due[best] == fresh {
		p.due[best], p.rest[best] = p.now, 0
	}
	stride := p.total + p.rest[best]
	p.due[best] += stride / p.weight[best]
	p.rest[best] = stride % p.weight[best]
	p.now++
	return best
}

// next returns the node in line, avoid excepted.
func (p *RoundRobin) next(avoid int) int {
	queued, entering := -1, -1
	for i, w := range p.weight {
		switch {
		case w == 0 || i == avoid || p.nodes[i].Full():
		case p.due[i] == fresh:
			if entering < 0 || w > p.weight[entering] {
				entering = i
			}
		case queued < 0 || p.before(i, queued):
			queued = i
		}
	}
	if entering >= 0 && (queued < 0 || p.due[queued] > p.now) {
		return entering
	}
	return queued
}

// before tells whether node i is due before node j; the heavier one is, when
// both stand at the same position.
func (p *RoundRobin) before(i, j int) bool {
	if p.due[i] != p.due[j] {
		return p.due[i] < p.due[j]
	}
	a, b := p.rest[i]*p.weight[j], p.rest[j]*p.weight[i]
	return a < b || a == b && p.weight[i] > p.weight[j]
}

// Update implements Policy. A node that comes back, or whose weight changed,
// enters anew: it neither catches up what it missed nor waits longer than its
// turn.
func (p *RoundRobin) Update() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = 0
	low := int64(-1)
	for i, n := range p.nodes {
		w := int64(n.Weight())
		p.total += w
		if w != p.weight[i] {
			p.due[i] = fresh
		}
		p.weight[i] = w
		if w > 0 && p.due[i] != fresh && (low < 0 || p.due[i] < low) {
			low = p.due[i]
		}
	}
	// With fewer nodes nobody may be due for a while: skip that time.
	p.now = max(p.now, low)
}
