package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gohap/cluster/admin"
	"gohap/lbcore"
)

// The stages of a node on its way out of service; it serves in each.
const (
	inService int32 = iota
	marked          // the others see it
	parting         // clients end one request at a time
	deaf            // no new connection is taken: clients try again
	drained         // the address may go
)

// Times of a drain.
const (
	// partTime is how long clients that keep connections have to learn that they end.
	partTime = time.Second
	// deafTime is how long the requests of connections that were just made have to
	// come. With what follows it stays below the second after which a client sends
	// its SYN again.
	deafTime = 300 * time.Millisecond
	// goTime is how long keepalived has to take the address away.
	goTime = 5 * time.Second
	// handOverTime is how long somebody else has to take the lead.
	handOverTime = 5 * time.Second
)

// duty is whether a node of a fleet is in service, and what keepalived is told of it.
// It is of the node, not of a configuration: reloads do not touch it.
type duty struct {
	fleet  *fleet
	stage  atomic.Int32 // changed on the process's goroutine
	ending atomic.Bool  // the process ends
	under  atomic.Pointer[drainRun]
	vip    vip
}

var _ admin.Operator = (*duty)(nil)

// drainRun is a drain under way.
type drainRun struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// prepare has an instance that is to be made go on where the node is.
func (d *duty) prepare(c *lbcore.Config) {
	at := d.stage.Load()
	c.Fleet, c.Metrics = d.fleet, d.fleet.metrics
	c.FreeBind, c.Parting, c.Deaf = true, at >= parting, at >= deaf
}

// Ready implements admin.Operator.
func (d *duty) Ready() (ready bool, why string) {
	if at := d.stage.Load(); at != inService {
		return false, "it is draining"
	}
	return d.serves()
}

// serves tells whether clients can be sent here.
func (d *duty) serves() (ok bool, why string) {
	in := d.fleet.process.instance.Load()
	switch {
	case in == nil:
		return false, "it is starting"
	case d.ending.Load():
		return false, "it is ending"
	case !in.Listening():
		return false, "no listener takes connections"
	}
	return true, ""
}

// keeps tells whether the fleet's address may be here.
func (d *duty) keeps() bool {
	ok, _ := d.serves()
	return ok && d.stage.Load() < drained
}

// turn brings the node to a stage, on the process's goroutine, where no reload is under
// way.
func (d *duty) turn(ctx context.Context, stage int32, do func(in *lbcore.Instance) error) (err error) {
	p := d.fleet.process
	done := make(chan error, 1)
	if err := p.call(ctx, func() {
		d.stage.Store(stage)
		done <- do(p.in)
	}); err != nil {
		return err
	}
	return <-done
}

// Drain implements admin.Operator. What has begun goes on when ctx ends; Undrain ends
// it.
func (d *duty) Drain(ctx context.Context, wait time.Duration, says func(string)) (left int, err error) {
	if d.ending.Load() {
		return 0, errors.New("the node is ending")
	}
	run := &drainRun{done: make(chan struct{})}
	ctx, run.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer run.cancel()
	if !d.under.CompareAndSwap(nil, run) {
		return 0, errors.New("a drain is under way already: 'gohap cluster status' shows it, 'gohap node undrain' ends it")
	}
	defer close(run.done)
	defer d.under.CompareAndSwap(run, nil)
	if err := d.drain(ctx, wait, says); err != nil {
		if ctx.Err() != nil {
			err = errors.New("the drain was ended by an undrain")
		}
		return 0, err
	}
	return d.busy(ctx), nil
}

func (d *duty) drain(ctx context.Context, wait time.Duration, says func(string)) error {
	if d.stage.Load() == drained {
		return nil
	}
	if err := d.turn(ctx, marked, func(*lbcore.Instance) error { return nil }); err != nil {
		return err
	}
	d.fleet.node.Tell()
	if err := d.handOver(ctx); err != nil {
		says(fmt.Sprintf("the lead stays here for now: %v", err))
	}
	says("keep-alive is off")
	if err := d.turn(ctx, parting, func(in *lbcore.Instance) error { in.Part(true); return nil }); err != nil {
		return err
	}
	if err := pause(ctx, partTime); err != nil {
		return err
	}
	says("new connections are ignored")
	if err := d.turn(ctx, deaf, func(in *lbcore.Instance) error { return in.Deafen(true) }); err != nil {
		return fmt.Errorf("new connections are still taken, the address stays here: %w", err)
	}
	if err := pause(ctx, deafTime); err != nil {
		return err
	}
	if err := d.finish(ctx, wait, says); err != nil {
		return err
	}
	if err := d.turn(ctx, drained, func(*lbcore.Instance) error { return nil }); err != nil {
		return err
	}
	return d.letGo(ctx, says)
}

// finish waits until no request is under way, at most as long as told.
func (d *duty) finish(ctx context.Context, wait time.Duration, says func(string)) error {
	limit, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		n := int64(0)
		err := d.fleet.process.call(ctx, func() {
			for _, in := range d.fleet.process.all() {
				in.CloseIdle()
				n += in.Requests()
			}
		})
		if err != nil || n == 0 {
			return err
		}
		if pause(limit, 20*time.Millisecond) != nil {
			if ctx.Err() == nil {
				says(fmt.Sprintf("%d requests are not over after %v; going on", n, wait))
			}
			return ctx.Err()
		}
	}
}

// letGo has keepalived take the address away, and waits for it.
func (d *duty) letGo(ctx context.Context, says func(string)) error {
	d.vip.refresh(ctx)
	d.fleet.node.Tell()
	if !d.vip.held.Load() {
		return nil
	}
	says("the address goes")
	limit, cancel := context.WithTimeout(ctx, goTime)
	defer cancel()
	for d.vip.held.Load() {
		if pause(limit, 50*time.Millisecond) != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("the node is drained but %s is still here after %v: does keepalived read %s (track_file)?", d.vip.address, goTime, d.vip.file)
		}
		d.vip.refresh(ctx)
	}
	d.fleet.node.Tell()
	return nil
}

// handOver gives the lead to somebody else.
func (d *duty) handOver(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, handOverTime)
	defer cancel()
	return d.fleet.node.HandOver(ctx)
}

// busy is how many client connections are left.
func (d *duty) busy(ctx context.Context) (n int) {
	_ = d.fleet.process.call(ctx, func() {
		for _, in := range d.fleet.process.all() {
			n += in.Busy()
		}
	})
	return n
}

// Undrain implements admin.Operator.
func (d *duty) Undrain(ctx context.Context) error {
	if d.ending.Load() {
		return errors.New("the node is ending: start it again")
	}
	if run := d.under.Load(); run != nil {
		run.cancel()
		select {
		case <-run.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := d.turn(ctx, inService, func(in *lbcore.Instance) error {
		in.Part(false)
		return in.Deafen(false)
	})
	d.vip.refresh(ctx)
	d.fleet.node.Tell()
	return err
}

// Rekey implements admin.Operator.
func (d *duty) Rekey() ([]string, error) { return d.fleet.rekey() }

// Stop implements admin.Operator: a soft stop.
func (d *duty) Stop() {
	_ = d.fleet.process.call(context.Background(), func() { d.fleet.process.softStop(d.fleet.process.idle) })
}

// end is the end of the process: the address is to go. Any goroutine.
func (d *duty) end() {
	d.ending.Store(true)
	d.vip.write(false)
}

// pause waits; an error when ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
