package loop

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"gohap/lbcore/clock"
)

// Group is the loops of one running instance. Loops belong to an instance, not
// to the process.
type Group struct {
	Loops []*Loop
	log   *slog.Logger
	quit  chan struct{}
	next  atomic.Uint32
}

// stallAfter is how long one turn may take before the watchdog names its loop.
const stallAfter = time.Second

// NewGroup makes n loops on the machine's kernel and clock; size is the
// content size of their buffers in bytes.
func NewGroup(n, size int, log *slog.Logger) (*Group, error) {
	g := &Group{log: log, quit: make(chan struct{})}
	for i := range n {
		k, err := NewKernel()
		if err != nil {
			for _, l := range g.Loops {
				l.Kernel.Release()
			}
			return nil, fmt.Errorf("event loop %d: %w", i, err)
		}
		g.Loops = append(g.Loops, New(i, k, clock.System, size, log))
	}
	return g, nil
}

// Of returns a group of some of the loops, to share listening sockets. It is not
// for Start or Stop.
func (g *Group) Of(some []*Loop) *Group { return &Group{Loops: some, log: g.log} }

// Start runs every loop and the watchdog, each on a goroutine of its own.
func (g *Group) Start() {
	for _, l := range g.Loops {
		go l.Run()
	}
	go g.watch()
}

// Stop ends all loops and waits for them.
func (g *Group) Stop() {
	close(g.quit)
	for _, l := range g.Loops {
		l.Stop()
	}
	for _, l := range g.Loops {
		<-l.Done()
	}
}

// Each posts f to every loop and waits until all have run it. It must not be
// called from a loop.
func (g *Group) Each(f func(*Loop)) {
	done := make(chan struct{}, len(g.Loops))
	waiting := 0
	for _, l := range g.Loops {
		if l.Post(func() { f(l); done <- struct{}{} }) {
			waiting++
		}
	}
	for range waiting {
		<-done
	}
}

// LeastLoaded returns the loop with the fewest connections; any goroutine.
func (g *Group) LeastLoaded() *Loop {
	best := g.Loops[int(g.next.Add(1))%len(g.Loops)]
	for _, l := range g.Loops {
		if l.conns.Load() < best.conns.Load() {
			best = l
		}
	}
	return best
}

// Opened and Closed keep the number of connections that loops are compared by.
func (l *Loop) Opened() { l.conns.Add(1) }

// Closed takes one connection off; see Opened.
func (l *Loop) Closed() { l.conns.Add(-1) }

// Conns returns the number of connections on the loop; any goroutine.
func (l *Loop) Conns() int64 { return l.conns.Load() }

// watch names loops that are stuck in one turn; it reads heartbeats, which
// needs no help from the loop.
func (g *Group) watch() {
	t := time.NewTicker(stallAfter)
	defer t.Stop()
	for {
		select {
		case <-g.quit:
			return
		case <-t.C:
		}
		for _, l := range g.Loops {
			if s := l.Stalled(); s > int64(stallAfter) {
				g.log.Error("an event loop is stuck", "loop", l.ID, "for", time.Duration(s).String())
			}
		}
	}
}
