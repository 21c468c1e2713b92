//go:build invariants

package stream

import "sync/atomic"

// Inject is called in test builds wherever a stream enters a phase, hears of an
// event, a grant or a time-out: a fault run makes it panic now and then, so that
// every phase's clean-up is tried.
var Inject atomic.Pointer[func(s *Stream)]

func (s *Stream) inject() {
	if f := Inject.Load(); f != nil {
		(*f)(s)
	}
}
