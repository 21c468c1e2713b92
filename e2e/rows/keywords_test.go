package rows

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// keywords are the rows D: sections and configuration keywords.
var keywords = slices.Concat(sectionRows, globalRows, timeoutRows, proxyRows, tableKeywords)

var sectionRows = []row{
	{"D1", "global, several times", func(s *subject) {
		s.startWhole("global\n    maxconn 77\nglobal\n    stats socket {cli}\n" + defaults + one)
		s.same(s.info("Maxconn"), 77)
	}},
	{"D2", "defaults: a second one begins anew", func(s *subject) {
		s.server("s1")
		s.start("    option forwardfor\n\nlisten l\n    bind {bind:l}\n    server s1 {s1}\n" + defaults + "\nlisten m\n    bind {bind:m}\n    server s1 {s1}\n")
		s.has(s.get("l", "/").body, "x-forwarded-for: 127.0.0.1")
		s.hasNot(s.get("m", "/").body, "x-forwarded-for")
	}},
	{"D3", "frontend: no servers", func(s *subject) {
		code, said := s.check(defaults + "\nfrontend f\n    bind {bind:f}\n    server s1 127.0.0.1:1\n")
		s.has(said, "'server' not allowed because frontend 'f' has no backend capability.")
		s.same(code, 1)
	}},
	{"D4", "backend: no bind", func(s *subject) {
		code, said := s.check(defaults + "\nbackend b\n    bind 127.0.0.1:1\n    server s1 127.0.0.1:1\n" + one)
		s.has(said, "'bind' ignored because backend 'b' has no frontend capability.")
		s.same(code, 0) // a warning
	}},
	{"D5", "listen is both", func(s *subject) {
		s.pair("")
		s.same(s.stat("l/FRONTEND", "type"), 0)
		s.same(s.stat("l/BACKEND", "type"), 1)
		s.same(s.stat("l/s1", "type"), 2)
	}},
	{"D6", "an address on the section line", addressOnLine("frontend main *:18080")},
	{"D7", "an address on the section line of listen", addressOnLine("listen http-proxy 127.0.0.1:18080")},
	{"D39", "timeouts stand where the manual allows them", func(s *subject) {
		places := map[string]string{
			"client": "frontend", "client-fin": "frontend",
			"connect": "backend", "queue": "backend", "check": "backend", "server": "backend", "server-fin": "backend", "tunnel": "backend",
			"http-request": "", "http-keep-alive": "", "tarpit": "", // both
		}
		for word, place := range places {
			for _, section := range []string{"frontend", "backend"} {
				lines := map[string]string{section: "    timeout " + word + " 1s\n"}
				code, said := s.check(defaults + "\nfrontend f\n    bind {bind:f}\n    default_backend b\n" + lines["frontend"] +
					"\nbackend b\n    server s1 127.0.0.1:1\n" + lines["backend"])
				s.same(code, 0)
				if ignored := strings.Contains(said, "ignored"); ignored != (place != "" && place != section) {
					s.Errorf("timeout %s in a %s: %q", word, section, said)
				}
			}
		}
	}},
}

// addressOnLine: the reference refuses the old form; gohap takes it and shows the
// modern one, as docs/differences.md says.
func addressOnLine(line string) func(*subject) {
	return func(s *subject) {
		code, said := s.check(defaults + "\n" + line + "\n    http-request deny\n")
		if s.name == "haproxy" {
			s.same(code, 1)
			s.has(said, "please use the 'bind' keyword for listening addresses.")
			return
		}
		s.same(code, 0)
		s.has(said, "WARNING", "bind "+line[strings.LastIndexByte(line, ' ')+1:])
	}
}

