package rows

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// checks are the rows H: options of health checks.
var checks = []row{
	{"H1", "httpchk: OPTIONS / HTTP/1.0, 2xx and 3xx are good", func(s *subject) {
		one := s.server("s1")
		two := s.server("s2")
		one.answers("302 Found", "")
		two.answers("500 Oops", "")
		s.start(twoChecked("    option httpchk\n"))
		s.becomes("b/s1", "check_status", "L7OK")
		s.becomes("b/s2", "check_status", "L7STS")
		s.has(one.seen()[0], "OPTIONS / HTTP/1.0\r\n")
	}},
	{"H2", "smtpchk", func(s *subject) {
		s.talks("s1", "220 mail.example ESMTP\r\n", "250 hello\r\n", "221 bye\r\n")
		s.talks("s2", "554 no\r\n", "554 no\r\n")
		s.start(twoChecked("    option smtpchk\n"))
		s.becomes("b/s1", "check_status", "L7OK")
		s.becomes("b/s2", "status", "DOWN")
	}},
	{"H3", "mysql-check", mysqlCheck},
	{"H4", "pgsql-check", func(s *subject) {
		s.talks("s1", "", "R\x00\x00\x00\x08\x00\x00\x00\x00")
		s.talks("s2", "", "E\x00\x00\x00\x0dFATAL no\x00")
		s.start(twoChecked("    option pgsql-check user joe\n"))
		s.becomes("b/s1", "check_status", "L7OK")
		s.has(s.stat("b/s1", "last_chk"), "PostgreSQL server is ok")
		s.becomes("b/s2", "status", "DOWN")
	}},
	{"H5", "ssl-hello-chk", func(s *subject) { features[14].run(s) }},
	{"H6", "a server is up before its first check, with one failure left", func(s *subject) {
		o := s.server("s1")
		o.answers("500 Oops", "")
		free := o.holds()
		s.start("\nbackend b\n    option httpchk\n    server s1 {s1} check inter 5s fall 3\n")
		s.matches(s.stat("b/s1", "status"), "^UP")
		free()
		s.becomes("b/s1", "status", "DOWN") // by the first bad one, not the third
		s.same(len(o.seen()), 1)
	}},
	{"H7", "rise", func(s *subject) {
		o := s.server("s1")
		o.answers("500 Oops", "")
		s.start("\nbackend b\n    option httpchk\n    server s1 {s1} check inter 100ms rise 4 fall 1\n")
		s.becomes("b/s1", "status", "DOWN")
		n := len(o.seen())
		o.answers("", "")
		s.becomes("b/s1", "status", "UP")
		if n = len(o.seen()) - n; n < 4 || n > 7 {
			s.Errorf("up after %d checks", n)
		}
	}},
	{"H8", "fall", func(s *subject) {
		o := s.server("s1")
		s.start("\nbackend b\n    option httpchk\n    server s1 {s1} check inter 100ms fall 4\n")
		s.becomes("b/s1", "check_status", "L7OK")
		o.answers("500 Oops", "")
		n := len(o.seen())
		s.becomes("b/s1", "status", "DOWN")
		if n = len(o.seen()) - n; n < 3 || n > 6 {
			s.Errorf("down after %d checks", n)
		}
	}},
	{"H9", "inter: 2 s without a word", func(s *subject) {
		o := s.server("s1")
		s.start("\nbackend b\n    option httpchk\n    server s1 {s1} check\n")
		s.await("two checks", func() bool { return len(o.seen()) == 1 })
		began := time.Now()
		s.await("another check", func() bool { return len(o.seen()) == 2 })
		if d := time.Since(began); d < 1500*time.Millisecond || d > 2500*time.Millisecond {
			s.Errorf("after %v", d)
		}
	}},
	{"H10", "fastinter in between", func(s *subject) {
		o := s.server("s1")
		s.start("\nbackend b\n    option httpchk\n    server s1 {s1} check inter 600ms fastinter 50ms fall 8\n")
		s.becomes("b/s1", "check_status", "L7OK")
		o.answers("500 Oops", "")
		n := len(o.seen())
		began := time.Now()
		s.becomes("b/s1", "status", "DOWN")
		if d := time.Since(began); d > 3*time.Second {
			s.Errorf("%d checks took %v", len(o.seen())-n, d)
		}
	}},
	{"H11", "downinter while it is down", func(s *subject) {
		s.refuses("s1")
		s.start("\nbackend b\n    log {log} local0\n    server s1 {s1} check inter 50ms downinter 1s fall 1 rise 2\n")
		s.becomes("b/s1", "status", "DOWN")
		n := s.stat("b/s1", "chkfail")
		after(700 * time.Millisecond)
		s.same(s.stat("b/s1", "chkfail"), n)
	}},
	{"H12", "a lag of replication: an agent, or a command of one's own", func(s *subject) {
		s.serves("agent", func(c net.Conn) { fmt.Fprint(c, "down # lag\n") })
		s.let("agent", strings.TrimPrefix(s.addr("agent"), "127.0.0.1:"))
		s.server("s1")
		s.server("s2")
		script := s.file("lag.sh", "#!/bin/sh\nexit 1\n")
		if err := os.Chmod(script, 0o755); err != nil {
			s.Fatal(err)
		}
		s.startWhole("global\n    stats socket {cli}\n    external-check\n    insecure-fork-wanted\n" + defaults + `
backend b
    server s1 {s1} agent-check agent-port {agent} agent-inter 100ms
backend c
    option external-check
    external-check command {dir}/lag.sh
    server s2 {s2} check inter 100ms fall 1
`)
		s.await("the agent's word", func() bool { return strings.HasPrefix(s.stat("b/s1", "status"), "DOWN") })
		s.becomes("c/s2", "status", "DOWN")
		s.same(s.stat("c/s2", "check_status"), "PROCERR")
	}},
}
