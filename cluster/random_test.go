package cluster

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	runs  = flag.Int("runs", defaultRuns, "how many random fleets are simulated")
	first = flag.Uint64("first", 1, "the first one's seed")
)

// TestRandom lets fleets live through what chance brings: deaths, restarts, cuts one way
// and both, lost datagrams, lost disks, configurations applied anywhere at any time; some
// are founded by three of four, or by nodes whose lists of peers are not the same. In
// the end, with everything mended, there is one fleet, and all serve one configuration:
// the last that somebody was told is agreed on, or one behind it.
func TestRandom(t *testing.T) {
	for seed := *first; seed < *first+uint64(*runs); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 9))
			simulate(t, seed, 3+rnd.IntN(2), func(t *testing.T, s *sim) {
				c := &chance{sim: s, rnd: rnd}
				c.found()
				c.run()
			})
		})
	}
}

type chance struct {
	*sim
	rnd    *rand.Rand
	agreed []uint64 // generations that somebody was told of, and their texts
	texts  map[uint64]string
	lost   int      // disks
	wrong  *machine // its list of peers is not the others', until all is mended
	said   []string
}

// found has some fleets be founded by three of four, or with a list of peers at one
// machine that lacks a node or has one too many.
func (c *chance) found() {
	switch k := c.rnd.IntN(4); {
	case k == 0 && len(c.all) == 4:
		c.note("three of four found it")
		for _, m := range c.all {
			m.alter = func(c *Config) { c.Expect = 3 }
		}
	case k == 1:
		c.wrong = c.all[c.rnd.IntN(len(c.all))]
		for _, m := range c.all {
			c.wrong.seeds = append(c.wrong.seeds, m.host.Addr().String())
		}
		if c.rnd.IntN(2) == 0 {
			c.wrong.seeds = append(c.wrong.seeds, "10.0.0.77")
		} else {
			c.wrong.seeds = c.wrong.seeds[1:]
		}
		c.note("%s has the list %v", c.wrong.name, c.wrong.seeds)
	}
}

func (c *chance) note(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func (c *chance) run() {
	c.texts = map[uint64]string{}
	c.t.Cleanup(func() {
		if c.t.Failed() {
			c.t.Log(strings.Join(c.said, "\n"))
		}
	})
	for _, m := range c.all {
		if c.rnd.IntN(4) > 0 {
			c.start(m)
		}
	}
	for i := range 25 {
		c.step(i)
		c.pass(time.Duration(c.rnd.IntN(4000)) * time.Millisecond)
	}
	c.mend()
	if c.wrong != nil {
		c.kill(c.wrong)
		c.wrong.seeds = nil
	}
	for _, m := range c.all {
		if m.Node == nil {
			c.start(m)
		}
	}
	c.settled()
}

func (c *chance) hosts() (all []netip.Addr) {
	for _, m := range c.all {
		all = append(all, m.host.Addr())
	}
	return all
}

func (c *chance) mend() {
	hosts := c.hosts()
	for _, a := range hosts {
		c.net.Isolate(a, hosts, false)
	}
	c.net.Loss(0)
}

// step does one thing.
func (c *chance) step(i int) {
	m := c.all[c.rnd.IntN(len(c.all))]
	switch k := c.rnd.IntN(12); {
	case k < 3 && m.Node == nil:
		c.note("%d start %s", i, m.name)
		c.start(m)
	case k == 3 && m.Node != nil:
		c.note("%d kill %s", i, m.name)
		c.kill(m)
	case k == 4:
		c.note("%d isolate %s", i, m.name)
		c.net.Isolate(m.host.Addr(), c.hosts(), true)
	case k == 5:
		o := c.all[c.rnd.IntN(len(c.all))]
		c.note("%d cut %s to %s", i, m.name, o.name)
		if o != m {
			c.net.Cut(m.host.Addr(), o.host.Addr(), true)
		}
	case k == 6:
		c.note("%d loss", i)
		c.net.Loss(0.15)
	case k < 9:
		c.note("%d mend", i)
		c.mend()
	case k == 9 && m.Node == nil && c.lost == 0 && len(c.agreed) > 0:
		c.note("%d %s loses its disk", i, m.name)
		c.lost++ // one of three or four is what Raft can bear
		c.format(m)
	case m.Node != nil:
		text := fmt.Sprintf("text %d of %s", i, m.name)
		a := c.apply(m, text)
		c.note("%d apply on %s: generation %d %s", i, m.name, a.Generation, a.Error)
		if a.Generation > 0 {
			if was, twice := c.texts[a.Generation]; twice {
				c.t.Errorf("generation %d is %q and %q", a.Generation, was, text)
			}
			c.texts[a.Generation] = text
			c.agreed = append(c.agreed, a.Generation)
		}
	}
}

// settled checks how it ends.
func (c *chance) settled() {
	last := uint64(0)
	if len(c.agreed) > 0 {
		last = slices.Max(c.agreed)
	}
	c.await(2*time.Minute, "all nodes are in one fleet, with one configuration", func() bool {
		fleet, active := "", uint64(0)
		for i, m := range c.all {
			st, _, _ := m.raft.State()
			if st.Fleet == "" || i > 0 && (st.Fleet != fleet || st.Active != active) || st.Active < last {
				return false
			}
			fleet, active = st.Fleet, st.Active
			if st.Active > 0 && m.standing().Generation != st.Active {
				return false
			}
		}
		return true
	})
	st, _, _ := c.all[0].raft.State()
	for _, g := range c.agreed {
		k, ok := st.Generation(g)
		if !ok {
			continue // forgotten, or not kept
		}
		var b *Bundle
		c.await(time.Minute, fmt.Sprintf("generation %d is had from who has it, once that one is seen", g), func() bool {
			var err error
			b, err = c.all[0].Bundle(c.t.Context(), k.Number)
			return err == nil
		})
		if got := string(b.Files["haproxy.cfg"]); got != c.texts[g] {
			c.t.Errorf("generation %d is %q, %q was agreed on", g, got, c.texts[g])
		}
	}
	for _, m := range c.all {
		if st.Active > 0 && m.app.serves() != c.all[0].app.serves() {
			c.t.Errorf("%s serves %q, %s %q", m.name, m.app.serves(), c.all[0].name, c.all[0].app.serves())
		}
	}
}
