//go:build invariants

package fault

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

var handshakes = flag.Int("handshakes", 2000, "handshakes of the TLS run")

const tlsConfiguration = `
global
    nbthread 2
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
    retries 0
frontend one
    bind 127.0.0.1:%[1]d ssl crt %[3]s crt %[4]s
    default_backend again
backend again
    server s 127.0.0.1:%[2]d ssl verify none
frontend two
    timeout http-keep-alive 500ms
    bind 127.0.0.1:%[2]d ssl crt %[4]s
    http-request return status 200 content-type text/plain string "from here"
`

// TestHandshakes is many handshakes, with stalls, garbage and clients that leave
// in the middle: those that behave are served at once meanwhile, and nothing is
// left afterwards.
func TestHandshakes(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	one, two := oracle.FreePort(t), oracle.FreePort(t)
	text := fmt.Sprintf(tlsConfiguration, one, two, oracle.Certificate(t, "ec", ec), oracle.Certificate(t, "rsa", rs))
	in := begin(t, text)
	sessions := tls.NewLRUClientSessionCache(64)
	fetch := func(name string, resume bool) error {
		cfg := &tls.Config{InsecureSkipVerify: true, ServerName: name}
		if resume {
			cfg.ClientSessionCache = sessions
		}
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", fmt.Sprintf("127.0.0.1:%d", one), cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		b, err := io.ReadAll(c)
		if err != nil || !bytes.Contains(b, []byte("from here")) {
			return fmt.Errorf("%q, %v", b, err)
		}
		return nil
	}
	for range 20 {
		if err := fetch("ec", false); err != nil {
			t.Fatal(err)
		}
	}
	quiet(t, in)
	before := census()
	hello := firstFlight(t)

	// These stall in the middle of a hello, or say nothing, for the whole run.
	var stalled []net.Conn
	for i := range 200 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", one))
		if err != nil {
			t.Fatal(err)
		}
		c.Write(hello[:len(hello)*(i%4)/4])
		stalled = append(stalled, c)
	}
	var wg sync.WaitGroup
	var good, slowest atomic.Int64
	const clients = 8
	for i := range clients {
		rnd := mrand.New(mrand.NewPCG(uint64(i), 5))
		wg.Go(func() {
			for range *handshakes / clients {
				switch k := rnd.IntN(10); {
				case k < 5:
					begin := time.Now()
					if err := fetch([]string{"ec", "rsa"}[rnd.IntN(2)], k < 2); err != nil {
						t.Error(err)
						return
					}
					good.Add(1)
					if d := int64(time.Since(begin)); d > slowest.Load() {
						slowest.Store(d)
					}
				default:
					abuse(rnd, one, hello)
				}
			}
		})
	}
	wg.Wait()
	for _, c := range stalled {
		c.Close()
	}
	quiet(t, in)
	after := census()
	gauges(t, in)
	if n := in.Process.SSL.Conns.Load(); n != 0 {
		t.Errorf("%d TLS connections are left", n)
	}
	if after.goroutines > before.goroutines+4 || after.files > before.files {
		t.Errorf("%+v, %+v before: coroutines or descriptors are left", after, before)
	}
	for _, l := range in.Group.Loops {
		done := make(chan [3]int)
		l.Post(func() {
			w := in.Workers[l.ID]
			done <- [3]int{w.Active(), w.Mux.Live(), l.Buffers.Used()}
		})
		if v := <-done; v != [3]int{} {
			t.Errorf("loop %d: %d streams, %d exchanges, %d buffers left", l.ID, v[0], v[1], v[2])
		}
	}
	if d := time.Duration(slowest.Load()); d > 5*time.Second {
		t.Errorf("a client that behaves waited for %s", d)
	}
	fmt.Printf("| TLS fault run: %d handshakes, %d of them good, slowest request %s, nothing left\n", *handshakes, good.Load(), time.Duration(slowest.Load()).Round(time.Millisecond))
	if err := fetch("rsa", false); err != nil {
		t.Errorf("after the run: %v", err)
	}
}

// abuse opens a connection and leaves it in a bad way.
func abuse(rnd *mrand.Rand, port int, hello []byte) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(200 * time.Millisecond))
	switch rnd.IntN(5) {
	case 0:
		c.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
		io.Copy(io.Discard, c)
	case 1: // a piece, then a reset
		c.Write(hello[:rnd.IntN(len(hello))])
		c.(*net.TCPConn).SetLinger(0)
	case 2: // all of it, then a reset while a helper signs
		c.Write(hello)
		c.(*net.TCPConn).SetLinger(0)
	case 3: // garbage behind the hello
		b := make([]byte, 300)
		rand.Read(b)
		c.Write(append(append([]byte(nil), hello...), b...))
		io.Copy(io.Discard, c)
	case 4:
		b := append([]byte(nil), hello...)
		b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
		c.Write(b)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	}
}

// firstFlight returns a client's hello for the RSA certificate.
func firstFlight(t *testing.T) []byte {
	near, far := net.Pipe()
	go tls.Client(near, &tls.Config{InsecureSkipVerify: true, ServerName: "rsa"}).Handshake()
	b := make([]byte, 65536)
	n, err := far.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	far.Close()
	return b[:n]
}
