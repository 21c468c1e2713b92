package lbcore

import (
	"fmt"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/proxy"
	"gohap/peers/fleet"
)

// TakeTables lets the stick tables of an instance that this configuration takes the
// place of live on: tables of the same name. What is declared alike is one table for
// both until the former has ended; otherwise the entries are copied, as far as there
// is room, and what comes to the former from then on is not seen. It returns what an
// operator should know: a line for each table that begins empty, because its keys or
// data are others. Before Open; the goroutine that reloads.
func (c *Config) TakeTables(from *Instance) (said []string) {
	former := map[string]*proxy.Table{}
	for _, t := range from.Config.Tables {
		former[t.Name] = t
	}
	for _, t := range c.Tables {
		o := former[t.Name]
		switch {
		case o == nil:
		case t.Same(o.Table):
			t.Table = o.Table
		case t.Fits(o.Table) && t.Fleet && o.Fleet:
			c.absorb(t, o)
		case t.Fits(o.Table):
			t.Fill(o.Table, clock.Millis())
		default:
			said = append(said, fmt.Sprintf("stick-table '%s' (%s:%d) begins empty: its keys or data differ from those before", t.Name, t.File, t.Line))
		}
	}
	return said
}

// absorb has a table of the fleet know what the former one knows: who contributed what,
// so that nothing is counted twice. What the former one counts from then on it is told
// as another node's process tells it.
func (c *Config) absorb(t, former *proxy.Table) {
	old := fleet.Of(former.Table)
	for _, p := range c.Peers {
		if old != nil && p.IsFleet() && fleet.Of(t.Table) == nil {
			fleet.NewTable(t.Table, p.Local, clock.Millis()).Absorb(old, clock.Millis())
		}
	}
}

// expireTables removes what has expired from the stick tables, at each one's pace,
// until the instance stops. Requests see to the ms what has expired; this frees the memory.
func (in *Instance) expireTables() {
	defer in.serving.Done()
	var tables []*proxy.Table
	for _, t := range in.Config.Tables {
		if t.Interval() > 0 {
			tables = append(tables, t)
		}
	}
	if len(tables) == 0 {
		return
	}
	next := make([]uint32, len(tables))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-in.stopped:
			return
		case <-tick.C:
		}
		now := clock.Millis()
		for i, t := range tables {
			if int32(now-next[i]) >= 0 {
				t.Tick(now)
				next[i] = now + t.Interval()
			}
		}
	}
}
