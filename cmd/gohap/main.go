package main

import (
	"fmt"
	"os"

	"gohap/lbcore"
)

func main() {
	if len(os.Args) == 2 && (os.Args[1] == "version" || os.Args[1] == "--version") {
		fmt.Println("gohap", lbcore.Version)
		return
	}
	fmt.Fprintln(os.Stderr, "gohap: the fleet's commands (cluster, node, keys, tables, vip) are not implemented yet; only 'gohap version' is")
	os.Exit(2)
}
