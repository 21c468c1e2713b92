package lbcore

import (
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
)

// Drain begins a soft stop: the accept queues are taken, the listeners closed,
// idle connections closed at once, the others after their present exchange.
func (in *Instance) Drain() {
	in.Process.PartFrom.Store(clock.Mono())
	in.Process.Stopping.Store(true)
	if in.Process.PartTime > 0 {
		in.serving.Add(1)
		go in.partIdle()
	}
	in.letGo(all, func(l *loop.Loop) { in.Workers[l.ID].CloseIdle() })
	in.tellStopped(all)
	in.teachPeers()
}

// partPeriod is how often a soft stop that takes its time closes idle connections.
const partPeriod = 50 * time.Millisecond

// partIdle closes idle connections while a soft stop comes to one after another.
func (in *Instance) partIdle() {
	defer in.serving.Done()
	t := time.NewTicker(partPeriod)
	defer t.Stop()
	for end := false; !end; {
		select {
		case <-t.C:
		case <-in.stopped:
			return
		}
		end = clock.Mono()-in.Process.PartFrom.Load() > in.Process.PartTime
		in.Group.Each(func(l *loop.Loop) { in.Workers[l.ID].CloseIdle() })
	}
}

// Busy returns how many client connections are left; any goroutine but a
// loop's.
func (in *Instance) Busy() int {
	total := make(chan int, len(in.Group.Loops))
	in.Group.Each(func(l *loop.Loop) { total <- in.Workers[l.ID].Sessions() })
	n := 0
	for len(total) > 0 {
		n += <-total
	}
	return n
}

// Wait returns when, after Drain, the last connection has ended and the process that
// takes over has learned the tables, or after limit, zero meaning
// no limit; it tells whether everything had ended.
func (in *Instance) Wait(limit time.Duration) bool {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	var end <-chan time.Time
	if limit > 0 {
		end = time.After(limit)
	}
	for in.Busy() > 0 {
		select {
		case <-t.C:
		case <-end:
			return false
		}
	}
	for _, l := range in.links {
		l.Finish()
	}
	for _, l := range in.links {
		select {
		case <-l.Taught():
		case <-end:
			return false
		}
	}
	return true
}

// Stop ends everything at once.
func (in *Instance) Stop() {
	in.stop.Do(func() {
		in.changing.Lock()
		in.ended = true
		in.changing.Unlock()
		close(in.stopped)
		in.stopPeers()
		in.names.Stop()
		in.checker.Stop()
		in.renewals.Stop()
		in.commands.Close()
		in.Group.Each(func(l *loop.Loop) { in.Workers[l.ID].Kill() })
		in.Group.Stop()
		in.closeListeners(all)
		in.closeLogs()
		in.serving.Wait()
	})
}
