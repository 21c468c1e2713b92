package balance

// Node is a candidate. Its weight is read under the policy's own lock; the
// policy keeps its state beside it by index.
type Node interface {
	// Weight is the effective weight now: zero means that no new traffic may
	// go there (down, draining, in maintenance, weight 0).
	Weight() int
}

// Policy chooses nodes. Pick may be called by any loop, Update by any
// goroutine.
type Policy interface {
	// Name is the policy's word.
	Name() string
	// Pick returns the index of the next node, or -1 when none is usable. It
	// skips the node avoid unless that is the only one; -1 avoids none.
	Pick(avoid int) int
	// Update tells that weights or states changed.
	Update()
	// Dynamic tells whether weights may change while running.
	Dynamic() bool
}
