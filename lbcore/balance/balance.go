package balance

// WeightScale is what a configured weight is multiplied with, so that a server may
// have a part of it.
const WeightScale = 16

// Node is a candidate as a policy sees it. Every method is safe from any
// goroutine, cheap and takes no lock.
type Node interface {
	// Weight is the effective weight now: 0 takes no new traffic (down,
	// draining, in maintenance, weight 0), else up to 256 x 16.
	Weight() int
	// Load is how many streams it serves or wait for it.
	Load() int64
	// Full tells that it has as many streams as it may have, or that somebody
	// waits for it: round robins, first and random pass it over.
	Full() bool
	// Crowded tells that it has as many streams as it may have and as many that
	// wait for it as maxqueue says: leastconn passes it over.
	Crowded() bool
	// ID is the numeric id: the order of first.
	ID() int
	// Key is its place on a hash ring before the points are mixed in
	// (hash-key).
	Key() uint32
}

// Request is what a policy may know of a request.
type Request struct {
	Hash  uint32 // of the key, when Keyed
	Keyed bool   // false: hash policies fall back to round robin
	Avoid int    // index of a node that just failed, -1 for none
}

// What Pick returns where there is no node.
const (
	None = -1 // no node is usable
	Busy = -2 // all usable nodes are full: wait in the backend's queue
)

// Heir is a policy that goes on where one of its kind is, over other nodes.
type Heir interface {
	// Inherit takes over what old knows of the nodes that stay: node i was
	// old's node from[i], or is new where that is None. old goes on choosing
	// meanwhile; nobody has seen the heir yet.
	Inherit(old Policy, from []int)
}

// Policy chooses nodes. Pick and Touch may be called by any loop, Update by
// any goroutine; none with a lock held.
type Policy interface {
	// Name is what statistics show.
	Name() string
	// Pick returns the index of the node for a request, None or Busy. It skips
	// the node to avoid unless that is the only one. A hash policy returns its
	// node even when that is full, unless it is told otherwise.
	Pick(r *Request) int
	// Update tells that weights or states changed.
	Update()
	// Touch tells that the load of node i changed.
	Touch(i int)
	// Dynamic tells whether weights may change while running.
	Dynamic() bool
	// Hashes tells whether requests with one key belong to one node.
	Hashes() bool
}
