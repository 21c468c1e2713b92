// Package lint holds the rules of the house as Go tests over the source itself:
//
//	layers.go   docs/layers.txt: imports go down, or sideways along listed edges
//	rules.go    raw system calls, clock, goroutines, init, doc.go, sizes, names, tests
//	locks.go    docs/locks.txt lists every mutex
//	source.go   the parsed tree that the rules read
//
// A rule is a function from the tree to findings; lint_test.go applies all of
// them to the repository, rules_test.go proves each on a source that breaks it.
//
// Exceptions are named where the reader of a package looks first, in its doc.go:
//
//	goroutine (*Writer).Start: the ring's writer, because a pipe may block
//	over 800 lines: table.go: one table, read as one
//	over 6000 lines: why the package is one
//
// It imports the standard library alone and reads the module with go list.
package lint
