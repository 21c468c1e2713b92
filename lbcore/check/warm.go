package check

import (
	"context"
	"maps"
	"time"

	"gohap/lbcore/proxy"
)

// This file warms servers up that came up and have slowstart: one goroutine for all
// of them. It sleeps while none is starting.

// warmStep is how often a starting server gets more weight (reference).
const warmStep = time.Second

// toWarm lists the servers with slowstart.
func (c *Checker) toWarm() (all []*proxy.Server) {
	for _, p := range c.Proxies {
		for _, s := range p.Set().All {
			if s.Slowstart > 0 {
				all = append(all, s)
				s.OnStarting(c.wakeWarming)
			}
		}
	}
	return all
}

// wakeWarming is told, under a server's lock, that one is starting.
func (c *Checker) wakeWarming() {
	if wake := c.starting.Load(); wake != nil {
		(*wake)()
	}
}

// forever is longer than any process lives.
const forever = 1 << 62

// warm gives every starting server its steps, each counted from when it came up.
func (c *Checker) warm(ctx context.Context) {
	due := map[*proxy.Server]int64{} // monotonic ns
	for ctx.Err() == nil {
		woken, cancel := context.WithCancel(ctx)
		c.starting.Store(&cancel)
		wait := c.warmDue(due)
		maps.DeleteFunc(due, func(s *proxy.Server, _ int64) bool { return s.Gone() })
		c.Wait(woken, wait)
		cancel()
	}
}

// warmDue takes the steps that are due, and returns how long nothing is.
func (c *Checker) warmDue(due map[*proxy.Server]int64) time.Duration {
	now, wait := c.Clock.Mono(), time.Duration(forever)
	for _, s := range c.list.Load().warming {
		if s.Oper() != proxy.Starting {
			delete(due, s)
			continue
		}
		at, ok := due[s]
		if !ok {
			at = now + int64(warmStep)
		} else if at <= now {
			at += int64(warmStep)
			if s.Warm(c.Clock.Wall().Unix()) {
				c.warmed(s)
			}
		}
		due[s] = at
		wait = min(wait, time.Duration(max(at-now, 0)))
	}
	return wait
}

// warmed tells that a server has all of its weight. Reference: as if it came up.
func (c *Checker) warmed(s *proxy.Server) {
	line := stateLine(s, proxy.WentUp, "")
	c.Log(s.Proxy, LevelNotice, line)
	c.mail(s.Proxy, LevelNotice, line)
}
