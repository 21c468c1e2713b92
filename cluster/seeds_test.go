package cluster

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// named has a machine know its peers by names.
func (s *sim) named(names map[string][]netip.Addr, seeds ...string) {
	for _, m := range s.all {
		m.seeds = seeds
		m.alter = func(c *Config) {
			c.Expect = 3
			c.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
				if all := names[host]; len(all) > 0 {
					return all, nil
				}
				return nil, errors.New("no such host " + host)
			}
		}
	}
}

// TestOneName: a name with several addresses is as many seeds. With the number of
// founding members they found one fleet, whoever is there first; who comes later, by the
// name alone, is taken in; without the number nobody founds anything.
func TestOneName(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		names := map[string][]netip.Addr{}
		s.named(names, "lb.example")
		s.start(s.all[0])
		s.says(s.all[0], "1 of 3 founding nodes are here") // the name is not there yet
		for _, m := range s.all {
			names["lb.example"] = append(names["lb.example"], netip.AddrFrom16(m.host.Addr().As16())) // as resolvers give it
		}
		s.start(s.all[1])
		s.says(s.all[1], "2 of 3 founding nodes are here; missing: 10.0.0.3:9410")
		s.pass(30 * time.Second)
		if st := s.all[0].Status(); st.Fleet != "" || st.Leader != "" {
			t.Fatalf("two of three founded something: %+v", st)
		}
		s.start(s.all[2])
		s.serve("global\n", 20*time.Second)
		s.healthy(30 * time.Second)
		for _, m := range s.all {
			if st := m.Status(); st.Fleet != s.all[0].Status().Fleet || len(st.Nodes) != 3 {
				t.Errorf("%s: %+v", m.name, st)
			}
		}
		// A machine takes the place of another one behind the name.
		late := s.add(4)
		s.named(names, "lb.example:9410")
		names["lb.example"] = []netip.Addr{s.all[1].host.Addr(), late.host.Addr()}
		late.text = "its own"
		s.start(late)
		s.serve("global\n", 20*time.Second)
		s.healthy(time.Minute)
	})
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		names := map[string][]netip.Addr{"lb.example": {s.all[0].host.Addr(), s.all[1].host.Addr(), s.all[2].host.Addr()}}
		s.named(names, "lb.example")
		for _, m := range s.all {
			with := m.alter
			m.alter = func(c *Config) { with(c); c.Expect = 0 }
		}
		s.start(s.all...)
		s.pass(time.Minute)
		for _, m := range s.all {
			if st := m.Status(); st.Fleet != "" || !strings.Contains(st.Summary, "lb.example stands for several nodes: say by --bootstrap-expect") {
				t.Errorf("%s: %+v", m.name, st)
			}
		}
		// With one that is too small neither.
		for _, m := range s.all {
			s.kill(m)
			with := m.alter
			m.alter = func(c *Config) { with(c); c.Expect = 1 }
		}
		s.start(s.all...)
		s.pass(time.Minute)
		for _, m := range s.all {
			if st := m.Status(); st.Fleet != "" || !strings.Contains(st.Summary, "lb.example stands for 3 nodes, more than half of them are needed") {
				t.Errorf("%s: %+v", m.name, st)
			}
		}
	})
}

// TestNamesDiffer: nodes that the same name leads to different members found nothing
// until all are one: two of a list of four never have the word of all.
func TestNamesDiffer(t *testing.T) {
	simulate(t, 1, 4, func(t *testing.T, s *sim) {
		addr := func(i ...int) (all []netip.Addr) {
			for _, k := range i {
				all = append(all, s.all[k].host.Addr())
			}
			return all
		}
		s.named(nil, "lb.example")
		for i, m := range s.all {
			with := m.alter
			m.alter = func(c *Config) {
				with(c)
				c.Resolve = func(context.Context, string) ([]netip.Addr, error) {
					if i < 2 { // a resolver that is behind
						return addr(0, 1, 2), nil
					}
					return addr(1, 2, 3), nil
				}
			}
		}
		s.start(s.all...)
		s.pass(2 * time.Minute)
		fleets := map[string]bool{}
		for _, m := range s.all {
			if f := m.Status().Fleet; f != "" {
				fleets[f] = true
			}
		}
		if len(fleets) > 1 {
			t.Errorf("two fleets of one name: %v", fleets)
		}
	})
}

// TestThreeOfFour: where three of four found a fleet and two of the four do not see each
// other, each of those two may have the lowest id among those that it sees. The others
// give their word to one, so that there is one fleet, and all are of it in the end.
func TestThreeOfFour(t *testing.T) {
	for i := range 4 {
		for k := range i {
			simulate(t, uint64(4*i+k), 4, func(t *testing.T, s *sim) {
				for _, m := range s.all {
					m.alter = func(c *Config) { c.Expect = 3 }
				}
				a, b := s.all[i].host.Addr(), s.all[k].host.Addr()
				s.net.Isolate(a, []netip.Addr{b}, true)
				s.start(s.all...)
				s.pass(30 * time.Second)
				fleets := map[string]bool{}
				for _, m := range s.all {
					st, _, _ := m.raft.State()
					if known, _ := m.raft.Known(); known && st.Fleet != "" {
						fleets[st.Fleet] = true
					}
				}
				if len(fleets) > 1 {
					t.Errorf("%s and %s apart: fleets %v", s.all[i].name, s.all[k].name, fleets)
				}
				s.net.Isolate(a, []netip.Addr{b}, false)
				s.serve("global\n", time.Minute)
				s.healthy(time.Minute)
			})
		}
	}
}
