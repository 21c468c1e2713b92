package cli

import (
	"io"
	"net"
	"strings"
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
	line := quoteWords(words)
	lower := ""
	if c.level < Admin {
		lower = c.level.String() + " ; "
	}
	if payload != "" {
		line += " <<\n" + payload
	}
	if _, err := io.WriteString(over, lower+line+"\n"); err != nil {
		return err
	}
	answer := io.Reader(over)
	if lower != "" { // that one answers an empty line
		if _, err := io.ReadFull(over, make([]byte, 1)); err != nil {
			return err
		}
	}
	_, err = io.Copy(&c.out, answer)
	return err
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
