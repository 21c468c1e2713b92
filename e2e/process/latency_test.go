//go:build soak

package process

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gohap/e2e/oracle"
)

// longestTurn is how long one turn of a loop may take, in processor time: everybody
// else on the loop waits for it.
const longestTurn = 2 * time.Millisecond

// moves fails the test if turns of the program's loops take longer than longestTurn
// while work is done, which ends soon after stop closes and says what it did. What
// clients see is in the log only: they share the machine with the program and with
// whatever else runs there. Of the rounds the middle one counts, since processors
// that a host lends are taken away in the middle of a turn.
func moves(t *testing.T, rounds int, socket, addr string, paths func(n int) (path, want string), work func(round int, stop chan struct{}) string) {
	t.Helper()
	var turns []time.Duration
	for round := range rounds {
		quiet := slowest(t, addr, paths)
		answer(socket, "clear counters")
		stop, done := make(chan struct{}), make(chan string)
		go func() { done <- work(round, stop) }()
		busy := slowest(t, addr, paths)
		close(stop)
		did := <-done
		turn, used := activity(t, socket, "max_turn_us"), activity(t, socket, "max_turn_cpu_us")
		t.Logf("longest turn %v, of processor time %v with %s; p99 of clients %v quiet, %v then", turn, used, did, quiet, busy)
		if turns = append(turns, used); t.Failed() {
			return
		}
	}
	slices.Sort(turns)
	if m := turns[len(turns)/2]; m > longestTurn {
		t.Errorf("turns take up to %v", m)
	}
}

// activity reads a time from the counters of the loops.
func activity(t *testing.T, socket, name string) time.Duration {
	t.Helper()
	for line := range strings.SplitSeq(answer(socket, "show activity 0"), "\n") {
		if text, ok := strings.CutPrefix(line, name+": "); ok {
			n, err := strconv.Atoi(text)
			if err != nil || n == 0 {
				t.Fatalf("%q: no time", line)
			}
			return time.Duration(n) * time.Microsecond
		}
	}
	t.Skip("install the test build: make testbuild, and set GOHAP_BIN to it")
	return 0
}

// slowest sends requests for a second over four connections, 250 a second each, and
// returns the 99th percentile of their time.
func slowest(t *testing.T, addr string, paths func(n int) (path, want string)) time.Duration {
	t.Helper()
	times := overFour(t, func(k int) ([]time.Duration, error) { return paced(addr, k, paths) })
	if len(times) < 200 {
		t.Fatalf("only %d requests", len(times))
	}
	return times[len(times)*99/100]
}

// overFour has four connections do something and returns the times of all, sorted.
func overFour(t *testing.T, each func(k int) ([]time.Duration, error)) []time.Duration {
	t.Helper()
	var all []time.Duration
	var mu sync.Mutex
	var wg sync.WaitGroup
	for k := range connections {
		wg.Go(func() {
			times, err := each(k)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			all = append(all, times...)
		})
	}
	wg.Wait()
	slices.Sort(all)
	return all
}

// connections is how many clients there are whose times are taken.
const connections = 4

// paced sends requests over one connection at a time.
func paced(addr string, seed int, paths func(n int) (path, want string)) (times []time.Duration, err error) {
	p := &pacer{addr: addr}
	defer p.end()
	pace := time.NewTicker(4 * time.Millisecond)
	defer pace.Stop()
	for n, start := seed, time.Now(); time.Since(start) < time.Second; n += 7919 {
		at := time.Now()
		if err := p.get(paths(n)); err != nil {
			return nil, err
		}
		times = append(times, time.Since(at))
		<-pace.C
	}
	return times, nil
}

// pacer is a client with one connection.
type pacer struct {
	addr string
	c    net.Conn // nil: none
	r    *bufio.Reader
}

func (p *pacer) end() {
	if p.c != nil {
		p.c.Close()
		p.c = nil
	}
}

// get asks for a path and compares the answer. A connection that the program ended
// between two requests is followed by a new one; what that costs counts.
func (p *pacer) get(path, want string) error {
	reused := p.c != nil
	got, err := p.ask(path)
	if err != nil && reused {
		p.end()
		got, err = p.ask(path)
	}
	if err != nil || got != want {
		return fmt.Errorf("%s: %q, %v", path, got, err)
	}
	return nil
}

func (p *pacer) ask(path string) (body string, err error) {
	if p.c == nil {
		if p.c, err = net.Dial("tcp", p.addr); err != nil {
			return "", err
		}
		p.r = bufio.NewReader(p.c)
	}
	fmt.Fprintf(p.c, "GET %s HTTP/1.1\r\nhost: h\r\n\r\n", path)
	resp, err := http.ReadResponse(p.r, nil)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(resp.Body)
	if resp.Close {
		p.end()
	}
	return string(text), err
}

