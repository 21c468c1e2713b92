package oracle

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// This file has both programs track the same connections by rules that are made up:
// what the tables hold behind each connection, and what clients are told of it, must
// be the same.

// trackedFronts is how many frontends there are, each with rules of its own.
const trackedFronts = 60

// A trackedFront is a frontend, its backend and their rules.
type trackedFront struct {
	mode  string
	front []string
	back  []string
}

// trackRules makes rules of a set up, of kinds that fit there.
func trackRules(r *rand.Rand, set, table string) (rules []string) {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	http := strings.HasPrefix(set, "http")
	cond := func() string {
		if !http {
			return pick("", "", "", " if { src 127.0.0.1 }", " if { dst_port 1 }")
		}
		if set == "http-request" {
			return pick("", "", "", " if { path_beg /4 }", " if { req.hdr(x-k) -m found }", " if METH_POST", " unless { path /ok }")
		}
		return pick("", "", "", " if { status 404 }", " unless { status 200 }")
	}
	// key is an expression and the kinds of tables that take it: of addresses,
	// integers, strings.
	key := func() (expr, kinds string) {
		keys := []string{"src as", "src as", "dst as", "str(three) s", "int(5) is"}
		switch {
		case set == "http-request":
			keys = []string{"src as", "req.hdr(x-k) s", "path s", "url_param(k) is", "str(one) s", "method s", "req.hdr(x-n) is", "rand(1) is", "req.hdr_ip(x-ip) as"}
		case http:
			keys = []string{"src as", "status is", "res.hdr(x-s) is", "str(two) s"}
		}
		expr, kinds, _ = strings.Cut(pick(keys...), " ")
		return expr, kinds
	}
	for range r.IntN(3) {
		slot := r.IntN(3)
		expr, kinds := key()
		kind := kinds[r.IntN(len(kinds))]
		if set != "http-after-response" {
			rules = append(rules, fmt.Sprintf("%s track-sc%d %s table %s%c%s", set, slot, expr, table, kind, cond()))
		}
	}
	for range r.IntN(3) {
		slot := r.IntN(3)
		what := pick(fmt.Sprintf("sc-inc-gpc0(%d)", slot), fmt.Sprintf("sc-inc-gpc1(%d)", slot), fmt.Sprintf("sc-inc-gpc(1,%d)", slot), fmt.Sprintf("sc-add-gpc(0,%d) 5", slot), fmt.Sprintf("sc-set-gpt0(%d) 7", slot),
			fmt.Sprintf("sc-set-gpt(0,%d) 8", slot), fmt.Sprintf("sc-set-gpt0(%d) sc%d_conn_cnt", slot, slot), fmt.Sprintf("sc-add-gpc(0,%d) sc_http_req_cnt(%d)", slot, slot), fmt.Sprintf("sc-inc-gpc(5,%d)", slot))
		rules = append(rules, set+" "+what+cond())
	}
	if set == "http-request" && r.IntN(3) == 0 {
		rules = append(rules, pick("http-request deny if { path_beg /deny }", "http-request return status 200 content-type text/plain string x if { path_beg /ret }", "http-request redirect location /x if { path_beg /red }",
			"http-request deny deny_status 429 if { sc0_http_req_cnt gt 2 }", "http-request reject if { path_beg /rej }", "http-request auth if { path_beg /auth }", "http-request silent-drop if { path_beg /nosuch }"))
	}
	if set == "http-response" && r.IntN(5) == 0 {
		rules = append(rules, pick("http-response deny if { status 404 }", "http-response return status 503 if { status 500 }"))
	}
	if !http && r.IntN(10) == 0 {
		rules = append(rules, set+" "+pick("reject if { sc0_conn_cnt gt 3 }", "reject if { sc0_trackers gt 5 }", "accept"))
	}
	return rules
}

