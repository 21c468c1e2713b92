package fetch

import (
	"testing"

	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// unsocketed are the fetches whose value needs a real connection; the test on
// the reference covers their examples.
var unsocketed = map[string]bool{
	"fc_src": true, "fc_src_port": true, "fc_src_is_local": true, "fc_dst": true, "fc_dst_port": true, "fc_dst_is_local": true,
	"bc_err": true, "bc_err_name": true, "bc_err_str": true, "bc_src": true, "bc_src_port": true, "bc_http_major": true, "bc_reused": true,
}

// own tells whether a row belongs to this package.
func own(set *keyword.Set) func(r *keyword.Row) bool {
	mine := keyword.NewSet()
	Register(mine)
	return func(r *keyword.Row) bool { return mine.Lookup(r.Class, r.Name) != nil }
}

func TestExamples(t *testing.T) {
	f := newFabric(t)
	mine := own(f.set)
	for _, row := range f.set.Rows(keyword.Fetch) {
		if !mine(row) {
			continue
		}
		if len(row.Good) == 0 || len(row.Bad) == 0 {
			t.Errorf("%s: no good or no bad example", row.Name)
		}
		for _, g := range row.Good {
			s := f.exchange(t, g.In)
			if got := f.eval(t, s, g.Config); !unsocketed[row.Name] && got != g.Out {
				t.Errorf("%s on %q = %q, want %q", g.Config, g.In, got, g.Out)
			}
		}
		for _, b := range row.Bad {
			if _, rest, err := sample.Compile(f.set, b, sample.Options{Refs: f.refs}); err == nil && rest == "" {
				t.Errorf("%s was accepted", b)
			}
		}
	}
}
