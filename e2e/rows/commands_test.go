package rows

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
)

// commands are the rows K: commands of the socket.
var commands = slices.Concat(plainCommands, patternCommands, tableCommands)

var plainCommands = []row{
	{"K1", "clear counters: the highest values", func(s *subject) {
		s.logging("")
		s.get("l", "/")
		s.same(s.cli("clear counters"), "\n")
		s.same(s.stat("l/BACKEND", "smax"), 0)
		s.same(s.stat("l/BACKEND", "stot"), 1)
	}},
	{"K2", "clear counters all", func(s *subject) {
		s.logging("")
		s.get("l", "/")
		s.same(s.cli("clear counters all"), "\n")
		s.same(s.stat("l/BACKEND", "stot"), 0)
	}},
	{"K4", "help; an unknown command", func(s *subject) {
		s.start(one)
		s.has(s.cli("help"), "show info", "show stat", "quit")
		s.has(s.cli("show inf0"), "Unknown command", "show info")
	}},
	{"K5", "prompt", func(s *subject) { socket[3].run(s) }},
	{"K6", "quit", func(s *subject) {
		s.start(one)
		s.has(s.cli("prompt\nquit\nshow info"), "> ")
		s.hasNot(s.cli("prompt\nquit\nshow info"), "Uptime")
	}},
	{"K7", "show info", func(s *subject) {
		s.start(one)
		s.matches(s.cli("show info"), `(?s)^Name: .*\nVersion: .*\n\n$`)
	}},
	{"K8", "show pools", func(s *subject) {
		s.start(one)
		pools := s.cli("show pools")
		s.has(pools, "Dumping pools usage.")
		s.matches(pools, `(?m)^  - Pool \S+ \(\d+ bytes`)
		s.matches(pools, `(?m)^Total: \d+ pools, \d+ bytes allocated`)
	}},
	{"K9", "show stat, filtered", func(s *subject) {
		s.pair("")
		all := strings.Count(s.cli("show stat"), "\n")
		s.same(strings.Count(s.cli("show stat -1 4 -1"), "\n"), 4) // header, two servers, an empty line
		s.same(strings.Count(s.cli("show stat l 1 -1"), "\n"), 3)
		s.has(s.cli("show stat"), "\nl,FRONTEND,")
		if all < 6 {
			s.Errorf("%d lines in all", all)
		}
	}},
	{"K10", "show errors", func(s *subject) {
		s.logging("")
		s.matches(s.cli("show errors"), `^Total events captured on \[.*\] : 0\n`)
		s.ask("l", "GET / HTTP/1.1", []string{"bad header : x"}, "")
		errors := s.cli("show errors")
		s.matches(errors, `^Total events captured on \[.*\] : 1\n`)
		s.has(errors, "frontend l", "invalid request", `00000  GET / HTTP/1.1\r\n`)
	}},
	{"K11", "show sess", func(s *subject) {
		o := s.logging("")
		defer o.holds()()
		s.sends("l", "GET / HTTP/1.1")
		s.await("the request", func() bool { return len(o.seen()) == 1 })
		s.matches(s.cli("show sess"), `(?m)^0x[0-9a-f]+: proto=tcpv4 src=127\.0\.0\.1:\d+ fe=l be=l srv=s1 `)
	}},
	{"K12", "show sess with an id, or all", func(s *subject) {
		o := s.logging("")
		defer o.holds()()
		s.sends("l", "GET / HTTP/1.1")
		s.await("the request", func() bool { return len(o.seen()) == 1 })
		id := regexp.MustCompile(`(?m)^(0x[0-9a-f]+): proto=tcpv4`).FindStringSubmatch(s.cli("show sess"))[1]
		s.has(s.cli("show sess "+id), id+": ", "source=127.0.0.1:", "frontend=l", "backend=l", "server=s1")
		s.has(s.cli("show sess all"), id+": ", "frontend=l")
	}},
	{"K15", "get weight", func(s *subject) {
		s.pair("    default-server weight 10\n")
		s.same(s.cli("get weight l/s1"), "10 (initial 10)\n\n")
	}},
	{"K16", "set weight", func(s *subject) {
		s.pair("    default-server weight 10\n")
		s.same(s.cli("set weight l/s1 50%"), "\n")
		s.same(s.cli("get weight l/s1"), "5 (initial 10)\n\n")
	}},
	{"K17", "set server", func(s *subject) {
		s.pair("")
		s.same(s.cli("set server l/s1 weight 7"), "\n")
		s.same(s.stat("l/s1", "weight"), 7)
		s.same(s.cli("set server l/s1 state drain"), "\n")
		s.same(s.stat("l/s1", "status"), "DRAIN")
		s.has(s.cli("set server l/s1 addr 127.0.0.9 port 99"), "changed")
		// The reference changes it in a task of its own.
		s.await("the address", func() bool { return s.stat("l/s1", "addr") == "127.0.0.9:99" })
		s.has(s.cli("set server l/none weight 7"), "No such server.")
		s.has(s.cli("set server l/s1 nothing"), "usage")
	}},
	{"K19", "set timeout cli", func(s *subject) {
		s.start(one)
		c, err := net.Dial("unix", s.dir+"/cli")
		if err != nil {
			s.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "prompt\nset timeout cli 1\n")
		s.soon(c)
	}},
	{"K20", "set maxconn", func(s *subject) {
		s.pair("")
		s.same(s.cli("set maxconn frontend l 9; set maxconn server l/s1 8; set maxconn global 90"), "\n\n\n")
		s.same(s.stat("l/FRONTEND", "slim"), 9)
		s.same(s.stat("l/s1", "slim"), 8)
		s.same(s.info("Maxconn"), 90)
	}},
	{"K21", "set rate-limit", func(s *subject) {
		s.start(one)
		for word, field := range map[string]string{"connections": "ConnRateLimit", "sessions": "SessRateLimit", "ssl-sessions": "SslRateLimit"} {
			s.same(s.cli("set rate-limit "+word+" global 33"), "\n")
			s.same(s.info(field), 33)
		}
	}},
	{"K22", "disable", func(s *subject) {
		s.checkedPair()
		s.same(s.cli("disable server l/s1"), "\n")
		s.same(s.stat("l/s1", "status"), "MAINT")
		s.same(s.cli("disable health l/s2"), "\n")
		s.same(s.cli("disable frontend l"), "\n")
		s.matches(s.stat("l/FRONTEND", "status"), "PAUSED|STOP")
	}},
	{"K23", "enable", func(s *subject) {
		s.checkedPair()
		s.cli("disable server l/s1; disable frontend l; disable health l/s2")
		s.same(s.cli("enable server l/s1; enable frontend l; enable health l/s2"), "\n\n\n")
		s.becomes("l/s1", "status", "UP")
		s.same(s.stat("l/FRONTEND", "status"), "OPEN")
		s.same(s.get("l", "/").status, 200)
	}},
	{"K24", "shutdown frontend", func(s *subject) {
		s.start(one)
		s.get("f", "/")
		s.same(s.cli("shutdown frontend f"), "\n")
		s.await("the port's release", func() bool {
			l, err := net.Listen("tcp", s.addr("f"))
			if err == nil {
				l.Close()
			}
			return err == nil
		})
	}},
	{"K25", "shutdown session", func(s *subject) {
		o := s.logging("")
		defer o.holds()()
		c := s.sends("l", "GET / HTTP/1.1")
		s.await("the request", func() bool { return len(o.seen()) == 1 })
		id := regexp.MustCompile(`(?m)^(0x[0-9a-f]+): proto=tcpv4`).FindStringSubmatch(s.cli("show sess"))[1]
		s.same(s.cli("shutdown session "+id), "\n")
		s.soon(c)
		s.matches(s.logged("GET /"), " K[CH]-- ")
	}},
	{"K26", "shutdown sessions server", func(s *subject) {
		o := s.logging("")
		defer o.holds()()
		a, b := s.sends("l", "GET / HTTP/1.1"), s.sends("l", "GET / HTTP/1.1")
		s.await("the requests", func() bool { return len(o.seen()) == 2 })
		s.same(s.cli("shutdown sessions server l/s1"), "\n")
		s.soon(a)
		s.soon(b)
		s.becomes("l/s1", "scur", "0")
	}},
	{"K40", "set ssl cert, commit ssl cert", func(s *subject) {
		s.certificate()
		s.start("\nfrontend f\n    bind {bind:f} ssl crt {dir}/cert.pem\n")
		before := s.served("f")
		s.certificate() // another one, in the same file
		pem, err := os.ReadFile(s.dir + "/cert.pem")
		if err != nil {
			s.Fatal(err)
		}
		s.has(s.cli("set ssl cert "+s.dir+"/cert.pem <<\n"+strings.TrimSpace(string(pem))+"\n"), "Transaction created")
		s.same(s.served("f") == before, true)
		s.has(s.cli("commit ssl cert "+s.dir+"/cert.pem"), "Success!")
		s.same(s.served("f") == before, false)
	}},
	{"K41", "show backend", func(s *subject) {
		s.pair("")
		s.same(s.cli("show backend"), "# name\nl\n\n")
	}},
	{"K42", "show servers state", func(s *subject) {
		s.pair("")
		lines := strings.Split(s.cli("show servers state"), "\n")
		s.same(lines[0], "1")
		s.has(lines[1], "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state")
		s.same(len(strings.Fields(lines[1]))-1, len(strings.Fields(lines[2])))
		s.same(strings.Count(s.cli("show servers state l"), " l "), 2)
	}},
}

