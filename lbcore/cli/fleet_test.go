package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"gohap/lbcore/keyword"
)

// nodes is a fleet whose node x says what it was asked, and fails for any other.
type nodes struct{}

func (nodes) Run(_ context.Context, node string, level Level, line string, w io.Writer) error {
	if node != "x" {
		return errors.New("no node " + node)
	}
	_, err := fmt.Fprintf(w, "%s %q\n", level, line)
	return err
}

// TestFleet: what begins with a node's name goes there, with its level and payload, from
// unix sockets of level admin alone; without a fleet it is no command.
func TestFleet(t *testing.T) {
	set := keyword.NewSet()
	Register(set)
	word := row(NodeWord, "", "x", Command{Hidden: true, Run: func(*Request) {}}, "@x help")
	without := NewCommands(set, OfWorker)
	set.Add(word)
	with := NewCommands(set, OfWorker)
	admin := Socket{Network: "unix", Level: Admin}
	for _, c := range []struct {
		commands *Commands
		fleet    Fleet
		socket   Socket
		in, out  string
	}{
		{with, nodes{}, admin, "@x show info\n", "admin \"show info\"\n\n"},
		{with, nodes{}, admin, "operator; @x a\\ b c; echo here\n", "\noperator \"a\\\\ b c\"\n\nhere\n\n"},
		{with, nodes{}, admin, "@x add <<\nl1\nl2\n\n", "admin \"add <<\\nl1\\nl2\\n\"\n\n"},
		{with, nodes{}, admin, "@y show\n", "no node y\n\n"},
		{with, nodes{}, admin, "@x\n", "Expects a node and a command, as in '@lb2 show info', or '@* show info' for all nodes.\n\n"},
		{with, nodes{}, Socket{Network: "tcp", Level: Admin}, "@x show\n", "Permission denied\n\n"},
		{with, nodes{}, Socket{Network: "unix", Level: Operator}, "@x show\n", "Permission denied\n\n"},
		{with, nil, admin, "@x echo y\n", "Unknown"},
		{without, nodes{}, admin, "@x echo y\n", "Unknown"},
	} {
		s := &Server{Commands: c.commands, Fleet: c.fleet}
		s.mu.Lock()
		s.setup()
		s.mu.Unlock()
		here, there := net.Pipe()
		s.slots <- struct{}{}
		go s.run(s.begin(there, c.socket))
		go func() { _, _ = io.WriteString(here, c.in) }()
		got, err := io.ReadAll(here)
		if err != nil || string(got) != c.out && !(c.out == "Unknown" && len(got) > 7 && string(got[:7]) == c.out) {
			t.Errorf("%q: %q %v, not %q", c.in, got, err, c.out)
		}
		s.Close()
	}
}

// TestDialLevel: a connection without a socket has the level that it is opened with.
func TestDialLevel(t *testing.T) {
	set := keyword.NewSet()
	Register(set)
	s := &Server{Commands: NewCommands(set, OfWorker)}
	for l := User; l <= Admin; l++ {
		c, err := s.Dial(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(c, "show cli level\n") }()
		if got, _ := io.ReadAll(c); string(got) != l.String()+"\n\n" {
			t.Errorf("%v: %q", l, got)
		}
	}
	s.Close()
	if _, err := s.Dial(t.Context(), User); err == nil {
		t.Error("behind Close")
	}
}
