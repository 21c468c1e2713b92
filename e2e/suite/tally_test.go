package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	for _, c := range []struct {
		name                    string
		events                  []string
		passed, failed, skipped int
		prints, hides           string
	}{
		{"leaves count, their parents do not", []string{
			`{"Action":"run","Package":"p","Test":"A"}`,
			`{"Action":"run","Package":"p","Test":"A/x"}`,
			`{"Action":"run","Package":"p","Test":"A/y"}`,
			`{"Action":"output","Package":"p","Test":"A/y","Output":"    a_test.go:1: y broke\n"}`,
			`{"Action":"output","Package":"p","Test":"A/x","Output":"    a_test.go:1: x is quiet\n"}`,
			`{"Action":"pass","Package":"p","Test":"A/x"}`,
			`{"Action":"fail","Package":"p","Test":"A/y"}`,
			`{"Action":"fail","Package":"p","Test":"A"}`,
			`{"Action":"fail","Package":"p"}`,
		}, 1, 1, 0, "y broke", "quiet"},
		{"a build that fails is a failure", []string{
			`{"ImportPath":"p [p.test]","Action":"build-output","Output":"undefined: x\n"}`,
			`{"ImportPath":"p [p.test]","Action":"build-fail"}`,
			`{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
		}, 0, 1, 0, "undefined: x", ""},
		{"so is a package that ends without a verdict", []string{
			`{"Action":"run","Package":"p","Test":"A"}`,
			`{"Action":"output","Package":"p","Output":"panic: out of luck\n"}`,
			`{"Action":"fail","Package":"p"}`,
		}, 0, 1, 0, "out of luck", ""},
		{"a skip is told, not counted as passed", []string{
			`{"Action":"run","Package":"p","Test":"A"}`,
			`{"Action":"output","Package":"p","Test":"A","Output":"install socat\n"}`,
			`{"Action":"skip","Package":"p","Test":"A"}`,
			`{"Action":"pass","Package":"p"}`,
		}, 0, 0, 1, "", "ok "},
		{"a report prints although the test passes", []string{
			`{"Action":"run","Package":"p","Test":"A"}`,
			`{"Action":"output","Package":"p","Test":"A","Output":"| the table\n"}`,
			`{"Action":"output","Package":"p","Test":"A","Output":"not this\n"}`,
			`{"Action":"pass","Package":"p","Test":"A"}`,
			`{"Action":"pass","Package":"p"}`,
		}, 1, 0, 0, "| the table", "not this"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var total tally
			var out bytes.Buffer
			read(newReader(&total, &out), strings.NewReader(strings.Join(c.events, "\n")))
			if total.passed != c.passed || total.failed != c.failed || len(total.skipped) != c.skipped {
				t.Errorf("%+v, want %d passed, %d failed, %d skipped", total, c.passed, c.failed, c.skipped)
			}
			if !strings.Contains(out.String(), c.prints) || c.hides != "" && strings.Contains(out.String(), c.hides) {
				t.Errorf("printed %q, want %q and not %q", out.String(), c.prints, c.hides)
			}
		})
	}
}
