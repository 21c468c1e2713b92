package node

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gohap/lbcore/catalog"
)

const reloadable = `
global
    nbthread %d
    stats socket %s level admin
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend web
    bind 127.0.0.1:%d
    http-request return status 200 content-type text/plain string "%d"
`

// serving is a process within the test.
type serving struct {
	*process
	t    *testing.T
	path string
	port int
	said *strings.Builder
}

// prepare makes a process that has opened nothing yet.
func prepare(t *testing.T) *serving {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := &serving{t: t, path: filepath.Join(dir, "node.cfg"), port: l.Addr().(*net.TCPAddr).Port, said: new(strings.Builder)}
	s.write(2)
	f, err := parseFlags(catalog.New(Register), []string{"-f", s.path})
	if err != nil {
		t.Fatal(err)
	}
	s.process = &process{flags: f, birth: birth{control: -1, former: -1}, calls: make(chan func()), stdout: io.Discard, stderr: s.said,
		log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	return s
}

// serve is a process that serves until the test's end.
func serve(t *testing.T) *serving {
	s := prepare(t)
	if _, ok := s.open(s.flags.options(s.said)); !ok {
		t.Fatal(s.said.String())
	}
	s.in.Run()
	lost, done := make(chan struct{}), make(chan int, 1)
	go func() { done <- s.serve(nil, lost) }()
	t.Cleanup(func() { close(lost); <-done; s.retiring.Wait() })
	return s
}

func (s *serving) write(n int) {
	text := fmt.Sprintf(reloadable, n, filepath.Dir(s.path)+"/cli", s.port, n)
	if err := os.WriteFile(s.path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// once asks over a connection of its own.
func (s *serving) once() (string, error) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get(fmt.Sprintf("http://127.0.0.1:%d/", s.port))
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

// TestReloadInProcess: another configuration takes the sockets over under traffic,
// with more loops and with fewer; one that is wrong changes nothing.
func TestReloadInProcess(t *testing.T) {
	s := serve(t)
	var stop atomic.Bool
	var asked atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for !stop.Load() {
				asked.Add(1)
				if _, err := s.once(); err != nil {
					t.Errorf("during reloads: %v", err)
					return
				}
			}
		})
	}
	for _, n := range []int{1, 3, 2} {
		s.write(n)
		if r := s.Reload(); !r.Ready {
			t.Fatalf("%d loops: %s", n, r.Log)
		}
		if got, err := s.once(); err != nil || got != fmt.Sprint(n) {
			t.Errorf("after the reload with %d loops: %q, %v", n, got, err)
		}
	}
	for _, wrong := range []struct{ text, says string }{
		{"global\n    nonsense\n", "nonsense"},
		{"global\n    uid 65534\nfrontend f\n    mode http\n    timeout client 5s\n    bind 127.0.0.1:1\n", "start with -W"},
		{"frontend f\n    mode http\n    timeout client 5s\n    bind 192.0.2.1:1\n", "cannot bind socket"},
	} {
		if err := os.WriteFile(s.path, []byte(wrong.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := s.Reload(); r.Ready || !strings.Contains(r.Log, wrong.says) {
			t.Errorf("%q: ready %v, %q", wrong.text, r.Ready, r.Log)
		}
		if got, err := s.once(); err != nil || got != "2" {
			t.Errorf("after one that is wrong: %q, %v", got, err)
		}
	}
	stop.Store(true)
	clients.Wait()
	if asked.Load() < 10 {
		t.Error("hardly anything was asked")
	}
}

// TestPauseFormers: an address that the process before has is asked for by SIGTTOU,
// and taken once it is free; one that stays taken is an error, and the process
// before is told to go on.
func TestPauseFormers(t *testing.T) {
	for _, frees := range []bool{true, false} {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		signals := make(chan os.Signal, 8)
		signal.Notify(signals, syscall.SIGTTOU, syscall.SIGTTIN)
		seen := make(chan os.Signal, 8)
		go func() { // ends with the channel
			for s := range signals {
				if frees {
					taken.Close()
				}
				seen <- s
			}
		}()
		s := prepare(t)
		s.port = taken.Addr().(*net.TCPAddr).Port
		s.write(2)
		s.flags.formers.pids = []int{os.Getpid()}
		_, ok := s.open(s.flags.options(s.said))
		want := []os.Signal{syscall.SIGTTOU}
		if !frees {
			want = append(want, syscall.SIGTTIN)
		}
		var got []os.Signal
		for range want { // they come a moment behind
			select {
			case s := <-seen:
				got = append(got, s)
			case <-time.After(5 * time.Second):
			}
		}
		signal.Stop(signals)
		close(signals)
		if ok != frees || !slices.Equal(got, want) || len(seen) > 0 {
			t.Errorf("freed %v: open %v, signals %v, want %v\n%s", frees, ok, got, want, s.said)
		}
		if !frees && !strings.Contains(s.said.String(), "Address already in use") {
			t.Errorf("it said %s", s.said)
		}
		if ok {
			s.in.Run()
			s.in.Stop()
		}
		taken.Close()
	}
}
