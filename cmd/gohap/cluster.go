package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gohap/cluster"
	"gohap/cluster/admin"
)

func newCluster(t *tool) *cobra.Command {
	k := group(&cobra.Command{Use: "cluster", Short: "The fleet: its nodes and the configuration that they share"})
	k.AddCommand(newStatus(t), newMembers(t), newApply(t), newDiff(t), newHistory(t), newRollback(t), newShow(t), newRun(t), newLeader(t), newRemove(t))
	return k
}

func newStatus(t *tool) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Every node, and one sentence on the whole", Args: cobra.NoArgs,
		Example: "  gohap cluster status\n  gohap cluster status --json | jq .healthy",
		RunE:    asking(t, (*admin.Client).Status, admin.WriteStatus, func(s *cluster.Status) bool { return s.Healthy }),
	}
}

func newMembers(t *tool) *cobra.Command {
	ask := func(c *admin.Client, ctx context.Context) ([]cluster.NodeStatus, error) {
		s, err := c.Status(ctx)
		if err != nil {
			return nil, err
		}
		return s.Nodes, nil
	}
	return &cobra.Command{
		Use: "members", Short: "Ids and versions of the nodes, and how far others are behind with their tables", Args: cobra.NoArgs,
		RunE: asking(t, ask, func(w io.Writer, nodes []cluster.NodeStatus) {
			rows := [][]string{{"NODE", "ID", "VERSION", "TABLE LAG"}}
			for _, n := range nodes {
				rows = append(rows, []string{n.Name, n.ID, n.Version, (time.Duration(n.TableLag) * time.Millisecond).Round(100 * time.Millisecond).String()})
			}
			admin.Table(w, rows, "NODE")
		}, nil),
	}
}

// report shows what came of something that was applied.
func report(t *tool, w io.Writer, a *cluster.Applied) error {
	return t.show(w, a, func() { showApplied(w, a) }, a.OK())
}

func showApplied(w io.Writer, a *cluster.Applied) {
	tell := func(r cluster.NodeReport, good string) {
		text := good
		if !r.OK {
			text = strings.ReplaceAll(strings.TrimSpace(r.Report), "\n", "\n    ")
		}
		fmt.Fprintf(w, "  %s: %s\n", r.Node, text)
	}
	if a.Error != "" {
		for _, r := range a.Checked {
			tell(r, "takes it")
		}
		fmt.Fprintln(w, "Not applied:", a.Error)
		return
	}
	for _, r := range a.Serving {
		tell(r, "serves it")
	}
	for _, name := range a.Skipped {
		fmt.Fprintf(w, "  %s: not there, gets it when it comes back\n", name)
	}
	if a.OK() {
		fmt.Fprintf(w, "Generation %d is active.\n", a.Generation)
	} else {
		fmt.Fprintf(w, "Generation %d is active, but not every node serves it; those keep trying.\n", a.Generation)
	}
}

func newApply(t *tool) *cobra.Command {
	var paths []string
	var base uint64
	var note string
	var force bool
	k := &cobra.Command{
		Use: "apply -f FILE", Short: "Make a configuration the fleet's", Args: cobra.NoArgs,
		Long: `Makes a configuration the fleet's, with every file that it names. Every live node
checks it first; one that refuses ends it and nothing has changed. Then it is agreed
on, and every node serves it without losing a connection.`,
		Example: "  gohap cluster apply -f /etc/haproxy/haproxy.cfg\n  gohap cluster apply -f haproxy.cfg --base 7 --note 'more servers'",
		RunE: func(c *cobra.Command, _ []string) error {
			if len(paths) == 0 {
				return fmt.Errorf("which configuration? gohap cluster apply -f FILE")
			}
			b, err := gather(c.ErrOrStderr(), paths)
			if err != nil {
				return refused{err}
			}
			a := &admin.Apply{Bundle: b, Note: note, Force: force}
			if c.Flags().Changed("base") {
				a.Base = &base
			}
			return apply(t, c, a)
		},
	}
	k.Flags().StringArrayVarP(&paths, "file", "f", nil, "the configuration, a file or a directory; may be said again")
	k.Flags().Uint64Var(&base, "base", 0, "the generation that it was made of (default: the active one)")
	k.Flags().StringVar(&note, "note", "", "why, for the history")
	k.Flags().BoolVar(&force, "force", false, "also where nodes refuse it: those go on with the former one")
	return k
}

// apply applies and shows what goes on.
func apply(t *tool, c *cobra.Command, a *admin.Apply) error {
	ctx, cancel := t.within(c)
	defer cancel()
	r, err := t.client().Apply(ctx, a, func(text string) {
		if !t.json {
			fmt.Fprintf(c.ErrOrStderr(), "%s ...\n", text)
		}
	})
	if err != nil {
		return err
	}
	return report(t, c.OutOrStdout(), r)
}

