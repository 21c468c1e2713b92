package oracle

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// This file has both programs send the same requests to servers by stick rules that
// are made up: who serves each, and what the tables hold behind it, must be the same.

const stickingFronts = 40

// stickingBack makes a backend's rules up. Its tables are t<i>a, t<i>s of its own
// kind, and that of the backend itself.
func stickingBack(r *rand.Rand, i int) (lines []string) {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	own := pick("type string len 8 size 50 expire 1h", "type string len 20 size 50 expire 1h nopurge", "type ip size 50 expire 1h", "type integer size 50 expire 1h", "type ipv6 size 50 expire 1h srvkey addr", "type binary len 4 size 50 expire 1h", "type string size 50 expire 1h srvkey addr")
	lines = append(lines, "stick-table "+own+pick("", " store server_key", " store server_id,gpc0,server_key"))
	request := []string{"req.hdr(x-k)", "req.hdr(x-n)", "path", "url_param(k)", "src", "str(one)", "req.cook(C)", "req.hdr_ip(x-ip)", "req.hdr(x-k),lower", "path,crc32"}
	response := []string{"res.hdr(x-s)", "res.hdr(x-k)", "res.cook(C)", "status"}
	table := func() string { return pick("", "", fmt.Sprintf(" table t%ds", i), fmt.Sprintf(" table t%da", i)) }
	for range 1 + r.IntN(4) {
		// fits chooses an expression that the table takes.
		to := table()
		fits := func(list []string) string {
			for {
				e := pick(list...)
				addresses := strings.HasSuffix(to, "a") || to == "" && strings.HasPrefix(own, "type ip")
				integers := to == "" && strings.HasPrefix(own, "type integer")
				if !(addresses && (e == "path,crc32" || e == "status")) && !(integers && (e == "src" || e == "req.hdr_ip(x-ip)")) {
					return e
				}
			}
		}
		switch what := pick("on", "on", "match", "store-request", "store-response"); what {
		case "store-response":
			lines = append(lines, "stick store-response "+fits(response)+to+pick("", "", " if { status 200 }", " unless { res.hdr(x-k) -m found }"))
		default:
			lines = append(lines, "stick "+what+" "+fits(request)+to+pick("", "", " if { path_beg /s }", " unless { req.hdr(x-n) -m found }"))
		}
	}
	lines = append(lines, pick("balance hdr(x-b)", "balance hdr(x-b)", "balance url_param b"), pick("", "", "cookie SRV insert indirect", "option persist"), pick("", "", "ignore-persist if { path_beg /i }", "force-persist if { path_beg /f }"))
	return lines
}

// stickingText is the configuration.
func stickingText(backs [][]string, binds []string, socket string, servers []string, options [][]string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "global\n stats socket %s level admin\ndefaults\n mode http\n timeout connect 2s\n timeout client 5s\n timeout server 5s\n retries 0\n option redispatch\n", socket)
	for i, lines := range backs {
		fmt.Fprintf(&s, "backend t%ds\n stick-table type string len 12 size 50 expire 1h store gpc0\nbackend t%da\n stick-table type ip size 50 expire 1h\n", i, i)
		fmt.Fprintf(&s, "frontend f%d\n bind %s\n default_backend b%d\nbackend b%d\n %s\n", i, binds[i], i, i, strings.Join(lines, "\n "))
		for k, server := range servers {
			fmt.Fprintf(&s, " server s%d %s cookie c%d %s\n", k, server, k, options[i][k])
		}
	}
	return s.String()
}

// stickingConnection makes up the requests of a connection.
func stickingConnection(r *rand.Rand) (all []string) {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	for range 1 + r.IntN(4) {
		fields := ""
		for _, f := range []string{"x-k: a\r\n", "x-k: B\r\n", "x-k: longer than twelve\r\n", "x-k:\r\n", "x-n: 12\r\n", "x-n: z\r\n", "x-ip: 192.0.2.7\r\n", "x-ip: 2001:db8::1\r\n", "cookie: C=one\r\n", "cookie: C=two; SRV=c1\r\n", "cookie: SRV=c2\r\n"} {
			if r.IntN(6) == 0 {
				fields += f
			}
		}
		all = append(all, fmt.Sprintf("GET /%s?k=%s&b=%d HTTP/1.1\r\nhost: x\r\nx-b: %d\r\n%s\r\n", pick("s", "t", "404", "i", "f"), pick("1", "2", "two", ""), r.IntN(9), r.IntN(9), fields))
	}
	return all
}

