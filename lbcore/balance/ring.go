package balance

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"gohap/lbcore/hash"
)

// Affinity says when a hashed request leaves the node that its key names
// (hash-preserve-affinity).
type Affinity uint8

// The affinities.
const (
	Always   Affinity = iota
	Maxconn           // it leaves a node that is full
	Maxqueue          // it leaves a node whose queue is full
)

// Config is what hash policies are made from beside their nodes.
type Config struct {
	Consistent bool // a ring, not a table
	Factor     int  // hash-balance-factor, percent of the average load; 0 off
	Affinity   Affinity
	Draws      int // of random
}

// point is one of a node's places on a ring.
type point struct {
	at   uint32
	node int32
}

// ring is the points of all usable nodes, sorted; it never changes.
type ring struct {
	points []point
	weight int64   // of the nodes in it
	before []int64 // of those in front of each node
	nodes  int
}

// newRing gives every node as many points as its weight says. Reference: the
// point's place is the mix of the node's key plus the point's number.
func newRing(nodes []Node) *ring {
	r := &ring{}
	for _, n := range nodes {
		r.before = append(r.before, r.weight)
		r.weight += int64(n.Weight())
	}
	r.points = make([]point, 0, r.weight)
	for i, n := range nodes {
		w := n.Weight()
		if w > 0 {
			r.nodes++
		}
		base := n.Key()
		for k := range w {
			r.points = append(r.points, point{hash.Avalanche(base + uint32(k)), int32(i)})
		}
	}
	slices.SortStableFunc(r.points, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	return r
}

// nearest returns the number of the point that is closest to h, the one before
// it when two are as close (reference).
func (r *ring) nearest(h uint32) int {
	lo, hi := 0, len(r.points)
	for lo < hi {
		if m := int(uint(lo+hi) >> 1); r.points[m].at < h {
			lo = m + 1
		} else {
			hi = m
		}
	}
	next, prev := lo%len(r.points), (lo+len(r.points)-1)%len(r.points)
	if h-r.points[prev].at <= r.points[next].at-h {
		return prev
	}
	return next
}

// Ring is consistent hashing: the key's node is the one with the closest point
// on a ring. Requests without a key walk the ring (reference: hash-type
// consistent).
type Ring struct {
	name   string
	nodes  []Node
	config Config
	loads  loads
	ring   atomic.Pointer[ring]
	walk   atomic.Uint32
}

// NewRing returns the policy over nodes; name is what statistics show.
func NewRing(name string, nodes []Node, c Config) *Ring {
	p := &Ring{name: name, nodes: nodes, config: c}
	p.loads.of = make([]atomic.Int64, len(nodes))
	p.Update()
	return p
}

// Name implements Policy.
func (p *Ring) Name() string { return p.name }

// Dynamic implements Policy.
func (p *Ring) Dynamic() bool { return true }

// Hashes implements Policy.
func (p *Ring) Hashes() bool { return true }

// Touch implements Policy.
func (p *Ring) Touch(i int) { p.loads.touch(i, p.nodes[i]) }

// Update implements Policy.
func (p *Ring) Update() { p.ring.Store(newRing(p.nodes)) }

// Pick implements Policy.
func (p *Ring) Pick(r *Request) int {
	g := p.ring.Load()
	if len(g.points) == 0 {
		return None
	}
	if !r.Keyed {
		return p.next(g, r.Avoid)
	}
	return p.hashed(g, r.Hash, r.Avoid)
}

// next is the round robin over the ring's points.
func (p *Ring) next(g *ring, avoid int) int {
	last := Busy
	for range g.points {
		at := p.walk.Add(1) - 1
		i := int(g.points[at%uint32(len(g.points))].node)
		switch {
		case p.nodes[i].Full():
		case i == avoid:
			last = i
		default:
			return i
		}
	}
	return last
}

// hashed is the node of a hash, or the first behind it on the ring that may
// have the request.
func (p *Ring) hashed(g *ring, h uint32, avoid int) int {
	at := g.nearest(h)
	first := int(g.points[at].node)
	if g.nodes == 1 {
		return first
	}
	i := first
	for range g.points {
		if i != avoid && p.takes(g, i) {
			return i
		}
		if at++; at == len(g.points) {
			at = 0
		}
		i = int(g.points[at].node)
	}
	return first
}

// takes tells whether node i may have one more hashed request. Reference: with
// hash-balance-factor while it serves less than its share, by weight, of the
// streams of all times the factor: slots are dealt out in the nodes' order, so that
// the shares add up to them; nobody has none.
func (p *Ring) takes(g *ring, i int) bool {
	if p.config.Affinity != Always && p.nodes[i].Full() {
		return false
	}
	if p.config.Factor == 0 {
		return true
	}
	slots := ((p.loads.sum.Load()+1)*int64(p.config.Factor) + 99) / 100
	end := g.weight
	if i+1 < len(g.before) {
		end = g.before[i+1]
	}
	share := slots*end/max(g.weight, 1) - slots*g.before[i]/max(g.weight, 1)
	return p.nodes[i].Load() < max(share, 1)
}

// Random draws nodes from a ring and takes the one with the lowest load for its
// weight (reference: balance random).
type Random struct{ Ring }

// NewRandom returns the policy over nodes.
func NewRandom(nodes []Node, c Config) *Random {
	p := &Random{}
	c.Affinity = Always
	p.name, p.nodes, p.config = "unknown", nodes, c // reference: statistics have no name for it
	p.loads.of = make([]atomic.Int64, len(nodes))
	p.Update()
	return p
}

// Hashes implements Policy.
func (p *Random) Hashes() bool { return false }

// Pick implements Policy.
func (p *Random) Pick(r *Request) int {
	g := p.ring.Load()
	if len(g.points) == 0 {
		return None
	}
	best := None
	for range p.config.Draws {
		i := p.hashed(g, rand.Uint32(), r.Avoid)
		if !p.nodes[i].Full() && (best == None || p.lighter(i, best)) {
			best = i
		}
	}
	if best == None { // all draws were full
		return p.next(g, r.Avoid)
	}
	return best
}

// lighter tells whether node i has less load for its weight than node j.
func (p *Random) lighter(i, j int) bool {
	a, b := p.nodes[i], p.nodes[j]
	return a.Load()*int64(b.Weight()) < b.Load()*int64(a.Weight())
}
