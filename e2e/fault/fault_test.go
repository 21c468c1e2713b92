//go:build invariants

package fault

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gohap/e2e/oracle"
	"gohap/lbcore"
	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/stream"
	"gohap/stick"
)

var requests = flag.Int("requests", 1500, "how many mixed requests")
var rarity = flag.Int("rarity", 60, "one injected panic in so many chances")

const configuration = `
global
    nbthread 2
    log 127.0.0.1:%[4]d local0
defaults
    mode http
    log global
    option httplog
    option redispatch
    timeout client 300ms
    timeout server 200ms
    timeout connect 200ms
    timeout tarpit 50ms
    timeout http-request 300ms
    timeout http-keep-alive 500ms
    retries 1
frontend web
    bind 127.0.0.1:%[1]d
    option forwardfor
    tcp-request connection track-sc0 src table addresses
    http-request track-sc1 path table paths
    http-request deny if { path_beg /deny }
    http-request return status 200 content-type text/plain string "from here" if { path_beg /return }
    http-request redirect location /x if { path_beg /redirect }
    http-request tarpit if { path_beg /tarpit }
    use_backend dead if { path_beg /dead }
    use_backend again if { path_beg /again }
    use_backend queued if { path_beg /queued }
    default_backend app
backend addresses
    stick-table type ip size 100 expire 1m store conn_cnt,conn_cur,http_req_rate(10s),http_err_rate(10s),bytes_out_rate(10s)
backend paths
    stick-table type string size 100 expire 1m store conn_cnt,conn_cur
backend app
    http-response track-sc2 str(/response) table paths if { rand(2) 0 }
    server a 127.0.0.1:%[2]d
    server b 127.0.0.1:%[2]d
backend dead
    server none 127.0.0.1:1
backend again
    no option redispatch
    server none 127.0.0.1:1
backend queued
    timeout queue 100ms
    server one 127.0.0.1:%[2]d maxconn 1
listen raw
    mode tcp
    option tcplog
    bind 127.0.0.1:%[3]d
    tcp-request content track-sc0 src table addresses
    server a 127.0.0.1:%[2]d
`

// begin starts an instance, which ends with the test.
func begin(t *testing.T, text string) *lbcore.Instance {
	t.Helper()
	var said strings.Builder
	c, _ := lbcore.Load(&lbcore.Options{Stderr: &said, Builtin: text})
	if c == nil {
		t.Fatal(said.String())
	}
	in, err := c.Start(slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.Stop)
	return in
}

func TestNothingIsLeftAfterFaults(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 11))
	origin := startOrigin(t)
	web, raw := oracle.FreePort(t), oracle.FreePort(t)
	sink, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	text := fmt.Sprintf(configuration, web, origin, raw, sink.LocalAddr().(*net.UDPAddr).Port)
	in := begin(t, text)
	for range 100 {
		one(rnd, web, raw)
	}
	quiet(t, in)
	before := census()

	var panics atomic.Int64
	injected := map[stream.Phase]*atomic.Int64{}
	var mu sync.Mutex
	fault := func(s *stream.Stream) {
		mu.Lock()
		n := injected[s.Phase()]
		if n == nil {
			n = new(atomic.Int64)
			injected[s.Phase()] = n
		}
		mu.Unlock()
		// The first in each phase, then now and then.
		if n.CompareAndSwap(0, 1) || rand.IntN(*rarity) == 0 {
			n.Add(1)
			panics.Add(1)
			panic("injected in phase " + s.Phase().String())
		}
	}
	stream.Inject.Store(&fault)
	var wg sync.WaitGroup
	const clients = 16
	run := func(round, each int) {
		for i := range clients {
			seed := rand.New(rand.NewPCG(uint64(i), uint64(3+round)))
			wg.Go(func() {
				for range each {
					one(seed, web, raw)
				}
			})
		}
	}
	run(0, *requests/clients)
	exhaust(t)
	wg.Wait()
	// Whether a request waits in a queue depends on what comes beside it: more of
	// them, until there was one in each phase.
	met := func() bool {
		mu.Lock()
		defer mu.Unlock()
		for p := stream.Phase(0); p.String() != "ended"; p++ {
			if injected[p] == nil {
				return false
			}
		}
		return true
	}
	for round := 1; round <= 50 && !met(); round++ {
		run(round, 10)
		wg.Wait()
	}
	stream.Inject.Store(nil)

	quiet(t, in)
	after := census()
	for _, l := range in.Group.Loops {
		done := make(chan [4]int)
		l.Post(func() {
			w := in.Workers[l.ID]
			done <- [4]int{w.Active(), w.Mux.Live(), l.Buffers.Used(), w.Tracked()}
		})
		if v := <-done; v != [4]int{} {
			t.Errorf("loop %d: %d streams, %d exchanges, %d buffers, %d tracked entries left", l.ID, v[0], v[1], v[2], v[3])
		}
	}
	gauges(t, in)
	if after.files > before.files+4 {
		t.Errorf("%d descriptors, %d after warm-up", after.files, before.files)
	}
	if after.goroutines > before.goroutines+4 {
		t.Errorf("%d goroutines, %d after warm-up", after.goroutines, before.goroutines)
	}
	phases := []string{}
	for p := stream.Phase(0); p.String() != "ended"; p++ {
		if injected[p] == nil {
			t.Errorf("no panic was injected in phase %q", p)
		}
	}
	for p, n := range injected {
		phases = append(phases, fmt.Sprintf("%s %d", p, n.Load()-1)) // less the one that marks the first
	}
	fmt.Printf("| fault run: %d requests, %d panics injected (%s), nothing left\n", *requests, panics.Load(), strings.Join(phases, ", "))
	// It still serves.
	if got := get(web, "/return", 2*time.Second); !strings.Contains(got, "from here") {
		t.Errorf("after the run: %q", got)
	}
}

