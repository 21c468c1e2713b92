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
	{"build", nil, build},
	{"unit", nil, unit},
	// The fault run needs a test build: it makes streams panic.
	{"fault", nil, func(t *tally) { goTest(t, "-tags=invariants", "./e2e/fault", "./lbcore/stream") }},
	{"vtc", needsScenarios, func(t *tally) { goTest(t, "./e2e/vtc") }},
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
	for _, name := range flag.Args() {
		if !slices.ContainsFunc(steps, func(s step) bool { return s.name == name }) {
			fmt.Fprintf(os.Stderr, "suite: no step %q\n", name)
			os.Exit(2)
		}
	}
	total := &tally{}
	for _, s := range steps {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), s.name) {
			continue
		}
		runStep(s, total)
	}
	for _, line := range total.skipped {
		fmt.Println("skipped:", line)
	}
	fmt.Printf("%d passed, %d failed\n", total.passed, total.failed)
	if total.failed > 0 || total.passed == 0 {
		os.Exit(1)
	}
}

func runStep(s step, total *tally) {
	if s.needs != nil {
		if missing := s.needs(); missing != "" {
			total.skipped = append(total.skipped, s.name+": "+missing)
			return
		}
	}
	fmt.Printf("== %s\n", s.name)
	t, start := &tally{}, time.Now()
	s.run(t)
	fmt.Printf("== %s: %d passed, %d failed in %.0fs\n", s.name, t.passed, t.failed, time.Since(start).Seconds())
	total.add(t)
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

func build(t *tally) { command(t, "make build", false, "make", "-s", "build") }

// unit tests every package that no other step has.
func unit(t *tally) {
	out, err := exec.Command("go", "list", "-e", "./...").Output()
	if err != nil {
		fmt.Println("FAIL go list:", err)
		t.failed++
		return
	}
	packages := slices.DeleteFunc(strings.Fields(string(out)), func(p string) bool {
		return strings.HasSuffix(p, "/e2e/lint") || strings.HasSuffix(p, "/e2e/vtc") || strings.Contains(p+"/", "/e2e/oracle/")
	})
	goTest(t, packages...)
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
