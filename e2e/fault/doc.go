// Package fault is the fault run: mixed requests with aborts, resets,
// time-outs, exhausted descriptors and panics injected in every phase, against
// an instance in the test's own process. Afterwards every gauge must be zero and
// goroutines, descriptors and buffers back to what they were after warm-up.
//
// A short run belongs to make test, the long one to make soak (-requests N). It
// needs a test build: go test -tags invariants.
package fault
