package lbcore_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gohap/lbcore"
	"gohap/lbcore/control"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

const changing = `
global
    nbthread 2
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 5s
frontend web
    bind 127.0.0.1:%[1]d
    use_backend %%[path,field(2,/)]
backend rr
    server fixed 127.0.0.1:%[2]d
backend lc
    balance leastconn
    cookie SRV insert indirect
    server fixed 127.0.0.1:%[2]d cookie fixed
backend ring
    balance uri
    hash-type consistent
    http-reuse always
    server fixed 127.0.0.1:%[2]d
`

// TestServersComeAndGo adds and deletes 1,000 servers of three backends while eight
// clients keep asking: no request fails, and nothing of the servers is left.
func TestServersComeAndGo(t *testing.T) {
	const servers, clients, commanders = 1000, 8, 3
	origin, served := answering(t)
	in, web := serving(t, origin)
	first := startClients(t, web, clients)
	first.until(200)
	first.stop(t)
	idle(t, in)
	before := leftovers()
	traffic := startClients(t, web, clients)

	var wg sync.WaitGroup
	var done atomic.Int64
	for i := range commanders {
		p := backendNamed(in, []string{"rr", "lc", "ring"}[i])
		wg.Go(func() {
			for n := done.Add(1); n <= servers; n = done.Add(1) {
				if err := comeAndGo(in, p, fmt.Sprint("s", n), origin, n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	traffic.stop(t)
	if n := served.Load(); n < 1000 {
		t.Errorf("only %d requests were served meanwhile", n)
	}
	for _, p := range in.Config.Proxies {
		if n := len(p.Set().All); p.IsBackend && n != 1 {
			t.Errorf("backend %s has %d servers", p.Name, n)
		}
	}
	idle(t, in)
	after := leftovers()
	if after.fds > before.fds+2 || after.goroutines > before.goroutines+2 {
		t.Errorf("left behind: %d descriptors and %d goroutines, before %d and %d", after.fds, after.goroutines, before.fds, before.goroutines)
	}
	// 1,000 servers would be some 5 MB.
	if after.heap > before.heap+2<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", before.heap, after.heap)
	}
}

// comeAndGo is a server's life.
func comeAndGo(in *lbcore.Instance, p *proxy.Proxy, name string, origin int, n int64) error {
	words := []string{name, fmt.Sprint("127.0.0.1:", origin), "weight", fmt.Sprint(1 + n%7)}
	switch n % 4 {
	case 0:
		words = append(words, "check", "inter", "20ms", "slowstart", "1s")
	case 1:
		words = append(words, "cookie", name, "maxconn", "3")
	case 2:
		words = append(words, "backup", "pool-purge-delay", "50ms")
	}
	if _, err := in.AddServer(p, words); err != nil {
		return fmt.Errorf("add %s/%s: %w", p.Name, name, err)
	}
	s := p.Server(name)
	if s == nil || !s.Admin().Maint() {
		return fmt.Errorf("%s/%s is not there, or not in maintenance", p.Name, name)
	}
	if _, err := in.AddServer(p, words); err == nil {
		return fmt.Errorf("%s/%s was added twice", p.Name, name)
	}
	checks := in.Control().Checks
	if s.Check != nil {
		s.EnableChecks(true)
	}
	checks.Enable(s)
	if err := in.DeleteServer(s); err == nil {
		return fmt.Errorf("%s/%s was deleted while it served", p.Name, name)
	}
	pause(time.Millisecond * time.Duration(n%8))
	checks.SetAdmin(s, "maint")
	for range 5000 {
		err := in.DeleteServer(s)
		if err == nil {
			if p.Server(name) != nil || in.DeleteServer(s) == nil {
				return fmt.Errorf("%s/%s is still there", p.Name, name)
			}
			return nil
		}
		if !errors.Is(err, control.ErrInUse) {
			return fmt.Errorf("delete %s/%s: %w", p.Name, name, err)
		}
		pause(time.Millisecond)
	}
	return fmt.Errorf("%s/%s is never free: %d streams, %d wait, %d connections", p.Name, name, s.Conn.Load(), s.QueueLen(), s.Used.Load())
}

func pause(d time.Duration) { <-time.After(d) }

// answering is a server that answers everything; it counts.
func answering(t *testing.T) (port int, served *atomic.Int64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	served = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); head(r) == nil; served.Add(1) {
					io.WriteString(c, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, served
}

// head reads to the end of a head.
func head(r *bufio.Reader) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\r\n" {
			return err
		}
	}
}

func serving(t *testing.T, origin int) (in *lbcore.Instance, web int) {
	web = freePort(t)
	return started(t, fmt.Sprintf(changing, web, origin)), web
}

// freePort is a port that nobody has now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// started runs a configuration until the test ends.
func started(t *testing.T, text string) *lbcore.Instance {
	t.Helper()
	var said strings.Builder
	c, _ := lbcore.Load(&lbcore.Options{Stderr: &said, Builtin: text, Quiet: true})
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

func backendNamed(in *lbcore.Instance, name string) *proxy.Proxy {
	for _, p := range in.Config.Proxies {
		if p.IsBackend && p.Name == name {
			return p
		}
	}
	return nil
}

// clients ask without an end.
type clients struct {
	end   atomic.Bool
	wg    sync.WaitGroup
	asked atomic.Int64
	mu    sync.Mutex
	wrong []string
}

func startClients(t *testing.T, web, n int) *clients {
	c := &clients{}
	for i := range n {
		c.wg.Go(func() {
			for !c.end.Load() {
				if err := c.session(web, i); err != nil {
					c.mu.Lock()
					c.wrong = append(c.wrong, err.Error())
					c.mu.Unlock()
					return
				}
			}
		})
	}
	return c
}

// session is some requests on one connection.
func (c *clients) session(web, who int) error {
	conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", web))
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for i := range 50 {
		if c.end.Load() {
			return nil
		}
		be := []string{"rr", "lc", "ring"}[(who+i)%3]
		fmt.Fprintf(conn, "GET /%s/%d HTTP/1.1\r\nhost: x\r\n\r\n", be, c.asked.Add(1))
		line, err := r.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 200 ") {
			return fmt.Errorf("request to %s: %q, %v", be, line, err)
		}
		if err := head(r); err != nil {
			return err
		}
		if _, err := r.Discard(2); err != nil {
			return err
		}
	}
	return nil
}

func (c *clients) until(n int64) {
	for c.asked.Load() < n {
		pause(time.Millisecond)
	}
}

func (c *clients) stop(t *testing.T) {
	c.end.Store(true)
	c.wg.Wait()
	for _, w := range c.wrong {
		t.Error(w)
	}
}

// idle closes what is idle towards servers.
func idle(t *testing.T, in *lbcore.Instance) {
	for range 3 {
		in.Group.Each(func(l *loop.Loop) {
			for _, p := range in.Config.Proxies {
				for _, s := range p.Set().All {
					s.CloseIdle(l)
				}
			}
		})
		pause(20 * time.Millisecond)
	}
}

type left struct {
	fds, goroutines int
	heap            uint64
}

func leftovers() left {
	d, _ := os.ReadDir("/proc/self/fd")
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return left{len(d), runtime.NumGoroutine(), m.HeapAlloc}
}
