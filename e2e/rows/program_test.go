package rows

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// patience is how long a test waits for what must come.
const patience = 8 * time.Second

// subject is one of the two programs under test and what a row started for it.
type subject struct {
	*testing.T
	name string // "haproxy" or "gohap"
	bin  string
	dir  string // of the row's own

	addrs map[string]string // of {name} in a configuration
	proc  *oracle.Running
	log   *syslog
	env   []string // of the program, beside the test's own
}

var place = regexp.MustCompile(`\{(bind:)?(\w+)\}`)

// write fills a configuration's places and writes it: {bind:fe} becomes a
// listening socket that the program inherits, whose address is s.addr("fe");
// {cli} the path of its command socket, {log} the address of a log server of the
// row's, {dir} its folder, and {x} what s.let("x", …) said.
func (s *subject) write(cfg string) (path string, files []*os.File) {
	s.Helper()
	cfg = place.ReplaceAllStringFunc(cfg, func(m string) string {
		part := place.FindStringSubmatch(m)
		name := part[2]
		switch {
		case part[1] != "":
			addr, fd := oracle.Inherit(s, "127.0.0.1")
			s.addrs[name] = addr
			files = append(files, fd)
			return fmt.Sprintf("fd@%d", 2+len(files))
		case name == "cli":
			return s.dir + "/cli"
		case name == "dir":
			return s.dir
		case name == "log":
			if s.log == nil {
				s.log = listenSyslog(s.T)
			}
			return s.log.addr
		}
		if s.addrs[name] == "" {
			s.Fatalf("nothing is known of {%s}", name)
		}
		return s.addrs[name]
	})
	path = filepath.Join(s.dir, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(cfg), 0o600); err != nil {
		s.Fatal(err)
	}
	return path, files
}

// let says what {name} stands for.
func (s *subject) let(name, value string) { s.addrs[name] = value }

func (s *subject) addr(name string) string {
	if s.addrs[name] == "" {
		s.Helper()
		s.Fatalf("no address %q", name)
	}
	return s.addrs[name]
}

const defaults = `
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 2s
`

// start runs the program with cfg, behind a global section with a command socket
// and the usual defaults, until the row's end, and waits for its socket.
func (s *subject) start(cfg string) {
	s.Helper()
	s.startWhole("global\n    stats socket {cli} level admin\n" + defaults + cfg)
	s.cli("show version")
}

// startWhole runs the program with cfg and nothing else.
func (s *subject) startWhole(cfg string, args ...string) {
	s.Helper()
	path, files := s.write(cfg)
	s.proc = s.run(files, append([]string{"-db", "-f", path}, args...)...)
}

// run starts the program with arguments.
func (s *subject) run(files []*os.File, args ...string) *oracle.Running {
	s.Helper()
	cmd := exec.Command(s.bin, args...)
	cmd.Env, cmd.Dir = append(os.Environ(), s.env...), s.dir
	return oracle.Launch(s, cmd, files...)
}

// ends waits for the process's end and returns its exit code, -1 after a signal.
func (s *subject) ends(p *oracle.Running) int {
	s.Helper()
	select {
	case <-p.Ended:
		return p.Cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		s.Fatalf("it does not end\n%s", &p.Said)
		return 0
	}
}

// check runs the program with -c on cfg and returns its code and what it says.
func (s *subject) check(cfg string, args ...string) (int, string) {
	s.Helper()
	path, files := s.write(cfg)
	p := s.run(files, append([]string{"-c", "-f", path}, args...)...)
	return s.ends(p), p.Said.String()
}

func (s *subject) signal(g syscall.Signal) { _ = s.proc.Cmd.Process.Signal(g) }

// await waits until f says yes.
func (s *subject) await(what string, f func() bool) {
	s.Helper()
	if !oracle.Eventually(patience, f) {
		s.Fatalf("%s: it never comes\n%s", what, s.saidSoFar())
	}
}

func (s *subject) saidSoFar() string {
	if s.proc == nil {
		return ""
	}
	return s.proc.Said.String()
}

// has fails the row unless text holds every part.
func (s *subject) has(text string, parts ...string) {
	s.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			s.Errorf("no %q in:\n%s", p, text)
		}
	}
}

// hasNot fails the row if text holds any part.
func (s *subject) hasNot(text string, parts ...string) {
	s.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			s.Errorf("%q stands in:\n%s", p, text)
		}
	}
}

// matches fails the row unless text matches the expression.
func (s *subject) matches(text, expr string) {
	s.Helper()
	if !regexp.MustCompile(expr).MatchString(text) {
		s.Errorf("%q does not match %s", text, expr)
	}
}

