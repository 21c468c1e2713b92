package check

import (
	"fmt"
	"strconv"
	"strings"

	"gohap/lbcore/proxy"
)

// This file is what operators and agents may do to a server. A change is told as
// the result of a check is: in lines, to trackers, to the backend. Any goroutine
// may call it, once started. What cannot be done is said in the reference's words.

// newWeight returns the weight that an agent asks for; warn is why not.
func newWeight(text string, s *proxy.Server) (weight int, warn string) {
	digits, relative := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	switch {
	case text == "":
		return 0, "Require <weight> or <weight%>."
	case err != nil && (digits == "" || digits[0] < '0' || digits[0] > '9'):
		return 0, "Empty weight string empty or preceded by garbage"
	case err != nil:
		return 0, "Trailing garbage in weight string"
	case relative && n < 0:
		return 0, "Relative weight must be positive."
	case relative:
		n = min(s.Weight0*n/100, 256)
	case n < 0 || n > 256:
		return 0, "Absolute weight can only be between 0 and 256 inclusive."
	}
	if s.FixedWeight() && n != 0 && n != s.Weight0 {
		return 0, "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'."
	}
	return n, ""
}

// SetWeight changes a server's weight, absolute or in percent of the configured
// one; warn is why not.
func (c *Checker) SetWeight(s *proxy.Server, text string) (warn string) {
	w, warn := newWeight(text, s)
	if warn == "" && s.UserWeight() != w {
		s.SetWeight(w)
		c.refreshed(s.Proxy, c.Clock.Wall().Unix())
	}
	return warn
}

// SetMaxconn changes a server's maxconn; warn is why not.
func SetMaxconn(s *proxy.Server, text string) (warn string) {
	n, err := strconv.Atoi(text)
	switch {
	case text == "":
		return "Require <maxconn>."
	case err != nil && (text[0] < '0' || text[0] > '9'):
		return "maxconn string empty or preceded by garbage"
	case err != nil:
		return "Trailing garbage in maxconn string"
	}
	s.SetMaxconn(int64(n))
	return ""
}

// SetAdmin is ready, drain and maint; another word does nothing and is refused.
func (c *Checker) SetAdmin(s *proxy.Server, word string) bool {
	switch word {
	case "ready":
		c.admin(s, 0, proxy.ForcedMaint|proxy.ForcedDrain)
	case "drain":
		c.admin(s, proxy.ForcedDrain, proxy.ForcedMaint)
	case "maint":
		c.admin(s, proxy.ForcedMaint, proxy.ForcedDrain)
	default:
		return false
	}
	return true
}

// Enable takes a server out of maintenance and leaves its drain alone.
func (c *Checker) Enable(s *proxy.Server) {
	c.admin(s, 0, proxy.ForcedMaint)
}

// Drain has a server take no new traffic, or again; a maintenance stays as it is.
func (c *Checker) Drain(s *proxy.Server, on bool) {
	if on {
		c.admin(s, proxy.ForcedDrain, 0)
		return
	}
	c.admin(s, 0, proxy.ForcedDrain)
}

// admin changes a server's administrative state, and tells of it and of the
// servers that track it.
func (c *Checker) admin(s *proxy.Server, set, clear proxy.Admin) {
	wall, before := c.Clock.Wall().Unix(), adminState{s.Admin(), s.Oper()}
	s.SetOwnAdmin(set, clear, wall)
	c.adminChanged(s, before, "")
	c.handOn(s, wall)
}

// handOn carries an administrative state on to the servers that track s.
func (c *Checker) handOn(s *proxy.Server, wall int64) {
	for _, f := range s.Followers() {
		before := adminState{f.Admin(), f.Oper()}
		if f.InheritOwn(wall) {
			c.adminChanged(f, before, fmt.Sprintf(" via %s/%s", s.Proxy.Name, s.Name))
			c.handOn(f, wall)
		}
	}
}

// Tell writes a line about a backend: to its log targets, and where the checker tells of
// changes. Any goroutine.
func (c *Checker) Tell(p *proxy.Proxy, line string) { c.Log(p, LevelNotice, line) }

// Unresolved takes a server out because its name has no address. Any goroutine.
func (c *Checker) Unresolved(s *proxy.Server, reason string) {
	p, before := s.Proxy, adminState{s.Admin(), s.Oper()}
	if before.admin&proxy.ResolutionMaint != 0 {
		return
	}
	wall := c.Clock.Wall().Unix()
	s.SetOwnAdmin(proxy.ResolutionMaint, 0, wall)
	if !before.admin.Maint() {
		text, level := fmt.Sprintf("%s %s/%s was DOWN and now enters maintenance (%s).", title(s), p.Name, s.Name, reason), LevelNotice
		if before.oper != proxy.Down {
			text, level = fmt.Sprintf("%s %s/%s is going DOWN for maintenance (%s).%s", title(s), p.Name, s.Name, reason, left(s, p.Availability())), LevelAlert
		}
		c.Log(p, level, text)
		c.mail(p, level, text)
		c.refreshed(p, wall)
	}
	c.handOn(s, wall)
}

// Resolved brings a server back whose name has an address again. Any goroutine.
func (c *Checker) Resolved(s *proxy.Server) {
	if s.Admin()&proxy.ResolutionMaint == 0 {
		return
	}
	p, wall := s.Proxy, c.Clock.Wall().Unix()
	s.SetOwnAdmin(0, proxy.ResolutionMaint, wall)
	text := fmt.Sprintf("%s %s/%s ('%s') resolves again but remains in maintenance.", title(s), p.Name, s.Name, s.Host())
	if ready := !s.Admin().Maint(); ready {
		text = fmt.Sprintf("%s %s/%s ('%s') is UP/READY (resolves again).", title(s), p.Name, s.Name, s.Host())
	}
	c.Log(p, LevelNotice, text)
	c.mail(p, LevelNotice, text)
	c.Log(p, LevelNotice, fmt.Sprintf("%s %s/%s administratively READY thanks to valid DNS answer.", title(s), p.Name, s.Name))
	c.refreshed(p, wall)
	c.handOn(s, wall)
}

// adminState is how a server stood before a change.
type adminState struct {
	admin proxy.Admin
	oper  proxy.Operational
}

// SetHealth is up, stopping and down, until checks say otherwise.
func (c *Checker) SetHealth(s *proxy.Server, word string) bool {
	to, ok := map[string]proxy.Operational{"up": proxy.Running, "stopping": proxy.Stopping, "down": proxy.Down}[word]
	if ok {
		c.Announce(s, s.ForceHealth(to, c.Clock.Wall().Unix()), proxy.Result{})
	}
	return ok
}

// SetAgent is up and down, until the agent says otherwise.
func (c *Checker) SetAgent(s *proxy.Server, word string) bool {
	if word != "up" && word != "down" {
		return false
	}
	c.Announce(s, s.ForceAgent(word == "up", c.Clock.Wall().Unix()), proxy.Result{})
	return true
}

// EnableAgent lets a server's agent be asked, or not.
func (c *Checker) EnableAgent(s *proxy.Server, on bool) {
	c.Announce(s, s.EnableAgent(on, c.Clock.Wall().Unix()), proxy.Result{})
}
