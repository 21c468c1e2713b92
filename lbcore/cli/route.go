package cli

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"gohap/lbcore/clock"
)

// A Router leads commands to other processes: that of a master knows its workers.
type Router interface {
	// Target finds the process that a word like "@1" or "@!1234" names; false
	// means that there is none.
	Target(word string) (Target, bool)
	// Name is what the prompt calls this process.
	Name() string
}

// A Target is where commands go.
type Target struct {
	Name string // for the prompt
	// Dial opens a command connection that is an administrator's; nil for the
	// process itself.
	Dial func() (net.Conn, error)
}

// route takes a command that begins with the name of a process, or that goes to the
// one that an earlier line named. It reports false for one that is to be executed
// here, without the name.
func (c *conn) route(words []string, payload string) (rest []string, done bool) {
	if c.owned(words) {
		return nil, true
	}
	to := c.at
	if strings.HasPrefix(words[0], "@") {
		t, ok := c.server.Router.Target(words[0])
		if !ok {
			c.out.WriteString("Can't find the target PID matching the prefix '" + words[0] + "'\n")
			return nil, true
		}
		if to, words = t, words[1:]; len(words) == 0 {
			c.at = t
			return nil, true
		}
	}
	if to.Dial == nil || words[0] == "quit" || words[0] == "prompt" {
		return words, false
	}
	if err := c.forward(to, words, payload); err != nil {
		c.out.WriteString("Cannot reach the process '" + to.Name + "': " + err.Error() + "\n\n")
	}
	return nil, true
}

// forward has another process execute a command, and copies its answer.
func (c *conn) forward(to Target, words []string, payload string) error {
	over, err := to.Dial()
	if err != nil {
		return err
	}
	defer over.Close()
	before := c.lowering()
	if c.expert {
		before = append(before, "expert-mode on")
	}
	if c.experimental {
		before = append(before, "experimental-mode on")
	}
	line := strings.Join(append(before, Line(words, payload)), " ; ")
	if _, err := io.WriteString(over, line+"\n"); err != nil {
		return err
	}
	// Each of these answers an empty line.
	if _, err := io.ReadFull(over, make([]byte, len(before))); err != nil {
		return err
	}
	_, err = io.Copy(&c.out, over)
	return err
}

// lowering is what takes a connection to another process down to this one's level.
func (c *conn) lowering() []string {
	if c.level < Admin {
		return []string{c.level.String()}
	}
	return nil
}

// owned executes what belongs to the connection itself, wherever its commands go:
// its mode and its level. These answer nothing where all is well (reference).
func (c *conn) owned(words []string) bool {
	if !c.server.Commands.names[words[0]] {
		return false
	}
	on := func(b *bool) {
		if c.level < Admin {
			c.out.WriteString("Permission denied!\n")
			return
		}
		*b = len(words) > 1 && words[1] == "on" // anything else is off
	}
	switch words[0] {
	case "expert-mode":
		on(&c.expert)
	case "experimental-mode":
		on(&c.experimental)
	case "operator", "user":
		l, _ := ParseLevel(words[0])
		if l > c.level {
			c.out.WriteString("Permission denied!\n")
		} else if l < c.level {
			c.level, c.modes = l, modes{}
		}
	case "prompt":
		c.routedPrompt(words[1:])
	default:
		return false
	}
	return true
}

// routedPrompt is the command prompt of a process that leads elsewhere.
func (c *conn) routedPrompt(words []string) {
	if len(words) == 0 {
		words = []string{"p"}
		if c.mode == prompting {
			words = []string{"i"}
		}
	}
	m, timed, other := c.chosen(words)
	if other != "" || m == single && slices.Contains(words, "n") {
		c.out.WriteString(routedPromptHelp + "\n")
		return
	}
	c.mode, c.timed = m, timed
}

// marks are what the prompt shows of the modes.
func (c *conn) marks() string {
	marks := ""
	if c.experimental {
		marks += "x"
	}
	if c.expert {
		marks += "e"
	}
	if marks != "" {
		marks = "(" + marks + ")"
	}
	return marks
}

// stay leads the connection to the process that "@@1" names until that one closes:
// the rest of the line, what was received behind it and all that comes, as it is.
func (c *conn) stay(to Target, all [][]string, payload string) {
	words := all[0]
	over, err := to.Dial()
	if err != nil {
		c.out.WriteString("Cannot reach the process '" + to.Name + "': " + err.Error() + "\n\n")
		return
	}
	defer over.Close()
	text := ""
	for _, word := range c.lowering() {
		text += word + " ; "
	}
	swallow := len(c.lowering())
	if all[0] = words[1:]; len(all) > 1 || len(all[0]) > 0 {
		var line []string
		for _, words := range all {
			line = append(line, quoteWords(words))
		}
		text += strings.Join(line, " ; ")
		if payload != "" {
			text += " <<\n" + payload
		}
		text += "\n"
	}
	if _, err := io.WriteString(over, text+string(c.in.rest())); err != nil {
		return
	}
	c.relay(over, swallow)
}

// stays looks whether a command begins with "@@" and the name of a process, and does
// what that asks for. Where it names this one, that is like a single "@".
func (c *conn) stays(all [][]string, payload string) bool {
	if c.server.Router == nil || len(all[0]) == 0 || !strings.HasPrefix(all[0][0], "@@") {
		return false
	}
	name := all[0][0]
	switch to, ok := c.server.Router.Target(name[1:]); {
	case !ok:
		c.out.WriteString("Can't find the target PID matching the prefix '" + name + "'\n")
	case to.Dial == nil:
		all[0][0] = name[1:]
		return false
	default:
		c.stay(to, all, payload)
	}
	return true
}

// relay copies in both directions until the other process closes; the first bytes
// of its answer are not shown.
func (c *conn) relay(over net.Conn, swallow int) {
	c.out.Flush()
	defer context.AfterFunc(c.ctx, func() { over.Close() })()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if _, err := io.ReadFull(over, make([]byte, swallow)); err == nil {
			c.answers(over)
		}
		c.SetReadDeadline(clock.Wall()) // nobody listens any more
	}()
	c.SetReadDeadline(time.Time{}) // how long it may be silent is the other one's affair
	_, err := io.Copy(over, c.Conn)
	if half, ok := over.(interface{ CloseWrite() error }); ok && err == nil {
		half.CloseWrite() // the answers are awaited still
	} else {
		over.Close()
	}
	<-answered
}

// answers copies what another process says, at once.
func (c *conn) answers(over net.Conn) {
	buf := make([]byte, 4096)
	for c.out.err == nil {
		n, err := over.Read(buf)
		c.out.Write(buf[:n])
		c.out.Flush()
		if err != nil {
			return
		}
	}
}

// quoteWords joins words so that they are cut into the same again.
func quoteWords(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		for j := range len(w) {
			if strings.IndexByte(" \t;\\\"'#", w[j]) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(w[j])
		}
	}
	return b.String()
}
