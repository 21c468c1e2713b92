package renew

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"gohap/lbcore/certs"
	"gohap/lbcore/clock"
)

// world is a certificate, who issued it, and a responder that says what it is told.
type world struct {
	t         *testing.T
	leaf, ca  *x509.Certificate
	key       crypto.Signer
	clock     *clock.Fake
	mu        sync.Mutex
	answers   []func(string) string // of the connections to come; "" resets
	asked     []string
	logged    chan string
	waiting   chan time.Duration
	goOn      chan bool
	updater   *Updater
	path      string
	responder string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, clock: clock.NewFake(clock.Wall()), logged: make(chan string, 100), waiting: make(chan time.Duration), goOn: make(chan bool), responder: "http://responder.example/x"}
	w.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	now := clock.Wall()
	make509 := func(serial int64, name string, ca bool, parent *x509.Certificate) *x509.Certificate {
		c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(1000 * time.Hour),
			IsCA: ca, BasicConstraintsValid: ca, SubjectKeyId: []byte{1}, DNSNames: []string{name}}
		if !ca {
			c.OCSPServer = []string{w.responder}
		}
		if parent == nil {
			parent = c
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, w.key.Public(), w.key)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	w.ca = make509(1, "authority", true, nil)
	w.leaf = make509(2, "one.example", false, w.ca)
	key, err := x509.MarshalPKCS8PrivateKey(w.key)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, b := range []pem.Block{{Type: "CERTIFICATE", Bytes: w.leaf.Raw}, {Type: "CERTIFICATE", Bytes: w.ca.Raw}, {Type: "PRIVATE KEY", Bytes: key}} {
		_ = pem.Encode(&text, &b)
	}
	w.path = t.TempDir() + "/one.pem"
	if err := os.WriteFile(w.path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	store := certs.NewStore()
	slots, err := store.FindListed(w.path, certs.Files{Update: certs.Yes})
	if err != nil {
		t.Fatal(err)
	}
	f, err := certs.NewFront(store, certs.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add(slots, certs.Settings{}, nil, true); err != nil {
		t.Fatal(err)
	}
	f.Finish()
	w.updater = &Updater{Store: store, Least: 5 * time.Minute, Most: 50 * time.Minute, Clock: w.clock, Dial: w.dial,
		Log: func(level int, line string) { w.logged <- fmt.Sprintf("%d %s", level, line) },
		Wait: func(ctx context.Context, d time.Duration) bool {
			if d == idle { // an update runs
				<-ctx.Done()
				return false
			}
			select {
			case w.waiting <- d:
			case <-ctx.Done():
				return false
			}
			select {
			case <-w.goOn:
				w.clock.Advance(d)
				return true
			case <-ctx.Done():
				return false
			}
		}}
	t.Cleanup(w.updater.Stop)
	return w
}

func (w *world) dial(_ context.Context, _, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var answer func(string) string
	if len(w.answers) > 0 {
		answer, w.answers = w.answers[0], w.answers[1:]
	}
	if answer == nil {
		return nil, fmt.Errorf("%s refuses", address)
	}
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		in := bufio.NewReader(theirs)
		line, _ := in.ReadString('\n')
		w.mu.Lock()
		w.asked = append(w.asked, address+" "+strings.TrimSpace(line))
		w.mu.Unlock()
		for l := line; l != "\r\n" && l != ""; l, _ = in.ReadString('\n') {
		}
		_, _ = io.WriteString(theirs, answer(line))
	}()
	return ours, nil
}

// says makes the responder's next answers.
func (w *world) says(all ...func(string) string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = append(w.answers, all...)
}

// good is a response that is good for so long, framed as form has it.
func (w *world) good(d time.Duration, form string) func(string) string {
	der, err := ocsp.CreateResponse(w.ca, w.ca, ocsp.Response{Status: ocsp.Good, SerialNumber: w.leaf.SerialNumber, ThisUpdate: w.clock.Wall(), NextUpdate: w.clock.Wall().Add(d)}, w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n"
	return func(string) string {
		switch form {
		case "chunked":
			return fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", head, der[:5], len(der)-5, der[5:])
		case "close":
			return head + "\r\n" + string(der)
		case "cut":
			return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(der)+1, der)
		}
		return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(der), der)
	}
}

func plain(text string) func(string) string { return func(string) string { return text } }

// expect takes the next lines of the log.
func (w *world) expect(lines ...string) {
	w.t.Helper()
	for _, want := range lines {
		if got := <-w.logged; !strings.Contains(got, want) {
			w.t.Fatalf("logged %q, not %q", got, want)
		}
	}
}

