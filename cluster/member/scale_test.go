//go:build soak

package member

import (
	"fmt"
	"testing"
	"time"

	"gohap/cluster/keyring"
	"gohap/cluster/simnet"
)

// TestHundred: a hundred nodes find each other, see one that dies, and speak little.
func TestHundred(t *testing.T) {
	const n = 100
	simulate(t, func(t *testing.T, sim *simnet.Net) {
		s := keyring.NewSecret()
		var all []*node
		begin := time.Now()
		for i := 1; i <= n; i++ {
			x := start(t, sim, i, "f", nil, s)
			if i > 1 {
				if _, err := x.Join([]string{all[0].host.String()}); err != nil {
					t.Fatal(err)
				}
			}
			all = append(all, x)
		}
		seen := func(state State, want int) func() bool {
			return func() bool {
				for _, x := range all {
					k := 0
					for _, m := range x.Members() {
						if m.State == state {
							k++
						}
					}
					if k < want {
						return false
					}
				}
				return true
			}
		}
		await(t, 30*time.Second, "all see all", seen(Alive, n))
		t.Logf("%d nodes see each other after %v", n, time.Since(begin))
		packets, bytes := sim.Datagrams.Load(), sim.Bytes.Load()
		<-time.After(10 * time.Second)
		per := func(v int64) string { return fmt.Sprintf("%.1f", float64(v)/10/n) }
		t.Logf("at rest %s datagrams and %s bytes a second and node", per(sim.Datagrams.Load()-packets), per(sim.Bytes.Load()-bytes))
		dead := all[n-1]
		sim.Crash(dead.host.Addr())
		dead.stop()
		all = all[:n-1]
		t.Logf("a dead node is seen by all after %v", await(t, 30*time.Second, "all see it", seen(Failed, 1)))
	})
}
