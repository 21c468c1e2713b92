package check

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/proxy"
)

// against runs a plan against a server that plays on each connection.
func against(t *testing.T, plan *Plan, tr *Transport, play func(net.Conn)) proxy.Result {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			play(conn)
			conn.Close()
		}
	}()
	defer func() { l.Close(); <-done }()
	s := server("s", &proxy.CheckConfig{Rise: 2, Fall: 3, Inter: 300 * time.Millisecond})
	backend("b", 0, s)
	plan.BufSize = 16384
	x := &target{srv: s, cfg: s.Check, transport: tr, network: "tcp", address: l.Addr().String(),
		Checker: &Checker{Clock: clock.System, Dial: dial}}
	r, ok := x.execute(context.Background(), plan)
	if !ok {
		t.Fatal("it stopped")
	}
	return r
}

// Garbage, silence, slow bytes and an early end, for every built-in dialogue:
// none may pass, hang or break.
func TestDialoguesSurvive(t *testing.T) {
	plans := map[string]func() *Plan{"redis": Redis, "smtp": func() *Plan { return SMTP("HELO x") }, "ssl": SSLHello,
		"pgsql": func() *Plan { return PgSQL("u") }, "ldap": LDAP, "mysql": func() *Plan { return MySQL("u", false) },
		"pre41": func() *Plan { return MySQL("u", true) }}
	plays := map[string]func(net.Conn){
		"close":   func(net.Conn) {},
		"garbage": func(c net.Conn) { c.Write([]byte(strings.Repeat("\x00\xff\r\nx", 4000))) },
		"silence": func(c net.Conn) { c.Read(make([]byte, 1000)); c.Read(make([]byte, 1000)) },
		"slow": func(c net.Conn) {
			for range 20 {
				c.Write([]byte("\x01"))
			}
		},
	}
	for name, plan := range plans {
		for how, play := range plays {
			if r := against(t, plan(), nil, play); r.OK || r.Status == "" || Reason(r.Status) == "" {
				t.Errorf("%s, %s: %+v", name, how, r)
			}
		}
	}
}

func TestSMTPInPieces(t *testing.T) {
	r := against(t, SMTP("HELO x"), nil, func(c net.Conn) {
		for _, line := range []string{"220 hi\r\n", "250-a\r\n250 b\r\n", "221 bye\r\n"} {
			// The rules hold with the code's blank: what comes later is not waited for.
			at := strings.LastIndexByte(line, ' ')
			for i := range at {
				c.Write([]byte{line[i]})
			}
			c.Write([]byte(line[at:]))
			c.Read(make([]byte, 100))
		}
	})
	if !r.OK || r.Code != 221 || r.Desc != "bye" {
		t.Errorf("%+v", r)
	}
}

// certificate is self-signed for name.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotAfter: clock.Wall().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// check-ssl: the handshake is the check, the chain is verified, SNI and ALPN are
// sent; a server without TLS is L6RSP, a silent one L6TOUT.
func TestTLS(t *testing.T) {
	cert, roots := certificate(t, "www.example")
	var name, proto string
	speak := func(c net.Conn) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
		if s.Handshake() == nil {
			name, proto = s.ConnectionState().ServerName, s.ConnectionState().NegotiatedProtocol
			s.Read(make([]byte, 1))
		}
	}
	_, others := certificate(t, "www.example")
	for _, c := range []struct {
		what   string
		tr     Transport
		play   func(net.Conn)
		status string
	}{
		{"verified", Transport{SSL: true, TLS: spoken(&tls.Config{RootCAs: roots}), SNI: "www.example", ALPN: []string{"http/1.1"}}, speak, L6OK},
		{"chain alone", Transport{SSL: true, TLS: spoken(&tls.Config{RootCAs: roots})}, speak, L6OK},
		{"another name", Transport{SSL: true, TLS: spoken(&tls.Config{RootCAs: roots}), SNI: "other"}, speak, L6RSP},
		{"another root", Transport{SSL: true, TLS: spoken(&tls.Config{RootCAs: others})}, speak, L6RSP},
		{"not verified", Transport{SSL: true, TLS: spoken(&tls.Config{InsecureSkipVerify: true})}, speak, L6OK},
		{"no TLS", Transport{SSL: true}, func(c net.Conn) { c.Write([]byte("HTTP/1.0 400 No\r\n\r\n")) }, L6RSP},
		{"silence", Transport{SSL: true}, func(c net.Conn) { b := make([]byte, 4096); c.Read(b); c.Read(b) }, L6TOUT},
	} {
		name, proto = "", ""
		r := against(t, &Plan{Rules: connectOnly.Rules}, &c.tr, c.play)
		if r.Status != c.status || r.OK != (c.status == L6OK) {
			t.Errorf("%s: %+v, want %s", c.what, r, c.status)
		}
		if c.what == "verified" && (name != "www.example" || proto != "http/1.1") {
			t.Errorf("%s: SNI %q, ALPN %q", c.what, name, proto)
		}
	}
}

// What an agent may say.
func TestAgentAnswers(t *testing.T) {
	known := slices.Collect(maps.Values(AgentWords))
	for _, c := range []struct {
		line string
		want answer
	}{
		{"up", answer{verdict: "up"}},
		{"Down # my reason ", answer{verdict: "Down", reason: "my reason"}},
		{"fail hello there", answer{verdict: "fail", reason: "hello"}},
		{"down#x", answer{unknown: "down#x"}},
		{"up,75%\tready maxconn:3", answer{verdict: "up", weight: "75%", admin: "ready", maxconn: "3", hasMax: true}},
		{"WEIGHT:20 drain", answer{weight: "20", admin: "drain"}},
		{"# nothing", answer{}},
		{"", answer{}},
	} {
		if got := parseAnswer(c.line, known); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.line, got, c.want)
		}
	}
}

func spoken(cfg *tls.Config) func() *tls.Config { return func() *tls.Config { return cfg } }
