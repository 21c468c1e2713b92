package h1

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var recordWith = flag.String("record", "", "rewrite the scripts' expectations with this haproxy binary")
var recordScripts = flag.String("scripts", "testdata/*.txt", "the scripts to rewrite")

// confs are the option lines of the proxies that a case may name: the first of
// each pair goes into the frontend, the second into the backend.
var confs = map[string][2]string{
	"plain":                {"", ""},
	"relaxed":              {"option accept-unsafe-violations-in-http-request", "option accept-unsafe-violations-in-http-response"},
	"fe-close":             {"option httpclose", ""},
	"fe-sclose":            {"option http-server-close", ""},
	"be-close":             {"", "option httpclose"},
	"be-sclose":            {"", "option http-server-close"},
	"be-pretend":           {"", "option http-pretend-keepalive"},
	"fe-close-be-close":    {"option httpclose", "option httpclose"},
	"fe-close-be-sclose":   {"option httpclose", "option http-server-close"},
	"fe-sclose-be-close":   {"option http-server-close", "option httpclose"},
	"fe-close-be-pretend":  {"option httpclose", "option http-pretend-keepalive"},
	"fe-sclose-be-pretend": {"option http-server-close", "option http-pretend-keepalive"},
	"be-close-pretend":     {"", "option httpclose\n\toption http-pretend-keepalive"},
	"be-sclose-pretend":    {"", "option http-server-close\n\toption http-pretend-keepalive"},
	"rules-te":             {"http-request set-header x-te [%[req.fhdr(te)]]", ""},
	"relaxed-rules":        {"option accept-unsafe-violations-in-http-request\n\thttp-request set-header x-n [%[req.hdr_names]]", ""},
	"res-rules":            {"http-response set-header x-conn [%[res.fhdr(connection)]]\n\thttp-response set-header x-len [%[res.fhdr(content-length)]]\n\thttp-response set-header x-ver [%[res.ver]]", ""},
	"rules":                {"http-request set-header x-conn [%[req.fhdr(connection)]]\n\thttp-request set-header x-up [%[req.fhdr(upgrade)]]\n\thttp-request set-header x-host [%[req.fhdr(host)]]\n\thttp-request set-header x-len [%[req.fhdr(content-length)]]\n\thttp-request set-header x-te [%[req.fhdr(transfer-encoding)]]\n\thttp-request set-header x-url [%[url]]\n\thttp-request set-header x-path [%[path]]\n\thttp-request set-header x-ver [%[req.ver]]", ""},
}

// reference is a running haproxy with one frontend and backend for each conf.
type reference struct {
	t      *testing.T
	dir    string
	logs   *net.UnixConn
	server net.Listener
	conns  chan net.Conn
	// lastEvent is the number of the last error that show errors told about.
	lastEvent int
}

func startReference(t *testing.T, binary string) *reference {
	dir, err := os.MkdirTemp("/tmp", "h1ref")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &reference{t: t, dir: dir, conns: make(chan net.Conn, 16), lastEvent: -1}
	r.logs, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/log", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	r.server, err = net.Listen("unix", dir+"/server")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := r.server.Accept()
			if err != nil {
				return
			}
			r.conns <- c
		}
	}()
	// The sockets are made here and inherited, so a connect succeeds at once.
	cmd := exec.Command(binary, "-db", "-f", dir+"/cfg")
	cmd.Stderr = os.Stderr
	inherit := func(name string) string {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/" + name, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		return fmt.Sprintf("fd@%d", 2+len(cmd.ExtraFiles))
	}
	var cfg bytes.Buffer
	fmt.Fprintf(&cfg, "global\n\tlog %s/log local0\n\tstats socket %s level admin\ndefaults\n\tmode http\n\tlog global\n", dir, inherit("cli"))
	fmt.Fprintf(&cfg, "\ttimeout client 5s\n\ttimeout server 5s\n\ttimeout connect 5s\n\tlog-format \"%%ST %%ts\"\n\tretries 0\n")
	for name, c := range confs {
		fmt.Fprintf(&cfg, "frontend %s\n\tbind %s\n\t%s\n\tdefault_backend b-%s\n", name, inherit(name+".sock"), c[0], name)
		fmt.Fprintf(&cfg, "backend b-%s\n\thttp-reuse never\n\t%s\n\tserver s unix@%s/server\n", name, c[1], dir)
	}
	if err := os.WriteFile(dir+"/cfg", cfg.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); r.server.Close(); r.logs.Close() })
	r.cli("show info") // answers once it runs
	return r
}

// collect reads until the peer is silent for d; closed tells whether it closed.
func collect(c net.Conn, d time.Duration) (got []byte, closed bool) {
	buf := make([]byte, 1<<16)
	for {
		c.SetReadDeadline(time.Now().Add(d))
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err == io.EOF {
			return got, true
		} else if err != nil {
			return got, !os.IsTimeout(err)
		}
	}
}

var (
	errorAt     = regexp.MustCompile(`error at position (\d+)`)
	eventNumber = regexp.MustCompile(`event #(\d+)`)
)

func (r *reference) cli(command string) string {
	c, err := net.Dial("unix", r.dir+"/cli")
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintln(c, command)
	b, _ := io.ReadAll(bufio.NewReader(c))
	return string(b)
}

