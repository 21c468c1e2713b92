package oracle

import (
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

// bind9 starts Debian's name server for the zone test on a port of loopback, and returns
// what writes its records and has it read them.
func bind9(t *testing.T, port string) func(lines ...string) {
	t.Helper()
	const named = "/usr/sbin/named"
	if _, err := os.Stat(named); err != nil {
		t.Skip("install bind9")
	}
	dir := t.TempDir()
	zone, conf := filepath.Join(dir, "zone"), filepath.Join(dir, "named.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, `
options { directory %q; pid-file none; session-keyfile %q; listen-on port %s { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no; };
controls { };
zone "test" { type primary; file %q; };
`, dir, filepath.Join(dir, "session.key"), port, zone), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(named, "-f", "-c", conf)
	serial := 0
	write := func(lines ...string) {
		serial++
		text := fmt.Sprintf("$TTL 1\n$ORIGIN test.\n@ IN SOA ns hostmaster %d 60 60 60 1\n@ IN NS ns\nns IN A 127.0.0.1\n%s\n", serial, strings.Join(lines, "\n"))
		if err := os.WriteFile(zone+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(zone+".new", zone); err != nil {
			t.Fatal(err)
		}
		if serial > 1 {
			if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}
	}
	write()
	r := Launch(t, cmd)
	if !Eventually(10*time.Second, func() bool { // a signal before that ends it
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err == nil
	}) {
		t.Fatalf("named does not serve: %s", r.Stop())
	}
	return write
}

// Servers come and go in what name servers say while requests run, every 30 ms: none of
// the requests is lost, none waits for a name.
func TestAddressesUnderLoad(t *testing.T) {
	const dns = "127.53.8.1:5353"
	changeUnderLoad(t, dns, "127.53.8", 60, 30*time.Millisecond, nameServer(t, dns))
}

// The same with a name server from Debian, that reads its zone anew.
func TestBind9UnderLoad(t *testing.T) {
	const port = "15320"
	changeUnderLoad(t, "127.0.0.1:"+port, "127.53.11", 16, 250*time.Millisecond, bind9(t, port))
}

// What does not fit into a datagram is asked for over TCP: all of 100 servers have an
// address of their own, with the payload that is the default. The reference has none of
// them.
func TestBind9Truncated(t *testing.T) {
	const port = "15321"
	write := bind9(t, port)
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("large.test. IN A 127.53.12.%d", i+1))
	}
	write(lines...)
	socket := filepath.Join(t.TempDir(), "cli")
	r := Start(t, Installed(t, Gohap), fmt.Sprintf(`
global
	stats socket %s
resolvers dns
	nameserver n1 127.0.0.1:%s
	timeout resolve 100ms
	timeout retry 500ms
backend be
	timeout connect 1s
	timeout server 1s
	server-template w 100 large.test:80 resolvers dns init-addr none resolve-prefer ipv4
frontend f
	bind 127.53.12.1:18057
	timeout client 1s
`, socket, port))
	up := func() int {
		out, _ := Command(socket, "show servers state be")
		return strings.Count(out, " 127.53.12.")
	}
	if !Eventually(10*time.Second, func() bool { return up() == 100 }) {
		t.Fatalf("%d of 100 have an address\n%s", up(), r.Stop())
	}
	out, _ := Command(socket, "show stat domain resolvers")
	if cells := strings.Split(out, ","); !strings.Contains(out, "\nn1,dns,") || len(cells) < 34 || cells[17+15] == "0" {
		t.Errorf("nothing was truncated: %s", out)
	}
}

// changeUnderLoad changes the servers of a backend, by what a name server says, as
// often as asked while requests run. Their addresses begin with prefix.
func changeUnderLoad(t *testing.T, dns, prefix string, times int, every time.Duration, write func(lines ...string)) {
	const port = "18053"
	front := prefix + ".2:18054"
	var ips []string
	for _, n := range []string{".11", ".12", ".13"} {
		ip := prefix + n
		ips = append(ips, ip)
		s := &http.Server{Addr: ip + ":" + port, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, ip) })}
		go s.ListenAndServe()
		t.Cleanup(func() { s.Close() })
	}
	record := func(n int) string { return "a.test. 30 IN A " + ips[n-11] }
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
	for i := range times {
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
		<-time.After(every)
	}
	close(stop)
	clients.Wait()
	n := 0
	seen.Range(func(any, any) bool { n++; return true })
	if wrong.Load() > 0 || slow.Load() > 0 || done.Load() < 100 || n != 3 {
		t.Errorf("%d requests to %d servers, %d lost, %d slow\n%s", done.Load(), n, wrong.Load(), slow.Load(), r.Stop())
	}
}
