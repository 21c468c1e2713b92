package resolvers

import (
	"cmp"
	"context"
	"net/netip"
	"sync"
	"time"

	"gohap/lbcore/clock"
)

// Status is what asking for a name came to.
type Status uint8

// The statuses.
const (
	Valid Status = iota
	NX
	Refused
	Timeout
	Other
	statuses
)

// Kind is what is asked for.
type Kind uint8

// The kinds.
const (
	PreferIPv6 Kind = iota // addresses of IPv6, or else of IPv4
	PreferIPv4
	Services
)

// Families are the kinds of addresses that are asked for at all.
type Families struct{ IPv4, IPv6 bool }

// Section is a resolvers section. The fields are set before Start.
type Section struct {
	Name    string
	Servers []*Nameserver
	// Retries is how often all is asked until it counts as an error.
	Retries int
	// Resolve is the time between two resolutions, Retry how long an answer is waited
	// for.
	Resolve, Retry time.Duration
	// Hold is how long an answer is kept although a later one is that error; of Valid
	// it is how long a lookup's answer is used.
	Hold [statuses]time.Duration
	// Obsolete is how long a record is kept that answers have no more.
	Obsolete time.Duration
	// Stale is how long answers are kept while no server answers, where that is longer
	// than Hold says.
	Stale time.Duration
	// Floor and Ceiling bound the time between two resolutions where records say how
	// long they live; zero: Resolve is used.
	Floor, Ceiling time.Duration
	// Payload is the largest message that is accepted over UDP, bytes.
	Payload int
	// Families is which addresses are asked for; nil is both kinds.
	Families func() Families

	now func() int64 // monotonic ns

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	names    map[key]*resolution
	found    map[key]*found
	inFlight int
}

// key names a resolution.
type key struct {
	name string
	kind Kind
}

// New returns a section with the defaults of the configuration.
func New(name string) *Section {
	const hold = 30 * time.Second
	return &Section{Name: name, Retries: 3, Resolve: time.Second, Retry: time.Second, Payload: 512, now: clock.Mono,
		Hold:  [statuses]time.Duration{Valid: 10 * time.Second, NX: hold, Refused: hold, Timeout: hold, Other: hold},
		names: map[key]*resolution{}, found: map[key]*found{}}
}

// Add appends a name server, before Start.
func (s *Section) Add(n *Nameserver) {
	n.section = s
	n.slots = make(chan struct{}, cmp.Or(n.Most, mostConns))
	s.Servers = append(s.Servers, n)
}

// Start lets names be asked for; it is called once.
func (s *Section) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, r := range s.names {
		s.begin(r)
	}
}

// Stop ends all resolutions and waits for their goroutines; lookups that wait are told
// that there is nothing. Watchers are not called any more.
func (s *Section) Stop() {
	s.mu.Lock()
	if s.cancel == nil { // it never started
		s.ctx, s.cancel = context.WithCancel(context.Background())
	}
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	for _, n := range s.Servers {
		n.end()
	}
}

// begin runs a resolution; the caller holds mu and the section has started.
func (s *Section) begin(r *resolution) {
	if s.ctx.Err() != nil {
		return
	}
	r.ctx, r.cancel = context.WithCancel(s.ctx)
	s.running.Go(r.run)
}

// types are the record types to ask for, the first one first.
func (s *Section) types(k Kind) []uint16 {
	f := Families{true, true}
	if s.Families != nil {
		f = s.Families()
	}
	switch {
	case k == Services:
		return []uint16{typeSRV}
	case !f.IPv6:
		return []uint16{typeA}
	case !f.IPv4:
		return []uint16{typeAAAA}
	case k == PreferIPv4:
		return []uint16{typeA, typeAAAA}
	}
	return []uint16{typeAAAA, typeA}
}

// resolve asks for a name until there is a valid answer or all tries are used up. A try
// begins no sooner than Retry after the one before.
func (s *Section) resolve(ctx context.Context, k key) reply {
	r := reply{verdict: silent}
	pace := time.NewTimer(0)
	defer pace.Stop()
	for range max(s.Retries, 1) {
		select {
		case <-pace.C:
			pace.Reset(s.Retry)
		case <-ctx.Done():
			return r
		}
		for _, t := range s.types(k.kind) {
			r = s.askAll(ctx, newQuestion(k.name, t))
			switch {
			case r.verdict == good, ctx.Err() != nil:
				return r
			}
			if r.verdict == silent { // the same again
				break
			}
		}
	}
	return r
}

// askAll asks all servers at once. The first valid answer is taken; without one the
// last error is, where there is any.
func (s *Section) askAll(ctx context.Context, q question) reply {
	over := make(chan struct{})
	defer close(over)
	came := make(chan reply, len(s.Servers))
	for _, n := range s.Servers {
		s.running.Go(func() { came <- n.ask(ctx, q, s.Payload, s.Retry, over) })
	}
	last := reply{verdict: silent}
	for range s.Servers {
		switch r := <-came; r.verdict {
		case good:
			return r
		case silent:
		default:
			last = r
		}
	}
	if len(s.Servers) == 0 { // nobody to ask: not at once again
		wait(ctx, s.Retry, nil)
	}
	return last
}

// wait waits for a time, or until early has something; false when ctx ended.
func wait(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-early:
	case <-ctx.Done():
		return false
	}
	return true
}

// keeps is how long answers are kept although the latest is that error.
func (s *Section) keeps(st Status) time.Duration {
	if st == Timeout {
		return max(s.Hold[st], s.Stale)
	}
	return s.Hold[st]
}

// News is the state of a name, for those who watch it. It is never changed.
type News struct {
	Status    Status
	Addresses []netip.Addr
	Services  []Service
}
