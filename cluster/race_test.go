//go:build race

package cluster

// defaultRuns is how many random fleets are simulated: the detector makes each dear.
const defaultRuns = 15
