package stats

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"

	"gohap/lbcore/proxy"
)

// facts is what one "show info" reads once and prints in several lines.
type facts struct {
	*Instance
	mono, wall int64 // ns, seconds
	pools      []PoolInfo
	pipes      pipeUse
	rates      rates
}

func (in *Instance) facts() *facts {
	c := in.clock()
	f := &facts{Instance: in, mono: c.Mono(), wall: c.Wall().Unix(), pools: in.pools(), pipes: in.pipes()}
	f.rates = in.meter.read(f.mono, in.StartedMono, f.bytesOut(), cpuTime())
	return f
}

func text(of func(*facts) string) func(*facts) cell {
	return func(f *facts) cell { return word(of(f)) }
}

func count(of func(*facts) int64) func(*facts) cell {
	return func(f *facts) cell { return number(of(f)) }
}

func constant(n int64) func(*facts) cell { return func(*facts) cell { return number(n) } }

// noFloat is the precise value of what this program has none of.
func noFloat(*facts) float64 { return 0 }

func (f *facts) product() string { return f.Name }
func (f *facts) version() string { return f.Version }
func (f *facts) release() string { return f.ReleaseDate }
func (f *facts) build() string   { return f.BuildInfo }
func (f *facts) node() string    { return f.Node }
func (f *facts) tainted() string { return "0" }

func (f *facts) description() string { return f.Description }

func (f *facts) threads() int64 {
	if f.Group == nil {
		return 1
	}
	return int64(len(f.Group.Loops))
}

func (f *facts) pid() int64         { return int64(f.PID) }
func (f *facts) uptimeSec() int64   { return (f.mono - f.StartedMono) / int64(time.Second) }
func (f *facts) memMaxMB() int64    { return f.MemMax >> 20 }
func (f *facts) memMax() int64      { return f.MemMax }
func (f *facts) poolMB() int64      { return f.pool() >> 20 }
func (f *facts) poolUsedMB() int64  { return f.poolUsed() >> 20 }
func (f *facts) ulimit() int64      { return int64(f.ULimitN) }
func (f *facts) maxSock() int64     { return int64(f.MaxSock) }
func (f *facts) maxpipes() int64    { return int64(f.Maxpipes) }
func (f *facts) maxconn() int64     { return f.Process.Maxconn.Load() }
func (f *facts) hardMaxconn() int64 { return f.Process.HardMaxconn }
func (f *facts) currConns() int64   { return f.Process.Conn.Load() }
func (f *facts) cumConns() int64    { return f.total(proxy.CumConns) + call(f.CommandsTotal) }
func (f *facts) cumReq() int64      { return f.total(proxy.CumReq) + call(f.CommandsTotal) }
func (f *facts) started() int64     { return f.Started }
func (f *facts) bootMs() int64      { return f.BootTime.Milliseconds() }
func (f *facts) maxReached() int64  { return f.Process.MaxReached.Load() }
func (f *facts) droppedLogs() int64 { return f.Process.Dropped.Load() }
func (f *facts) streams() int64     { return f.Process.Streams.Load() + int64(call(f.CommandsNow)) }
func (f *facts) cumStreams() int64  { return int64(f.Process.StreamID.Load()) + call(f.CommandsTotal) }
func (f *facts) jobs() int64        { return int64(call(f.Jobs)) }
func (f *facts) listeners() int64   { return int64(call(f.Listeners)) }
func (f *facts) warnings() int64    { return call(f.Warnings) }
func (f *facts) idle() int64        { return f.rates.idle }

func (f *facts) connRate() int64      { return int64(f.Process.ConnRate.Read(f.mono)) }
func (f *facts) connRateLimit() int64 { return f.Process.MaxConnRate.Load() }
func (f *facts) maxConnRate() int64   { return f.Process.ConnRate.Max() }
func (f *facts) sessRate() int64      { return int64(f.Process.SessRate.Read(f.mono)) }
func (f *facts) sessRateLimit() int64 { return f.Process.MaxSessRate.Load() }
func (f *facts) maxSessRate() int64   { return f.Process.SessRate.Max() }
func (f *facts) bytesOut() int64      { return f.total(proxy.BytesOut) }
func (f *facts) bytesOutRate() int64  { return f.rates.bytesOut }

