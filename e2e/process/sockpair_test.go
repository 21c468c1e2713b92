package process

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gohap/e2e/oracle"
)

// Both ends of a pair in one process: "front" passes its connections to "behind"
// over it. The descriptors are the first two that a child inherits.
const paired = `
global
    log %s local0
defaults
    mode http
    log global
    option httplog
    timeout client 5s
    timeout server 5s
    timeout connect 1s
frontend front
    bind 127.0.0.1:%d
    default_backend over
backend over
    server s sockpair@4
frontend behind
    bind sockpair@3 id 7
    log-format "behind %%ci:%%cp %%fi:%%fp %%HP"
    http-request return status 200 content-type text/plain lf-string "%%[path] by %%[so_id]"
`

// lines receives what is logged.
type lines struct{ *net.UDPConn }

func logs(t *testing.T) lines {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return lines{c}
}

// until reads lines up to one that holds a text.
func (l lines) until(t *testing.T, want string) {
	t.Helper()
	l.SetReadDeadline(time.Now().Add(5 * time.Second))
	var seen []string
	for {
		var p [2048]byte
		n, err := l.Read(p[:])
		if err != nil {
			t.Fatalf("no line with %q: %v\n%s", want, err, strings.Join(seen, ""))
		}
		seen = append(seen, string(p[:n])+"\n")
		if strings.Contains(string(p[:n]), want) {
			return
		}
	}
}

// inherit starts a program with descriptors from 3 on; the test keeps its own.
func inherit(t *testing.T, bin, cfg string, files ...*os.File) *oracle.Output {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pair.cfg")
	if err := os.WriteFile(path, []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	said := &oracle.Output{}
	cmd := exec.Command(bin, "-db", "-f", path)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = said, said, files
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return said
}

func pair(t *testing.T, kind int) (a, b *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// get asks until the program listens, then returns status and body.
func get(t *testing.T, port int, path string, said *oracle.Output) (int, string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			if time.Now().After(deadline) {
				t.Fatalf("it does not listen: %v\n%s", err, said)
			}
			continue
		}
		defer c.Close()
		return exchange(t, c, path)
	}
}

func exchange(t *testing.T, c net.Conn, path string) (int, string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nhost: x\r\n\r\n", path)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var b strings.Builder
	if _, err := bufio.NewReader(r.Body).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, b.String()
}

// both runs a test on the reference and on gohap.
func both(t *testing.T, f func(t *testing.T, bin string)) {
	reference, err := oracle.Haproxy()
	if err != nil {
		t.Fatal(err)
	}
	gohap, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("reference", func(t *testing.T) { f(t, reference) })
	t.Run("gohap", func(t *testing.T) { f(t, gohap) })
}

// TestSockpair: connections pass over a pair that one process has both ends of,
// others by whoever else holds an end, and what comes without a descriptor is
// nothing.
func TestSockpair(t *testing.T) {
	both(t, func(t *testing.T, bin string) {
		a, b := pair(t, unix.SOCK_STREAM)
		log, port := logs(t), oracle.FreePort(t)
		said := inherit(t, bin, fmt.Sprintf(paired, log.LocalAddr(), port), a, b)
		for i := range 3 {
			path := fmt.Sprintf("/%d", i)
			if status, body := get(t, port, path, said); status != 200 || body != path+" by 7" {
				t.Errorf("%d %q", status, body)
			}
			log.until(t, "behind unix:7 -:- "+path)
		}
		here, there := pair(t, unix.SOCK_STREAM)
		if err := unix.Sendmsg(int(b.Fd()), []byte("no descriptor"), nil, nil, 0); err != nil {
			t.Fatal(err)
		}
		if err := unix.Sendmsg(int(b.Fd()), []byte{0}, unix.UnixRights(int(there.Fd())), nil, 0); err != nil {
			t.Fatal(err)
		}
		there.Close()
		c, err := net.FileConn(here)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if status, body := exchange(t, c, "/own"); status != 200 || body != "/own by 7" {
			t.Errorf("passed by the test: %d %q", status, body)
		}
	})
}

