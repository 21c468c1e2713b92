package proxy

import "gohap/lbcore/balance"

// Availability is what a backend can serve with at one moment.
type Availability struct {
	Active, Backup int // usable servers
	Weight         int // of those that traffic goes to, as slowstart throttles it
	User           int // the same, not throttled
}

// OnBackup tells whether only backup servers are left.
func (a Availability) OnBackup() bool { return a.Active == 0 && a.Backup > 0 }

// Availability counts the usable servers; any goroutine.
func (p *Proxy) Availability() Availability {
	var a Availability
	backup, user := 0, 0
	for _, s := range p.Set().All {
		switch w := int(s.eff.Load()); {
		case w == 0:
		case !s.IsBackup():
			a.Active++
			a.Weight += w
			a.User += s.UserWeight()
		default:
			a.Backup++
			if a.Backup == 1 || p.Has(OptAllBackups) {
				backup += w
				user += s.UserWeight()
			}
		}
	}
	if a.Active == 0 {
		a.Weight, a.User = backup, user
	}
	a.Weight = (a.Weight + balance.WeightScale - 1) / balance.WeightScale
	return a
}

// Refresh compares what the backend can serve with with what was known and
// keeps the moment and the number of changes. It reports a change to exactly
// one of several callers; any goroutine.
func (p *Proxy) Refresh(wallSec int64) Transition {
	up := len(p.Set().All) == 0 || p.Availability() != (Availability{})
	if !p.isDown.CompareAndSwap(up, !up) {
		return Unchanged
	}
	last := p.LastChange.Swap(wallSec)
	if up {
		p.DownTime.Add(wallSec - last)
		return WentUp
	}
	p.Downs.Add(1)
	return WentDown
}

// IsDown tells whether no server was usable at the last Refresh.
func (p *Proxy) IsDown() bool { return p.isDown.Load() }

// ClearChecks forgets what checks have counted and how long the server was
// down, as "clear counters all" does; any goroutine.
func (s *Server) ClearChecks(wallSec int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.health
	h.Fails, h.Downs, h.DownTime = 0, 0, 0
	h.DownSince, h.LastChange = wallSec, wallSec
}

// IdleOn returns the idle connections that a loop holds; on that loop only.
func (s *Server) IdleOn(id int) int {
	if id >= len(s.pools) {
		return 0
	}
	return len(s.pools[id].conns)
}
