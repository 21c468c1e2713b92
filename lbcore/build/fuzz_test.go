package build_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gohap/lbcore/build"
	"gohap/lbcore/catalog"
	"gohap/lbcore/config"
)

// FuzzConfiguration: any text is a configuration or gives an error, the same
// one each time, and the words that are registered stay as they were.
func FuzzConfiguration(f *testing.F) {
	cases, err := filepath.Glob("testdata/golden/*.cfg")
	if err != nil || len(cases) < 40 {
		f.Fatalf("only %d cases (%v)", len(cases), err)
	}
	for _, path := range cases {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	// No name server is asked.
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no network here")
	}}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "/") && (strings.Contains(text, "dev") || strings.Contains(text, "proc")) {
			return // files that do not end
		}
		first, failed := load(text)
		if again, _ := load(text); again != first {
			t.Fatalf("%q gives\n%s\nthen\n%s", text, first, again)
		}
		if failed != strings.Contains(first, "[ALERT]") {
			t.Fatalf("%q: failed %v, and says\n%s", text, failed, first)
		}
	})
}

// load builds text and returns what was said, and whether it was refused.
func load(text string) (said string, failed bool) {
	var out bytes.Buffer
	diag := &config.Diagnostics{Out: &out, Pid: 1, Version: "x", Path: "y"}
	env := config.NewEnviron(nil)
	b := build.New(catalog.New(), diag, env)
	src := &config.Source{Env: env, Diag: diag, Facts: &config.Facts{Version: "3.2.0"}, IsSection: b.IsSection, Refused: b.Refused}
	src.Add("cfg", text)
	ok := src.Load() && src.Parse(b)
	if ok {
		b.Finish()
	}
	return out.String(), !ok || diag.Errors() > 0
}

// FuzzTables: any words behind stick-table and on the lines of a peers section make
// tables and peers or give an error, the same one each time.
func FuzzTables(f *testing.F) {
	for _, words := range [][2]string{
		{"type ip size 1m expire 30m nopurge store gpc0,conn_rate(10s),bytes_in_rate(1h) peers p write-to q srvkey addr brates-factor 8", "peer a 127.0.0.1:1"},
		{"type string len 32 size 10 store gpc(3),gpt(100),gpc_rate(2,10s) recv-only", "table t type ipv6 size 2k store server_id,server_key"},
		{"type binary len 4 size 100k expire 24d", "server a 127.0.0.1:1 shard 2\n shards 3"},
		{"type integer size 10 store http_req_cnt,http_req_rate(1)", "bind 127.0.0.1:1\n default-bind v4v6\n server a\n default-server weight 1\n disabled\n log 127.0.0.1 local0"},
		{"type binary len 4 size 10 type string len", "bind\n bind 127.0.0.1\n peer a 127.0.0.1:1\n bind 127.0.0.1:2"},
		{"type ip size 0 store gpc0(3),gpc(),gpc(101),gpc0_rate(),conn_rate(x)", "table\n table t\n peer a\n shards 0\n bind"},
	} {
		f.Add(words[0], words[1])
	}
	f.Fuzz(func(t *testing.T, table, lines string) {
		if strings.Contains(table+lines, "/") || len(table)+len(lines) > 20000 {
			return // files
		}
		text := "peers p\n " + lines + "\nbackend q\n stick-table type ip size 10\nbackend b\n stick-table " + table + "\n"
		first, failed := load(text)
		if again, _ := load(text); again != first {
			t.Fatalf("%q gives\n%s\nthen\n%s", text, first, again)
		}
		if failed != strings.Contains(first, "[ALERT]") {
			t.Fatalf("%q: failed %v, and says\n%s", text, failed, first)
		}
	})
}
