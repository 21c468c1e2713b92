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
// they begin empty, and that is said.
func TestTablesLiveOn(t *testing.T) {
	s := serve(t)
	declare := func(table string) {
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
		if empty := strings.Contains(r.Log, "stick-table 'web'") && strings.Contains(r.Log, "begins empty"); empty != strings.Contains(table, "gpt0") {
			t.Errorf("%s: it said %q", table, r.Log)
		}
	}
	for i, x := range []struct{ table, want string }{
		{"    stick-table type ip size 100 expire 1m store gpc0,conn_cnt\n", "1"},
		{"    stick-table type ip size 100 expire 1m store conn_cnt,gpc0\n", "2"},
		{"    stick-table type ip size 200 expire 2m store gpc0,conn_cnt\n", "3"},
		{"    stick-table type ip size 200 store gpc0,conn_cnt\n", "4"},
		{"    stick-table type ip size 200 store gpc0,gpt0\n", "1"},
	} {
		declare(x.table)
		if got, err := s.once(); err != nil || got != x.want {
			t.Errorf("reload %d: %q, %v, want %q", i, got, err, x.want)
		}
	}
}
