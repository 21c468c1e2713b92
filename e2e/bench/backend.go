package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// loadCPU is where load and servers run, proxyCPU where the proxies do.
const (
	proxyCPU = "0"
	loadCPU  = "1"
	bothCPUs = "0,1"
)

// tools are the C programs, built for this run.
type tools struct{ backend, load string }

func build(ctx context.Context, src, dir string) (tools, error) {
	t := tools{filepath.Join(dir, "backend"), filepath.Join(dir, "load")}
	for _, out := range []string{t.backend, t.load} {
		cmd := exec.CommandContext(ctx, "gcc", "-O2", "-o", out, filepath.Join(src, filepath.Base(out)+".c"))
		if msg, err := cmd.CombinedOutput(); err != nil {
			return t, fmt.Errorf("gcc (make deps): %w\n%s", err, msg)
		}
	}
	for _, needed := range []string{"wrk", "taskset"} {
		if _, err := exec.LookPath(needed); err != nil {
			return t, fmt.Errorf("%s is not installed (make deps)", needed)
		}
	}
	return t, nil
}

// A process is one that the bench started and ends.
type process struct {
	cmd   *exec.Cmd
	ended chan error
}

// pinned starts a program on the given CPUs; with a stderr of its own.
func pinned(ctx context.Context, cpus string, stderr *os.File, args ...string) (*process, *bufio.Reader, error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", cpus}, args...)...)
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	p := &process{cmd: cmd, ended: make(chan error, 1)}
	go func() { p.ended <- cmd.Wait() }()
	return p, bufio.NewReader(pipe), nil
}

// stop ends the process as an operator would, hard after five seconds.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// startServers starts c/backend.c and returns when it listens.
func startServers(ctx context.Context, program string, ports []string) (*process, error) {
	p, out, err := pinned(ctx, loadCPU, os.Stderr, append([]string{program}, ports...)...)
	if err != nil {
		return nil, err
	}
	if line, err := out.ReadString('\n'); err != nil || line != "listening\n" {
		p.stop()
		return nil, fmt.Errorf("the servers do not listen on %v (-backends): %q %v", ports, line, err)
	}
	return p, nil
}

// freePort returns a port that nobody uses now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
