package rows

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"gohap/e2e/oracle"
)

const one = `
frontend f
    mode http
    bind {bind:f}
    timeout client 5s
    http-request return status 200 string "one" content-type text/plain
`

// starting are the rows B: start, check, reload, files.
var starting = []row{
	{"B1", "-c checks a file without binding", func(s *subject) {
		code, said := s.check(defaults + one)
		s.same(code, 0)
		s.hasNot(said, "valid")
		_, said = s.check(defaults+one, "-V")
		s.has(said, "Configuration file is valid")
		code, said = s.check("\nfrontend f\n    no-such-word\n")
		s.same(code, 1)
		s.matches(said, `\[ALERT\]\s+\(\d+\) : config : parsing \[.*haproxy.cfg:3\] ?: unknown keyword 'no-such-word' in 'frontend' section`)
		l := listen(s.T)
		s.let("taken", l.Addr().String())
		code, _ = s.check(defaults + "\nfrontend f\n    bind {taken}\n")
		s.same(code, 0)
	}},
	{"B2", "-f starts, several files are one", func(s *subject) {
		two := s.file("two.cfg", "backend elsewhere\n    http-request return status 200 string two content-type text/plain\n")
		s.startWhole(defaults+"\nfrontend f\n    bind {bind:f}\n    default_backend elsewhere\n", "-f", two)
		s.same(s.get("f", "/").body, "two")
	}},
	{"B3", "-sf: the new process binds the same ports, the old one finishes", softFinish},
	{"B4", "master and worker, reload by SIGUSR2", masterReload},
	{"B5", "a unit of type notify: READY=1, reloads lose nothing", func(s *subject) {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.dir + "/notify", Net: "unixgram"})
		if err != nil {
			s.Fatal(err)
		}
		defer l.Close()
		s.env = append(s.env, "NOTIFY_SOCKET="+s.dir+"/notify")
		path, files := s.write("global\n" + defaults + one)
		s.proc = s.run(files, "-Ws", "-f", path)
		var p [4096]byte
		said := ""
		s.await("READY=1", func() bool {
			n, _ := l.Read(p[:])
			said += string(p[:n])
			return strings.Contains(said, "READY=1")
		})
		s.same(s.get("f", "/").body, "one")
		s.signal(syscall.SIGTERM)
		s.ends(s.proc)
	}},
	{"B6", "-vv: build options, features, pollers, muxes, filters", func(s *subject) {
		p := s.run(nil, "-vv")
		s.same(s.ends(p), 0)
		s.has(p.Said.String(), "Feature list : ", "+OPENSSL", "Available polling systems", "epoll : ", "Available multiplexer protocols", "Available filters")
		s.matches(p.Said.String(), `(?i)^haproxy version 3\.2|(?i)^gohap`)
	}},
	{"B7", "a configuration at the usual path, given by -f", func(s *subject) {
		if err := os.MkdirAll(s.dir+"/etc/haproxy", 0o755); err != nil {
			s.Fatal(err)
		}
		path, files := s.write(defaults + one)
		usual := s.dir + "/etc/haproxy/haproxy.cfg"
		if err := os.Rename(path, usual); err != nil {
			s.Fatal(err)
		}
		s.proc = s.run(files, "-db", "-f", usual)
		s.same(s.get("f", "/").body, "one")
	}},
	{"B9", "what a service script does: -c, -D -p, -sf, kill", func(s *subject) {
		path, _ := s.write("global\n    stats socket {cli} level admin\n" + defaults + "\nfrontend f\n    bind unix@{dir}/front\n")
		s.same(s.ends(s.run(nil, "-c", "-q", "-f", path)), 0)
		s.same(s.ends(s.run(nil, "-D", "-f", path, "-p", s.dir+"/pid")), 0)
		old := s.pidFile("pid")
		defer func() { _ = syscall.Kill(old, syscall.SIGKILL) }()
		s.has(s.cli("show info"), fmt.Sprintf("Pid: %d\n", old))
		s.same(s.ends(s.run(nil, "-D", "-f", path, "-p", s.dir+"/pid", "-sf", strconv.Itoa(old))), 0)
		young := s.pidFile("pid")
		defer func() { _ = syscall.Kill(young, syscall.SIGKILL) }()
		s.await("the old process's end", func() bool { return !alive(old) })
		s.await("the new process", func() bool { return strings.Contains(s.cli("show info"), fmt.Sprintf("Pid: %d\n", young)) })
		_ = syscall.Kill(young, syscall.SIGTERM)
		s.await("the new process's end", func() bool { return !alive(young) })
	}},
	{"B10", "the binary itself answers -v", func(s *subject) {
		p := s.run(nil, "-v")
		s.same(s.ends(p), 0)
		s.has(strings.ToLower(p.Said.String()), "version 3.2")
	}},
	{"B11", "halog reads the log", readByHalog},
	{"B12", "pidfile", func(s *subject) {
		path, files := s.write("global\n    daemon\n    pidfile {dir}/pid\n    stats socket {cli}\n" + defaults + one)
		s.same(s.ends(s.run(files, "-f", path)), 0)
		pid := s.pidFile("pid")
		defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
		s.has(s.cli("show info"), fmt.Sprintf("Pid: %d\n", pid))
		_ = syscall.Kill(pid, syscall.SIGTERM)
		s.await("its end", func() bool { return !alive(pid) })
		s.same(s.pidFile("pid"), pid) // nobody removes it
	}},
	{"B13", "the five sections, in any order behind global", func(s *subject) {
		code, said := s.check("global\n    maxconn 10\n" + defaults + "\nbackend b\nfrontend f\n    bind {bind:f}\nlisten l\n    bind {bind:l}\ndefaults\n    mode tcp\n")
		s.same(code, 0)
		s.hasNot(said, "ALERT")
	}},
	{"B14", "a folder of files: *.cfg in order, no dot files", func(s *subject) {
		conf := s.dir + "/conf"
		if err := os.Mkdir(conf, 0o755); err != nil {
			s.Fatal(err)
		}
		path, files := s.write(defaults + "\nfrontend f\n    bind {bind:f}\n    default_backend b\n")
		for name, text := range map[string]string{
			"b.cfg":       "backend b\n    http-request return status 200 string b content-type text/plain\n",
			".hidden.cfg": "no such section\n",
			"other.txt":   "no such section\n",
		} {
			if err := os.WriteFile(filepath.Join(conf, name), []byte(text), 0o644); err != nil {
				s.Fatal(err)
			}
		}
		if err := os.Rename(path, conf+"/a.cfg"); err != nil {
			s.Fatal(err)
		}
		s.proc = s.run(files, "-db", "-f", conf)
		s.same(s.get("f", "/").body, "b")
	}},
	{"B15", "a command socket that cannot be bound ends the start", func(s *subject) {
		path, files := s.write("global\n    stats socket {dir}/none/sock\n" + defaults + one)
		p := s.run(files, "-db", "-f", path)
		s.same(s.ends(p), 1)
		s.matches(p.Said.String(), `ALERT.*cannot bind UNIX socket.*\(No such file or directory\) \[.*/none/sock\]`)
	}},
	{"B16", "an address that is nobody's cannot be bound", func(s *subject) {
		path, files := s.write(defaults + "\nfrontend f\n    bind 192.0.2.77:8080\n")
		p := s.run(files, "-db", "-f", path)
		s.same(s.ends(p), 1)
		s.has(p.Said.String(), "cannot bind socket (Cannot assign requested address) for [192.0.2.77:8080]")
	}},
}

