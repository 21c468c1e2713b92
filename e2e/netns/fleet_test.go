package netns

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gohap/cluster"
	"gohap/cluster/admin"
	"gohap/e2e/oracle"
)

const (
	patience = 30 * time.Second
	vip      = "10.77.0.100"
)

// at is the address of a machine by its number; the client and its server are the last.
func at(i int) string { return fmt.Sprint("10.77.0.", i+1) }

// node is a machine of the fleet: a namespace with gohap-node and keepalived.
type node struct {
	*space
	*oracle.Running
	i      int
	name   string
	addr   string
	dir    string
	secret string          // the file
	guard  *oracle.Running // keepalived
}

type fleet struct {
	t       *testing.T
	bin     string
	tool    string
	dir     string
	sw      *space
	nodes   [3]*node
	clients *space
	guarded bool

	id   string // the fleet's, once it is there
	word string // what all nodes are to answer by now
}

func newFleet(t *testing.T) *fleet {
	if os.Geteuid() != 0 {
		t.Skip("run as root with iproute2 and keepalived installed (make deps): network namespaces are made")
	}
	for _, program := range []string{"ip", "nft", "keepalived"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("install iproute2, nftables and keepalived (make deps):", program, "is missing")
		}
	}
	f := &fleet{t: t, bin: oracle.Installed(t, oracle.Gohap), dir: t.TempDir()}
	root, err := oracle.Root()
	if err != nil {
		t.Fatal(err)
	}
	f.tool = filepath.Join(root, "bin/gohap")
	var all []*space
	for i := range f.nodes {
		name := fmt.Sprint("lb", i+1)
		f.nodes[i] = &node{space: newSpace(t, name), i: i, name: name, addr: at(i), dir: filepath.Join(f.dir, name), secret: filepath.Join(f.dir, "secret")}
		all = append(all, f.nodes[i].space)
	}
	f.clients = newSpace(t, "client")
	f.sw = bridge(t, at, append(all, f.clients)...)
	f.serve()
	f.newSecret("secret")
	f.write("one", "")
	f.word = "one"
	return f
}

func (f *fleet) newSecret(name string) (path string) {
	f.t.Helper()
	path = filepath.Join(f.dir, name)
	if out, err := exec.Command(f.tool, "keys", "new", "--out", path).CombinedOutput(); err != nil {
		f.t.Fatal(string(out))
	}
	return path
}

// write makes the configuration answer with a word, at the fleet's address and at the
// node's own; more stands in front of the frontend.
func (f *fleet) write(word, more string) {
	f.t.Helper()
	text := fmt.Sprintf(`
global
	nbthread 1
defaults
	mode http
	timeout connect 5s
	timeout client 20s
	timeout server 20s
	retries 3
%s
frontend web
	bind %s:80
	bind "${ADDR}:80"
	http-after-response set-header by "${NAME}"
	http-after-response set-header word %s
	default_backend all
backend all
	server s1 %s:8000
`, more, vip, word, at(3))
	if err := os.WriteFile(f.file(), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// startAll starts all nodes and waits until they are a fleet.
func (f *fleet) startAll() {
	f.t.Helper()
	for _, n := range f.nodes {
		f.start(n)
	}
	f.await("all nodes are a fleet", patience, func() bool {
		s := f.status(f.nodes[0])
		f.id = s.Fleet
		return s.Healthy && s.Generation == 1
	})
	f.whole()
}

func (f *fleet) file() string { return filepath.Join(f.dir, "haproxy.cfg") }

// serve is the server behind all nodes: an answer takes 20 ms.
func (f *fleet) serve() {
	f.t.Helper()
	l := f.clients.listen(at(3) + ":8000")
	s := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
	})}
	go func() { _ = s.Serve(l) }()
	f.t.Cleanup(func() { s.Close() })
}

// start starts a node's gohap-node.
func (f *fleet) start(n *node) {
	f.t.Helper()
	cmd := n.command(f.bin, "join", "--data-dir", n.dir, "--name", n.name, "--peers", strings.Join([]string{at(0), at(1), at(2)}, ","),
		"--secret-file", n.secret, "--vip", vip, "-f", f.file())
	cmd.Dir, cmd.Env = f.dir, n.environ()
	n.Running = oracle.Launch(f.t, cmd)
	said := n.Running
	f.t.Cleanup(func() {
		if f.t.Failed() {
			f.t.Logf("%s said:\n%s", n.name, said.Said.String())
		}
	})
}

// environ is what nodes differ by.
func (n *node) environ() []string { return append(os.Environ(), "NAME="+n.name, "ADDR="+n.addr) }

// guardAll starts every node's keepalived, from the root namespace: only there the
// kernel tells of processes.
func (f *fleet) guardAll() {
	f.t.Helper()
	f.guarded = true
	for _, n := range f.nodes {
		var text string
		n.within(func() { text = f.must(n, "vip", "keepalived", "--match", f.bin+" join --data-dir "+n.dir) })
		text = "net_namespace " + n.space.name + "\ninstance " + n.space.name + "\n" + text
		path := filepath.Join(f.dir, n.name+".keepalived")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			f.t.Fatal(err)
		}
		if out, err := exec.Command("keepalived", "--config-test", "-f", path).CombinedOutput(); err != nil {
			f.t.Fatalf("keepalived refuses what is printed: %v\n%s\n%s", err, out, text)
		}
		files := func(kind string) string { return filepath.Join(f.dir, n.name+"."+kind) }
		n.guard = oracle.Launch(f.t, exec.Command("keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp", "-f", path,
			"-p", files("pid"), "-r", files("vrrp.pid")))
		guard := n.guard
		f.t.Cleanup(func() {
			_ = guard.Cmd.Process.Signal(os.Interrupt) // its child ends too
			<-guard.Ended
			if f.t.Failed() {
				f.t.Logf("keepalived of %s said:\n%s", n.name, guard.Said.String())
			}
		})
	}
}

