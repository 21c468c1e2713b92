package node

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"gohap/cluster/admin"
)

// readyTime is how long the node has to say whether it is ready.
const readyTime = 2 * time.Second

// runReady is the verb ready: 0 for yes, 1 for no, 2 where nobody answers.
func runReady(args []string, stdout, stderr io.Writer) int {
	dir, socket := admin.DefaultDir, ""
	for ; len(args) > 0; args = args[2:] {
		switch {
		case len(args) > 1 && args[0] == "--data-dir":
			dir = args[1]
		case len(args) > 1 && args[0] == "--control-socket":
			socket = args[1]
		default:
			fmt.Fprintln(stderr, "Usage: gohap-node ready [--data-dir DIR | --control-socket PATH]\nExit codes: 0 ready, 1 not ready, 2 cannot tell.")
			return 2
		}
	}
	if socket == "" {
		socket = filepath.Join(dir, admin.Socket)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTime)
	defer cancel()
	r, err := admin.NewClient(socket).Ready(ctx)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "gohap-node ready: %s\n", err)
		return 2
	case !r.Ready:
		fmt.Fprintf(stdout, "not ready: %s\n", r.Why)
		return 1
	}
	fmt.Fprintln(stdout, "ready")
	return 0
}
