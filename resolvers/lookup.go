package resolvers

import (
	"net/netip"
	"time"
)

// The bounds of what requests may ask for: names that are kept, and that are asked for
// at once. Beyond the second there is no address.
const (
	mostFound    = 10000
	mostInFlight = 1000
)

// found is the answer to a lookup. It is under Section.mu.
type found struct {
	addresses []netip.Addr
	valid     int64 // when it came, monotonic ns
	next      int   // which address is given next
	asking    bool
	waiting   []func(netip.Addr)
}

// Lookup returns an address of a name that is known, one after the other of those that
// it has. Else known is false and done is told later, by another goroutine: an invalid
// address when there is none. A name that cannot be one has none at once. Any
// goroutine or loop: it waits for nobody.
func (s *Section) Lookup(name string, k Kind, done func(netip.Addr)) (ip netip.Addr, known bool) {
	name, err := canonical(name)
	if err != nil {
		return ip, true
	}
	at, now := key{name, k}, s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.found[at]
	if f == nil {
		f = &found{}
	}
	if r := s.names[at]; r != nil && r.state != nil && r.state.Status == Valid && r.valid > f.valid {
		f.addresses, f.valid = r.state.Addresses, r.valid // servers use the name too
	}
	switch {
	case len(f.addresses) > 0 && time.Duration(now-f.valid) < s.Hold[Valid]:
		s.found[at] = f
		return f.pick(), true
	case s.ctx == nil, s.ctx.Err() != nil, !f.asking && s.inFlight >= mostInFlight:
		return ip, true
	}
	s.found[at] = f
	f.waiting = append(f.waiting, done)
	if !f.asking {
		f.asking = true
		s.inFlight++
		s.forget(at, now)
		s.running.Go(func() { s.look(at, f) })
	}
	return ip, false
}

// pick gives each address in its turn.
func (f *found) pick() netip.Addr {
	f.next++
	return f.addresses[(f.next-1)%len(f.addresses)]
}

// look asks for a name and tells all who wait.
func (s *Section) look(at key, f *found) {
	got := s.resolve(s.ctx, at)
	s.mu.Lock()
	now := s.now()
	switch {
	case got.verdict == good:
		f.addresses, f.valid = got.addresses, now
	case got.verdict == silent && s.Stale > 0 && time.Duration(now-f.valid) < s.Stale: // the last good ones
	default:
		f.addresses = nil
	}
	waiting, ips := f.waiting, make([]netip.Addr, len(f.waiting))
	for i := range ips {
		if len(f.addresses) > 0 {
			ips[i] = f.pick()
		}
	}
	f.waiting, f.asking = nil, false
	s.inFlight--
	if len(f.addresses) == 0 {
		delete(s.found, at)
	}
	s.mu.Unlock()
	for i, done := range waiting {
		done(ips[i])
	}
}

// forget makes room for a name where there are too many: those whose time is over go,
// or else any other. The caller holds mu.
func (s *Section) forget(at key, now int64) {
	if len(s.found) <= mostFound {
		return
	}
	keep := max(s.Hold[Valid], s.Stale)
	for k, f := range s.found {
		if !f.asking && time.Duration(now-f.valid) >= keep {
			delete(s.found, k)
		}
	}
	for k, f := range s.found {
		if len(s.found) <= mostFound {
			return
		}
		if k != at && !f.asking {
			delete(s.found, k)
		}
	}
}
