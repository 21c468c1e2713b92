package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTablesLiveOn: what stick tables hold is there behind a reload: all of it where
// they are declared alike, or with another size or expiry; with other data or keys
// they begin empty, and that is said. So it is when a table comes to the fleet, goes on
// in it and leaves it.
func TestTablesLiveOn(t *testing.T) {
	s := serve(t)
	declare := func(i int, table string) {
		text := fmt.Sprintf(reloadable, 2, filepath.Dir(s.path)+"/cli", s.port, 2)
		text = strings.Replace(text, "    http-request return", table+"    http-request return", 1)
		text = strings.Replace(text, `string "2"`, `lf-string "%[src,table_inc_gpc0]"`, 1)
		if err := os.WriteFile(s.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := s.Reload()
		if !r.Ready {
			t.Fatalf("%s: %s", table, r.Log)
		}
		if empty := strings.Contains(r.Log, "stick-table 'web'") && strings.Contains(r.Log, "begins empty"); empty != (i == 4) {
			t.Errorf("%s: it said %q", table, r.Log)
		}
	}
	for i, x := range []struct{ table, want string }{
		{"    stick-table type ip size 100 expire 1m store gpc0,conn_cnt\n", "1"},
		{"    stick-table type ip size 100 expire 1m store conn_cnt,gpc0\n", "2"},
		{"    stick-table type ip size 200 expire 2m store gpc0,conn_cnt\n", "3"},
		{"    stick-table type ip size 200 store gpc0,conn_cnt\n", "4"},
		{"    stick-table type ip size 200 store gpc0,gpt0\n", "1"},
		{"    stick-table type ip size 200 store gpc0,gpt0 peers fleet\n", "2"},
		{"    stick-table type ip size 200 store gpt0,gpc0 peers fleet\n", "3"},
		{"    stick-table type ip size 400 expire 1h store gpt0,gpc0 peers fleet\n", "4"},
		{"    stick-table type ip size 400 expire 1h store gpt0,gpc0 peers fleet\n", "5"},
		{"    stick-table type ip size 400 store gpt0,gpc0\n", "6"},
	} {
		declare(i, x.table)
		if got, err := s.once(); err != nil || got != x.want {
			t.Errorf("reload %d: %q, %v, want %q", i, got, err, x.want)
		}
	}
}
