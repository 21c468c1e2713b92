package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"gohap/e2e/oracle"
	"gohap/lbcore/catalog"
	"gohap/node"
)

// target is where the list stands, from the repository's root.
const target = "docs/keywords.md"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := oracle.Root()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	render(&out, catalog.New(node.Register))
	return os.WriteFile(filepath.Join(root, target), out.Bytes(), 0o644)
}
