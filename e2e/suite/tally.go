package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// A tally counts tests; skipped says which were not run and why, unsteady which
// passed only at a second try.
type tally struct {
	passed, failed int
	skipped        []string
	unsteady       []string
	failures       []failure // those of failed that are tests
	rows           []row
}

// A row of the last table is one step.
type row struct {
	name string
	passed, failed, skipped,
	unsteady int
	took time.Duration
}

// rowOf is what a step came to, or all of them.
func rowOf(name string, t *tally, took time.Duration) row {
	return row{name, t.passed, t.failed, len(t.skipped), len(t.unsteady), took}
}

// result fits what the table's middle column is for, in words.
func (r row) result() string {
	switch {
	case r.failed > 0:
		return fmt.Sprintf("FAIL, %d failed, %d passed", r.failed, r.passed)
	case r.passed == 0:
		return "skipped"
	}
	text := fmt.Sprintf("ok, %d passed", r.passed)
	if r.skipped > 0 {
		text += fmt.Sprintf(", %d skipped", r.skipped)
	}
	if r.unsteady > 0 {
		text += fmt.Sprintf(", %d unsteady", r.unsteady)
	}
	return text
}

// printTable prints a row a step and their sum; 80 columns hold it.
func printTable(w io.Writer, total *tally, took time.Duration) {
	fmt.Fprintf(w, "\n%-12s %-40s %10s\n", "part", "result", "time")
	for _, r := range append(total.rows, rowOf("all", total, took)) {
		fmt.Fprintf(w, "%-12s %-40s %10s\n", r.name, r.result(), span(r.took))
	}
	fmt.Fprintln(w)
}

// span is a duration for people: 7s, 12m05s, 1h02m.
func span(d time.Duration) string {
	s := int(d.Seconds() + 0.5)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
}

func (t *tally) add(other *tally) {
	t.passed += other.passed
	t.failed += other.failed
	t.skipped = append(t.skipped, other.skipped...)
	t.unsteady = append(t.unsteady, other.unsteady...)
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
	mu     sync.Mutex // over all below
	tally  *tally
	w      io.Writer
	output map[string][]string // by package and test
	parent map[string]bool     // has subtests
	failed map[string]int      // tests by package
	passed map[string]int
	// running are the packages whose counts are not in tally yet.
	running map[string]bool
	last    string // what began last
}

func newReader(t *tally, w io.Writer) *reader {
	return &reader{tally: t, w: w, output: map[string][]string{}, parent: map[string]bool{},
		failed: map[string]int{}, passed: map[string]int{}, running: map[string]bool{}, last: "building"}
}

// silence is how long nothing may be said about a step that runs.
const silence = 30 * time.Second

// goTest runs go test without its cache of results. args are flags and packages;
// a flag overrules the one given here.
func goTest(t *tally, args ...string) {
	before := len(t.failures)
	runTests(t, os.Stdout, args...)
	for i := range t.failures[before:] {
		t.failures[before+i].flags = flagsOf(args)
	}
}

// runTests is goTest without the flags of its failures.
func runTests(t *tally, w io.Writer, args ...string) {
	cmd := exec.Command("go", append([]string{"test", "-json", "-count=1", "-timeout=15m"}, args...)...)
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
	before, r, start := t.failed, newReader(t, w), time.Now()
	tick, done := time.NewTicker(silence), make(chan struct{})
	defer tick.Stop()
	go func() {
		for {
			select {
			case <-tick.C:
				r.progress(time.Since(start))
			case <-done:
				return
			}
		}
	}()
	read(r, pipe)
	close(done)
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
			r.mu.Lock()
			fmt.Fprintln(r.w, lines.Text()) // a message of the go command itself
			r.mu.Unlock()
			continue
		}
		r.event(e)
	}
}

// progress says how far the tests are.
func (r *reader) progress(took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	passed, failed := r.tally.passed, r.tally.failed
	for p := range r.running {
		passed, failed = passed+r.passed[p], failed+r.failed[p]
	}
	fmt.Fprintf(r.w, ".... %s: %d passed, %d failed; now %s\n", span(took), passed, failed, r.last)
}

func (r *reader) event(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Package == "" { // a build's output
		e.Package = e.ImportPath
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "run":
		r.running[e.Package] = true
		r.last = e.Package + " " + e.Test
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
			r.tally.failures = append(r.tally.failures, failure{pkg: e.Package, test: e.Test})
		}
	case e.Action == "skip":
		r.tally.skipped = append(r.tally.skipped, fmt.Sprintf("%s %s: %s", e.Package, e.Test, strings.TrimSpace(own)))
	case !r.parent[key]:
		r.passed[e.Package]++
	}
	delete(r.output, key)
}

// pkg closes a package. One that fails without a failed test did not build, or
// ended before its tests did: what those said that had no verdict yet says why.
func (r *reader) pkg(e event) {
	passed, failed := r.passed[e.Package], r.failed[e.Package]
	delete(r.running, e.Package)
	if e.Action == "fail" && failed == 0 {
		failed = 1
		fmt.Fprintf(r.w, "FAIL %s\n%s", e.Package, strings.Join(append(r.output[e.FailedBuild+" "], r.output[e.Package+" "]...), ""))
		r.open(e.Package)
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

// open prints what a package's tests without a verdict said.
func (r *reader) open(pkg string) {
	for _, key := range slices.Sorted(maps.Keys(r.output)) {
		if test, ok := strings.CutPrefix(key, pkg+" "); ok && test != "" {
			fmt.Fprintf(r.w, "     in %s:\n%s", test, strings.Join(r.output[key], ""))
		}
	}
}
