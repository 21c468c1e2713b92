package main

import (
	"strings"

	"github.com/spf13/cobra"

	"gohap/cluster"
	"gohap/cluster/admin"
)

func newRun(t *tool) *cobra.Command {
	return &cobra.Command{
		Use: "run NODE|all COMMAND", Short: "A command of the stats socket, on a node or on all", Args: cobra.MinimumNArgs(2),
		Long:              "Has a node, or all, execute a command of the stats socket. On a unix stats socket of\nlevel admin the same is '@NODE COMMAND' and '@* COMMAND'.",
		Example:           "  gohap cluster run lb2 show info\n  gohap cluster run all \"show servers state be\"",
		ValidArgsFunction: nodeNames(t, "all"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := t.within(c)
			defer cancel()
			x := admin.Command{Node: args[0], Line: strings.Join(args[1:], " ")}
			if x.Node == "all" {
				x.Node = cluster.AllNodes
			}
			if !t.json {
				return t.client().Run(ctx, x, c.OutOrStdout())
			}
			var said strings.Builder
			if err := t.client().Run(ctx, x, &said); err != nil {
				return err
			}
			return emit(c.OutOrStdout(), map[string]string{"answer": said.String()})
		},
	}
}
