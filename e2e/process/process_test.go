package process

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// node is gohap-node with a configuration of the test's.
type node struct {
	t    *testing.T
	cmd  *exec.Cmd
	port int
	said *oracle.Output
	done chan error
}

const text = `
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
frontend f
    bind 127.0.0.1:%d
    http-request return status 200 content-type text/plain string "ok" if { path / }
    default_backend slow
backend slow
    server s 127.0.0.1:%d
`

func start(t *testing.T, server int) *node {
	t.Helper()
	bin, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, port: oracle.FreePort(t), said: &oracle.Output{}, done: make(chan error, 1)}
	cfg := filepath.Join(t.TempDir(), "node.cfg")
	if err := os.WriteFile(cfg, fmt.Appendf(nil, text, n.port, server), 0o600); err != nil {
		t.Fatal(err)
	}
	n.cmd = exec.Command(bin, "-f", cfg)
	n.cmd.Stdout, n.cmd.Stderr = n.said, n.said
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { n.done <- n.cmd.Wait() }()
	t.Cleanup(func() { n.cmd.Process.Kill() })
	for deadline := time.Now().Add(5 * time.Second); ; {
		if c, err := net.Dial("tcp", n.addr()); err == nil {
			c.Close()
			return n
		} else if time.Now().After(deadline) {
			t.Fatalf("it does not listen: %v\n%s", err, n.said)
		}
	}
}

func (n *node) addr() string { return fmt.Sprintf("127.0.0.1:%d", n.port) }

// end waits for the process and returns how it ended.
func (n *node) end(limit time.Duration) string {
	n.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-timer.C:
		return "still running"
	case err := <-n.done:
		var e *exec.ExitError
		if !errors.As(err, &e) {
			return "exit 0"
		}
		if s := e.Sys().(syscall.WaitStatus); s.Signaled() {
			return "killed by " + s.Signal().String()
		}
		return fmt.Sprintf("exit %d", e.ExitCode())
	}
}

func ask(c net.Conn, path string) (string, error) {
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	c.SetReadDeadline(time.Now().Add(3 * time.Second))
	var p [512]byte
	n, err := c.Read(p[:])
	return string(p[:n]), err
}

// TestHardStop: SIGTERM and SIGINT end the process at once, by the signal.
func TestHardStop(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		n := start(t, oracle.FreePort(t))
		c, err := net.Dial("tcp", n.addr())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ask(c, "/"); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200 OK") {
			t.Errorf("%q, %v", got, err)
		}
		n.cmd.Process.Signal(s)
		if got := n.end(3 * time.Second); got != "killed by "+s.String() {
			t.Errorf("after %v: %s", s, got)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("the connection lives on")
		}
		c.Close()
	}
}

// TestSoftStop: after SIGUSR1 nothing new is accepted, idle connections are
// closed at once, a request in progress is answered, then the process ends with
// code 0.
func TestSoftStop(t *testing.T) {
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer origin.Close()
	n := start(t, origin.Addr().(*net.TCPAddr).Port)
	idle, err := net.Dial("tcp", n.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if _, err := ask(idle, "/"); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Dial("tcp", n.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	fmt.Fprintf(busy, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	server, err := origin.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := bufio.NewReader(server).ReadString('\n'); err != nil {
		t.Fatal(err)
	}

	n.cmd.Process.Signal(syscall.SIGUSR1)
	idle.SetReadDeadline(time.Now().Add(3 * time.Second))
	rest, err := io.ReadAll(idle)
	if err != nil || strings.Contains(string(rest), "HTTP/1.1 408") {
		t.Errorf("the idle connection: %q, %v", rest, err)
	}
	// Each loop closes its socket in its own turn.
	for deadline := time.Now().Add(time.Second); ; {
		c, err := net.Dial("tcp", n.addr())
		if err != nil {
			break
		}
		c.Close()
		if time.Now().After(deadline) {
			t.Error("new connections are taken")
			break
		}
	}
	if got := n.end(50 * time.Millisecond); got != "still running" {
		t.Fatalf("with a request in progress: %s\n%s", got, n.said)
	}
	io.WriteString(server, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
	busy.SetReadDeadline(time.Now().Add(3 * time.Second))
	got, err := io.ReadAll(busy)
	if err != nil || !strings.HasSuffix(string(got), "done") || !strings.Contains(string(got), "connection: close") {
		t.Errorf("the request in progress: %q, %v", got, err)
	}
	if got := n.end(3 * time.Second); got != "exit 0" {
		t.Errorf("at the end: %s\n%s", got, n.said)
	}
}

// TestPause: after SIGTTOU connections are refused, SIGTTIN goes on.
func TestPause(t *testing.T) {
	n := start(t, oracle.FreePort(t))
	n.cmd.Process.Signal(syscall.SIGTTOU)
	n.says("Paused frontend f.\n")
	if c, err := net.Dial("tcp", n.addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("while it is paused: %v, %v", c, err)
	}
	n.cmd.Process.Signal(syscall.SIGTTIN)
	n.says("Resumed frontend f.\n")
	d, err := net.Dial("tcp", n.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got, err := ask(d, "/"); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200 OK") {
		t.Errorf("after SIGTTIN: %q, %v", got, err)
	}
}

// TestBindFailure: an address in use is told with file, line and proxy, and the
// process ends with code 1.
func TestBindFailure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	bin, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	cfg := filepath.Join(t.TempDir(), "used.cfg")
	os.WriteFile(cfg, fmt.Appendf(nil, text, l.Addr().(*net.TCPAddr).Port, 1), 0o600)
	out, err := exec.Command(bin, "-f", cfg).CombinedOutput()
	var e *exec.ExitError
	if !errors.As(err, &e) || e.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"Binding [" + cfg + ":8] for frontend f: protocol tcpv4: cannot bind socket (Address already in use) for [127.0.0.1:", "Some protocols failed to start their listeners! Exiting."} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
}

// TestDumps: SIGHUP and SIGQUIT write to standard error and change nothing;
// SIGUSR2 without a master does nothing.
func TestDumps(t *testing.T) {
	n := start(t, oracle.FreePort(t))
	lines := []struct {
		signal syscall.Signal
		want   []string
	}{
		{syscall.SIGHUP, []string{"SIGHUP received, dumping servers states.\n", "SIGHUP: Proxy f has no servers. Conn: act(FE+BE): ",
			"SIGHUP: Server slow/s is UP. Conn: 0 act, 0 pend, 0 tot.\n", "SIGHUP: Proxy slow has 1 active servers and 0 backup servers available. Conn: "}},
		{syscall.SIGQUIT, []string{"Dumping pools usage. Use SIGQUIT to flush them.\n", "Total: "}},
	}
	for _, c := range lines {
		n.cmd.Process.Signal(syscall.SIGUSR2)
		n.cmd.Process.Signal(c.signal)
		for _, want := range c.want {
			n.says(want)
		}
	}
	c, err := net.Dial("tcp", n.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := ask(c, "/"); err != nil || !strings.HasPrefix(got, "HTTP/1.1 200 OK") {
		t.Errorf("after the dumps: %q, %v", got, err)
	}
}

// says waits until the process has written a text.
func (n *node) says(want string) {
	n.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(n.said.String(), want); runtime.Gosched() {
		if time.Now().After(deadline) {
			n.t.Fatalf("it does not say %q but\n%s", want, n.said)
		}
	}
}
