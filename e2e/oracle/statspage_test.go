package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// pageConf has an object of each kind and each state that does not depend on time.
// Its first server is checked: the reference tells the type of a counter that the
// first object does not have as gauge.
const pageConf = `global
	nbthread 1
	maxconn 2000
	node thisnode
	description "one of two"
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
listen page
	bind fd@3 name inherited
	description "the page & more"
	option socket-stats
	stats uri /st
	stats show-legends
	stats show-node
	stats refresh 5s
	stats admin if TRUE
	http-request use-service prometheus-exporter if { path /metrics }
	cookie SRV insert
	server checked 127.0.0.1:9 check inter 1h fall 1 agent-check agent-port 9 agent-inter 1h
	server nocheck 127.0.0.1:9 weight 3 cookie "a&b"
	server maint 127.0.0.1:9 backup disabled
	server tracks 127.0.0.1:9 track page/checked maxconn 5 maxqueue 3
	server nocheck6 [::1]:9
	server unix unix@/nowhere
listen bytes
	mode tcp
	bind fd@4
	server t1 127.0.0.1:9 weight 0
	server t2 127.0.0.1:9 backup
frontend fe
	bind fd@5
	maxconn 123456
	rate-limit sessions 50
	default_backend empty
backend empty
	balance leastconn
backend off
	server s 127.0.0.1:9 disabled
`

// statistics is a program with pageConf.
type statistics struct{ addr string }

func startStatistics(t *testing.T, bin string) *statistics {
	t.Helper()
	addr, fd := Inherit(t, "127.0.0.1")
	_, other := Inherit(t, "127.0.0.1")
	_, third := Inherit(t, "127.0.0.1")
	Start(t, bin, pageConf, fd, other, third)
	return &statistics{addr: addr}
}

