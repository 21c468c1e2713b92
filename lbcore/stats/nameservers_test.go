package stats

import (
	"encoding/json"
	"strings"
	"testing"

	"gohap/resolvers"
)

// All forms say the same of several name servers, and JSON is JSON.
func TestNameservers(t *testing.T) {
	one, two := resolvers.New("one"), resolvers.New(`t"wo`)
	one.Add(&resolvers.Nameserver{Name: "n1"})
	one.Add(&resolvers.Nameserver{Name: "n2"})
	two.Add(&resolvers.Nameserver{Name: "n,1"})
	one.Servers[1].NX.Add(7)
	two.Servers[0].Outdated.Add(3)
	in := &Instance{Resolvers: []*resolvers.Section{one, two}}
	say := func(form string) string {
		var b strings.Builder
		in.WriteNameservers(&b, Query{Form: form})
		return b.String()
	}
	const want = "# id,pid,sent,send_error,valid,update,cname,cname_error,any_err,nx,timeout,refused,other,invalid,too_big,truncated,outdated,\n" +
		"n1,one,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,\n" +
		"n2,one,0,0,0,0,0,0,0,7,0,0,0,0,0,0,0,\n" +
		"\"n,1\",\"t\"\"wo\",0,0,0,0,0,0,0,0,0,0,0,0,0,0,3,\n"
	if got := say("csv"); got != want {
		t.Errorf("CSV:\n%s", got)
	}
	if got := say("typed"); !strings.Contains(got, "N.9.nx:MGP:u64:7\n") || strings.Count(got, "\n") != 3*17 {
		t.Errorf("typed:\n%s", got)
	}
	var rows [][]struct {
		Field struct{ Name string }
		Value struct{ Value any }
	}
	if err := json.Unmarshal([]byte(say("json")), &rows); err != nil || len(rows) != 3 {
		t.Fatalf("%v: %s", err, say("json"))
	}
	if x := rows[2][16]; x.Field.Name != "outdated" || x.Value.Value != 3.0 || rows[2][1].Value.Value != `t"wo` {
		t.Errorf("JSON: %+v", rows[2])
	}
	in.clearNameservers()
	if got := say("csv"); strings.Contains(got, "7") || strings.Contains(got, "3") {
		t.Errorf("cleared:\n%s", got)
	}
}
