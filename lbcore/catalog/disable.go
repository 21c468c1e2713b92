//go:build invariants

package catalog

import (
	"fmt"
	"os"
	"strings"

	"gohap/lbcore/keyword"
)

// disable takes the words out that GOHAP_DISABLE names ("class:name", several
// parted by "|"), in test builds only: a scenario that names a word must fail
// without it.
func disable(set *keyword.Set) {
	for item := range strings.SplitSeq(os.Getenv("GOHAP_DISABLE"), "|") {
		class, name, ok := strings.Cut(item, ":")
		// A class's own name may hold a colon ("actions: http-request").
		for ok && !set.Remove(keyword.Class(class), name) {
			more, rest, found := strings.Cut(name, ":")
			if !found {
				fmt.Fprintf(os.Stderr, "GOHAP_DISABLE: there is no word %q to disable\n", item)
				break
			}
			class, name = class+":"+more, rest
		}
	}
}
