package check

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

// Syslog's levels of the lines that checks write.
const (
	LevelEmerg  = 0 // a backend has no server left
	LevelAlert  = 1 // a server went down
	LevelNotice = 5 // a server came up, results with option log-health-checks
)

// Checker checks the servers of an instance. The fields are set before Start.
type Checker struct {
	Proxies []*proxy.Proxy
	Clock   clock.Source // nil means the machine's clock
	// Dial opens a connection; nil means the machine's network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Wait sleeps for d and reports false when ctx ended; nil sleeps really.
	Wait func(ctx context.Context, d time.Duration) bool
	// Log takes a line for the log targets of a backend, with a syslog level;
	// any goroutine calls it. nil discards.
	Log func(p *proxy.Proxy, level int, line string)
	// Changed is told of a server that went up or down, after its backend was
	// refreshed; any goroutine calls it. nil means nobody.
	Changed func(*proxy.Server, proxy.Transition)

	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// Start begins to check every server that has a Check. It is called once.
func (c *Checker) Start() {
	if c.Clock == nil {
		c.Clock = clock.System
	}
	if c.Dial == nil {
		c.Dial = dial
	}
	if c.Wait == nil {
		c.Wait = sleep
	}
	if c.Log == nil {
		c.Log = func(*proxy.Proxy, int, string) {}
	}
	if c.Changed == nil {
		c.Changed = func(*proxy.Server, proxy.Transition) {}
	}
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(context.Background())
	for _, t := range c.targets() {
		c.wait.Go(func() { t.run(ctx) })
	}
}

// Stop ends all checks and waits for their goroutines.
func (c *Checker) Stop() {
	if c.cancel != nil {
		c.cancel()
		c.wait.Wait()
	}
}

// sleep is Wait by the machine's timers.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// target is one checked server. It belongs to its goroutine.
type target struct {
	*Checker
	srv              *proxy.Server
	cfg              *proxy.CheckConfig
	network, address string
	first            time.Duration
	status           string // of the last result, to see whether it changed
}

// targets lists the checked servers with the spread of their first checks.
func (c *Checker) targets() []*target {
	var all []*target
	var least time.Duration
	for _, p := range c.Proxies {
		for _, s := range p.Servers {
			if s.Check == nil {
				continue
			}
			t := &target{Checker: c, srv: s, cfg: s.Check}
			t.network, t.address = endpoint(s)
			all = append(all, t)
			if least == 0 || s.Check.Inter < least {
				least = s.Check.Inter
			}
		}
	}
	for i, t := range all {
		t.first = t.cfg.Start + least*time.Duration(i)/time.Duration(len(all))
	}
	return all
}

// endpoint returns what a check connects to: the server's address unless check
// addr and port say otherwise.
func endpoint(s *proxy.Server) (network, address string) {
	a := s.Addr
	if s.Check.Addr != nil {
		a = s.Check.Addr
	}
	if a.Family == loop.Passed {
		return overPair, strconv.Itoa(int(a.Over))
	}
	if a.Path != "" {
		path := a.Path
		if path[0] == 0 {
			path = "@" + path[1:]
		}
		return "unix", path
	}
	return "tcp", net.JoinHostPort(a.IP.Addr().String(), strconv.Itoa(int(a.IP.Port())))
}

func (t *target) run(ctx context.Context) {
	for d := t.first; t.Wait(ctx, d); d = t.interval() {
		// reference: a server in maintenance is not checked, one in drain is.
		if t.srv.Admin().Maint() {
			continue
		}
		t.srv.SetInProgress(true)
		r, ok := t.connect(ctx)
		t.srv.SetInProgress(false)
		if !ok {
			return
		}
		t.report(r)
	}
}

// interval is how long to wait before the next check.
func (t *target) interval() time.Duration {
	switch v := t.srv.Health().Value; {
	case v >= t.cfg.Rise+t.cfg.Fall-1:
		return t.cfg.Inter
	case v == 0:
		return orElse(t.cfg.DownInter, t.cfg.Inter)
	}
	return orElse(t.cfg.FastInter, t.cfg.Inter)
}

func orElse(d, or time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return or
}

// limit is how long the connection may take.
func (t *target) limit() time.Duration {
	if t.cfg.Timeout > 0 && t.cfg.ConnectTime > 0 {
		return min(t.cfg.ConnectTime, t.cfg.Inter)
	}
	return t.cfg.Inter
}

// connect does one TCP check; ok is false when the checker stops.
func (t *target) connect(ctx context.Context) (r proxy.Result, ok bool) {
	limited, cancel := context.WithTimeout(ctx, t.limit())
	defer cancel()
	begin := t.Clock.Mono()
	conn, err := t.Dial(limited, t.network, t.address)
	r = t.classify(err)
	r.Duration = time.Duration(t.Clock.Mono() - begin)
	if err == nil {
		quiet(conn)
	} else if ctx.Err() != nil {
		return r, false
	}
	return r, true
}

// quiet closes with a reset, like the reference: the server learns at once that
// nothing will be sent, and no port lingers here.
func quiet(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
