package process

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// reloadConfig is a configuration that everything stands in the way of: loops come
// and go, the process shuts itself in and is nobody, the key is its owner's alone.
const reloadConfig = `
global
    nbthread %[1]d
    %[2]s
defaults
    mode http
    timeout client 5m
    timeout server 5m
    timeout connect 5s
frontend web
    bind 127.0.0.1:%[3]d
    bind 127.0.0.1:%[4]d ssl crt %[5]s
    %[8]s
    http-request return status 200 content-type text/plain string "%[1]d"
listen tunnel
    mode tcp
    bind 127.0.0.1:%[6]d
    server s 127.0.0.1:%[7]d
`

// reloaded is a master with traffic on it.
type reloaded struct {
	t       *testing.T
	cmd     *exec.Cmd
	config  string
	words   string // confinement
	ports   [3]int // HTTP, HTTPS, tunnels
	low     int    // a privileged port that comes with a reload, zero for none
	echo    int
	key     string
	said    *oracle.Output
	asked   atomic.Int64
	mu      sync.Mutex // guards failed
	failed  []string
	stop    chan struct{}
	clients sync.WaitGroup
}

// TestReload: reloads with more and fewer loops, chroot, another user, keys of mode 0600
// and a port that only root may have cost no connection: none is refused, reset or cut.
func TestReload(t *testing.T) {
	r := &reloaded{t: t, said: &oracle.Output{}, stop: make(chan struct{})}
	r.prepare()
	r.start()
	tunnels := r.tunnels(*open)
	for range *clients {
		r.clients.Go(func() { r.ask(false) })
		r.clients.Go(func() { r.ask(true) })
	}
	began := time.Now()
	for i, loops := range []int{1, 3, 2, 4, 1, 2} {
		r.write(loops)
		if i == 1 && r.words != "" {
			r.low = lowPort(t)
			r.write(loops)
		}
		if err := r.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		r.serves(loops)
		if r.low != 0 {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.low))
			if err != nil {
				t.Fatalf("nobody listens at the new port %d: %v\n%s", r.low, err, r.said)
			}
			c.Close()
		}
		if i == 2 {
			r.exchange(tunnels, "half-way")
		}
	}
	r.exchange(tunnels, "at the end")
	close(r.stop)
	r.clients.Wait()
	for _, c := range tunnels {
		c.Close()
	}
	t.Logf("%d connections during 6 reloads, %.0f a second, %d tunnels through all of them", r.asked.Load(), float64(r.asked.Load())/time.Since(began).Seconds(), len(tunnels))
	if len(r.failed) > 0 {
		t.Errorf("%d failed, the first: %s\n%s", len(r.failed), r.failed[0], r.said)
	}
	if r.asked.Load() < int64(*clients) {
		t.Error("hardly anything was asked: the test shows nothing")
	}
}

// prepare makes the key, the folder to be shut into and the server of the tunnels.
func (r *reloaded) prepare() {
	dir := r.t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	r.config, r.key = filepath.Join(dir, "node.cfg"), oracle.Certificate(r.t, "x", key)
	if os.Geteuid() == 0 {
		if u, err := user.Lookup("nobody"); err == nil {
			jail := filepath.Join(dir, "jail")
			if err := os.Mkdir(jail, 0o755); err != nil {
				r.t.Fatal(err)
			}
			r.words = fmt.Sprintf("chroot %s\n    uid %s\n    gid %s", jail, u.Uid, u.Gid)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { l.Close() })
	r.echo = l.Addr().(*net.TCPAddr).Port
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) // without pipes, two descriptors each
		}
	}()
	for i := range r.ports {
		r.ports[i] = oracle.FreePort(r.t)
	}
}

func (r *reloaded) write(loops int) {
	more := ""
	if r.low != 0 {
		more = fmt.Sprintf("bind 127.0.0.1:%d", r.low)
	}
	text := fmt.Sprintf(reloadConfig, loops, r.words, r.ports[0], r.ports[1], r.key, r.ports[2], r.echo, more)
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reloaded) start() {
	bin, err := oracle.Gohap()
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(2)
	r.cmd = exec.Command(bin, "-W", "-f", r.config)
	r.cmd.Stdout, r.cmd.Stderr = r.said, r.said
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.cmd.Wait() }()
	r.t.Cleanup(func() {
		r.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			r.cmd.Process.Kill()
			r.t.Errorf("the master does not end\n%s", r.said)
		}
	})
	r.serves(2)
}

// serves waits until the configuration with that many loops answers, and the
// former one no more.
func (r *reloaded) serves(loops int) {
	r.t.Helper()
	want := fmt.Sprintf("\r\n\r\n%d", loops)
	deadline := time.Now().Add(20 * time.Second)
	for in := 0; in < 8; {
		answer, err := r.once(false)
		if err == nil && strings.HasSuffix(answer, want) {
			in++
			continue
		}
		in = 0
		if time.Now().After(deadline) {
			r.t.Fatalf("no answer of %d loops: %q, %v\n%s", loops, answer, err, r.said)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// lowPort returns a free port below 1024.
func lowPort(t *testing.T) int {
	for port := 1023; port > 600; port-- {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port below 1024 is free")
	return 0
}

// once makes one connection with one request.
func (r *reloaded) once(over bool) (string, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.ports[map[bool]int{true: 1}[over]]))
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if over {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	return string(answer), err
}

// ask makes connections until the end.
func (r *reloaded) ask(over bool) {
	for {
		select {
		case <-r.stop:
			return
		case <-time.After(pause):
		}
		answer, err := r.once(over)
		if err == nil && !strings.HasPrefix(answer, "HTTP/1.1 200") {
			err = errors.New("no answer: " + answer)
		}
		if err != nil {
			r.mu.Lock()
			r.failed = append(r.failed, err.Error())
			r.mu.Unlock()
		}
		r.asked.Add(1)
	}
}

// tunnels opens connections that stay.
func (r *reloaded) tunnels(n int) []net.Conn {
	var all []net.Conn
	for range n {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.ports[2]))
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, c)
	}
	r.exchange(all, "at the beginning")
	return all
}

// exchange sends a few bytes through each tunnel and expects them back.
func (r *reloaded) exchange(all []net.Conn, when string) {
	r.t.Helper()
	for i, c := range all {
		text := []byte(fmt.Sprintf("%d %s", i, when))
		got := make([]byte, len(text))
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write(text); err != nil {
			r.t.Fatalf("tunnel %d %s: %v\n%s", i, when, err, r.said)
		}
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, text) {
			r.t.Fatalf("tunnel %d %s: %q, %v\n%s", i, when, got, err, r.said)
		}
	}
}
