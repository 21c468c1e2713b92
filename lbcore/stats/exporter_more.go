package stats

// A Metric is a gauge that the exporter has from elsewhere, see Instance.More. It stands
// among those of the process.
type Metric struct {
	Name, Help string
	Values     []MetricValue
}

// MetricValue is one of its values, with the label that tells it from the others, ""
// for none.
type MetricValue struct {
	Label, Text string
	N           int64
}

func (e *export) foreign(u *unit, m *Metric) {
	if !e.sel.wants(m.Name) {
		return
	}
	announce(u, m.Name, m.Help, false)
	for _, v := range m.Values {
		u.str(m.Name)
		labels := labels{u: u}
		if v.Label != "" {
			labels.add(v.Label, v.Text)
		}
		labels.end()
		u.str(" ")
		u.int(v.N)
		u.str("\n")
	}
}
