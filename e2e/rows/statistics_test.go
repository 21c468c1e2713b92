package rows

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// page are the rows F: the statistics page.
var page = []row{
	{"F1", "stats enable", func(s *subject) {
		s.page("")
		r := s.get("l", "/haproxy?stats")
		s.same(r.status, 200)
		s.has(r.header("content-type"), "text/html")
	}},
	{"F2", "stats uri", func(s *subject) {
		s.page("    stats uri /status\n")
		s.has(s.get("l", "/status").body, "<html")
		s.same(s.get("l", "/haproxy?stats").header("x-server"), "s1")
	}},
	{"F3", "stats admin", func(s *subject) {
		s.page("    stats uri /status\n    stats admin if LOCALHOST\n")
		r := s.ask("l", "POST /status HTTP/1.1", []string{"host: x", "content-type: application/x-www-form-urlencoded"}, "s=s1&action=drain&b=%23"+s.stat("l/BACKEND", "iid"))
		s.same(r.status, 303)
		s.has(r.header("location"), "/status;st=DONE")
		s.becomes("l/s1", "status", "DRAIN")
		s.startAgain("    stats uri /status\n    stats admin if FALSE\n")
		r = s.ask("l", "POST /status HTTP/1.1", []string{"host: x"}, "s=s1&action=drain&b=%23"+s.stat("l/BACKEND", "iid"))
		s.has(r.header("location"), "/status;st=DENY")
	}},
	{"F4", "stats auth, several times", func(s *subject) {
		s.page("    stats auth monitor:foobar\n    stats auth a:b\n")
		s.same(s.get("l", "/haproxy?stats").status, 401)
		s.same(s.get("l", "/haproxy?stats", "authorization: Basic bW9uaXRvcjpmb29iYXI=").status, 200)
		s.same(s.get("l", "/haproxy?stats", "authorization: Basic YTpi").status, 200)
		s.same(s.get("l", "/haproxy?stats", "authorization: Basic YTpj").status, 401)
	}},
	{"F5", "stats realm", func(s *subject) {
		s.page("    stats realm \"Haproxy Statistics\"\n    stats auth a:b\n")
		s.same(s.get("l", "/haproxy?stats").header("www-authenticate"), `Basic realm="Haproxy Statistics"`)
	}},
	{"F6", "stats refresh", func(s *subject) {
		s.page("    stats refresh 5s\n")
		s.same(s.get("l", "/haproxy?stats").header("refresh"), "5")
		s.same(s.get("l", "/haproxy?stats;norefresh").header("refresh"), "")
	}},
	{"F7", "stats hide-version", func(s *subject) {
		s.page("")
		version := s.info("Version")
		s.has(s.get("l", "/haproxy?stats").body, version)
		s.startAgain("    stats hide-version\n")
		s.hasNot(s.get("l", "/haproxy?stats").body, version)
	}},
	{"F8", "stats scope", func(s *subject) {
		s.page("")
		s.has(s.get("l", "/haproxy?stats").body, `name="other/Frontend"`)
		s.startAgain("    stats scope .\n")
		body := s.get("l", "/haproxy?stats").body
		s.has(body, `name="l/Frontend"`)
		s.hasNot(body, `name="other/Frontend"`)
	}},
	{"F9", "stats show-desc", func(s *subject) {
		s.page("    stats show-desc Node for Europe\n")
		s.has(s.get("l", "/haproxy?stats").body, "Node for Europe")
	}},
	{"F10", "stats show-legends", func(s *subject) {
		s.page("    cookie S\n    stats show-legends\n")
		body := s.get("l", "/haproxy?stats").body
		s.has(body, s.addr("s1"), "roundrobin")
		s.startAgain("    cookie S\n")
		s.hasNot(s.get("l", "/haproxy?stats").body, s.addr("s1"))
	}},
	{"F11", "stats show-node", func(s *subject) {
		s.page("    stats show-node box7\n")
		s.has(s.get("l", "/haproxy?stats").body, "box7")
	}},
	{"F12", "the CSV of the page", func(s *subject) {
		s.page("")
		csv := s.get("l", "/haproxy?stats;csv").body
		header, _, _ := strings.Cut(csv, "\n")
		same, _, _ := strings.Cut(s.cli("show stat"), "\n")
		s.same(header, same)
		s.has(csv, "# pxname,svname,", "\nl,s1,")
	}},
	{"F13", "one process: pid is 1", func(s *subject) {
		s.page("")
		for _, o := range []string{"l/FRONTEND", "l/s1", "l/BACKEND"} {
			s.same(s.stat(o, "pid"), 1)
		}
	}},
	{"F14", "the order of the page", func(s *subject) {
		s.page("    option socket-stats\n")
		body := s.get("l", "/haproxy?stats").body
		at := 0
		for _, part := range []string{"General process information", `name="l/Frontend"`, `name="l/+`, `name="l/s1"`, `name="l/Backend"`} {
			i := strings.Index(body[at:], part)
			if i < 0 {
				s.Fatalf("no %s behind byte %d of the page", part, at)
			}
			at += i
		}
	}},
}

