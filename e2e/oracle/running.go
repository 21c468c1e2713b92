package oracle

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Installed returns the binary that find (Haproxy or Gohap) names; without one
// the test is skipped and says what to install.
func Installed(t testing.TB, find func() (string, error)) string {
	t.Helper()
	bin, err := find()
	if err != nil {
		t.Skip(err)
	}
	return bin
}

// Running is a program that Start or Launch started.
type Running struct {
	Cmd   *exec.Cmd
	Ended chan struct{} // closed once it has
	Said  Output
}

// Start runs "bin -db" with text as its configuration until the test's end.
// files are its descriptors from 3 on, for "bind fd@3", and are closed here: who
// waits for a program that ended sees that.
func Start(t testing.TB, bin, text string, files ...*os.File) *Running {
	t.Helper()
	cfg := filepath.Join(t.TempDir(), "cfg")
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &Running{Cmd: exec.Command(bin, "-db", "-f", cfg)}
	r.Cmd.Stderr = &r.Said
	r.start(t, files)
	return r
}

// Launch runs a command until the test's end; all that it writes is in Said. files are
// as those of Start.
func Launch(t testing.TB, cmd *exec.Cmd, files ...*os.File) *Running {
	t.Helper()
	r := &Running{Cmd: cmd}
	cmd.Stdout, cmd.Stderr = &r.Said, &r.Said
	r.start(t, files)
	return r
}

func (r *Running) start(t testing.TB, files []*os.File) {
	t.Helper()
	r.Ended, r.Cmd.ExtraFiles = make(chan struct{}), files
	if err := r.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, fd := range files {
		_ = fd.Close() // Inherit closes again
	}
	go func() { _ = r.Cmd.Wait(); close(r.Ended) }()
	t.Cleanup(func() { r.Stop() })
}

// Stop ends the program at once and returns what it wrote: of one that Start started
// what it wrote to standard error.
func (r *Running) Stop() string {
	_ = r.Cmd.Process.Kill() // or it has ended already
	<-r.Ended
	return r.Said.String()
}

// Inherit listens on a free port of ip and returns the address and a descriptor
// for Start: a connect succeeds before the program runs.
func Inherit(t testing.TB, ip string) (addr string, fd *os.File) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if fd, err = l.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fd.Close() })
	return l.Addr().String(), fd
}

// Serve listens on a free port of ip until the test's end. Each connection is handed
// to f on a goroutine of its own, and closed then.
func Serve(t testing.TB, ip string, f func(c net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { f(c); c.Close() }()
		}
	}()
	return l.Addr().String()
}

// WriteMessage writes an HTTP message whose head has plain line ends and whose body
// stands behind an empty line, with more fields.
func WriteMessage(c net.Conn, text string, more ...string) {
	head, body, _ := strings.Cut(text, "\n\n")
	head = strings.Join(append([]string{head}, more...), "\n")
	_, _ = c.Write([]byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body)) // who reads the answer sees a failure
}

// Dial connects to what a Running serves, for twenty seconds and the test's end at
// the most.
func Dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// masks hide what differs from run to run in messages.
var masks = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`(?m)^(\[\w+\] +)\(\d+\) `), "$1(PID) "},
	{regexp.MustCompile(`(haproxy version is|path to executable is) .*`), "$1 …"},
}

// Mask hides process number, version and path in messages.
func Mask(text []byte) string {
	for _, m := range masks {
		text = m.re.ReplaceAll(text, []byte(m.by))
	}
	return string(text)
}

// Messages returns what the reference says, masked, when it checks dir's file
// name with env as its whole environment; ok is false where it is not installed.
func Messages(t testing.TB, dir, name string, env []string) (text string, ok bool) {
	t.Helper()
	if _, err := Haproxy(); err != nil {
		return "", false
	}
	stderr, _ := Ask(t, dir, env, "-c", "-f", name)
	return Mask(stderr), true
}

// Ask runs the reference with arguments, in dir, to its end; env is its whole
// environment, nil the test's own. Where it is not installed the test is skipped.
func Ask(t testing.TB, dir string, env []string, args ...string) (stderr []byte, exit int) {
	t.Helper()
	cmd := exec.Command(Installed(t, Haproxy), args...)
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, &out
	var failed *exec.ExitError
	if err := cmd.Run(); errors.As(err, &failed) {
		return out.Bytes(), failed.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), 0
}
