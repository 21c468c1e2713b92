package balance

import "sync"

// RoundRobin is the dynamic weighted round robin. Time advances by one with
// every pick. A node that was taken stands in line again one stride later,
// total/weight picks away, and keeps the remainder of that division for its
// next stride. The node that is due is taken; of two that are due at once the
// one with more weight above its remainder, then the one that waits longer.
// While none is due, nodes that were not taken yet enter, the heaviest first, so
// that heavy nodes come often and evenly between the others (reference: balance
// roundrobin; 5:1:1 gives a a a b a a c).
type RoundRobin struct {
	nodes []Node

	mu      sync.Mutex
	weight  []int64
	due     []int64 // position in line, when taken before
	rest    []int64 // remainder of the stride before it
	queued  line    // nodes that were taken before, by position
	fresh   line    // nodes that were not
	aside   []int32 // full nodes while one that is not is looked for
	now     int64   // picks so far
	total   int64
	entered int64 // how often a node got in line
}

// NewRoundRobin returns the policy over nodes.
func NewRoundRobin(nodes []Node) *RoundRobin {
	n := len(nodes)
	p := &RoundRobin{nodes: nodes, weight: make([]int64, n), due: make([]int64, n), rest: make([]int64, n),
		queued: newLine(n), fresh: newLine(n), aside: make([]int32, 0, n)}
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
	avoided := None
	for {
		i := p.first()
		switch {
		case i == None && avoided != None:
			i = avoided
		case i == None && len(p.aside) == 0:
			return None
		case i == None:
			p.putBack()
			return Busy
		case i == r.Avoid || p.nodes[i].Full():
			if i == r.Avoid && !p.nodes[i].Full() {
				avoided = i
			}
			p.setAside(i)
			continue
		}
		p.putBack()
		p.take(i)
		return i
	}
}

// first returns the node whose turn it is.
func (p *RoundRobin) first() int {
	q, f := p.queued.first(), p.fresh.first()
	if f != None && (q == None || p.due[q] > p.now) {
		return f
	}
	return q
}

// setAside takes a node out of its line until putBack; it keeps its key.
func (p *RoundRobin) setAside(i int) {
	if p.queued.has(i) {
		p.queued.remove(i)
		p.aside = append(p.aside, int32(i))
	} else {
		p.fresh.remove(i)
		p.aside = append(p.aside, -1-int32(i))
	}
}

func (p *RoundRobin) putBack() {
	for _, i := range p.aside {
		if i >= 0 {
			p.queued.put(int(i), p.queued.keys[i])
		} else {
			p.fresh.put(int(-1-i), p.fresh.keys[-1-i])
		}
	}
	p.aside = p.aside[:0]
}

// take moves node i one stride on.
func (p *RoundRobin) take(i int) {
	if p.fresh.has(i) {
		p.fresh.remove(i)
		p.due[i], p.rest[i] = p.now, 0
	}
	stride := p.total + p.rest[i]
	p.due[i] += stride / p.weight[i]
	p.rest[i] = stride % p.weight[i]
	p.entered++
	p.queued.put(i, key{p.due[i], p.rest[i] - p.weight[i], p.entered})
	p.now++
}

// Update implements Policy. A node that comes back, or whose weight changed,
// enters anew: it neither catches up what it missed nor waits longer than its
// turn.
func (p *RoundRobin) Update() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, n := range p.nodes {
		w := int64(n.Weight())
		if w == p.weight[i] {
			continue
		}
		p.total += w - p.weight[i]
		p.weight[i] = w
		p.queued.remove(i)
		p.fresh.remove(i)
		if w > 0 {
			p.entered++
			p.fresh.put(i, key{-w, p.entered})
		}
	}
	// With fewer nodes nobody may be due for a while: skip that time.
	if q := p.queued.first(); q != None && p.fresh.first() == None {
		p.now = max(p.now, p.due[q])
	}
}