// page starts "listen l" with a server, a page and more lines, and a proxy other.
func (s *subject) page(lines string) {
	s.Helper()
	s.server("s1")
	s.start("\nlisten l\n    bind {bind:l}\n    stats enable\n" + lines + "    server s1 {s1}\n\nfrontend other\n    bind {bind:other}\n")
}

// startAgain ends the program and starts the page with other lines.
func (s *subject) startAgain(lines string) {
	s.Helper()
	s.proc.Stop()
	s.page(lines)
}

// infoFields are the rows I: each field of "show info" that somebody named.
var infoFields = append([]row{
	{"I26", "ZlibMemUsage, of builds with zlib alone", noField("ZlibMemUsage")},
	{"I27", "MaxZlibMemUsage, of builds with zlib alone", noField("MaxZlibMemUsage")},
}, fields([]field{
	{"I1", "Name", `^(HAProxy|gohap)$`, nil},
	{"I2", "Version", `^\d+\.\d+`, nil},
	{"I3", "Release_date", `^\d{4}/\d\d/\d\d$`, nil},
	{"I4", "Nbproc", `^1$`, nil},
	{"I5", "Process_num", `^1$`, nil},
	{"I6", "Pid", `^\d+$`, func(s *subject, v string) { s.same(v, s.proc.Cmd.Process.Pid) }},
	{"I7", "Uptime", `^\d+d \d+h\d\dm\d\ds$`, nil},
	{"I8", "Uptime_sec", `^\d$`, nil},
	{"I9", "Memmax_MB", `^0$`, nil},
	{"I10", "Ulimit-n", `^[1-9]\d+$`, nil},
	{"I11", "Maxsock", `^[1-9]\d+$`, func(s *subject, v string) {
		if n := s.number("Maxconn"); s.number("Maxsock") < 2*n {
			s.Errorf("Maxsock %s for Maxconn %d", v, n)
		}
	}},
	{"I12", "Maxconn", `^600$`, func(s *subject, _ string) {
		s.cli("set maxconn global 500")
		s.same(s.info("Maxconn"), 500)
	}},
	{"I13", "Hard_maxconn", `^600$`, func(s *subject, _ string) {
		s.cli("set maxconn global 500")
		s.same(s.info("Hard_maxconn"), 600)
	}},
	{"I14", "CurrConns", `^0$`, func(s *subject, _ string) { // without that of the command
		s.dial("f")
		s.await("one", func() bool { return s.info("CurrConns") == "1" })
	}},
	{"I15", "CumConns", `^\d+$`, func(s *subject, v string) {
		n := s.number("CumConns")
		s.get("f", "/")
		s.get("f", "/")
		s.await("two more, and those of commands", func() bool { n++; return s.number("CumConns") == n+2 })
	}},
	{"I16", "CumReq", `^\d+$`, func(s *subject, v string) {
		n := s.number("CumReq")
		s.get("f", "/")
		s.get("f", "/")
		s.await("two more, and those of commands", func() bool { n++; return s.number("CumReq") == n+2 })
	}},
	{"I17", "Maxpipes", `^\d+$`, nil},
	{"I18", "PipesUsed", `^0$`, nil},
	{"I19", "PipesFree", `^0$`, nil},
	{"I20", "ConnRate", `^\d+$`, rises("ConnRate")},
	{"I21", "ConnRateLimit", `^700$`, nil},
	{"I22", "MaxConnRate", `^\d+$`, rises("MaxConnRate")},
	{"I23", "SessRate", `^\d+$`, rises("SessRate")},
	{"I24", "SessRateLimit", `^800$`, nil},
	{"I25", "MaxSessRate", `^\d+$`, rises("MaxSessRate")},
	{"I28", "Tasks", `^[1-9]\d*$`, nil},
	{"I29", "Run_queue", `^\d+$`, nil},
	{"I30", "Idle_pct", `^\d+$`, func(s *subject, v string) {
		if n := s.number("Idle_pct"); n > 100 {
			s.Errorf("idle for %s %%", v)
		}
	}},
	{"I31", "node", `^box$`, nil},
})...)

