package fleet

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

const patience = 20 * time.Second

var names = []string{"a", "b", "c"}

// trio is three nodes that share a table.
type trio struct {
	t     *testing.T
	bin   string
	dir   string
	peers [3]string // where they listen for each other
	front [3]string // and for requests
	wires [3][3]*wire
	nodes [3]*oracle.Running
	sent  map[string]*atomic.Int64 // by key
	keys  []string
}

// newTrio starts three nodes whose connections take a while one way. Where lost is not
// negative, that node and the next one are connected never.
func newTrio(t *testing.T, bin, section string, delay time.Duration, keys, lost int) *trio {
	t.Helper()
	c := &trio{t: t, bin: bin, dir: t.TempDir(), sent: map[string]*atomic.Int64{}}
	for i := range keys {
		k := fmt.Sprintf("key%d", i)
		c.keys, c.sent[k] = append(c.keys, k), new(atomic.Int64)
	}
	for i := range names {
		c.peers[i], c.front[i] = oracle.FreeAddress(t), oracle.FreeAddress(t)
	}
	for i := range names {
		text := "peers " + section + "\n"
		for j, name := range names {
			addr := c.peers[j]
			if i != j {
				c.wires[i][j] = newWire(t, addr, delay)
				addr = c.wires[i][j].addr()
			}
			text += fmt.Sprintf("  peer %s %s\n", name, addr)
		}
		if lost >= 0 {
			if j := (lost + 1) % 3; i == lost {
				c.wires[i][j].sever()
			} else if i == j {
				c.wires[i][lost].sever()
			}
		}
		text = fmt.Sprintf(`global
  stats socket %s level admin
  localpeer %s
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 1s
%sbackend t
  stick-table type string len 32 size 100k expire 10m store http_req_cnt,http_req_rate(10s),gpc0 peers %s
frontend f
  bind %s
  http-request track-sc0 hdr(x-key) table t
  http-request return status 200 hdr x-n %%[sc0_http_req_cnt]
`, c.socket(i), names[i], text, section, c.front[i])
		if err := os.WriteFile(c.config(i), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.start(i)
	}
	for i := range names {
		if !oracle.Eventually(patience, func() bool { return strings.Contains(c.ask(i, "show table t"), "# table: t") }) {
			t.Fatalf("node %s does not answer:\n%s", names[i], c.nodes[i].Said.String())
		}
	}
	return c
}

func (c *trio) socket(i int) string { return filepath.Join(c.dir, names[i]+".sock") }
func (c *trio) config(i int) string { return filepath.Join(c.dir, names[i]+".cfg") }
func (c *trio) pids(i int) string   { return filepath.Join(c.dir, names[i]+".pid") }

func (c *trio) start(i int) {
	cmd := exec.Command(c.bin, "-W", "-f", c.config(i), "-p", c.pids(i))
	c.nodes[i] = oracle.Launch(c.t, cmd)
}

func (c *trio) ask(i int, command string) string {
	said, err := oracle.Command(c.socket(i), command)
	if err != nil {
		return ""
	}
	return said
}

// send sends requests through a node at a rate, keys in turn, and counts those that
// were answered.
func (c *trio) send(i, n, perSecond int) error {
	var conn net.Conn
	var in *bufio.Reader
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	began := time.Now()
	for k := 0; k < n; {
		if due := began.Add(time.Duration(k) * time.Second / time.Duration(perSecond)); time.Until(due) > 0 {
			<-time.After(time.Until(due))
		}
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", c.front[i]); err != nil {
				return err
			}
			in = bufio.NewReader(conn)
		}
		key := c.keys[(k*7+i)%len(c.keys)]
		if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nhost: x\r\nx-key: %s\r\n\r\n", key); err != nil {
			return err
		}
		again, kept, lost := false, true, false
		for {
			line, err := in.ReadString('\n')
			if err == io.EOF && line == "" && kept { // the node reloads: nobody took the request
				conn.Close()
				conn, lost = nil, true
				break
			}
			if err != nil {
				return fmt.Errorf("request %d: %w", k, err)
			}
			kept = false
			if strings.HasPrefix(strings.ToLower(line), "connection: close") { // it reloads
				again = true
			}
			if line == "\r\n" {
				break
			}
		}
		if lost {
			continue
		}
		c.sent[key].Add(1)
		if k++; again {
			conn.Close()
			conn = nil
		}
	}
	return nil
}

// sendAll sends through all nodes at once.
func (c *trio) sendAll(n, perSecond int) {
	c.t.Helper()
	done := make(chan error, 3)
	for i := range names {
		go func() { done <- c.send(i, n, perSecond) }()
	}
	for range names {
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	}
}

var entryLine = regexp.MustCompile(`key=(\S+) .*http_req_cnt=(\d+)`)

