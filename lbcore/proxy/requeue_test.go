package proxy

import (
	"io"
	"log/slog"
	"testing"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/loop/simkernel"
)

// What waits for a server that stops: with option redispatch, or when it enters
// maintenance, it chooses anew, unless it is bound by force-persist.
func TestRequeue(t *testing.T) {
	for _, c := range []struct {
		name         string
		options      Options
		maint        bool
		forced, redo bool
		requeued     int64
	}{
		{"down", 0, false, false, false, 0},
		{"down, redispatch", OptRedispatch, false, false, true, 1},
		{"maintenance", 0, true, false, true, 1},
		{"maintenance, forced", OptRedispatch, true, true, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := limited(2, 1)
			p.Options = c.options
			s := p.Set().All[0]
			s.Check = &CheckConfig{Rise: 1, Fall: 1}
			l := loop.New(0, simkernel.New().Loop(), clock.System, 1024, slog.New(slog.NewTextHandler(io.Discard, nil)))
			pool := &Waiters{Loop: l}
			var first Slot
			if !first.Try(s) {
				t.Fatal("no slot")
			}
			r := &modelRequest{redo: c.redo}
			r.w = pool.Join(p, s, r, Priority{}, c.forced)
			if c.maint {
				s.SetAdmin(ForcedMaint, 0, 0)
			} else {
				s.ForceHealth(Down, 0)
			}
			l.Queue(nothing{})
			l.Turn()
			if r.told != c.redo || s.Requeued() != c.requeued || s.QueueLen() != 1-c.requeued {
				t.Errorf("told %v, %d requeued, %d in line", r.told, s.Requeued(), s.QueueLen())
			}
			if !r.told {
				r.w.Leave()
			}
			if p.Queue.All.Load() != 0 {
				t.Error("somebody is left in line")
			}
		})
	}
}