// run asks a node by the tool.
func (f *fleet) run(n *node, args ...string) (string, error) {
	cmd := n.command(append(append([]string{f.tool}, args...), "--socket", filepath.Join(n.dir, "control.sock"))...)
	cmd.Dir, cmd.Env = f.dir, n.environ()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// code is the exit code of an error of run.
func code(err error) int {
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	return 0
}

func (f *fleet) must(n *node, args ...string) string {
	f.t.Helper()
	out, err := f.run(n, args...)
	if err != nil {
		f.t.Errorf("gohap %s on %s: %v\n%s", strings.Join(args, " "), n.name, err, out)
	}
	return out
}

// status asks a node as the tool does; what cannot be asked says nothing.
func (f *fleet) status(n *node) *cluster.Status {
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Second)
	defer cancel()
	s, err := admin.NewClient(filepath.Join(n.dir, "control.sock")).Status(ctx)
	if err != nil {
		return new(cluster.Status)
	}
	return s
}

// leader is who leads, by the tool on a node that is there.
func (f *fleet) leader(as *node) *node {
	f.t.Helper()
	var s cluster.Status
	f.await("there is a leader", patience, func() bool {
		out, _ := as.command(f.tool, "cluster", "status", "--json", "--socket", filepath.Join(as.dir, "control.sock")).Output()
		return json.Unmarshal(out, &s) == nil && s.Leader != ""
	})
	return f.named(s.Leader)
}

func (f *fleet) named(name string) *node {
	f.t.Helper()
	i := slices.IndexFunc(f.nodes[:], func(n *node) bool { return n.name == name })
	if i < 0 {
		f.t.Fatalf("no node is called %q", name)
	}
	return f.nodes[i]
}

// holders are the nodes that say that they have the address, as one sees it.
func (f *fleet) holders(as *node) (names []string) {
	for _, r := range f.status(as).Nodes {
		if r.VIP {
			names = append(names, r.Name)
		}
	}
	return names
}

// holder waits until all nodes of some agree on who has the address.
func (f *fleet) holder(some ...*node) *node {
	f.t.Helper()
	name := ""
	f.await("all agree on who has the address", patience, func() bool {
		name = ""
		for _, n := range some {
			h := f.holders(n)
			if len(h) != 1 || name != "" && name != h[0] {
				return false
			}
			name = h[0]
		}
		return true
	})
	return f.named(name)
}

func (f *fleet) await(what string, limit time.Duration, ok func() bool) {
	f.t.Helper()
	oracle.Await(f.t, what, limit, ok, func() string {
		out, _ := f.run(f.nodes[0], "cluster", "status")
		return out
	})
}

// traffic are clients of the address, or of some nodes, some with a connection a request,
// some that keep theirs.
type traffic struct {
	done, lost atomic.Int64
	slowest    atomic.Int64 // ns
	work       sync.WaitGroup
	quit       chan struct{}
	errors     chan error
}

const clients = 8

func (f *fleet) traffic(of ...*node) *traffic {
	f.t.Helper()
	w := &traffic{quit: make(chan struct{}), errors: make(chan error, 100)}
	for i := range clients {
		to := vip
		if len(of) > 0 {
			to = of[i/2%len(of)].addr
		}
		c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: f.clients.dial, DisableKeepAlives: i%2 == 0}}
		w.work.Go(func() {
			defer c.CloseIdleConnections()
			for {
				select {
				case <-w.quit:
					return
				default:
				}
				w.ask(&c, "http://"+to+"/")
			}
		})
	}
	f.await("requests are answered", patience, func() bool { return w.done.Load() > 50 })
	return w
}

func (w *traffic) ask(c *http.Client, url string) {
	begin := time.Now()
	r, err := c.Get(url)
	if err == nil {
		_, err = io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if err == nil && r.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s by %s", r.Status, r.Header.Get("by"))
		}
	}
	if err != nil {
		w.lost.Add(1)
		select {
		case w.errors <- err:
		default:
		}
		t := time.NewTimer(10 * time.Millisecond)
		defer t.Stop()
		<-t.C
		return
	}
	w.done.Add(1)
	if d := int64(time.Since(begin)); d > w.slowest.Load() {
		w.slowest.Store(d)
	}
}

// moved waits until a node but one answers, and tells which. It asks again soon: clients
// wait a second before they send a SYN again.
func (f *fleet) moved(from string) (by string) {
	f.t.Helper()
	c := http.Client{Timeout: 100 * time.Millisecond, Transport: &http.Transport{DialContext: f.clients.dial, DisableKeepAlives: true}}
	f.await("another node answers", patience, func() bool {
		r, err := c.Get("http://" + vip + "/")
		if err != nil {
			return false
		}
		r.Body.Close()
		by = r.Header.Get("by")
		return by != from
	})
	return by
}

// stop ends the clients and tells how many requests were lost.
func (w *traffic) stop(t *testing.T, what string) (lost int64) {
	t.Helper()
	close(w.quit)
	w.work.Wait()
	lost = w.lost.Load()
	t.Logf("%s: %d requests answered, %d lost, the slowest took %v", what, w.done.Load(), lost, time.Duration(w.slowest.Load()).Round(time.Millisecond))
	for range min(len(w.errors), 5) {
		t.Log("lost:", <-w.errors)
	}
	return lost
}