func (s *subject) same(got, want any) {
	s.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		s.Errorf("%s, not %s", g, w)
	}
}

// dial connects to one of the program's addresses.
func (s *subject) dial(name string) net.Conn {
	s.Helper()
	c, err := net.Dial("tcp", s.addr(name))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// reply is one response.
type reply struct {
	status int
	head   string // its lines, CRLF between them
	body   string
}

// header returns the value of a header field, the first of its name.
func (r reply) header(name string) string {
	for line := range strings.SplitSeq(r.head, "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// get asks for a path on a connection of its own; more lines are header fields.
func (s *subject) get(front, path string, lines ...string) reply {
	s.Helper()
	return s.ask(front, "GET "+path+" HTTP/1.1", append([]string{"host: x"}, lines...), "")
}

// ask sends one request on a connection of its own.
func (s *subject) ask(front, first string, lines []string, body string) reply {
	s.Helper()
	c := s.dial(front)
	defer c.Close()
	return s.exchange(c, first, lines, body)
}

// exchange sends one request over c and reads the response; status 0 is a
// connection that ended without one.
func (s *subject) exchange(c net.Conn, first string, lines []string, body string) reply {
	s.Helper()
	if body != "" {
		lines = append(lines, fmt.Sprintf("content-length: %d", len(body)))
	}
	fmt.Fprintf(c, "%s\r\n%s\r\n\r\n%s", first, strings.Join(lines, "\r\n"), body)
	return readReply(c)
}

func readReply(c net.Conn) reply {
	var r reply
	b := bufio.NewReader(c)
	for {
		line, err := b.ReadString('\n')
		if err != nil {
			return r
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			break
		}
		r.head += line + "\r\n"
	}
	if f := strings.Fields(r.head); len(f) > 1 {
		r.status, _ = strconv.Atoi(f[1])
	}
	if n, err := strconv.Atoi(r.header("content-length")); err == nil {
		p := make([]byte, n)
		n, _ = io.ReadFull(b, p)
		r.body = string(p[:n])
	} else if r.header("transfer-encoding") != "" {
		r.body = readChunks(b)
	} else {
		p, _ := io.ReadAll(b)
		r.body = string(p)
	}
	return r
}

func readChunks(b *bufio.Reader) string {
	var body strings.Builder
	for {
		line, err := b.ReadString('\n')
		if err != nil {
			return body.String()
		}
		n, _ := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
		if n == 0 {
			return body.String()
		}
		_, _ = io.CopyN(&body, b, n)
		_, _ = b.ReadString('\n')
	}
}

// cli asks the command socket {cli}, waiting until it is there.
func (s *subject) cli(command string) string {
	s.Helper()
	return s.cliAt(s.dir+"/cli", command)
}

func (s *subject) cliAt(path, command string) string {
	s.Helper()
	answer := ""
	s.await("command socket", func() bool {
		answer = s.tryCLI(path, command)
		return answer != ""
	})
	return answer
}

// tryCLI is cliAt once; it returns "" where nobody answers, as while processes
// take turns.
func (s *subject) tryCLI(path, command string) string {
	answer, err := oracle.Command(path, command)
	if err != nil {
		return ""
	}
	return answer
}

// info returns a field of "show info".
func (s *subject) info(field string) string {
	s.Helper()
	for line := range strings.SplitSeq(s.cli("show info"), "\n") {
		if v, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	s.Fatalf("no field %s", field)
	return ""
}

// number is info as a number.
func (s *subject) number(field string) int {
	s.Helper()
	n, err := strconv.Atoi(s.info(field))
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// stat returns a column of one line of "show stat".
func (s *subject) stat(object, column string) string {
	s.Helper()
	px, sv, _ := strings.Cut(object, "/")
	lines := strings.Split(s.cli("show stat"), "\n")
	names := strings.Split(strings.TrimPrefix(lines[0], "# "), ",")
	for _, line := range lines[1:] {
		f := strings.Split(line, ",")
		if len(f) < 2 || f[0] != px || f[1] != sv {
			continue
		}
		for i, n := range names {
			if n == column {
				return f[i]
			}
		}
		s.Fatalf("no column %s", column)
	}
	s.Fatalf("no line %s in\n%s", object, strings.Join(lines, "\n"))
	return ""
}

// becomes waits until a column has a value.
func (s *subject) becomes(object, column, want string) {
	s.Helper()
	got := ""
	defer func() {
		if got != want {
			s.Logf("%s of %s is %q", column, object, got)
		}
	}()
	s.await(object+" "+column+" "+want, func() bool { got = s.stat(object, column); return got == want })
}
