package loop

import (
	"bytes"
	"log/slog"
	"testing"

	"gohap/lbcore/clock"
)

// greedy queues itself again and again.
type greedy struct {
	l    *Loop
	runs int
}

func (g *greedy) Run() {
	g.runs++
	g.l.Queue(g)
}

// TestATaskThatGoesOnWaitsForTheNextTurn: nobody keeps the loop to himself.
func TestATaskThatGoesOnWaitsForTheNextTurn(t *testing.T) {
	k, err := NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	defer k.Release()
	l := New(0, k, clock.System, 4096, slog.New(slog.NewTextHandler(new(bytes.Buffer), nil)))
	a, b := &greedy{l: l}, &greedy{l: l}
	l.Queue(a)
	l.Queue(b)
	for range 5 {
		l.Turn()
	}
	if a.runs != 5 || b.runs != 5 {
		t.Errorf("in 5 turns the tasks ran %d and %d times", a.runs, b.runs)
	}
}
