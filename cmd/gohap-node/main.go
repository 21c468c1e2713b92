package main

import (
	"os"

	"gohap/node"
)

func main() { os.Exit(node.Run(os.Args[1:], os.Stdout, os.Stderr)) }