func trackedFrontOf(r *rand.Rand, i int) (f trackedFront) {
	f.mode = "http"
	if i%6 == 5 {
		f.mode = "tcp"
	}
	table := fmt.Sprintf("t%d", i)
	sets := []string{"tcp-request connection", "tcp-request session", "tcp-request content"}
	if f.mode == "http" {
		sets = append(sets, "http-request", "http-request", "http-response", "http-after-response")
	}
	for _, set := range sets {
		rules := trackRules(r, set, table)
		if f.mode == "tcp" && set == "tcp-request content" {
			// Whether the client's first bytes have come by then, and count, is chance.
			rules = slices.DeleteFunc(rules, func(s string) bool { return strings.Contains(s, " reject ") })
		}
		f.front = append(f.front, rules...)
	}
	if f.mode == "http" {
		for _, set := range []string{"http-request", "http-response"} {
			f.back = append(f.back, trackRules(r, set, table)...)
		}
		f.front = append(f.front, "http-after-response set-header x-told \"%[sc0_http_req_cnt] %[sc1_conn_cur] %[sc2_gpc0_rate] %[sc_http_err_cnt(0)] %[sc_http_fail_cnt(1)] %[sc_tracked(0)] %[sc1_tracked] %[sc2_trackers] %[sc_get_gpc(1,0)] %[sc0_get_gpt0] %[sc_key(0)] %[sc1_kbytes_out] %[src_conn_cnt("+table+"a)] %[src_http_req_cnt("+table+"s)]\"")
	}
	if len(f.front)+len(f.back) < 3 {
		return trackedFrontOf(r, i)
	}
	return f
}

// trackedText is the configuration; binds are where the frontends listen.
func trackedText(fronts []trackedFront, binds []string, socket, server string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "global\n stats socket %s level admin\ndefaults\n timeout connect 2s\n timeout client 5s\n timeout server 5s\n retries 0\n option http-server-close\n", socket)
	const store = "conn_cnt,conn_cur,conn_rate(1h),sess_cnt,sess_rate(1h),http_req_cnt,http_req_rate(1h),http_err_cnt,http_err_rate(1h),http_fail_cnt,http_fail_rate(1h),bytes_in_cnt,bytes_out_cnt,bytes_in_rate(1h),bytes_out_rate(1h)"
	for i, f := range fronts {
		tables := []string{"type ip size 100 expire 1h store gpc0,gpc1,gpt0,gpc0_rate(1h),gpc1_rate(1h),", "type integer size 100 expire 1h store gpc(2),gpt(1),gpc_rate(2,1h),", "type string len 8 size 5 expire 1h nopurge store gpc0,gpt0,"}
		for k, kind := range []string{"a", "i", "s"} {
			fmt.Fprintf(&s, "backend t%d%s\n stick-table %s%s\n", i, kind, tables[k], store)
		}
		fmt.Fprintf(&s, "frontend f%d\n mode %s\n bind %s\n %s\n default_backend b%d\nbackend b%d\n mode %s\n %s\n server s %s\n", i, f.mode, binds[i], strings.Join(f.front, "\n "), i, i, f.mode, strings.Join(f.back, "\n "), server)
	}
	return s.String()
}

// trackedServer answers as the path says.
func trackedServer(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		status := "200 OK"
		switch path := req.URL.Path; {
		case strings.HasPrefix(path, "/404"):
			status = "404 Not Found"
		case strings.HasPrefix(path, "/500"):
			status = "500 Internal Server Error"
		case strings.HasPrefix(path, "/501"):
			status = "501 Not Implemented"
		case strings.HasPrefix(path, "/503"):
			status = "503 Service Unavailable"
		case strings.HasPrefix(path, "/cut"):
			return
		case strings.HasPrefix(path, "/nonsense"):
			_, _ = io.WriteString(c, "nonsense\r\n\r\n")
			return
		}
		_, _ = fmt.Fprintf(c, "HTTP/1.1 %s\r\nx-s: %s\r\ncontent-length: 5\r\n\r\nhello", status, status[:3])
	}
}

// trackedConnection makes up what a client sends, a request at a time.
func trackedConnection(r *rand.Rand, tcp bool) (all []string) {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	n := 1 + r.IntN(4)
	for i := range n {
		last := ""
		if i == n-1 || tcp && r.IntN(4) == 0 {
			last = pick("", "connection: close\r\n")
		}
		head := pick("GET /ok", "GET /ok?k=1", "GET /ok?k=two", "GET /404", "GET /500", "GET /501", "GET /503", "GET /deny", "GET /ret", "GET /red", "GET /rej", "GET /auth", "GET /cut", "GET /nonsense", "HEAD /ok", "POST /ok", "POST /404", "POST /rej", "POST /deny", "POST /auth", "POST /ret", "POST /cut")
		fields := pick("", "x-k: a\r\n", "x-k: b\r\n", "x-k: longer than eight\r\n", "x-k:\r\n", "x-n: 12\r\n", "x-ip: 192.0.2.7\r\n", "x-ip: 2001:db8::1\r\nx-n: -1\r\n", "x-n: 13x\r\nx-k: c\r\n")
		body := ""
		if strings.HasPrefix(head, "POST") {
			fields += "content-length: 10\r\n"
			body = "0123456789"
		}
		all = append(all, head+" HTTP/1.1\r\nhost: x\r\n"+fields+last+"\r\n"+body)
	}
	if !tcp && r.IntN(6) == 0 {
		all = append(all, pick("nonsense\r\n\r\n", "GET /ok HTTP/1.1\r\nbad header: x\r\n\r\n", "GET /ok HT", "GET / HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n"))
	}
	return all
}

