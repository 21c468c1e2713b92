package oracle

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// This test compares what persistence makes of cookies: each of cookieModes is a
// backend, each of its exchanges a request whose answer tells which server it came
// to and what that server saw. Both programs see the same exchanges in the same
// order over the same servers.

// cookieExchange is one request and what the server answers.
type cookieExchange struct {
	method string
	fields []string // of the request, "Cookie: …"
	answer []string // status line's rest first when it begins with a digit, then fields
}

func (x cookieExchange) String() string {
	return fmt.Sprintf("%s %q -> %q", x.method, x.fields, x.answer)
}

// cookieServer answers each request with the fields that its x-answer fields
// name; the body is the server's name and the request as it came, without those.
func cookieServer(t *testing.T, name string) string {
	return Serve(t, "127.0.0.1", func(c net.Conn) { serveCookies(c, name) })
}

func serveCookies(c net.Conn, name string) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		body, status, fields := name+"\n", "200 OK", ""
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			line = strings.TrimRight(line, "\r\n")
			if line == "" {
				break
			}
			v, ok := strings.CutPrefix(line, "x-answer: ")
			switch {
			case !ok:
				body += line + "\n"
			case v[0] >= '1' && v[0] <= '9':
				status = v
			default:
				fields += v + "\r\n"
			}
		}
		head := fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n", status, fields, len(body))
		if strings.HasPrefix(body, name+"\nHEAD ") || strings.HasPrefix(status, "304") {
			body = ""
		}
		if _, err := io.WriteString(c, head+body); err != nil {
			return
		}
	}
}

// cookieProgram is one program with a frontend for each mode.
type cookieProgram struct {
	fronts []string
	conns  []net.Conn
	logs   net.PacketConn
	run    *Running
}

func startCookies(t *testing.T, bin string, servers []string) *cookieProgram {
	p := &cookieProgram{conns: make([]net.Conn, len(cookieModes))}
	var err error
	if p.logs, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.logs.Close() })
	var cfg strings.Builder
	fmt.Fprintf(&cfg, "global\n log %s format raw local0\n", p.logs.LocalAddr())
	cfg.WriteString("defaults\n mode http\n log global\n log-format %tsc,%s\n timeout client 10s\n timeout server 10s\n timeout connect 1s\n retries 0\n")
	var files []*os.File
	for i, m := range cookieModes {
		addr, fd := Inherit(t, "127.0.0.1")
		p.fronts, files = append(p.fronts, addr), append(files, fd)
		fmt.Fprintf(&cfg, "listen m%d\n bind fd@%d\n %s\n", i, 3+i, strings.ReplaceAll(m, "\n", "\n "))
		for _, s := range []string{"s1 %0 cookie A", "s2 %1 cookie B", "s3 %2 cookie C disabled", "s4 %3", "s5 %4 cookie E weight 0", "s6 %0 cookie F backup", "s7 127.0.0.1:1 cookie G weight 0"} {
			name, rest, _ := strings.Cut(s, " ")
			for j, a := range servers {
				rest = strings.ReplaceAll(rest, fmt.Sprintf("%%%d", j), a)
			}
			fmt.Fprintf(&cfg, " server %s %s\n", name, rest)
		}
	}
	p.run = Start(t, bin, cfg.String(), files...)
	return p
}

// do makes one exchange and returns what is to compare.
func (p *cookieProgram) do(mode int, x cookieExchange) (string, error) {
	var req strings.Builder
	fmt.Fprintf(&req, "%s / HTTP/1.1\r\nHost: h\r\n", x.method)
	for _, f := range x.fields {
		req.WriteString(f + "\r\n")
	}
	for _, f := range x.answer {
		req.WriteString("X-Answer: " + f + "\r\n")
	}
	req.WriteString("\r\n")
	c := p.conns[mode]
	if c == nil {
		var err error
		if c, err = net.Dial("tcp", p.fronts[mode]); err != nil {
			return "", err
		}
		p.conns[mode] = c
	}
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, req.String()); err != nil {
		return "", err
	}
	got, closed, err := readAnswer(bufio.NewReader(c), x.method == "HEAD")
	if err != nil {
		return "", fmt.Errorf("%q: %w", got, err)
	}
	if closed {
		c.Close()
		p.conns[mode] = nil
	}
	line := make([]byte, 4096)
	p.logs.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, _, err := p.logs.ReadFrom(line)
	if err != nil {
		return "", fmt.Errorf("no log line: %w", err)
	}
	return string(bytes.TrimSpace(line[:n])) + "\n" + got, nil
}

func readAnswer(r *bufio.Reader, head bool) (text string, closed bool, err error) {
	var got strings.Builder
	length := 0
	for {
		line, err := r.ReadString('\n')
		got.WriteString(line)
		if err != nil {
			return got.String(), true, err
		}
		name, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch textproto.TrimString(strings.ToLower(name)) {
		case "content-length":
			fmt.Sscan(v, &length)
		case "connection":
			closed = closed || v == "close"
		}
		if line == "\r\n" {
			break
		}
	}
	if !head && !strings.HasPrefix(got.String(), "HTTP/1.1 304") {
		body := make([]byte, length)
		if _, err = io.ReadFull(r, body); err != nil {
			return got.String(), true, err
		}
		got.Write(body)
	}
	return got.String(), closed, nil
}

// cookieDate is how dates stand in cookies: five digits of six bits each, of
// seconds divided by four.
const cookieDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

func cookieDate(t int64) string {
	var b [5]byte
	v := uint64(t) >> 2
	for i := 4; i >= 0; i-- {
		b[i] = cookieDigits[v&63]
		v >>= 6
	}
	return string(b[:])
}

var datePlace = regexp.MustCompile(`\|[A-Za-z0-9+/]{5}`)

// ages replaces dates by how long ago they are, in tens of seconds: the two
// programs are not asked in the same one.
func ages(text string, now int64) string {
	return datePlace.ReplaceAllStringFunc(text, func(d string) string {
		v := int64(0)
		for _, c := range d[1:] {
			v = v<<6 | int64(strings.IndexRune(cookieDigits, c))
		}
		if v<<2 < now-1e7 {
			return d
		}
		return fmt.Sprintf("|<%d>", (now-v<<2+5)/20)
	})
}
