package fetch

import (
	"net/netip"
	"strings"
	"testing"

	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
	"gohap/stick"
)

// TestTableConverters runs the examples of the converters of stick tables.
func TestTableConverters(t *testing.T) {
	f := newFabric(t)
	n := 0
	for _, row := range f.set.Rows(keyword.Converter) {
		if !strings.HasPrefix(row.Name, "table_") && row.Name != "in_table" {
			continue
		}
		n++
		for _, g := range row.Good {
			if got := f.eval(t, f.exchange(t, ""), g.Config); got != g.Out {
				t.Errorf("%s = %q, want %q", g.Config, got, g.Out)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d converters", n)
	}
}

// TestTableTime: an entry's time is the loop's; looking leaves it, counting does not.
func TestTableTime(t *testing.T) {
	f := newFabric(t)
	table := f.proxies["addresses"].Table
	key := netip.MustParseAddr("192.0.2.99").AsSlice()
	s := f.exchange(t, "")
	at := uint32(s.Now() / 1e6)
	e, _, ok := table.Create(key, at-20_000) // of the 60 s that it lives
	if !ok {
		t.Fatal("no room")
	}
	e.TouchFor(at-20_000, 60_000)
	for _, x := range []struct{ text, want string }{
		{"ipv4(192.0.2.99),table_expire(addresses)", "40000"},
		{"ipv4(192.0.2.99),table_idle(addresses)", "20000"},
		{"ipv4(192.0.2.99),table_trackers(addresses)", "1"},
		{"ipv4(192.0.2.99),table_gpc0(addresses)", "0"},
		{"ipv4(192.0.2.99),table_expire(addresses)", "40000"},
		{"ipv4(192.0.2.99),table_inc_gpc0(addresses)", "1"},
		{"ipv4(192.0.2.99),table_expire(addresses)", "60000"},
	} {
		if got := f.eval(t, s, x.text); got != x.want {
			t.Errorf("%s = %q, want %q", x.text, got, x.want)
		}
	}
	e.Release()
	if e.Holds() != 0 {
		t.Errorf("%d holds are left", e.Holds())
	}
	if e.Get(stick.GPC0, 0) != 1 {
		t.Error("nothing was counted")
	}
}

// TestTableAllocates: looking up and counting allocate nothing.
func TestTableAllocates(t *testing.T) {
	f := newFabric(t)
	s := f.exchange(t, "")
	f.track(t, s)
	for _, text := range []string{
		"src,table_gpc0(addresses)", "src,in_table(addresses)", "src,table_inc_gpc0(counted)", "src,table_idle(counted,5)", "str(192.0.2.1),table_trackers(counted)",
		"sc_http_req_rate(0)", "sc0_conn_cur", "sc0_inc_gpc0", "sc0_conn_cnt(u)", "src_conn_cur(t)", "src_inc_gpc0(u)", "sc0_tracked",
	} {
		e, rest, err := sample.Compile(f.set, text, sample.Options{Refs: f.refs})
		if err != nil || rest != "" {
			t.Fatalf("%s: %v", text, err)
		}
		var v sample.Sample
		run := func() {
			s.Arena.Reset()
			if !e.Eval(&s.Ctx, sample.Any, &v) {
				t.Fatalf("%s has no value", text)
			}
		}
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}