var globalRows = []row{
	{"D8", "log: datagrams of a facility, down to a level", func(s *subject) {
		s.startWhole("global\n    log {log} local2 info\n    stats socket {cli} level admin\n" + defaults + "    log global\n    option httplog\n" + one)
		s.get("f", "/")
		s.matches(s.logged(`"GET / HTTP/1.1"`), `^<150>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} (haproxy|gohap)\[[0-9]+\]: 127\.0\.0\.1:`)
	}},
	{"D9", "chroot", func(s *subject) {
		if os.Getuid() != 0 {
			s.Skip("run as root, nothing to install: a chroot needs it")
		}
		if err := os.Mkdir(s.dir+"/jail", 0o755); err != nil {
			s.Fatal(err)
		}
		s.startWhole("global\n    chroot {dir}/jail\n    stats socket {cli}\n" + defaults + one)
		s.get("f", "/")
		root, err := os.Readlink(fmt.Sprintf("/proc/%d/root", s.proc.Cmd.Process.Pid))
		if err != nil {
			s.Fatal(err)
		}
		s.same(root, s.dir+"/jail")
	}},
	{"D10", "pidfile", func(s *subject) {
		s.startWhole("global\n    pidfile {dir}/pid\n    daemon\n" + defaults + one) // -db: not in the background
		s.get("f", "/")
		if _, err := os.Stat(s.dir + "/pid"); err == nil {
			s.same(s.pidFile("pid"), s.proc.Cmd.Process.Pid)
		}
	}},
	{"D11", "global maxconn: the next connection waits in the kernel's queue", func(s *subject) {
		s.startWhole("global\n    maxconn 2\n    stats socket {cli} level admin\n" + defaults + one)
		s.same(s.info("Maxconn"), 2)
		a, b := s.dial("f"), s.dial("f")
		defer b.Close()
		s.await("two connections", func() bool { return s.number("CurrConns") >= 2 })
		c := s.dial("f")
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
		_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); err == nil {
			s.Errorf("%d bytes for the third", n)
		}
		a.Close()
		_ = c.SetReadDeadline(time.Now().Add(patience))
		s.same(readReply(c).status, 200)
	}},
	{"D12", "user and group", func(s *subject) {
		if os.Getuid() != 0 {
			s.Skip("run as root, nothing to install: changing the user needs it")
		}
		s.startWhole("global\n    user nobody\n    group nogroup\n    stats socket {cli}\n" + defaults + one)
		s.get("f", "/")
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.proc.Cmd.Process.Pid))
		if err != nil {
			s.Fatal(err)
		}
		s.has(string(status), "Uid:\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534")
	}},
	{"D13", "daemon; -db overrides it", func(s *subject) {
		cfg := "global\n    daemon\n    stats socket {cli}\n" + defaults + one
		s.startWhole(cfg)
		s.get("f", "/")
		s.has(s.cli("show info"), fmt.Sprintf("Pid: %d\n", s.proc.Cmd.Process.Pid))
	}},
	{"D14", "stats socket with a level; process 1 is of old", func(s *subject) {
		code, said := s.check("global\n    stats socket {cli} level admin process 1\n" + defaults + one)
		if s.name == "haproxy" {
			s.same(code, 1)
			s.has(said, "process")
		} else {
			s.same(code, 0)
			s.has(said, "WARNING", "process")
		}
		s.start("\nbackend b\n    server s1 127.0.0.1:1\n")
		s.same(s.cli("disable server b/s1"), "\n")
		s.same(s.stat("b/s1", "status"), "MAINT")
	}},
	{"D15", "mode 600; the level is operator without a word", func(s *subject) {
		s.startWhole("global\n    stats socket {cli} mode 600\n" + defaults + "\nbackend b\n    server s1 127.0.0.1:1\n" + one)
		s.has(s.cli("disable server b/s1"), "Permission denied")
		info, err := os.Stat(s.dir + "/cli")
		if err != nil {
			s.Fatal(err)
		}
		s.same(info.Mode().Perm(), os.FileMode(0o600))
	}},
	{"D16", "stats timeout closes an idle session", idleSession},
	{"D17", "nbproc is refused", func(s *subject) {
		code, said := s.check("global\n    nbproc 4\n" + defaults + one)
		s.same(code, 1)
		s.has(said, "nbproc")
		s.has(said, "not supported any more")
	}},
	{"D18", "ulimit-n", func(s *subject) {
		s.startWhole("global\n    ulimit-n 5000\n    stats socket {cli}\n" + defaults + one)
		s.same(s.info("Ulimit-n"), 5000)
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.proc.Cmd.Process.Pid))
		if err != nil {
			s.Fatal(err)
		}
		s.matches(string(limits), `Max open files\s+[5-9]\d{3}\s|Max open files\s+\d{5}`)
	}},
	{"D19", "-m limits the memory", func(s *subject) {
		s.startWhole("global\n    stats socket {cli}\n"+defaults+one, "-m", "512")
		s.same(s.info("Memmax_MB"), 512)
	}},
}

func idleSession(s *subject) {
	s.startWhole("global\n    stats socket {cli}\n    stats timeout 300ms\n" + defaults + one)
	s.cli("show version")
	c, err := net.Dial("unix", s.dir+"/cli")
	if err != nil {
		s.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "prompt\n")
	began := time.Now()
	_ = c.SetReadDeadline(began.Add(patience))
	p := make([]byte, 100)
	for err == nil {
		_, err = c.Read(p)
	}
	if d := time.Since(began); d < 200*time.Millisecond || d > patience/2 {
		s.Errorf("closed after %v: %v", d, err)
	}
}
