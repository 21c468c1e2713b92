package rows

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// tool returns a program's path; without it the row is skipped and says what to
// install.
func tool(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not there: install the Debian package %s (make deps does)", name, debian)
	}
	return path
}

// output runs a tool and returns what it prints, its errors included.
func (s *subject) output(stdin, name, debian string, args ...string) string {
	s.Helper()
	cmd := exec.Command(tool(s, name, debian), args...)
	cmd.Stdin, cmd.Dir = strings.NewReader(stdin), s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Errorf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

// logging are the rows E.
var logging = []row{
	{"E1", "rsyslog receives and parses the datagrams", throughRsyslog},
	{"E2", "the facility and level in the priority", func(s *subject) {
		s.server("s1")
		for i, facility := range []string{"kern", "local0", "local2", "local7"} {
			s.start("\nlisten l\n    bind {bind:l}\n    log {log} " + facility + "\n    option httplog\n    server s1 {s1}\n")
			s.get("l", "/"+facility)
			s.has(s.logged("/"+facility), fmt.Sprintf("<%d>", []int{0, 16, 18, 23}[i]*8+6))
			s.proc.Stop()
		}
	}},
	{"E5", "a lowest level, and a level that caps", func(s *subject) {
		s.refuses("s1")
		s.start("    retries 0\n\nlisten l\n    bind {bind:l}\n    log {log} local0 err\n    option httplog\n    server s1 {s1}\n\nlisten m\n    bind {bind:m}\n    log {log} local0 info notice\n    option httplog\n    server s1 {s1} check inter 100ms fall 1\n")
		s.get("l", "/x") // of level info
		s.has(s.logged("Server m/s1 is DOWN"), "<133>")
		s.hasNot(strings.Join(s.logLines(), "\n"), "/x")
	}},
	{"E6", "the fields of a line stand where the manual says", func(s *subject) {
		s.logging("    capture request header Host len 20\n    capture response header x-server len 20\n")
		s.get("l", "/p?q")
		s.matches(s.logged("/p"), `127\.0\.0\.1:\d+ \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] l l/s1 0/0/\d+/\d+/\d+ 200 \d+ - - ---- 1/1/0/0/0 0/0 \{x\} \{s1\} "GET /p\?q HTTP/1\.1"$`)
	}},
}

// throughRsyslog runs rsyslogd with a file for a facility.
func throughRsyslog(s *subject) {
	daemon := tool(s, "rsyslogd", "rsyslog")
	s.server("s1")
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	free.Close()
	_, port, _ := strings.Cut(free.LocalAddr().String(), ":")
	conf := s.file("rsyslog.conf", fmt.Sprintf(`module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="%[2]s")
template(name="parsed" type="string" string="%%programname%%|%%syslogfacility-text%%|%%syslogseverity-text%%|%%msg%%\n")
local2.* action(type="omfile" file="%[1]s/local2.log" template="parsed")
`, s.dir, port))
	cmd := exec.Command(daemon, "-n", "-f", conf, "-i", s.dir+"/rsyslog.pid")
	said := &oracle.Output{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	read := func(name string) string {
		p, _ := os.ReadFile(s.dir + "/" + name)
		return strings.TrimSpace(string(p))
	}
	defer func() {
		if s.Failed() {
			s.Log(said)
		}
	}()
	s.await("rsyslog", func() bool { return read("rsyslog.pid") != "" })
	s.let("rsyslog", free.LocalAddr().String())
	s.start("\nlisten l\n    bind {bind:l}\n    log {rsyslog} local2\n    option httplog\n    server s1 {s1}\n")
	s.await("the line", func() bool {
		s.get("l", "/through")
		return strings.Contains(read("local2.log"), "/through")
	})
	s.matches(read("local2.log"), `(?m)^(haproxy|gohap)\|local2\|info\| 127\.0\.0\.1:\d+ .*"GET /through HTTP/1.1"$`)
}

// socket are the rows G.
var socket = []row{
	{"G1", "nc -U", func(s *subject) {
		s.start(one)
		s.has(s.output("show info\n", "nc", "netcat-openbsd", "-U", s.dir+"/cli"), "Uptime_sec: ")
	}},
	{"G2", "socat", func(s *subject) {
		s.start(one)
		s.has(s.output("show info\n", "socat", "socat", "stdio", "unix-connect:"+s.dir+"/cli"), "Uptime_sec: ")
	}},
	{"G3", "several commands on a line", func(s *subject) {
		s.start(one)
		both := s.cli("show info;show stat")
		s.has(both, "\n\n# pxname,svname,")
		s.matches(both, `\n\n$`)
	}},
	{"G4", "prompt", func(s *subject) {
		s.start(one)
		out := s.output("prompt\nshow version\nquit\n", "socat", "socat", "-t", "5", "stdio", "unix-connect:"+s.dir+"/cli")
		s.matches(out, `^\n> \d+\.\d+.*\n\n> `)
	}},
	{"G5", "an idle session ends", idleSession},
}

// tools are the rows M.
var tools = []row{
	{"M1", "HATop", throughHATop},
	{"M2", "scripts that parse show info and set servers", func(s *subject) {
		s.pair("")
		fields := map[string]string{}
		for line := range strings.SplitSeq(s.cli("show info"), "\n") {
			if k, v, ok := strings.Cut(line, ": "); ok {
				fields[k] = v
			}
		}
		for _, name := range []string{"Name", "Version", "Pid", "Uptime_sec", "Maxconn", "CurrConns", "Process_num"} {
			if fields[name] == "" {
				s.Errorf("no %s", name)
			}
		}
		for _, state := range []string{"maint", "drain", "ready"} {
			s.same(s.cli("set server l/s1 state "+state), "\n")
			s.becomes("l/s1", "status", map[string]string{"maint": "MAINT", "drain": "DRAIN", "ready": "no check"}[state])
		}
		s.same(s.cli("set maxconn frontend l 55"), "\n")
		s.same(s.stat("l/FRONTEND", "slim"), 55)
	}},
	{"M3", "a monitor that finds CSV columns by name", func(s *subject) {
		s.pair("")
		for _, column := range []string{"pxname", "svname", "qcur", "scur", "stot", "bin", "bout", "ereq", "econ", "status", "weight", "act", "bck", "chkfail", "lastchg", "downtime", "hrsp_5xx", "rate", "type"} {
			s.stat("l/BACKEND", column)
		}
	}},
	{"M4", "halog", readByHalog},
	{"M5", "netcat, socat, curl", func(s *subject) {
		s.start("\nfrontend f\n    bind {bind:f}\n    stats enable\n    http-request return status 200 string curled content-type text/plain if { path / }\n")
		s.same(s.output("", "curl", "curl", "-s", "http://"+s.addr("f")+"/"), "curled")
		s.has(s.output("", "curl", "curl", "-s", "http://"+s.addr("f")+"/haproxy?stats;csv"), "# pxname,svname,")
		s.has(s.output("show stat\n", "socat", "socat", "stdio", "unix-connect:"+s.dir+"/cli"), "f,FRONTEND,")
		_, port, _ := strings.Cut(s.addr("f"), ":")
		s.has(s.output("GET / HTTP/1.0\r\n\r\n", "nc", "netcat-openbsd", "127.0.0.1", port), "curled")
	}},
	{"M6", "Keepalived and Pacemaker: codes of -c, liveness, addresses that are not there yet", func(s *subject) {
		code, _ := s.check(defaults + one)
		s.same(code, 0)
		code, _ = s.check("nonsense\n")
		s.same(code, 1)
		s.startWhole(defaults + "\nfrontend v\n    bind 192.0.2.78:18080 transparent\n" + one)
		s.same(s.get("f", "/").body, "one")
		s.same(s.proc.Cmd.Process.Signal(syscall.Signal(0)), error(nil))
	}},
	{"M7", "reloads that lose no connection", throughReloads},
	{"M8", "many idle TLS connections", idleTLS},
	{"M9", "minconn, maxconn, fullconn", dynamicLimit},
	{"M11", "databases: mode tcp, mysql-check, leastconn, backup", func(s *subject) {
		s.talks("s1", "\x04\x00\x00\x00\xff\x10\x04x") // no greeting of MySQL's
		s.talks("s2", "", "from the backup")
		s.start("\nlisten db\n    mode tcp\n    bind {bind:l}\n    balance leastconn\n    option mysql-check\n    server s1 {s1} check inter 100ms fall 1\n    server s2 {s2} backup\n")
		s.becomes("db/s1", "status", "DOWN")
		c := s.dial("l")
		fmt.Fprint(c, "x")
		var p [15]byte
		_, _ = io.ReadFull(c, p[:])
		s.same(string(p[:]), "from the backup")
	}},
	{"M14", "rsyslog", throughRsyslog},
}

// throughHATop runs HATop on a terminal of its own and looks at its screen.
func throughHATop(s *subject) {
	hatop := tool(s, "hatop", "hatop")
	script := tool(s, "script", "bsdutils")
	s.pair("")
	cmd := exec.Command(script, "-qec", "stty cols 120 rows 40; exec "+hatop+" -s "+s.dir+"/cli -i 1 -m 5", "/dev/null")
	screen := &oracle.Output{}
	cmd.Stdout, cmd.Stderr, cmd.Env = screen, screen, append(os.Environ(), "TERM=xterm")
	keys, err := cmd.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.Failed() {
			s.Logf("%q", screen.String()[max(0, len(screen.String())-700):])
		}
	}()
	s.await("HATop's command line", func() bool { return strings.Contains(screen.String(), "haproxy command line") })
	_, _ = io.WriteString(keys, "disable server l/s1\r")
	s.becomes("l/s1", "status", "MAINT")
	_, _ = io.WriteString(keys, "\x1b1") // Alt-1: the servers
	s.await("HATop's table", func() bool {
		return strings.Contains(screen.String(), "BACKEND") && strings.Contains(screen.String(), "MAINT")
	})
	s.hasNot(screen.String(), "Traceback")
}

// throughReloads reloads a master five times while clients come without a pause.
func throughReloads(s *subject) {
	path, files := s.write("global\n    stats socket {cli} level admin expose-fd listeners\n" + defaults + one)
	s.proc = s.run(files, "-W", "-f", path)
	s.get("f", "/")
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		lost := 0
		for n := 0; ; n++ {
			select {
			case <-stop:
				done <- lost
				return
			default:
			}
			if once(s.addrs["f"]) != "one" {
				lost++
			}
		}
	}()
	for range 5 {
		worker := s.info("Pid")
		s.signal(syscall.SIGUSR2)
		s.await("a new worker", func() bool { return s.info("Pid") != worker })
		after(100 * time.Millisecond)
	}
	close(stop)
	s.same(<-done, 0)
}
