package cli

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
)

// A Fleet has the nodes of a fleet execute commands. Any goroutine may call it.
type Fleet interface {
	// Run has the node that a word names, "*" for all, execute a line (with its payload
	// behind it) at a level, and writes what it answers. An error is for whoever asked.
	Run(ctx context.Context, node string, level Level, line string, w io.Writer) error
}

// NodeWord is the row that stands for the names of nodes.
const NodeWord = "@<node>"

// abroad takes a command that begins with the name of a node: "@lb2", "@*". Only unix
// sockets of level admin have those; what the connection may do now goes along.
func (c *conn) abroad(words []string, payload string) (done bool) {
	name, ok := strings.CutPrefix(words[0], "@")
	if c.server.Fleet == nil || !ok || !c.server.Commands.names[NodeWord] {
		return false
	}
	r := &Request{conn: c, out: &c.out}
	switch {
	case c.socket.Network != "unix" || c.socket.Level < Admin:
		r.denied()
	case name == "" || len(words) == 1:
		r.Fail("Expects a node and a command, as in '@lb2 show info', or '@* show info' for all nodes.")
	default:
		if err := c.server.Fleet.Run(c.ctx, name, c.level, Line(words[1:], payload), &c.out); err != nil {
			r.Fail("%s", err)
		}
	}
	c.out.WriteString("\n")
	return true
}

// Line joins words to a line that is cut into the same again, with a payload behind it.
func Line(words []string, payload string) string {
	line := quoteWords(words)
	if payload != "" {
		line += " <<\n" + payload
	}
	return line
}

// Dial opens a connection of a level without a socket; any goroutine. It is served as
// any other, and counts among them.
func (s *Server) Dial(ctx context.Context, level Level) (net.Conn, error) {
	s.mu.Lock()
	s.setup()
	s.mu.Unlock()
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	here, there := net.Pipe()
	c := s.begin(there, Socket{Network: "pipe", Level: level, Internal: true})
	if c == nil {
		<-s.slots
		return nil, errors.New("the command sockets are closed")
	}
	go s.run(c)
	return here, nil
}
