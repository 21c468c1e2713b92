package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gohap/e2e/oracle"
)

const patience = 30 * time.Second

// node is a process of the fleet.
type node struct {
	*oracle.Running
	name string
	port int // of the fleet
	web  int
	cli  int // of commands
	more int // of what a configuration adds
	dir  string
	// secret is the node's own file of secrets, "" for the one that all share.
	secret string
}

// fleet is three nodes with one configuration file.
type fleet struct {
	t     *testing.T
	bin   string
	tool  string
	dir   string
	file  string
	nodes [3]*node
	sent  atomic.Int64 // requests that were answered and counted
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{t: t, bin: oracle.Installed(t, oracle.Gohap), dir: t.TempDir()}
	root, err := oracle.Root()
	if err != nil {
		t.Fatal(err)
	}
	f.tool = filepath.Join(root, "bin/gohap")
	f.file = filepath.Join(f.dir, "haproxy.cfg")
	f.write("one")
	for i := range f.nodes {
		name := fmt.Sprint("lb", i+1)
		f.nodes[i] = &node{name: name, port: oracle.FreePort(t), web: oracle.FreePort(t), cli: oracle.FreePort(t), more: oracle.FreePort(t), dir: filepath.Join(f.dir, name)}
	}
	if out, err := f.run(f.nodes[0], "keys", "new", "--out", filepath.Join(f.dir, "secret")); err != nil {
		t.Fatal(out)
	}
	return f
}

