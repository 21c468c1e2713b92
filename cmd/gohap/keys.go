package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gohap/cluster/keyring"
)

func newKeys() *cobra.Command {
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
		Long: `The steps from one secret to the next. Each is done once, its file goes to every
node, and every node has it before the next step:

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
			fmt.Fprintf(c.OutOrStdout(), "%s has %d secrets; bring it to every node before the next step\n", args[0], len(all))
			return nil
		}})
	}
	k.AddCommand(fresh, rotate)
	return k
}
