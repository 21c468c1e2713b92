package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	fuzzTime   = flag.Duration("fuzztime", 2*time.Minute, "soak: time of each fuzz target")
	oracleTime = flag.Duration("oracletime", 12*time.Minute, "soak: time in which the oracle begins seeds")
	seed       = flag.Uint64("seed", 0, "soak: first seed of the oracle and of simulated fleets (0: a fresh one)")
)

// testBuild has the assertions on and knows GOHAP_DISABLE=class:name.
const testBuild = "bin/testbuild/gohap-node"

// fault is the fault run; it needs a test build.
var faultRun = []string{"-tags=invariants", "./e2e/fault", "-args", "-requests", "10000", "-handshakes", "10000"}

// soak returns the parts of make soak.
func soak() []step {
	return []step{
		{"build", nil, func(t *tally) { command(t, "make build testbuild", false, "make", "-s", "build", "testbuild") }},
		{"disabled", needsScenarios, inTestBuild("-tags=soak,invariants", "-timeout=40m", "./e2e/vtc", "-run=TestDisabled|TestTwins|TestNoLostTwins")},
		{"race", nil, func(t *tally) {
			goTest(t, "-race", "-tags=invariants", "-count=2", "-timeout=40m", "./lbcore/...", "./stick/...", "./peers/...", "./cluster/...", "./node/...", "./cmd/...")
		}},
		{"fault", nil, func(t *tally) { goTest(t, faultRun...) }},
		{"faultrace", nil, func(t *tally) { goTest(t, append([]string{"-race"}, faultRun...)...) }},
		{"reload", nil, inTestBuild("./e2e/process", "-run=TestReload", "-timeout=20m", "-args", "-clients", "32", "-open", "5000")},
		{"latency", nil, inTestBuild("-tags=soak", "-timeout=30m", "./e2e/process", "-run=TestMillionEntryMap|TestShowManySessions|TestReloadLatency|TestReloadToClients")},
		{"tables", needsReference, func(t *tally) {
			inTestBuild("-tags=soak", "-timeout=20m", "./e2e/process", "-run=TestTableMemory")(t)
			inTestBuild("-tags=soak", "-timeout=20m", "./e2e/oracle/peers")(t)
		}},
		{"netns", needsNamespaces, func(t *tally) { goTest(t, "-tags=soak", "-count=2", "-timeout=40m", "-v", "./e2e/netns") }},
		{"repeat", needsScenarios, func(t *tally) {
			os.Setenv("VTC_PROGRAM", "gohap")
			defer os.Unsetenv("VTC_PROGRAM")
			inTestBuild("-count=3", "-timeout=40m", "./e2e/vtc", "./e2e/process")(t)
		}},
		{"fleets", nil, func(t *tally) {
			goTest(t, "-tags=soak", "-timeout=60m", "./cluster/member", "./peers/fleet", "-run=TestHundred|TestModel")
			goTest(t, "-timeout=60m", "./cluster", "-run=TestRandom", "-args", "-runs=2000", fmt.Sprintf("-first=%d", firstSeed()))
		}},
		{"checks", needsReference, inTestBuild("-tags=soak", "-timeout=15m", "./e2e/checks")},
		{"balance", needsReference, inTestBuild("-timeout=30m", "./e2e/oracle", "-run=TestBalance", "-args", "-balance-keys", "10000")},
		{"oracle", needsReference, freshSeeds},
		{"fuzz", nil, fuzz},
	}
}

// inTestBuild is a run of go test whose tests start the test build.
func inTestBuild(args ...string) func(*tally) {
	return func(t *tally) {
		path, err := filepath.Abs(testBuild)
		if err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			fmt.Println("FAIL no test build (soak build):", err)
			t.failed++
			return
		}
		os.Setenv("GOHAP_BIN", path)
		defer os.Unsetenv("GOHAP_BIN")
		goTest(t, args...)
	}
}

// firstSeed is what was asked for, or the clock's second.
func firstSeed() uint64 {
	if *seed != 0 {
		return *seed
	}
	return uint64(time.Now().Unix())
}

// freshSeeds compares exchanges that no run has had, for a time. The clock's
// second is the first seed.
func freshSeeds(t *tally) {
	first := firstSeed()
	fmt.Printf("     seeds from %d on; again: go run ./e2e/suite -seed %d soak oracle\n", first, first)
	inTestBuild("-timeout="+(*oracleTime+10*time.Minute).String(), "./e2e/oracle", "-run=TestExchanges", "-args",
		"-seed", fmt.Sprint(first), "-seeds", "1000", "-for", oracleTime.String())(t)
}

// A target is one fuzz function.
type target struct{ dir, name string }

// fuzz runs the targets one after the other; each has both cores.
func fuzz(t *tally) {
	targets, err := fuzzTargets(".")
	if err != nil || len(targets) == 0 {
		fmt.Println("FAIL no fuzz targets:", err)
		t.failed++
		return
	}
	for i, f := range targets {
		fmt.Printf("     %d of %d: %s in %s\n", i+1, len(targets), f.name, f.dir)
		goTest(t, "./"+f.dir, "-run=^$", "-fuzz=^"+f.name+"$", "-fuzztime="+fuzzTime.String())
	}
}

var fuzzFunction = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(`)

// fuzzTargets finds the fuzz functions below root, sorted.
func fuzzTargets(root string) ([]target, error) {
	var all []target
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name := d.Name(); path != root && strings.HasPrefix(name, ".") || name == "testdata" {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range fuzzFunction.FindAllSubmatch(text, -1) {
			dir, _ := filepath.Rel(root, filepath.Dir(path)) // below root: no error
			all = append(all, target{filepath.ToSlash(dir), string(m[1])})
		}
		return err
	})
	slices.SortFunc(all, func(a, b target) int { return strings.Compare(a.dir+" "+a.name, b.dir+" "+b.name) })
	return all, err
}
