package resolvers

import (
	"cmp"
	"net/netip"
	"slices"
)

// Slot is a server that gets one address of a name.
type Slot struct {
	Now      netip.Addr // the one that it has; invalid for none
	Nets     []netip.Prefix
	AllowDup bool // it may have one that another has
}

// Assign gives slots the addresses of an answer; an invalid one where there is none
// left. Who has one that is in the answer keeps it, unless there is another, of its
// networks, that nobody has; no two have the same but where a slot allows it. It takes one pass over
// slots and addresses, and one more for each list of networks.
func Assign(slots []Slot, addresses []netip.Addr) []netip.Addr {
	out := make([]netip.Addr, len(slots))
	free := map[netip.Addr]bool{}
	for _, a := range addresses {
		free[a] = true
	}
	known := len(free)
	held := make(map[netip.Addr]bool, known)
	for i, s := range slots {
		if _, in := free[s.Now]; in && (!held[s.Now] || s.AllowDup) {
			out[i], held[s.Now] = s.Now, true
			free[s.Now] = false
		}
	}
	at := 0 // nothing in front of it is free
	for i := range slots {
		s := &slots[i]
		if len(s.Nets) > 0 && !(out[i].IsValid() && s.local(out[i])) {
			if j := slices.IndexFunc(addresses, func(a netip.Addr) bool { return free[a] && s.local(a) }); j >= 0 {
				if out[i].IsValid() && !shared(out, i) {
					free[out[i]] = true
					at = 0
				}
				out[i], free[addresses[j]] = addresses[j], false
				continue
			}
		}
		if out[i].IsValid() {
			continue
		}
		for at < len(addresses) && !free[addresses[at]] {
			at++
		}
		switch {
		case at < len(addresses):
			out[i], free[addresses[at]] = addresses[at], false
		case s.AllowDup && len(addresses) > 0:
			out[i] = s.nearest(addresses)
		}
	}
	return out
}

// shared tells whether another slot has the same address.
func shared(out []netip.Addr, i int) bool {
	for j, a := range out {
		if j != i && a == out[i] {
			return true
		}
	}
	return false
}

// local tells whether an address is in the networks that a slot prefers.
func (s *Slot) local(a netip.Addr) bool {
	return slices.ContainsFunc(s.Nets, func(n netip.Prefix) bool { return n.Contains(a) })
}

// nearest is the first address in the networks, or the first of all.
func (s *Slot) nearest(addresses []netip.Addr) netip.Addr {
	if i := slices.IndexFunc(addresses, s.local); i >= 0 {
		return addresses[i]
	}
	return addresses[0]
}

// AssignServices gives slots the records of a service; nil where there is none left.
// Who has one that is in the answer keeps it: the same target and port. The others get
// the rest in the answer's order or, by priority, the lowest first, where records of
// the lowest priority that do not fit take the place of others.
func AssignServices(now []*Service, records []Service, byPriority bool) []*Service {
	order := make([]*Service, len(records))
	for i := range records {
		order[i] = &records[i]
	}
	if byPriority {
		slices.SortStableFunc(order, func(a, b *Service) int { return cmp.Compare(a.Priority, b.Priority) })
		order = order[:min(len(order), len(now))]
	}
	type name struct {
		target string
		port   uint16
	}
	left := make(map[name]*Service, len(order))
	for _, r := range order {
		left[name{r.Target, r.Port}] = r
	}
	out := make([]*Service, len(now))
	for i, s := range now {
		if s == nil {
			continue
		}
		k := name{s.Target, s.Port}
		if r := left[k]; r != nil {
			out[i] = r
			delete(left, k)
		}
	}
	at := 0
	for i := range out {
		if out[i] != nil {
			continue
		}
		for at < len(order) && left[name{order[at].Target, order[at].Port}] != order[at] {
			at++
		}
		if at == len(order) {
			break
		}
		out[i] = order[at]
		at++
	}
	return out
}

// ScaleWeight is the weight of a server, 0 to 256, of that in a record.
func ScaleWeight(w uint16) int { return (int(w) + 255) / 256 }