func softFinish(s *subject) {
	o := s.server("s1")
	l := listen(s.T)
	s.let("port", l.Addr().String())
	l.Close()
	const cfg = "\nlisten l\n    bind {port}\n    server s1 {s1}\n"
	s.start(cfg)
	old := s.proc
	s.let("l", s.addr("port"))
	free := o.holds()
	c := s.dial("l")
	fmt.Fprintf(c, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
	s.await("the request", func() bool { return len(o.seen()) == 1 })
	s.startWhole("global\n    stats socket {cli} level admin\n"+defaults+cfg, "-sf", strconv.Itoa(old.Cmd.Process.Pid))
	s.await("the new process", func() bool {
		return strings.Contains(s.cli("show info"), fmt.Sprintf("Pid: %d\n", s.proc.Cmd.Process.Pid))
	})
	free()
	s.same(readReply(c).status, 200)
	s.same(s.ends(old), 0)
	s.same(s.get("l", "/").status, 200)
}

func masterReload(s *subject) {
	path, files := s.write("global\n    stats socket {cli} level admin\n" + defaults + one)
	s.proc = s.run(files, "-W", "-S", s.dir+"/master", "-f", path)
	s.same(s.get("f", "/").body, "one")
	worker := s.info("Pid")
	s.signal(syscall.SIGUSR2)
	s.await("a new worker", func() bool { return s.info("Pid") != worker })
	s.same(s.get("f", "/").body, "one")
	s.await("the master's answer", func() bool {
		proc := s.tryCLI(s.dir+"/master", "show proc")
		return strings.Contains(proc, "# workers") && strings.Contains(proc, "worker")
	})
	s.signal(syscall.SIGTERM)
	s.ends(s.proc)
}

// pidFile returns the one process number in a file.
func (s *subject) pidFile(name string) (pid int) {
	s.Helper()
	s.await(name, func() bool {
		p, _ := os.ReadFile(filepath.Join(s.dir, name))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(p)))
		return pid > 0
	})
	return pid
}

// alive says whether a process runs; a zombie that nobody waits for does not.
func alive(pid int) bool {
	p, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(p), ") ")
	return !strings.HasPrefix(state, "Z")
}

// readByHalog gives log lines of the program's to the reference's halog.
func readByHalog(s *subject) {
	s.server("s1")
	s.start("\nlisten l\n    bind {bind:l}\n    log {log} local0\n    option httplog\n    server s1 {s1}\n")
	for i := range 3 {
		s.get("l", fmt.Sprint("/", i))
	}
	var lines []string
	s.await("log lines", func() bool {
		lines = nil
		for _, l := range s.logLines() {
			if strings.Contains(l, `"GET /`) {
				// A log server names the host, which halog counts on.
				l = l[strings.IndexByte(l, '>')+1:]
				lines = append(lines, l[:16]+"host "+strings.Replace(l[16:], "gohap[", "haproxy[", 1))
			}
		}
		return len(lines) == 3
	})
	halog := filepath.Join(filepath.Dir(oracle.Installed(s, oracle.Haproxy)), "halog")
	for args, want := range map[string]string{"-srv": "l/s1", "-st": "200 3", "-u": "/1"} {
		cmd := exec.Command(halog, args)
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		out, err := cmd.Output()
		if err != nil {
			s.Fatalf("halog %s: %v", args, err)
		}
		s.has(string(out), want)
	}
}
