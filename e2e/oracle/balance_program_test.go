package oracle

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// farm is a program whose frontend sends each request to the backend that its
// header x-be names and tells in x-server which server answered.
type farm struct {
	t    *testing.T
	addr string
	conn net.Conn
	r    *bufio.Reader
}

const farmHead = `global
	nbthread 1
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
frontend web
	bind fd@3
	http-request set-src req.hdr(x-src) if { req.hdr(x-src) -m found }
	http-response set-header x-server %[srv_name]
	use_backend %[req.hdr(x-be)]
`

// startFarm runs bin with backends, in which $SERVER stands for the address
// that all servers have.
func startFarm(t *testing.T, bin, backends string) *farm {
	t.Helper()
	addr, fd := Inherit(t, "127.0.0.1")
	f := &farm{t: t, addr: addr}
	text := farmHead + strings.ReplaceAll(backends, "$SERVER", answering(t))
	p := Start(t, bin, text, fd)
	go func() {
		<-p.Ended
		if f.conn != nil {
			f.conn.Close()
		}
	}()
	f.connect()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.Stop())
		}
	})
	return f
}

// connect begins another client connection.
func (f *farm) connect() {
	f.t.Helper()
	if f.conn != nil {
		f.conn.Close()
	}
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.conn, f.r = c, bufio.NewReaderSize(c, 1<<16)
}

// get returns one request for a backend: a target and more header lines.
func get(backend, target string, lines ...string) string {
	head := "GET " + target + " HTTP/1.1\r\nhost: a.example.org\r\nx-be: " + backend + "\r\n"
	for _, l := range lines {
		head += l + "\r\n"
	}
	return head + "\r\n"
}

// servers sends requests in a pipeline and returns which server answered each;
// "-" where none did.
func (f *farm) servers(requests []string) []string {
	f.t.Helper()
	f.conn.SetDeadline(time.Now().Add(patience))
	var out []string
	for len(requests) > 0 {
		n := min(len(requests), 100)
		if _, err := io.WriteString(f.conn, strings.Join(requests[:n], "")); err != nil {
			f.t.Fatal(err)
		}
		for range n {
			out = append(out, f.answer())
		}
		requests = requests[n:]
	}
	return out
}

func (f *farm) answer() string {
	name, length := "-", 0
	for {
		line, err := f.r.ReadString('\n')
		if err != nil {
			f.t.Fatal(err)
		}
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		k, v, _ := strings.Cut(line, ": ")
		switch k {
		case "x-server":
			name = v
		case "content-length":
			fmt.Sscan(v, &length)
		}
	}
	if _, err := f.r.Discard(length); err != nil {
		f.t.Fatal(err)
	}
	return name
}

// answering listens and answers every request at once.
func answering(t *testing.T) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(Serve(t, "::", answerAll))
	return "127.0.0.1:" + port
}

func answerAll(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		length := 0
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if k, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(k, "content-length") {
				fmt.Sscan(v, &length)
			}
			if line == "\r\n" {
				break
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if _, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			return
		}
	}
}
