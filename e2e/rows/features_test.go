package rows

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"gohap/e2e/oracle"
)

// features are the rows A, what the product says of itself.
var features = []row{
	{"A1", "layer 4: bytes unchanged both ways, half-close passed on", func(s *subject) {
		s.serves("s1", func(c net.Conn) { // answers once the client has ended its side
			defer c.Close()
			p, _ := io.ReadAll(c)
			_, _ = c.Write(append([]byte("got "), p...))
		})
		s.start(`
listen l
    mode tcp
    bind {bind:l}
    server s1 {s1}
`)
		sent := make([]byte, 100_000)
		_, _ = rand.Read(sent)
		c := s.dial("l").(*net.TCPConn)
		_, _ = c.Write(sent)
		_ = c.CloseWrite()
		got, _ := io.ReadAll(c)
		if !bytes.Equal(got, append([]byte("got "), sent...)) {
			s.Errorf("%d bytes came back of %d, or others", len(got), len(sent))
		}
	}},
	{"A2", "layer 7: each request of a connection is balanced", func(s *subject) {
		s.pair("    http-request set-header x-seen %[req.hdr(x-a)]\n    balance roundrobin\n")
		c := s.dial("l")
		one := s.exchange(c, "GET / HTTP/1.1", []string{"host: x", "x-a: 7"}, "")
		two := s.exchange(c, "GET / HTTP/1.1", []string{"host: x", "x-a: 8"}, "")
		if one.header("x-server") == two.header("x-server") {
			s.Error("both requests went to one server")
		}
		s.has(one.body, "x-seen: 7")
		s.has(two.body, "x-seen: 8")
	}},
	{"A3", "health check on a URL of one's own", urlCheck},
	{"A4", "persistence by a hash of the address", func(s *subject) {
		s.pair("    balance source\n")
		s.oneServer(func(i int) reply { return s.get("l", fmt.Sprint("/", i)) })
	}},
	{"A5", "persistence by a hash of the URI, the query aside", func(s *subject) {
		s.pair("    balance uri\n")
		s.oneServer(func(i int) reply { return s.get("l", fmt.Sprint("/same?x=", i)) })
		s.bothServers(func(i int) reply { return s.get("l", fmt.Sprint("/other/", i)) })
	}},
	{"A6", "round robin", alternates("roundrobin")},
	{"A7", "static round robin", alternates("static-rr")},
	{"A8", "least connections", leastConnections},
	{"A9", "hash of the source", func(s *subject) {
		s.pair("    balance source\n")
		s.oneServer(func(int) reply { return s.get("l", "/") })
	}},
	{"A10", "hash of the URI", func(s *subject) {
		s.pair("    balance uri\n")
		s.oneServer(func(int) reply { return s.get("l", "/a/b") })
	}},
	{"A11", "hash of a URL parameter, round robin without it", func(s *subject) {
		s.pair("    balance url_param userid\n")
		s.oneServer(func(i int) reply { return s.get("l", fmt.Sprintf("/%d?userid=7", i)) })
		s.alternate(func(int) reply { return s.get("l", "/") })
	}},
	{"A12", "hash of a header", headerHash},
	{"A13", "TCP check", func(s *subject) {
		s.server("s1")
		s.refuses("s2")
		s.start(twoChecked(""))
		s.becomes("b/s1", "check_status", "L4OK")
		s.becomes("b/s2", "check_status", "L4CON")
		s.becomes("b/s2", "status", "DOWN")
	}},
	{"A14", "HTTP check", urlCheck},
	{"A15", "SSL hello check", func(s *subject) {
		s.talks("s1", "", "\x16\x03\x01\x00\x31\x02\x00\x00\x2d\x03\x01"+strings.Repeat("r", 43))
		s.talks("s2", "", "SSH-2.0-OpenSSH_9\r\n")
		s.start(twoChecked("    option ssl-hello-chk\n"))
		s.becomes("b/s1", "check_status", "L6OK")
		s.becomes("b/s2", "check_status", "L6RSP")
	}},
	{"A16", "MySQL check", mysqlCheck},
	{"A17", "Redis check", func(s *subject) {
		s.talks("s1", "", "+PONG\r\n")
		s.serves("s2", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 100))
			fmt.Fprint(c, "-ERR no such thing\r\n")
			c.Close()
		})
		s.start(twoChecked("    option redis-check\n"))
		s.becomes("b/s1", "check_status", "L7OK")
		s.becomes("b/s2", "status", "DOWN")
		s.has(s.stat("b/s1", "last_chk")+s.stat("b/s1", "check_desc"), "Redis server is ok")
		s.has(s.stat("b/s2", "last_chk"), "ERR no such thing")
	}},
	{"A18", "cookie insert", func(s *subject) {
		s.pair("    cookie SRV insert indirect nocache\n    default-server cookie c1\n")
		r := s.get("l", "/")
		s.same(r.header("set-cookie"), "SRV=c1; path=/")
		again := s.get("l", "/", "cookie: SRV=c1; a=b")
		s.same(again.header("set-cookie"), "")
		s.has(again.body, "cookie: a=b")
		s.hasNot(again.body, "SRV=c1")
	}},
	{"A19", "cookie rewrite", func(s *subject) {
		one, two := s.pair("    cookie SRV rewrite\n    default-server cookie c1\n")
		for _, o := range []*origin{one, two} {
			o.answers("", "set-cookie: SRV=mine; path=/x\r\nset-cookie: other=kept\r\n")
		}
		r := s.get("l", "/")
		s.has(r.head, "set-cookie: SRV=c1; path=/x", "set-cookie: other=kept")
		one.answers("", "")
		two.answers("", "")
		s.hasNot(s.get("l", "/").head, "set-cookie")
	}},
	{"A20", "cookie prefix", func(s *subject) {
		one, two := s.pair("    cookie JSESSIONID prefix\n    default-server cookie c1\n")
		for _, o := range []*origin{one, two} {
			o.answers("", "set-cookie: JSESSIONID=abc\r\n")
		}
		s.has(s.get("l", "/").head, "set-cookie: JSESSIONID=c1~abc")
		s.has(s.get("l", "/", "cookie: JSESSIONID=c1~abc").body, "cookie: JSESSIONID=abc\r\n")
	}},
	{"A21", "persistence by hashes together", func(s *subject) {
		for _, algorithm := range []string{"source", "uri", "url_param userid", "hdr(x-key)"} {
			s.pair("    balance " + algorithm + "\n")
			s.oneServer(func(int) reply { return s.get("l", "/p?userid=4", "x-key: k") })
			s.proc.Stop()
		}
	}},
	{"A22", "HTTPS in, HTTP out", func(s *subject) {
		o := s.server("s1")
		s.certificate()
		s.start(`
listen l
    bind {bind:l} ssl crt {dir}/cert.pem
    server s1 {s1}
`)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: patience}
		r, err := client.Get("https://" + s.addr("l") + "/clear")
		if err != nil {
			s.Fatal(err)
		}
		defer r.Body.Close()
		s.same(r.StatusCode, 200)
		s.has(strings.Join(o.seen(), ""), "GET /clear HTTP/1.1\r\n")
	}},
	{"A23", "requests rewritten", func(s *subject) {
		s.pair("    http-request set-path /new%[path]\n    http-request replace-path (.*)/b(.*) \\1/c\\2\n    http-request set-header x-a 1\n")
		s.has(s.get("l", "/b/x").body, "GET /new/c/x HTTP/1.1\r\n", "x-a: 1\r\n")
	}},
	{"A24", "redirects", func(s *subject) {
		s.pair("    http-request redirect location /there if { path /here }\n    redirect prefix http://other code 301 if { path /prefix }\n")
		r := s.get("l", "/here")
		s.same(r.status, 302)
		s.same(r.header("location"), "/there")
		r = s.get("l", "/prefix")
		s.same(r.status, 301)
		s.same(r.header("location"), "http://other/prefix")
	}},
	{"A25", "connection modes", func(s *subject) {
		for mode, close := range map[string][2]string{
			"option http-keep-alive":   {"", ""},
			"option http-server-close": {"close", ""},
			"option httpclose":         {"close", "close"},
		} {
			s.pair("    " + mode + "\n")
			r := s.get("l", "/")
			s.same(mode+": "+reply{head: r.body}.header("connection"), mode+": "+close[0])
			s.same(mode+": "+r.header("connection"), mode+": "+close[1])
			s.proc.Stop()
		}
	}},
	{"A26", "statistics page", func(s *subject) {
		s.start("\nfrontend f\n    bind {bind:f}\n    stats enable\n")
		r := s.get("f", "/haproxy?stats")
		s.same(r.status, 200)
		s.has(r.body, "<html", "Statistics Report")
	}},
}