// TestSockpairGone: a server whose other end is gone is a fault of this side: 500
// without another attempt, and IC in the log.
func TestSockpairGone(t *testing.T) {
	both(t, func(t *testing.T, bin string) {
		a, b := pair(t, unix.SOCK_STREAM)
		other, _ := pair(t, unix.SOCK_STREAM)
		a.Close()
		log, port := logs(t), oracle.FreePort(t)
		said := inherit(t, bin, fmt.Sprintf(paired, log.LocalAddr(), port), other, b)
		if status, _ := get(t, port, "/gone", said); status != 500 {
			t.Errorf("status %d", status)
		}
		log.until(t, " front over/s 0/0/-1/-1/")
	})
}

// TestSockpairRefused: descriptors that cannot be used are told with the line.
func TestSockpairRefused(t *testing.T) {
	both(t, func(t *testing.T, bin string) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		const head = "defaults\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nlisten l\n"
		for line, want := range map[string]string{
			"bind sockpair@3":        ":7] : 'bind' : cannot use file descriptor '3' : Socket operation on non-socket.",
			"bind sockpair@99":       ":7] : 'bind' : cannot use file descriptor '99' : Bad file descriptor.",
			"bind fd@99":             ":7] : 'bind' : cannot use file descriptor '99' : Bad file descriptor.",
			"bind sockpair@x":        ":7] : 'bind' : file descriptor 'x' is not a valid integer in 'sockpair@x'",
			"server s sockpair@3":    ":7] : 'server l/s' : cannot use file descriptor '3' : Socket operation on non-socket.",
			"server s sockpair@":     ":7] : 'server l/s' : file descriptor '' is not a valid integer in 'sockpair@'",
			"bind dgram+sockpair@99": ":7] : 'bind' : cannot use file descriptor '99' : Bad file descriptor.",
		} {
			path := filepath.Join(t.TempDir(), "bad.cfg")
			if err := os.WriteFile(path, []byte(head+"    "+line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(bin, "-c", "-f", path)
			cmd.ExtraFiles = []*os.File{r}
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), path+want) {
				t.Errorf("%s: %v, want %q in\n%s", line, cmd.ProcessState, want, out)
			}
		}
	})
}

// TestSockpairCommands: a command socket takes passed connections too.
func TestSockpairCommands(t *testing.T) {
	both(t, func(t *testing.T, bin string) {
		a, b := pair(t, unix.SOCK_STREAM)
		inherit(t, bin, fmt.Sprintf("global\n    stats socket sockpair@3 level admin\ndefaults\n    mode http\n    timeout client 1s\nfrontend f\n    bind 127.0.0.1:%d\n", oracle.FreePort(t)), a)
		here, there := pair(t, unix.SOCK_STREAM)
		if err := unix.Sendmsg(int(b.Fd()), []byte{0}, unix.UnixRights(int(there.Fd())), nil, 0); err != nil {
			t.Fatal(err)
		}
		there.Close()
		c, err := net.FileConn(here)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprint(c, "show cli level\n")
		got, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || got != "admin\n" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestOneDescriptorTwice: two lines on one descriptor are refused; the reference
// breaks down.
func TestOneDescriptorTwice(t *testing.T) {
	bin, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	a, _ := pair(t, unix.SOCK_STREAM)
	path := filepath.Join(t.TempDir(), "two.cfg")
	os.WriteFile(path, []byte("defaults\n    mode http\n    timeout client 1s\nfrontend f\n    bind sockpair@3\nfrontend g\n    bind sockpair@3\n"), 0o600)
	cmd := exec.Command(bin, "-db", "-f", path)
	cmd.ExtraFiles = []*os.File{a}
	out, _ := cmd.CombinedOutput()
	want := "Binding [" + path + ":7] for frontend g: the inherited descriptor 3 serves [" + path + ":5] already"
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); s.ExitStatus() != 1 || !strings.Contains(string(out), want) {
		t.Errorf("%v, want %q in\n%s", cmd.ProcessState, want, out)
	}
}
