package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"gohap/cluster/admin"
	"gohap/lbcore"
)

// gather reads a configuration of this machine with every file that it names, and
// checks it; what is wrong is told to w.
func gather(w io.Writer, paths []string) (*admin.Bundle, error) {
	host, _ := os.Hostname()
	path, _ := os.Executable()
	g, ok := lbcore.Gather(&lbcore.Options{Paths: paths, Stderr: w, Env: os.Environ(), LocalPeer: host, Path: path})
	if !ok {
		return nil, fmt.Errorf("%s is not valid; nothing changed", strings.Join(paths, ", "))
	}
	return &admin.Bundle{Dir: g.Dir, Main: g.Main, Files: g.Files}, nil
}
