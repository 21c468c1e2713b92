package proxy

import "net/netip"

// This file is what a server's state is made of when it is written down, and how
// one that was written down is taken back.

// Verdict is what a check said, with the reference's numbers.
type Verdict uint8

// The verdicts.
const (
	NoVerdict Verdict = iota
	Neutral
	Failed
	Passed
	PassedConditionally
)

// verdict is what a result comes to.
func (r *Result) verdict() Verdict {
	switch {
	case r.Conditional:
		return PassedConditionally
	case r.OK:
		return Passed
	}
	return Failed
}

// Probe is where checks or the agent go instead of to the server, as far as the
// configuration or an operator says.
type Probe struct {
	Addr netip.Addr // invalid: none was given
	Port int        // zero: none was given
}

// CheckAt and AgentAt return what was said about checks and the agent; any
// goroutine.
func (s *Server) CheckAt() Probe { return probe(s.checkAt.Load()) }

// AgentAt is described at CheckAt.
func (s *Server) AgentAt() Probe { return probe(s.agentAt.Load()) }

func probe(p *Probe) Probe {
	if p == nil {
		return Probe{}
	}
	return *p
}

// SetCheckAt and SetAgentAt say where checks and the agent are from now on; any
// goroutine. Who asks them is told by others.
func (s *Server) SetCheckAt(p Probe) { s.checkAt.Store(&p) }

// SetAgentAt is described at SetCheckAt.
func (s *Server) SetAgentAt(p Probe) { s.agentAt.Store(&p) }

// Shown returns a server's address and port as lists of servers print them.
// Reference: of a port that follows the client's it is the offset, modulo 2^32.
func (a *Address) Shown() (ip string, port uint32) {
	if a == nil || a.To == nil {
		return "-", 0
	}
	ip, port = "-", uint32(a.Port())
	if a.Relative {
		port = uint32(a.Offset)
	}
	if at := a.Addr(); at.IsValid() { // a name that nobody resolved has a port all the same
		ip = at.String()
	}
	return ip, port
}

// Saved is the state of a server as another process wrote it down.
type Saved struct {
	Oper    Operational
	Admin   Admin
	Since   int64 // seconds since the last change
	Status  string
	Verdict Verdict
	Health  int
}

// Restore takes a saved state, but for the address and the weight. It returns what
// became of the operational state, and whether an operator's end of a configured
// maintenance was taken over. Before the instance serves.
//
// Reference: the health that was written down counts only for a server that is
// stopping or starting; a maintenance that the configuration asked for then, or
// asks for now, does not outlive the line that asked for it.
func (s *Server) Restore(w *Saved, wallSec int64) (change Transition, left bool) {
	since := wallSec - w.Since
	s.mu.Lock()
	h := &s.health
	h.Status, h.Verdict, h.Value = w.Status, w.Verdict, s.restored(w)
	if s.Oper() != Down || !s.Admin().Maint() {
		change = s.enter(s.Oper(), w.Oper, since)
	}
	if w.Oper == Starting && s.Slowstart > 0 && !s.Admin().Maint() {
		s.run(Running)
		s.warm.Store(min(w.Since, int64(s.Slowstart)))
		change = WentUp
	} else if s.Oper() == Starting { // it had come to its full weight
		s.oper.Store(uint32(Running))
	}
	if s.Oper() == Down {
		h.DownSince = since
	}
	s.mu.Unlock()
	left = s.restoreAdmin(w.Admin, since)
	s.mu.Lock()
	h.LastChange = since
	s.mu.Unlock()
	s.changed()
	return change, left
}

// restored is the health that a saved state gives.
func (s *Server) restored(w *Saved) int {
	full := s.Rise + s.Fall - 1
	switch {
	case w.Oper == Running:
		return full
	case w.Oper == Starting:
		return min(w.Health, s.Rise-1)
	case w.Oper == Stopping && w.Health >= s.Rise && w.Health < full:
		return w.Health
	case w.Oper == Stopping:
		return s.Rise
	}
	return 0
}

func (s *Server) restoreAdmin(w Admin, since int64) (left bool) {
	configured := s.Admin()&ConfigMaint != 0
	switch {
	case configured && w&ConfigMaint == 0, configured && w&ForcedMaint != 0:
		return false // it stands disabled
	case configured:
		s.SetAdmin(w&ForcedDrain, ForcedMaint, since)
		return true
	case w&ConfigMaint != 0: // it was disabled then
		w &^= ForcedMaint
	}
	if set := w & (ForcedMaint | ForcedDrain); set != 0 {
		s.SetAdmin(set, 0, since)
	}
	return false
}

// PauseAgent lets the agent be asked no more, without what it said last being
// forgotten; before the instance serves.
func (s *Server) PauseAgent() { s.checks.agentOff.Store(true) }

// StateSource is where a backend's servers take the state from that they had in the
// process before.
type StateSource uint8

// The sources (load-server-state-from-file).
const (
	StateNone StateSource = iota
	StateGlobal
	StateLocal
)
