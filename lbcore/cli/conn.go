package cli

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"time"

	"gohap/lbcore/clock"
)

// mode is what happens after a line was executed.
type mode uint8

// The modes of "prompt".
const (
	single      mode = iota // n: the connection closes
	interactive             // i: the next line is awaited
	prompting               // p: and a prompt is shown
)

// modes are what a connection was told that it may do beside its level.
type modes struct{ expert, experimental bool }

// conn is one connection. Everything in it belongs to its goroutine.
type conn struct {
	net.Conn
	server   *Server
	socket   Socket
	level    Level
	severity SeverityOutput
	mode     mode
	timed    bool
	modes
	at       Target // where commands go, see Router
	quit     bool
	idle     time.Duration
	accepted int64 // monotonic ns
	in       input
	out      writer
	ctx      context.Context
	cancel   context.CancelFunc
}

func newConn(s *Server, nc net.Conn, k Socket) *conn {
	c := &conn{Conn: nc, server: s, socket: k, level: k.Level, severity: k.Severity, idle: s.Idle, accepted: s.Clock.Mono()}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.in.limit = s.BufSize
	c.out = writer{conn: nc, buf: make([]byte, 0, writeBuffer), idle: &c.idle}
	return c
}

// serve reads and executes lines until the connection ends.
func (c *conn) serve() {
	buf := make([]byte, 4096)
	for {
		c.SetReadDeadline(clock.Wall().Add(c.idle))
		n, err := c.Read(buf)
		if n > 0 {
			c.in.feed(buf[:n])
			if !c.lines() {
				return
			}
		}
		if err != nil {
			return // a line without its line feed is dropped
		}
	}
}

// lines executes what is complete and reports whether the connection goes on.
func (c *conn) lines() bool {
	for {
		before := c.in.scan
		line, payload, ok, err := c.in.next()
		if err != nil {
			c.out.WriteString(err.Error() + "\n")
			c.out.Flush()
			return false
		}
		if !ok {
			if c.mode == prompting && c.in.collecting() && c.in.scan != before {
				c.out.WriteString("+ ")
			}
			c.out.Flush()
			return c.out.err == nil
		}
		c.line(line, payload)
		if c.quit || c.mode == single || c.out.err != nil {
			c.out.Flush()
			return false
		}
		c.prompt()
	}
}

func (c *conn) prompt() {
	if c.mode != prompting {
		return
	}
	if c.timed {
		up := (c.server.Clock.Mono() - c.server.Started) / int64(time.Second)
		c.out.WriteString(fmt.Sprintf("[%d:%02d:%02d:%02d]", up/86400, up/3600%24, up/60%60, up%60))
	}
	if c.server.Router != nil {
		name := c.at.Name
		if c.at.Dial == nil {
			name = c.server.Router.Name()
		}
		if c.timed {
			name = " " + name
		}
		c.out.WriteString(name + c.marks())
	}
	c.out.WriteString("> ")
}

// line executes the commands of one line; the payload goes to the last one.
func (c *conn) line(line []byte, payload string) {
	all := split(line)
	for i := range all {
		last := ""
		if i == len(all)-1 {
			last = payload
		}
		if c.stays(all[i:], payload) {
			return
		}
		words := all[i]
		if c.server.Router != nil && len(words) > 0 {
			var done bool
			if words, done = c.route(words, last); done {
				continue
			}
		}
		if len(words) > 0 && c.abroad(words, last) {
			continue
		}
		c.command(words, last)
		if c.quit || c.out.err != nil {
			return
		}
		c.out.WriteString("\n")
	}
}

// command executes one command. A panic in it costs the answer and the
// connection, not the process.
func (c *conn) command(words []string, payload string) {
	r := &Request{Payload: payload, Host: c.server.Host, conn: c, out: &c.out}
	if len(words) == 0 {
		return
	}
	if len(words) > maxWords {
		r.Fail("Too many arguments. Commands must have at most %d arguments.", maxWords)
		return
	}
	cmd := c.server.Commands.find(words)
	switch {
	case cmd == nil:
		c.unknown(r, words)
	case cmd.Experimental && !c.experimental:
		r.Fail("This command is restricted to experimental mode only.")
	case cmd.Expert && !c.expert:
		r.Fail("This command is restricted to expert mode only.")
	case r.Require(cmd.Level):
		r.Args = words[len(cmd.Words):]
		c.guarded(cmd, r)
	}
}

func (c *conn) guarded(cmd *command, r *Request) {
	defer func() {
		if v := recover(); v != nil {
			c.quit = true
			if c.server.Warn != nil {
				c.server.Warn(fmt.Sprintf("panic in the command %q, its connection is closed: %v\n%s", cmd.Words, v, debug.Stack()))
			}
		}
	}()
	cmd.Run(r)
}
