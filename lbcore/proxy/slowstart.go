package proxy

import "gohap/lbcore/balance"

// This file is slowstart: a server that came up is Starting for Slowstart seconds,
// in which its weight and its maxconn grow. Somebody calls Warm about once a
// second; between two calls nothing changes.

// run enters an operational state; with slowstart a server that begins to run
// starts. The caller holds mu, and has set or sets the time of the change.
func (s *Server) run(is Operational) {
	if is.Up() {
		is = Running
		if s.Slowstart > 0 {
			is = Starting
			s.warm.Store(0)
		}
	}
	s.oper.Store(uint32(is))
	if is == Starting && s.onWarm != nil {
		s.onWarm()
	}
}

// OnStarting sets who is told, under the server's lock and without being waited
// for, that the server has to be warmed up; before the instance runs.
func (s *Server) OnStarting(f func()) { s.onWarm = f }

// Warm goes on with slowstart; it reports that the server has just come to its full
// weight. Any goroutine but a loop's.
func (s *Server) Warm(wallSec int64) (done bool) {
	s.mu.Lock()
	if s.Oper() != Starting {
		s.mu.Unlock()
		return false
	}
	elapsed := max(0, wallSec-s.health.LastChange)
	s.warm.Store(elapsed)
	if done = elapsed >= int64(s.Slowstart); done {
		s.oper.Store(uint32(Running))
	}
	s.mu.Unlock()
	s.changed()
	return done
}

// sixteenths is the part of its weight that the server has now. Reference: it grows
// once a second from 1, for algorithms whose weights may change.
func (s *Server) sixteenths() int64 {
	if s.Oper() != Starting || s.FixedWeight() {
		return balance.WeightScale
	}
	all := int64(s.Slowstart)
	return min(balance.WeightScale, (balance.WeightScale*s.warm.Load()+all)/all)
}

// scaled is the weight as policies see it, whatever the server's state.
func (s *Server) scaled() int64 { return s.weight.Load() * s.sixteenths() }

// ShownWeight is the weight now as statistics show it, that of a throttled server
// rounded up, whatever the server's state; any goroutine.
func (s *Server) ShownWeight() int {
	return int((s.scaled() + balance.WeightScale - 1) / balance.WeightScale)
}

// Throttle returns how much of its weight the server has, in percent, while it is
// starting; any goroutine.
func (s *Server) Throttle() (percent int64, starting bool) {
	if s.Oper() != Starting {
		return 100, false
	}
	return max(1, s.sixteenths()*100/balance.WeightScale), true
}
