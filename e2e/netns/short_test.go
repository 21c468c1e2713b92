//go:build !soak

package netns

import "time"

const (
	cutTime   = 5 * time.Second // how long a partition lasts
	pauseTime = 5 * time.Second // and a node stands still
	lossTime  = 5 * time.Second
	repeats   = 1 // of what is measured
)
