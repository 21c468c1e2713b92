package rows

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gohap/e2e/oracle"
)

// origin is a server whose answers' bodies are the requests that it got.
type origin struct {
	sync.Mutex
	name   string
	status string // of the answers; "" is 200 OK
	more   string // further header lines of the answers, each with CRLF
	heads  []string
	hold   chan struct{} // answers wait until it is closed; nil: they do not
	conns  int
}

// server starts an origin and lets {name} be its address.
func (s *subject) server(name string) *origin {
	s.Helper()
	o := &origin{name: name}
	s.serves(name, o.serve)
	return o
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serves lets {name} be the address of a server that hands each connection to f and
// closes it then.
func (s *subject) serves(name string, f func(net.Conn)) {
	s.Helper()
	s.let(name, oracle.Serve(s, "127.0.0.1", f))
}

func (o *origin) serve(c net.Conn) {
	o.Lock()
	o.conns++
	o.Unlock()
	b := bufio.NewReader(c)
	for {
		var head strings.Builder
		for {
			line, err := b.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if strings.TrimSpace(line) == "" {
				break
			}
		}
		o.Lock()
		o.heads = append(o.heads, head.String())
		hold, status, more := o.hold, o.status, o.more
		o.Unlock()
		if hold != nil {
			<-hold
		}
		if status == "" {
			status = "200 OK"
		}
		fmt.Fprintf(c, "HTTP/1.1 %s\r\nx-server: %s\r\n%scontent-length: %d\r\n\r\n%s", status, o.name, more, head.Len(), head.String())
		if strings.Contains(head.String(), "HTTP/1.0\r\n") {
			return
		}
	}
}

// answers sets the status and further header lines of what follows.
func (o *origin) answers(status, more string) {
	o.Lock()
	defer o.Unlock()
	o.status, o.more = status, more
}

// holds makes answers wait until the function that it returns is called.
func (o *origin) holds() (release func()) {
	o.Lock()
	defer o.Unlock()
	c := make(chan struct{})
	o.hold = c
	return sync.OnceFunc(func() {
		o.Lock()
		o.hold = nil
		o.Unlock()
		close(c)
	})
}

// seen returns the heads that came so far.
func (o *origin) seen() []string {
	o.Lock()
	defer o.Unlock()
	return append([]string(nil), o.heads...)
}

// talks starts a server that greets, if greeting is not empty, and then answers
// each read with the next of replies; {name} is its address.
func (s *subject) talks(name, greeting string, replies ...string) {
	s.Helper()
	s.serves(name, func(c net.Conn) {
		_, _ = c.Write([]byte(greeting))
		var p [4096]byte
		for _, r := range replies {
			if n, err := c.Read(p[:]); n == 0 || err != nil {
				return
			}
			_, _ = c.Write([]byte(r))
		}
		_, _ = c.Read(p[:])
	})
}

// refuses lets {name} be an address where nobody listens.
func (s *subject) refuses(name string) {
	s.Helper()
	l := listen(s.T)
	s.let(name, l.Addr().String())
	l.Close()
}

// silent lets {name} be an address that answers no SYN: its queue is full.
func (s *subject) silent(name string) {
	s.Helper()
	l := listen(s.T)
	s.let(name, l.Addr().String())
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		s.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); err != nil {
		s.Fatal(err)
	}
	for {
		c, err := net.DialTimeout("tcp", s.addr(name), 200*time.Millisecond)
		if err != nil {
			return
		}
		s.Cleanup(func() { c.Close() })
	}
}

// syslog collects datagrams.
type syslog struct {
	sync.Mutex
	addr  string
	lines []string
}

func listenSyslog(t *testing.T) *syslog {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	g := &syslog{addr: c.LocalAddr().String()}
	go func() {
		var p [65536]byte
		for {
			n, _, err := c.ReadFrom(p[:])
			if err != nil {
				return
			}
			g.Lock()
			g.lines = append(g.lines, strings.TrimRight(string(p[:n]), "\n"))
			g.Unlock()
		}
	}()
	return g
}

// logged waits for a line that holds every part and returns it.
func (s *subject) logged(parts ...string) (line string) {
	s.Helper()
	defer func() {
		if line == "" {
			s.Log(strings.Join(s.logLines(), "\n"))
		}
	}()
	s.await(fmt.Sprintf("log line with %q", parts), func() bool {
		for _, l := range s.logLines() {
			n := 0
			for _, p := range parts {
				if strings.Contains(l, p) {
					n++
				}
			}
			if n == len(parts) {
				line = l
				return true
			}
		}
		return false
	})
	return line
}

func (s *subject) logLines() []string {
	if s.log == nil {
		return nil
	}
	s.log.Lock()
	defer s.log.Unlock()
	return append([]string(nil), s.log.lines...)
}

// after returns once d has passed.
func after(d time.Duration) { <-time.After(d) }
