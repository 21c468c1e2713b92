package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gohap/cluster/member"
	"gohap/cluster/rpc"
)

// maxAnswer bounds what a node answers to a command, bytes.
const maxAnswer = 16 << 20

// commandTime is how long a node has for it.
const commandTime = 10 * time.Second

// AllNodes names every node.
const AllNodes = "*"

// line is a command for another node.
type line struct {
	Level string `json:"level"`
	Line  string `json:"line"`
}

// Command has a node execute a line of the program's own commands at one of its levels
// and writes what it answers, at most 16 MiB. With AllNodes, what each answers stands
// below a heading, and the error says who did not.
func (n *Node) Command(ctx context.Context, node, level, text string, w io.Writer) error {
	l := line{level, text}
	if node != AllNodes {
		for _, m := range n.list.Members() {
			if m.Meta.Name == node || m.ID == node {
				return n.commandAt(ctx, m, l, w)
			}
		}
		return fmt.Errorf("the fleet has no node %s; it has %s", node, strings.Join(n.names(), ", "))
	}
	all := n.list.Members()
	slices.SortFunc(all, func(a, b member.Member) int { return strings.Compare(a.Meta.Name, b.Meta.Name) })
	var failed []string
	for _, m := range all {
		if _, err := fmt.Fprintf(w, "## %s\n", m.Meta.Name); err != nil {
			return err // nobody reads it
		}
		if err := n.commandAt(ctx, m, l, w); err != nil {
			failed = append(failed, m.Meta.Name)
			fmt.Fprintf(w, "%v\n\n", err)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("no answer of %s", strings.Join(failed, ", "))
	}
	return nil
}

func (n *Node) names() (names []string) {
	for _, m := range n.list.Members() {
		names = append(names, m.Meta.Name)
	}
	slices.Sort(names)
	return names
}

func (n *Node) commandAt(ctx context.Context, m member.Member, l line, w io.Writer) error {
	if m.State == member.Failed || m.State == member.Left {
		return fmt.Errorf("%s is not there: %s", m.Meta.Name, m.State)
	}
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	if m.ID == n.id.ID {
		c, err := n.console(ctx, l)
		if err == nil {
			_, err = io.Copy(w, c.Body)
		}
		return err
	}
	_, err := n.client.Ask(ctx, rpc.Question{Address: m.Addr.String(), ID: m.ID, Method: "command", Args: l, Take: func(body io.Reader, _ int64) error {
		_, err := io.Copy(w, body)
		return err
	}})
	return err
}

// console executes a line here.
func (n *Node) console(ctx context.Context, l line) (rpc.Contents, error) {
	if n.config.Console == nil {
		return rpc.Contents{}, errors.New("this node takes no commands")
	}
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	out := &bounded{}
	if err := n.config.Console(ctx, l.Level, l.Line, out); err != nil && !out.cut && ctx.Err() == nil {
		return rpc.Contents{}, err
	}
	switch {
	case out.cut:
		fmt.Fprintf(&out.Buffer, "\n(cut behind %d MiB)\n", maxAnswer>>20)
	case ctx.Err() != nil:
		fmt.Fprintf(&out.Buffer, "\n(cut behind %v)\n", commandTime)
	}
	return rpc.Contents{Body: io.NopCloser(&out.Buffer), Size: int64(out.Len())}, nil
}

// bounded is a buffer that refuses what is too much.
type bounded struct {
	bytes.Buffer
	cut bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxAnswer - b.Len(); len(p) > room {
		b.cut = true
		k, _ := b.Buffer.Write(p[:room])
		return k, errors.New("the answer is too long")
	}
	return b.Buffer.Write(p)
}