// reads returns what a node has of each key.
func (c *trio) reads(i int) map[string]int64 {
	m := map[string]int64{}
	for _, line := range strings.Split(c.ask(i, "show table t"), "\n") {
		if w := entryLine.FindStringSubmatch(line); w != nil {
			m[w[1]], _ = strconv.ParseInt(w[2], 10, 64)
		}
	}
	return m
}

// wrong tells where a node reads something else than what was sent, "" for nowhere.
func (c *trio) wrong() string {
	for i := range names {
		got := c.reads(i)
		for key, n := range c.sent {
			if got[key] != n.Load() {
				return fmt.Sprintf("node %s reads %d of %s, and %d were sent", names[i], got[key], key, n.Load())
			}
		}
	}
	return ""
}

// exact waits until all nodes read what was sent.
func (c *trio) exact(when string) {
	c.t.Helper()
	if !oracle.Eventually(patience, func() bool { return c.wrong() == "" }) {
		c.t.Errorf("%s: %s", when, c.wrong())
		for i := range names {
			c.t.Logf("%s\n%s%s%s", c.nodes[i].Said.String(), c.ask(i, "show peers"), c.ask(i, "show table t key key0"), "")
		}
	}
}

// settled waits until all nodes read the same, twice, and returns the sum.
func (c *trio) settled() (n [3]int64) {
	sums := func() (s [3]int64) {
		for i := range names {
			for _, v := range c.reads(i) {
				s[i] += v
			}
		}
		return s
	}
	<-time.After(3 * time.Second)
	return sums()
}

func (c *trio) sentInAll() (n int64) {
	for _, v := range c.sent {
		n += v.Load()
	}
	return n
}

// run is one way of sending.
type run struct {
	delay     time.Duration
	keys      int
	perSecond int
	seconds   int
	lost      int // the nodes from this one on that are never connected, or -1
}

func (r run) String() string {
	s := fmt.Sprintf("%s-%dkeys-%dps", r.delay, r.keys, r.perSecond)
	if r.lost >= 0 {
		s += "-relayed"
	}
	return s
}

var runs = []run{
	{time.Millisecond, 1, 2000, 5, -1},
	{7500 * time.Microsecond, 1000, 400, 5, -1},
	{50 * time.Millisecond, 1, 20, 6, -1},
	{7500 * time.Microsecond, 1000, 200, 5, 0},
}

// drive sends in a run while a link is cut for 3 s in its midst.
func (c *trio) drive(r run) {
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		<-time.After(time.Second)
		c.wires[1][2].sever()
		c.wires[2][1].sever()
		<-time.After(3 * time.Second)
		c.wires[1][2].mend()
		c.wires[2][1].mend()
	}()
	c.sendAll(r.perSecond*r.seconds, r.perSecond)
	<-cut
}

// TestExact sends a counted number of requests through each of three nodes: at rest
// all read what was sent, also after a reload, a crash at rest, and while links break.
func TestExact(t *testing.T) {
	bin := oracle.Installed(t, oracle.Gohap)
	for _, r := range runs {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			c := newTrio(t, bin, "fleet", r.delay, r.keys, r.lost)
			c.drive(r)
			c.exact("at rest")
			c.reload(1, r)
			c.exact("after a reload")
			c.crash(2)
			c.exact("after a crash at rest")
			c.sendAll(r.perSecond, r.perSecond)
			c.exact("after more requests")
			t.Logf("%d requests, each node reads %d; %s", c.sentInAll(), c.settled(), c.bytes())
		})
	}
}

// reload reloads a node while requests are sent through all.
func (c *trio) reload(i int, r run) {
	c.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.sendAll(r.perSecond*2, r.perSecond)
	}()
	<-time.After(500 * time.Millisecond)
	if err := c.nodes[i].Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		c.t.Error(err)
	}
	<-done
}

// crash kills a node's processes and starts it anew.
func (c *trio) crash(i int) {
	c.t.Helper()
	pid := regexp.MustCompile(`(?m)^Pid: (\d+)`).FindStringSubmatch(c.ask(i, "show info"))
	if pid == nil {
		c.t.Fatalf("node %s tells no process", names[i])
	}
	worker, _ := strconv.Atoi(pid[1])
	_ = c.nodes[i].Cmd.Process.Kill()
	_ = syscall.Kill(worker, syscall.SIGKILL)
	<-c.nodes[i].Ended
	if !oracle.Eventually(patience, func() bool { return syscall.Kill(worker, 0) != nil }) {
		c.t.Fatal("it lives on")
	}
	os.Remove(c.socket(i))
	c.start(i)
	if !oracle.Eventually(patience, func() bool { return c.ask(i, "show table t") != "" }) {
		c.t.Fatalf("node %s does not come back", names[i])
	}
}

