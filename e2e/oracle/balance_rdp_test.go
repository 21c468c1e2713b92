package oracle

import (
	"fmt"
	"io"
	"math/rand"
	"net"
	"strings"
	"testing"
)

// rdpRequest begins a session of a terminal client ([MS-RDPBCGR] 2.2.1.1) with a cookie.
func rdpRequest(name, value string) string {
	cookie := "Cookie: " + name + "=" + value + "\r\n"
	n := 7 + len(cookie)
	return string([]byte{3, 0, 0, byte(4 + n), byte(n - 1), 0xe0, 0, 0, 0, 0, 0}) + cookie
}

// TestBalanceRDP asks for the server of cookies of terminal clients.
func TestBalanceRDP(t *testing.T) {
	var servers []any
	for i := range 4 {
		servers = append(servers, Serve(t, "127.0.0.1", func(c net.Conn) { _, _ = io.WriteString(c, string(rune('a'+i))) }))
	}
	types := []string{"map-based", "map-based wt6 avalanche", "consistent", "consistent djb2 avalanche"}
	sets := []string{
		"\tserver a %s\n\tserver b %s\n\tserver c %s\n\tserver d %s disabled\n",
		"\tserver a %s weight 3\n\tserver b %s weight 5\n\tserver c %s weight 2\n\tserver d %s backup\n",
		"\tserver a %s weight 3\n\tserver b %s weight 5 disabled\n\tserver c %s weight 2\n\tserver d %s weight 7\n",
	}
	start := func(find func() (string, error)) (addrs []string) {
		text := "defaults\n\tmode tcp\n\ttimeout client 9s\n\ttimeout server 9s\n\ttimeout connect 9s\n"
		bin := Installed(t, find)
		for i := range len(types) * len(sets) {
			addr := FreeAddress(t)
			addrs = append(addrs, addr)
			name := []string{"", "(msts)", "(other)"}[i%3]
			text += fmt.Sprintf("listen l%d\n\tbind %s\n\ttcp-request inspect-delay 5s\n\ttcp-request content accept if RDP_COOKIE\n\tbalance rdp-cookie%s\n\thash-type %s\n", i, addr, name, types[i/len(sets)]) +
				fmt.Sprintf(sets[i%len(sets)], servers...)
		}
		p := Start(t, bin, text)
		if !Eventually(patience, func() bool { _, err := net.Dial("tcp", addrs[0]); return err == nil }) {
			t.Fatal(p.Said.String())
		}
		return addrs
	}
	theirs, ours := start(Haproxy), start(Gohap)
	server := func(addr, request string) string {
		c := Dial(t, addr)
		defer c.Close()
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	r := rand.New(rand.NewSource(5))
	seen := map[string]int{}
	for n := range *balanceKeys {
		i := n % len(theirs)
		name := []string{"msts", "mstshash", "other", "MSTS"}[r.Intn(4)]
		request := rdpRequest(name, strings.ReplaceAll([]string{"userN", "N.15629.0000", "x", "a-b_N@d"}[r.Intn(4)], "N", fmt.Sprint(r.Intn(100000))))
		want, got := server(theirs[i], request), server(ours[i], request)
		seen[want]++
		if want != got {
			t.Errorf("%s, %s: %q goes to %s, the reference's to %s", types[i/len(sets)], sets[i%len(sets)], request, got, want)
		}
	}
	if len(seen) != 4 {
		t.Errorf("not all servers were asked: %v", seen)
	}
}