// write makes the configuration answer with a word; the word stands in a file of its
// own, so that a bundle has more than one.
func (f *fleet) write(word string) {
	f.t.Helper()
	text := `
global
	log stdout format raw local0
defaults
	mode http
	timeout connect 5s
	timeout client 5s
	timeout server 5s
frontend web
	bind "127.0.0.1:${WEB}"
	http-request return status 200 content-type text/plain lf-string "%[str(all),table_http_req_cnt(seen)]\n" if { path /count }
	http-request use-service prometheus-exporter if { path /metrics }
	http-request track-sc0 str(all) table seen
	http-request return status 200 content-type text/plain lf-file words/answer
backend seen
	stick-table type string len 16 size 1k expire 10m store http_req_cnt,http_req_rate(10s) peers fleet
global
	stats socket "${DATA}/stats" level admin
	stats socket "127.0.0.1:${CLI}" level admin
`
	words := filepath.Join(f.dir, "words")
	if err := os.MkdirAll(words, 0o700); err != nil {
		f.t.Fatal(err)
	}
	for path, text := range map[string]string{f.file: text, filepath.Join(words, "answer"): word + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fleet) start(n *node) {
	f.t.Helper()
	var peers []string
	for _, o := range f.nodes {
		peers = append(peers, fmt.Sprint("127.0.0.1:", o.port))
	}
	secret := n.secret
	if secret == "" {
		secret = filepath.Join(f.dir, "secret")
	}
	cmd := exec.Command(f.bin, "join", "--peers", strings.Join(peers, ","), "--name", n.name, "--bind", "127.0.0.1", "--port", fmt.Sprint(n.port),
		"--data-dir", n.dir, "--secret-file", secret, "-f", "haproxy.cfg")
	cmd.Dir = f.dir
	cmd.Env = n.environ()
	n.Running = oracle.Launch(f.t, cmd)
	f.t.Cleanup(func() {
		if f.t.Failed() {
			f.t.Logf("%s said:\n%s", n.name, n.Said.String())
		}
	})
}

// run asks a node by the tool.
func (f *fleet) run(n *node, args ...string) (string, error) {
	cmd := exec.Command(f.tool, append(args, "--socket", filepath.Join(n.dir, "control.sock"))...)
	cmd.Dir = f.dir
	cmd.Env = n.environ()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is run for what has to succeed.
func (f *fleet) must(n *node, args ...string) string {
	f.t.Helper()
	out, err := f.run(n, args...)
	if err != nil {
		f.t.Fatalf("gohap %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// code is the exit code of an error of run.
func code(err error) int {
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	return 0
}

// environ is what nodes differ by.
func (n *node) environ() []string {
	return append(os.Environ(), fmt.Sprint("WEB=", n.web), fmt.Sprint("CLI=", n.cli), fmt.Sprint("MORE=", n.more), "DATA="+n.dir)
}

// ask asks a node for a path.
func (n *node) ask(path string) (string, error) {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get(fmt.Sprintf("http://127.0.0.1:%d%s", n.web, path))
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return strings.TrimSpace(string(b)), err
}

// get asks a node for its word, which the fleet counts.
func (f *fleet) get(n *node) (string, error) {
	word, err := n.ask("/")
	if err == nil {
		f.sent.Add(1)
	}
	return word, err
}

// counted waits until every node reads that as many requests were answered as were.
func (f *fleet) counted() {
	f.t.Helper()
	want, said := fmt.Sprint(f.sent.Load()), ""
	defer func() {
		if said != "" {
			f.t.Log(said)
		}
	}()
	f.await("every node counts "+want, 10*time.Second, func() bool {
		for _, n := range f.nodes {
			if got, err := n.ask("/count"); err != nil || got != want {
				said = n.name + " counts " + got
				return false
			}
		}
		said = ""
		return true
	})
}

// await waits until something holds, and tells how long it took.
func (f *fleet) await(what string, limit time.Duration, ok func() bool) {
	f.t.Helper()
	oracle.Await(f.t, what, limit, ok, func() string {
		out, _ := f.run(f.nodes[0], "cluster", "status")
		return out
	})
}

func (f *fleet) healthy(limit time.Duration) {
	f.t.Helper()
	f.await("all nodes say that all is well", limit, func() bool {
		for _, n := range f.nodes {
			if _, err := f.run(n, "cluster", "status"); err != nil {
				return false
			}
		}
		return true
	})
}

func (f *fleet) serve(word string, limit time.Duration, nodes ...*node) {
	f.t.Helper()
	f.await("served: "+word, limit, func() bool {
		for _, n := range nodes {
			if got, err := f.get(n); err != nil || got != word {
				return false
			}
		}
		return true
	})
}

// traffic sends requests through each node until stop is called, which returns how
// many there were; one that is lost fails the test.
func (f *fleet) traffic() (stop func() int64) {
	var n atomic.Int64
	var work sync.WaitGroup
	done := make(chan struct{})
	for _, x := range f.nodes {
		work.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := f.get(x); err != nil {
					f.t.Errorf("a request through %s was lost: %v", x.name, err)
					return
				}
				n.Add(1)
			}
		})
	}
	return func() int64 {
		close(done)
		work.Wait()
		return n.Load()
	}
}

// status reads a node's status as a program does.
func (f *fleet) status(n *node) (s struct {
	Fleet, Leader, Summary string
	Generation             uint64
	Healthy                bool
	Nodes                  []struct{ Name, Role, State string }
}) {
	f.t.Helper()
	out, _ := f.run(n, "cluster", "status", "--json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		f.t.Fatalf("%v: %s", err, out)
	}
	return s
}

// TestFleet is a day in the life of a fleet.
func TestFleet(t *testing.T) {
	f := newFleet(t)
	a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
	if out, err := f.run(a, "cluster", "status"); code(err) != 2 || !strings.Contains(out, "no node runs with the socket") {
		t.Errorf("nobody is there: %d\n%s", code(err), out)
	}
	for _, n := range f.nodes {
		f.start(n)
	}
	f.serve("one", patience, f.nodes[:]...) // before there is a fleet, and then
	f.healthy(patience)
	f.await("the file is the fleet's", patience, func() bool { return f.status(a).Generation == 1 })

	stop := f.traffic()
	f.write("two")
	out := f.must(b, "cluster", "apply", "-f", "haproxy.cfg", "--note", "a second word")
	for _, want := range []string{"lb1: serves it", "lb2: serves it", "lb3: serves it", "Generation 2 is active."} {
		if !strings.Contains(out, want) {
			t.Errorf("apply does not say %q:\n%s", want, out)
		}
	}
	f.serve("two", 2*time.Second, f.nodes[:]...)
	if out, err := f.run(a, "cluster", "diff", "1", "2"); code(err) != 1 || !strings.Contains(out, "-one") || !strings.Contains(out, "+two") || !strings.Contains(out, "words/answer") {
		t.Errorf("diff: %d\n%s", code(err), out)
	}
	if out := f.must(c, "cluster", "history"); !strings.Contains(out, "2 active") || !strings.Contains(out, "a second word") {
		t.Errorf("history:\n%s", out)
	}
	f.must(c, "cluster", "rollback")
	f.serve("one", 2*time.Second, f.nodes[:]...)
	if out := f.must(a, "cluster", "show", "2", "--file", filepath.Join(f.dir, "words/answer")); out != "two\n" {
		t.Errorf("show: %q", out)
	}
	t.Logf("%d requests, none lost", stop())
	f.counted() // across three reloads, through any node

	f.tables()
	f.commands()
	f.metrics()
	f.refused(a)
	f.taken(a, b)
	f.deaths()
	f.leaving()
}

// tables: the tool tells how far the nodes are, and who counted what.
func (f *fleet) tables() {
	f.t.Helper()
	n := f.nodes[1]
	var all []struct {
		Node, Table string
		Keys, Lag   int64
		Exact       bool
		Processes   []struct{ Process, State string }
	}
	f.await("all have confirmed all", patience, func() bool {
		if err := json.Unmarshal([]byte(f.must(n, "tables", "--json")), &all); err != nil {
			f.t.Fatal(err)
		}
		return len(all) == 3 && all[0].Lag+all[1].Lag+all[2].Lag == 0
	})
	for i, k := range all {
		if k.Node != f.nodes[i].name || k.Table != "seen" || k.Keys != 1 || k.Lag != 0 || !k.Exact || len(k.Processes) < 3 {
			f.t.Errorf("%+v", k)
		}
	}
	var reads []struct {
		Node, Reads   string
		Contributions []struct{ Process, Values string }
	}
	if err := json.Unmarshal([]byte(f.must(n, "tables", "seen", "all", "--json")), &reads); err != nil {
		f.t.Fatal(err)
	}
	for _, r := range reads {
		if !strings.Contains(r.Reads, fmt.Sprint("http_req_cnt=", f.sent.Load())) || len(r.Contributions) < 3 {
			f.t.Errorf("%+v", r)
		}
	}
	if len(reads) != 3 {
		f.t.Errorf("%+v", reads)
	}
	if out := f.must(n, "tables", "seen", "all"); !strings.Contains(out, "PROCESS") || !strings.Contains(out, "lb3/") {
		f.t.Error(out)
	}
	if out := f.must(n, "tables", "seen", "nobody"); !strings.HasSuffix(out, "No node has nobody in table seen.\n") {
		f.t.Error(out)
	}
	if out, err := f.run(n, "tables", "nosuch"); code(err) != 1 || !strings.Contains(out, "the fleet has no table nosuch") {
		f.t.Errorf("%d %s", code(err), out)
	}
}

// refused: what one node cannot serve changes nothing.
func (f *fleet) refused(a *node) {
	f.t.Helper()
	// The check of the tool itself passes: a word of the environment is missing elsewhere.
	text, err := os.ReadFile(f.file)
	if err != nil {
		f.t.Fatal(err)
	}
	only := strings.Replace(string(text), "frontend web", ".if streq(\"$WEB\",\""+fmt.Sprint(f.nodes[2].web)+"\")\n.alert \"not on this node\"\n.endif\nfrontend web", 1)
	if err := os.WriteFile(f.file, []byte(only), 0o600); err != nil {
		f.t.Fatal(err)
	}
	out, err := f.run(a, "cluster", "apply", "-f", "haproxy.cfg")
	if code(err) != 1 || !strings.Contains(out, "Not applied: refused by lb3; nothing changed") || !strings.Contains(out, "not on this node") || !strings.Contains(out, "haproxy.cfg:10") {
		f.t.Errorf("a bundle that one node refuses: %d\n%s", code(err), out)
	}
	if out := f.must(a, "cluster", "members"); strings.Count(out, "gohap") != 3 || !strings.Contains(out, "lb3") {
		f.t.Error(out)
	}
	if g := f.status(a).Generation; g != 3 {
		f.t.Errorf("generation %d", g)
	}
	f.write("three")
	out, err = f.run(a, "cluster", "apply", "-f", "haproxy.cfg", "--base", "2")
	if code(err) != 1 || !strings.Contains(out, "it is based on generation 2, generation 3 is active") {
		f.t.Errorf("an old base: %d\n%s", code(err), out)
	}
}

// taken: an address that another process has on one node ends it, however that one
// shares it; the nodes' own addresses do not, and when it is free it is served.
func (f *fleet) taken(a, b *node) {
	f.t.Helper()
	text, err := os.ReadFile(f.file)
	if err != nil {
		f.t.Fatal(err)
	}
	more := "\tbind \"127.0.0.1:${MORE}\"\n\tbind \":${WEB}\"\n\tbind \"unix@${DATA}/web\"\n\tbind \"abns@${DATA}\"\n"
	if err := os.WriteFile(f.file, []byte(strings.Replace(string(text), "frontend web\n", "frontend web\n"+more, 1)), 0o600); err != nil {
		f.t.Fatal(err)
	}
	stop := f.traffic()
	for _, shared := range []bool{false, true} {
		l, err := (&net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
			if shared {
				_ = c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
			}
			return err
		}}).Listen(f.t.Context(), "tcp", fmt.Sprint("127.0.0.1:", b.more))
		if err != nil {
			f.t.Fatal(err)
		}
		out, err := f.run(a, "cluster", "apply", "-f", "haproxy.cfg")
		want := fmt.Sprintf("haproxy.cfg:10] for frontend web: protocol tcpv4: cannot bind socket (Address already in use) for [127.0.0.1:%d]", b.more)
		if code(err) != 1 || !strings.Contains(out, "Not applied: refused by lb2; nothing changed") || !strings.Contains(out, want) || strings.Count(out, "cannot bind") != 1 {
			f.t.Errorf("shared %t: %d, no %q in\n%s", shared, code(err), want, out)
		}
		l.Close()
	}
	for range 2 { // and again, when all are its own
		f.must(a, "cluster", "apply", "-f", "haproxy.cfg")
	}
	for _, n := range f.nodes {
		r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", n.more))
		if err != nil {
			f.t.Fatal(err)
		}
		r.Body.Close()
		f.sent.Add(1)
		if _, err := os.Stat(n.dir + "/web"); err != nil {
			f.t.Error(err)
		}
	}
	f.t.Logf("%d requests, none lost", stop())
	f.write("three")
	if err := a.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		f.t.Fatal(err)
	}
	f.await("a hint that the file is another one", patience, func() bool {
		return strings.Contains(a.Said.String(), "the files of -f are not what the fleet serves: 'gohap cluster diff -f FILE'")
	})
	if out, err := f.run(a, "cluster", "diff", "-f", "haproxy.cfg"); code(err) != 1 || !strings.Contains(out, "-\tbind \"127.0.0.1:${MORE}\"\n") {
		f.t.Errorf("diff -f: %d\n%s", code(err), out)
	}
}

