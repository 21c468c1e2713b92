package lbcore_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const manyServers = 10000

// TestLargeStatistics asks for the statistics of 10,000 servers on one loop, which
// must go on serving others meanwhile, and hold no more of a page than a piece
// while the client does not read.
func TestLargeStatistics(t *testing.T) {
	addr := largeInstance(t)
	for _, c := range []struct {
		path, each string // what stands once for each server
		end        string
	}{
		{"/st", `<a class=lfsb href="#app/s`, "</body></html>\n"},
		{"/st;csv", "\napp,s", ",\n"},
		{"/st;json", `"name":"svname"},"processNum":1,"tags":{"origin":"Key","nature":"Name","scope":"Service"},"value":{"type":"str","value":"s`, "]]\n"},
		{"/metrics?scope=server", `haproxy_server_weight{proxy="app",server="s`, "\n"},
	} {
		t.Run(c.path, func(t *testing.T) { largeAnswer(t, addr, c.path, c.each, c.end) })
	}
}

func largeInstance(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	var conf strings.Builder
	fmt.Fprintf(&conf, `
global
    nbthread 1
defaults
    mode http
    timeout client 1m
    timeout server 1m
    timeout connect 5s
frontend web
    bind %s
    monitor-uri /ping
    http-request use-service prometheus-exporter if { path /metrics }
    stats uri /st
    stats admin if TRUE
    stats show-legends
    default_backend app
backend app
`, addr)
	for i := range manyServers {
		fmt.Fprintf(&conf, "    server s%d 127.0.0.1:9\n", i)
	}
	started(t, conf.String())
	return addr
}

func largeAnswer(t *testing.T, addr, path, each, end string) {
	ask := func(path string) (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		if err := c.(*net.TCPConn).SetReadBuffer(1 << 14); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET %s HTTP/1.0\r\n\r\n", path)
		return c, bufio.NewReader(c)
	}
	ping := func() time.Duration {
		begin := time.Now()
		c, r := ask("/ping")
		defer c.Close()
		if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Fatalf("ping: %q %v", line, err)
		}
		return time.Since(begin)
	}
	before := heap()
	c, r := ask(path)
	defer c.Close()
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q %v", line, err)
	}
	for range 20 {
		ping() // the client does not read
	}
	// Of what is 20 to 120 MB in all but one form.
	if grown := int64(heap()) - int64(before); grown > 8<<20 {
		t.Errorf("%d bytes are held for a client that does not read", grown)
	}
	body := make(chan string)
	go func() {
		all, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		body <- string(all)
	}()
	slowest, pings := time.Duration(0), 0
	stalled := stalls(t)
	for {
		select {
		case text := <-body:
			if n := strings.Count(text, each); n != manyServers {
				t.Errorf("%d servers in %d bytes", n, len(text))
			}
			if !strings.HasSuffix(text, end) {
				t.Errorf("it ends with %q", text[max(0, len(text)-50):])
			}
			if machine := stalled(); slowest > time.Second+4*machine { // it has to run some times
				t.Errorf("another client waited for %v, the machine stood still for %v at the most", slowest, machine)
			}
			t.Logf("%d bytes; %d other requests meanwhile, the slowest took %v", len(text), pings, slowest)
			return
		default:
			slowest = max(slowest, ping())
			pings++
		}
	}
}

// stalls measures the longest time for which the machine let a goroutine that does
// next to nothing not run, until the function that it returns is called.
func stalls(t *testing.T) func() time.Duration {
	var longest atomic.Int64
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for begin := time.Now(); ; begin = time.Now() {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
			longest.Store(max(longest.Load(), int64(time.Since(begin))))
		}
	}()
	end := sync.OnceFunc(func() {
		close(done)
		<-ended
	})
	t.Cleanup(end)
	return func() time.Duration {
		end()
		return time.Duration(longest.Load())
	}
}

// heap is what is in use after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools keep over one
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
