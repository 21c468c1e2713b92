package lbcore_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"gohap/e2e/oracle"
	"gohap/lbcore"
)

// selfSigned writes a certificate with its key and returns the file's name.
func selfSigned(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return oracle.Certificate(t, "a.example", key)
}

// resumes asks once and tells whether the session was resumed.
func resumes(t *testing.T, addr string, cfg *tls.Config) bool {
	t.Helper()
	c, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	if b, err := io.ReadAll(c); err != nil || !strings.Contains(string(b), " 204 ") {
		t.Fatalf("%q, %v", b, err)
	}
	return c.ConnectionState().DidResume
}

// TestSessionsOutliveReload: an instance that was given the sockets of the one
// before goes on with its sessions, one that was not begins anew.
func TestSessionsOutliveReload(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	text := fmt.Sprintf("frontend f\n mode http\n timeout client 10s\n bind %s ssl crt %s\n http-request return status 204\n", addr, selfSigned(t))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "a.example", MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
		var former *lbcore.Instance
		run := func(given bool) {
			t.Helper()
			var said strings.Builder
			c, _ := lbcore.Load(&lbcore.Options{Stderr: &said, Builtin: text})
			if c == nil {
				t.Fatal(said.String())
			}
			if given {
				if c.Inherited, err = former.HandOver(); err != nil {
					t.Fatal(err)
				}
			}
			if former != nil {
				former.Stop()
			}
			in, err := c.Start(slog.New(slog.NewTextHandler(io.Discard, nil)))
			if err != nil {
				t.Fatal(err)
			}
			if got := resumes(t, addr, cfg); got != given {
				t.Errorf("%s: resumed %v, want %v", tls.VersionName(version), got, given)
			}
			former = in
		}
		run(false)
		run(true)
		run(true) // and on
		run(false)
		former.Stop()
	}
}
