package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gohap/cluster/admin"
)

func newDiff(t *tool) *cobra.Command {
	var paths []string
	k := &cobra.Command{
		Use: "diff [G1] [G2]", Short: "What differs between two configurations", Args: cobra.MaximumNArgs(2),
		Long: `What differs between two generations; without the second one, between the first and
the active one; without any, between the one before and the active one. With -f,
between the active one and files. Of private keys it is said that they differ, no more.`,
		Example: "  gohap cluster diff\n  gohap cluster diff 6 8\n  gohap cluster diff -f haproxy.cfg",
		RunE: func(c *cobra.Command, args []string) error {
			a, b, err := sides(t, c, args, paths)
			if err != nil {
				return err
			}
			if !t.json {
				return showDiff(c.OutOrStdout(), a, b)
			}
			var text strings.Builder
			err = showDiff(&text, a, b)
			if err != nil && !errors.Is(err, errDegraded) {
				return err
			}
			return t.show(c.OutOrStdout(), map[string]any{"same": err == nil, "diff": text.String()}, nil, err == nil)
		},
	}
	k.Flags().StringArrayVarP(&paths, "file", "f", nil, "compare the active one with this configuration")
	return k
}

// sides fetches what is to be compared.
func sides(t *tool, c *cobra.Command, args, paths []string) (a, b *admin.Bundle, err error) {
	ctx, cancel := t.within(c)
	defer cancel()
	from, err := generation(args, 0)
	if err != nil {
		return nil, nil, err
	}
	to, err := generation(args, 1)
	if err != nil {
		return nil, nil, err
	}
	if len(paths) > 0 {
		if b, err = gather(c.ErrOrStderr(), paths); err != nil {
			return nil, nil, refused{err}
		}
	} else if from == 0 {
		h, err := t.client().History(ctx)
		if err != nil {
			return nil, nil, err
		}
		if from = before(h); from == 0 {
			return nil, nil, refused{fmt.Errorf("there is no configuration before generation %d", h.Active)}
		}
	}
	if a, err = t.client().Bundle(ctx, from); err != nil {
		return nil, nil, err
	}
	if b == nil {
		b, err = t.client().Bundle(ctx, to)
	}
	return a, b, err
}

// showDiff writes what differs, file by file, as diff -u does; the error is errDegraded
// where something does.
func showDiff(w io.Writer, a, b *admin.Bundle) error {
	names := append(sorted(a), sorted(b)...)
	slices.Sort(names)
	differs := false
	for _, name := range slices.Compact(names) {
		x, inA := a.Files[name]
		y, inB := b.Files[name]
		if inA && inB && bytes.Equal(x, y) {
			continue
		}
		differs = true
		switch {
		case !inA:
			fmt.Fprintf(w, "only in the second: %s (%s)\n", name, size(int64(len(y))))
		case !inB:
			fmt.Fprintf(w, "only in the first: %s (%s)\n", name, size(int64(len(x))))
		case secret(x) || secret(y) || bytes.IndexByte(x, 0) >= 0 || bytes.IndexByte(y, 0) >= 0:
			fmt.Fprintf(w, "differs: %s\n", name)
		default:
			if err := unified(w, name, x, y); err != nil {
				return err
			}
		}
	}
	if differs {
		return errDegraded
	}
	return nil
}

func secret(text []byte) bool { return bytes.Contains(text, []byte("PRIVATE KEY")) }

// unified has diff compare two texts.
func unified(w io.Writer, name string, a, b []byte) error {
	dir, err := os.MkdirTemp("", "gohap-diff")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for side, text := range map[string][]byte{"a": a, "b": b} {
		if err := os.WriteFile(filepath.Join(dir, side), text, 0o600); err != nil {
			return err
		}
	}
	d := exec.Command("diff", "-u", "--label", "a/"+name, "--label", "b/"+name, filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	d.Stdout, d.Stderr = w, w
	if err := d.Run(); err != nil && d.ProcessState == nil {
		fmt.Fprintf(w, "differs: %s (without the program diff it is not shown how)\n", name)
	}
	return nil
}
