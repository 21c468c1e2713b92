package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"gohap/cluster"
	"gohap/cluster/admin"
)

// TestStatusFits: the table has 80 columns, however long names are.
func TestStatusFits(t *testing.T) {
	s := &cluster.Status{Summary: "Healthy: 2 nodes serve generation 123."}
	for _, name := range []string{"lb1", strings.Repeat("a-very-long-name-", 6)} {
		s.Nodes = append(s.Nodes, cluster.NodeStatus{Name: name, Address: "203.0.113.250:9410", Role: "non-voter", State: "unmanaged", Generation: 12345, Active: true, Sessions: 1234567, VIP: true, Uptime: 8640000})
	}
	s.Nodes = append(s.Nodes, cluster.NodeStatus{Name: "x", Generation: 7}, cluster.NodeStatus{Name: "y"})
	var out bytes.Buffer
	admin.WriteStatus(&out, s)
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{"7 (old)", "own file", "yes", "100d00h", s.Summary} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestBefore: a rollback goes to what was there before, and the next one further back.
func TestBefore(t *testing.T) {
	h := &admin.History{Active: 3, Generations: []admin.Generation{{Number: 3}, {Number: 2}, {Number: 1}}}
	if n := before(h); n != 2 {
		t.Error(n)
	}
	h = &admin.History{Active: 4, Generations: []admin.Generation{{Number: 4, Of: 2}, {Number: 3}, {Number: 2}, {Number: 1}}}
	if n := before(h); n != 1 {
		t.Error(n)
	}
	h = &admin.History{Active: 1, Generations: []admin.Generation{{Number: 1}}}
	if n := before(h); n != 0 {
		t.Error(n)
	}
}

// TestDiff: texts are compared line by line, keys never shown.
func TestDiff(t *testing.T) {
	key := "-----BEGIN PRIVATE KEY-----\nAAAA\n"
	a := &admin.Bundle{Files: map[string][]byte{"/c.cfg": []byte("one\nsame\n"), "/k.pem": []byte(key), "/gone": []byte("x"), "/same": []byte("y")}}
	b := &admin.Bundle{Files: map[string][]byte{"/c.cfg": []byte("two\nsame\n"), "/k.pem": []byte(key + "BBBB\n"), "/new": []byte("xy"), "/same": []byte("y")}}
	var out bytes.Buffer
	if err := showDiff(&out, a, b); err != errDegraded {
		t.Error(err)
	}
	for _, want := range []string{"-one\n+two\n", "differs: /k.pem\n", "only in the first: /gone (1 B)\n", "only in the second: /new (2 B)\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "AAAA") || strings.Contains(out.String(), "/same") {
		t.Error(out.String())
	}
	out.Reset()
	if err := showDiff(&out, a, a); err != nil || out.Len() > 0 {
		t.Errorf("%v %s", err, out.String())
	}
}

// TestCommands: every command has a summary, and a line that is wrong is one sentence
// and exit code 2.
func TestCommands(t *testing.T) {
	root := newRoot()
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" || c != root && !c.Runnable() {
			t.Errorf("%s: no summary, or it does nothing", c.CommandPath())
		}
		for _, k := range c.Commands() {
			visit(k)
		}
	}
	visit(root)
	for _, line := range []string{"cluster nosuch", "nosuch", "cluster show x", "cluster remove", "cluster status --socket /nonexistent/socket", "cluster apply", "tables a b c", "node drain --socket /nonexistent/socket", "keys load --socket /nonexistent/socket", "cluster statsu"} {
		if code := run(strings.Fields(line)); code != exitUnknown {
			t.Errorf("%s: exit code %d", line, code)
		}
	}
	for _, line := range []string{"version", "completion bash", "completion zsh", "completion fish"} {
		if code := run(strings.Fields(line)); code != exitFine {
			t.Errorf("%s: exit code %d", line, code)
		}
	}
}
