package balance

import "sync"

// LeastConn takes the node with the fewest streams for its weight; among equal
// ones the one that waits longest. One that is full is taken as long as maxqueue
// lets requests wait for it (reference: balance leastconn).
type LeastConn struct {
	nodes []Node

	mu     sync.Mutex
	line   line
	aside  []int32 // nodes passed over while one that is usable is looked for
	turn   int64
	weight []int64
}

// NewLeastConn returns the policy over nodes.
func NewLeastConn(nodes []Node) *LeastConn {
	n := len(nodes)
	p := &LeastConn{nodes: nodes, line: newLine(n), aside: make([]int32, 0, n), weight: make([]int64, n)}
	p.Update()
	return p
}

// Name implements Policy.
func (p *LeastConn) Name() string { return "leastconn" }

// Dynamic implements Policy.
func (p *LeastConn) Dynamic() bool { return true }

// Hashes implements Policy.
func (p *LeastConn) Hashes() bool { return false }

// Pick implements Policy.
func (p *LeastConn) Pick(r *Request) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	avoided, found := None, None
	for found == None {
		i := p.line.first()
		if i == None {
			break
		}
		switch full := p.nodes[i].Crowded(); {
		case !full && i != r.Avoid:
			found = i
			continue
		case !full:
			avoided = i
		}
		p.line.remove(i)
		p.aside = append(p.aside, int32(i))
	}
	passed := len(p.aside)
	for _, i := range p.aside {
		p.line.put(int(i), p.line.keys[i])
	}
	p.aside = p.aside[:0]
	switch {
	case found != None:
	case avoided != None:
		found = avoided
	case passed > 0:
		return Busy
	default:
		return None
	}
	p.place(found, 1)
	return found
}

// place puts node i where its load, and what is on its way, belongs.
// Reference: the key is zero when nothing is in flight.
func (p *LeastConn) place(i int, coming int64) {
	p.turn++
	p.line.put(i, key{p.loadKey(i, coming), p.turn})
}

// loadKey is the load of node i for its weight.
func (p *LeastConn) loadKey(i int, coming int64) int64 {
	load := p.nodes[i].Load() + coming
	if load > 0 {
		load = (load + 1) * 4096 / p.weight[i]
	}
	return load
}

// Touch implements Policy.
func (p *LeastConn) Touch(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line.has(i) {
		p.place(i, 0)
	}
}

// Update implements Policy.
func (p *LeastConn) Update() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, n := range p.nodes {
		w := int64(n.Weight())
		if w == p.weight[i] {
			continue
		}
		p.weight[i] = w
		if w == 0 {
			p.line.remove(i)
		} else {
			p.place(i, 0)
		}
	}
}
