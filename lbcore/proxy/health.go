package proxy

import (
	"sync/atomic"
	"time"
)

// Result is one finished health check.
type Result struct {
	OK       bool
	Status   string // L4OK, L4CON, L4TOUT, SOCKERR, …
	Code     int
	Desc     string
	Duration time.Duration
	// Conditional: the server works but wants no new traffic (L7OKC).
	Conditional bool
	// Neutral: the result is kept and says nothing about the health.
	Neutral bool
	// Analysed: it comes from observed traffic (HANA), no check has run.
	Analysed bool
}

// Transition tells what a check result changed.
type Transition uint8

// The transitions.
const (
	Unchanged Transition = iota
	WentUp
	WentDown
	WentStopping
)

// AgentConfig is how a server's agent is asked.
type AgentConfig struct {
	Inter   time.Duration
	Timeout time.Duration // zero: Inter
	Start   time.Duration // spread of the first check
}

// Watch is what else decides about a server. It is set before the instance runs.
type Watch struct {
	Track      *Server // whose state it follows
	Observe    Observe
	OnError    OnError
	ErrorLimit int64
	// KillOnDown and KillBackupsOnUp are on-marked-down shutdown-sessions and
	// on-marked-up shutdown-backup-sessions: who is told of the change obeys.
	KillOnDown, KillBackupsOnUp bool
}

// Observe says which traffic is looked at.
type Observe uint8

// The values of observe.
const (
	ObserveNone Observe = iota
	ObserveLayer4
	ObserveLayer7
)

// OnError says what enough consecutive errors do.
type OnError uint8

// The values of on-error.
const (
	FailCheck OnError = iota
	FastInter
	SuddenDeath
	MarkDown
)

// checkState is what operators change about checks.
type checkState struct {
	off, agentOff atomic.Bool
	paused        atomic.Bool // by a maintenance
	stopped       atomic.Bool // the last change came from Stopping
	forced        bool        // said to be down, without checks that could find otherwise; under Server.mu
	unproven      bool        // no check has failed since it runs with less than Rise; under Server.mu
}

// watched counts errors of observed traffic.
type watched struct {
	errors  atomic.Int64 // consecutive ones
	fails   atomic.Int64 // hanafail
	reached atomic.Pointer[func(last string)]
}

// The ways in which observed traffic fails, in the reference's words.
const (
	ErrConnect  = "L4 unsuccessful connection"
	ErrStatus   = "Wrong http response"
	ErrResponse = "Invalid http response (headers)"
	ErrRead     = "Read error (http)"
	ErrTimeout  = "Timeout (http)"
)

// Connected tells that a connection to the server was made or not, for observe;
// any goroutine or loop. It never blocks.
func (s *Server) Connected(ok bool) {
	if r := s.Resolving; r != nil && r.OnError && !ok {
		s.Unreached()
	}
	switch {
	case s.Watch.Observe == ObserveNone:
	case ok && s.Watch.Observe == ObserveLayer4:
		s.watched.errors.Store(0)
	case !ok:
		s.trafficError(ErrConnect)
	}
}

// Responded tells how the server answered, for observe layer7: a status, or one
// of the errors above; any goroutine or loop. It never blocks.
func (s *Server) Responded(status int, failure string) {
	if s.Watch.Observe != ObserveLayer7 {
		return
	}
	switch {
	case failure != "":
		s.trafficError(failure)
	case status >= 100 && status <= 499, status == 501, status == 505:
		s.watched.errors.Store(0)
	default:
		s.trafficError(ErrStatus)
	}
}

func (s *Server) trafficError(last string) {
	if s.watched.errors.Add(1) < s.Watch.ErrorLimit {
		return
	}
	f := s.watched.reached.Load()
	if f == nil || s.Oper() == Down {
		return
	}
	s.watched.errors.Store(0)
	s.watched.fails.Add(1)
	(*f)(last)
}

