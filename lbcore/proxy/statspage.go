package proxy

import (
	"gohap/lbcore/acl"
	"gohap/lbcore/auth"
	"gohap/lbcore/rule"
)

// StatsPage is what a proxy's stats lines say of its statistics page. It is
// read-only once the configuration was read.
type StatsPage struct {
	URI     []byte // requests whose path and query begin with it are the page's
	Realm   string
	Refresh int        // seconds between refreshes, zero for none
	Users   *auth.List // who may see it, nil for everybody
	Scope   []string   // the proxies that it shows, "." for its own; none for all
	Admin   []*acl.Cond
	// Rules are its own http-request rules.
	Rules rule.Set

	HideVersion, ShowLegends, ShowModules bool
	// Node and Desc are shown where ShowNode and ShowDesc are set; empty means the
	// process's own.
	ShowNode, ShowDesc bool
	Node, Desc         string
}

// InScope tells whether the page of proxy own shows proxy p.
func (s *StatsPage) InScope(own, p *Proxy) bool {
	for _, name := range s.Scope {
		if name == p.Name || name == "." && p == own {
			return true
		}
	}
	return len(s.Scope) == 0
}
