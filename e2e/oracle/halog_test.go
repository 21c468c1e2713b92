package oracle

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// halogConfig makes one line of each kind that the log analyser tells apart.
const halogConfig = `
global
    nbthread 1
    log %s local0
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    retries 0
frontend web
    bind fd@3
    http-request deny if { path /denied }
    http-request redirect location /there if { path /moved }
    http-request return status 404 if { path /missing }
    use_backend down if { path /down }
    default_backend app
backend app
    server one 127.0.0.1:%[2]d
    server two 127.0.0.1:%[2]d
backend down
    server dead 127.0.0.1:1
`

// TestHalog gives the reference's own log analyser the lines of both programs:
// what it counts must be the same.
func TestHalog(t *testing.T) {
	reference, ours := Installed(t, Haproxy), Installed(t, Gohap)
	halog := filepath.Join(filepath.Dir(reference), "halog")
	if _, err := os.Stat(halog); err != nil {
		t.Skip("halog is not beside the reference, make deps installs both: ", err)
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go http.Serve(server, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "hello")
	}))
	port := server.Addr().(*net.TCPAddr).Port
	theirs, mine := logOf(t, reference, port), logOf(t, ours, port)
	for _, flags := range [][]string{{"-c"}, {"-st"}, {"-tc"}, {"-e", "-c"}, {"-hs", "500:599", "-c"}, {"-tcn", "--", "-c"}, {"-s", "2", "-c"}, {"-srv"}, {"-uc"}} {
		want, got := counts(t, halog, theirs, flags), counts(t, halog, mine, flags)
		if want == "" || got != want {
			t.Errorf("halog %s: %q, of the reference's lines %q\n%s", strings.Join(flags, " "), got, want, mine)
		}
	}
}

// logOf runs a program, has it answer some requests and returns its log as syslog
// writes it to a file.
func logOf(t *testing.T, bin string, port int) []byte {
	t.Helper()
	in, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	addr, fd := Inherit(t, "127.0.0.1")
	Start(t, bin, fmt.Sprintf(halogConfig, in.LocalAddr(), port), fd)
	client := &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true}}
	paths := []string{"/", "/a", "/a", "/denied", "/moved", "/missing", "/down", "/broken", "/b?c=d"}
	var log bytes.Buffer
	buf := make([]byte, 65536)
	for _, p := range paths {
		if r, err := client.Get("http://" + addr + p); err == nil {
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		in.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, _, err := in.ReadFrom(buf)
		if err != nil {
			t.Fatalf("%s: no line about %s: %v", bin, p, err)
		}
		// <134>Nov 29 12:00:00 tag[pid]: … — a syslog daemon names the host.
		line := string(buf[:n])
		line = strings.TrimSpace(line[strings.IndexByte(line, '>')+1:])
		if len(line) > 16 {
			log.WriteString(line[:16] + "host " + strings.Replace(line[16:], "gohap[", "haproxy[", 1) + "\n")
		}
	}
	return log.Bytes()
}

// counts are what halog says without the times.
func counts(t *testing.T, halog string, log []byte, flags []string) string {
	t.Helper()
	cmd := exec.Command(halog, append([]string{"-q"}, flags...)...)
	cmd.Stdin = bytes.NewReader(log)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("halog %v: %v", flags, err)
	}
	var b strings.Builder
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		words := strings.Fields(s.Text())
		switch flags[0] {
		case "-srv": // name, requests by class, …, then shares and times
			words = words[:min(len(words), 9)]
		case "-uc": // count, errors, times, URL
			if len(words) > 3 {
				words = []string{words[0], words[1], words[len(words)-1]}
			}
		}
		b.WriteString(strings.Join(words, " ") + "\n")
	}
	return b.String()
}
