package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gohap/cluster/member"
	"gohap/cluster/state"
)

// Status is what a person wants to know of the fleet, as this node sees it. The JSON
// is a contract.
type Status struct {
	Fleet      string       `json:"fleet"`
	Leader     string       `json:"leader"` // name
	Generation uint64       `json:"generation"`
	Healthy    bool         `json:"healthy"`
	Summary    string       `json:"summary"`
	Nodes      []NodeStatus `json:"nodes"`
}

// NodeStatus is a row of the table.
type NodeStatus struct {
	Name       string `json:"name"`
	ID         string `json:"id"`
	Address    string `json:"address"`
	Role       string `json:"role"` // leader, voter, non-voter, or - before it is taken in
	State      string `json:"state"`
	Generation uint64 `json:"generation"`
	Active     bool   `json:"active"`   // it serves the active generation
	RaftLag    uint64 `json:"raft_lag"` // entries; of this node alone
	TableLag   int64  `json:"table_lag_ms"`
	Sessions   int64  `json:"sessions"`
	VIP        bool   `json:"vip"`
	Version    string `json:"version"`
	Uptime     int64  `json:"uptime_s"`
	// Secrets are names of those that it accepts, the one that it uses first.
	Secrets []string `json:"secrets,omitempty"`
}

// Status looks at the fleet without asking anybody: it works without a leader.
func (n *Node) Status() *Status {
	s, index, _ := n.raft.State()
	st := &Status{Fleet: s.Fleet, Generation: s.Active}
	leader := n.raft.Leader()
	servers, _ := n.raft.Servers()
	roles := map[string]string{}
	voters := 0
	for _, v := range servers {
		if v.Voter {
			voters++
		}
		switch {
		case v.ID == leader:
			roles[v.ID] = "leader"
		case v.Voter:
			roles[v.ID] = "voter"
		default:
			roles[v.ID] = "non-voter"
		}
	}
	stats := n.raft.Stats()
	seen := map[string]bool{}
	for _, m := range n.list.Members() {
		if _, in := s.Node(m.ID); !in && len(s.Nodes) > 0 && (m.State == member.Failed || m.State == member.Left) {
			n.list.Forget(m.ID) // it was removed, or never taken in
			continue
		}
		r := NodeStatus{Name: m.Meta.Name, ID: m.ID, Address: m.Addr.String(), Role: roles[m.ID], State: string(m.State),
			Generation: m.Meta.Generation, Active: s.Active != 0 && m.Meta.Generation == s.Active,
			Sessions: m.Meta.Sessions, TableLag: m.Meta.TableLag, VIP: m.Meta.VIP, Version: m.Meta.Version, Uptime: m.Meta.Started, Secrets: strings.Fields(m.Meta.Secrets)}
		if m.State == member.Alive && m.Meta.State != "" && m.Meta.State != "leaving" {
			r.State = m.Meta.State
		}
		if m.State == member.Failed || m.State == member.Left {
			r.VIP = false // what it said last
		}
		if m.ID == n.id.ID {
			if stats.Halted == nil { // Raft's own entries count too
				index = max(index, stats.Applied)
			}
			r.RaftLag = stats.Last - min(index, stats.Last)
			r.Uptime = int64(time.Since(n.started).Seconds())
			if n.config.Load != nil {
				r.TableLag = n.config.Load().TableLag
			}
		}
		if r.Role == "" {
			r.Role = "-"
		}
		if m.ID == leader {
			st.Leader = m.Meta.Name
		}
		seen[m.ID] = true
		st.Nodes = append(st.Nodes, r)
	}
	for _, k := range s.Nodes { // who was not seen since this one started
		if !seen[k.ID] {
			st.Nodes = append(st.Nodes, NodeStatus{Name: k.Name, ID: k.ID, Address: "-", Role: roles[k.ID], State: string(member.Failed)})
		}
	}
	st.Healthy, st.Summary = n.judge(st, s, voters)
	return st
}

// judge says in one sentence how the fleet is and what to do; the worst comes first.
func (n *Node) judge(st *Status, s *state.State, voters int) (healthy bool, summary string) {
	n.mu.Lock()
	waits, refused, of, differ := n.waits, n.refused, n.refusedOf, n.differ
	n.mu.Unlock()
	stats := n.raft.Stats()
	var gone, silent, behind, vip, draining []string
	there := 0
	for _, r := range st.Nodes {
		switch member.State(r.State) {
		case member.Failed:
			gone, silent = append(gone, r.Name), append(silent, r.Name)
		case member.Suspect, member.Left:
			silent = append(silent, r.Name)
		default:
			if r.Role == "leader" || r.Role == "voter" {
				there++
			}
			if s.Active != 0 && !r.Active {
				behind = append(behind, r.Name)
			}
		}
		if r.State == stateDraining {
			draining = append(draining, r.Name)
		}
		if r.VIP && member.State(r.State) != member.Suspect {
			vip = append(vip, r.Name)
		}
	}
	slices.Sort(gone)
	slices.Sort(silent)
	switch {
	case stats.Parked != nil:
		return false, fmt.Sprintf("This node's disk failed (%v): it serves on and takes no part in agreeing; mend the disk and restart it.", stats.Parked)
	case stats.Halted != nil:
		return false, fmt.Sprintf("This node stopped following the fleet: %v.", stats.Halted)
	case len(vip) > 1:
		return false, fmt.Sprintf("%s HOLD THE ADDRESS AT ONCE: look at keepalived and the network between them.", strings.Join(vip, " and "))
	case waits != "":
		return false, "This node is not in the fleet yet: " + waits + "."
	case st.Leader == "" && there*2 <= voters:
		return false, fmt.Sprintf("No leader: %d of %d voters are here, more than half are needed; every node serves its last good configuration. Missing: %s.", there, voters, strings.Join(silent, ", "))
	case st.Leader == "":
		return false, "No leader at the moment; one is being elected."
	case refused != "" && of == s.Active:
		return false, fmt.Sprintf("This node does not serve generation %d: %s.", of, refused)
	case s.Active == 0 && differ != "":
		return false, "Unmanaged: " + differ + "."
	case s.Active == 0:
		return false, "Unmanaged: no configuration is agreed on yet."
	case len(gone) > 0:
		return false, fmt.Sprintf("%s failed; start it again, or 'gohap cluster remove %s' when it is gone for good.", strings.Join(gone, ", "), gone[0])
	case len(behind) > 0:
		return false, fmt.Sprintf("%s not serving generation %d yet.", strings.Join(behind, ", "), st.Generation)
	}
	drains := ""
	if len(draining) > 0 {
		drains = fmt.Sprintf("; out of service: %s ('gohap node undrain' there)", strings.Join(draining, ", "))
	}
	return true, fmt.Sprintf("Healthy: %d nodes serve generation %d%s.", len(st.Nodes), st.Generation, drains)
}

// History are the generations that are kept, the newest first.
func (n *Node) History() (all []state.Generation, active uint64) {
	s, _, _ := n.raft.State()
	all = slices.Clone(s.Generations)
	slices.Reverse(all)
	return all, s.Active
}
