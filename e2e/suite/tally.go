package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// A tally counts tests; skipped says which were not run and why.
type tally struct {
	passed, failed int
	skipped        []string
}

func (t *tally) add(other *tally) {
	t.passed += other.passed
	t.failed += other.failed
	t.skipped = append(t.skipped, other.skipped...)
}

// An event is one line of go test -json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
	FailedBuild                               string
}

// reader turns events into counts and prints what failed, and the lines of a
// report, which begin with a bar, whatever came out.
type reader struct {
	tally  *tally
	w      io.Writer
	output map[string][]string // by package and test
	parent map[string]bool     // has subtests
	failed map[string]int      // tests by package
	passed map[string]int
}

func newReader(t *tally, w io.Writer) *reader {
	return &reader{tally: t, w: w, output: map[string][]string{}, parent: map[string]bool{},
		failed: map[string]int{}, passed: map[string]int{}}
}

// goTest runs go test over packages without its cache of results.
func goTest(t *tally, packages ...string) {
	cmd := exec.Command("go", append([]string{"test", "-json", "-count=1", "-timeout=15m"}, packages...)...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Println("FAIL go test:", err)
		t.failed++
		return
	}
	before := t.failed
	read(newReader(t, os.Stdout), pipe)
	if err := cmd.Wait(); err != nil && t.failed == before {
		fmt.Println("FAIL go test:", err)
		t.failed++
	}
}

func read(r *reader, stream io.Reader) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(r.w, lines.Text()) // a message of the go command itself
			continue
		}
		r.event(e)
	}
}

func (r *reader) event(e event) {
	if e.Package == "" { // a build's output
		e.Package = e.ImportPath
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			r.parent[e.Package+" "+e.Test[:i]] = true
		}
	case "output", "build-output":
		switch {
		case framing(e.Output):
		case strings.HasPrefix(e.Output, "| "):
			fmt.Fprint(r.w, e.Output)
		default:
			r.output[key] = append(r.output[key], e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.pkg(e)
		} else {
			r.test(e, key)
		}
	}
}

// framing tells the lines that go test adds around a test's own output.
func framing(line string) bool {
	line = strings.TrimLeft(line, " ")
	return strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- PASS") || strings.HasPrefix(line, "--- FAIL")
}

func (r *reader) test(e event, key string) {
	own := strings.Join(r.output[key], "")
	switch {
	case e.Action == "fail":
		if !r.parent[key] || own != "" {
			fmt.Fprintf(r.w, "FAIL %s %s\n%s", e.Package, e.Test, own)
		}
		if !r.parent[key] {
			r.failed[e.Package]++
		}
	case e.Action == "skip":
		r.tally.skipped = append(r.tally.skipped, fmt.Sprintf("%s %s: %s", e.Package, e.Test, strings.TrimSpace(own)))
	case !r.parent[key]:
		r.passed[e.Package]++
	}
	delete(r.output, key)
}

// pkg closes a package. One that fails without a failed test did not build, or
// ended before its tests did.
func (r *reader) pkg(e event) {
	passed, failed := r.passed[e.Package], r.failed[e.Package]
	if e.Action == "fail" && failed == 0 {
		failed = 1
		fmt.Fprintf(r.w, "FAIL %s\n%s", e.Package, strings.Join(append(r.output[e.FailedBuild+" "], r.output[e.Package+" "]...), ""))
	}
	r.tally.passed += passed
	r.tally.failed += failed
	switch {
	case failed > 0:
		fmt.Fprintf(r.w, "FAIL %-40s %d passed, %d failed\n", e.Package, passed, failed)
	case passed > 0:
		fmt.Fprintf(r.w, "ok   %-40s %d passed in %.1fs\n", e.Package, passed, e.Elapsed)
	}
}
