//go:build soak

package netns

import "time"

const (
	cutTime   = 90 * time.Second // how long a partition lasts
	pauseTime = 30 * time.Second // and a node stands still
	lossTime  = 30 * time.Second
	repeats   = 20 // of what is measured
)
