package action

import (
	"testing"

	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/stick"
)

// TestCounting runs the actions on singles and on arrays: what an entry does not
// store is left out.
func TestCounting(t *testing.T) {
	lines := []string{"track-sc0 src", "track-sc0 dst", "sc-inc-gpc0(0)", "sc-inc-gpc0(0)", "sc-inc-gpc1(0)", "sc-set-gpt0(0) 7",
		"sc-inc-gpc(1,0)", "sc-add-gpc(1,0) 5", "sc-add-gpc(1,0) req.hdr(n)", "sc-add-gpc(1,0) req.hdr(none)", "sc-set-gpt(1,0) req.hdr(n)", "sc-inc-gpc(2,0)", "sc-inc-gpc0(1)", "sc-inc-gpc0(2)"}
	for _, c := range []struct {
		name  string
		store []stick.Stored
		want  map[stick.Data][]uint64
	}{
		{"singles", []stick.Stored{{Data: stick.GPC0, N: 1}, {Data: stick.GPC0Rate, N: 1, Period: 10000}, {Data: stick.GPC1, N: 1}, {Data: stick.GPT0, N: 1}, {Data: stick.ConnCnt, N: 1}},
			map[stick.Data][]uint64{stick.GPC0: {2}, stick.GPC0Rate: {2}, stick.GPC1: {1}, stick.GPT0: {7}, stick.ConnCnt: {1}}},
		{"arrays", []stick.Stored{{Data: stick.GPC, N: 2}, {Data: stick.GPCRate, N: 2, Period: 10000}, {Data: stick.GPT, N: 2}},
			map[stick.Data][]uint64{stick.GPC: {2, 1 + 1 + 5 + 33}, stick.GPCRate: {2, 40}, stick.GPT: {7, 33}}},
	} {
		f := newFabric(t)
		table, err := stick.New(stick.Config{Name: "t", Key: stick.KeyIPv4, Size: 10, Store: c.store}, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.table = &proxy.Table{Table: table}
		s := f.stream(t, "GET / HTTP/1.1\nhost: x\nn: 33")
		if v := f.run(t, keyword.HTTPReq, &s.Ctx, lines...); v != rule.Continue {
			t.Errorf("%s: verdict %d", c.name, v)
		}
		now := uint32(f.worker.Loop.Now() / 1e6)
		e, ok := table.Get([]byte{127, 0, 0, 1}, now) // the first rule won
		if !ok || table.Len() != 1 || e.Holds() != 2 || f.worker.Tracked() != 1 {
			t.Fatalf("%s: entry %v, %d entries, %d tracked", c.name, ok, table.Len(), f.worker.Tracked())
		}
		for d, list := range c.want {
			for i, want := range list {
				got := e.Get(d, i)
				if d.Form() == stick.Rate {
					got = uint64(e.Rate(d, i, now))
				}
				if got != want {
					t.Errorf("%s: %v(%d) is %d, want %d", c.name, d, i, got, want)
				}
			}
		}
	}
}

// TestCounterMessages holds the complaints against the reference's (3.2).
func TestCounterMessages(t *testing.T) {
	f := newFabric(t)
	for line, want := range map[string]string{
		"track-sc0":                  "missing fetch method",
		"track-sc0 nope":             "unknown fetch method 'nope'",
		"track-sc0 src table":        "missing table name",
		"track-sc3 src":              "3 track-sc number exceeding 2 (tune.stick-counters-1) value",
		"track-scx src":              "Wrong track-sc number 'x'",
		"track-sc0x src":             "Wrong track-sc number '0x'",
		"sc-inc-gpc0(3)":             "invalid stick table track ID. The max allowed ID is 2 (tune.stick-counters)",
		"sc-inc-gpc0(x)":             "invalid stick table track ID. Expects sc-inc-gpc0(x)(<Track ID>)",
		"sc-inc-gpc0(0":              "invalid stick table track ID. Expects sc-inc-gpc0(0(<Track ID>)",
		"sc-inc-gpc(0)":              "Missing gpc ID 'sc-inc-gpc(0)'. Expects sc-inc-gpc(<GPC ID>,<Track ID>)",
		"sc-inc-gpc(x,0)":            "Missing gpc ID 'sc-inc-gpc(x,0)'. Expects sc-inc-gpc(<GPC ID>,<Track ID>)",
		"sc-inc-gpc(0,x)":            "invalid stick table track ID 'sc-inc-gpc(0,x)'. Expects sc-inc-gpc(<GPC ID>,<Track ID>)",
		"sc-inc-gpc(0,3)":            "invalid stick table track ID 'sc-inc-gpc(0,3)'. The max allowed ID is 2 (tune.stick-counters)",
		"sc-inc-gpc":                 "invalid gpc ID 'sc-inc-gpc'. Expects sc-inc-gpc(<GPC ID>,<Track ID>)",
		"sc-add-gpc":                 "Missing or invalid arguments for 'sc-add-gpc'. Expects sc-add-gpc(<GPC ID>,<Track ID>)",
		"sc-add-gpc(0) 5":            "Missing gpc ID. Expects sc-add-gpc(0)(<GPC ID>,<Track ID>)",
		"sc-add-gpc(0,0) nope":       "unknown fetch method 'nope'",
		"sc-set-gpt0(3) 5":           "invalid stick table track ID 'sc-set-gpt0(3)'. The max allowed ID is 2",
		"sc-set-gpt0(x) 5":           "invalid stick table track ID 'sc-set-gpt0(x)'. Expects sc-set-gpt0(<Track ID>)",
		"sc-set-gpt(0) 5":            "Missing gpt ID 'sc-set-gpt(0)'. Expects sc-set-gpt(<GPT ID>,<Track ID>)",
		"sc-set-gpt(0,3) 5":          "invalid stick table track ID 'sc-set-gpt(0,3)'. The max allowed ID is 2",
		"sc-set-gpt(0,0) res.hdr(a)": "fetch method 'res.hdr(a)' extracts information from 'HTTP response headers', none of which is available here",
	} {
		_, err := f.parse(keyword.HTTPReq, split(t, line), func(string) {})
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", line, err, want)
		}
	}
}
