package oracle

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// nameServer starts the scripted name server on an address and returns what writes its
// records: lines of zone files.
func nameServer(t *testing.T, addr string) func(lines ...string) {
	t.Helper()
	dir := t.TempDir()
	bin, zone := filepath.Join(dir, "dnsd"), filepath.Join(dir, "zone")
	if out, err := exec.Command("go", "build", "-o", bin, "gohap/e2e/dnsd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write := func(lines ...string) {
		if err := os.WriteFile(zone+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(zone+".new", zone); err != nil {
			t.Fatal(err)
		}
	}
	write()
	Launch(t, exec.Command(bin, "-listen", addr, "-zone", zone))
	return write
}

// Servers come and go in what name servers say while requests run, every 30 ms: none of
// the requests is lost, none waits for a name.
func TestAddressesUnderLoad(t *testing.T) {
	const dns, port, front = "127.53.8.1:5353", "18053", "127.53.8.2:18054"
	write := nameServer(t, dns)
	for _, ip := range []string{"127.53.8.11", "127.53.8.12", "127.53.8.13"} {
		s := &http.Server{Addr: ip + ":" + port, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, ip) })}
		go s.ListenAndServe()
		t.Cleanup(func() { s.Close() })
	}
	record := func(n int) string { return fmt.Sprintf("a.test. 30 IN A 127.53.8.%d", n) }
	write(record(11))
	bin := Installed(t, Gohap)
	r := Start(t, bin, fmt.Sprintf(`
resolvers dns
	nameserver n1 %s
	timeout resolve 10ms
	timeout retry 500ms
defaults
	mode http
	timeout connect 2s
	timeout client 5s
	timeout server 5s
	option redispatch 1
frontend f
	bind %s
	default_backend be
backend be
	server-template w 3 a.test:%s resolvers dns init-addr none resolve-prefer ipv4
`, dns, front, port))
	get := func(c *http.Client) (int, string, error) {
		res, err := c.Get("http://" + front + "/")
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		p, err := io.ReadAll(res.Body)
		return res.StatusCode, string(p), err
	}
	if !Eventually(10*time.Second, func() bool { code, _, _ := get(http.DefaultClient); return code == 200 }) {
		t.Fatalf("it never served: %s", r.Stop())
	}
	var done, wrong, slow atomic.Int64
	var seen sync.Map
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		clients.Go(func() {
			c := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
			for {
				select {
				case <-stop:
					return
				default:
				}
				begun := time.Now()
				code, from, err := get(c)
				if err != nil || code != 200 {
					wrong.Add(1)
					t.Logf("%d %v", code, err)
				}
				if time.Since(begun) > time.Second {
					slow.Add(1)
				}
				seen.Store(from, true)
				done.Add(1)
			}
		})
	}
	for i := range 60 {
		switch i % 4 {
		case 0:
			write(record(12))
		case 1:
			write(record(12), record(13), record(11))
		case 2:
			write(record(13), record(11))
		case 3:
			write(record(11))
		}
		<-time.After(30 * time.Millisecond)
	}
	close(stop)
	clients.Wait()
	n := 0
	seen.Range(func(any, any) bool { n++; return true })
	if wrong.Load() > 0 || slow.Load() > 0 || done.Load() < 100 || n != 3 {
		t.Errorf("%d requests to %d servers, %d lost, %d slow\n%s", done.Load(), n, wrong.Load(), slow.Load(), r.Stop())
	}
}
