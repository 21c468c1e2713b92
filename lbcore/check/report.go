package check

import (
	"fmt"
	"strings"

	"gohap/lbcore/proxy"
)

// report hands a result to the server and writes what follows from it.
func (t *target) report(r proxy.Result) {
	s, p := t.srv, t.srv.Proxy
	wall := t.Clock.Wall().Unix()
	if r.Conditional && s.Oper() == proxy.Down { // reference: only who is up can be stopping
		r.Neutral = true
	}
	before := s.Health().Value
	change := s.Checked(r, wall)
	after := s.Health().Value
	verbose := p.Has(proxy.OptLogHealthChecks)
	// reference: with log-health-checks a result is logged when it changes the
	// health or differs from the one before.
	if verbose && !r.Neutral && (before != after || t.status != r.Status) {
		line := resultLine(s, "Health", r, after, s.Check.Rise, s.Check.Fall)
		t.Log(p, LevelNotice, line)
		t.mail(p, LevelInfo, line)
	}
	t.status = r.Status
	if r.Status == L4TOUT { // reference: the server may be elsewhere by now
		s.Unreached()
	}
	t.Announce(s, change, r)
}

// report hands the agent's result on, likewise.
func (t *agentTarget) report(r proxy.Result) {
	s, p := t.srv, t.srv.Proxy
	before := s.AgentHealth().Value
	change := s.AgentChecked(r, t.Clock.Wall().Unix())
	after := s.AgentHealth().Value
	if p.Has(proxy.OptLogHealthChecks) && r.Status != CHECKED && (before != after || t.status != r.Status) {
		if r.Status == L7TOUT {
			r.Desc = "" // reference: statistics alone say it
		}
		line := resultLine(s, "Agent", r, after, 1, 1)
		t.Log(p, LevelNotice, line)
		t.mail(p, LevelInfo, line)
	}
	t.status = r.Status
	t.Announce(s, change, r)
}

// Announce writes what a change of a server means: its own line, those of the
// servers that track it, the backend's. r is the result that led to it, zero for
// an operator. Any goroutine.
func (c *Checker) Announce(s *proxy.Server, change proxy.Transition, r proxy.Result) {
	if change == proxy.Unchanged {
		return
	}
	reason := ""
	switch {
	case r.Status == "":
		reason = ", changed from CLI"
	case !s.Proxy.Has(proxy.OptLogHealthChecks):
		reason = cause(r)
	}
	c.state(s, change, reason)
	c.follow(s)
}

// state writes the line of a server that changed, and its backend's.
func (c *Checker) state(s *proxy.Server, change proxy.Transition, reason string) {
	p, wall := s.Proxy, c.Clock.Wall().Unix()
	level := LevelNotice
	if change == proxy.WentDown && !s.WasStopping() {
		level = LevelAlert
	}
	line := stateLine(s, change, reason)
	c.Log(p, level, line)
	c.mail(p, level, line)
	c.refreshed(p, wall)
	c.Changed(s, change)
}

// refreshed tells that a backend lost its last server.
func (c *Checker) refreshed(p *proxy.Proxy, wall int64) {
	if p.Refresh(wall) != proxy.WentDown {
		return
	}
	noun := "backend"
	if p.IsFrontend {
		noun = "proxy"
	}
	c.Log(p, LevelEmerg, fmt.Sprintf("%s %s has no server available!", noun, p.Name))
}

// follow carries a change on to the servers that track s.
func (c *Checker) follow(s *proxy.Server) {
	for _, f := range s.Followers() {
		if change := f.Follow(c.Clock.Wall().Unix()); change != proxy.Unchanged {
			c.state(f, change, fmt.Sprintf(" via %s/%s", s.Proxy.Name, s.Name))
			c.follow(f)
		}
	}
}

