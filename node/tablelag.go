package node

import (
	"sync"
	"time"

	tables "gohap/peers/fleet"
)

// lag tells for how long the slowest of the other nodes has not had what this one
// counted. It looks now and then: at each look it notes how many changes there are, and a
// node is as far behind as the oldest look whose changes it does not have.
type lag struct {
	mu    sync.Mutex
	looks map[lagKey][]look
	now   time.Duration // the longest, at the last look
}

// lagKey is a table at another node.
type lagKey struct{ node, table string }

type look struct {
	at      time.Time
	changes uint64
}

// mostLooks bounds what is kept of a node that takes nothing: of more looks every second
// one goes.
const mostLooks = 64

// see takes over how the nodes of the section are.
func (l *lag) see(nodes []tables.PeerView, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	former := l.looks
	l.looks, l.now = map[lagKey][]look{}, 0
	for _, n := range nodes {
		for _, t := range n.Lags {
			if !t.Known {
				continue
			}
			k := lagKey{n.Name, t.Table}
			has := t.Changes - t.Behind
			all := append(former[k], look{at, t.Changes})
			for len(all) > 0 && all[0].changes <= has {
				all = all[1:]
			}
			if len(all) > mostLooks {
				for i := range all[:mostLooks/2] {
					all[i] = all[2*i]
				}
				all = append(all[:mostLooks/2], all[len(all)-1])
			}
			if len(all) > 0 {
				l.looks[k], l.now = all, max(l.now, at.Sub(all[0].at))
			}
		}
	}
}

// millis is how long the lag is.
func (l *lag) millis() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.Milliseconds()
}