// field is a field of "show info": what its value looks like, and what more holds.
type field struct {
	id, name, form string
	more           func(s *subject, value string)
}

func fields(all []field) (rows []row) {
	for _, f := range all {
		rows = append(rows, row{f.id, f.name, func(s *subject) {
			s.startWhole("global\n    stats socket {cli} level admin\n    node box\n    maxconn 600\n    maxconnrate 700\n    maxsessrate 800\n" + defaults + one)
			v := s.info(f.name)
			s.matches(v, f.form)
			if f.more != nil {
				f.more(s, v)
			}
		}})
	}
	return rows
}

func noField(name string) func(*subject) {
	return func(s *subject) {
		s.start(one)
		s.hasNot(s.cli("show info"), "\n"+name+":")
	}
}

// rises: ten connections within a second are counted.
func rises(name string) func(*subject, string) {
	return func(s *subject, _ string) {
		s.await("the second's count", func() bool {
			for range 10 {
				s.get("f", "/")
			}
			return s.number(name) >= 10
		})
	}
}

// statFields are the rows J: each column of "show stat" that somebody named.
var statFields = []row{
	{"J1", "scur", current("scur", "0")},
	{"J2", "smax", current("smax", "1")},
	{"J3", "slim", func(s *subject) {
		s.logging("    maxconn 5\n    fullconn 6\n    default-server maxconn 7\n")
		s.same(s.stat("l/FRONTEND", "slim")+s.stat("l/BACKEND", "slim")+s.stat("l/s1", "slim"), "567")
	}},
	{"J4", "stot", func(s *subject) {
		s.logging("")
		for range 3 {
			s.get("l", "/")
		}
		for _, o := range []string{"l/FRONTEND", "l/s1", "l/BACKEND"} {
			s.becomes(o, "stot", "3")
		}
	}},
	{"J5", "rate", rate("rate")},
	{"J6", "rate_lim", func(s *subject) {
		s.logging("    rate-limit sessions 9\n")
		s.same(s.stat("l/FRONTEND", "rate_lim"), 9)
	}},
	{"J7", "rate_max", rate("rate_max")},
	{"J8", "conn_rate", rate("conn_rate")},
	{"J9", "conn_rate_max", rate("conn_rate_max")},
	{"J10", "bin", func(s *subject) {
		s.logging("")
		s.get("l", "/")
		s.await("the request's bytes", func() bool {
			n, _ := strconv.Atoi(s.stat("l/FRONTEND", "bin")) // as the program holds them
			return n >= len("GET/HTTP/1.1hostx") && n < 60
		})
	}},
	{"J11", "bout", func(s *subject) {
		s.logging("")
		r := s.get("l", "/")
		s.await("the response's bytes", func() bool {
			n, _ := strconv.Atoi(s.stat("l/FRONTEND", "bout"))
			return n >= len(r.head)-10+len(r.body) && n < 30+len(r.head)+len(r.body)
		})
	}},
	{"J12", "comp_byp", func(s *subject) {
		s.logging("")
		s.get("l", "/")
		s.same(s.stat("l/FRONTEND", "comp_byp"), 0)
	}},
	{"J13", "dreq", func(s *subject) {
		s.logging("    http-request deny\n")
		s.same(s.get("l", "/").status, 403)
		s.becomes("l/FRONTEND", "dreq", "1")
	}},
	{"J14", "dresp", func(s *subject) {
		s.logging("    http-response deny\n")
		s.same(s.get("l", "/").status, 502)
		s.becomes("l/BACKEND", "dresp", "1")
	}},
	{"J15", "ereq", func(s *subject) {
		s.logging("")
		s.same(s.ask("l", "GET bad(", []string{"a"}, "").status, 400)
		s.becomes("l/FRONTEND", "ereq", "1")
	}},
	{"J16", "qcur", queued("qcur", "0")},
	{"J17", "qmax", queued("qmax", "1")},
	{"J18", "econ", func(s *subject) {
		s.refuses("s1")
		s.start("    retries 0\n\nlisten l\n    bind {bind:l}\n    server s1 {s1}\n")
		s.get("l", "/")
		s.becomes("l/s1", "econ", "1")
		s.becomes("l/BACKEND", "econ", "1")
	}},
	{"J19", "eresp", func(s *subject) {
		s.talks("s1", "", "no HTTP at all\r\n\r\n")
		s.start("\nlisten l\n    bind {bind:l}\n    server s1 {s1}\n")
		s.same(s.get("l", "/").status, 502)
		s.await("an error", func() bool { return s.stat("l/s1", "eresp") != "0" })
	}},
	{"J20", "wretr", func(s *subject) {
		s.refuses("s1")
		s.start("    retries 2\n    timeout connect 100ms\n\nlisten l\n    bind {bind:l}\n    server s1 {s1}\n")
		s.get("l", "/")
		s.becomes("l/BACKEND", "wretr", "2")
	}},
	{"J21", "wredis", func(s *subject) {
		s.refuses("s1")
		s.server("s2")
		s.start("    retries 1\n    option redispatch\n\nlisten l\n    bind {bind:l}\n    balance first\n    server s1 {s1}\n    server s2 {s2}\n")
		s.same(s.get("l", "/").header("x-server"), "s2")
		s.becomes("l/BACKEND", "wredis", "1")
	}},
	{"J22", "act", func(s *subject) {
		s.backups()
		s.same(s.stat("l/BACKEND", "act")+s.stat("l/s1", "act")+s.stat("l/s2", "act"), "110")
		s.cli("disable server l/s1")
		s.same(s.stat("l/BACKEND", "act"), 0)
	}},
	{"J23", "bck", func(s *subject) {
		s.backups()
		s.same(s.stat("l/BACKEND", "bck")+s.stat("l/s1", "bck")+s.stat("l/s2", "bck"), "101")
	}},
	{"J24", "pxname", func(s *subject) {
		s.logging("")
		s.same(s.stat("l/s1", "pxname"), "l")
	}},
	{"J25", "lines of listeners, with option socket-stats", func(s *subject) {
		s.server("s1")
		s.start("\nlisten l\n    bind {bind:l} name here\n    server s1 {s1}\n\nlisten m\n    bind {bind:m} name there\n    option socket-stats\n    server s1 {s1}\n")
		s.hasNot(s.cli("show stat"), "\nl,here,")
		s.same(s.stat("m/there", "type"), 3)
	}},
}

