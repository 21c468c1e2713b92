package oracle

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of times here: what happens is told apart by it. Time-outs last
// even numbers of ticks, pauses odd ones, so that none ends with another.
const tick = 200 * time.Millisecond

// halfScripts are what a client and a server do to a tunnel, a step after the other
// while all that comes is read:
//
//	send N    so many bytes          fin     ends its own direction
//	wait N    2N-1 ticks             close   ends both
//	got N     until so many came     rst     by reset
//	eof       until the other end
var halfScripts = []struct{ client, server string }{
	{"send 10, fin", "eof, wait 2, send 20, close"},
	{"send 10, fin", ""},
	{"send 5, eof, wait 2, send 20, close", "send 10, fin"},
	{"got 10", "send 10, fin"},
	{"send 10, fin", "send 20, fin"},
	{"got 10, fin", "send 10, wait 1, send 10, wait 1, send 10, wait 1, send 10, wait 1, send 10, close"},
	{"send 10, wait 1, send 10, wait 1, send 10, wait 1, send 10, wait 1, send 10, close", "fin"},
	{"eof, rst", "send 10, fin"},
	{"send 10, fin, wait 1, rst", "eof"},
	{"send 10", "got 10, rst"},
	{"send 10, fin", "eof, rst"},
	{"send 10, got 5, close", "got 10, send 5, wait 2, send 10"},
	{"send 10, fin", "eof, send 3000000, close"},
	{"eof, send 3000000, close", "fin"},
	{"send 10", "send 10"},
	{"got 3000000", "send 3000000, fin"},
	{"send 3000000, fin", "send 3000000, wait 1, fin"},
	{"send 3000000, fin", "got 3000000"},
}

// halfOptions are what the frontend and the backend are told, or one of them; 2N ticks
// are Nt.
var halfOptions = []string{
	"timeout client 3t;timeout server 5t",
	"timeout client 5t;timeout server 3t",
	"timeout client 4t;timeout server 4t;timeout client-fin 1t",
	"timeout client 4t;timeout server 4t;timeout server-fin 1t",
	"timeout client 5t;timeout server 5t;timeout client-fin 1t;timeout server-fin 3t",
	"timeout client 4t;timeout server 4t;timeout tunnel 2t",
	"timeout client 2t;timeout server 2t;timeout tunnel 4t",
	"timeout client 5t;timeout server 5t;timeout tunnel 3t;timeout client-fin 1t;timeout server-fin 1t",
	"timeout client 3t;timeout server 5t;option nolinger",
	"timeout client 3t;timeout server 5t;front option nolinger",
	"timeout client 3t;timeout server 5t;back option nolinger",
	"timeout client 3t;timeout server 5t;option splice-auto",
	"timeout client 4t;timeout server 4t;timeout client-fin 1t;timeout tunnel 3t;option splice-request;option splice-response",
	"timeout client 3t;timeout server 5t;option abortonclose",
	"timeout client 3t;timeout server 5t;option independent-streams",
}

// halfEnd is one end of a tunnel.
type halfEnd struct {
	c       *net.TCPConn
	mu      sync.Mutex
	got     int
	how     string // how it ended, "" while it has not
	after   time.Duration
	moved   chan struct{} // told when got or how change
	started time.Time
}

func halfOpen(c *net.TCPConn, started time.Time) *halfEnd {
	return &halfEnd{c: c, moved: make(chan struct{}, 1), started: started}
}

