package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dataCalls move a request's bytes; the others of a trace are the poller's, the
// clock's and the runtime's.
var dataCalls = map[string]bool{"read": true, "readv": true, "write": true, "writev": true, "recvfrom": true,
	"recvmsg": true, "sendto": true, "sendmsg": true, "sendmmsg": true, "splice": true}

// systemCalls counts the calls of each proxy for a request, with strace.
func (b *bench) systemCalls(ctx context.Context, p *profile, list []*proxy, out *results) error {
	if _, err := exec.LookPath("strace"); err != nil {
		out.note("syscalls: install strace")
		return nil
	}
	for _, x := range list {
		data, all, err := b.trace(ctx, p, x)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		out.addCalls(p, x.name, data, all)
	}
	return nil
}

// trace attaches strace to a proxy under load and returns calls a request.
func (b *bench) trace(ctx context.Context, p *profile, x *proxy) (data, all float64, err error) {
	file := filepath.Join(b.dir, x.name+".strace")
	strace := exec.CommandContext(ctx, "strace", "-c", "-f", "-o", file, "-p", strconv.Itoa(x.pid))
	said, err := strace.StderrPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := strace.Start(); err != nil {
		return 0, 0, err
	}
	// It says so once it is attached to every thread.
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || !strings.Contains(line, "attached") {
		strace.Process.Kill()
		strace.Wait()
		return 0, 0, fmt.Errorf("strace: %q %v", line, err)
	}
	requests, _, wrkErr := wrk(ctx, p, x.port, 2*time.Second)
	strace.Process.Signal(syscall.SIGINT)
	strace.Wait() // ends by that signal
	if wrkErr != nil {
		return 0, 0, wrkErr
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, err
	}
	nData, nAll := countCalls(string(text))
	return float64(nData) / float64(requests), float64(nAll) / float64(requests), nil
}

// countCalls sums the column "calls" of strace -c: data calls and all.
func countCalls(table string) (data, all int64) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		calls, err := strconv.ParseInt(fields[3], 10, 64)
		name := fields[len(fields)-1]
		if err != nil || name == "total" {
			continue
		}
		all += calls
		if dataCalls[name] {
			data += calls
		}
	}
	return data, all
}
