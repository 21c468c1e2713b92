package balance

import (
	"cmp"
	"slices"
)

// First fills the nodes one after the other, by numeric id: the first that is
// not full (reference: balance first). The order never changes, so nothing is
// locked.
type First struct {
	nodes []Node
	order []int32
}

// NewFirst returns the policy over nodes.
func NewFirst(nodes []Node) *First {
	p := &First{nodes: nodes, order: make([]int32, len(nodes))}
	for i := range p.order {
		p.order[i] = int32(i)
	}
	slices.SortStableFunc(p.order, func(a, b int32) int { return cmp.Compare(nodes[a].ID(), nodes[b].ID()) })
	return p
}

// Name implements Policy.
func (p *First) Name() string { return "first" }

// Dynamic implements Policy.
func (p *First) Dynamic() bool { return true }

// Hashes implements Policy.
func (p *First) Hashes() bool { return false }

// Touch implements Policy: the load is read when it is needed.
func (p *First) Touch(int) {}

// Update implements Policy: there is nothing to rebuild.
func (p *First) Update() {}

// Pick implements Policy.
func (p *First) Pick(r *Request) int {
	other := None
	for _, i := range p.order {
		n := p.nodes[i]
		switch {
		case n.Weight() == 0:
		case n.Full():
			if other == None {
				other = Busy
			}
		case int(i) == r.Avoid:
			other = int(i)
		default:
			return int(i)
		}
	}
	return other
}
