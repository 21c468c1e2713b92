package rows

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

var timeoutRows = []row{
	{"D28", "timeout http-request: 408, cR", func(s *subject) {
		s.logging("    timeout http-request 200ms\n")
		c := s.dial("l")
		fmt.Fprint(c, "GET / HTTP/1.1\r\nhost:")
		s.same(readReply(c).status, 408)
		s.logged(" 408 ", " cR-- ")
	}},
	{"D29", "timeout queue: 503, sQ", func(s *subject) {
		o := s.logging("    timeout queue 200ms\n    default-server maxconn 1\n")
		free := o.holds()
		defer free()
		s.sends("l", "GET /first HTTP/1.1")
		s.await("the first request", func() bool { return len(o.seen()) == 1 })
		s.same(s.get("l", "/").status, 503)
		s.logged(" 503 ", " sQ-- ")
	}},
	{"D30", "timeout connect: retries, 503, sC", func(s *subject) {
		s.silent("s1")
		s.start("    timeout connect 100ms\n    retries 1\n\nlisten l\n    bind {bind:l}\n    log {log} local0\n    option httplog\n    server s1 {s1}\n")
		s.same(s.get("l", "/").status, 503)
		s.logged(" 503 ", " sC-- ")
		s.same(s.stat("l/s1", "wretr"), 1)
	}},
	{"D31", "timeout client: silence within a request", func(s *subject) {
		s.serves("s1", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		s.start("\nlisten l\n    bind {bind:l}\n    log {log} local0\n    option httplog\n    timeout client 200ms\n    server s1 {s1}\n")
		c := s.dial("l")
		fmt.Fprint(c, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf")
		s.same(readReply(c).status, 400)
		s.logged(" 400 ", " cH-- ")
	}},
	{"D32", "timeout server: 504, sH", func(s *subject) {
		o := s.logging("    timeout server 200ms\n")
		defer o.holds()()
		s.same(s.get("l", "/").status, 504)
		s.logged(" 504 ", " sH-- ")
	}},
	{"D33", "timeout http-keep-alive: the connection ends silently", func(s *subject) {
		s.logging("    timeout http-keep-alive 200ms\n")
		c := s.dial("l")
		s.same(s.exchange(c, "GET / HTTP/1.1", []string{"host: x"}, "").status, 200)
		rest, err := io.ReadAll(c)
		s.same(string(rest), "")
		s.same(err, error(nil))
		s.same(len(s.logLines()), 1)
	}},
	{"D34", "timeout check", func(s *subject) {
		s.serves("s1", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		s.start("\nbackend b\n    option httpchk\n    timeout check 100ms\n    server s1 {s1} check inter 3s fall 1\n")
		began := time.Now()
		s.becomes("b/s1", "check_status", "L7TOUT")
		if d := time.Since(began); d > 2500*time.Millisecond {
			s.Errorf("it took %v", d)
		}
	}},
	{"D35", "timeout client-fin: the server has ended its side", func(s *subject) {
		s.serves("s1", func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite(); _, _ = io.Copy(io.Discard, c) })
		s.start("\nlisten l\n    mode tcp\n    bind {bind:l}\n    log {log} local0\n    option tcplog\n    timeout client-fin 200ms\n    server s1 {s1}\n")
		s.dial("l")
		s.logged(" cD ")
	}},
	{"D36", "timeout server-fin: the client has ended its side", func(s *subject) {
		s.tunnels("    timeout server-fin 200ms\n")
		c := s.dial("l").(*net.TCPConn)
		_, _ = c.Write([]byte("x")) // the way to the server stands once it is echoed
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			s.Fatal(err)
		}
		_ = c.CloseWrite()
		s.soon(c)
		s.logged(" sD ")
	}},
	{"D37", "timeout tarpit", func(s *subject) {
		s.logging("    timeout tarpit 300ms\n    http-request tarpit if { path /trap }\n")
		began := time.Now()
		s.same(s.get("l", "/trap").status, 500)
		if d := time.Since(began); d < 250*time.Millisecond {
			s.Errorf("after %v", d)
		}
		s.logged(" PT-- ")
	}},
	{"D38", "timeout tunnel", func(s *subject) {
		s.tunnels("    timeout client 100ms\n    timeout server 100ms\n    timeout tunnel 800ms\n")
		c := s.dial("l")
		fmt.Fprint(c, "x")
		var p [1]byte
		_, _ = io.ReadFull(c, p[:])
		s.same(string(p[:]), "x") // data went both ways: the tunnel's timeout holds
		began := time.Now()
		s.soon(c)
		if d := time.Since(began); d < 600*time.Millisecond {
			s.Errorf("closed after %v", d)
		}
	}},
}

var proxyRows = []row{
	{"D20", "mode: tcp without a word, http with it", func(s *subject) {
		s.server("s1")
		s.startWhole("global\n    stats socket {cli}\ndefaults\n    timeout client 5s\n    timeout server 5s\n    timeout connect 1s\nlisten l\n    bind {bind:l}\n    server s1 {s1}\nlisten m\n    mode http\n    bind {bind:m}\n    server s1 {s1}\n")
		s.same(s.stat("l/FRONTEND", "mode"), "tcp")
		s.same(s.stat("m/FRONTEND", "mode"), "http")
	}},
	{"D21", "log global", func(s *subject) {
		s.server("s1")
		s.startWhole("global\n    log {log} local3\n" + defaults + "    option httplog\n\nlisten l\n    bind {bind:l}\n    log global\n    server s1 {s1}\n\nlisten m\n    bind {bind:m}\n    server s1 {s1}\n")
		s.get("m", "/silent")
		s.get("l", "/loud")
		s.has(s.logged("/loud"), "<158>")
		s.hasNot(strings.Join(s.logLines(), "\n"), "/silent")
	}},
	{"D22", "option tcplog", func(s *subject) {
		s.tunnels("")
		c := s.dial("l")
		fmt.Fprint(c, "quit")
		s.soon(c)
		c.Close()
		s.matches(s.logged(" l l/s1 "), `: 127\.0\.0\.1:\d+ \[\S+\] l l/s1 \d+/\d+/\d+ 4 -- \d+/\d+/\d+/\d+/0 0/0$`)
	}},
	{"D23", "option httplog behind tcplog warns", func(s *subject) {
		s.logging("")
		s.get("l", "/x")
		s.matches(s.logged("/x"), `: 127\.0\.0\.1:\d+ \[\S+\] l l/s1 \d+/\d+/\d+/\d+/\d+ 200 \d+ - - ---- \d+/\d+/\d+/\d+/0 0/0 "GET /x HTTP/1.1"$`)
		_, said := s.check("defaults\n    mode http\n    option tcplog\n    option httplog\n")
		s.has(said, "'option httplog' overrides previous 'option tcplog' in 'defaults' section.")
	}},
	{"D24", "option dontlognull", func(s *subject) {
		s.server("s1")
		s.start("    log {log} local0\n    option httplog\n\nlisten l\n    bind {bind:l}\n    server s1 {s1}\n\nlisten q\n    bind {bind:q}\n    option dontlognull\n    server s1 {s1}\n")
		s.dial("q").Close()
		s.await("the connection", func() bool { return s.stat("q/FRONTEND", "conn_tot") == "1" })
		s.dial("l").Close()
		s.logged(" l ")
		s.hasNot(strings.Join(s.logLines(), "\n"), " q ")
	}},
	{"D25", "option http-server-close", func(s *subject) {
		s.logging("    option http-server-close\n")
		c := s.dial("l")
		for range 2 {
			s.has(s.exchange(c, "GET / HTTP/1.1", []string{"host: x"}, "").body, "connection: close")
		}
	}},
	{"D26", "option redispatch", func(s *subject) {
		s.refuses("s1")
		s.server("s2")
		s.start("    retries 1\n    option redispatch\n\nlisten l\n    bind {bind:l}\n    log {log} local0\n    option httplog\n    cookie S\n    server s1 {s1} cookie c1\n    server s2 {s2} cookie c2\n")
		s.same(s.get("l", "/", "cookie: S=c1").header("x-server"), "s2")
		s.matches(s.logged(" 200 "), `/\+1 0/0`)
		s.same(s.stat("l/s1", "wredis"), 1)
	}},
	{"D27", "retries", func(s *subject) {
		s.refuses("s1")
		s.start("    retries 3\n    timeout connect 200ms\n\nlisten l\n    bind {bind:l}\n    log {log} local0\n    option httplog\n    server s1 {s1}\n")
		s.same(s.get("l", "/").status, 503)
		s.logged(" 503 ", " SC-- ")
		s.same(s.stat("l/s1", "wretr"), 3)
	}},
	{"D40", "maxconn of a proxy", func(s *subject) {
		s.logging("    maxconn 1\n")
		s.same(s.stat("l/FRONTEND", "slim"), 1)
		first := s.dial("l")
		s.becomes("l/FRONTEND", "scur", "1")
		second := s.sends("l", "GET / HTTP/1.1")
		_ = second.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if n, err := second.Read(make([]byte, 1)); err == nil {
			s.Errorf("%d bytes for the second", n)
		}
		first.Close()
		_ = second.SetReadDeadline(time.Now().Add(patience))
		s.same(readReply(second).status, 200)
	}},
	{"D41", "acl path_beg -i", func(s *subject) {
		s.switching("    acl url_static path_beg -i /static /images\n")
		s.same(s.get("f", "/StAtic/x").header("x-server"), "static")
		s.same(s.get("f", "/IMAGES").header("x-server"), "static")
		s.same(s.get("f", "/x/static").header("x-server"), "app")
	}},
	{"D42", "acl path_end, two lines of one name are ORed", func(s *subject) {
		s.switching("    acl url_static path_beg /static\n    acl url_static path_end -i .jpg .css\n")
		s.same(s.get("f", "/a.JPG").header("x-server"), "static")
		s.same(s.get("f", "/static/x").header("x-server"), "static")
		s.same(s.get("f", "/jpg").header("x-server"), "app")
	}},
	{"D43", "use_backend", func(s *subject) {
		s.switching("    acl url_static path /one\n")
		s.same(s.get("f", "/one").header("x-server"), "static")
	}},
	{"D44", "default_backend", func(s *subject) {
		s.switching("    acl url_static path /one\n")
		s.same(s.get("f", "/two").header("x-server"), "app")
	}},
	{"D45", "balance roundrobin", alternates("roundrobin")},
	{"D46", "server check", func(s *subject) {
		s.server("s1")
		s.start("\nbackend b\n    server s1 {s1} check inter 100ms\n    server s2 {s1}\n")
		s.becomes("b/s1", "check_status", "L4OK")
		s.same(s.stat("b/s1", "status"), "UP")
		s.same(s.stat("b/s2", "status"), "no check")
	}},
	{"D47", "check inter", func(s *subject) {
		o := s.server("s1")
		s.start("\nbackend b\n    option httpchk\n    server s1 {s1} check inter 200ms\n")
		s.await("the first check", func() bool { return len(o.seen()) > 0 })
		n := len(o.seen())
		after(2 * time.Second)
		if n = len(o.seen()) - n; n < 6 || n > 11 {
			s.Errorf("%d checks in 2 s", n)
		}
	}},
	{"D48", "server maxconn: more wait", func(s *subject) {
		o := s.logging("    default-server maxconn 1\n")
		free := o.holds()
		defer free()
		a, b := s.sends("l", "GET /a HTTP/1.1"), s.sends("l", "GET /b HTTP/1.1")
		s.becomes("l/BACKEND", "qcur", "1")
		free()
		s.same(readReply(a).status, 200)
		s.same(readReply(b).status, 200)
	}},
	{"D49", "server maxqueue: more go elsewhere", func(s *subject) {
		one, two := s.pair("    option redispatch\n    default-server maxconn 1\n    cookie S\n    default-server cookie c1 maxqueue 1\n")
		free := one.holds()
		defer free()
		for range 2 {
			s.sends("l", "GET / HTTP/1.1", "cookie: S=c1")
		}
		s.becomes("l/s1", "qcur", "1")
		s.same(s.get("l", "/", "cookie: S=c1").header("x-server"), "s2")
		s.same(len(two.seen()), 1)
	}},
	{"D50", "server minconn: a limit that grows with the load", dynamicLimit},
	{"D51", "fullconn: the end of the ramp", dynamicLimit},
	{"D52", "option httpchk", urlCheck},
	{"D53", "timeout server in a listen section", func(s *subject) {
		o := s.logging("    timeout server 100ms\n")
		defer o.holds()()
		began := time.Now()
		s.same(s.get("l", "/").status, 504)
		if d := time.Since(began); d > 3*time.Second {
			s.Errorf("after %v", d)
		}
	}},
	{"D54", "bind-process is of old", func(s *subject) {
		code, said := s.check(defaults + one + "    bind-process 1\n")
		if s.name == "haproxy" {
			s.same(code, 1)
			s.has(said, "'bind-process' is not supported anymore.")
			return
		}
		s.same(code, 0)
		s.has(said, "WARNING", "bind-process")
	}},
	{"D55", "to https, by host", func(s *subject) {
		s.logging("    http-request redirect scheme https code 301 if !{ ssl_fc } { hdr(host) -i www.foobar.com }\n")
		r := s.ask("l", "GET /p HTTP/1.1", []string{"host: WWW.foobar.com"}, "")
		s.same(r.status, 301)
		s.same(r.header("location"), "https://WWW.foobar.com/p")
		s.same(s.get("l", "/p").status, 200)
	}},
	{"D56", "TLS ends here", func(s *subject) { features[21].run(s) }},
	{"D57", "option forwardfor", func(s *subject) {
		s.logging("    option forwardfor\n")
		s.has(s.get("l", "/", "x-forwarded-for: 10.0.0.1").body, "x-forwarded-for: 10.0.0.1\r\n", "x-forwarded-for: 127.0.0.1\r\n")
	}},
	{"D60", "an ACL denies, switches, sets a header", func(s *subject) {
		s.switching("    acl url_static path_beg /s\n    http-request deny if { path /no }\n    http-request set-header x-a b if url_static\n")
		s.same(s.get("f", "/no").status, 403)
		r := s.get("f", "/s")
		s.same(r.header("x-server"), "static")
		s.has(r.body, "x-a: b\r\n")
		s.hasNot(s.get("f", "/other").body, "x-a")
	}},
	{"D61", "TLS passed through, by the name of its hello", func(s *subject) {
		s.talks("a", "", "a")
		s.talks("b", "", "b")
		s.start(`
frontend f
    mode tcp
    bind {bind:f}
    tcp-request inspect-delay 2s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend a if { req.ssl_sni -i a.example }
    default_backend b
backend a
    mode tcp
    server s {a}
backend b
    mode tcp
    server s {b}
`)
		for name, want := range map[string]string{"A.example": "a", "b.example": "b"} {
			c := s.dial("f")
			_, _ = c.Write(clientHello(name))
			var p [1]byte
			_, _ = io.ReadFull(c, p[:])
			s.same(string(p[:]), want)
		}
	}},
	{"D62", "captures and unique ids in the log", func(s *subject) {
		s.server("s1")
		s.start(`    log {log} local0
    log-format "%hr %ID %HM"

listen l
    bind {bind:l}
    capture request header Host len 20
    unique-id-format id-%pid
    unique-id-header x-id
    server s1 {s1}
`)
		s.has(s.get("l", "/").body, fmt.Sprintf("x-id: id-%d\r\n", s.proc.Cmd.Process.Pid))
		s.has(s.logged("GET"), fmt.Sprintf("{x} id-%d GET", s.proc.Cmd.Process.Pid))
	}},
}

// logging starts the program with one server behind "listen l", with more lines,
// that logs requests to {log}.
func (s *subject) logging(lines string) *origin {
	s.Helper()
	o := s.server("s1")
	s.start("\nlisten l\n    bind {bind:l}\n    log {log} local0\n    option httplog\n" + lines + "    server s1 {s1}\n")
	return o
}

// tunnels starts the program in mode tcp with a server that echoes.
func (s *subject) tunnels(lines string) {
	s.Helper()
	s.serves("s1", func(c net.Conn) {
		var p [4096]byte
		for {
			n, err := c.Read(p[:])
			if n == 0 && err == io.EOF {
				<-time.After(patience) // a half-closed client is not answered
			}
			if _, failed := c.Write(p[:n]); err != nil || failed != nil || string(p[:n]) == "quit" {
				c.Close()
				return
			}
		}
	})
	s.start("\nlisten l\n    mode tcp\n    bind {bind:l}\n    log {log} local0\n    option tcplog\n" + lines + "    server s1 {s1}\n")
}

// switching starts a frontend f that sends what the ACL url_static matches to one
// server and the rest to another.
func (s *subject) switching(lines string) {
	s.Helper()
	s.server("static")
	s.server("app")
	s.start("\nfrontend f\n    bind {bind:f}\n" + lines + "    use_backend static if url_static\n    default_backend app\nbackend static\n    server s {static}\nbackend app\n    server s {app}\n")
}

// sends sends a request on a new connection and does not wait for its answer.
func (s *subject) sends(front, first string, lines ...string) net.Conn {
	s.Helper()
	c := s.dial(front)
	fmt.Fprintf(c, "%s\r\n%s\r\n\r\n", first, strings.Join(append([]string{"host: x"}, lines...), "\r\n"))
	return c
}

// soon fails the row unless the peer ends the connection in time.
func (s *subject) soon(c net.Conn) {
	s.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience / 2))
	if _, err := io.Copy(io.Discard, c); err != nil {
		if e, ok := err.(net.Error); ok && e.Timeout() {
			s.Error("the connection stays open")
		}
	}
}

// dynamicLimit: with fullconn 4 a server of minconn 1 and maxconn 4 takes one
// request of one, and all four of four.
func dynamicLimit(s *subject) {
	o := s.logging("    fullconn 4\n    default-server minconn 1 maxconn 4\n")
	s.same(s.stat("l/BACKEND", "slim"), 4)
	free := o.holds()
	defer free()
	s.sends("l", "GET / HTTP/1.1")
	s.await("one", func() bool { return len(o.seen()) == 1 })
	s.sends("l", "GET / HTTP/1.1")
	s.sends("l", "GET / HTTP/1.1")
	s.await("a queue or two more", func() bool {
		return s.stat("l/BACKEND", "scur") == "3"
	})
	few := len(o.seen())
	for range 3 {
		s.sends("l", "GET / HTTP/1.1")
	}
	s.await("four at the server", func() bool { return len(o.seen()) == 4 })
	s.same(s.stat("l/s1", "scur"), 4)
	if few >= 4 {
		s.Errorf("%d requests at the server with three there", few)
	}
}
