package lbcore_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const certified = `
global
    nbthread 2
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend web
    bind 127.0.0.1:%[1]d ssl crt %[3]s
    http-request return status 204
frontend mutual
    bind 127.0.0.1:%[2]d ssl crt %[3]s verify required ca-file %[4]s
    http-request return status 200 content-type text/plain lf-string "%%[ssl_c_s_dn]"
listen passed
    bind 127.0.0.1:%[5]d
    http-reuse never
    server s 127.0.0.1:%[2]d ssl verify none crt %[3]s
`

// TestCommits replaces a certificate 1,000 times while clients keep making
// connections, on two bind lines and towards a server: none fails, a connection from
// before lives on, and nothing of the former certificates is left.
func TestCommits(t *testing.T) {
	const commits, clients = 1000, 6
	files := []string{selfSigned(t), selfSigned(t)}
	var texts []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	all := t.TempDir() + "/all.pem"
	if err := os.WriteFile(all, []byte(texts[0]+texts[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	web, mutual, passed := freePort(t), freePort(t), freePort(t)
	in := started(t, fmt.Sprintf(certified, web, mutual, files[0], all, passed))

	old, err := tls.Dial("tcp", fmt.Sprint("127.0.0.1:", web), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	commit := func(n int) {
		if _, _, err := in.Config.Certs.SetCert(files[0], texts[n%2]); err != nil {
			t.Fatal(err)
		}
		if used, err := in.Config.Certs.CommitCert(files[0]); err != nil || used != 3 {
			t.Fatalf("commit %d: used %d times, %v", n, used, err)
		}
	}
	round := func(commits int) int64 {
		var served, resumed atomic.Int64
		var stop atomic.Bool
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() { handshakes(t, web, passed, i, &stop, &served, &resumed) })
		}
		for n := range commits {
			commit(n)
			if n%50 == 0 {
				ask(t, old)
			}
		}
		for end := time.Now().Add(20 * time.Second); served.Load() < int64(commits) && time.Now().Before(end); {
			pause(time.Millisecond)
		}
		stop.Store(true)
		wg.Wait()
		if resumed.Load() == 0 {
			t.Error("no session was resumed")
		}
		return served.Load()
	}
	round(20)
	idle(t, in)
	before := leftovers()
	if n := round(commits); n < commits {
		t.Errorf("only %d connections were made meanwhile", n)
	}
	idle(t, in)
	after := leftovers()
	// Timers hold connections that have ended until they would have timed out.
	for end := time.Now().Add(20 * time.Second); after.heap > before.heap+2<<20 && time.Now().Before(end); after = leftovers() {
		pause(100 * time.Millisecond)
	}
	if after.fds > before.fds+2 || after.goroutines > before.goroutines+4 {
		t.Errorf("left behind: %d descriptors and %d goroutines, before %d and %d", after.fds, after.goroutines, before.fds, before.goroutines)
	}
	// 1,000 certificates on three places would be some 10 MB.
	if after.heap > before.heap+2<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", before.heap, after.heap)
	}
}

// ask asks over a connection that stays.
func ask(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
	if r, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || r.StatusCode != 204 {
		t.Errorf("a connection from before: %v, %v", r, err)
	}
}

// handshakes makes connections until it is told to stop: odd clients by TLS
// themselves, with sessions, even ones through the server line.
func handshakes(t *testing.T, web, passed, i int, stop *atomic.Bool, served, resumed *atomic.Int64) {
	cfg := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1), MaxVersion: []uint16{tls.VersionTLS12, tls.VersionTLS13}[i/2%2]}
	for !stop.Load() {
		var c net.Conn
		var err error
		want := " 204 "
		if i%2 == 1 {
			c, err = tls.Dial("tcp", fmt.Sprint("127.0.0.1:", web), cfg)
		} else {
			c, err = net.Dial("tcp", fmt.Sprint("127.0.0.1:", passed))
			want = "/CN=a.example"
		}
		if err != nil {
			t.Errorf("client %d: %v", i, err)
			return
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
		b, err := io.ReadAll(c)
		c.Close()
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("client %d: %q, %v", i, b, err)
			return
		}
		if over, ok := c.(*tls.Conn); ok && over.ConnectionState().DidResume {
			resumed.Add(1)
		}
		served.Add(1)
	}
}
