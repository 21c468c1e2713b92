//go:build !soak

package peers

// entries is how many a resync has.
const entries = 10_000