// OnErrors sets who is told, without being waited for, that error-limit
// consecutive errors were seen.
func (s *Server) OnErrors(f func(last string)) { s.watched.reached.Store(&f) }

// ObservedFails returns how often error-limit was reached (hanafail).
func (s *Server) ObservedFails() int64 { return s.watched.fails.Load() }

// ChecksOff and AgentOff tell whether an operator paused checks.
func (s *Server) ChecksOff() bool { return s.checks.off.Load() }

// ChecksPaused tells whether checks wait for the end of a maintenance. Reference:
// those that were off when it began do not.
func (s *Server) ChecksPaused() bool { return s.checks.paused.Load() }

// AgentOff is ChecksOff for the agent.
func (s *Server) AgentOff() bool { return s.checks.agentOff.Load() }

// WasStopping tells whether the server was stopping before its last change.
func (s *Server) WasStopping() bool { return s.checks.stopped.Load() }

// EnableChecks pauses health checks or lets them go on; any goroutine.
func (s *Server) EnableChecks(on bool) { s.checks.off.Store(!on) }

// EnableAgent pauses the agent's checks or lets them go on; any goroutine.
// Reference: while it is paused its verdict does not count.
func (s *Server) EnableAgent(on bool, wallSec int64) Transition {
	s.mu.Lock()
	s.checks.agentOff.Store(!on)
	if !on {
		s.agent.Value = 1
	}
	return s.conclude(wallSec, s.Oper() == Stopping)
}

// Agent state.

// AgentHealth returns a copy of the agent's state; any goroutine.
func (s *Server) AgentHealth() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agent
}

func (s *Server) initAgent(wallSec int64) {
	if s.Agent != nil {
		s.agent = Health{Value: 1, Status: "INI", LastChange: wallSec}
	}
}

// initState applies init-state; the caller holds mu or the server is not shared.
func (s *Server) initState(wallSec int64) {
	c, h := s.Check, &s.health
	switch c.Init {
	case "fully-up":
		h.Value = c.Rise + c.Fall - 1
	case "down":
		h.Value = c.Rise - 1
	case "fully-down":
		h.Value = 0
	}
	if h.Value < c.Rise {
		h.DownSince = wallSec
		s.oper.Store(uint32(Down))
	}
}

// Checked takes a check's result with the reference's counting: any success of
// a server that is not down restores full health, a server goes down after
// Fall consecutive failures and comes up after Rise successes; any failure
// while rising starts over. Any goroutine.
func (s *Server) Checked(r Result, wallSec int64) Transition {
	s.mu.Lock()
	if s.checks.paused.Load() { // it began before the maintenance
		s.mu.Unlock()
		return Unchanged
	}
	h := &s.health
	h.Status, h.Code, h.Desc, h.Duration, h.Verdict = r.Status, r.Code, r.Desc, r.Duration, r.verdict()
	if !r.Neutral {
		h.count(r.OK, s.Check.Rise, s.Check.Fall)
		s.checks.unproven = s.checks.unproven && r.OK && h.Value < s.Check.Rise
	}
	if s.Admin().Maint() {
		s.mu.Unlock()
		return Unchanged
	}
	stopping := s.Oper() == Stopping
	if r.OK {
		stopping = r.Conditional
	}
	return s.conclude(wallSec, stopping)
}

// AgentChecked is Checked for the verdict of the agent, which one answer
// decides. Any goroutine.
func (s *Server) AgentChecked(r Result, wallSec int64) Transition {
	s.mu.Lock()
	h := &s.agent
	h.Status, h.Code, h.Desc, h.Duration = r.Status, r.Code, r.Desc, r.Duration
	if !r.Neutral {
		h.count(r.OK, 1, 1)
	}
	if s.Admin().Maint() {
		s.mu.Unlock()
		return Unchanged
	}
	return s.conclude(wallSec, s.Oper() == Stopping)
}

