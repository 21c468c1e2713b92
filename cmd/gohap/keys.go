package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gohap/cluster"
	"gohap/cluster/admin"
	"gohap/cluster/keyring"
)

func newKeys(t *tool) *cobra.Command {
	k := group(&cobra.Command{Use: "keys", Short: "The fleet's secret: make one, change it without an outage"})
	var out string
	fresh := &cobra.Command{
		Use: "new", Short: "Make a new secret", Args: cobra.NoArgs,
		Long:    "Makes a new secret of 32 random bytes: the same file goes to every node, readable for its owner alone.",
		Example: "  gohap keys new > /etc/gohap/secret\n  gohap keys new --out /etc/gohap/secret",
		RunE: func(c *cobra.Command, _ []string) error {
			s := keyring.NewSecret()
			if out == "" {
				fmt.Fprintln(c.OutOrStdout(), s.Text())
				return nil
			}
			return keyring.CreateFile(out, []keyring.Secret{s})
		},
	}
	fresh.Flags().StringVar(&out, "out", "", "write it to this file, which may not be there yet")
	rotate := group(&cobra.Command{
		Use: "rotate", Short: "The steps from one secret to the next",
		Long: `The steps from one secret to the next, while all nodes run. Each is done once, its file
goes to every node, which takes it over by 'gohap keys load' (or SIGHUP), and 'gohap keys
status' says when all have and the next step may come:

  1. add      a new secret that all accept and nobody uses yet
  2. promote  the new one signs and encrypts, the old one is accepted still
  3. remove   the old one; sessions that it made end`,
	})
	for _, step := range []struct {
		name, short string
		do          func([]keyring.Secret) ([]keyring.Secret, error)
	}{
		{"add", "Append a new secret to a file", keyring.Add},
		{"promote", "Make the new secret the first", keyring.Promote},
		{"remove", "Leave the first secret alone", keyring.Remove},
	} {
		rotate.AddCommand(&cobra.Command{Use: step.name + " FILE", Short: step.short, Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
			all, err := keyring.ReadFile(args[0])
			if err != nil {
				return err
			}
			if all, err = step.do(all); err != nil {
				return refused{fmt.Errorf("%s: %w", args[0], err)}
			}
			if err := keyring.WriteFile(args[0], all); err != nil {
				return err
			}
			w := c.OutOrStdout()
			return t.show(w, map[string]any{"file": args[0], "secrets": len(all)}, func() {
				fmt.Fprintf(w, "%s has %d secrets; bring it to every node and 'gohap keys load' there before the next step\n", args[0], len(all))
			}, true)
		}})
	}
	k.AddCommand(fresh, rotate, newLoad(t), newKeyStatus(t))
	return k
}

func newLoad(t *tool) *cobra.Command {
	return &cobra.Command{
		Use: "load", Short: "Have the node of this machine read its file of secrets again", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := t.within(c)
			defer cancel()
			names, err := t.client().Rekey(ctx)
			if err != nil {
				return err
			}
			w := c.OutOrStdout()
			return t.show(w, names, func() {
				fmt.Fprintf(w, "the node uses secret %s and accepts %d\n", names[0], len(names))
			}, true)
		},
	}
}

// holding is which secrets nodes have, by name.
type holding struct {
	Same  bool                `json:"same"`
	Nodes map[string][]string `json:"nodes"`
}

func newKeyStatus(t *tool) *cobra.Command {
	ask := func(c *admin.Client, ctx context.Context) (h holding, err error) {
		s, err := c.Status(ctx)
		if err != nil {
			return h, err
		}
		return holdings(s), nil
	}
	return &cobra.Command{
		Use: "status", Short: "Which secrets each node has, by name, and whether all have the same", Args: cobra.NoArgs,
		Long: "Which secrets each node has that is there, by names that tell nothing of them; the first\nis the one that it uses. Exit codes: 0 all have the same, 1 not, 2 cannot tell.",
		RunE: asking(t, ask, showHolding, func(h holding) bool { return h.Same }),
	}
}

// holdings leaves out who is not there: what it said last counts no more.
func holdings(s *cluster.Status) holding {
	h := holding{Same: true, Nodes: map[string][]string{}}
	var first []string
	for _, n := range s.Nodes {
		if n.State == "failed" || n.State == "left" {
			continue
		}
		if len(h.Nodes) == 0 {
			first = n.Secrets
		}
		h.Nodes[n.Name] = n.Secrets
		h.Same = h.Same && slices.Equal(n.Secrets, first)
	}
	return h
}

func showHolding(w io.Writer, h holding) {
	rows := [][]string{{"NODE", "USES", "ACCEPTS TOO"}}
	for _, name := range slices.Sorted(maps.Keys(h.Nodes)) {
		row := []string{name, "-", "-"}
		if s := h.Nodes[name]; len(s) > 0 {
			row[1] = s[0]
			if len(s) > 1 {
				row[2] = strings.Join(s[1:], " ")
			}
		}
		rows = append(rows, row)
	}
	admin.Table(w, rows, "NODE")
	if h.Same {
		fmt.Fprintln(w, "\nAll have the same.")
	} else {
		fmt.Fprintln(w, "\nNot the same: bring the file to every node and 'gohap keys load' there.")
	}
}
