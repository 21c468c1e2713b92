package balance

import "sync/atomic"

// HashMap is map-based hashing: the hash, modulo its size, is a slot of the
// table that static-rr walks. Requests without a key walk it (reference:
// hash-type map-based).
type HashMap struct {
	StaticRR
	name string
}

// NewHashMap returns the policy over nodes; name is what statistics show.
func NewHashMap(name string, nodes []Node) *HashMap {
	p := &HashMap{name: name}
	p.nodes = nodes
	p.Update()
	return p
}

// Name implements Policy.
func (p *HashMap) Name() string { return p.name }

// Hashes implements Policy.
func (p *HashMap) Hashes() bool { return true }

// Pick implements Policy. Reference: a key has one server, also when that is
// full or just failed.
func (p *HashMap) Pick(r *Request) int {
	if !r.Keyed {
		return p.StaticRR.Pick(r)
	}
	slots := *p.slots.Load()
	if len(slots) == 0 {
		return None
	}
	return int(slots[r.Hash%uint32(len(slots))])
}

// loads follows the load of every node and their sum, which Touch keeps.
type loads struct {
	of  []atomic.Int64
	sum atomic.Int64
}

func (l *loads) touch(i int, n Node) {
	load := n.Load()
	l.sum.Add(load - l.of[i].Swap(load))
}
