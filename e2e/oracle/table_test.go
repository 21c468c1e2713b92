package oracle

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// This file has both programs answer the same commands on stick tables, one after
// the other: what they hold at any time must be the same.

const tablesText = `
backend addrs
 stick-table type ip size 40 expire 1h store server_id,gpc0,gpt0,gpc1,gpc0_rate(1h),conn_cnt,conn_cur,bytes_in_cnt,server_key,http_req_rate(1h)
backend few
 stick-table type ip size 3 expire 1h nopurge store gpc0
backend six
 stick-table type ipv6 size 40 expire 1h store gpc0,sess_cnt
backend names
 stick-table type string len 8 size 40 expire 1h store gpc(3),gpt(2),gpc_rate(2,1h)
backend nums
 stick-table type integer size 40 store gpc0,bytes_out_rate(1h)
backend bins
 stick-table type binary len 4 size 40 store gpc0
backend bare
 stick-table type string size 40
`

// tableKeys are keys by table, good and bad ones.
var tableKeys = map[string][]string{
	"addrs": {"192.0.2.1", "192.0.2.2", "10.0.0.1", "::ffff:192.0.2.1", "::192.0.2.2", "2002:c000:201::", "2001:db8::1", "x", "", "1.2.3", "300.1.1.1", "localhost"},
	"few":   {"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5"},
	"six":   {"::1", "2001:db8::1", "2001:DB8:0:0::1", "192.0.2.1", "::ffff:192.0.2.1", "fe80::1%lo", ":::", "1::2::3"},
	"names": {"a", "abcdefgh", "abcdefghi", "a=b", "\\ ", "\\\\x", "é", "data.gpc0", "key"},
	"nums":  {"0", "1", "-1", "4294967295", "007", "+5"},
	"bins":  {"01020304", "0102"},
	"bare":  {"a", "0123456789012345678901234567890123456789"},
	"none":  {"a"},
}

// tableOwn is what tables store.
var tableOwn = map[string][]string{
	"addrs": {"server_id", "gpc0", "gpt0", "gpc1", "gpc0_rate", "conn_cnt", "conn_cur", "bytes_in_cnt", "server_key", "http_req_rate"},
	"few":   {"gpc0"}, "six": {"gpc0", "sess_cnt"}, "nums": {"gpc0", "bytes_out_rate"}, "bins": {"gpc0"},
	"names": {"gpc[0]", "gpc[1]", "gpc[2]", "gpt[0]", "gpt[1]", "gpc_rate[0]", "gpc_rate[1]"},
}

var (
	tableData    = []string{"gpc0", "gpc1", "gpt0", "gpc0_rate", "conn_cnt", "conn_cur", "bytes_in_cnt", "server_id", "server_key", "http_req_rate", "sess_cnt", "gpc[0]", "gpc[2]", "gpc[3]", "gpc[-1]", "gpc", "gpt[1]", "gpc_rate[1]", "gpc_rate", "bytes_out_rate", "foo", "", "gpc[", "gpc[x]", "gpc0[0]", "GPC0"}
	tableNumbers = []string{"0", "1", "5", "5", "7", "4294967295", "4294967296", "-1", "99999999999", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "", "x", "5x", "0x5", " 5", "+5", "-", "05", "-0", "--5"}
	tableOps     = []string{"eq", "ne", "le", "ge", "lt", "gt", "EQ", "==", ""}
)

// tableCommand makes one up.
func tableCommand(r *rand.Rand) string {
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	names := []string{"addrs", "addrs", "addrs", "few", "six", "names", "names", "nums", "bins", "bare", "none"}
	verb, name := pick([]string{"show", "show", "set", "set", "set", "clear"}), pick(names)
	text := verb + " table " + name
	value := func() string {
		if own := tableOwn[name]; len(own) > 0 && r.IntN(4) > 0 {
			return " data." + pick(own)
		}
		return " data." + pick(tableData)
	}
	number := func() string {
		if r.IntN(4) > 0 {
			return pick(tableNumbers[:6])
		}
		return pick(tableNumbers)
	}
	switch r.IntN(12) {
	case 0:
		if verb == "clear" && r.IntN(3) > 0 {
			return "show table"
		}
		return text
	case 1:
		return text + pick([]string{" foo", " key", " ptr", " ptr 1", " ptr 0x", " ptr 0xg", " ptr 0x0", " data", " key 192.0.2.1 foo", " keys 192.0.2.1"})
	case 2, 3, 4:
		for range r.IntN(5) + 1 {
			text += value() + " " + pick(tableOps[:6+max(0, r.IntN(10)-6)]) + " " + number()
		}
		return text
	}
	text += " key " + pick(tableKeys[name])
	for range r.IntN(4) {
		text += value() + " " + number()
	}
	return text
}

var (
	entryPlace = regexp.MustCompile(`(?m)^0x[0-9a-f]+: `)
	entryLeft  = regexp.MustCompile(` exp=(\d+)`)
)

// plainTable takes out of an answer what differs by address, time and order.
func plainTable(text string) string {
	text = entryPlace.ReplaceAllString(text, "entry ")
	text = entryLeft.ReplaceAllStringFunc(text, func(s string) string {
		if s == " exp=0" {
			return s
		}
		return " exp=N"
	})
	lines := strings.Split(text, "\n")
	slices.SortStableFunc(lines, func(a, b string) int {
		if !strings.HasPrefix(a, "entry ") || !strings.HasPrefix(b, "entry ") {
			return 0
		}
		return strings.Compare(a, b)
	})
	return strings.Join(lines, "\n")
}

// tableDiffers tells that an answer is among the differences that docs/differences.md
// has: binary keys, numbers with something behind them, and a table alone to set,
// which the reference empties.
func tableDiffers(command string) bool {
	w := strings.Fields(command)
	switch {
	case len(w) == 3 && w[0] == "set":
		return true
	case len(w) < 5 || w[3] != "key":
		return false
	case w[2] == "nums":
		return !slices.Contains(tableKeys["nums"], w[4])
	}
	return w[0] == "set" && w[2] == "bins"
}

// TestTableCommands has both programs answer commands that are made up.
func TestTableCommands(t *testing.T) {
	t.Parallel()
	sockets, _ := onBoth(t, 0, func(_ []string, socket string) string {
		return "global\n stats socket " + socket + " level admin\n" + tablesText
	})
	ask := func(name, command string) string {
		answer, err := Command(sockets[name], command)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return answer
	}
	r := rand.New(rand.NewPCG(3, 4))
	entries, wrong := 0, 0
	for i := range 3000 {
		command := tableCommand(r)
		if tableDiffers(command) {
			continue
		}
		if w := strings.Fields(command); len(w) > 2 {
			command += "; show table " + w[2]
		}
		theirs, ours := plainTable(ask("the reference", command)), plainTable(ask("gohap", command))
		entries += strings.Count(theirs, "entry ")
		if theirs != ours {
			t.Errorf("%d: %q\nthe reference %.900q\ngohap         %.900q", i, command, theirs, ours)
			if wrong++; wrong > 8 {
				t.FailNow()
			}
		}
	}
	if entries < 500 {
		t.Errorf("%d entries shown: the commands prove little", entries)
	}
	fmt.Printf("| table commands: 3000, %d entries shown\n", entries)
}