// sleeps ends the next wait, which is as long as d but for a response's whole seconds.
func (w *world) sleeps(d time.Duration) {
	w.t.Helper()
	got := <-w.waiting
	w.goOn <- true
	if got < d-time.Second || got > d+time.Second {
		w.t.Fatalf("slept for %s, not %s", got, d)
	}
}

func TestUpdates(t *testing.T) {
	w := newWorld(t)
	w.says(w.good(100*time.Hour, "length"))
	w.updater.Start()
	w.expect(`5 <OCSP-UPDATE> ` + w.path + ` 1 "Update successful" 0 1`)
	if asked := w.asked[0]; !strings.HasPrefix(asked, "responder.example:80 GET /x/MEI") {
		t.Error(asked)
	}
	// The longest time, the response's own, the shortest.
	w.says(w.good(80*time.Minute, "chunked"), w.good(86*time.Minute, "close"))
	w.sleeps(50 * time.Minute)
	w.expect(`"Update successful" 0 2`)
	w.sleeps(30 * time.Minute)
	w.expect(`"Update successful" 0 3`)
	// Failures: each waits twice as long.
	w.says(w.good(time.Hour, "cut"))
	w.sleeps(6 * time.Minute)
	w.expect(`6 -:- [`, `2 "HTTP error" 1 3`)
	w.says(plain("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"))
	w.sleeps(5 * time.Minute) // 2, but for the shortest
	w.expect(`5 <OCSP-UPDATE> ` + w.path + ` 2 "HTTP error" 2 3`)
	w.says(plain("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"))
	w.sleeps(5 * time.Minute)
	w.expect(`3 "Missing "ocsp-response" header" 3 3`)
	w.says(plain("nonsense\r\n\r\n"))
	w.sleeps(8 * time.Minute)
	w.expect(`6 -:- [`, `2 "HTTP error" 4 3`)
	if d := w.updater.Describe(); !strings.Contains(d, "| 3 | 4 | 2 | HTTP error\n") {
		t.Error(d)
	}
}

// TestRefused holds that a responder that cannot be reached is tried again, and logged.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	w.updater.Start()
	for range retries {
		w.sleeps(retryPause)
	}
	w.expect(`<OCSP-UPDATE> -/- 0/0/-1/-1/`, `2 "HTTP error" 1 0`)
}

// TestStopWhileAsking holds that an update that hangs ends with the updater.
func TestStopWhileAsking(t *testing.T) {
	w := newWorld(t)
	hangs := make(chan bool)
	asked := make(chan bool)
	w.says(func(string) string { close(asked); <-hangs; return "" })
	w.updater.Start()
	<-asked
	done := make(chan bool)
	go func() { w.updater.Stop(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it hangs")
	}
	close(hangs)
}

// TestAim holds how a responder is asked over a proxy, and where there is no sound one.
func TestAim(t *testing.T) {
	w := newWorld(t)
	r, err := w.updater.Store.Renewal(w.path)
	if err != nil {
		t.Fatal(err)
	}
	w.updater.Proxy = "192.0.2.1:3128"
	for url, want := range map[string]string{
		"http://a.example:81/y/":   "192.0.2.1:3128 http://a.example:81/y/MEI",
		"https://a.example":        "a.example:443 /MEI",
		"http://[2001:db8::1]/z?q": "192.0.2.1:3128 http://[2001:db8::1]/z/MEI",
		"ftp://a.example":          "",
		"http:///x":                "",
		"%":                        "",
	} {
		r.URL = url
		at, err := w.updater.aim(&r)
		switch {
		case want == "" && err == nil:
			t.Errorf("%s: taken", url)
		case want != "" && (err != nil || !strings.HasPrefix(at.network+" "+at.uri, want)):
			t.Errorf("%s: %+v, %v", url, at, err)
		}
	}
}

func FuzzReceive(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.0 204 No\r\n\r\n", "x"} {
		f.Add([]byte(s))
	}
	u := &Updater{Clock: clock.System}
	f.Fuzz(func(t *testing.T, in []byte) {
		var whole, pieces answer
		err := u.receive(bytes.NewReader(in), &whole, 0)
		err2 := u.receive(iotestOne{bytes.NewReader(in)}, &pieces, 0)
		if (err == nil) != (err2 == nil) || err == nil && (whole.status != pieces.status || !bytes.Equal(whole.body, pieces.body)) {
			t.Errorf("at once %v %d %q, in pieces %v %d %q", err, whole.status, whole.body, err2, pieces.status, pieces.body)
		}
	})
}

// iotestOne reads a byte at a time.
type iotestOne struct{ io.Reader }

func (o iotestOne) Read(b []byte) (int, error) { return o.Reader.Read(b[:min(1, len(b))]) }
