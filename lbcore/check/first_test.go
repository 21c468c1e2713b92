package check

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gohap/lbcore/proxy"
)

// TestFirst holds how long the first checks and questions to agents wait; the
// values were seen on the reference.
func TestFirst(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name  string
		limit time.Duration
		// of each server: interval of its check and of its agent, 0 without
		servers [][2]time.Duration
		want    []string
	}{
		{"an interval apart", 0, [][2]time.Duration{{2 * s, 0}, {2 * s, 0}, {2 * s, 0}, {2 * s, 0}},
			[]string{"0 0s", "1 500ms", "2 1s", "3 1.5s"}},
		{"each its own", 0, [][2]time.Duration{{2 * s, 0}, {2 * s, 0}, {3 * s, 0}, {2 * s, 0}},
			[]string{"0 0s", "1 500ms", "2 1.5s", "3 1.5s"}},
		{"at least the shortest of a second or more", 0, [][2]time.Duration{{2 * s, 0}, {s / 2, 0}, {4 * s, 0}, {1500 * time.Millisecond, 0}},
			[]string{"0 0s", "1 375ms", "2 2s", "3 1.125s"}},
		{"all short", 0, [][2]time.Duration{{s / 2, 0}, {s / 2, 0}}, []string{"0 0s", "1 250ms"}},
		{"max-spread-checks", 1500 * time.Millisecond, [][2]time.Duration{{1 * s, 0}, {2 * s, 0}, {3 * s, 0}}, []string{"0 0s", "1 500ms", "2 1s"}},
		{"unchecked servers do not count", 0, [][2]time.Duration{{2 * s, 0}, {}, {2 * s, 0}}, []string{"0 0s", "2 1s"}},
		{"agents stand behind their server's check", 0, [][2]time.Duration{{2 * s, 2 * s}, {2 * s, 2 * s}},
			[]string{"0 0s", "agent 0 500ms", "1 1s", "agent 1 1.5s"}},
	} {
		c := &Checker{MaxSpread: tt.limit}
		var servers []*proxy.Server
		for i, inter := range tt.servers {
			srv := &proxy.Server{Name: fmt.Sprint(i)}
			if inter[0] > 0 {
				srv.Check = &proxy.CheckConfig{Inter: inter[0]}
			}
			if inter[1] > 0 {
				srv.Agent = &proxy.AgentConfig{Inter: inter[1]}
			}
			servers = append(servers, srv)
		}
		p := new(proxy.Proxy)
		for _, s := range servers {
			p.AddServer(s)
		}
		c.Proxies = []*proxy.Proxy{p}
		var got []string
		c.eachFirst(func(s *proxy.Server, d time.Duration) { got = append(got, s.Name+" "+d.String()) },
			func(s *proxy.Server, d time.Duration) { got = append(got, "agent "+s.Name+" "+d.String()) })
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
