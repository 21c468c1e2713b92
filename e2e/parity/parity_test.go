package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gohap/lbcore/keyword"
)

// a registry with one word of each kind, and one that counts for nothing.
func fewRows() *keyword.Set {
	set := keyword.NewSet()
	set.Add(
		keyword.Row{Class: keyword.Converter, Name: "lower", Summary: "x", Good: []keyword.Example{{Config: "str(A),lower", Out: "a"}}},
		keyword.Row{Class: keyword.Converter, Name: "upper", Summary: "x", Good: []keyword.Example{{Config: "str(a),upper"}}},
		keyword.Row{Class: keyword.Option, Name: "forwardfor", Summary: "x", Good: []keyword.Example{{Config: "option forwardfor"}}},
		keyword.Row{Class: keyword.Option, Name: "httplog", Summary: "x"},
		keyword.Row{Class: keyword.HTTPReq, Name: "deny", Summary: "x"},
		keyword.Row{Class: keyword.Proxy, Name: "nosuchword", Summary: "x"},
	)
	return set
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func few(t *testing.T) *report {
	t.Helper()
	dir := t.TempDir()
	vtc, golden := filepath.Join(dir, "vtc"), filepath.Join(dir, "golden")
	write(t, vtc, "a.vtc", "# item: signals:SIGUSR1, soft stop\n# disables: options:forwardfor|abortonclose\nvarnishtest \"x\"\n# disables: options:httplog\n")
	write(t, golden, "a.cfg", "listen l\n\tmode http # option httplog\n\thttp-request deny if { path / }\n\thttp-request tarpit x\n\tacl a path_beg -m sub x\n\tlog-format %{+Q}ST\n\tlog 127.0.0.1 len 80 local0 err\n")
	write(t, golden, "a.out", "[ALERT]    (1) : config : parsing [a.cfg:4] : no\n")
	named, err := readEvidence(vtc, golden)
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]bool{
		"options:forwardfor": true, "options:abortonclose": true,
		"acl-derivatives:path_beg": true, "acl-matchers (-m):sub": true, "log-format-aliases:ST": true, "log-levels:err": true, "log-levels:80": false,
		"proxy-keywords:mode": true, "sections:listen": true, "mode values:http": true,
		"actions: http-request:deny": true, "actions: http-request:tarpit": false, "options:httplog": false,
	} {
		if named.words[word] != want {
			t.Errorf("%s: %v", word, !want)
		}
	}
	return count(fewRows(), named)
}

func TestCount(t *testing.T) {
	r := few(t)
	want := map[string]string{ // what counts, and why the others do not
		"converters:lower": "", "converters:upper": "no example with a result", "converters:json": "no row",
		"options:forwardfor": "", "options:httplog": "a row, but no scenario or golden case names it",
		"actions: http-request:deny": "", "signals:SIGUSR1": "", "signals:SIGTERM": "no scenario or golden case names it",
	}
	lacks := map[string]string{}
	total := score{}
	for _, c := range r.Classes {
		total.Have += c.All.Have
		total.Of += c.All.Of
		if len(c.lacks) != c.All.Of-c.All.Have {
			t.Errorf("%s: %d lacks, %v", c.Class, len(c.lacks), c.All)
		}
		for _, l := range c.lacks {
			lacks[string(c.Class)+":"+l.name] = l.why
		}
	}
	for word, why := range want {
		if lacks[word] != why {
			t.Errorf("%s: %q, want %q", word, lacks[word], why)
		}
	}
	if r.All != total || r.All.Have != 14 || r.All.Of < 3000 {
		t.Errorf("all: %v, sum %v", r.All, total)
	}
}

func TestMentions(t *testing.T) {
	for item, want := range map[string]bool{
		"options:httplog": true, "x, options:httplog, y": true, "options:httplogs": false,
		"options:httplogs and options:httplog": true, "httplog": false, "": false,
		"options:forwardfor|httplog, x": true, "options:httplog|forwardfor": true, "options:httplogs|forwardfor": false, "modes:x|httplog": false,
	} {
		if mentions(item, "options:httplog") != want {
			t.Errorf("%q: %v", item, !want)
		}
	}
}

func TestPrint(t *testing.T) {
	r := few(t)
	var out bytes.Buffer
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	if !strings.Contains(out.String(), "\noptions ") || !strings.Contains(out.String(), "\nall  ") {
		t.Error(out.String())
	}
	out.Reset()
	if err := r.printMissing(&out, "options"); err != nil || !strings.Contains(out.String(), "1 options:httplog (a row, ") || strings.Contains(out.String(), "forwardfor") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if err := r.printMissing(&out, "nope"); err == nil {
		t.Error("an unknown class was accepted")
	}
	text, err := json.Marshal(r)
	var back report
	if err != nil || json.Unmarshal(text, &back) != nil || back.All != r.All || len(back.Classes) != len(r.Classes) {
		t.Errorf("%v: %s", err, text)
	}
}

// TestRepository counts the repository itself.
func TestRepository(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, false, ""); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "all ") || strings.Contains(last, " 0/") {
		t.Errorf("%q", last)
	}
}
