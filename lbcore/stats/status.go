package stats

import (
	"fmt"

	"gohap/lbcore/proxy"
)

// status is the word of column status.
func status(o *object) cell {
	switch o.kind {
	case 'F':
		return word([...]string{"OPEN", "PAUSED", "STOP"}[proxy.State(o.p.State.Load())])
	case 'L':
		if o.b.Maxconn > 0 && o.b.Conn.Load() >= o.b.Maxconn {
			return word("FULL")
		}
		if proxy.State(o.p.State.Load()) == proxy.Paused {
			return word("WAITING")
		}
		return word("OPEN")
	case 'S':
		return word(serverStatus(o.s, &o.health))
	}
	return word(backendStatus(o))
}

// backendStatus is UP while one server is usable or there is none at all; when
// lines were left out it says how many of how many are up, whatever their
// weight.
func backendStatus(o *object) string {
	text := "UP"
	if len(o.p.Set().All) > 0 && o.p.Availability() == (proxy.Availability{}) {
		text = "DOWN"
	}
	if o.only {
		up := 0
		for _, s := range o.p.Set().All {
			if s.Oper() != proxy.Down && !s.Admin().Maint() {
				up++
			}
		}
		text += fmt.Sprintf(" (%d/%d)", up, len(o.p.Set().All))
	}
	return text
}

// checks tells whether a server is checked. Reference: one whose checks are switched
// off is shown as if it had none.
func checks(s *proxy.Server) bool { return s.Check != nil && !s.ChecksOff() }

// serverStatus joins administrative state, operational state and what checks
// have counted so far: UP 2/3 is two failures from down, DOWN 1/2 one success
// from up.
func serverStatus(s *proxy.Server, h *proxy.Health) string {
	admin := s.Admin()
	switch {
	case admin&proxy.ResolutionMaint != 0:
		return "MAINT (resolution)"
	case admin&proxy.InheritedMaint != 0 && s.Watch.Track != nil:
		return "MAINT (via " + s.Watch.Track.Proxy.Name + "/" + s.Watch.Track.Name + ")"
	case admin.Maint():
		return "MAINT"
	case s.Agent != nil && s.AgentHealth().Value == 0:
		return "DOWN (agent)"
	case s.Agent != nil && admin.Drain() && s.Oper().Up():
		return "DRAIN (agent)"
	case s.Watch.Track != nil:
		t := s.Watch.Track
		for t.Watch.Track != nil {
			t = t.Watch.Track
		}
		th := t.Health()
		return serverStatus(t, &th)
	case !checks(s) && admin.Drain() && s.Oper().Up():
		return "DRAIN"
	case !checks(s) && s.Oper().Up():
		return "no check"
	}
	rise, fall := 0, 0
	if checks(s) {
		rise, fall = s.Check.Rise, s.Check.Fall
	}
	if s.Oper() == proxy.Down {
		if h.Value > 0 && checks(s) {
			return fmt.Sprintf("DOWN %d/%d", h.Value, rise)
		}
		return "DOWN"
	}
	text := "UP"
	switch {
	case admin.Drain():
		text = "DRAIN"
	case s.Oper() == proxy.Stopping:
		text = "NOLB"
	}
	if checks(s) && h.Value < rise+fall-1 {
		text += fmt.Sprintf(" %d/%d", h.Value-rise+1, fall)
	}
	return text
}
