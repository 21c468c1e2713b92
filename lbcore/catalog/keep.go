//go:build !invariants

package catalog

import "gohap/lbcore/keyword"

// disable does nothing outside test builds.
func disable(*keyword.Set) {}
