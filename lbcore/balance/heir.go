package balance

// This file is how policies follow servers that come and go: a new policy over the
// new nodes takes over what the old one knows. A node that is new, or that changed
// meanwhile, enters as one that comes up does.

// Inherit implements Heir.
func (p *RoundRobin) Inherit(old Policy, from []int) {
	o, ok := old.(*RoundRobin)
	if !ok {
		return
	}
	o.mu.Lock()
	p.queued, p.fresh = newLine(len(p.nodes)), newLine(len(p.nodes))
	p.now, p.total, p.entered = o.now, 0, o.entered
	for i, was := range from {
		p.weight[i] = 0
		if was == None {
			continue
		}
		p.weight[i], p.due[i], p.rest[i] = o.weight[was], o.due[was], o.rest[was]
		p.total += p.weight[i]
		switch {
		case o.queued.has(was):
			p.queued.put(i, o.queued.keys[was])
		case o.fresh.has(was):
			p.fresh.put(i, o.fresh.keys[was])
		}
	}
	o.mu.Unlock()
	p.Update()
}

// Inherit implements Heir.
func (p *LeastConn) Inherit(old Policy, from []int) {
	o, ok := old.(*LeastConn)
	if !ok {
		return
	}
	o.mu.Lock()
	p.line, p.turn = newLine(len(p.nodes)), o.turn
	for i, was := range from {
		p.weight[i] = 0
		if was == None {
			continue
		}
		p.weight[i] = o.weight[was]
		if o.line.has(was) {
			p.line.put(i, o.line.keys[was])
		}
	}
	o.mu.Unlock()
	p.Update()
}

// Settle tells that loads may have changed while the policy was made.
func (p *LeastConn) Settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.nodes {
		if p.line.has(i) && p.line.keys[i][0] != p.loadKey(i, 0) {
			p.place(i, 0)
		}
	}
}

// Inherit implements Heir.
func (p *StaticRR) Inherit(old Policy, from []int) {
	if o, ok := old.(*StaticRR); ok {
		p.next.Store(o.next.Load())
	}
}

// Inherit implements Heir.
func (p *HashMap) Inherit(old Policy, from []int) {
	if o, ok := old.(*HashMap); ok {
		p.next.Store(o.next.Load())
	}
}

// Inherit implements Heir.
func (p *Ring) Inherit(old Policy, from []int) {
	if o, ok := old.(*Ring); ok {
		p.inherit(o)
	}
}

// Inherit implements Heir.
func (p *Random) Inherit(old Policy, from []int) {
	if o, ok := old.(*Random); ok {
		p.inherit(&o.Ring)
	}
}

func (p *Ring) inherit(o *Ring) {
	p.walk.Store(o.walk.Load())
	p.Settle()
}

// Settle tells that loads may have changed while the policy was made.
func (p *Ring) Settle() {
	for i, n := range p.nodes {
		p.loads.touch(i, n)
	}
}

var (
	_ Heir = (*RoundRobin)(nil)
	_ Heir = (*LeastConn)(nil)
	_ Heir = (*StaticRR)(nil)
	_ Heir = (*HashMap)(nil)
	_ Heir = (*Ring)(nil)
	_ Heir = (*Random)(nil)
)
