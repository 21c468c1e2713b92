package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// tries is how many tests of one run of make test may fail once. Each is run again
// alone, after its step; one that passes then counts as passed and is told as
// unsteady at the end. With more failures than that it is not the machine's noise, and
// none is tried again; soak tries nothing again.
const tries = 3

// A failure is a test that failed, with the flags that it ran with.
type failure struct {
	pkg, test string
	flags     []string
}

// args are what runs it alone.
func (f failure) args() []string {
	names := strings.Split(f.test, "/")
	for i, n := range names {
		names[i] = "^" + regexp.QuoteMeta(n) + "$"
	}
	return append(slices.Clone(f.flags), f.pkg, "-run="+strings.Join(names, "/"))
}

// flagsOf are the arguments of go test before those that name packages.
func flagsOf(args []string) []string {
	if i := slices.IndexFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") }); i >= 0 {
		return args[:i]
	}
	return args
}

// tryAgain runs a step's failed tests once more. left is how many unsteady ones may
// still be; run tells whether a test passes.
func (t *tally) tryAgain(left int, run func(failure) bool) {
	if len(t.failures) == 0 || len(t.failures) != t.failed || t.failed > left {
		return // something else failed too: a build, a package without a verdict
	}
	for _, f := range t.failures {
		fmt.Printf("     again, alone: %s %s\n", f.pkg, f.test)
		if run(f) {
			t.failed--
			t.passed++
			t.unsteady = append(t.unsteady, f.pkg+" "+f.test)
		}
	}
	t.failures = nil
}

// alone runs a test by itself.
func alone(f failure) bool {
	var t tally
	runTests(&t, os.Stdout, f.args()...)
	return t.failed == 0 && t.passed > 0
}
