package build_test

import (
	"strings"
	"testing"
)

const fleetTable = "backend be\n stick-table type ip size 10 store gpc0 peers fleet\n"

// TestFleetSection: the section fleet exists though nobody writes it, has nodes on
// loopback addresses alone, and refuses what has no meaning in it.
func TestFleetSection(t *testing.T) {
	const me = "global\n localpeer me\n"
	for _, c := range []struct {
		name, text string
		said       string // what is said, "" for nothing
		ok         bool
	}{
		{"not written", fleetTable, "", true},
		{"inside .if", ".if feature(FLEET)\n" + fleetTable + ".endif\n", "", true},
		{"nodes on this machine", me + "peers fleet\n peer me 127.0.0.1:1001\n peer b [::1]:1002\n peer c unix@/tmp/c\n" + fleetTable, "", true},
		{"a bind line", me + "peers fleet\n bind 127.0.0.2:1001\n server me\n server b 127.0.0.3:1002\n table t type ip size 5\n" + fleetTable, "", true},
		{"another machine", me + "peers fleet\n peer me 127.0.0.1:1001\n peer b 192.0.2.1:1002\n" + fleetTable,
			"[cfg:5] : 'server me/b' : address '192.0.2.1:1002' in the peers section 'fleet': nodes are connected without proof of who they are", false},
		{"every address of this machine", me + "peers fleet\n bind :1001\n server me\n" + fleetTable,
			"[cfg:4] : 'bind' : address ':1001' in the peers section 'fleet'", false},
		{"without this node", me + "peers fleet\n peer b 127.0.0.1:1002\n" + fleetTable,
			"has no server named 'me', which is this node: its tables are counted here alone", true},
		{"disabled", me + "peers fleet\n disabled\n peer me 127.0.0.1:1001\n" + fleetTable, "", true},
		{"shards", me + "peers fleet\n shards 2\n peer me 127.0.0.1:1001\n" + fleetTable, "'shards' has no meaning in the peers section 'fleet'", false},
		{"recv-only", fleetTable + "backend c\n stick-table type ip size 10 recv-only store conn_cur peers fleet\n",
			"table 'c': 'recv-only' has no meaning in the peers section 'fleet'", false},
		{"write-to", fleetTable + "backend c\n stick-table type ip size 10 write-to be peers fleet\n",
			"'write-to' has no meaning in a table of the peers section 'fleet'", false},
		{"another section that is not written", strings.Replace(fleetTable, "fleet", "fleets", 1), "unable to find sync peers 'fleets'", false},
	} {
		said, failed := load(c.text)
		if failed == c.ok || c.said == "" && said != "" || !strings.Contains(said, c.said) {
			t.Errorf("%s: failed %t, says\n%s", c.name, failed, said)
		}
	}
}
