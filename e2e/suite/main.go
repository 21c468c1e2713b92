package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"gohap/e2e/oracle"
)

// A step is one part of the suite. needs returns what to install when it cannot
// run here.
type step struct {
	name  string
	needs func() string
	run   func(*tally)
}

var steps = []step{
	{"lint", nil, lint},
	{"build", nil, func(t *tally) { command(t, "make build", false, "make", "-s", "build") }},
	{"unit", nil, unit},
	// The fault run needs a test build: it makes streams panic.
	{"fault", nil, func(t *tally) { goTest(t, "-tags=invariants", "./e2e/fault", "./lbcore/stream") }},
	{"netns", needsNamespaces, func(t *tally) { goTest(t, "-count=1", "./e2e/netns") }},
	{"vtc", needsScenarios, func(t *tally) { goTest(t, "-p=1", "./e2e/vtc", "./e2e/rows") }},
	{"oracle", needsReference, func(t *tally) { goTest(t, "./e2e/oracle/...") }},
}

func main() {
	flag.Parse()
	root, err := oracle.Root()
	if err == nil {
		err = os.Chdir(root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		os.Exit(1)
	}
	all, names, left := steps, flag.Args(), tries
	if len(names) > 0 && names[0] == "soak" {
		all, names, left = soak(), names[1:], 0
	}
	chosen, err := choose(all, names)
	if err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		os.Exit(2)
	}
	total, start := &tally{}, time.Now()
	for i, s := range chosen {
		runStep(s, total, left, fmt.Sprintf("%d of %d", i+1, len(chosen)))
	}
	for _, line := range total.skipped {
		fmt.Println("skipped:", line)
	}
	for _, line := range total.unsteady {
		fmt.Println("unsteady: failed once, passed alone:", line)
	}
	printTable(os.Stdout, total, time.Since(start))
	fmt.Printf("%d passed, %d failed\n", total.passed, total.failed)
	if total.failed > 0 || total.passed == 0 {
		os.Exit(1)
	}
}

// choose returns the steps of those names in their own order, or all.
func choose(all []step, names []string) ([]step, error) {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(s step) bool { return s.name == name }) {
			return nil, fmt.Errorf("no step %q", name)
		}
	}
	if len(names) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(s step) bool { return !slices.Contains(names, s.name) }), nil
}

// runStep adds what came out to total, of which left tests may be unsteady. place is
// "2 of 6".
func runStep(s step, total *tally, left int, place string) {
	if s.needs != nil {
		if missing := s.needs(); missing != "" {
			total.skipped = append(total.skipped, s.name+": "+missing)
			total.rows = append(total.rows, row{name: s.name, skipped: 1})
			return
		}
	}
	fmt.Printf("== %s (%s)\n", s.name, place)
	t, start := &tally{}, time.Now()
	s.run(t)
	t.tryAgain(left-len(total.unsteady), alone)
	took := time.Since(start)
	fmt.Printf("== %s: %d passed, %d failed in %s\n", s.name, t.passed, t.failed, span(took))
	total.add(t)
	total.rows = append(total.rows, rowOf(s.name, t, took))
}

// command runs a program as one check: it passes when it exits with 0 and, where
// it must be silent, prints nothing.
func command(t *tally, name string, silent bool, args ...string) {
	cmd := exec.Command(args[0], args[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil || silent && out.Len() > 0 {
		fmt.Printf("FAIL %s: %v\n%s", name, err, out.Bytes())
		t.failed++
		return
	}
	fmt.Printf("ok   %s\n", name)
	t.passed++
}

func lint(t *tally) {
	// Folders of Go files; gofmt itself would walk into what is not ours.
	dirs, err := exec.Command("go", "list", "-e", "-f", "{{.Dir}}", "./...").Output()
	if err != nil {
		fmt.Println("FAIL go list:", err)
		t.failed++
		return
	}
	command(t, "gofmt", true, append([]string{"gofmt", "-l"}, strings.Fields(string(dirs))...)...)
	command(t, "go vet", false, "go", "vet", "./...")
	command(t, "go vet, test builds", false, "go", "vet", "-tags", "soak,invariants", "./...")
	command(t, "staticcheck", false, "go", "tool", "staticcheck", "./...")
	goTest(t, "./e2e/lint")
}

// unit tests every package that no other step has.
func unit(t *tally) {
	out, err := exec.Command("go", "list", "-e", "./...").Output()
	if err != nil {
		fmt.Println("FAIL go list:", err)
		t.failed++
		return
	}
	packages := slices.DeleteFunc(strings.Fields(string(out)), func(p string) bool {
		return strings.HasSuffix(p, "/e2e/lint") || strings.HasSuffix(p, "/e2e/vtc") || strings.HasSuffix(p, "/e2e/rows") || strings.HasSuffix(p, "/e2e/netns") || strings.Contains(p+"/", "/e2e/oracle/")
	})
	goTest(t, packages...)
}

// needsNamespaces is what a fleet in network namespaces needs; it measures times, so
// nothing runs beside it.
func needsNamespaces() string {
	if os.Geteuid() != 0 {
		return "run as root: network namespaces are made"
	}
	for _, program := range []string{"ip", "nft", "keepalived"} {
		if _, err := exec.LookPath(program); err != nil {
			return "install iproute2, nftables and keepalived (make deps)"
		}
	}
	return ""
}

func needsReference() string {
	if _, err := oracle.Haproxy(); err != nil {
		return err.Error()
	}
	return ""
}

func needsScenarios() string {
	var missing []string
	for _, program := range []string{"varnishtest", "socat", "curl", "openssl"} {
		if _, err := exec.LookPath(program); errors.Is(err, exec.ErrNotFound) {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return "install " + strings.Join(missing, ", ") + " (make deps)"
	}
	return needsReference()
}
