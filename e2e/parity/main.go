package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gohap/e2e/oracle"
	"gohap/lbcore/catalog"
	"gohap/lbcore/keyword"
	"gohap/node"
)

func main() {
	asJSON := flag.Bool("json", false, "print JSON")
	missing := flag.String("missing", "", "list what a `class` lacks, or \"all\"")
	flag.Parse()
	if err := run(os.Stdout, *asJSON, *missing); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, asJSON bool, missing string) error {
	root, err := oracle.Root()
	if err != nil {
		return err
	}
	named, err := readEvidence(filepath.Join(root, "e2e/vtc"), filepath.Join(root, "lbcore/build/testdata"))
	if err != nil {
		return err
	}
	r := count(catalog.New(node.Register), named)
	switch {
	case missing != "":
		return r.printMissing(w, keyword.Class(missing))
	case asJSON:
		out := json.NewEncoder(w)
		out.SetIndent("", " ")
		return out.Encode(r)
	}
	return r.print(w)
}
