package resolvers

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// Watch is somebody who is told of a name.
type Watch struct {
	of   *resolution
	tell func(*Event)
	told *News // what it was told last; of the resolution's goroutine
}

// Event is a change of a name's state, as it is told.
type Event struct {
	*News
	by *Nameserver
}

// Origin is who the change is by, in the words of the log: the name server for the
// first that asks, which counts as an update, the cache for all others.
func (e *Event) Origin() string {
	if e.by == nil {
		return "DNS cache"
	}
	n := e.by
	e.by = nil
	n.Update.Add(1)
	return n.section.Name + "/" + n.Name
}

// resolution asks for one name again and again, for all who watch it.
type resolution struct {
	key
	section *Section
	ctx     context.Context
	cancel  context.CancelFunc
	early   chan struct{} // has one when the next answer is wanted now
	joined  chan struct{} // has one when somebody new waits for the state

	watches []*Watch // under Section.mu
	state   *News    // nil until there is any; under Section.mu, changed by run alone
	valid   int64    // when the last valid answer came, or it all began; monotonic ns; likewise

	// What follows belongs to run.
	by      *Nameserver
	fresh   bool // all are told, although nothing may have changed
	records []record
}

// record is one that answers had.
type record struct {
	address netip.Addr
	service Service
	seen    int64 // when it came last, monotonic ns
}

// Watch tells f of the state of a name from now on, first as soon as there is one, then
// when it changes; of services (reference) with each valid answer, for records outlive
// what operators and agents say of their servers. It does so by the goroutine of the
// resolution, never two at a time. Any goroutine, before Start too; f may watch other
// names, and stop.
func (s *Section) Watch(name string, k Kind, f func(*Event)) (*Watch, error) {
	name, err := canonical(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := key{name, k}
	r := s.names[at]
	if r == nil {
		r = &resolution{key: at, section: s, early: make(chan struct{}, 1), joined: make(chan struct{}, 1), valid: s.now()}
		s.names[at] = r
		if s.ctx != nil {
			s.begin(r)
		}
	}
	w := &Watch{of: r, tell: f}
	r.watches = append(r.watches, w)
	signal(r.joined)
	return w, nil
}

// Stop ends the watch. It may be told once more while this runs. Any goroutine.
func (w *Watch) Stop() {
	r := w.of
	s := r.section
	s.mu.Lock()
	defer s.mu.Unlock()
	r.watches = slices.DeleteFunc(slices.Clone(r.watches), func(o *Watch) bool { return o == w })
	if len(r.watches) == 0 && s.names[r.key] == r {
		delete(s.names, r.key)
		if r.cancel != nil {
			r.cancel()
		}
	}
}

// Now asks for the name at once, not when it is due. It never blocks; any goroutine
// or loop.
func (w *Watch) Now() { signal(w.of.early) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (r *resolution) run() {
	for r.ctx.Err() == nil {
		begun := r.section.now()
		got := r.section.resolve(r.ctx, r.key)
		if r.ctx.Err() != nil {
			return
		}
		r.took(got)
		r.publish()
		if !r.rest(r.due(got), begun) {
			return
		}
	}
}

// soonest is the least time between two resolutions that are not due.
const soonest = 200 * time.Millisecond

// rest waits until the next resolution, and tells who joins meanwhile.
func (r *resolution) rest(d time.Duration, begun int64) bool {
	end := time.NewTimer(d)
	defer end.Stop()
	for {
		select {
		case <-end.C:
			return true
		case <-r.joined:
			r.publish()
		case <-r.early:
			passed := time.Duration(r.section.now() - begun)
			return wait(r.ctx, min(max(soonest-passed, 0), d), nil)
		case <-r.ctx.Done():
			return false
		}
	}
}

// due is when the next resolution is.
func (r *resolution) due(got reply) time.Duration {
	s := r.section
	if s.Ceiling > 0 && got.verdict == good {
		return min(max(time.Duration(got.ttl)*time.Second, s.Floor), s.Ceiling)
	}
	return max(s.Resolve, time.Millisecond)
}

// took makes the new state of what came.
func (r *resolution) took(got reply) {
	s, now := r.section, r.section.now()
	r.by = nil
	if got.verdict != good {
		st := got.verdict.status()
		s.mu.Lock()
		if time.Duration(now-r.valid) >= s.keeps(st) && (r.state == nil || r.state.Status == Valid) {
			r.state, r.records = &News{Status: st}, nil
		}
		s.mu.Unlock()
		return
	}
	r.merge(&got.answer, now)
	r.by = got.by
	next := &News{}
	for i := range r.records {
		if rec := &r.records[i]; r.kind == Services {
			next.Services = append(next.Services, rec.service)
		} else {
			next.Addresses = append(next.Addresses, rec.address)
		}
	}
	r.fresh = r.kind == Services
	s.mu.Lock()
	r.valid = now
	if r.state == nil || !r.state.equal(next) {
		r.state = next
	}
	s.mu.Unlock()
}

// merge takes the records of an answer. Those that it lacks stay until they are
// obsolete; the order is that of their first coming.
func (r *resolution) merge(a *answer, now int64) {
	for _, ip := range a.addresses {
		i := slices.IndexFunc(r.records, func(o record) bool { return o.address == ip })
		if i < 0 {
			i, r.records = len(r.records), append(r.records, record{address: ip})
		}
		r.records[i].seen = now
	}
	for _, sv := range a.services {
		i := slices.IndexFunc(r.records, func(o record) bool { return o.service.same(&sv) })
		if i < 0 {
			i, r.records = len(r.records), append(r.records, record{})
		}
		r.records[i] = record{service: sv, seen: now}
	}
	obsolete := int64(r.section.Obsolete)
	r.records = slices.DeleteFunc(r.records, func(o record) bool { return o.seen != now && now-o.seen >= obsolete })
}

// equal tells whether two states say the same, in whatever order.
func (n *News) equal(o *News) bool {
	if n.Status != o.Status || len(n.Addresses) != len(o.Addresses) || len(n.Services) != len(o.Services) {
		return false
	}
	for _, a := range n.Addresses {
		if !slices.Contains(o.Addresses, a) {
			return false
		}
	}
	for i := range n.Services {
		if !slices.ContainsFunc(o.Services, n.Services[i].equal) {
			return false
		}
	}
	return true
}

func (s *Service) equal(o Service) bool {
	return s.same(&o) && s.Weight == o.Weight && s.Priority == o.Priority && sameAddresses(s.Addresses, o.Addresses)
}

func sameAddresses(a, b []netip.Addr) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

// publish tells the state to those who do not know it.
func (r *resolution) publish() {
	s := r.section
	s.mu.Lock()
	state, all := r.state, r.watches
	s.mu.Unlock()
	if state == nil {
		return
	}
	e := &Event{News: state, by: r.by}
	for _, w := range all {
		if (w.told != state || r.fresh) && r.ctx.Err() == nil {
			w.told = state
			w.tell(e)
		}
	}
	r.by, r.fresh = nil, false // who joins has it from the cache
}
