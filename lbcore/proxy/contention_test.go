package proxy

import (
	"io"
	"log/slog"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"

	"gohap/lbcore/balance"
	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/loop/simkernel"
)

// BenchmarkContention has eight goroutines, as many as loops, do nothing but
// choose servers and take and give back slots: no request between, so what it
// shows is far beyond what traffic causes. blocked-ns/op is the time that they
// stood in line for a mutex; what is spent spinning before that is in ns/op.
//
//	go test ./lbcore/proxy -run xxx -bench Contention
func BenchmarkContention(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	policies := map[string]func([]balance.Node) balance.Policy{
		"leastconn":  func(n []balance.Node) balance.Policy { return balance.NewLeastConn(n) },
		"roundrobin": func(n []balance.Node) balance.Policy { return balance.NewRoundRobin(n) },
	}
	for name, policy := range policies {
		b.Run(name, func(b *testing.B) { contend(b, 10, 0, policy) })
		b.Run(name+"/maxconn", func(b *testing.B) { contend(b, 10, 100, policy) })
	}
	// Every slot is taken: each request joins a line and is granted.
	b.Run("queue", func(b *testing.B) { contend(b, 2, 1, policies["leastconn"]) })
}

func contend(b *testing.B, servers int, maxconn int64, policy func([]balance.Node) balance.Policy) {
	p := limited(servers, maxconn)
	nodes := make([]balance.Node, len(p.Set().All))
	for i, s := range p.Set().All {
		nodes[i] = Node{s}
	}
	p.Set().Policy = policy(nodes)
	for i, s := range p.Set().All {
		s.Balanced(p.Set().Policy, i)
	}
	each := b.N/8 + 1
	before := blocked()
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			l := loop.New(i, simkernel.New().Loop(), clock.System, 1024, slog.New(slog.NewTextHandler(io.Discard, nil)))
			c := &churn{p: p, pool: &Waiters{Loop: l}, waiting: map[*churned]bool{}}
			r := balance.Request{Avoid: -1}
			for range each {
				x := &churned{c: c}
				if at := p.Set().Policy.Pick(&r); at >= 0 && x.slot.Try(p.Set().Active[at]) {
					x.slot.Release()
					continue
				}
				x.w = c.pool.Join(p, nil, x, Priority{}, false)
				if at := p.Set().Policy.Pick(&r); at >= 0 {
					p.Set().Active[at].Feed()
				}
				x.w.Leave()
				l.Queue(nothing{})
				l.Turn()
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(blocked()-before)*1e9/float64(b.N), "blocked-ns/op")
}

// blocked is the time that goroutines have waited for mutexes, seconds.
func blocked() float64 {
	s := []metrics.Sample{{Name: "/sync/mutex/wait/total:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64()
}
