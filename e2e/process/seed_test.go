package process

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// TestSeed runs the example that started the project, whole: its addresses, user,
// group and folders are replaced, all else is as readers have it on disk.
func TestSeed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("run as root, nothing to install: the example changes its root and its user")
	}
	dir := t.TempDir()
	root, pidFile, socket := filepath.Join(dir, "root"), filepath.Join(dir, "pid"), filepath.Join(dir, "cli")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	lines, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	main, proxied, page := oracle.FreePort(t), oracle.FreePort(t), oracle.FreePort(t)
	change := []string{
		"127.0.0.1 local2", lines.LocalAddr().String() + " local2",
		"/var/lib/haproxy", root, "/var/run/haproxy.pid", pidFile, "/var/run/haproxy.sock", socket,
		"user        haproxy", "user        nobody", "group       haproxy", "group       nogroup",
		"*:5000", fmt.Sprintf("127.0.0.1:%d", main),
		"192.168.1.201:80", fmt.Sprintf("127.0.0.1:%d", proxied), "192.144.35.35:85", fmt.Sprintf("127.0.0.1:%d", page),
		"127.0.0.1:4331", named(t, "static"),
	}
	for i := 1; i <= 4; i++ {
		change = append(change, fmt.Sprintf("127.0.0.1:500%d", i), named(t, fmt.Sprintf("app%d", i)))
	}
	for i := 1; i <= 3; i++ {
		change = append(change, fmt.Sprintf("192.168.1.10%d:80", i), named(t, fmt.Sprintf("server-0%d", i)))
	}
	text, err := os.ReadFile("../testdata/seed.cfg")
	if err != nil {
		t.Fatal(err)
	}
	cfg := filepath.Join(dir, "seed.cfg")
	if err := os.WriteFile(cfg, []byte(strings.NewReplacer(change...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(oracle.Installed(t, oracle.Gohap), "-f", cfg).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	stop := daemonOf(t, pidFile)
	defer stop()
	if !oracle.Eventually(seedPatience, func() bool { return strings.Count(statsOf(socket), ",UP,") >= 8+4 }) {
		t.Errorf("not all servers are up:\n%s", statsOf(socket))
	}
	seedTraffic(t, main, proxied)
	seedPage(t, page)
	seedLog(t, lines)
}

// seedPatience is how long what must come is waited for.
const seedPatience = 15 * time.Second

// statsOf returns the statistics, nothing while nobody answers.
func statsOf(socket string) string {
	said, err := oracle.Command(socket, "show stat")
	if err != nil {
		return ""
	}
	return said
}

// named starts a server that answers with its name, and returns its address.
func named(t *testing.T, name string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// daemonOf returns what ends the process that a pid file names.
func daemonOf(t *testing.T, file string) (stop func()) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		t.Fatalf("the pid file says %q", text)
	}
	return func() {
		_ = syscall.Kill(pid, syscall.SIGTERM)
		oracle.Eventually(seedPatience, func() bool { return syscall.Kill(pid, 0) != nil })
	}
}

// fetched returns status and body of a request with or without credentials.
func fetched(t *testing.T, url, user, password string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// seedTraffic: paths go where the ACLs say, servers take turns.
func seedTraffic(t *testing.T, main, proxied int) {
	t.Helper()
	for _, path := range []string{"/static/x", "/IMAGES/x", "/a.css", "/b.JPG"} {
		if _, body := fetched(t, fmt.Sprintf("http://127.0.0.1:%d%s", main, path), "", ""); body != "static" {
			t.Errorf("%s was served by %s", path, body)
		}
	}
	for port, servers := range map[int]int{main: 4, proxied: 3} {
		got := map[string]int{}
		for range 3 * servers {
			_, body := fetched(t, fmt.Sprintf("http://127.0.0.1:%d/other", port), "", "")
			got[body]++
		}
		if len(got) != servers {
			t.Errorf("%d servers served: %v", len(got), got)
		}
		for name, n := range got {
			if n != 3 {
				t.Errorf("%s served %d requests of %d", name, n, 3*servers)
			}
		}
	}
}

// seedPage: the statistics page wants its password and shows what it says.
func seedPage(t *testing.T, port int) {
	t.Helper()
	url := fmt.Sprintf("http://127.0.0.1:%d/status", port)
	if status, _ := fetched(t, url, "", ""); status != 401 {
		t.Errorf("without a password: status %d", status)
	}
	if status, _ := fetched(t, url, "monitor", "wrong"); status != 401 {
		t.Errorf("with a wrong password: status %d", status)
	}
	status, body := fetched(t, url, "monitor", "foobar")
	for _, want := range []string{"stats_auth", "Node for Europe"} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("status %d, no %q on the page", status, want)
		}
	}
	if strings.Contains(body, "app1") || strings.Contains(body, "3.2.0") { // stats scope ., stats hide-version
		t.Error("the page shows other proxies, or a version")
	}
}

// seedLog: requests are logged with frontend, backend and server.
func seedLog(t *testing.T, lines net.PacketConn) {
	t.Helper()
	b := make([]byte, 65536)
	for range 200 {
		_ = lines.SetReadDeadline(time.Now().Add(seedPatience))
		n, _, err := lines.ReadFrom(b)
		if err != nil {
			t.Fatal("no line of the request for /a.css: ", err)
		}
		if line := string(b[:n]); strings.Contains(line, " main static/static ") && strings.Contains(line, `"GET /a.css HTTP/1.1"`) {
			return
		}
	}
	t.Error("no line of the request for /a.css")
}
