package stats

import (
	"reflect"
	"strings"
	"testing"

	"gohap/lbcore/proxy"
)

func TestWanted(t *testing.T) {
	for rest, want := range map[string]wanted{
		"":                              {form: "html"},
		"/x?y":                          {form: "html"},
		";csv":                          {form: "csv"},
		"?x;csvx":                       {form: "csv"},
		";json":                         {form: "json"},
		";json-schema":                  {form: "json-schema"},
		";typed;norefresh;no-maint":     {form: "typed", norefresh: true, noMaint: true},
		";up;st=DONE?scope=be":          {form: "html", up: true, st: "DONE", scope: "be"},
		";st=done":                      {form: "html", st: "UNKN"},
		";st=DON":                       {form: "html"},
		"?scope=a-b_c.d:e&x=1":          {form: "html", scope: "a-b_c.d:e"},
		"?scope=be;up":                  {form: "html", up: true, scope: "be"},
		"?scope=a%22b":                  {form: "html"},
		"?scope=<script>":               {form: "html"},
		"?scope=1234567890123456789012": {form: "html", scope: "12345678901234567890"},
	} {
		if got := parseWanted(rest); got != want {
			t.Errorf("%q\ngot  %+v\nwant %+v", rest, got, want)
		}
	}
}

func FuzzWanted(f *testing.F) {
	f.Add(";csv;up;norefresh;st=DONE?scope=be")
	f.Fuzz(func(t *testing.T, rest string) {
		w := parseWanted(rest)
		if contentTypes[w.form] == nil {
			t.Errorf("no such form: %q", w.form)
		}
		if w.st != "" && messages[w.st].class == "" || len(w.scope) > scopeLen || strings.ContainsAny(w.scope, "<>&\"'%") {
			t.Errorf("%q: %+v", rest, w)
		}
	})
}

func TestForm(t *testing.T) {
	for text, want := range map[string]formData{
		"":                                  {},
		"x&y=1&&s":                          {},
		"s=a&s=b%2bc+d&action=drain&b=%235": {servers: []string{"a", "b+c d"}, action: "drain", hasAction: true, backend: "#5", hasB: true},
		"b=x&action=maint&b=y&action=":      {backend: "y", hasB: true, hasAction: true},
		"s=a=b":                             {servers: []string{"a=b"}},
	} {
		got, ok := parseForm(text)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v\ngot  %+v\nwant %+v", text, ok, got, want)
		}
	}
	for _, text := range []string{"s=%", "s=%2", "b=x&s=%zz", "z=%g0"} {
		if _, ok := parseForm(text); ok {
			t.Errorf("%q was taken", text)
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add("s=s1&s=s%32&action=drain&b=%232")
	f.Fuzz(func(t *testing.T, text string) {
		form, ok := parseForm(text)
		if ok && len(form.servers) > strings.Count(text, "s=") {
			t.Errorf("%q: %d servers", text, len(form.servers))
		}
	})
}

func TestSelection(t *testing.T) {
	all := func() (p [parts]bool) {
		for i := range p {
			p[i] = true
		}
		return p
	}()
	for query, want := range map[string]selection{
		"":                                      {parts: all},
		"zzz&a=b":                               {parts: all},
		"scope=":                                {},
		"scope=global&scope=server":             {parts: [parts]bool{partGlobal: true, partServer: true}},
		"%73cope=glo%62al":                      {parts: [parts]bool{partGlobal: true}},
		"scope=server&scope=*":                  {parts: all},
		"scope=server&scope=":                   {},
		"no-maint&extra-counters=1&desc-labels": {parts: all, noMaint: true, extra: true, descLabels: true},
		"metrics=a,-b,,c&metrics=d":             {parts: all, only: map[string]bool{"a": true, "c": true, "d": true}, but: map[string]bool{"b": true}},
	} {
		if want.but == nil {
			want.but = map[string]bool{}
		}
		got, ok := parseSelection(query)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v\ngot  %+v\nwant %+v", query, ok, got, want)
		}
	}
	for _, query := range []string{"scope", "scope=x", "scope=SERVER", "scope=global,server", "metrics", "a=%zz", "scope=global%00", "scope=global;scope=server"} {
		if _, ok := parseSelection(query); ok {
			t.Errorf("%q was taken", query)
		}
	}
}

