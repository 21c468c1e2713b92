package checks

import (
	"context"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// dialogue is one backend with a scripted server behind it.
type dialogue struct {
	name   string
	lines  string // of the backend; $PORT is the scripted server's
	server string // options of the server line behind "check"
	script []step // what the scripted server does with each connection
}

// step is one deed of a scripted server.
type step struct {
	recv  bool   // waits for something to come
	send  string // writes
	slow  bool   // byte by byte
	hold  bool   // keeps the connection until the check ends it
	until string // reads until this has come
}

func say(text string) step  { return step{send: text} }
func drip(text string) step { return step{send: text, slow: true} }

var (
	listen = step{recv: true}
	hold   = step{hold: true}
)

// scripted serves a dialogue and keeps what the first connection brought.
type scripted struct {
	port string
	mu   sync.Mutex
	seen string // by the first connection
	done chan struct{}
}

func (d dialogue) serve(t *testing.T) *scripted {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{done: make(chan struct{})}
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	var conns sync.WaitGroup
	t.Cleanup(func() { l.Close(); conns.Wait() })
	conns.Go(func() {
		for first := true; ; first = false {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			once := first
			conns.Go(func() {
				defer conn.Close()
				got := play(conn, d.script)
				if once {
					s.mu.Lock()
					s.seen = got
					s.mu.Unlock()
					close(s.done)
				}
			})
		}
	})
	return s
}

// play follows a script on a connection and returns what came.
func play(conn net.Conn, script []step) string {
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	var got []byte
	buf := make([]byte, 4096)
	read := func() bool {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		return err == nil
	}
	for _, st := range script {
		switch {
		case st.recv:
			read()
		case st.until != "":
			for !strings.Contains(string(got), st.until) && read() {
			}
		case st.slow:
			conn.(*net.TCPConn).SetNoDelay(true)
			for i := range len(st.send) {
				conn.Write([]byte(st.send[i : i+1]))
			}
		case st.send != "":
			conn.Write([]byte(st.send))
		case st.hold:
			for read() {
			}
		}
	}
	return string(got)
}

// masked are a source port and the time in a hello.
var masked = regexp.MustCompile(`(?s)(PROXY TCP4 127.0.0.1 127.0.0.1 )\d+( )|(\x16\x03\x00\x00y\x01\x00\x00u\x03\x00)....`)

var duration = regexp.MustCompile(`check duration: \d+ms`)

// outcome runs dialogues under a program and returns, for each, the first line
// about its check and what its server received.
func outcome(t *testing.T, bin string, all []dialogue) (lines, seen map[string]string) {
	t.Helper()
	logs, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var cfg strings.Builder
	fmt.Fprintf(&cfg, "global\n log %s local0 debug\n external-check\n insecure-fork-wanted\n node n1\ndefaults\n timeout connect 1s\n timeout server 1s\n timeout client 1s\n timeout check 150ms\n", logs.LocalAddr())
	servers := map[string]*scripted{}
	for _, d := range all {
		s := d.serve(t)
		servers[d.name] = s
		fmt.Fprintf(&cfg, "backend %s\n log global\n option log-health-checks\n", d.name)
		for line := range strings.SplitSeq(strings.TrimSpace(d.lines), "\n") {
			fmt.Fprintf(&cfg, " %s\n", strings.ReplaceAll(strings.TrimSpace(line), "$PORT", s.port))
		}
		fmt.Fprintf(&cfg, " server s 127.0.0.1:%s check inter 300ms %s\n", s.port, d.server)
	}
	// A listener, so that the program has something to do.
	addr, fd := oracle.Inherit(t, "127.0.0.1")
	_ = addr
	fmt.Fprintf(&cfg, "frontend f\n bind fd@3\n")
	run := oracle.Start(t, bin, cfg.String(), fd)
	lines, seen = map[string]string{}, map[string]string{}
	logs.SetReadDeadline(time.Now().Add(8 * time.Second))
	buf := make([]byte, 65536)
	for len(lines) < len(all) {
		n, _, err := logs.ReadFrom(buf)
		if err != nil {
			break
		}
		_, text, ok := strings.Cut(string(buf[:n]), "Health check for server ")
		name, text, _ := strings.Cut(text, "/s ")
		if ok && lines[name] == "" {
			text = duration.ReplaceAllString(strings.TrimSpace(text), "check duration: Nms")
			lines[name] = strings.ReplaceAll(text, servers[name].port, "PORT")
		}
	}
	stderr := run.Stop()
	if len(lines) < len(all) {
		t.Fatalf("%s says\n%s", bin, stderr)
	}
	late, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for name, s := range servers {
		select {
		case <-s.done:
		case <-late.Done(): // no connection came
		}
		s.mu.Lock()
		seen[name] = masked.ReplaceAllString(strings.ReplaceAll(s.seen, s.port, "PORT"), "$1$3…$2")
		s.mu.Unlock()
	}
	return lines, seen
}

// Every kind of check: what is sent, and how the answer is judged and worded.
// Some race with a time-out of 150 ms: what differs on a busy machine is asked
// again, and is a fault when it differs three times.
func TestDialogues(t *testing.T) {
	haproxy, gohap := oracle.Installed(t, oracle.Haproxy), oracle.Installed(t, oracle.Gohap)
	left := dialogues
	for round := 1; len(left) > 0; round++ {
		theirs, sent := outcome(t, haproxy, left)
		if os.Getenv("CHECKS_SHOW") != "" {
			for _, d := range left {
				t.Logf("%s\n   %s\n   %q", d.name, theirs[d.name], sent[d.name])
			}
			return
		}
		ours, got := outcome(t, gohap, left)
		var differ []dialogue
		for _, d := range left {
			if theirs[d.name] != "" && ours[d.name] == theirs[d.name] && got[d.name] == sent[d.name] {
				continue
			}
			differ = append(differ, d)
			if round == 3 {
				t.Errorf("%s: gohap logs\n  %s\nand sends\n  %q\nthe reference logs\n  %s\nand sends\n  %q",
					d.name, ours[d.name], got[d.name], theirs[d.name], sent[d.name])
			}
		}
		if left = differ; round == 3 {
			return
		}
	}
}
