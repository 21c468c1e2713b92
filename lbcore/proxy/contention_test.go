package proxy

import (
	"io"
	"log/slog"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"gohap/lbcore/balance"
	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/loop/simkernel"
)

// BenchmarkContention has eight goroutines, as many as loops, do nothing but
// choose servers and take and give back slots: no request between, so what it
// shows is far beyond what traffic causes. blocked-ns/op is the time that they
// stood in line for a mutex, cpu-ns/op what an operation cost the processors, and
// spun-ns/op what of that one goroutine alone does not need: spinning in front of
// locks and atomics, and the lines of memory that go to and fro; of the queue also the
// turns of loops that wait to be granted a slot.
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
	// More requests than slots: each joins the line and goes on once it is granted one.
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
	alone := run(p, 1, b.N/8+1) / float64(b.N/8+1)
	before := blocked()
	b.ResetTimer()
	cpu := run(p, 8, b.N/8+1)
	b.StopTimer()
	n := float64(b.N)
	b.ReportMetric((blocked()-before)*1e9/n, "blocked-ns/op")
	b.ReportMetric(cpu*1e9/n, "cpu-ns/op")
	b.ReportMetric(max(cpu/n-alone, 0)*1e9, "spun-ns/op")
}

// run has some goroutines do so many operations each and returns the processor time
// that it took, seconds.
func run(p *Proxy, goroutines, each int) float64 {
	begin := spent()
	var all sync.WaitGroup
	for i := range goroutines {
		all.Go(func() {
			l := loop.New(i, simkernel.New().Loop(), clock.System, 1024, slog.New(slog.NewTextHandler(io.Discard, nil)))
			c := &churn{p: p, pool: &Waiters{Loop: l}, waiting: map[*churned]bool{}, over: new(atomic.Int64), got: new(atomic.Int64)}
			tight := p.Set().All[0].Maxconn.Load() == 1
			r := balance.Request{Avoid: -1}
			for range each {
				x := &churned{c: c}
				if at := p.Set().Policy.Pick(&r); !tight && at >= 0 && x.slot.Try(p.Set().Active[at]) {
					x.slot.Release()
					continue
				}
				x.w = c.pool.Join(p, nil, x, Priority{}, false)
				if at := p.Set().Policy.Pick(&r); at >= 0 {
					p.Set().Active[at].Feed()
				}
				for x.w != nil {
					l.Queue(nothing{})
					l.Turn()
					runtime.Gosched()
				}
				x.slot.Release()
				c.holding = c.holding[:0]
			}
		})
	}
	all.Wait()
	return spent() - begin
}

// spent is the processor time of the process, seconds.
func spent() float64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// blocked is the time that goroutines have waited for mutexes, seconds.
func blocked() float64 {
	s := []metrics.Sample{{Name: "/sync/mutex/wait/total:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64()
}