// read reads to the end of what comes.
func (e *halfEnd) read() {
	b := make([]byte, 65536)
	for {
		n, err := e.c.Read(b)
		e.mu.Lock()
		e.got += n
		switch {
		case err == nil:
		case err == io.EOF:
			e.how = "end"
		case errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
			e.how = "reset"
		case errors.Is(err, net.ErrClosed):
			e.how = "own"
		default:
			e.how = err.Error()
		}
		if err != nil {
			e.after = time.Since(e.started)
		}
		e.mu.Unlock()
		select {
		case e.moved <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// until waits for what has come.
func (e *halfEnd) until(ok func() bool) {
	limit := time.After(30 * tick)
	for {
		e.mu.Lock()
		done := ok() || e.how != ""
		e.mu.Unlock()
		if done {
			return
		}
		select {
		case <-e.moved:
		case <-limit:
			return
		}
	}
}

// play does what a script says.
func (e *halfEnd) play(script string) {
	for _, step := range strings.Split(script, ", ") {
		word, arg, _ := strings.Cut(step, " ")
		n, _ := strconv.Atoi(arg)
		switch word {
		case "send":
			_, _ = e.c.Write(make([]byte, n)) // who has gone does not take it
		case "wait":
			<-time.After(time.Duration(2*n-1) * tick)
		case "got":
			e.until(func() bool { return e.got >= n })
		case "eof":
			e.until(func() bool { return false })
		case "fin":
			_ = e.c.CloseWrite()
		case "close":
			_ = e.c.Close()
		case "rst":
			_ = e.c.SetLinger(0)
			_ = e.c.Close()
		}
	}
}

// saw is what an end has seen.
func (e *halfEnd) saw() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.how == "own" {
		return fmt.Sprintf("%d bytes, closed by itself", e.got)
	}
	return fmt.Sprintf("%d bytes, %s at %d", e.got, e.how, ticks(e.after))
}

func ticks(d time.Duration) int { return int((d + tick/2) / tick) }

// halfLane is one tunnel at a time through one proxy of one program.
type halfLane struct {
	addr   string
	server net.Listener
	lines  chan string
}

// run plays two scripts and returns what was seen and logged.
func (l *halfLane) run(client, server string) string {
	started := time.Now()
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = l.server.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
	back, err := l.server.Accept()
	if err != nil {
		return err.Error()
	}
	defer back.Close()
	ends := [2]*halfEnd{halfOpen(conn.(*net.TCPConn), started), halfOpen(back.(*net.TCPConn), started)}
	var wait sync.WaitGroup
	for i, script := range []string{client, server} {
		_ = ends[i].c.SetReadDeadline(started.Add(30 * tick))
		wait.Go(ends[i].read)
		wait.Go(func() { ends[i].play(script) })
	}
	wait.Wait()
	line := "not logged"
	select {
	case line = <-l.lines:
	case <-time.After(10 * time.Second):
	}
	return fmt.Sprintf("client %s; server %s; %s", ends[0].saw(), ends[1].saw(), line)
}

var halfLine = regexp.MustCompile(`(l\d+) (..) (\d+) (\d+) (\d+)$`)

// halfLogs hands log lines to the lanes, times in ticks.
func halfLogs(p net.PacketConn, lanes []*halfLane) {
	b := make([]byte, 2000)
	for {
		n, _, err := p.ReadFrom(b)
		if err != nil {
			return
		}
		m := halfLine.FindStringSubmatch(strings.TrimSpace(string(b[:n])))
		if m == nil {
			continue
		}
		i, _ := strconv.Atoi(m[1][1:])
		ms, _ := strconv.Atoi(m[5])
		lanes[i].lines <- fmt.Sprintf("%s, %s bytes up, %s down, %d", m[2], m[4], m[3], ticks(time.Duration(ms)*time.Millisecond))
	}
}

var halfTimes = regexp.MustCompile(`( at |, )(\d+)(;|$)`)

// halfSame tells whether two programs did the same at the same time, give or take a tick.
func halfSame(a, b string) bool {
	if halfTimes.ReplaceAllString(a, "$1$3") != halfTimes.ReplaceAllString(b, "$1$3") {
		return false
	}
	x, y := halfTimes.FindAllStringSubmatch(a, -1), halfTimes.FindAllStringSubmatch(b, -1)
	for i := range x {
		m, _ := strconv.Atoi(x[i][2])
		n, _ := strconv.Atoi(y[i][2])
		if m-n > 1 || n-m > 1 {
			return false
		}
	}
	return true
}

// halfLost hides how much is lost where connections end by resets.
var halfLost = regexp.MustCompile(`\d+ bytes(, reset)|\b\d{5,} bytes|\b\d{5,} down`)

// halfProgram starts a program with a proxy for each of the options, n times.
func halfProgram(t *testing.T, find func() (string, error), n int) (lanes []*halfLane) {
	t.Helper()
	logs, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logs.Close() })
	text := "global\n\tlog " + logs.LocalAddr().String() + " local0\n"
	var files []*os.File
	for i := range n * len(halfOptions) {
		server, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		addr, fd := Inherit(t, "127.0.0.1")
		files = append(files, fd)
		lanes = append(lanes, &halfLane{addr: addr, server: server, lines: make(chan string, 100)})
		text += "defaults\n\tmode tcp\n\tlog global\n\ttimeout connect 5s\n\tlog-format \"%ft %ts %B %U %Tt\"\n" + halfLines(halfOptions[i/n], "")
		text += fmt.Sprintf("frontend l%d\n\tbind fd@%d\n\tdefault_backend b%d\n", i, 3+i, i) + halfLines(halfOptions[i/n], "front ")
		text += fmt.Sprintf("backend b%d\n\tserver s %s\n", i, server.Addr()) + halfLines(halfOptions[i/n], "back ")
	}
	p := Start(t, Installed(t, find), text, files...)
	go halfLogs(logs, lanes)
	if c, err := net.Dial("tcp", lanes[0].addr); err != nil {
		t.Fatal(p.Said.String())
	} else {
		c.Close()
	}
	return lanes
}