// stickingServer says who it is, and something of the request.
func stickingServer(i int) func(c net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		for {
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			status, more := "200 OK", ""
			if strings.HasPrefix(req.URL.Path, "/404") {
				status = "404 Not Found"
			}
			if k := req.URL.Query().Get("k"); k != "" {
				more = "x-k: " + k + "\r\nset-cookie: C=" + k + "\r\n"
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 %s\r\nx-server: %d\r\nx-s: %d%s\r\n%scontent-length: 5\r\n\r\nhello", status, i, i, req.Header.Get("x-b"), more)
		}
	}
}

// served sends requests and returns who served them.
func served(t *testing.T, addr string, requests []string) (by []string) {
	t.Helper()
	c := Dial(t, addr)
	defer c.Close()
	in := bufio.NewReader(c)
	for _, text := range requests {
		_ = c.SetDeadline(time.Now().Add(4 * time.Second))
		if _, err := io.WriteString(c, text); err != nil {
			return append(by, "closed")
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return append(by, "closed")
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		by = append(by, fmt.Sprint(resp.StatusCode, " s", resp.Header.Get("x-server"), " ", resp.Header["Set-Cookie"]))
	}
	return by
}

// TestSticking makes up backends and connections; now and then a server goes or comes
// back, and an entry is changed by a command.
func TestSticking(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	backs, options := make([][]string, stickingFronts), make([][]string, stickingFronts)
	var servers []string
	for k := range 3 {
		servers = append(servers, Serve(t, "127.0.0.1", stickingServer(k)))
	}
	for i := range backs {
		backs[i] = stickingBack(r, i)
		for range servers {
			options[i] = append(options[i], []string{"", "", "", "non-stick", "backup", "id 77"}[r.IntN(6)])
		}
		if strings.Count(strings.Join(options[i], " "), "id 77") > 1 || strings.Count(strings.Join(options[i], " "), "backup") > 1 {
			options[i] = []string{"", "", ""}
		}
	}
	sockets, addrs := onBoth(t, len(backs), func(addrs []string, socket string) string {
		return stickingText(backs, addrs, socket, servers, options)
	})
	ask := func(name, command string) string {
		said, err := Command(sockets[name], command)
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	entries, wrong := 0, 0
	for n := range 600 {
		i := r.IntN(len(backs))
		command := ""
		switch k := r.IntN(len(servers)); r.IntN(12) {
		case 0:
			command = fmt.Sprintf("set server b%d/s%d state maint", i, k)
		case 1, 2:
			command = fmt.Sprintf("set server b%d/s%d state ready", i, k)
		case 3:
			command = fmt.Sprintf("set table t%ds key a data.server_id %d", i, k+1)
		}
		requests := stickingConnection(r)
		by, state := map[string][]string{}, map[string]string{}
		for name := range sockets {
			if command != "" {
				ask(name, command)
			}
			by[name] = served(t, addrs[name][i], requests)
			var all []string
			for _, table := range []string{"b%d", "t%ds", "t%da"} {
				lines := strings.Split(plainTable(ask(name, "show table "+fmt.Sprintf(table, i))), "\n")
				slices.Sort(lines)
				all = append(all, lines...)
			}
			state[name] = strings.Join(all, "\n")
		}
		entries += strings.Count(state["gohap"], "entry ")
		if state["the reference"] == state["gohap"] && slices.Equal(by["the reference"], by["gohap"]) {
			continue
		}
		t.Errorf("%d: backend %d\n%s\n%q\n%s\n%q\nthe reference %q\ngohap         %q\nthe reference%s\ngohap%s", n, i, strings.Join(backs[i], "\n"), options[i], command, requests, by["the reference"], by["gohap"], state["the reference"], state["gohap"])
		for name := range sockets { // begin anew
			ask(name, fmt.Sprintf("clear table b%d; clear table t%ds; clear table t%da", i, i, i))
		}
		if wrong++; wrong > 8 {
			t.FailNow()
		}
	}
	if entries < 500 {
		t.Errorf("%d entries compared", entries)
	}
	fmt.Printf("| sticking: %d backends, 600 connections, %d entries compared\n", len(backs), entries)
}