// where asks the reference for the position of the error that it met last, if
// that is a new one.
func (r *reference) where() string {
	out := r.cli("show errors")
	at := errorAt.FindAllStringSubmatch(out, -1)
	newest := ""
	for i, event := range eventNumber.FindAllStringSubmatch(out, -1) {
		if n, _ := strconv.Atoi(event[1]); n > r.lastEvent && i < len(at) {
			r.lastEvent, newest = n, " @"+at[i][1]
		}
	}
	return newest
}

// logLine returns the next log line's text, "" when none comes in time.
func (r *reference) logLine(d time.Duration) string {
	buf := make([]byte, 4096)
	r.logs.SetReadDeadline(time.Now().Add(d))
	n, err := r.logs.Read(buf)
	if err != nil {
		return ""
	}
	_, l, _ := strings.Cut(string(buf[:n]), "]: ")
	return strings.TrimSpace(l)
}

const settle = 40 * time.Millisecond

// run plays one case and returns its expectation lines.
func (r *reference) run(c *scriptCase) []string {
	for r.logLine(time.Millisecond) != "" {
	}
	client, err := net.Dial("unix", r.dir+"/"+c.conf+".sock")
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	request := c.client
	if c.server != "" && request == "" {
		request = "GET / HTTP/1.1\r\nhost: x\r\n\r\n"
	}
	if _, err := client.Write([]byte(request)); err != nil {
		r.t.Fatal(err)
	}
	var server net.Conn
	select {
	case server = <-r.conns:
		defer server.Close()
	case <-time.After(settle):
	}
	switch {
	case server == nil:
		return r.refused(client)
	case c.server == "":
		return r.atServer(server)
	}
	collect(server, settle) // the request is not what the case is about
	return r.atClient(client, server, c.server)
}

// refused tells how a request ended that reached no server.
func (r *reference) refused(client net.Conn) []string {
	got, closed := collect(client, settle)
	if !closed && len(got) == 0 {
		return []string{"..."}
	}
	code, _, _ := strings.Cut(r.logLine(settle), " ")
	line := "! " + code + r.where()
	if len(got) == 0 {
		line += " nothing sent"
	}
	return []string{line}
}

// atServer tells what the server got.
func (r *reference) atServer(server net.Conn) []string {
	got, closed := collect(server, settle)
	out := quoteLines("=", string(got))
	if l := r.logLine(time.Millisecond); l != "" {
		code, _, _ := strings.Cut(l, " ")
		return append(out, "! "+code+r.where())
	}
	if closed {
		out = append(out, "! closed")
	}
	return out
}

// atClient answers and tells what the client got and who was closed.
func (r *reference) atClient(client, server net.Conn, answer string) []string {
	text, closing := strings.CutSuffix(answer, "\x00EOF")
	server.Write([]byte(text))
	if closing {
		server.Close()
	}
	got, closed := collect(client, settle)
	code, state, _ := strings.Cut(r.logLine(time.Millisecond), " ")
	bad := state != "" && state != "--"
	if bad && code == "502" {
		return []string{"! 502" + r.where()}
	}
	if len(got) == 0 && !closed {
		return []string{"..."}
	}
	out := quoteLines("=", string(got))
	if closed {
		out = append(out, `= \x00EOF`)
	}
	if bad {
		out = append(out, "! "+state+r.where())
	}
	if !closing {
		if rest, gone := collect(server, time.Millisecond); gone {
			out = append(out, "! server connection closed")
		} else if len(rest) > 0 {
			out = append(out, quoteLines("! server got", string(rest))...)
		}
	}
	return out
}

// TestRecord rewrites the scripts' expectations with what the reference does:
//
//	go test ./lbcore/h1 -run TestRecord -record e2e/oracle/haproxy/usr/sbin/haproxy -timeout 20m
//
// Without -record it only proves that the scripts are in the form that it writes.
func TestRecord(t *testing.T) {
	paths, _ := filepath.Glob(*recordScripts)
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		cases := readScript(t, p)
		if *recordWith != "" {
			r := startReference(t, *recordWith)
			for _, c := range cases {
				c.want = r.run(c)
			}
		}
		out := writeScript(string(text), cases)
		if *recordWith == "" {
			if out != string(text) {
				t.Errorf("%s: not in the form that TestRecord writes", p)
			}
			continue
		}
		if err := os.WriteFile(p, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// writeScript puts the cases back into the script, each as its input lines, its
// expectations and an empty line; what stands before the first case and remarks
// between two cases stay.
func writeScript(text string, cases []*scriptCase) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	var out, tail []string
	at := 0
	for i := range lines {
		if at < len(cases) && cases[at].line == i+1 {
			out = append(out, tail...)
			c := cases[at]
			at++
			out = append(out, c.input...)
			out = append(out, c.want...)
			out = append(out, "")
			tail = nil
			continue
		}
		if at == 0 {
			out = append(out, lines[i])
		} else if strings.HasPrefix(lines[i], "# ") && i > 0 && lines[i-1] == "" {
			tail = append(tail, lines[i], "")
		}
	}
	return strings.TrimRight(strings.Join(append(out, tail...), "\n"), "\n") + "\n"
}
