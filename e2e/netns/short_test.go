//go:build !soak

package netns

import "time"

const (
	cutTime   = 5 * time.Second // how long a partition lasts
	pauseTime = 5 * time.Second // and a node stands still
	lossTime  = 5 * time.Second
	moveLimit = 2 * time.Second // nobody answers at the address where its holder was killed: of one sample, on a machine that does other things
	repeats   = 1               // of what is measured
)