// converse sends requests one by one and returns what was answered: statuses and what
// was told of tables.
func converse(t *testing.T, addr string, requests []string) (told []string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil { // refused as soon as it stood
		return []string{"closed"}
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for _, text := range requests {
		_ = c.SetDeadline(time.Now().Add(4 * time.Second))
		if _, err := io.WriteString(c, text); err != nil {
			return append(told, "closed")
		}
		if strings.HasSuffix(text, "HT") { // and leaves
			return told
		}
		method := "GET"
		if strings.HasPrefix(text, "HEAD") {
			method = "HEAD"
		}
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return append(told, "closed")
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		told = append(told, fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("x-told")))
		if resp.Close {
			return told
		}
	}
	return told
}

var inUse = regexp.MustCompile(` use=[1-9]`)

// trackedState returns what the tables of a frontend hold, once nobody tracks any more.
func trackedState(t *testing.T, socket string, i int) (state string) {
	t.Helper()
	if !Eventually(10*time.Second, func() bool {
		said, err := Command(socket, fmt.Sprintf("show table t%da; show table t%di; show table t%ds", i, i, i))
		if err != nil {
			t.Fatal(err)
		}
		state = said
		return !inUse.MatchString(said) && !strings.Contains(said, "conn_cur=1")
	}) {
		return "in use: " + state
	}
	parts := strings.Split(plainTable(state), "# table")
	for k, part := range parts { // each table's entries by key
		lines := strings.Split(part, "\n")
		slices.Sort(lines)
		parts[k] = strings.Join(lines, "\n")
	}
	return strings.Join(parts, "\n")
}

// TestTracking makes up frontends and connections.
func TestTracking(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	fronts := make([]trackedFront, trackedFronts)
	for i := range fronts {
		fronts[i] = trackedFrontOf(r, i)
	}
	server := Serve(t, "127.0.0.1", trackedServer)
	sockets, addrs := onBoth(t, len(fronts), func(addrs []string, socket string) string {
		return trackedText(fronts, addrs, socket, server)
	})
	entries, wrong := 0, 0
	for n := range 600 {
		i := r.IntN(len(fronts))
		requests := trackedConnection(r, fronts[i].mode == "tcp")
		told, state := map[string][]string{}, map[string]string{}
		for name := range sockets {
			told[name] = converse(t, addrs[name][i], requests)
			state[name] = trackedState(t, sockets[name], i)
		}
		theirs, ours := state["the reference"], state["gohap"]
		entries += strings.Count(theirs, "entry ")
		if theirs == ours && slices.Equal(told["the reference"], told["gohap"]) {
			continue
		}
		var apart []string
		for _, side := range []string{"the reference", "gohap"} {
			other := map[string]string{"gohap": theirs, "the reference": ours}[side]
			for line := range strings.SplitSeq(state[side], "\n") {
				if !strings.Contains(other, line) {
					apart = append(apart, side+" "+line)
				}
			}
		}
		t.Errorf("%d: frontend %d, %s\n%s\n-- backend\n%s\n%q\nthe reference %q\ngohap         %q\n%s", n, i, fronts[i].mode, strings.Join(fronts[i].front, "\n"), strings.Join(fronts[i].back, "\n"),
			requests, told["the reference"], told["gohap"], strings.Join(apart, "\n"))
		for _, socket := range sockets { // begin anew
			if _, err := Command(socket, fmt.Sprintf("clear table t%da; clear table t%di; clear table t%ds", i, i, i)); err != nil {
				t.Fatal(err)
			}
		}
		if wrong++; wrong > 15 {
			t.FailNow()
		}
	}
	if entries < 500 {
		t.Errorf("%d entries compared", entries)
	}
	fmt.Printf("| tracking: %d frontends, 600 connections, %d entries compared\n", len(fronts), entries)
}
