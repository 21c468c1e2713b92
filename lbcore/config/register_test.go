package config

import (
	"strings"
	"testing"

	"gohap/lbcore/keyword"
)

// registered returns the words of the package, without one.
func registered(class keyword.Class, without string) *keyword.Set {
	set := keyword.NewSet()
	Register(set)
	set.Remove(class, without)
	return set
}

// TestPredicateRows: each example holds, its wrong form is refused, and without
// its row the predicate is none.
func TestPredicateRows(t *testing.T) {
	set := registered("", "")
	facts := Facts{Version: "3.2.0", Features: map[string]bool{"THREAD": true}, Enabled: map[string]bool{"EPOLL": true},
		SSLLibrary: "SomeSSL", SSLVersion: "3.5.1", Words: set}
	lookup := func(name string) (string, bool) { return "x", name == "SET" }
	for _, row := range set.Rows(keyword.Predicate) {
		facts.Words = set
		if ok, err := facts.Eval(row.Good[0].Config, lookup); err != nil || !ok {
			t.Errorf("%s: %v, %v", row.Good[0].Config, ok, err)
		}
		if _, err := facts.Eval(row.Bad[0], lookup); err == nil {
			t.Errorf("%s was taken", row.Bad[0])
		}
		facts.Words = registered(keyword.Predicate, row.Name)
		if _, err := facts.Eval(row.Good[0].Config, lookup); err == nil {
			t.Errorf("%s is there without its row", row.Name)
		}
	}
}

// TestPrefixRows does the same for what stands before an address.
func TestPrefixRows(t *testing.T) {
	set := registered("", "")
	parse := func(line string, words *keyword.Set) error {
		rules, f := BindRules, strings.Fields(line)
		if f[0] != "bind" {
			rules = LogRules
		}
		if len(f) < 2 {
			return nil
		}
		rules.Words = words
		_, err := ParseAddress(f[1], &rules)
		return err
	}
	rows := set.Rows(keyword.AddressPrefix)
	for _, row := range rows {
		if err := parse(row.Good[0].Config, set); err != nil {
			t.Errorf("%s: %v", row.Good[0].Config, err)
		}
		for _, bad := range row.Bad {
			if parse(bad, set) == nil {
				t.Errorf("%s was taken", bad)
			}
		}
		if err := parse(row.Good[0].Config, registered(keyword.AddressPrefix, row.Name)); err == nil || !strings.Contains(err.Error(), "not implemented by gohap") {
			t.Errorf("%s is there without its row: %v", row.Name, err)
		}
	}
	if len(rows) != len(prefixes) {
		t.Errorf("%d rows, %d prefixes", len(rows), len(prefixes))
	}
	for _, text := range []string{"bind quic4@:443", "bind rhttp@b/s", "bind quic+ipv4@:1"} {
		if err := parse(text, set); err == nil || !strings.Contains(err.Error(), "is known to HAProxy, not implemented by gohap") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestDirectiveRows: each example is read, its wrong form is refused, and
// without its row the directive is none.
func TestDirectiveRows(t *testing.T) {
	read := func(text string, words *keyword.Set) int {
		d := &Diagnostics{Diagnose: true}
		env := NewEnviron(nil)
		s := &Source{Env: env, Diag: d, Facts: &Facts{Words: words}, Words: words, IsSection: func(w string) bool { return w == "defaults" }}
		s.Add("test", "defaults\n"+text+"\n")
		s.Parse(&journal{})
		return d.Errors()
	}
	set := registered("", "")
	for _, row := range set.Rows(keyword.Directive) {
		if n := read(row.Good[0].Config, set); n != 0 {
			t.Errorf("%s: %d errors", row.Good[0].Config, n)
		}
		if n := read(row.Bad[0], set); n == 0 {
			t.Errorf("%s was taken", row.Bad[0])
		}
		// "no" and "default" are ordinary first words then, which sections refuse.
		if row.Name[0] == '.' && read(row.Good[0].Config, registered(keyword.Directive, row.Name)) == 0 && row.Name != ".alert" {
			t.Errorf("%s is there without its row", row.Name)
		}
	}
}