// halfLines are the lines of one section, or with where empty those of both.
func halfLines(options, where string) (text string) {
	for _, line := range strings.Split(options, ";") {
		own := ""
		for _, word := range []string{"front ", "back "} {
			if after, ok := strings.CutPrefix(line, word); ok {
				own, line = word, after
			}
		}
		if own != where {
			continue
		}
		text += "\t" + halfTicks.ReplaceAllStringFunc(line, func(s string) string {
			n, _ := strconv.Atoi(strings.TrimSuffix(s, "t"))
			return fmt.Sprint((time.Duration(2*n) * tick).Milliseconds(), "ms")
		}) + "\n"
	}
	return text
}

var halfTicks = regexp.MustCompile(`\b\d+t\b`)

// TestHalfClosed ends tunnels by halves, in every order, under every time-out that
// there is for it, and compares what both ends see, when, and what is logged.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	const twice = 2 // lanes for each of the options
	theirs, ours := halfProgram(t, Haproxy, twice), halfProgram(t, Gohap, twice)
	// compare returns what differs, "" for nothing.
	compare := func(i, k int) string {
		s, options := halfScripts[k], halfOptions[i/twice]
		var both sync.WaitGroup
		var reference, own string
		both.Go(func() { reference = theirs[i].run(s.client, s.server) })
		both.Go(func() { own = ours[i].run(s.client, s.server) })
		both.Wait()
		if strings.Contains(options, "nolinger") {
			reference, own = halfLost.ReplaceAllString(reference, "… bytes$1"), halfLost.ReplaceAllString(own, "… bytes$1")
		}
		if halfSame(reference, own) {
			return ""
		}
		return fmt.Sprintf("%s\n  client: %s\n  server: %s\n  reference %s\n  gohap     %s", options, s.client, s.server, reference, own)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	var late [][2]int // lane and script of what differed, for a busy machine is late now and then
	for i := range twice * len(halfOptions) {
		wait.Go(func() {
			for k := i % twice; k < len(halfScripts); k += twice {
				if strings.Contains(halfOptions[i/twice], "nolinger") && halfScripts[k].server == "send 20, fin" {
					continue // whose end is seen first decides
				}
				if compare(i, k) != "" {
					mu.Lock()
					late = append(late, [2]int{i, k})
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	for n, c := range late { // each alone
		what := compare(c[0], c[1])
		for range 2 {
			if what != "" {
				what = compare(c[0], c[1])
			}
		}
		if what != "" {
			t.Error(what)
		}
		if n > 40 && t.Failed() {
			break
		}
	}
}
