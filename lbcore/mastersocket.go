package lbcore

import (
	"strings"

	"gohap/lbcore/build"
	"gohap/lbcore/cli"
	"gohap/lbcore/config"
)

// MasterSocket reads flag -S: an address and options, between commas. What is
// wrong is told on standard error; ok is false then.
func MasterSocket(o *Options, text string) (k cli.Socket, ok bool) {
	diag := o.Diagnostics()
	k = build.New(o.words(), diag, config.NewEnviron(o.Env)).ReadSocket(strings.Split(text, ","))
	return k, diag.Errors() == 0
}
