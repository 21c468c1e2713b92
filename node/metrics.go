package node

import (
	"context"
	"time"

	"gohap/cluster"
	"gohap/lbcore/stats"
)

// measureEvery is how old the exporter's metrics of the fleet may be.
const measureEvery = time.Second

// memberStates are the states by which members are counted.
var memberStates = []string{"alive", "suspect", "failed", "left", "draining", "unmanaged"}

// metrics are the exporter's, as they were a second ago at the most: loops ask.
func (f *fleet) metrics() []stats.Metric {
	if m := f.measured.Load(); m != nil {
		return *m
	}
	return nil
}

// measure keeps them fresh, until ctx ends.
func (f *fleet) measure(ctx context.Context) {
	for {
		m := fleetMetrics(f.node.Status(), f.node.ID())
		f.measured.Store(&m)
		if pause(ctx, measureEvery) != nil {
			return
		}
	}
}

// fleetMetrics words a status as the node with an id sees it.
func fleetMetrics(s *cluster.Status, id string) []stats.Metric {
	one := func(n int64) []stats.MetricValue { return []stats.MetricValue{{N: n}} }
	bit := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	count := map[string]int64{}
	var own cluster.NodeStatus
	for _, n := range s.Nodes {
		count[n.State]++
		if n.ID == id {
			own = n
		}
	}
	var members, leads []stats.MetricValue
	for _, state := range memberStates {
		members = append(members, stats.MetricValue{Label: "state", Text: state, N: count[state]})
	}
	for _, n := range s.Nodes {
		leads = append(leads, stats.MetricValue{Label: "node", Text: n.Name, N: bit(n.Name == s.Leader)})
	}
	return []stats.Metric{
		{Name: "gohap_fleet_healthy", Help: "1 where 'gohap cluster status' says that all is well", Values: one(bit(s.Healthy))},
		{Name: "gohap_fleet_members", Help: "Nodes of the fleet by state", Values: members},
		{Name: "gohap_fleet_leader", Help: "1 for the node that leads, as this node sees it", Values: leads},
		{Name: "gohap_fleet_generation_active", Help: "Generation that the fleet agreed on, 0 for none", Values: one(int64(s.Generation))},
		{Name: "gohap_fleet_generation_running", Help: "Generation that this node serves, 0 for its own file", Values: one(int64(own.Generation))},
		{Name: "gohap_fleet_raft_lag_entries", Help: "Entries of the fleet's log that this node has not followed yet", Values: one(int64(own.RaftLag))},
		{Name: "gohap_fleet_table_lag_milliseconds", Help: "How long the slowest of the other nodes has not had what this one counted", Values: one(own.TableLag)},
		{Name: "gohap_fleet_vip_held", Help: "1 where the fleet's address is on this machine", Values: one(bit(own.VIP))},
	}
}