// pair starts the program with two servers behind "listen l" with more lines.
func (s *subject) pair(lines string) (one, two *origin) {
	s.Helper()
	one, two = s.server("s1"), s.server("s2")
	s.start("\nlisten l\n    bind {bind:l}\n" + lines + "    server s1 {s1}\n    server s2 {s2}\n")
	return one, two
}

// twoChecked is a backend b with lines whose two servers are checked often.
func twoChecked(lines string) string {
	return "\nbackend b\n" + lines + "    default-server check inter 200ms fall 1 rise 1\n    timeout check 2s\n    server s1 {s1}\n    server s2 {s2}\n"
}

// oneServer fails the row unless all answers come from one server.
func (s *subject) oneServer(ask func(int) reply) {
	s.Helper()
	first := ask(0).header("x-server")
	for i := 1; i < 8; i++ {
		if got := ask(i).header("x-server"); got != first || got == "" {
			s.Fatalf("request %d went to %q, the first one to %q", i, got, first)
		}
	}
}

// bothServers fails the row unless each of two servers gets some of 40 requests.
func (s *subject) bothServers(ask func(int) reply) {
	s.Helper()
	got := map[string]int{}
	for i := range 40 {
		got[ask(i).header("x-server")]++
	}
	if got["s1"] == 0 || got["s2"] == 0 {
		s.Errorf("requests went to %v", got)
	}
}

