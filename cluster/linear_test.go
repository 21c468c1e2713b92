package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"gohap/cluster/state"
)

// What clients do to the register that holds the active generation.
type (
	input struct {
		read bool
		base uint64
	}
	output struct {
		value   uint64 // read, or made, or in the way
		refused bool   // by another base
		unknown bool   // nobody said what came of it
	}
)

// register is the active generation: a commit makes the next one of its base, and
// nothing of another.
var register = porcupine.NondeterministicModel{
	Init: func() []any { return []any{uint64(0)} },
	Step: func(s, in, out any) []any {
		now, i, o := s.(uint64), in.(input), out.(output)
		switch {
		case i.read:
			if o.value == now {
				return []any{now}
			}
		case o.unknown:
			if i.base == now {
				return []any{now, now + 1}
			}
			return []any{now}
		case o.refused:
			if o.value == now && i.base != now {
				return []any{now}
			}
		case i.base == now && o.value == now+1:
			return []any{o.value}
		}
		return nil
	},
	Equal:             func(a, b any) bool { return a.(uint64) == b.(uint64) },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v %+v", in, out) },
}

// TestLinearizable has four clients commit and read through whichever node while nodes
// are cut off and die: there is an order of all that they saw in which each saw the
// register as it was.
func TestLinearizable(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var history []porcupine.Operation
			simulate(t, seed, 3, func(t *testing.T, s *sim) { history = operations(t, s, rand.New(rand.NewPCG(seed, 4))) })
			if r := porcupine.CheckOperationsTimeout(register.ToModel(), history, 20*time.Second); r != porcupine.Ok {
				t.Errorf("no order explains them (%s): %v", r, history)
			}
		})
	}
}

// operations has clients work on a fleet and returns what they saw.
func operations(t *testing.T, s *sim, rnd *rand.Rand) (history []porcupine.Operation) {
	for i, m := range s.all { // different files: generation 1 is a client's
		m.text = fmt.Sprint("own ", i)
	}
	s.start(s.all...)
	s.await(time.Minute, "a fleet", func() bool { st := s.all[0].Status(); return st.Fleet != "" && st.Leader != "" })
	var mu sync.Mutex
	begin := time.Now()
	var work sync.WaitGroup
	for client := range 4 {
		rnd := rand.New(rand.NewPCG(rnd.Uint64(), uint64(client)))
		work.Go(func() {
			for range 25 {
				s.pass(time.Duration(rnd.IntN(400)) * time.Millisecond)
				n := s.all[rnd.IntN(3)].Node
				op := porcupine.Operation{ClientId: client, Call: int64(time.Since(begin))}
				in, out, happened := operate(n, rnd)
				if !happened {
					continue
				}
				op.Input, op.Output, op.Return = in, out, int64(time.Since(begin))
				mu.Lock()
				if out.unknown { // it may come about whenever
					op.ClientId, op.Return = 100+len(history), math.MaxInt64
				}
				history = append(history, op)
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() {
		work.Wait()
		close(done)
	}()
	var hosts []netip.Addr
	for _, m := range s.all {
		hosts = append(hosts, m.host.Addr())
	}
	for over := false; !over; {
		m := s.all[rnd.IntN(3)]
		s.net.Isolate(m.host.Addr(), hosts, true)
		s.pass(time.Duration(rnd.IntN(2500)) * time.Millisecond)
		s.net.Isolate(m.host.Addr(), hosts, false)
		select {
		case <-done:
			over = true
		case <-time.After(time.Duration(rnd.IntN(2500)) * time.Millisecond):
		}
	}
	known := 0
	for _, op := range history {
		if !op.Output.(output).unknown {
			known++
		}
	}
	t.Logf("%d operations, what came of %d is known", len(history), known)
	if known < 20 {
		t.Error("too few to say anything")
	}
	return history
}

// operate reads or commits through a node; happened is false for a read that nobody
// answered.
func operate(n *Node, rnd *rand.Rand) (in input, out output, happened bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	if rnd.IntN(3) == 0 {
		if n.raft.Confirm(ctx) != nil {
			return in, out, false
		}
		s, _, _ := n.raft.State()
		return input{read: true}, output{value: s.Active}, true
	}
	s, _, _ := n.raft.State() // may be old
	in.base = s.Active
	r, err := n.propose(ctx, &state.Entry{Commit: &state.Commit{Base: in.base, By: n.config.Name, Manifest: state.Manifest{Main: []string{"c"},
		Files: []state.File{{Name: "c", Hash: state.Hash(fmt.Sprintf("%064x", rnd.Uint64())), Size: 1}}}}})
	var conflict *state.ConflictError
	switch {
	case err != nil:
		out.unknown = true
	case errors.As(r.Err, &conflict):
		out.value, out.refused = conflict.Active, true
	default:
		out.value = r.Generation
	}
	return in, out, true
}
