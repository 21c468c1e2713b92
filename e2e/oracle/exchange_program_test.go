package oracle

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"
)

// A program is the reference or gohap, running configText with its own sockets.
type program struct {
	name    string
	dir     string
	fronts  [][]string // address by conf and lane
	servers []*laneServer

	mu     sync.Mutex
	byPort map[string]*run // who is told of log lines, by the client's port
	stderr bytes.Buffer
	dead   chan struct{}
}

// laneServer is a listening server; what it accepts belongs to the run that is
// on the lane.
type laneServer struct {
	l   net.Listener
	mu  sync.Mutex
	now *run
}

func startProgram(t *testing.T, name, bin string) *program {
	t.Helper()
	// Short: a unix socket's path has 108 bytes.
	dir, err := os.MkdirTemp("", "x-"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &program{name: name, dir: dir, byPort: map[string]*run{}, dead: make(chan struct{})}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/log", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logs.Close() })
	go p.readLogs(logs)

	cmd := exec.Command(bin, "-db", "-f", dir+"/cfg")
	cmd.Stdout, cmd.Stderr = &p.stderr, &p.stderr
	// The listening sockets are made here and inherited: a connect never fails.
	for range confs {
		p.fronts = append(p.fronts, make([]string, lanes))
	}
	front := func(c, lane int) string {
		l := listenTCP(t)
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		p.fronts[c][lane] = l.Addr().String()
		l.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		return fmt.Sprintf("fd@%d", 2+len(cmd.ExtraFiles))
	}
	for range lanes {
		s := &laneServer{l: listenTCP(t)}
		t.Cleanup(func() { s.l.Close() })
		go s.accept()
		p.servers = append(p.servers, s)
	}
	text := configText(dir, front, func(lane int) string { return p.servers[lane].l.Addr().String() })
	if err := os.WriteFile(dir+"/cfg", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	go func() { cmd.Wait(); close(p.dead) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-p.dead })
	p.awaitLoop(t)
	return p
}

// awaitLoop waits until the program answers a command: what connects to the
// inherited sockets before it runs would only see silence.
func (p *program) awaitLoop(t *testing.T) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit) && p.alive(t); pause(5 * time.Millisecond) {
		c, err := net.Dial("unix", p.dir+"/cli")
		if err != nil {
			continue
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write([]byte("show info\n")); err == nil {
			if n, _ := c.Read(make([]byte, 64)); n > 0 {
				return
			}
		}
	}
	t.Fatalf("%s does not answer on its socket", p.name)
}

func listenTCP(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var clientAddress = regexp.MustCompile(`127\.0\.0\.1:(\d+)`)

// readLogs hands each line to the run whose client it names.
func (p *program) readLogs(c *net.UnixConn) {
	buf := make([]byte, 1<<16)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		line := string(buf[:n])
		m := clientAddress.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		p.mu.Lock()
		r := p.byPort[m[1]]
		p.mu.Unlock()
		if r != nil {
			r.logged(line)
		}
	}
}

func (p *program) register(port string, r *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r == nil {
		delete(p.byPort, port)
		return
	}
	p.byPort[port] = r
}

func (s *laneServer) accept() {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		r := s.now
		s.mu.Unlock()
		if r == nil || !r.serve(c.(*net.TCPConn)) {
			c.Close()
		}
	}
}

func (s *laneServer) set(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = r
}

// alive fails the test when the program has ended.
func (p *program) alive(t *testing.T) bool {
	select {
	case <-p.dead:
		t.Errorf("%s has ended:\n%s", p.name, &p.stderr)
		return false
	default:
		return true
	}
}