func newRollback(t *tool) *cobra.Command {
	var force bool
	k := &cobra.Command{
		Use: "rollback [GENERATION]", Short: "Go back to a former configuration", Args: cobra.MaximumNArgs(1),
		Long:    "Makes a former configuration the active one again, as a new generation: the one before the active one, or the one that is said.",
		Example: "  gohap cluster rollback\n  gohap cluster rollback 7",
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := t.within(c)
			defer cancel()
			h, err := t.client().History(ctx)
			if err != nil {
				return err
			}
			to := uint64(0)
			if len(args) == 1 {
				if to, err = strconv.ParseUint(args[0], 10, 64); err != nil {
					return fmt.Errorf("%q is no generation: 'gohap cluster history' lists them", args[0])
				}
			} else if to = before(h); to == 0 {
				return refused{fmt.Errorf("there is no configuration before generation %d", h.Active)}
			}
			return apply(t, c, &admin.Apply{Rollback: to, Base: &h.Active, Force: force, Note: fmt.Sprintf("back to generation %d", to)})
		},
	}
	k.Flags().BoolVar(&force, "force", false, "also where nodes refuse it")
	return k
}

// before is the generation before the active one, 0 for none: what a rollback went back
// to was not it.
func before(h *admin.History) uint64 {
	at := h.Active
	for _, g := range h.Generations {
		if g.Number == at && g.Of != 0 {
			at = g.Of
		}
	}
	best := uint64(0)
	for _, g := range h.Generations {
		if g.Number < at && g.Number > best && g.Of == 0 {
			best = g.Number
		}
	}
	return best
}

func newHistory(t *tool) *cobra.Command {
	return &cobra.Command{
		Use: "history", Short: "The configurations that there were", Args: cobra.NoArgs,
		RunE: asking(t, (*admin.Client).History, func(w io.Writer, h *admin.History) {
			rows := [][]string{{"GENERATION", "WHEN", "BY", "FILES", "SIZE", "NOTE"}}
			for _, g := range h.Generations {
				n := strconv.FormatUint(g.Number, 10)
				if g.Number == h.Active {
					n += " active"
				}
				rows = append(rows, []string{n, time.Unix(g.At, 0).Format("2006-01-02 15:04:05"), g.By, strconv.Itoa(g.Files), size(g.Size), g.Note})
			}
			admin.Table(w, rows, "NOTE")
		}, nil),
	}
}

func newShow(t *tool) *cobra.Command {
	var file string
	k := &cobra.Command{
		Use: "show [GENERATION]", Short: "A configuration's text, or another of its files", Args: cobra.MaximumNArgs(1),
		Example: "  gohap cluster show\n  gohap cluster show 7 --file maps/hosts.map",
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := t.within(c)
			defer cancel()
			n, err := generation(args, 0)
			if err != nil {
				return err
			}
			b, err := t.client().Bundle(ctx, n)
			if err != nil {
				return err
			}
			if t.json && file == "" {
				return emit(c.OutOrStdout(), b)
			}
			names := b.Main
			if file != "" {
				names = []string{file}
			}
			for _, name := range names {
				text, ok := b.Files[name]
				if !ok {
					return refused{fmt.Errorf("generation %d has no file %s; it has %s", b.Generation, name, strings.Join(sorted(b), ", "))}
				}
				if _, err := c.OutOrStdout().Write(text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	k.Flags().StringVar(&file, "file", "", "another file of it")
	return k
}

// generation reads the argument at a place, 0 for none.
func generation(args []string, at int) (uint64, error) {
	if len(args) <= at {
		return 0, nil
	}
	n, err := strconv.ParseUint(args[at], 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no generation: 'gohap cluster history' lists them", args[at])
	}
	return n, nil
}

func sorted(b *admin.Bundle) (names []string) {
	for name := range b.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func newLeader(t *tool) *cobra.Command {
	k := group(&cobra.Command{Use: "leader", Short: "Who leads the fleet"})
	k.AddCommand(&cobra.Command{
		Use: "transfer [NODE]", Short: "Hand the lead to another node", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: nodeNames(t),
		RunE: doing(t, func(ctx context.Context, c *admin.Client, args []string) error {
			return c.Transfer(ctx, strings.Join(args, ""))
		}),
	})
	return k
}

func newRemove(t *tool) *cobra.Command {
	return &cobra.Command{
		Use: "remove NODE", Short: "Take a node out that is gone for good", Args: cobra.ExactArgs(1),
		ValidArgsFunction: nodeNames(t),
		RunE:              doing(t, func(ctx context.Context, c *admin.Client, args []string) error { return c.Remove(ctx, args[0]) }),
	}
}

// nodeNames are what the shell completes a first word with.
func nodeNames(t *tool, more ...string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		names := slices.Clone(more)
		if s, err := t.client().Status(ctx); err == nil {
			for _, n := range s.Nodes {
				names = append(names, n.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
