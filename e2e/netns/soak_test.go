//go:build soak

package netns

import "time"

const (
	cutTime   = 90 * time.Second // how long a partition lasts
	pauseTime = 30 * time.Second // and a node stands still
	lossTime  = 30 * time.Second
	moveLimit = time.Second // nobody answers at the address where its holder was killed: of 95 in 100
	repeats   = 20          // of what is measured
)
