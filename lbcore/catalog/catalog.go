package catalog

import (
	"gohap/lbcore/acl"
	"gohap/lbcore/action"
	"gohap/lbcore/build"
	"gohap/lbcore/cli"
	"gohap/lbcore/config"
	"gohap/lbcore/control"
	"gohap/lbcore/fetch"
	"gohap/lbcore/keyword"
	"gohap/lbcore/log"
	"gohap/lbcore/sample"
	"gohap/lbcore/stats"
)

// registrars are the packages' Register functions.
var registrars = []func(*keyword.Set){
	config.Register,
	build.Register,
	acl.Register,
	sample.Register,
	fetch.Register,
	action.Register,
	log.Register,
	cli.Register,
	stats.Register,
	control.Register,
}

// New returns a registry with every word, and those of the packages above whose
// Register is given: the command line's and the signals' are node's.
func New(above ...func(*keyword.Set)) *keyword.Set {
	set := keyword.NewSet()
	for _, register := range append(registrars, above...) {
		register(set)
	}
	disable(set)
	return set
}
