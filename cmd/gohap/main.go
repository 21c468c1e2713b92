package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"gohap/cluster/admin"
	"gohap/lbcore"
)

// Exit codes.
const (
	exitFine     = 0
	exitDegraded = 1 // or refused
	exitUnknown  = 2 // cannot tell
)

// degraded is an error that has been shown already.
var errDegraded = errors.New("degraded")

// refused is what is not so or was not done, as opposed to what could not be asked.
type refused struct{ error }

// tool is what every command shares.
type tool struct {
	socket  string
	json    bool
	timeout time.Duration
}

func (t *tool) client() *admin.Client { return admin.NewClient(t.socket) }

// within is a context for a command.
func (t *tool) within(c *cobra.Command) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Context(), t.timeout)
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errDegraded):
		return exitDegraded
	}
	fmt.Fprintln(os.Stderr, "gohap:", err)
	var no *admin.Refusal
	if errors.As(err, &refused{}) || errors.As(err, &no) {
		return exitDegraded
	}
	return exitUnknown
}

// show shows a value: as it is with --json, else as text does. What is not fine makes
// the tool's exit code.
func (t *tool) show(w io.Writer, v any, text func(), fine bool) error {
	if t.json {
		if err := emit(w, v); err != nil {
			return err
		}
	} else {
		text()
	}
	if !fine {
		return errDegraded
	}
	return nil
}

// doing is what a command does that has the node do one thing.
func doing(t *tool, do func(ctx context.Context, c *admin.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		ctx, cancel := t.within(c)
		defer cancel()
		if err := do(ctx, t.client(), args); err != nil {
			return err
		}
		w := c.OutOrStdout()
		return t.show(w, map[string]bool{"done": true}, func() {}, true)
	}
}

// asking is what a command does that asks the node one thing and shows what it answers;
// fine tells whether all is well, nil for always.
func asking[T any](t *tool, ask func(*admin.Client, context.Context) (T, error), text func(io.Writer, T), fine func(T) bool) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		ctx, cancel := t.within(c)
		defer cancel()
		v, err := ask(t.client(), ctx)
		if err != nil {
			return err
		}
		w := c.OutOrStdout()
		return t.show(w, v, func() { text(w, v) }, fine == nil || fine(v))
	}
}

// group makes a command that only has others below it.
func group(k *cobra.Command) *cobra.Command {
	k.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		text := fmt.Sprintf("%s has no command %q", c.CommandPath(), args[0])
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			text += "; is it " + near[0] + "?"
		}
		return fmt.Errorf("%s ('%s --help' lists them)", text, c.CommandPath())
	}
	k.Args, k.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	return k
}

func newRoot() *cobra.Command {
	t := &tool{}
	root := group(&cobra.Command{
		Use: "gohap", Short: "Look at and change a fleet of load balancers",
		Long: `Look at and change a fleet of load balancers.

Asks the node of this machine, over the socket in its data directory.
Exit codes: 0 fine, 1 degraded or refused, 2 cannot tell.`,
		Version: lbcore.Version, SilenceErrors: true, SilenceUsage: true,
	})
	root.SetVersionTemplate("gohap {{.Version}}\n")
	f := root.PersistentFlags()
	f.StringVar(&t.socket, "socket", filepath.Join(admin.DefaultDir, admin.Socket), "the node's control socket")
	f.BoolVar(&t.json, "json", false, "answer in JSON, for programs")
	f.DurationVar(&t.timeout, "timeout", time.Minute, "how long to wait for an answer")
	root.AddCommand(newCluster(t), newKeys(t), newNode(t), newTables(t), newVIP(t), &cobra.Command{
		Use: "version", Short: "The version of this program", Args: cobra.NoArgs,
		Run: func(c *cobra.Command, _ []string) { fmt.Fprintln(c.OutOrStdout(), "gohap", lbcore.Version) },
	})
	return root
}
