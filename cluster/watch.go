package cluster

import (
	"time"

	"gohap/cluster/member"
)

// watchEvery is how often it is looked for what an operator is to be told.
const watchEvery = 200 * time.Millisecond

// watch tells the log once who leads, who fails and who comes back.
func (n *Node) watch() {
	leader := ""
	states := map[string]member.State{}
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-n.ctx.Done():
			return
		}
		if now := n.raft.Leader(); now != leader {
			switch {
			case now != "":
				n.config.Log.Info("fleet: there is a leader", "node", n.called(now))
			default:
				n.config.Log.Warn("fleet: there is no leader", "before", n.called(leader))
			}
			leader = now
		}
		for _, m := range n.list.Members() {
			s := m.State
			if s == member.Suspect {
				s = member.Alive
			}
			was, known := states[m.ID]
			states[m.ID] = s
			switch {
			case m.ID == n.id.ID || known && was == s || !known && s != member.Alive:
			case s == member.Alive && !known:
				n.config.Log.Info("fleet: a node is there", "node", m.Meta.Name, "address", m.Addr)
			case s == member.Alive:
				n.config.Log.Info("fleet: a node is back", "node", m.Meta.Name, "address", m.Addr)
			case s == member.Left:
				n.config.Log.Info("fleet: a node left", "node", m.Meta.Name)
			default:
				n.config.Log.Warn("fleet: a node failed", "node", m.Meta.Name, "address", m.Addr)
			}
		}
	}
}

// called is a node's name, its id where that is not known.
func (n *Node) called(id string) string {
	if id == n.id.ID {
		return n.config.Name
	}
	if m, ok := n.list.Member(id); ok {
		return m.Meta.Name
	}
	return id
}