// count takes one verdict.
func (h *Health) count(ok bool, rise, fall int) {
	up := h.Value >= rise
	switch {
	case ok && up:
		h.Value = rise + fall - 1
	case ok:
		h.Value++
		if h.Value >= rise {
			h.Value = rise + fall - 1
		}
	case h.Value > 0: // reference: what comes to a server that is all down is not counted
		h.Fails++
		h.Value--
		if h.Value < rise {
			h.Value = 0
		}
	}
}

// conclude sets the operational state from what health and agent say. It is
// called with mu, which it gives back.
func (s *Server) conclude(wallSec int64, stopping bool) Transition {
	was, is := s.Oper(), Running
	switch {
	case s.checks.forced, s.Check != nil && s.health.Value < s.Check.Rise && !s.checks.unproven, s.Agent != nil && s.agent.Value < 1:
		is = Down
	case stopping:
		is = Stopping
	}
	t := s.enter(was, is, wallSec)
	s.mu.Unlock()
	if t != Unchanged {
		s.changed()
	}
	return t
}

// enter moves to an operational state; the caller holds mu.
func (s *Server) enter(was, is Operational, wallSec int64) Transition {
	if was == is || was.Up() && is.Up() {
		return Unchanged
	}
	h := &s.health
	s.checks.stopped.Store(was == Stopping)
	s.run(is)
	h.LastChange = wallSec
	if was == Down {
		h.DownTime += wallSec - h.DownSince
	}
	switch is {
	case Down:
		h.Downs++
		h.DownSince = wallSec
		return WentDown
	case Stopping:
		return WentStopping
	}
	return WentUp
}

// ForceHealth sets what checks would have to find out (set server health):
// Running, Stopping or Down; the next checks go on from there. Any goroutine.
func (s *Server) ForceHealth(to Operational, wallSec int64) Transition {
	s.mu.Lock()
	s.checks.forced = s.Check == nil && to == Down
	if c := s.Check; c != nil {
		s.health.Value = c.Rise + c.Fall - 1
		if to == Down {
			s.health.Value = 0
		}
	}
	return s.conclude(wallSec, to == Stopping)
}

// ForceAgent sets what the agent says until it says otherwise (set server
// agent). Any goroutine.
func (s *Server) ForceAgent(up bool, wallSec int64) Transition {
	s.mu.Lock()
	s.agent.Value = 0
	if up {
		s.agent.Value = 1
	}
	return s.conclude(wallSec, s.Oper() == Stopping)
}

// Follow takes the state of the server that this one tracks. Any goroutine.
func (s *Server) Follow(wallSec int64) Transition {
	s.mu.Lock()
	t := s.enter(s.Oper(), s.Watch.Track.Oper(), wallSec)
	s.mu.Unlock()
	if t != Unchanged {
		s.changed()
	}
	return t
}

// SetAgentInProgress marks a running agent check.
func (s *Server) SetAgentInProgress(v bool) {
	s.mu.Lock()
	s.agent.InProgress = v
	s.mu.Unlock()
}

// LimitHealth lowers the health to at most v, for on-error; any goroutine.
func (s *Server) LimitHealth(v int) {
	s.mu.Lock()
	s.health.Value = min(s.health.Value, v)
	s.mu.Unlock()
}

// Inherit takes maintenance and drain over from the server that this one tracks,
// and hands them on; any goroutine.
func (s *Server) Inherit(wallSec int64) {
	if set, clear, differs := s.inherited(); differs {
		s.SetAdmin(set, clear, wallSec)
	}
}

// InheritOwn is Inherit without handing on; it reports whether anything changed.
func (s *Server) InheritOwn(wallSec int64) bool {
	set, clear, differs := s.inherited()
	if differs {
		s.SetOwnAdmin(set, clear, wallSec)
	}
	return differs
}

func (s *Server) inherited() (set, clear Admin, differs bool) {
	const both = InheritedMaint | InheritedDrain
	switch a := s.Watch.Track.Admin(); {
	case a.Maint():
		set = InheritedMaint
	case a.Drain():
		set = InheritedDrain
	}
	return set, both &^ set, s.Admin()&both != set
}