// deaths: the leader is killed, then another node; what is agreed on is served by who
// comes back, without a quorum too.
func (f *fleet) deaths() {
	f.t.Helper()
	var leader *node
	var others []*node
	name := f.status(f.nodes[0]).Leader
	for _, n := range f.nodes {
		if n.name == name {
			leader = n
		} else {
			others = append(others, n)
		}
	}
	if leader == nil {
		f.t.Fatalf("who is the leader %q?", name)
	}
	leader.Stop() // kill -9
	f.await("another leader", 10*time.Second, func() bool {
		s := f.status(others[0])
		return s.Leader != "" && s.Leader != name
	})
	f.await("the death is seen", 10*time.Second, func() bool { return strings.Contains(f.status(others[0]).Summary, name+" failed") })
	if out := f.must(others[0], "cluster", "apply", "-f", "haproxy.cfg"); !strings.Contains(out, name+": not there, gets it when it comes back") {
		f.t.Errorf("apply without a node:\n%s", out)
	}
	others[1].Stop()
	f.await("no quorum", 10*time.Second, func() bool { return strings.Contains(f.status(others[0]).Summary, "No leader: 1 of 3 voters are here") })
	f.await("both are seen to have failed", 10*time.Second, func() bool {
		gone := 0
		for _, r := range f.status(others[0]).Nodes {
			if r.State == "failed" {
				gone++
			}
		}
		return gone == 2
	})
	f.write("four")
	if out, err := f.run(others[0], "cluster", "apply", "-f", "haproxy.cfg", "--timeout", "20s"); code(err) != 1 || !strings.Contains(out, "Not applied: the fleet has no leader: ") || !strings.Contains(out, "'gohap cluster status' says who is missing") {
		f.t.Errorf("apply without a quorum: %d\n%s", code(err), out)
	}
	f.serve("three", 0, others[0])
	others[0].Stop()
	f.start(others[0]) // alone: what it served last, not its file
	f.serve("three", 5*time.Second, others[0])
	f.start(others[1])
	f.start(leader)
	f.serve("three", patience, f.nodes[:]...)
	f.healthy(patience)
}

// leaving: a node that is told to end says so to the others, and the lead is not lost.
func (f *fleet) leaving() {
	f.t.Helper()
	name := f.status(f.nodes[0]).Leader
	for i, n := range f.nodes {
		if n.name != name {
			continue
		}
		other := f.nodes[(i+1)%3]
		if err := n.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
			f.t.Fatal(err)
		}
		<-n.Ended
		s := f.status(other)
		if s.Leader == "" || s.Leader == name {
			f.t.Errorf("%q leads after %s left", s.Leader, name)
		}
		for _, k := range s.Nodes {
			if k.Name == name && k.State != "left" {
				f.t.Errorf("%s is %s", name, k.State)
			}
		}
		f.start(n)
	}
	f.healthy(patience)
}
