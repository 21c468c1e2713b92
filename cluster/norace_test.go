//go:build !race

package cluster

// defaultRuns is how many random fleets are simulated; each takes 0.3 s of a core.
const defaultRuns = 200
