package fetch

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"gohap/e2e/oracle"
	"gohap/lbcore/keyword"
	"gohap/stick"
)

// TestExamplesOnReference runs the examples on the reference: it must print
// what the rows say.
func TestExamplesOnReference(t *testing.T) {
	askAll(t, oracle.Installed(t, oracle.Haproxy))
}

// TestExamplesOnGohap runs them on the built program.
func TestExamplesOnGohap(t *testing.T) { askAll(t, oracle.Installed(t, oracle.Gohap)) }

func askAll(t *testing.T, bin string) {
	set := testSet()
	mine := own(set)
	var list []keyword.Example
	for _, row := range set.Rows(keyword.Fetch) {
		if mine(row) {
			list = append(list, row.Good...)
		}
	}
	p := startProgram(t, bin, list)
	for i, g := range list {
		if got := p.ask(t, i); got != g.Out {
			t.Errorf("%s on %q: the program says %q, the row %q", g.Config, g.In, got, g.Out)
		}
	}
}

// running is a program that answers example i on the i-th address.
type running struct {
	*oracle.Running
	list    []keyword.Example
	addrs   []string
	servant string // address of the server
}

// startProgram starts a program with one inherited socket an example, each on
// an address of its own, by which its rules know the example.
func startProgram(t *testing.T, bin string, list []keyword.Example) *running {
	t.Helper()
	p := &running{list: list}
	p.servant = oracle.Serve(t, "127.0.0.1", p.serve)
	binds, rules := "", ""
	var files []*os.File
	for i, g := range list {
		ip := fmt.Sprintf("127.1.%d.%d", i/250, i%250+1)
		addr, fd := oracle.Inherit(t, ip)
		files, p.addrs = append(files, fd), append(p.addrs, addr)
		binds += fmt.Sprintf(" bind fd@%d\n", 3+i)
		rules += exampleRules(g, ip)
	}
	p.Running = oracle.Start(t, bin, p.config(binds, rules), files...)
	return p
}

// exampleRules answer an example's request, or its server's response, with the
// value of its expression.
func exampleRules(g keyword.Example, ip string) string {
	word := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	value, set := word("=%["+g.Config+"]"), "http-request"
	if strings.HasPrefix(g.In, "HTTP/") {
		set = "http-response"
	}
	// Reference: what a reply of http-response is made of no longer sees the
	// server's response, so that the value goes through a variable.
	found := "-m found"
	if strings.HasPrefix(g.Config, "http_auth_group") {
		found = "g" // reference: a condition on groups names one
	}
	return fmt.Sprintf(" %s set-var-fmt(txn.v) %s if { dst %s } { %s %s }\n"+
		" %s return status 403 content-type text/plain lf-string '%%[var(txn.v,\"%s\")]' if { dst %s }\n",
		set, value, ip, word(g.Config), found, set, missing, ip)
}

// exampleTracking has each example's slots track what no other one does.
const exampleTracking = " http-request track-sc0 dst table t\n http-request track-sc1 so_id,add(2143813632) table t\n http-request track-sc2 so_id,add(2144468992) table t\n"

// exampleTableLines declare the tables of the examples.
func exampleTableLines() (text string) {
	for name, list := range exampleTables {
		text += "backend " + name + "\n stick-table type ip size 1k store "
		for i, s := range list {
			if i > 0 {
				text += ","
			}
			switch text += s.Data.String(); {
			case s.Data.Array() && s.Data.Form() == stick.Rate:
				text += fmt.Sprintf("(%d,%dms)", s.N, s.Period)
			case s.Data.Array():
				text += fmt.Sprintf("(%d)", s.N)
			case s.Data.Form() == stick.Rate:
				text += fmt.Sprintf("(%dms)", s.Period)
			}
		}
		text += "\n"
	}
	return text
}

func (p *running) config(binds, rules string) string {
	return "userlist users\n group g\n user u insecure-password p groups g\ndefaults\n mode http\n timeout client 6s\n timeout server 5s\n timeout connect 5s\n timeout tunnel 7s\n" +
		"frontend fe\n capture request header host len 5\n capture response header x-cap len 5\n default_backend be\n" +
		binds + exampleTracking + rules +
		"backend be\n server s1 " + p.servant + "\n server s2 " + p.servant + " backup\n" +
		exampleTableLines() +
		"backend other\n server s1 127.0.0.1:1\n server s2 127.0.0.1:1 disabled\n" +
		"backend addresses\n stick-table type ip size 100 expire 1m store gpc0\nbackend counted\n stick-table type ip size 100 expire 1m store gpc(2)\n" +
		"backend limited\n server s1 127.0.0.1:1 maxconn 10\n server s2 127.0.0.1:1 maxconn 20 weight 7\n"
}

// serve answers a request with the response of the example that its header
// x-example names.
func (p *running) serve(c net.Conn) {
	r := bufio.NewReader(c)
	n := -1
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\r\n" {
			break
		}
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "x-example: "); ok {
			n, _ = strconv.Atoi(v)
		}
	}
	if n >= 0 {
		oracle.WriteMessage(c, p.list[n].In)
	}
}

// ask sends an example's request and returns what the program printed.
func (p *running) ask(t *testing.T, i int) string {
	t.Helper()
	c := oracle.Dial(t, p.addrs[i])
	defer c.Close()
	text := p.list[i].In
	switch {
	case text == "":
		text = exampleHead
	case strings.HasPrefix(text, "HTTP/"):
		text = fmt.Sprintf("%s\nx-example: %d", exampleHead, i)
	}
	oracle.WriteMessage(c, text)
	answer, err := readAnswer(bufio.NewReader(c))
	if err != nil {
		t.Fatalf("%s on %q: %v\n%s", p.list[i].Config, p.list[i].In, err, p.Stop())
	}
	return strings.TrimPrefix(answer, "=")
}

// readAnswer reads a response that has a length.
func readAnswer(r *bufio.Reader) (string, error) {
	status, length := "", 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line = strings.TrimSpace(line); line == "" {
			break
		}
		if status == "" {
			status = line
		}
		if name, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(name, "content-length") {
			length, _ = strconv.Atoi(v)
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return "", err
	}
	if !strings.Contains(status, " 403 ") {
		return status, nil
	}
	return string(body), nil
}
