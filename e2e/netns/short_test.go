//go:build !soak

package netns

import "time"

// cutTime is how long a partition lasts.
const cutTime = 5 * time.Second
