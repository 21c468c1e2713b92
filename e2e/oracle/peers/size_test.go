//go:build !soak

package peers

// entries is how many a resync has.
const entries = 10_000

// updates is how many updates of entries TestManyUpdates sends at least.
const updates = 120_000
