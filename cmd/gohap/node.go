package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newNode(t *tool) *cobra.Command {
	k := group(&cobra.Command{Use: "node", Short: "The node of this machine"})
	k.AddCommand(&cobra.Command{
		Use: "status", Short: "Who the node is, and how it sees itself", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := t.within(c)
			defer cancel()
			s, err := t.client().Self(ctx)
			if err != nil {
				return err
			}
			st, err := t.client().Status(ctx)
			if err != nil {
				return err
			}
			if t.json {
				return emit(c.OutOrStdout(), s)
			}
			w := c.OutOrStdout()
			fmt.Fprintf(w, "name     %s\nid       %s\naddress  %s\ndata     %s\nversion  %s\n", s.Name, s.ID, s.Address, s.Dir, s.Version)
			for _, n := range st.Nodes {
				if n.ID == s.ID {
					fmt.Fprintf(w, "state    %s\nserves   generation %d\n", n.State, n.Generation)
				}
			}
			return nil
		},
	})
	return k
}
