package stream

import (
	"net/netip"

	"gohap/resolvers"
)

// sought is a name that a rule asked for.
type sought struct {
	section *resolvers.Section
	name    string
	kind    resolvers.Kind
	known   bool
	ip      netip.Addr
}

// Resolve returns an address of a name, an invalid one when there is none. wait tells
// that the rule has to be suspended until it is known; it finds it by the same call
// then. Loop only.
func (s *Stream) Resolve(section *resolvers.Section, name []byte, kind resolvers.Kind) (ip netip.Addr, wait bool) {
	if s.hashing {
		return ip, true
	}
	if o := s.sought; o.known && o.section == section && o.kind == kind && o.name == string(name) {
		s.sought = sought{}
		return o.ip, false
	}
	if s.phase < phaseInspect || s.phase > phaseBackRules {
		return ip, false // nothing can wait
	}
	q := sought{section: section, name: string(name), kind: kind}
	id, lp := s.ID, s.W.Loop
	ip, known := section.Lookup(q.name, kind, func(ip netip.Addr) {
		lp.Post(func() {
			if s.ID != id || s.phase == ended {
				return // the stream went, the object may be another's
			}
			q.known, q.ip = true, ip
			s.hashing, s.sought = false, q
			s.Resume()
		})
	})
	if known {
		return ip, false
	}
	s.hashing = true
	return ip, true
}
