package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"gohap/cluster/admin"
)

func newNode(t *tool) *cobra.Command {
	k := group(&cobra.Command{Use: "node", Short: "The node of this machine: its state, in service and out of it"})
	k.AddCommand(newNodeStatus(t), newReady(t), newDrain(t), newUndrain(t), newLeave(t))
	return k
}

// seen is who a node is, and how it sees itself.
type seen struct {
	*admin.Self
	State      string `json:"state"`
	Generation uint64 `json:"generation"`
}

func newNodeStatus(t *tool) *cobra.Command {
	ask := func(c *admin.Client, ctx context.Context) (s seen, err error) {
		if s.Self, err = c.Self(ctx); err != nil {
			return s, err
		}
		all, err := c.Status(ctx)
		if err != nil {
			return s, err
		}
		for _, n := range all.Nodes {
			if n.ID == s.ID {
				s.State, s.Generation = n.State, n.Generation
			}
		}
		return s, nil
	}
	return &cobra.Command{
		Use: "status", Short: "Who the node is, and how it sees itself", Args: cobra.NoArgs,
		RunE: asking(t, ask, func(w io.Writer, s seen) {
			fmt.Fprintf(w, "name     %s\nid       %s\naddress  %s\ndata     %s\nversion  %s\nstate    %s\nserves   generation %d\n",
				s.Name, s.ID, s.Address, s.Dir, s.Version, s.State, s.Generation)
		}, nil),
	}
}

func newReady(t *tool) *cobra.Command {
	return &cobra.Command{
		Use: "ready", Short: "Whether clients can be sent to the node", Args: cobra.NoArgs,
		Long: "Whether clients can be sent to the node: it serves, its listeners are bound, it is not\ndraining. Exit codes: 0 yes, 1 no, 2 cannot tell.",
		RunE: asking(t, (*admin.Client).Ready, func(w io.Writer, r *admin.Ready) {
			if r.Ready {
				fmt.Fprintln(w, "ready")
			} else {
				fmt.Fprintln(w, "not ready:", r.Why)
			}
		}, func(r *admin.Ready) bool { return r.Ready }),
	}
}

// drain takes the node out of service and shows what goes on.
func drain(ctx context.Context, t *tool, c *cobra.Command, d admin.Drain) error {
	left, err := t.client().Drain(ctx, d, func(text string) {
		if !t.json {
			fmt.Fprintf(c.ErrOrStderr(), "%s ...\n", text)
		}
	})
	if err != nil {
		return err
	}
	if t.json {
		return emit(c.OutOrStdout(), admin.Drained{Done: true, Left: left})
	}
	fmt.Fprintf(c.OutOrStdout(), "The node is out of service; %d connections are left.\n", left)
	return nil
}

func newDrain(t *tool) *cobra.Command {
	var wait time.Duration
	k := &cobra.Command{
		Use: "drain", Short: "Take the node out of service, losing no request", Args: cobra.NoArgs,
		Long: `Takes the node out of service, losing no request: the others see it, the lead goes to
another node, keep-alive is switched off, new connections are ignored so that clients
try again, requests under way end, and then keepalived takes the address away. The node
goes on running; a reload does not change that it is out of service.`,
		Example: "  gohap node drain\n  gohap node drain --wait 1m",
		RunE: func(c *cobra.Command, _ []string) error {
			return drain(c.Context(), t, c, admin.Drain{Wait: wait})
		},
	}
	waiting(k, &wait)
	return k
}

func waiting(k *cobra.Command, wait *time.Duration) {
	k.Flags().DurationVar(wait, "wait", 10*time.Second, "how long requests under way may take; new clients wait as long")
}

func newUndrain(t *tool) *cobra.Command {
	return &cobra.Command{
		Use: "undrain", Short: "Take the node back into service", Args: cobra.NoArgs,
		RunE: doing(t, func(ctx context.Context, c *admin.Client, _ []string) error { return c.Undrain(ctx) }),
	}
}

func newLeave(t *tool) *cobra.Command {
	var wait time.Duration
	k := &cobra.Command{
		Use: "leave", Short: "Take the node out of service and stop it", Args: cobra.NoArgs,
		Long: `Takes the node out of service as drain does, and stops it then. It stays a member: start
it again, or 'gohap cluster remove' it on another node. Returns when it has stopped.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := drain(c.Context(), t, c, admin.Drain{Wait: wait, Stop: true}); err != nil {
				return err
			}
			ctx, cancel := t.within(c)
			defer cancel()
			return gone(ctx, t)
		},
	}
	waiting(k, &wait)
	return k
}

// gone waits until nobody answers at the node's socket.
func gone(ctx context.Context, t *tool) error {
	for {
		if _, err := t.client().Self(ctx); err != nil && ctx.Err() == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return refused{errors.New("the node still ends: connections are left that go on (hard-stop-after bounds that)")}
		}
	}
}
