// Command suite runs what decides: the steps below in order, every failure with
// its output, one line a package, and "N passed, N failed" at the end.
//
//	lint    gofmt, go vet, staticcheck, the house rules
//	build   bin/gohap-node and bin/gohap
//	unit    go test of everything else
//	fault   panics and aborts in a test build
//	vtc     scenarios on the reference, then on gohap
//	oracle  gohap and the reference side by side
//
//	go run ./e2e/suite [STEP...]
//
// A test counts once, its subtests instead of itself where it has any. A step
// whose programs are not installed is skipped by name, never passed in silence.
// It imports the standard library and e2e/oracle.
package main