// adminChanged writes what a change of the administrative state means. was is how
// the server stood before, by whom it was changed: an operator, or the server that
// it tracks, which via names. Any goroutine.
func (c *Checker) adminChanged(s *proxy.Server, was adminState, via string) {
	now, before := s.Admin(), was.admin
	if now == before {
		return
	}
	p := s.Proxy
	a := p.Availability()
	text, level := "", LevelNotice
	switch {
	case now.Maint() && !before.Maint():
		if !before.Drain() && was.oper.Up() { // reference: else it had left already
			level = LevelAlert
		}
		text = fmt.Sprintf("%s %s/%s is going DOWN for maintenance%s.%s", title(s), p.Name, s.Name, via, left(s, a))
	case before&proxy.ForcedMaint != 0 && now&proxy.ForcedMaint == 0 && now.Maint():
		text = fmt.Sprintf("%s %s/%s is leaving forced maintenance but remains in maintenance.", title(s), p.Name, s.Name)
	case before.Maint() && !now.Maint():
		forced := "forced "
		if via != "" {
			forced = ""
		}
		text = fmt.Sprintf("%s %s/%s is UP/READY (leaving %smaintenance).", title(s), p.Name, s.Name, forced)
	case now.Drain() && !before.Drain():
		rest := online(s, a)
		if s.Oper() == proxy.Down {
			rest = left(s, a)
		}
		text = fmt.Sprintf("%s %s/%s enters drain state%s.%s", title(s), p.Name, s.Name, via, rest)
	case before.Drain() && !now.Drain():
		text = fmt.Sprintf("%s %s/%s is UP (leaving %sdrain).", title(s), p.Name, s.Name, map[bool]string{true: "forced "}[via == ""])
	}
	if text == "" {
		return
	}
	c.Log(p, level, text)
	c.mail(p, level, text)
	c.refreshed(p, c.Clock.Wall().Unix())
}

// cause is a result in the words of a log line.
func cause(r proxy.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, ", reason: %s", Reason(r.Status))
	if HasCode(r.Status) {
		fmt.Fprintf(&b, ", code: %d", r.Code)
	}
	if r.Desc != "" {
		fmt.Fprintf(&b, ", info: \"%s\"", printable(r.Desc))
	}
	if !r.Analysed {
		fmt.Fprintf(&b, ", check duration: %dms", r.Duration.Milliseconds())
	}
	return b.String()
}

// printable writes what is no printable ASCII as <XX>.
func printable(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			fmt.Fprintf(&b, "<%02X>", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func title(s *proxy.Server) string {
	if s.IsBackup() {
		return "Backup Server"
	}
	return "Server"
}

// stateLine is the line of a server that came up, went down or is stopping.
func stateLine(s *proxy.Server, change proxy.Transition, reason string) string {
	a := s.Proxy.Availability()
	what := map[proxy.Transition]string{proxy.WentUp: "UP", proxy.WentDown: "DOWN", proxy.WentStopping: "stopping"}[change]
	text := fmt.Sprintf("%s %s/%s is %s%s.", title(s), s.Proxy.Name, s.Name, what, reason)
	if change == proxy.WentDown {
		return text + left(s, a)
	}
	return text + online(s, a)
}

func onBackup(a proxy.Availability) string {
	if a.OnBackup() {
		return " Running on backup."
	}
	return ""
}

func left(s *proxy.Server, a proxy.Availability) string {
	return fmt.Sprintf(" %d active and %d backup servers left.%s %d sessions active, %d requeued, %d remaining in queue.",
		a.Active, a.Backup, onBackup(a), s.Conn.Load(), s.Requeued(), s.QueueLen())
}

func online(s *proxy.Server, a proxy.Availability) string {
	return fmt.Sprintf(" %d active and %d backup servers online.%s %d sessions requeued, %d total in queue.", a.Active, a.Backup, onBackup(a), s.Requeued(), s.QueueLen())
}

// resultLine is the line of one result, with what is left of the health.
func resultLine(s *proxy.Server, who string, r proxy.Result, health, rise, fall int) string {
	outcome := "failed"
	switch {
	case r.Conditional:
		outcome = "conditionally succeeded"
	case r.OK:
		outcome = "succeeded"
	}
	word, now, of := "DOWN", health, rise
	if health >= rise {
		word, now, of = "UP", health-rise+1, fall
		if s.UserWeight() == 0 || s.Admin().Drain() {
			word = "DRAIN"
		}
	}
	kind := "server"
	if s.IsBackup() {
		kind = "backup server"
	}
	return fmt.Sprintf("%s check for %s %s/%s %s%s, status: %d/%d %s.",
		who, kind, s.Proxy.Name, s.Name, outcome, cause(r), now, of, word)
}