// checkedPair starts "listen l" with two servers that are checked.
func (s *subject) checkedPair() {
	s.Helper()
	s.pair("    default-server check inter 100ms\n")
	s.becomes("l/s1", "check_status", "L4OK")
}

// patterns starts a frontend whose answer is the value of a map's entry, "denied"
// for paths in a list.
func (s *subject) patterns() (list, table string) {
	s.Helper()
	list, table = s.file("list", "/no\n"), s.file("map", "/a one\n/b two\n")
	s.start(fmt.Sprintf("\nfrontend f\n    bind {bind:f}\n    acl denied path -f %s\n    http-request return status 403 content-type text/plain string denied if denied\n    http-request return status 200 content-type text/plain lf-string %%[path,map_str(%s,none)]\n", list, table))
	return list, table
}

var patternCommands = []row{
	{"K27", "show acl", func(s *subject) {
		list, _ := s.patterns()
		s.matches(s.cli("show acl"), `(?m)^\d+ \(`+list+`\) .*entry_cnt=1`)
	}},
	{"K28", "show acl with an id", func(s *subject) {
		list, _ := s.patterns()
		s.matches(s.cli("show acl "+list), `^0x[0-9a-f]+ /no\n\n$`)
	}},
	{"K29", "get acl", func(s *subject) {
		list, _ := s.patterns()
		s.matches(s.cli("get acl "+list+" /no"), `type=str, case=sensitive, match=yes, idx=tree, pattern="/no"`)
		s.matches(s.cli("get acl "+list+" /yes"), `type=str, case=sensitive, match=no`)
	}},
	{"K30", "add acl", func(s *subject) {
		list, _ := s.patterns()
		s.same(s.get("f", "/x").status, 200)
		s.same(s.cli("add acl "+list+" /x"), "\n")
		s.same(s.get("f", "/x").status, 403)
	}},
	{"K31", "del acl", func(s *subject) {
		list, _ := s.patterns()
		s.same(s.cli("del acl "+list+" /no"), "\n")
		s.same(s.get("f", "/no").status, 200)
	}},
	{"K32", "clear acl", func(s *subject) {
		list, _ := s.patterns()
		s.same(s.cli("clear acl "+list), "\n")
		s.same(s.cli("show acl "+list), "\n")
	}},
	{"K33", "show map", func(s *subject) {
		_, table := s.patterns()
		s.matches(s.cli("show map"), `(?m)^\d+ \(`+table+`\) pattern loaded from file '`+table+`' used by map at file '.*haproxy.cfg' line \d+`)
	}},
	{"K34", "show map with an id", func(s *subject) {
		_, table := s.patterns()
		s.matches(s.cli("show map "+table), `^0x[0-9a-f]+ /a one\n0x[0-9a-f]+ /b two\n\n$`)
	}},
	{"K35", "get map", func(s *subject) {
		_, table := s.patterns()
		s.matches(s.cli("get map "+table+" /a"), `type=str, case=sensitive, found=yes, idx=tree, key="/a", value="one", type="str"`)
	}},
	{"K36", "set map", func(s *subject) {
		_, table := s.patterns()
		s.same(s.cli("set map "+table+" /a three"), "\n")
		s.same(s.get("f", "/a").body, "three")
	}},
	{"K37", "add map, by a payload too", func(s *subject) {
		_, table := s.patterns()
		s.same(s.cli("add map "+table+" /c four"), "\n")
		s.same(s.cli("add map "+table+" <<\n/d five\n/e six\n"), "\n")
		s.same(s.get("f", "/c").body+s.get("f", "/d").body+s.get("f", "/e").body, "fourfivesix")
	}},
	{"K38", "del map", func(s *subject) {
		_, table := s.patterns()
		s.same(s.cli("del map "+table+" /a"), "\n")
		s.same(s.get("f", "/a").body, "none")
	}},
	{"K39", "clear map", func(s *subject) {
		_, table := s.patterns()
		s.same(s.cli("clear map "+table), "\n")
		s.same(s.get("f", "/b").body, "none")
	}},
}