// one sends one random request, good or bad, and leaves in a random way.
func one(rnd *rand.Rand, web, raw int) {
	port := web
	if rnd.IntN(10) == 0 {
		port = raw
	}
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(3 * time.Second))
	paths := []string{"/", "/slow", "/big", "/chunked", "/close", "/reset", "/junk", "/half", "/deny", "/return", "/redirect", "/dead",
		"/again", "/queued", "/queued", "/tarpit"}
	for range 1 + rnd.IntN(3) {
		path := paths[rnd.IntN(len(paths))]
		text := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		switch rnd.IntN(8) {
		case 0:
			text = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789", path)
		case 1:
			text = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\n\r\n", path)
		case 2:
			text = text[:rnd.IntN(len(text))] // left unfinished
		case 3:
			text = "GET / HTTP/1.1\r\nbad header: x\r\n\r\n"
		case 4:
			text += text
		}
		c.Write([]byte(text))
		switch rnd.IntN(6) {
		case 0:
			c.(*net.TCPConn).SetLinger(0)
			return
		case 1:
			c.(*net.TCPConn).CloseWrite()
		case 2:
			return
		}
		var p [2048]byte
		if _, err := c.Read(p[:]); err != nil {
			return
		}
	}
}

// startOrigin answers as the path says.
func startOrigin(t *testing.T) int {
	_, port, _ := net.SplitHostPort(oracle.Serve(t, "127.0.0.1", origin))
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func origin(c net.Conn) {
	defer c.Close()
	var p [4096]byte
	for {
		c.SetDeadline(time.Now().Add(2 * time.Second))
		n, err := c.Read(p[:])
		if err != nil {
			return
		}
		path := "/"
		if f := strings.Fields(string(p[:n])); len(f) > 1 {
			path = f[1]
		}
		switch path {
		case "/slow":
			timer := time.NewTimer(250 * time.Millisecond)
			<-timer.C
		case "/big":
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n%s", strings.Repeat("x", 200000))
			continue
		case "/chunked":
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")
			continue
		case "/close":
			return
		case "/reset":
			c.(*net.TCPConn).SetLinger(0)
			return
		case "/junk":
			io.WriteString(c, "not http at all\r\n\r\n")
			continue
		case "/half":
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}
}

// exhaust takes descriptors away for a moment, so that accepts and dials fail.
func exhaust(t *testing.T) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	low := r
	low.Cur = uint64(census().files + 3)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	timer := time.NewTimer(300 * time.Millisecond)
	<-timer.C
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
}

type counts struct{ files, goroutines int }

func census() counts {
	d, _ := os.ReadDir("/proc/self/fd")
	return counts{len(d), runtime.NumGoroutine()}
}

// quiet waits until no connection is left, and closes idle ones to servers.
func quiet(t *testing.T, in *lbcore.Instance) {
	t.Helper()
	if !in.Wait(15 * time.Second) {
		t.Errorf("%d client connections do not end", in.Busy())
	}
	in.Group.Each(func(l *loop.Loop) {
		for _, p := range in.Config.Proxies {
			for _, s := range p.Set().All {
				s.CloseIdle(l)
			}
		}
	})
	deadline := time.NewTimer(5 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c := census(); ; {
		select {
		case <-deadline.C:
			return
		case <-tick.C:
		}
		now := census()
		if now == c {
			return
		}
		c = now
	}
}

func gauges(t *testing.T, in *lbcore.Instance) {
	zero := func(what string, g *proxy.Gauge) {
		if n := g.Load(); n != 0 {
			t.Errorf("%s is %d", what, n)
		}
	}
	zero("process connections", &in.Process.Conn)
	zero("process streams", &in.Process.Streams)
	for _, p := range in.Config.Proxies {
		released(t, p)
		zero(p.Name+" frontend", &p.FEConn)
		zero(p.Name+" backend", &p.BEConn)
		for _, b := range p.Binds {
			zero(p.Name+" bind", &b.Conn)
		}
		for _, s := range p.Set().All {
			zero(p.Name+"/"+s.Name+" streams", &s.Conn)
			zero(p.Name+"/"+s.Name+" used", &s.Used)
			zero(p.Name+"/"+s.Name+" idle", &s.Idle)
		}
	}
}

// released holds that nobody holds, or counts as a connection on, an entry of a
// proxy's stick table.
func released(t *testing.T, p *proxy.Proxy) {
	if p.Table == nil {
		return
	}
	n := 0
	p.Table.Walk(uint32(clock.Mono()/1e6), func(e stick.Entry) bool {
		n++
		if holds, cur := e.Holds()-1, e.Get(stick.ConnCur, 0); holds != 0 || cur != 0 {
			t.Errorf("table %s, key %q: %d holds, %d connections left", p.Name, e.Key(), holds, cur)
		}
		return true
	})
	if n == 0 {
		t.Errorf("table %s is empty: nothing was tracked", p.Name)
	}
}

func get(port int, path string, limit time.Duration) string {
	c, err := net.DialTimeout("tcp", netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)).String(), limit)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(limit))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
	b, _ := io.ReadAll(c)
	return string(b)
}
