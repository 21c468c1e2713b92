package stats

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"gohap/lbcore/cli"
)

// poolQuery is what "show pools" was asked for.
type poolQuery struct {
	by    func(a, b PoolInfo) int // nil: as they come
	match string                  // what names begin with
	most  int                     // how many are listed, 0 for all
}

// poolOrders are the words that choose an order.
var poolOrders = map[string]func(a, b PoolInfo) int{
	"byname":  func(a, b PoolInfo) int { return strings.Compare(a.Name, b.Name) },
	"bysize":  func(a, b PoolInfo) int { return cmp.Compare(b.Size, a.Size) },
	"byusage": func(a, b PoolInfo) int { return cmp.Compare(b.Size*b.Allocated, a.Size*a.Allocated) },
}

func parsePools(words []string) (q poolQuery, ok bool) {
	for i := 0; i < len(words); i++ {
		n, err := strconv.Atoi(words[i])
		switch by := poolOrders[words[i]]; {
		case by != nil:
			q.by = by
		case words[i] == "match" && i+1 < len(words):
			i++
			q.match = words[i]
		case err == nil && n > 0:
			q.most = n
		default:
			return q, false
		}
	}
	return q, true
}

// showPools prints the reference's form without what has no meaning here:
// caches by thread, users, addresses.
func showPools(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	q, ok := parsePools(r.Args)
	if !ok {
		r.Fail("Expects either 'byname', 'bysize', 'byusage', 'match <pfx>', or a max number of output lines.")
		return
	}
	in.writePools(r, &q)
}

// WritePools writes what "show pools" answers; on SIGQUIT the process writes it
// to standard error.
func (in *Instance) WritePools(w io.Writer) { in.writePools(w, &poolQuery{}) }

func (in *Instance) writePools(w io.Writer, q *poolQuery) {
	limited := ""
	if q.most > 0 {
		limited = fmt.Sprintf(" (limited to the first %d entries)", q.most)
	}
	fmt.Fprintf(w, "Dumping pools usage%s. Use SIGQUIT to flush them.\n", limited)
	f := facts{Instance: in, pools: slices.DeleteFunc(in.pools(), func(p PoolInfo) bool { return !strings.HasPrefix(p.Name, q.match) })}
	if q.by != nil {
		slices.SortStableFunc(f.pools, q.by)
	}
	for i, p := range f.pools {
		if q.most > 0 && i >= q.most {
			break
		}
		fmt.Fprintf(w, "  - Pool %s (%d bytes) : %d allocated (%d bytes), %d used, needed_avg %d, 0 failures, 1 users\n",
			p.Name, p.Size, p.Allocated, p.Size*p.Allocated, p.Used, p.Used)
	}
	fmt.Fprintf(w, "Total: %d pools, %d bytes allocated, %d used.\n", len(f.pools), f.pool(), f.poolUsed())
}