var learnedBytes = regexp.MustCompile(`received_bytes=(\d+) updates=\d+ learned=(\d+)`)

// bytes returns what a change of an entry takes on the wire.
func (c *trio) bytes() string {
	var bytes, changes int64
	for i := range names {
		for _, w := range learnedBytes.FindAllStringSubmatch(c.ask(i, "show peers"), -1) {
			b, _ := strconv.ParseInt(w[1], 10, 64)
			n, _ := strconv.ParseInt(w[2], 10, 64)
			bytes, changes = bytes+b, changes+n
		}
	}
	return fmt.Sprintf("%d changes in %d bytes", changes, bytes)
}

// TestClearInTraffic clears and sets a key while requests are sent through all nodes:
// what was seen goes, and what could not be known of stays.
func TestClearInTraffic(t *testing.T) {
	t.Parallel()
	bin := oracle.Installed(t, oracle.Gohap)
	const perSecond, seconds = 200, 4
	for _, command := range []string{"clear table t key key0", "set table t key key0 data.http_req_cnt 1000"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			c := newTrio(t, bin, "fleet", 7500*time.Microsecond, 1, -1)
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.sendAll(perSecond*seconds, perSecond)
			}()
			<-time.After(2 * time.Second)
			before := c.sentInAll()
			c.ask(0, command)
			after := c.sentInAll()
			<-done
			base := int64(0)
			if strings.HasPrefix(command, "set") {
				base = 1000
			}
			// Up to 100 ms pass before a change is told and another 100 ms for a busy
			// machine's sake, beside the way.
			late := int64(3 * perSecond * (200 + 8) / 1000)
			least, most := base+c.sentInAll()-after-3, base+c.sentInAll()-before+late+3
			var got [3]int64
			if !oracle.Eventually(patience, func() bool {
				got = [3]int64{c.reads(0)["key0"], c.reads(1)["key0"], c.reads(2)["key0"]}
				return got[0] == got[1] && got[1] == got[2] && got[0] >= least && got[0] <= most
			}) {
				t.Errorf("the nodes read %v, want from %d to %d", got, least, most)
			}
			t.Logf("%d sent before, %d behind: the nodes read %v", before, c.sentInAll()-after, got)
		})
	}
}

// TestClearAll clears the table at one node: it is empty on all, and a node that was
// away learns of it.
func TestClearAll(t *testing.T) {
	t.Parallel()
	c := newTrio(t, oracle.Installed(t, oracle.Gohap), "fleet", time.Millisecond, 100, -1)
	c.sendAll(300, 500)
	c.exact("before")
	for _, w := range []*wire{c.wires[0][2], c.wires[2][0], c.wires[1][2], c.wires[2][1]} {
		w.sever()
	}
	c.ask(0, "clear table t")
	for i := range 2 {
		if !oracle.Eventually(patience, func() bool { return len(c.reads(i)) == 0 }) {
			t.Errorf("node %s has %d entries", names[i], len(c.reads(i)))
		}
	}
	if n := len(c.reads(2)); n != 100 {
		t.Errorf("the node that is away has %d entries", n)
	}
	for _, w := range []*wire{c.wires[0][2], c.wires[2][0], c.wires[1][2], c.wires[2][1]} {
		w.mend()
	}
	for i := range names {
		if !oracle.Eventually(patience, func() bool { return strings.Contains(c.ask(i, "show table t"), "used:0") }) {
			t.Errorf("node %s: %s", names[i], c.ask(i, "show table t"))
		}
	}
}

// TestReference is the same run with three of the reference: it shows what they lose.
func TestReference(t *testing.T) {
	bin := oracle.Installed(t, oracle.Haproxy)
	for _, r := range runs[:3] {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			c := newTrio(t, bin, "p", r.delay, r.keys, -1)
			c.drive(r)
			t.Logf("%d requests, the nodes of the reference read %d", c.sentInAll(), c.settled())
		})
	}
}

// TestClassicPeer has the reference connect to the fleet: it is refused, and told of.
func TestClassicPeer(t *testing.T) {
	t.Parallel()
	c := newTrio(t, oracle.Installed(t, oracle.Gohap), "fleet", time.Millisecond, 1, -1)
	conn := oracle.Dial(t, c.peers[0])
	defer conn.Close()
	fmt.Fprint(conn, "HAProxyS 2.1\na\nb 1 1\n")
	if line, _ := bufio.NewReader(conn).ReadString('\n'); line != "502\n" {
		t.Errorf("it is answered %q", line)
	}
	if !oracle.Eventually(patience, func() bool {
		return strings.Contains(c.nodes[0].Said.String(), "refused a peer that speaks the classic protocol, as HAProxy does")
	}) {
		t.Errorf("it says %s", c.nodes[0].Said.String())
	}
}
