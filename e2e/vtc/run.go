package vtc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// exitSkipped is the exit code of a scenario whose "feature" is not there.
const exitSkipped = 77

// limit is the time one scenario gets before varnishtest ends it.
const limit = 60 * time.Second

// result is the outcome of one run of varnishtest.
type result struct {
	passed bool
	took   time.Duration
	log    string // varnishtest's own, in full
}

// run runs one scenario with program as haproxy and env added to the
// environment. The error says that it could not be run at all.
func run(file, program string, env ...string) (result, error) {
	// Not the test's own folder: its long name would not fit in the address of the
	// stats socket that varnishtest puts below it.
	tmp, err := os.MkdirTemp("", "vtc")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(tmp)
	// varnishtest ends a scenario itself; this is for a varnishtest that hangs.
	ctx, cancel := context.WithTimeout(context.Background(), limit+30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "varnishtest", "-v", "-t", fmt.Sprint(int(limit.Seconds())), file)
	cmd.Env = append(os.Environ(), "HAPROXY_PROGRAM="+program, "TMPDIR="+tmp)
	cmd.Env = append(cmd.Env, env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	start := time.Now()
	err = cmd.Run()
	r := result{took: time.Since(start), log: log.String()}
	var exit *exec.ExitError
	switch {
	case err == nil:
		r.passed = true
	case !errors.As(err, &exit):
		return r, fmt.Errorf("running varnishtest (Debian's package varnish, make deps): %w", err)
	case exit.ExitCode() == exitSkipped:
		return r, fmt.Errorf("%s was skipped, something that it needs is not installed (make deps):\n%s", file, r.log)
	}
	return r, nil
}

// failure returns the lines of the log that say why a run failed.
func (r result) failure() string {
	var why []string
	for line := range strings.Lines(r.log) {
		if strings.HasPrefix(line, "----") || strings.Contains(line, "TIMED OUT") {
			why = append(why, strings.TrimSpace(line))
		}
	}
	return strings.Join(why, "\n")
}