// alternate fails the row unless the servers take turns.
func (s *subject) alternate(ask func(int) reply) {
	s.Helper()
	last := ask(0).header("x-server")
	for i := 1; i < 8; i++ {
		got := ask(i).header("x-server")
		if got == last || got == "" {
			s.Fatalf("request %d went to %q, so did the one before", i, got)
		}
		last = got
	}
}

// certificate writes a self-signed certificate for localhost to {dir}/cert.pem.
func (s *subject) certificate() {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	pem, err := os.ReadFile(oracle.Certificate(s, "localhost", key))
	if err != nil {
		s.Fatal(err)
	}
	s.file("cert.pem", string(pem))
}

func alternates(algorithm string) func(*subject) {
	return func(s *subject) {
		s.pair("    balance " + algorithm + "\n")
		s.alternate(func(int) reply { return s.get("l", "/") })
	}
}

func urlCheck(s *subject) {
	o := s.server("s1")
	s.server("s2")
	o.answers("404 Not Found", "")
	s.start(twoChecked("    option httpchk GET /test\n"))
	s.becomes("b/s1", "status", "DOWN")
	s.same(s.stat("b/s1", "check_status"), "L7STS")
	s.has(o.seen()[0], "GET /test HTTP/1.0\r\n")
	o.answers("", "")
	s.becomes("b/s1", "status", "UP")
	s.same(s.stat("b/s1", "check_status"), "L7OK")
}

func leastConnections(s *subject) {
	one, two := s.pair("    balance leastconn\n")
	free := one.holds()
	defer free()
	var busy int
	for busy = range 4 { // one of the first requests hangs at s1
		c := s.dial("l")
		fmt.Fprintf(c, "GET /hang HTTP/1.1\r\nhost: x\r\n\r\n")
		s.await("the request", func() bool { return len(one.seen())+len(two.seen()) > busy })
		if len(one.seen()) > 0 {
			break
		}
	}
	for range 5 {
		s.becomes("l/s2", "scur", "0") // the one before is over for the program too
		s.same(s.get("l", "/").header("x-server"), "s2")
	}
}

func headerHash(s *subject) {
	s.pair("    balance hdr(host)\n")
	s.oneServer(func(i int) reply {
		return s.ask("l", fmt.Sprintf("GET /%d HTTP/1.1", i), []string{"host: a.example"}, "")
	})
	s.alternate(func(int) reply { return s.ask("l", "GET / HTTP/1.0", []string{"x: y"}, "") })
}

func mysqlCheck(s *subject) {
	hello := "\x0a8.0.11-test\x00\x01\x00\x00\x00saltsalt\x00\xff\xf7\x08\x02\x00\x0f\x80\x15" + strings.Repeat("\x00", 10) + "saltsaltsalt\x00"
	greeting := string([]byte{byte(len(hello)), 0, 0, 0}) + hello
	s.talks("s1", greeting, "")
	s.talks("s2", "\x04\x00\x00\x00\xff\x10\x04x")
	s.start("    option log-health-checks\n    log {log} local0\n" + twoChecked("    option mysql-check\n"))
	s.becomes("b/s1", "check_status", "L7OK")
	s.logged("Health check for server b/s1 succeeded", "8.0.11-test")
	s.becomes("b/s2", "status", "DOWN")
}
