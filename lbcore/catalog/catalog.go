package catalog

import (
	"gohap/lbcore/acl"
	"gohap/lbcore/action"
	"gohap/lbcore/build"
	"gohap/lbcore/cli"
	"gohap/lbcore/config"
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
}

// New returns a registry with every word.
func New() *keyword.Set {
	set := keyword.NewSet()
	for _, register := range registrars {
		register(set)
	}
	disable(set)
	return set
}
