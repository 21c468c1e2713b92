package action

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"gohap/e2e/oracle"
)

var update = flag.Bool("update", false, "record testdata anew from the reference")

const exchangesFile = "testdata/exchanges.txt"

// exchange is one case of exchanges.txt:
//
//	== rule
//	request
//	<< what the client gets
//	>> what the server gets
//
// Lines end in CRLF on the wire; a literal \r\n in a body is one too. Every
// request asks to close.
type exchangeCase struct {
	rules          []string
	request        string
	client, server string
}

func readExchanges(t *testing.T) (cases []*exchangeCase) {
	t.Helper()
	text, err := os.ReadFile(exchangesFile)
	if err != nil {
		t.Fatal(err)
	}
	var c *exchangeCase
	into := new(string)
	started := false
	for _, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		switch rest, kind := cutMark(line); kind {
		case "==":
			if started || c == nil {
				c = &exchangeCase{}
				cases = append(cases, c)
				started, into = false, &c.request
			}
			c.rules = append(c.rules, rest)
			continue
		case "<<":
			into = &c.client
			*into += rest + "\n"
		case ">>":
			into = &c.server
			*into += rest + "\n"
		default:
			*into += line + "\n"
		}
		started = true
	}
	for _, c := range cases {
		c.request, c.client, c.server = strings.TrimRight(c.request, "\n"), strings.TrimRight(c.client, "\n"), strings.TrimRight(c.server, "\n")
	}
	return cases
}

func cutMark(line string) (rest, kind string) {
	if len(line) >= 2 && (line[:2] == "==" || line[:2] == "<<" || line[:2] == ">>") {
		return strings.TrimPrefix(line[2:], " "), line[:2]
	}
	return line, ""
}

func writeExchanges(t *testing.T, cases []*exchangeCase) {
	t.Helper()
	var b bytes.Buffer
	for _, c := range cases {
		for _, r := range c.rules {
			fmt.Fprintf(&b, "== %s\n", r)
		}
		b.WriteString(c.request + "\n")
		mark(&b, "<<", c.client)
		mark(&b, ">>", c.server)
		b.WriteString("\n")
	}
	if err := os.WriteFile(exchangesFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mark(b *bytes.Buffer, kind, text string) {
	for _, line := range strings.Split(text, "\n") {
		b.WriteString(strings.TrimSuffix(kind+" "+line, " ") + "\n")
	}
}

// TestExchangesOnReference runs rules on the reference: what it sends to the
// client and to the server must be what is recorded; -update records.
func TestExchangesOnReference(t *testing.T) {
	bin := oracle.Installed(t, oracle.Haproxy)
	cases := readExchanges(t)
	runExchanges(t, bin, cases, *update)
	if *update {
		writeExchanges(t, cases)
	}
}

// TestExchangesOnGohap runs them on the built program.
func TestExchangesOnGohap(t *testing.T) {
	runExchanges(t, oracle.Installed(t, oracle.Gohap), readExchanges(t), false)
}

func runExchanges(t *testing.T, bin string, cases []*exchangeCase, record bool) {
	t.Helper()
	if len(cases) < 100 {
		t.Fatalf("%d cases", len(cases))
	}
	r := startRunner(t, bin, cases)
	for i, c := range cases {
		client, server := r.exchange(t, i, c.request)
		if record {
			c.client, c.server = client, server
			continue
		}
		if client != c.client || server != c.server {
			t.Errorf("%s\n%s\nclient got  %q\nwant        %q\nserver got  %q\nwant        %q", strings.Join(c.rules, "\n"), c.request, client, c.client, server, c.server)
		}
	}
}

// runner is a running program with a frontend a case, and the server behind
// them all.
type runner struct {
	*oracle.Running
	addrs []string
	mu    sync.Mutex
	seen  string // what the server received last
}

const served = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: a, b\r\nx: c\r\nset-cookie: A=1\r\n\r\nok"

func startRunner(t *testing.T, bin string, cases []*exchangeCase) *runner {
	t.Helper()
	r := &runner{}
	server := oracle.Serve(t, "127.0.0.1", r.serve)
	cfg := "defaults\n mode http\n timeout client 2s\n timeout server 2s\n timeout connect 2s\n timeout tarpit 50ms\n"
	var files []*os.File
	for i, c := range cases {
		addr, fd := oracle.Inherit(t, "127.0.0.1")
		files, r.addrs = append(files, fd), append(r.addrs, addr)
		cfg += fmt.Sprintf("frontend f%d\n bind fd@%d\n %s\n default_backend b\n", i, 3+i, strings.Join(c.rules, "\n "))
	}
	r.Running = oracle.Start(t, bin, cfg+"backend b\n server s "+server+"\n", files...)
	return r
}

// serve keeps what it receives and answers at the end of a head and of the body
// that it announces.
func (r *runner) serve(c net.Conn) {
	text, in := "", bufio.NewReader(c)
	for !complete(text) {
		b, err := in.ReadByte()
		if err != nil {
			break
		}
		text += string([]byte{b})
	}
	r.mu.Lock()
	r.seen = text
	r.mu.Unlock()
	fmt.Fprint(c, served)
}

func complete(text string) bool {
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	if !ok {
		return false
	}
	n := 0
	for _, line := range strings.Split(head, "\r\n") {
		if v, ok := strings.CutPrefix(line, "content-length: "); ok {
			fmt.Sscan(v, &n)
		}
		if strings.HasPrefix(line, "transfer-encoding: chunked") {
			return strings.HasSuffix(body, "0\r\n\r\n")
		}
	}
	return len(body) >= n
}

// exchange sends a request and returns what the client and the server got, with
// plain line ends.
func (r *runner) exchange(t *testing.T, i int, request string) (client, server string) {
	t.Helper()
	r.mu.Lock()
	r.seen = ""
	r.mu.Unlock()
	c := oracle.Dial(t, r.addrs[i])
	defer c.Close()
	oracle.WriteMessage(c, strings.ReplaceAll(request, `\r\n`, "\r\n"), "connection: close")
	answer, err := io.ReadAll(c)
	if err != nil && len(answer) == 0 {
		t.Fatalf("%s: %v\n%s", request, err, r.Stop())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return plainText(string(answer)), plainText(r.seen)
}

// plainText has plain line ends, no blanks before them and none at the end.
func plainText(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
