package sample

import (
	"testing"
	"time"

	"gohap/lbcore/buffer"
	"gohap/lbcore/clock"
	"gohap/lbcore/keyword"
)

func testSet() *keyword.Set {
	set := keyword.NewSet()
	Register(set)
	return set
}

func testContext() *Context {
	return &Context{
		Arena: &buffer.Arena{}, Clock: clock.NewFake(time.Unix(1700000000, 123456000)),
		Process: &Process{PID: 42, Hostname: []byte("node1"), ProcVars: NewProcVars()},
		Vars:    Vars{Sess: &Store{}, Txn: &Store{}, Req: &Store{}, Res: &Store{}},
	}
}

// evalText compiles and evaluates an expression as %[...] would.
func evalText(t *testing.T, set *keyword.Set, text string) string {
	t.Helper()
	e, rest, err := Compile(set, text, Options{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if rest != "" {
		t.Fatalf("%s: left over %q", text, rest)
	}
	var s Sample
	if !e.Eval(testContext(), Str, &s) {
		return missing
	}
	return string(s.Data)
}

func TestExamples(t *testing.T) {
	set := testSet()
	for _, class := range []keyword.Class{keyword.Fetch, keyword.Converter, keyword.VarScope} {
		for _, row := range set.Rows(class) {
			if len(row.Good) == 0 || len(row.Bad) == 0 {
				t.Errorf("%s %s: no good or no bad example", class, row.Name)
			}
			for _, g := range row.Good {
				if got := evalText(t, set, g.Config); got != g.Out {
					t.Errorf("%s = %q, want %q", g.Config, got, g.Out)
				}
			}
			for _, b := range row.Bad {
				if e, rest, err := Compile(set, b, Options{}); err == nil && rest == "" {
					t.Errorf("%s was accepted: %v", b, e)
				}
			}
		}
	}
}
