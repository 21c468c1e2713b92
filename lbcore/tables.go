package lbcore

import (
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/proxy"
)

// expireTables removes what has expired from the stick tables, at each one's pace,
// until the instance stops. Requests see to the ms what has expired; this frees the memory.
func (in *Instance) expireTables() {
	defer in.serving.Done()
	var tables []*proxy.Table
	for _, p := range in.Config.Proxies {
		if p.Table != nil && p.Table.Interval() > 0 {
			tables = append(tables, p.Table)
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
		now := uint32(clock.Mono() / int64(time.Millisecond))
		for i, t := range tables {
			if int32(now-next[i]) >= 0 {
				t.Tick(now)
				next[i] = now + t.Interval()
			}
		}
	}
}
