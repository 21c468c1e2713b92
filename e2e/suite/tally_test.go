package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
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
		{"what its open tests said says why", []string{
			`{"Action":"run","Package":"p","Test":"A"}`,
			`{"Action":"run","Package":"p","Test":"A/x"}`,
			`{"Action":"output","Package":"p","Test":"A/x","Output":"fatal error: out of luck\n"}`,
			`{"Action":"run","Package":"p","Test":"A/y"}`,
			`{"Action":"output","Package":"p","Test":"A/y","Output":"all is well\n"}`,
			`{"Action":"pass","Package":"p","Test":"A/y"}`,
			`{"Action":"fail","Package":"p"}`,
		}, 1, 1, 0, "in A/x:\nfatal error: out of luck", "well"},
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

func TestTable(t *testing.T) {
	total := &tally{passed: 12345, failed: 2, skipped: []string{"oracle: install it"}, rows: []row{
		{"unit", 12000, 0, 0, 0, 75 * time.Second},
		{"faultrace", 345, 2, 0, 0, 2*time.Hour + 3*time.Minute},
		{"repeat", 5, 0, 1, 2, 900 * time.Millisecond},
		{"oracle", 0, 0, 1, 0, 0},
	}}
	var out bytes.Buffer
	printTable(&out, total, 3*time.Hour)
	want := `
part         result                                         time
unit         ok, 12000 passed                              1m15s
faultrace    FAIL, 2 failed, 345 passed                    2h03m
repeat       ok, 5 passed, 1 skipped, 2 unsteady              1s
oracle       skipped                                          0s
all          FAIL, 2 failed, 12345 passed                  3h00m

`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

func TestProgress(t *testing.T) {
	var total tally
	var out bytes.Buffer
	r := newReader(&total, &out)
	read(r, strings.NewReader(`{"Action":"run","Package":"p","Test":"A"}
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"pass","Package":"p"}
{"Action":"run","Package":"q","Test":"B"}
{"Action":"fail","Package":"q","Test":"B"}
{"Action":"run","Package":"q","Test":"C"}`))
	out.Reset()
	r.progress(65 * time.Second)
	if want := ".... 1m05s: 1 passed, 1 failed; now q C\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestChoose(t *testing.T) {
	all := []step{{name: "a"}, {name: "b"}, {name: "c"}}
	for _, c := range []struct{ names, want, err string }{
		{"", "a b c", ""}, {"c a", "a c", ""}, {"b", "b", ""}, {"b nosuch", "", "nosuch"},
	} {
		got, err := choose(all, strings.Fields(c.names))
		var names []string
		for _, s := range got {
			names = append(names, s.name)
		}
		if strings.Join(names, " ") != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %q, error %v", c.names, names, err)
		}
	}
	if len(all) != 3 || all[2].name != "c" {
		t.Error("the list itself was changed")
	}
}

func TestFuzzTargets(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a/x_test.go": "package a\n\nfunc FuzzTwo(f *testing.F) {}\nfunc FuzzOne(f *testing.F) {}\nfunc helper() {}\n",
		"a/x.go":      "package a\n\nfunc FuzzNot() {}\n", "b/c/y_test.go": "package c\n\nfunc FuzzY(f *testing.F) {}\n",
		"testdata/z_test.go": "package z\n\nfunc FuzzZ(f *testing.F) {}\n",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := fuzzTargets(root)
	if want := []target{{"a", "FuzzOne"}, {"a", "FuzzTwo"}, {"b/c", "FuzzY"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}

// TestNoSoakTestIsForgotten: each test that soak alone builds is run by a part of it.
func TestNoSoakTestIsForgotten(t *testing.T) {
	plan, err := os.ReadFile("soak.go")
	if err != nil {
		t.Fatal(err)
	}
	calls := regexp.MustCompile(`(?:goTest|inTestBuild)\(.*`).FindAllString(string(plan), -1)
	runs := func(dir, name string) bool {
		return slices.ContainsFunc(calls, func(call string) bool {
			if !strings.Contains(call, `-tags=soak`) || !strings.Contains(call, `"./`+dir+`"`) {
				return false
			}
			m := regexp.MustCompile(`-run=([^"]*)"`).FindStringSubmatch(call)
			return m == nil || regexp.MustCompile(m[1]).MatchString(name)
		})
	}
	found := 0
	err = filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(text), "//go:build soak\n") {
			return err
		}
		dir, _ := filepath.Rel("../..", filepath.Dir(path))
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			if found++; !runs(filepath.ToSlash(dir), m[1]) {
				t.Errorf("%s: %s is in no part of soak", path, m[1])
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d tests found, error %v", found, err)
	}
}
