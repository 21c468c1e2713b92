package node

import (
	"context"
	"errors"
	"io"
	"strings"

	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
)

// Run implements cli.Fleet: a command of a stats socket goes to other nodes.
func (f *fleet) Run(ctx context.Context, node string, level cli.Level, line string, w io.Writer) error {
	n := f.joined.Load()
	if n == nil {
		return errors.New("the node is starting")
	}
	return n.Command(ctx, node, level.String(), line, w)
}

// console executes a line that another node, or the tool, asks for.
func (f *fleet) console(ctx context.Context, level, line string, w io.Writer) error {
	l, err := cli.ParseLevel(level)
	if err != nil {
		return err
	}
	if strings.HasPrefix(strings.TrimLeft(line, " \t"), "@") { // not round and round
		return errors.New("a command for one node names no other")
	}
	in := f.process.instance.Load()
	if in == nil {
		return errors.New("the node is starting")
	}
	c, err := in.Console(ctx, l)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return err
	}
	_, err = io.Copy(w, c)
	return err
}

// fleetCommand is what begins commands for other nodes: the connection sends those on.
func fleetCommand() keyword.Row {
	return keyword.Row{Class: keyword.Command, Name: cli.NodeWord, Summary: "send a command to a node of the fleet, or with @* to all",
		Good: []keyword.Example{{Config: "@lb2 show info"}},
		Impl: cli.Command{Level: cli.Admin, Hidden: true, Run: func(r *cli.Request) { r.Fail("This process is in no fleet.") }}}
}
