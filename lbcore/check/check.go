package check

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/trace"
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
	Dial Dial
	// Wait sleeps for d and reports false when ctx ended; nil sleeps really.
	Wait func(ctx context.Context, d time.Duration) bool
	// Log takes a line for the log targets of a backend, with a syslog level;
	// any goroutine calls it. nil discards.
	Log func(p *proxy.Proxy, level int, line string)
	// Changed is told of a server that went up or down, after its backend was
	// refreshed; any goroutine calls it. nil means nobody.
	Changed func(*proxy.Server, proxy.Transition)

	// Endpoints are the particulars of servers that have any.
	Endpoints map[*proxy.Server]Endpoints
	// Spread is spread-checks in percent, MaxSpread max-spread-checks.
	Spread    int
	MaxSpread time.Duration
	// NeverLocal has PROXY headers of version 2 say addresses (pp2-never-send-local).
	NeverLocal bool
	// AgentWords are what agents may say; nil means all there is.
	AgentWords []AgentWord
	// Trace is where events are told, nil for nowhere.
	Trace *trace.Set
	// Mail sends alerts; nil is nobody.
	Mail *Mailroom

	ctx    context.Context // of all goroutines, once started
	cancel context.CancelFunc
	wait   sync.WaitGroup
	ready  bool
	warms  bool // a goroutine warms servers up; of who starts, adds and removes

	list     atomic.Pointer[roster]
	starting atomic.Pointer[context.CancelFunc]
}

// Prepare makes the checker ready for what operators and saved states may do; nothing
// is checked before Start. It is called once.
func (c *Checker) Prepare() {
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
	if c.AgentWords == nil {
		c.AgentWords = slices.Collect(maps.Values(AgentWords))
	}
	if c.Mail != nil {
		c.Mail.start(c.Dial)
	}
	if c.Changed == nil {
		c.Changed = func(*proxy.Server, proxy.Transition) {}
	}
	c.list.Store(&roster{checks: c.targets(), asked: c.agents(), warming: c.toWarm()})
	c.ready = true
}

