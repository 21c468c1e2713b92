package check

import "gohap/lbcore/proxy"

// Restore takes the state of a server that another process wrote down and tells of
// it as the reference does: what went down or is stopping, what an operator had
// enabled; a backend's loss of its last server is no news. Once prepared, before
// Start.
func (c *Checker) Restore(s *proxy.Server, w *proxy.Saved) {
	wall := c.Clock.Wall().Unix()
	change, left := s.Restore(w, wall)
	switch change {
	case proxy.WentUp:
		c.told(s, change, "")
	case proxy.WentDown, proxy.WentStopping:
		reason := ", changed from server-state after a reload"
		if t := s.Watch.Track; t != nil {
			reason += " via " + t.Proxy.Name + "/" + t.Name
		}
		c.told(s, change, reason)
		c.followRestored(s, wall)
	}
	if left {
		c.Log(s.Proxy, LevelNotice, title(s)+" "+s.Proxy.Name+"/"+s.Name+" is UP/READY (leaving forced maintenance).")
	}
	s.Proxy.Refresh(wall)
}

func (c *Checker) followRestored(s *proxy.Server, wall int64) {
	for _, f := range s.Followers() {
		if change := f.Follow(wall); change != proxy.Unchanged {
			c.told(f, change, " via "+s.Proxy.Name+"/"+s.Name)
			c.followRestored(f, wall)
		}
	}
}

// told writes a change's line alone.
func (c *Checker) told(s *proxy.Server, change proxy.Transition, reason string) {
	level := LevelNotice
	if change == proxy.WentDown {
		level = LevelAlert
	}
	c.Log(s.Proxy, level, stateLine(s, change, reason))
}
