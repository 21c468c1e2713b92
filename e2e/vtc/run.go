package vtc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
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
	return runUntil(file, program, false, env...)
}

// runUntil is run; with refusal it ends the scenario once a program that was to
// be started refuses its configuration, instead of at the time limit: varnishtest
// holds the listening sockets itself, so that clients would wait.
func runUntil(file, program string, refusal bool, env ...string) (result, error) {
	// Not the test's own folder: its long name would not fit in the address of the
	// stats socket that varnishtest puts below it.
	tmp, err := os.MkdirTemp("", "vtc")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(tmp)
	defer endAll(tmp, 0)
	if refusal {
		w, err := watchRefusal(tmp, program)
		if err != nil {
			return result{}, err
		}
		defer w.Close()
		program = filepath.Join(tmp, "program")
	}
	// varnishtest ends a scenario itself; this is for a varnishtest that hangs.
	ctx, cancel := context.WithTimeout(context.Background(), limit+30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "varnishtest", "-v", "-t", fmt.Sprint(int(limit.Seconds())), file)
	cmd.Env = append(os.Environ(), "HAPROXY_PROGRAM="+program, "TMPDIR="+tmp)
	if halog, err := filepath.Abs("../oracle/haproxy/usr/sbin/halog"); err == nil {
		cmd.Env = append(cmd.Env, "HALOG="+halog) // the reference's log analyser
	}
	cmd.Env = append(cmd.Env, env...)
	if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte("$DNSD")) {
		dns, err := dnsd()
		if err != nil {
			return result{}, err
		}
		cmd.Env = append(cmd.Env, "DNSD="+dns)
	}
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

// dnsd builds the name server that scenarios start by $DNSD, once.
var dnsd = sync.OnceValues(func() (string, error) {
	to, err := filepath.Abs("../../bin/dnsd")
	if err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-o", to, "gohap/e2e/dnsd").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the name server: %w\n%s", err, out)
	}
	return to, nil
})

// failure returns the lines of the log that say why a run failed.
func (r result) failure() string {
	var why []string
	for line := range strings.Lines(r.log) {
		if strings.HasPrefix(line, "----") || strings.Contains(line, "TIMED OUT") || strings.Contains(line, "debug|[ALERT]") {
			why = append(why, strings.TrimSpace(line))
		}
	}
	return strings.Join(why, "\n")
}

// started stands in a program's place. What varnishtest starts ("-d -f CFG",
// without -c) is checked first, by itself; a refusal is written to a pipe.
const started = `#!/bin/sh
case " $* " in
*" -c "* | *" -W "*) ;;
" -d "*"/cfg "*) '%[1]s' -c "$@" >'%[2]s/check' 2>&1 || echo refused >'%[2]s/refused' ;;
esac
exec '%[1]s' "$@"
`

// watchRefusal writes the program that runs below tmp; what it started is ended
// when it refuses, but for varnishtest itself, which then prints its log.
func watchRefusal(tmp, program string) (io.Closer, error) {
	pipe := filepath.Join(tmp, "refused")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return nil, fmt.Errorf("%s: %w", pipe, err)
	}
	// Open for writing too: it neither waits for a writer nor ends with one.
	r, err := os.OpenFile(pipe, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(started, program, tmp)
	if err := os.WriteFile(filepath.Join(tmp, "program"), []byte(text), 0o755); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	go func() {
		if n, _ := r.Read(make([]byte, 1)); n > 0 {
			endAll(tmp, os.Getpid())
		}
	}()
	return r, nil
}

// endAll ends the processes of a run, which have its folder in their
// environment; but for those that parent started, where it is not 0.
func endAll(tmp string, parent int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // no error but of the pattern
	for _, file := range files {
		env, _ := os.ReadFile(file) // gone, or not ours
		if !slices.Contains(strings.Split(string(env), "\x00"), "TMPDIR="+tmp) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "status"))
		if parent == 0 || !strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", parent)) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