// Start begins to check every server that has a Check. It is called once.
func (c *Checker) Start() {
	if !c.ready {
		c.Prepare()
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	all := c.list.Load()
	c.beginWarming()
	for _, t := range all.checks {
		c.begin(t)
	}
	for _, t := range all.asked {
		c.launch(&t.task, t.run)
	}
}

// Stop ends all checks and waits for their goroutines.
func (c *Checker) Stop() {
	if c.cancel != nil {
		c.cancel()
		c.wait.Wait()
		if c.Mail != nil {
			c.Mail.stop()
		}
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
	task             task
	srv              *proxy.Server
	cfg              *proxy.CheckConfig
	transport        *Transport // nil: plain
	network, address string
	first            time.Duration
	status           string // of the last result, to see whether it changed
	fast             bool   // the next interval is fastinter, whatever the health
	observed         atomic.Pointer[string]
	wake             atomic.Pointer[context.CancelFunc]
	moved            atomic.Pointer[loop.Sockaddr] // by an operator, not taken up yet
	target           atomic.Pointer[loop.Sockaddr] // where it was last moved to
	ownAddr, ownPort atomic.Bool                   // it does not follow the server's
}

// agentTarget is one server whose agent is asked.
type agentTarget struct {
	*Checker
	task   task
	srv    *proxy.Server
	cfg    *proxy.AgentConfig
	first  time.Duration
	status string

	mu sync.Mutex // guards at, which operators change
	at Agent
}

func (t *agentTarget) where() Agent {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at
}

// Endpoints are where a server is checked and its agent asked, by the builder.
type Endpoints struct {
	Transport *Transport
	Agent     Agent
}

// spreadable is the shortest interval that makes others wait (reference: shorter
// ones are respected).
const spreadable = time.Second

// targets lists the checked servers with the spread of their first checks.
func (c *Checker) targets() []*target {
	var all []*target
	c.eachFirst(func(s *proxy.Server, first time.Duration) {
		t := c.target(s, c.Endpoints[s])
		t.first = first
		all = append(all, t)
	}, nil)
	return all
}

// target makes what checks a server.
func (c *Checker) target(s *proxy.Server, ends Endpoints) *target {
	t := &target{Checker: c, srv: s, cfg: s.Check, transport: ends.Transport}
	t.network, t.address = endpoint(s)
	t.ownAddr.Store(s.Check.OwnAddr)
	t.ownPort.Store(s.Check.OwnPort)
	return t
}

// agents lists the servers with an agent, spread likewise.
func (c *Checker) agents() []*agentTarget {
	var all []*agentTarget
	c.eachFirst(nil, func(s *proxy.Server, first time.Duration) {
		all = append(all, &agentTarget{Checker: c, srv: s, cfg: s.Agent, at: c.Endpoints[s].Agent, first: first})
	})
	return all
}

// eachFirst calls check and agent, where not nil, for what is checked and asked,
// with how long the first time waits. Reference: checks and agents stand in one
// line, a server's check before its agent; the n-th of N waits n/N of its own
// interval, of the shortest one at least.
func (c *Checker) eachFirst(check, agent func(s *proxy.Server, first time.Duration)) {
	type first struct {
		call  func(s *proxy.Server, first time.Duration)
		srv   *proxy.Server
		start time.Duration
		inter time.Duration
	}
	var line []first
	var least time.Duration
	add := func(f first) {
		line = append(line, f)
		if f.inter >= spreadable && (least == 0 || f.inter < least) {
			least = f.inter
		}
	}
	for _, p := range c.Proxies {
		for _, s := range p.Set().All {
			if s.Check != nil && s.Watch.Track == nil {
				add(first{check, s, s.Check.Start, s.Check.Inter})
			}
			if s.Agent != nil {
				add(first{agent, s, s.Agent.Start, s.Agent.Inter})
			}
		}
	}
	for i, f := range line {
		over := max(least, f.inter)
		if c.MaxSpread > 0 {
			over = min(over, c.MaxSpread)
		}
		if f.call != nil {
			f.call(f.srv, f.start+over*time.Duration(i)/time.Duration(len(line)))
		}
	}
}

// jitter adds what spread-checks asks for: up to Spread percent of half of it
// more or less.
func (c *Checker) jitter(d time.Duration) time.Duration {
	if c.Spread == 0 {
		return d
	}
	width := int64(d) * int64(c.Spread) / 100
	return d + time.Duration(rand.Int64N(2*width+1)-width)
}

// MoveCheck makes the next checks of a server go to another address, or port, or
// both (set server check-addr, check-port): what is invalid or negative stays. It
// returns false when it is not checked. Any goroutine, once prepared.
func (c *Checker) MoveCheck(s *proxy.Server, addr netip.Addr, port int) bool {
	for _, t := range c.list.Load().checks {
		if t.srv != s {
			continue
		}
		at, said := c.Target(s).IP, s.CheckAt()
		if addr.IsValid() {
			at, said.Addr = netip.AddrPortFrom(addr, at.Port()), addr
			t.ownAddr.Store(true)
		}
		if port >= 0 {
			at, said.Port = netip.AddrPortFrom(at.Addr(), uint16(port)), port
			t.ownPort.Store(true)
		}
		to := loop.IPSockaddr(at)
		s.SetCheckAt(said)
		t.moved.Store(to)
		t.target.Store(to)
		return true
	}
	return false
}

// MoveAgent makes a server's agent be asked at another address, or port, or both
// (set server agent-addr, agent-port), likewise.
func (c *Checker) MoveAgent(s *proxy.Server, addr netip.Addr, port int) bool {
	said := s.AgentAt()
	return c.ChangeAgent(s, func(a *Agent) {
		host, at, _ := net.SplitHostPort(a.Address)
		if addr.IsValid() {
			host, said.Addr, a.Follows = addr.String(), addr, false
		}
		if port >= 0 {
			at, said.Port = strconv.Itoa(port), port
		}
		a.Network, a.Address = "tcp", net.JoinHostPort(host, at)
		s.SetAgentAt(said)
	})
}

// ChangeAgent changes where a server's agent is asked and what it is sent (set
// server agent-send); false when it has none. Any
// goroutine, once prepared.
func (c *Checker) ChangeAgent(s *proxy.Server, change func(*Agent)) bool {
	for _, t := range c.list.Load().asked {
		if t.srv == s {
			t.mu.Lock()
			change(&t.at)
			t.mu.Unlock()
			return true
		}
	}
	return false
}

// Moved tells that a server has another address: checks follow it, but for what
// they have of their own. Any goroutine, once prepared.
func (c *Checker) Moved(s *proxy.Server) {
	for _, t := range c.list.Load().checks {
		if t.srv != s {
			continue
		}
		at, old := s.Address().To.IP, c.Target(s).IP
		a, port := at.Addr(), at.Port()
		if t.ownAddr.Load() {
			a = old.Addr()
		}
		if t.ownPort.Load() {
			port = old.Port()
		}
		to := loop.IPSockaddr(netip.AddrPortFrom(a, port)) // a server with a path is never moved
		t.moved.Store(to)
		t.target.Store(to)
	}
	for _, t := range c.list.Load().asked {
		if t.srv == s {
			t.moveAlong()
		}
	}
}

// moveAlong has the agent of a server that moved be asked where that is.
func (t *agentTarget) moveAlong() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, port, err := net.SplitHostPort(t.at.Address); err == nil && t.at.Follows {
		t.at.Address = net.JoinHostPort(t.srv.Address().To.IP.Addr().String(), port)
	}
}

// Target returns where the checks of a server go; any goroutine, once prepared.
func (c *Checker) Target(s *proxy.Server) *loop.Sockaddr {
	for _, t := range c.list.Load().checks {
		if to := t.target.Load(); t.srv == s && to != nil {
			return to
		}
	}
	if s.Check.Addr != nil {
		return s.Check.Addr
	}
	return s.Address().To
}

// endpoint returns what a check connects to: the server's address unless check
// addr and port say otherwise.
func endpoint(s *proxy.Server) (network, address string) {
	a := s.Address().To
	if s.Check.Addr != nil {
		a = s.Check.Addr
	}
	return dialAddress(a)
}

func (t *target) run(ctx context.Context) {
	for t.sleep(ctx, t.first); ctx.Err() == nil; t.sleep(ctx, t.interval()) {
		// reference: a server in maintenance is not checked, one in drain is.
		if last := t.observed.Swap(nil); last != nil {
			t.analyse(*last)
			continue
		}
		if t.srv.ChecksPaused() || t.srv.ChecksOff() {
			continue
		}
		t.srv.SetInProgress(true)
		t.tellStart()
		r, ok := t.once(ctx)
		t.srv.SetInProgress(false)
		if !ok {
			return
		}
		t.tellResult(&r)
		t.report(r)
	}
}

// once does one check; ok is false when the checker stops.
func (t *target) once(ctx context.Context) (proxy.Result, bool) {
	if to := t.moved.Swap(nil); to != nil {
		t.network, t.address = dialAddress(to)
	}
	plan, _ := t.cfg.Plan.(*Plan)
	switch {
	case plan == nil && t.transport == nil:
		return t.connect(ctx)
	case plan == nil:
		return t.execute(ctx, connectOnly)
	case plan.Kind == KindExternal:
		return t.command(ctx, plan.External)
	}
	return t.execute(ctx, plan)
}

// connectOnly is the plan of a check without rules through TLS or proxies.
var connectOnly = &Plan{Rules: []Rule{{Connect: &Connect{Implicit: true, Default: true}}}}

// sleep waits, and is woken by what traffic shows.
func (t *target) sleep(ctx context.Context, d time.Duration) {
	if t.srv.Watch.Observe == proxy.ObserveNone {
		t.Wait(ctx, d)
		return
	}
	woken, cancel := context.WithCancel(ctx)
	defer cancel()
	t.wake.Store(&cancel)
	if t.observed.Load() == nil {
		t.Wait(woken, d)
	}
}

// watch is told, by loops, that error-limit was reached.
func (t *target) watch(last string) {
	t.observed.Store(&last)
	if wake := t.wake.Load(); wake != nil {
		(*wake)()
	}
}

// analyse does what on-error says.
func (t *target) analyse(last string) {
	t.fast = true
	w := &t.srv.Watch
	if w.OnError == proxy.FastInter || t.srv.Admin().Maint() {
		return
	}
	switch h := t.srv.Health().Value; {
	case w.OnError == proxy.SuddenDeath && h > t.cfg.Rise:
		t.srv.LimitHealth(t.cfg.Rise + 1)
	case w.OnError == proxy.MarkDown:
		t.srv.LimitHealth(t.cfg.Rise)
	}
	t.report(proxy.Result{Status: HANA, Analysed: true,
		Desc: fmt.Sprintf("Detected %d consecutive errors, last one was: %s", w.ErrorLimit, last)})
}

func (t *agentTarget) run(ctx context.Context) {
	for d := t.first; t.Wait(ctx, d); d = t.jitter(t.cfg.Inter) {
		if t.srv.AgentOff() {
			continue
		}
		t.srv.SetAgentInProgress(true)
		text, r, ok := t.ask(ctx)
		t.srv.SetAgentInProgress(false)
		if !ok {
			return
		}
		if r.Status == "" {
			took := r.Duration
			r = t.obey(parseAnswer(text, t.AgentWords))
			r.Duration = took
		}
		t.report(r)
	}
}

// interval is how long to wait before the next check.
func (t *target) interval() time.Duration {
	fast := t.fast
	t.fast = false
	switch v := t.srv.Health().Value; {
	case v == 0:
		return t.jitter(orElse(t.cfg.DownInter, t.cfg.Inter))
	case v >= t.cfg.Rise+t.cfg.Fall-1 && !fast:
		return t.jitter(t.cfg.Inter)
	}
	return t.jitter(orElse(t.cfg.FastInter, t.cfg.Inter))
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
	conn, err := t.Dial(limited, t.srv.CheckSource, t.network, t.address)
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
