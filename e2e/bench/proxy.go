package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Columns of the table.
const (
	reference = "reference"
	gohap     = "gohap"
	prototype = "prototype"
)

// A proxy is one program under test with its configuration loaded.
type proxy struct {
	name   string
	port   string
	socket string // stats socket; the prototype has none
	proc   *process
	pid    int
}

// bench is one run.
type bench struct {
	options
	dir   string
	tools tools
}

// programs are the columns in the order of the table. The prototype knows no
// configuration, so it runs only where that does not matter.
func (b *bench) programs(p *profile) []string {
	list := []string{reference, gohap}
	if b.prototype != "" && p.kind != perCall && p.rules == "" && !p.log && p.loops == 1 {
		list = append(list, prototype)
	}
	return list
}

// start starts one program for a profile and waits until it answers a request.
func (b *bench) start(ctx context.Context, name string, p *profile, logAddr string) (*proxy, error) {
	return b.startOn(ctx, name, p, logAddr, "", proxyCPU)
}

// startOn is start on a port that others may share, "" for a free one, and on
// given processors.
func (b *bench) startOn(ctx context.Context, name string, p *profile, logAddr, port, cpus string) (*proxy, error) {
	var err error
	if port == "" {
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	x := &proxy{name: name, port: port}
	var args []string
	if name == prototype {
		args = strings.Fields(strings.ReplaceAll(b.prototype, "{port}", port))
	} else {
		x.socket = filepath.Join(b.dir, name+".sock")
		config := filepath.Join(b.dir, name+".cfg")
		if err := os.WriteFile(config, []byte(p.config(port, x.socket, logAddr, b.dir, b.backends)), 0o644); err != nil {
			return nil, err
		}
		program := b.reference
		if name == gohap {
			program = b.ours
		}
		args = []string{program, "-db", "-f", config}
	}
	stderr, err := os.Create(filepath.Join(b.dir, name+".stderr"))
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	x.proc, _, err = pinned(ctx, cpus, stderr, args...)
	if err != nil {
		return nil, err
	}
	x.pid = x.proc.cmd.Process.Pid // taskset has become the program
	if err := x.awaitAnswer(p); err != nil {
		x.proc.stop()
		said, _ := os.ReadFile(stderr.Name())
		return nil, fmt.Errorf("%s: %w\n%s", name, err, said)
	}
	return x, nil
}

// awaitAnswer asks until the proxy answers, then checks that the answer is the
// server's.
func (x *proxy) awaitAnswer(p *profile) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case end := <-x.proc.ended:
			x.proc.ended <- end
			return fmt.Errorf("it ended: %v", end)
		default:
		}
		var resp *http.Response
		if resp, err = client.Get(p.url(x.port)); err != nil {
			continue
		}
		body, readErr := io.ReadAll(resp.Body)
		resp.Body.Close()
		if readErr != nil {
			return readErr
		}
		if resp.StatusCode != http.StatusOK || p.path == "/16k" && len(body) != 16384 {
			return fmt.Errorf("answers %s with %d bytes", resp.Status, len(body))
		}
		return nil
	}
	return fmt.Errorf("no answer: %w", err)
}

// cpu returns the user and system time that all threads of the proxy and of its
// children have used.
func (x *proxy) cpu() (time.Duration, error) {
	var total time.Duration
	for _, pid := range family(x.pid) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The second field, the name, may hold blanks; utime and stime are 14 and 15.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			total += time.Duration(ticks) * (time.Second / clockTicks)
		}
	}
	return total, nil
}

// clockTicks is USER_HZ, the same on every Linux that Go runs on.
const clockTicks = 100

// rss returns the resident bytes of the proxy and its children.
func (x *proxy) rss() (int64, error) {
	var total int64
	for _, pid := range family(x.pid) {
		statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, err
		}
		pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
		if err != nil {
			return 0, err
		}
		total += pages * int64(os.Getpagesize())
	}
	return total, nil
}

// family returns a process and its descendants.
func family(pid int) []int {
	all := []int{pid}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

// command runs one command on the stats socket and returns its answer.
func (x *proxy) command(line string) (string, error) {
	conn, err := net.DialTimeout("unix", x.socket, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// activity returns the two counters of "show activity" that gohap has: data
// system calls and allocations; ok is false for a proxy without them.
func (x *proxy) activity() (calls, mallocs int64, ok bool) {
	if x.socket == "" {
		return 0, 0, false
	}
	text, err := x.command("show activity")
	if err != nil {
		return 0, 0, false
	}
	found := 0
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		words := strings.Fields(value)
		if len(words) == 0 {
			continue
		}
		n, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "data_syscalls":
			calls, found = n, found+1
		case "mallocs":
			mallocs, found = n, found+1
		}
	}
	return calls, mallocs, found == 2
}

// versions returns what each program says of itself.
func (b *bench) versions(ctx context.Context) map[string]string {
	said := map[string]string{}
	for name, program := range map[string]string{reference: b.reference, gohap: b.ours} {
		out, err := exec.CommandContext(ctx, program, "-v").Output()
		line, _, _ := strings.Cut(string(out), "\n")
		if err != nil {
			line = err.Error()
		}
		said[name] = line
	}
	return said
}

// machine names the CPU and the kernel.
func machine() string {
	model := "unknown CPU"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return model + ", Linux " + strings.TrimSpace(string(kernel))
}
