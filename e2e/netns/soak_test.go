//go:build soak

package netns

import "time"

// cutTime is how long a partition lasts.
const cutTime = 20 * time.Second
