package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Severity is how grave a message is, with syslog's numbers.
type Severity uint8

// The severities that messages have.
const (
	Alert   Severity = 1
	Err     Severity = 3
	Warning Severity = 4
	Notice  Severity = 5
	Info    Severity = 6
)

// Request is one command being executed. It belongs to the connection's
// goroutine and is not valid after Run has returned.
type Request struct {
	Args    []string // the words behind the command's own
	Payload string   // the lines behind <<, each with its line feed
	Host    any      // Server.Host: what the command acts on

	conn *conn
	out  *writer
}

// Write sends raw output. It blocks while the peer does not read; an error
// means that the peer is gone and that there is no point in going on.
func (r *Request) Write(p []byte) (int, error) { return r.out.Write(p) }

// WriteString is Write for a string.
func (r *Request) WriteString(s string) (int, error) { return r.out.WriteString(s) }

// Printf is Write for a format.
func (r *Request) Printf(format string, args ...any) { fmt.Fprintf(r.out, format, args...) }

// Message answers one line with a severity, which "set severity-output" makes
// visible; the line feed is added.
func (r *Request) Message(s Severity, format string, args ...any) {
	r.out.WriteString(r.conn.severity.prefix(s))
	r.Printf(format, args...)
	r.out.WriteString("\n")
}

// Fail answers an error, Message with severity Err.
func (r *Request) Fail(format string, args ...any) { r.Message(Err, format, args...) }

// Exposes tells whether the connection's socket hands descriptors over
// ("expose-fd listeners").
func (r *Request) Exposes() bool { return r.conn.socket.ExposeFDs }

// Pass sends a line together with a descriptor, over a unix socket. The
// descriptor stays the caller's.
func (r *Request) Pass(line string, fd int) error {
	r.out.Flush()
	over, ok := r.conn.Conn.(*net.UnixConn)
	if !ok {
		return errors.New("descriptors go over unix sockets only")
	}
	_, _, err := over.WriteMsgUnix([]byte(line+"\n"), unix.UnixRights(fd), nil)
	return err
}

// Level returns what the connection may do now.
func (r *Request) Level() Level { return r.conn.level }

// SocketLevel returns what the connection's socket grants, which Lower does not
// change.
func (r *Request) SocketLevel() Level { return r.conn.socket.Level }

// Require answers "Permission denied" and reports false when the connection
// has less than the level.
func (r *Request) Require(l Level) bool {
	if r.conn.level >= l {
		return true
	}
	r.denied()
	return false
}

func (r *Request) denied() { r.Message(Err, "Permission denied") }

// Context ends when the server closes; a command that waits watches it. That
// the peer is gone shows when something is written, see Write: a client that
// only closed its sending side still wants its answer.
func (r *Request) Context() context.Context { return r.conn.ctx }

// PeerGone tells whether the peer has closed the connection altogether, so that
// nobody reads an answer. It never blocks.
func (r *Request) PeerGone() bool {
	d, ok := r.conn.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := d.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd)}}
		n, _ := unix.Poll(p, 0)
		gone = n > 0 && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return err != nil || gone
}

// Conn returns the connection itself, for the few commands that pass
// descriptors. Whatever was written before is sent first.
func (r *Request) Conn() net.Conn {
	r.out.Flush()
	return r.conn.Conn
}

// Server returns the server that took the connection.
func (r *Request) Server() *Server { return r.conn.server }

// SetIdle changes how long this connection may be idle.
func (r *Request) SetIdle(d time.Duration) { r.conn.idle = d }

// SetSeverity changes how this connection's messages show their severity.
func (r *Request) SetSeverity(s SeverityOutput) { r.conn.severity = s }

// Lower takes the connection down to a level; going up is refused.
func (r *Request) Lower(l Level) {
	if r.Require(l) {
		if l < r.conn.level {
			r.conn.modes = modes{} // reference
		}
		r.conn.level = l
	}
}

// SeverityOutput is how messages show their severity.
type SeverityOutput uint8

// The forms of "set severity-output" and of "stats socket ... severity-output".
const (
	SeverityNone SeverityOutput = iota
	SeverityNumber
	SeverityString
)

// ParseSeverityOutput returns the form that a word names.
func ParseSeverityOutput(word string) (SeverityOutput, error) {
	switch word {
	case "none":
		return SeverityNone, nil
	case "number":
		return SeverityNumber, nil
	case "string":
		return SeverityString, nil
	}
	return SeverityNone, fmt.Errorf("one of 'none', 'number', 'string' is a required argument")
}

var severityWords = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

func (o SeverityOutput) prefix(s Severity) string {
	switch o {
	case SeverityNumber:
		return fmt.Sprintf("[%d]: ", s)
	case SeverityString:
		return "[" + severityWords[s] + "]: "
	}
	return ""
}
