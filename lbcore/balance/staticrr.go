package balance

import "sync/atomic"

// StaticRR is the static weighted round robin: a table of slots computed from
// the weights, walked in a circle without a lock (reference: balance
// static-rr).
type StaticRR struct {
	nodes []Node
	slots atomic.Pointer[[]int32]
	next  atomic.Uint32
}

// NewStaticRR returns the policy over nodes.
func NewStaticRR(nodes []Node) *StaticRR {
	p := &StaticRR{nodes: nodes}
	p.Update()
	return p
}

// Name implements Policy.
func (p *StaticRR) Name() string { return "static-rr" }

// Dynamic implements Policy.
func (p *StaticRR) Dynamic() bool { return false }

// Hashes implements Policy.
func (p *StaticRR) Hashes() bool { return false }

// Touch implements Policy: load does not count.
func (p *StaticRR) Touch(int) {}

// Pick implements Policy.
func (p *StaticRR) Pick(r *Request) int {
	slots := *p.slots.Load()
	if len(slots) == 0 {
		return None
	}
	last := Busy
	for range slots {
		i := int(slots[(p.next.Add(1)-1)%uint32(len(slots))])
		switch {
		case p.nodes[i].Full():
		case i == r.Avoid:
			last = i
		default:
			return i
		}
	}
	return last
}

// Update implements Policy.
func (p *StaticRR) Update() {
	slots := Slots(p.nodes)
	p.slots.Store(&slots)
}

// Slots spreads nodes over a table by weight: the weights are divided by their
// greatest common divisor; for each slot every node's score grows by its
// weight, the highest takes the slot (the first one on a tie) and pays the
// total. Map-based hashing looks its keys up in the same table.
func Slots(nodes []Node) []int32 {
	weights := make([]int, len(nodes))
	total, div := 0, 0
	for i, n := range nodes {
		weights[i] = n.Weight()
		div = gcd(div, weights[i])
	}
	if div == 0 {
		return nil
	}
	for i := range weights {
		weights[i] /= div
		total += weights[i]
	}
	score := make([]int, len(nodes))
	slots := make([]int32, total)
	for s := range slots {
		best, top := -1, 0
		for i, w := range weights {
			if w == 0 {
				continue
			}
			score[i] += w
			// Reference: the whole part of (score+total)/total decides.
			if v := (score[i] + total) / total; best < 0 || v > top {
				best, top = i, v
			}
		}
		score[best] -= total
		slots[s] = int32(best)
	}
	return slots
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
