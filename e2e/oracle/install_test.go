package oracle

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 30 * time.Second

// reference is the path of the reference; a test cannot go on without it.
func reference(t *testing.T) string {
	t.Helper()
	bin, err := Haproxy()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func TestReferenceVersion(t *testing.T) {
	out, err := exec.Command(reference(t), "-vv").CombinedOutput()
	if err != nil {
		t.Fatalf("haproxy -vv: %v\n%s", err, out)
	}
	if !regexp.MustCompile(`^HAProxy version 3\.2\.\d+`).Match(out) {
		t.Errorf("the reference is not 3.2: %q", strings.SplitN(string(out), "\n", 2)[0])
	}
	for _, feature := range []string{"+OPENSSL", "+PCRE2", "+LUA", "+PROMEX", "+LINUX_SPLICE"} {
		if !bytes.Contains(out, []byte(feature)) {
			t.Errorf("the reference lacks %s", feature)
		}
	}
}

// Running it again changes nothing and needs no network.
func TestInstallIsIdempotent(t *testing.T) {
	bin := reference(t)
	before, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("./install.sh").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("is installed")) {
		t.Fatalf("install.sh: %v\n%s", err, out)
	}
	after, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Error("install.sh replaced an installed reference")
	}
}

// The master re-executes itself by its own path, so that one reload proves that
// the binary needs no wrapper.
func TestReferenceReload(t *testing.T) {
	bin, dir := reference(t), t.TempDir()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	config, sock := filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "http")
	answer := func(body string) {
		text := "defaults\n mode http\n timeout client 5s\nfrontend f\n bind unix@" + sock +
			"\n http-request return status 200 content-type text/plain string " + body + "\n"
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	answer("first")
	var stderr bytes.Buffer
	master := exec.Command(bin, "-Ws", "-f", config) // -W that tells when it is ready
	master.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify.LocalAddr().String())
	master.Stderr = &stderr
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- master.Wait() }()
	defer func() {
		master.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			master.Process.Kill()
			t.Errorf("the master did not end at SIGTERM\n%s", &stderr)
		}
	}()

	awaitReady(t, notify)
	if got := fetch(t, sock); got != "first" {
		t.Fatalf("before the reload: %q", got)
	}
	answer("second")
	if err := master.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	awaitReady(t, notify)
	// Ready means that the new worker accepts, not that the old one has stopped to.
	for deadline := time.Now().Add(patience); ; {
		if got := fetch(t, sock); got == "second" {
			break
		} else if got != "first" || time.Now().After(deadline) {
			t.Fatalf("after the reload: %q", got)
		}
	}
}

// awaitReady reads sd_notify messages up to READY=1.
func awaitReady(t *testing.T, notify *net.UnixConn) {
	t.Helper()
	notify.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	for {
		n, err := notify.Read(buf)
		if err != nil {
			t.Fatalf("waiting for READY=1: %v", err)
		}
		for line := range strings.Lines(string(buf[:n])) {
			if strings.TrimSpace(line) == "READY=1" {
				return
			}
		}
	}
}

// fetch returns the body of / over the unix socket, on a connection of its own.
func fetch(t *testing.T, sock string) string {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", sock)
		},
	}}
	resp, err := client.Get("http://reference/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
