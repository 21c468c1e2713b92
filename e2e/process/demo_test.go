package process

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// TestDemo holds what a newcomer sees first: a fleet, addresses to try, requests that
// are answered, a configuration that changes, a limit that counts across nodes, where
// to look, and that Ctrl-C ends it without leaving anything.
func TestDemo(t *testing.T) {
	bin, err := oracle.Gohap()
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	n := &node{t: t, done: make(chan error, 1)}
	n.cmd = exec.Command(bin, "demo")
	n.cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.cmd.Process.Kill() })
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C ends it") {
		said.WriteString(lines.Text() + "\n")
	}
	if !strings.HasPrefix(lines.Text(), "Ctrl-C ends it") {
		t.Fatalf("it ended before it was ready:\n%s", &said)
	}
	url := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`).FindStringSubmatch(said.String())
	socket := regexp.MustCompile(`stdio (\S+)`).FindStringSubmatch(said.String())
	if url == nil || socket == nil || !regexp.MustCompile(`GET \S+/ +200 `).MatchString(said.String()) {
		t.Fatalf("no address, no socket or no answered request in\n%s", &said)
	}
	// A fleet, a configuration that all three serve, a limit that counts across them.
	for want, times := range map[string]int{`Healthy: 3 nodes serve generation 1\.`: 1, `/new +200  generation 2`: 3, `/limited +200`: 5, `/limited +429`: 2} {
		if n := len(regexp.MustCompile(want).FindAllString(said.String(), -1)); n != times {
			t.Errorf("%d times %s in\n%s", n, want, &said)
		}
	}
	c, err := net.Dial("tcp", url[1])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := ask(c, "/"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("%s answers %q, %v", url[0], got, err)
	}
	if got := command(t, socket[1], "show info"); !strings.HasPrefix(got, "Name: gohap\n") {
		t.Errorf("show info: %q", got)
	}
	n.cmd.Process.Signal(syscall.SIGINT)
	go func() {
		for lines.Scan() { // or it would wait for room in the pipe
		}
		n.done <- n.cmd.Wait()
	}()
	if got := n.end(15 * time.Second); got != "exit 0" {
		t.Errorf("Ctrl-C: %s", got)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
}

// command sends one command to a command socket and returns the answer.
func command(t *testing.T, path, text string) string {
	t.Helper()
	answer, err := oracle.Command(path, text)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
