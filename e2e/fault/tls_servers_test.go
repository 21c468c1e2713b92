//go:build invariants

package fault

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// A badServer does what no TLS server should with a connection that was accepted.
type badServer struct {
	name   string
	serve  func(c net.Conn)
	status int // what its clients get
}

// badServers are servers that TLS is spoken to in vain. proof is a certificate that
// nobody here signs.
func badServers(proof tls.Certificate) []badServer {
	hello := func(c net.Conn) bool { _, err := c.Read(make([]byte, 4096)); return err == nil }
	return []badServer{
		{"garbage", func(c net.Conn) { io.WriteString(c, strings.Repeat("no TLS here\r\n", 100)) }, 503},
		{"leaves", func(c net.Conn) {}, 503},
		{"resets", func(c net.Conn) { hello(c); c.(*net.TCPConn).SetLinger(0) }, 503},
		{"silent", func(c net.Conn) { io.Copy(io.Discard, c) }, 503},
		{"half", func(c net.Conn) { // a record that never ends
			if hello(c) {
				c.Write([]byte{22, 3, 3, 4, 0, 2, 0, 0, 80, 3, 3})
				io.Copy(io.Discard, c)
			}
		}, 503},
		{"alert", func(c net.Conn) { hello(c); c.Write([]byte{21, 3, 3, 0, 2, 2, 40}) }, 503},
		{"stranger", func(c net.Conn) {
			tls.Server(c, &tls.Config{Certificates: []tls.Certificate{proof}}).Handshake()
			io.Copy(io.Discard, c)
		}, 503},
		{"mute", func(c net.Conn) { // good until it is asked
			t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{proof}})
			if t.Handshake() == nil {
				t.Read(make([]byte, 4096))
			}
		}, 502},
		{"poison", func(c net.Conn) { // a record that does not decrypt
			t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{proof}})
			if t.Handshake() == nil {
				t.Read(make([]byte, 4096))
				c.Write(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...))
			}
		}, 502},
	}
}

// listenBadly accepts for a bad server and returns its port.
func listenBadly(t *testing.T, b badServer) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(10 * time.Second))
				b.serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().(*net.TCPAddr).Port
}

// TestBadServers asks a good server and bad ones at the same time: the good one
// answers at once, the others' clients are told, and nothing is left afterwards.
func TestBadServers(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own, foreign := oracle.Certificate(t, "own", key), oracle.Certificate(t, "foreign", key)
	proof, err := tls.LoadX509KeyPair(foreign, foreign)
	if err != nil {
		t.Fatal(err)
	}
	web, origin := oracle.FreePort(t), oracle.FreePort(t)
	var text strings.Builder
	fmt.Fprintf(&text, "global\n nbthread 2\ndefaults\n mode http\n retries 0\n timeout client 30s\n timeout server 5s\n timeout connect 300ms\n"+
		"frontend web\n bind 127.0.0.1:%d\n use_backend %%[path,field(2,/)]\nfrontend origin\n timeout http-keep-alive 500ms\n bind 127.0.0.1:%d ssl crt %s\n http-request return status 200\n"+
		"backend good\n server s 127.0.0.1:%d ssl verify required ca-file %s\n", web, origin, own, origin, own)
	bad := badServers(proof)
	for _, b := range bad {
		verify := "none"
		if b.name == "stranger" {
			verify = "required ca-file " + own
		}
		fmt.Fprintf(&text, "backend %s\n server s 127.0.0.1:%d ssl verify %s\n", b.name, listenBadly(t, b), verify)
	}
	in := begin(t, text.String())
	ask := func(name string) (int, time.Duration, error) {
		begin := time.Now()
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", web))
		if err != nil {
			return 0, 0, err
		}
		defer c.Close()
		c.SetDeadline(begin.Add(10 * time.Second))
		fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", name)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0, 0, err
		}
		return resp.StatusCode, time.Since(begin), nil
	}
	for range 10 {
		if status, _, err := ask("good"); status != 200 {
			t.Fatalf("the good server: %d, %v", status, err)
		}
	}
	quiet(t, in)
	before := census()
	var wg sync.WaitGroup
	const clients = 8
	for i := range clients {
		rnd := mrand.New(mrand.NewPCG(uint64(i), 9))
		wg.Go(func() {
			for range *handshakes / 20 / clients {
				name, want := "good", 200
				if rnd.IntN(2) == 0 {
					b := bad[rnd.IntN(len(bad))]
					name, want = b.name, b.status
				}
				status, took, err := ask(name)
				if status != want || name == "good" && took > 3*time.Second {
					t.Errorf("%s: status %d (%v) after %s, want %d", name, status, err, took, want)
				}
			}
		})
	}
	wg.Wait()
	quiet(t, in)
	gauges(t, in)
	if n := in.Process.SSL.Conns.Load(); n != 0 {
		t.Errorf("%d TLS connections are left", n)
	}
	if after := census(); after.goroutines > before.goroutines+4 || after.files > before.files {
		t.Errorf("%+v, %+v before: coroutines or descriptors are left", after, before)
	}
}
