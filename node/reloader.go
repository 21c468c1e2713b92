package node

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"gohap/lbcore"
)

// A Reloader has the configuration read anew and served in place of the present
// one, without a connection being lost. The present one goes on where that fails.
// Any goroutine may call Reload, which returns when it is known how it went.
type Reloader interface {
	Reload() Report
}

var (
	_ Reloader = (*master)(nil)  // in a new process
	_ Reloader = (*process)(nil) // in the same one
)

// Reload implements Reloader by a new worker.
func (m *master) Reload() Report {
	r, _ := m.reloadNow(false, nil)
	return r
}

// Reload implements Reloader by a new instance beside the present one. What only
// a new process can change is refused: a master starts one.
func (p *process) Reload() Report {
	told := make(chan Report, 1)
	p.calls <- func() { told <- p.replace() }
	return <-told
}

// replace is Reload on the goroutine that serves.
func (p *process) replace() Report {
	var said strings.Builder
	out := io.MultiWriter(p.stderr, &said)
	o := p.options(out)
	c, _ := lbcore.Load(o)
	if c == nil {
		return Report{Log: said.String()}
	}
	fail := func(err error) Report {
		fmt.Fprintln(out, err)
		return Report{Log: said.String()}
	}
	if needsProcess(c, p.in) {
		return fail(fmt.Errorf("chroot, user, group and ulimit-n need a new process: start with -W"))
	}
	var err error
	if c.Inherited, err = p.in.HandOver(); err != nil {
		return fail(fmt.Errorf("the listening sockets cannot be handed over: %w", err))
	}
	for _, line := range c.TakeTables(p.in) {
		fmt.Fprintln(out, line)
	}
	c.Takeover = true
	c.Mesh = p.in.Config.Mesh
	if p.fleet != nil {
		p.fleet.duty.prepare(c)
	}
	next, err := c.Open(p.log)
	if err != nil {
		return fail(err)
	}
	next.Run()
	former := p.in
	p.in = next
	p.instance.Store(next)
	p.retire(former)
	return Report{Ready: true, Log: said.String()}
}

// needsProcess tells whether a configuration asks for what only a new process can be.
func needsProcess(c *lbcore.Config, in *lbcore.Instance) bool {
	is, was := &c.Global, &in.Config.Global
	return is.Confinement != was.Confinement || is.Confinement.Chroot != "" || is.Confinement.UID >= 0 || is.UlimitN != was.UlimitN
}

// retire lets an instance end in the background, as a soft stop does.
func (p *process) retire(in *lbcore.Instance) {
	limit := in.Config.Global.HardStop
	p.former = append(p.all()[1:], in)
	in.Drain()
	p.retiring.Go(func() { // ends with the last connection, or with the process
		in.Wait(limit)
		in.Stop()
	})
}

// all are the instances that have clients, the present one first; on the goroutine that
// serves.
func (p *process) all() []*lbcore.Instance {
	p.former = slices.DeleteFunc(p.former, (*lbcore.Instance).Ended)
	return append([]*lbcore.Instance{p.in}, p.former...)
}

// call has the goroutine that serves run f. Any other goroutine; an error where ctx
// ended before.
func (p *process) call(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case p.calls <- func() { defer close(done); f() }:
		<-done
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