func FuzzSelection(f *testing.F) {
	f.Add("scope=global&metrics=a,-b&no-maint")
	f.Fuzz(func(t *testing.T, query string) {
		s, ok := parseSelection(query)
		if ok && s.only == nil && !s.but["x"] && !s.wants("x") {
			t.Errorf("%q leaves x out", query)
		}
	})
}

func TestHTMLText(t *testing.T) {
	u := new(unit)
	u.esc(`<a href="x">'&</a>`)
	if got, want := string(u.b), "&#60;a href=&#34;x&#34;&#62;&#39;&#38;&#60;/a&#62;"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: `<span class="rls">1</span>000`, 123456: `12<span class="rls">3</span>456`,
		1752896: `<span class="rls">1</span>75<span class="rls">2</span>896`, -5: "-5"} {
		u := new(unit)
		if u.num(n); string(u.b) != want {
			t.Errorf("%d: %s, want %s", n, u.b, want)
		}
	}
	for sec, want := range map[int64]string{-1: "?", 0: "0s", 59: "59s", 60: "1m0s", 3725: "1h2m", 90061: "1d1h", 400 * 86400: "400d0h"} {
		if got := span(sec); got != want {
			t.Errorf("%d s: %s, want %s", sec, got, want)
		}
	}
}

// The metrics stand on columns and fields that exist, and no name is taken twice in
// a part.
func TestExportedRows(t *testing.T) {
	for _, f := range exportedFields {
		if f.field == "" && f.help == "" || f.field != "" && fieldByName(f.field) == nil {
			t.Errorf("%s: no field %q", f.name, f.field)
		}
	}
	seen := map[string]string{}
	for _, m := range exportedColumns {
		if columnByName()[m.column] == nil {
			t.Errorf("%s: no column %q", m.name, m.column)
		}
		for _, kind := range m.kinds {
			id := string(kind) + m.name
			if was := seen[id]; was != "" && m.name != "http_responses_total" {
				t.Errorf("%s is of %s and of %s", id, was, m.column)
			}
			seen[id] = m.column
		}
	}
}

// The class of a line is one of the style sheet, by the words of the state.
func TestServerClass(t *testing.T) {
	for _, c := range []struct {
		results string // + and - checks, rise 2 fall 3; "" unchecked
		admin   proxy.Admin
		weight  int
		want    string
	}{
		{"", 0, 1, "no_check"},
		{"", proxy.ForcedDrain, 1, "draining"},
		{"+", proxy.ForcedMaint, 1, "maintain"},
		{"+", 0, 1, "up"},
		{"+", 0, 0, "draining"},
		{"+-", 0, 1, "going_down"},
		{"+---", 0, 1, "down"},
		{"-+", 0, 1, "going_up"},
		{"+", proxy.InheritedDrain, 1, "draining"},
		{"+-", proxy.ForcedDrain, 1, "draining"},
	} {
		for _, side := range []string{"active_", "backup_"} {
			s := &proxy.Server{Weight0: c.weight, Backup: side == "backup_"}
			if c.results != "" {
				s.Check = &proxy.CheckConfig{Rise: 2, Fall: 3}
			}
			s.Init(0, nil)
			for _, r := range c.results {
				s.Checked(proxy.Result{OK: r == '+'}, 0)
			}
			s.SetAdmin(c.admin, 0, 0)
			want := side + c.want
			if c.want == "maintain" {
				want = c.want
			}
			got := serverClass(&object{s: s, health: s.Health()})
			if got != want {
				t.Errorf("%q admin %b weight %d: %s, want %s", c.results, c.admin, c.weight, got, want)
			}
			if !strings.Contains(styleSheet, "\n."+got+"\t") {
				t.Errorf("the style sheet has no class %s", got)
			}
		}
	}
}
