//go:build soak

package process

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// TestMillionEntryMap: a map of a million entries is loaded in seconds, and
// loops whose requests look into it take no long turn while a command adds 1,000
// entries a second.
func TestMillionEntryMap(t *testing.T) {
	socket, front, list := millionEntries(t)
	moves(t, 12, socket, front, entryOf, func(round int, stop chan struct{}) string {
		added := addEntries(t, socket, list, round, stop)
		if added < 800 {
			t.Errorf("only %d entries were added in a second", added)
		}
		return fmt.Sprintf("%d entries added", added)
	})
}

// millionEntries starts a program with a map of a million entries, which entryOf asks.
func millionEntries(t *testing.T) (socket, addr, list string) {
	t.Helper()
	bin := oracle.Installed(t, oracle.Gohap)
	dir := t.TempDir()
	var text strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "/key%d value%d\n", i, i)
	}
	list, socket = filepath.Join(dir, "map"), filepath.Join(dir, "cli")
	if err := os.WriteFile(list, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	port := oracle.FreePort(t)
	began := time.Now()
	oracle.Start(t, bin, fmt.Sprintf(`
global
 stats socket %s level admin
defaults
 mode http
 timeout connect 5s
 timeout client 60s
 timeout server 5s
frontend f
 bind 127.0.0.1:%d
 http-request return status 200 content-type text/plain lf-string "%%[path,map(%s,none)]"
`, socket, port, list))
	if !oracle.Eventually(patience, func() bool { return answer(socket, "show version") != "" }) {
		t.Fatalf("not loaded within %v", patience)
	}
	t.Logf("serves after %v", time.Since(began).Round(time.Millisecond))
	return socket, fmt.Sprintf("127.0.0.1:%d", port), list
}

func entryOf(n int) (path, want string) {
	n %= 1_000_000
	return fmt.Sprintf("/key%d", n), fmt.Sprintf("value%d", n)
}

// addEntries adds 1,000 entries a second over one connection until stop closes.
func addEntries(t *testing.T, socket, list string, round int, stop chan struct{}) (n int) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	r := bufio.NewReader(c)
	fmt.Fprint(c, "prompt i\n")
	for start := time.Now(); ; n++ {
		select {
		case <-stop:
			return n
		case <-time.After(time.Until(start.Add(time.Duration(n) * time.Millisecond))):
		}
		fmt.Fprintf(c, "add map %s /new%d-%d v\n", list, round, n)
		if line, err := r.ReadString('\n'); err != nil || strings.TrimSpace(line) != "" {
			t.Errorf("add map: %q, %v", line, err)
			return n
		}
	}
}
