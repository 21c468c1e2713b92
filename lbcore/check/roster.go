package check

import (
	"context"
	"slices"

	"gohap/lbcore/proxy"
)

// This file is how servers that come and go are checked, or not any more.

// roster is who is checked, asked and warmed up. It is never changed; another one
// takes its place.
type roster struct {
	checks  []*target
	asked   []*agentTarget
	warming []*proxy.Server // those with slowstart
}

// task is a goroutine that checks one server.
type task struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// launch runs f on a goroutine of its own.
func (c *Checker) launch(t *task, f func(context.Context)) {
	ctx, cancel := context.WithCancel(c.ctx)
	t.cancel, t.done = cancel, make(chan struct{})
	c.wait.Go(func() {
		defer close(t.done)
		f(ctx)
	})
}

// end ends a goroutine and waits for it.
func (t *task) end() {
	t.cancel()
	<-t.done
}

func (c *Checker) begin(t *target) {
	if t.srv.Watch.Observe != proxy.ObserveNone {
		t.srv.OnErrors(t.watch)
	}
	c.launch(&t.task, t.run)
}

// Add checks one more server, once started; it may not be one of its backend yet.
// One goroutine at a time adds and removes, and none once Stop was called.
func (c *Checker) Add(s *proxy.Server, ends Endpoints) {
	old := c.list.Load()
	all := &roster{slices.Clone(old.checks), slices.Clone(old.asked), slices.Clone(old.warming)}
	if s.Check != nil && s.Watch.Track == nil {
		t := c.target(s, ends)
		t.first = t.cfg.Inter
		all.checks = append(all.checks, t)
		c.begin(t)
	}
	if s.Agent != nil {
		t := &agentTarget{Checker: c, srv: s, cfg: s.Agent, at: ends.Agent, first: s.Agent.Inter}
		all.asked = append(all.asked, t)
		c.launch(&t.task, t.run)
	}
	if s.Slowstart > 0 {
		s.OnStarting(c.wakeWarming)
		all.warming = append(all.warming, s)
	}
	c.list.Store(all)
	c.beginWarming()
}

// beginWarming runs the goroutine that warms servers up, once there are any.
func (c *Checker) beginWarming() {
	if c.warms || len(c.list.Load().warming) == 0 {
		return
	}
	c.warms = true
	c.wait.Go(func() { c.warm(c.ctx) })
}

// Remove checks a server no more; it waits for the check that runs.
func (c *Checker) Remove(s *proxy.Server) {
	old := c.list.Load()
	all := &roster{}
	for _, t := range old.checks {
		if t.srv != s {
			all.checks = append(all.checks, t)
		} else {
			t.task.end()
		}
	}
	for _, t := range old.asked {
		if t.srv != s {
			all.asked = append(all.asked, t)
		} else {
			t.task.end()
		}
	}
	for _, w := range old.warming {
		if w != s {
			all.warming = append(all.warming, w)
		}
	}
	c.list.Store(all)
}