const latencyText = `
global
 maxconn 30000
 stats socket %[1]s level admin
defaults
 mode http
 timeout connect 5s
 timeout client 10m
 timeout server 10m
 timeout queue 10m
frontend f
 bind 127.0.0.1:%[2]d
 http-request return status 200 content-type text/plain string answer
listen full
 bind 127.0.0.1:%[3]d
 server s 127.0.0.1:%[4]d maxconn 1
`

func sameAnswer(int) (path, want string) { return "/", "answer" }

// TestShowManySessions: while a command dumps 20,000 streams in full, or as many as there
// are descriptors for, which wait in a queue, no turn of a loop takes long.
func TestShowManySessions(t *testing.T) {
	socket, front, sessions := manySessions(t)
	moves(t, 6, socket, front, sameAnswer, func(_ int, stop chan struct{}) string {
		began := time.Now()
		n, size := shown(t, socket)
		if n != sessions {
			t.Errorf("%d streams shown of %d, in %d bytes", n, sessions, size)
		}
		took := time.Since(began)
		<-stop
		return fmt.Sprintf("%d MiB dumped in %v", size>>20, took.Round(time.Millisecond))
	})
}

// manySessions starts a program with 20,000 streams, or as many as there are descriptors
// for, that wait in a queue.
func manySessions(t *testing.T) (socket, front string, sessions int) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	sessions = min(20_000, int(limit.Cur)-600) // a descriptor each, in both processes
	origin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { origin.Close() }) // it never accepts: the kernel does
	socket = filepath.Join(t.TempDir(), "cli")
	port, full := oracle.FreePort(t), oracle.FreePort(t)
	oracle.Start(t, oracle.Installed(t, oracle.Gohap), fmt.Sprintf(latencyText, socket, port, full, origin.Addr().(*net.TCPAddr).Port))
	if !oracle.Eventually(patience, func() bool { return answer(socket, "show version") != "" }) {
		t.Fatal("no command socket")
	}
	for i := range sessions {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%2))}}
		c, err := from.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", full))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprint(c, "GET / HTTP/1.1\r\nhost: h\r\n\r\n")
	}
	if !oracle.Eventually(patience, func() bool {
		return strings.Contains(answer(socket, "show info"), fmt.Sprintf("CurrConns: %d\n", sessions))
	}) {
		t.Fatalf("not all sessions are there: %s", answer(socket, "show info"))
	}
	return socket, fmt.Sprintf("127.0.0.1:%d", port), sessions
}

// shown counts the streams of frontend full that show sess all shows, and its bytes,
// without keeping them: what is measured shares the machine with this.
func shown(t *testing.T, socket string) (streams, size int) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	defer c.Close()
	fmt.Fprintln(c, "show sess all")
	for lines := bufio.NewScanner(c); lines.Scan(); {
		size += len(lines.Bytes()) + 1
		if bytes.Contains(lines.Bytes(), []byte("frontend=full ")) {
			streams++
		}
	}
	return streams, size
}

// TestReloadLatency: while a master starts a new worker and the old one leaves,
// no turn of the new one's loops takes long, the first ones included.
func TestReloadLatency(t *testing.T) {
	socket, front, reload := master(t)
	moves(t, 6, socket, front, sameAnswer, func(_ int, stop chan struct{}) string {
		took := reload()
		<-stop
		return fmt.Sprintf("a new worker after %v", took.Round(time.Millisecond))
	})
}

// master starts a program whose worker reload replaces; it returns how long the new one
// took.
func master(t *testing.T) (socket, addr string, reload func() time.Duration) {
	t.Helper()
	dir := t.TempDir()
	socket = filepath.Join(dir, "cli")
	front := oracle.FreePort(t)
	cfg := filepath.Join(dir, "node.cfg")
	if err := os.WriteFile(cfg, fmt.Appendf(nil, latencyText, socket, front, oracle.FreePort(t), oracle.FreePort(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	master := exec.Command(oracle.Installed(t, oracle.Gohap), "-W", "-f", cfg)
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Process.Signal(syscall.SIGTERM); _ = master.Wait() })
	worker := ""
	next := func() bool {
		for line := range strings.SplitSeq(answer(socket, "show info"), "\n") {
			if pid, ok := strings.CutPrefix(line, "Pid: "); ok && pid != worker {
				worker = pid
				return true
			}
		}
		return false
	}
	if !oracle.Eventually(patience, next) {
		t.Fatal("no worker")
	}
	return socket, fmt.Sprintf("127.0.0.1:%d", front), func() time.Duration {
		began := time.Now()
		_ = master.Process.Signal(syscall.SIGUSR2)
		if !oracle.Eventually(patience, next) {
			t.Error("no new worker")
		}
		return time.Since(began)
	}
}

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// answer asks a command socket; "" where nobody answers.
func answer(socket, text string) string {
	said, err := oracle.Command(socket, text)
	if err != nil {
		return ""
	}
	return said
}