// get returns the body of an answer.
func (s *statistics) get(t *testing.T, path string) string {
	t.Helper()
	c := http.Client{Timeout: patience}
	res, err := c.Get("http://" + s.addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// settled waits until the first checks are over.
func (s *statistics) settled(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; pause(20 * time.Millisecond) {
		text := s.get(t, "/metrics?scope=server")
		if strings.Contains(text, `haproxy_server_check_status{proxy="page",server="checked",state="L4CON"} 1`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the checks are never over:\n%s", text)
		}
	}
}

func bothStatistics(t *testing.T) (ref, ours *statistics) {
	t.Helper()
	bin, err := Gohap()
	if err != nil {
		t.Fatal(err)
	}
	ref, ours = startStatistics(t, reference(t)), startStatistics(t, bin)
	ref.settled(t)
	ours.settled(t)
	return ref, ours
}

// ownVersion and values are what may differ in the exporter's output.
var (
	values     = regexp.MustCompile(`(?m)^([^#].*) \S+$`)
	ownVersion = regexp.MustCompile(`version="[^"]*"`)
)

// The exporter's names, types, help texts and labels are the reference's, in the
// same order, whatever the query asks for.
func TestExporter(t *testing.T) {
	ref, ours := bothStatistics(t)
	// The reference makes a resolver of its own from /etc/resolv.conf.
	const all = "scope=global&scope=frontend&scope=listener&scope=backend&scope=server&scope=sticktable"
	for _, query := range []string{
		all, all + "&no-maint", all + "&desc-labels", "scope=", "scope=server&scope=global", "scope=listener",
		"metrics=haproxy_server_weight,haproxy_process_nbproc,none", all + "&metrics=-haproxy_server_status,-haproxy_process_node",
		"metrics=haproxy_server_status&metrics=-haproxy_server_status", "scope=x", "scope", "metrics", "a=%zz", "scope=global%00",
		"%73cope=global&&x=y", "scope=server;scope=global", "metrics=haproxy_frontend_ssl_sess&extra-counters",
	} {
		want, got := maskMetrics(ref.get(t, "/metrics?"+query)), maskMetrics(ours.get(t, "/metrics?"+query))
		if d := firstDifference(want, got); d != "" {
			t.Errorf("%s: %s", query, d)
		}
	}
}

// Values that nothing has changed yet are the reference's too.
func TestExporterValues(t *testing.T) {
	ref, ours := bothStatistics(t)
	for _, name := range []string{"backend_limit_sessions", "frontend_limit_sessions", "frontend_limit_session_rate", "listener_limit_sessions",
		"server_limit_sessions", "server_queue_limit", "server_weight", "server_uweight", "backend_weight", "backend_uweight", "backend_active_servers",
		"backend_backup_servers", "server_active", "server_backup", "server_status", "backend_status", "frontend_status", "listener_status",
		"backend_agg_server_status", "backend_agg_check_status", "server_check_status", "server_check_code", "server_check_failures_total",
		"server_check_up_down_total", "server_current_throttle", "server_last_session_seconds", "server_idle_connections_limit",
		"server_http_responses_total", "server_response_time_average_seconds", "process_max_connections", "process_node", "process_nbthread"} {
		query := "/metrics?metrics=haproxy_" + name
		if d := firstDifference(ref.get(t, query), ours.get(t, query)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func maskMetrics(text string) string {
	return ownVersion.ReplaceAllString(values.ReplaceAllString(text, "$1"), "version")
}

// firstDifference tells the first line in which two texts differ.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nreference %s\ngohap     %s", i+1, w[i], g[i])
		}
	}
	if len(w) != len(g) {
		return fmt.Sprintf("%d lines of the reference, %d of gohap", len(w), len(g))
	}
	return ""
}

// What promtool says of the exporter's output, it says of the reference's: nothing
// about the format, and the same about the choice of names.
func TestPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian package prometheus)")
	}
	ref, ours := bothStatistics(t)
	for _, query := range []string{"scope=global&scope=frontend&scope=listener&scope=backend&scope=server", "scope=backend&desc-labels"} {
		want, got := promtool(t, tool, ref.get(t, "/metrics?"+query)), promtool(t, tool, ours.get(t, "/metrics?"+query))
		if !slices.Equal(want, got) {
			t.Errorf("%s: promtool says\nof the reference\n%s\nof gohap\n%s", query, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
}

// promtool returns what the tool has to say of names; it fails where the format is
// not right.
func promtool(t *testing.T, tool, text string) []string {
	t.Helper()
	cmd := exec.Command(tool, "check", "metrics")
	var out bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(text), &out
	err := cmd.Run()
	var failed *exec.ExitError
	// 3 is its word for names that it would choose otherwise.
	if err != nil && (!errors.As(err, &failed) || failed.ExitCode() != 3) {
		t.Fatalf("promtool: %v\n%s", err, out.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	slices.Sort(lines)
	return lines
}

// pageMasks hide in a page what depends on time and on the build.
var pageMasks = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`<span class="rls">(\d)</span>`), "$1"},
	// Ours does not know the address of an inherited descriptor.
	{regexp.MustCompile(`(IPv4: 127\.0\.0\.1:\d{4,}, proto=tcpv4|unix, proto=unix_stream), id`), "ADDR, id"},
	{regexp.MustCompile(`(<td class=ac>)\d+[smhd]\d*[smhd]? (UP|DOWN|MAINT|DRAIN|<font)`), "$1 TIME $2"},
	{regexp.MustCompile(`>[\d?][\dsmh]*</td>`), ">N</td>"},
	{regexp.MustCompile(`<u>\d+<div`), "<u>N<div"},
	{regexp.MustCompile(`<td>\d+<div`), "<td>N<div"},
	{regexp.MustCompile(`<td>\d+ / \d+</td>`), "<td>N / N</td>"},
	{regexp.MustCompile(`<td>\d+/s</td>`), "<td>N/s</td>"},
	{regexp.MustCompile(`\(\d+%\)`), "(N%)"},
	{regexp.MustCompile(`in \d+ms<div`), "in Nms<div"},
	// Ours is escaped.
	{regexp.MustCompile(`the page (&|&#38;) more`), "the page and more"},
	// Reference: an arrow at servers without checks of their own.
	{regexp.MustCompile(`(UP|DRAIN) &darr;</td><td></td>`), "$1</td><td></td>"},
	{regexp.MustCompile(`</td><td`), "</td>\n<td"},
	{regexp.MustCompile(`<tr`), "\n<tr"},
	{regexp.MustCompile(`\n+`), "\n"},
}

// The tables of the page are the reference's, cell by cell, apart from numbers.
func TestStatisticsPage(t *testing.T) {
	ref, ours := bothStatistics(t)
	for _, path := range []string{"/st", "/st;up", "/st;norefresh?scope=page", "/st;st=ERRP"} {
		want, got := tables(t, ref.get(t, path)), tables(t, ours.get(t, path))
		if d := firstDifference(want, got); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}

// tables returns the part of a page behind the facts about the process.
func tables(t *testing.T, page string) string {
	t.Helper()
	_, text, ok := strings.Cut(page, "<b>Display option:</b>")
	if !ok {
		t.Fatalf("no page: %q", page[:min(len(page), 300)])
	}
	links, rest, ok := strings.Cut(text, "<b>External resources:</b>")
	_, rest, ok2 := strings.Cut(rest, "</ul></td></tr></table>")
	if !ok || !ok2 {
		t.Fatal("the page has no external resources")
	}
	text = links + rest
	for _, m := range pageMasks {
		text = m.re.ReplaceAllString(text, m.by)
	}
	return text
}