func (f *facts) maxSSLConns() int64  { return f.Process.SSL.Most.Load() }
func (f *facts) currSSLConns() int64 { return f.Process.SSL.Conns.Load() }
func (f *facts) cumSSLConns() int64  { return f.Process.SSL.Total.Load() }
func (f *facts) sslRate() int64      { return int64(f.Process.SSL.Rate.Read(f.mono)) }
func (f *facts) sslRateLimit() int64 { return f.Process.SSL.MostRate.Load() }
func (f *facts) maxSSLRate() int64   { return f.Process.SSL.Rate.Max() }
func (f *facts) frontKeys() int64    { return int64(f.Process.SSL.FrontKeys.Read(f.mono)) }
func (f *facts) maxFrontKeys() int64 { return f.Process.SSL.FrontKeys.Max() }
func (f *facts) backKeys() int64     { return int64(f.Process.SSL.BackKeys.Read(f.mono)) }
func (f *facts) maxBackKeys() int64  { return f.Process.SSL.BackKeys.Max() }

// sessionReuse is the share of clients' handshakes that made no new key, percent.
func (f *facts) sessionReuse() int64 {
	all := f.sslRate()
	if all == 0 {
		return 0
	}
	return 100 * max(all-f.frontKeys(), 0) / all
}

func (f *facts) sslRateExact() float64      { return float64(f.sslRate()) }
func (f *facts) frontKeysExact() float64    { return float64(f.frontKeys()) }
func (f *facts) backKeysExact() float64     { return float64(f.backKeys()) }
func (f *facts) sessionReuseExact() float64 { return float64(f.sessionReuse()) }

func (f *facts) connRateExact() float64 { return float64(f.connRate()) }
func (f *facts) sessRateExact() float64 { return float64(f.sessRate()) }
func (f *facts) startedExact() float64  { return float64(f.Started) }
func (f *facts) uptimeExact() float64   { return float64(f.mono-f.StartedMono) / 1e9 }

// uptime is days, hours, minutes and seconds: "1d 20h10m06s".
func (f *facts) uptime() string {
	s := f.uptimeSec()
	return fmt.Sprintf("%dd %dh%02dm%02ds", s/86400, s/3600%24, s/60%60, s%60)
}

func (f *facts) total(k proxy.Counter) int64 {
	if f.Process.Totals == nil {
		return 0
	}
	return f.Process.Totals.Sum(k)
}

func (f *facts) stopping() int64 { return bit(f.Process.Stopping.Load()).n }

func call[T int | int64](f func() T) T {
	if f == nil {
		return 0
	}
	return f()
}

func (f *facts) pool() (n int64) {
	for _, p := range f.pools {
		n += int64(p.Size) * int64(p.Allocated)
	}
	return n
}

func (f *facts) poolUsed() (n int64) {
	for _, p := range f.pools {
		n += int64(p.Size) * int64(p.Used)
	}
	return n
}

func (f *facts) pipesUsed() int64 { return f.pipes.used }
func (f *facts) pipesFree() int64 { return f.pipes.free }
func (f *facts) spliced() int64   { return f.pipes.spliced }

// tasks is what the reference's tasks are nearest to here: goroutines, loops
// among them.
func (f *facts) tasks() int64 { return int64(runtime.NumGoroutine()) }

// runQueue is the number of goroutines that wait for a processor.
func (f *facts) runQueue() int64 {
	s := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(s[0].Value.Uint64())
}

// cpuTime is what the process has used so far, ns.
func cpuTime() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// rates are values a second.
type rates struct{ bytesOut, idle int64 }

// meter makes rates from totals: over the time since the last question that was
// at least a second ago.
type meter struct {
	mu               sync.Mutex // guards all
	at, bytesOut, pu int64
	last             rates
}

func (m *meter) read(now, started, bytesOut, cpu int64) rates {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at == 0 {
		m.at = started
	}
	past := now - m.at
	if past < int64(time.Second) && m.last != (rates{}) || past <= 0 {
		return m.last
	}
	m.last.bytesOut = (bytesOut - m.bytesOut) * int64(time.Second) / past
	used := min(100, max(0, (cpu-m.pu)*100/(past*int64(runtime.GOMAXPROCS(0)))))
	m.last.idle = 100 - used
	m.at, m.bytesOut, m.pu = now, bytesOut, cpu
	return m.last
}