func (s *subject) backups() {
	s.Helper()
	s.server("s1")
	s.server("s2")
	s.start("\nlisten l\n    bind {bind:l}\n    server s1 {s1}\n    server s2 {s2} backup\n")
}

// current: one request at the server, then none; the column says 1, then then.
func current(column, then string) func(*subject) {
	return func(s *subject) {
		o := s.logging("")
		free := o.holds()
		c := s.sends("l", "GET / HTTP/1.1")
		for _, at := range []string{"l/FRONTEND", "l/s1", "l/BACKEND"} {
			s.becomes(at, column, "1")
		}
		free()
		readReply(c)
		c.Close()
		for _, at := range []string{"l/FRONTEND", "l/s1", "l/BACKEND"} {
			s.becomes(at, column, then)
		}
	}
}

// queued: one request waits for the server, then none.
func queued(column, then string) func(*subject) {
	return func(s *subject) {
		o := s.logging("    default-server maxconn 1\n")
		free := o.holds()
		a := s.sends("l", "GET / HTTP/1.1")
		b := s.sends("l", "GET / HTTP/1.1")
		s.becomes("l/BACKEND", column, "1")
		free()
		readReply(a)
		readReply(b)
		s.becomes("l/BACKEND", column, then)
	}
}

// rate: ten sessions within a second show.
func rate(column string) func(*subject) {
	return func(s *subject) {
		s.logging("")
		s.await(column, func() bool {
			for range 10 {
				s.get("l", "/")
			}
			var n int
			_, _ = fmt.Sscan(s.stat("l/FRONTEND", column), &n)
			return n >= 10
		})
		if strings.HasSuffix(column, "_max") {
			return
		}
		s.await(column+" to fall", func() bool { after(100 * time.Millisecond); return s.stat("l/FRONTEND", column) == "0" })
	}
}
