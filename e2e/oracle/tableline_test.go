package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// This file has both programs read stick-table lines that are made up: they take and
// refuse the same ones, in the same words.

var (
	lineTypes   = []string{"ip", "ipv4", "ipv6", "integer", "string", "string len 5", "string len", "string len 0", "string len x", "binary len 4", "binary", "foo", "", "ip len 4", "integer len 3"}
	lineSizes   = []string{"10", "1k", "1m", "10x", "", "0", "-1", "1kb", "1.5k", "k"}
	lineExpires = []string{"10s", "1m", "0", "", "x", "-5", "25d", "24d", "100000d", "1.5s", "10 s"}
	lineData    = []string{"gpc0", "gpc1", "gpt0", "conn_cnt", "conn_cur", "conn_rate(10s)", "conn_rate", "conn_rate()", "conn_rate(x)", "conn_rate(25d)", "http_req_rate(1m)", "gpc(2)", "gpc(0)", "gpc(100)", "gpc(101)", "gpc(x)", "gpc", "gpc()",
		"gpt(3)", "gpc_rate(2,10s)", "gpc_rate(2)", "gpc_rate(,10s)", "gpc_rate(2,)", "gpc_rate(0,1s)", "bytes_in_rate(10)", "server_id", "server_key", "server_name", "gpc0(3)", "foo", "", "gpc0_rate(10s)", "http_fail_cnt", "gpc2)", "conn_cnt(5)", "conn_cnt()", "gpt0(1)"}
	lineFactors = []string{"1", "8", "0", "1024", "1025", "x", "", "-1"}
	lineOthers  = []string{"nopurge", "recv-only", "foo", "len 5", "Size 10", "srvkey name", "srvkey addr", "srvkey foo", "srvkey", "peers p", "peers q", "peers", "write-to w", "write-to nosuch", "write-to"}
)

// tableWords makes up what stands behind stick-table.
func tableWords(r *rand.Rand) string {
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	var words []string
	if r.IntN(10) < 8 {
		words = append(words, "type "+pick(lineTypes[:5+r.IntN(2)*(len(lineTypes)-5)]))
	}
	if r.IntN(10) < 8 {
		words = append(words, "size "+pick(lineSizes[:1+r.IntN(2)*(len(lineSizes)-1)]))
	}
	for range r.IntN(4) {
		switch r.IntN(5) {
		case 0:
			words = append(words, "size "+pick(lineSizes))
		case 1:
			words = append(words, "expire "+pick(lineExpires))
		case 2:
			list := []string{}
			for range 1 + r.IntN(3) {
				list = append(list, pick(lineData))
			}
			words = append(words, "store "+strings.Join(list, ","))
		case 3:
			words = append(words, "brates-factor "+pick(lineFactors))
		default:
			words = append(words, pick(lineOthers))
		}
	}
	if r.IntN(3) == 0 {
		r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	}
	return strings.Join(words, " ")
}

// checkSays returns what a program says of a configuration, without what differs in
// any case.
func checkSays(t *testing.T, bin, path string) []string {
	t.Helper()
	cmd := exec.Command(bin, "-c", "-f", path)
	var out bytes.Buffer
	cmd.Stderr = &out
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.SplitSeq(Mask(out.Bytes()), "\n") {
		if !strings.HasPrefix(line, "[NOTICE]") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestTableLines has both programs check them.
func TestTableLines(t *testing.T) {
	t.Parallel()
	theirs, ours := Installed(t, Haproxy), Installed(t, Gohap)
	r := rand.New(rand.NewPCG(9, 10))
	path := filepath.Join(t.TempDir(), "cfg")
	said, wrong := 0, 0
	for range 40 {
		var s strings.Builder
		s.WriteString("global\n localpeer x\npeers p\n peer x 127.0.0.1:1\nbackend w\n stick-table type ip size 10 store gpt0,server_id\n")
		lines := 6
		at := map[string]string{}
		for i := range 8 {
			words := tableWords(r)
			fmt.Fprintf(&s, "backend b%d\n stick-table %s\n", i, words)
			lines += 2
			at[fmt.Sprint(lines)] = words
		}
		if err := os.WriteFile(path, []byte(s.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		a, b := checkSays(t, theirs, path), checkSays(t, ours, path)
		said += len(a)
		for _, one := range []struct {
			who         string
			says, other []string
		}{{"the reference", a, b}, {"gohap", b, a}} {
			for _, line := range one.says {
				if !strings.Contains("\n"+strings.Join(one.other, "\n")+"\n", "\n"+line+"\n") {
					n := ""
					if _, rest, ok := strings.Cut(line, "cfg:"); ok {
						n, _, _ = strings.Cut(rest, "]")
					}
					t.Errorf("stick-table %s: only %s says %s", at[n], one.who, line)
					wrong++
				}
			}
		}
		if wrong > 12 {
			t.FailNow()
		}
	}
	if said < 200 {
		t.Errorf("only %d lines were said", said)
	}
}
