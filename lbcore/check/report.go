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
	before := s.Health().Value
	change := s.Checked(r, wall)
	after := s.Health().Value
	verbose := p.Has(proxy.OptLogHealthChecks)
	// reference: with log-health-checks a result is logged when it changes the
	// health or differs from the one before.
	if verbose && (before != after || t.status != r.Status) {
		t.Log(p, LevelNotice, resultLine(s, r, after))
	}
	t.status = r.Status
	if change == proxy.Unchanged {
		return
	}
	backend := p.Refresh(wall)
	level, reason := LevelAlert, ""
	if change == proxy.WentUp {
		level = LevelNotice
	}
	if !verbose {
		reason = cause(r)
	}
	t.Log(p, level, stateLine(s, change, reason))
	if backend == proxy.WentDown {
		t.Log(p, LevelEmerg, fmt.Sprintf("backend %s has no server available!", p.Name))
	}
	t.Changed(s, change)
}

// cause is a result in the words of a log line.
func cause(r proxy.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, ", reason: %s", Reason(r.Status))
	if r.Code > 0 {
		fmt.Fprintf(&b, ", code: %d", r.Code)
	}
	if r.Desc != "" {
		fmt.Fprintf(&b, ", info: %q", r.Desc)
	}
	fmt.Fprintf(&b, ", check duration: %dms", r.Duration.Milliseconds())
	return b.String()
}

func title(s *proxy.Server) string {
	if s.Backup {
		return "Backup Server"
	}
	return "Server"
}

// stateLine is the line of a server that came up or went down.
func stateLine(s *proxy.Server, change proxy.Transition, reason string) string {
	a := s.Proxy.Availability()
	on := ""
	if a.OnBackup() {
		on = " Running on backup."
	}
	if change == proxy.WentUp {
		return fmt.Sprintf("%s %s/%s is UP%s. %d active and %d backup servers online.%s 0 sessions requeued, 0 total in queue.",
			title(s), s.Proxy.Name, s.Name, reason, a.Active, a.Backup, on)
	}
	return fmt.Sprintf("%s %s/%s is DOWN%s. %d active and %d backup servers left.%s %d sessions active, 0 requeued, 0 remaining in queue.",
		title(s), s.Proxy.Name, s.Name, reason, a.Active, a.Backup, on, s.Conn.Load())
}

// resultLine is the line of one result, with what is left of the health.
func resultLine(s *proxy.Server, r proxy.Result, health int) string {
	outcome := "failed"
	if r.OK {
		outcome = "succeeded"
	}
	word, now, of := "DOWN", health, s.Check.Rise
	if health >= s.Check.Rise {
		word, now, of = "UP", health-s.Check.Rise+1, s.Check.Fall
	}
	kind := "server"
	if s.Backup {
		kind = "backup server"
	}
	return fmt.Sprintf("Health check for %s %s/%s %s%s, status: %d/%d %s.",
		kind, s.Proxy.Name, s.Name, outcome, cause(r), now, of, word)
}
