package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/transport"
)

// world is a network and a clock that a test drives: every dial waits for an
// answer, every Wait says for how long and waits to be let go.
type world struct {
	clock *clock.Fake
	waits chan time.Duration // what the only server's goroutine waits for
	gone  chan bool          // lets it go on
	dials chan string        // where it connects to
	ends  chan error         // with which outcome
	lines chan string
	took  time.Duration // of each connection
	// waiting is what the last step ended in.
	waiting time.Duration
}

func newWorld() *world {
	return &world{
		clock: clock.NewFake(time.Unix(1e9, 0)), waits: make(chan time.Duration), gone: make(chan bool),
		dials: make(chan string), ends: make(chan error), lines: make(chan string, 100),
	}
}

func (w *world) checker(proxies ...*proxy.Proxy) *Checker {
	return &Checker{
		Proxies: proxies, Clock: w.clock,
		Wait: func(ctx context.Context, d time.Duration) bool {
			select {
			case w.waits <- d:
			case <-ctx.Done():
				return false
			}
			select {
			case <-w.gone:
				return true
			case <-ctx.Done():
				return false
			}
		},
		Dial: func(ctx context.Context, _ *transport.Source, network, address string) (net.Conn, error) {
			select {
			case w.dials <- network + " " + address:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			select {
			case err := <-w.ends:
				w.clock.Advance(w.took)
				if err != nil {
					return nil, err
				}
				a, b := net.Pipe()
				b.Close()
				return a, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		Log: func(p *proxy.Proxy, level int, line string) { w.lines <- fmt.Sprintf("%d %s", level, line) },
	}
}

func backend(name string, options proxy.Options, servers ...*proxy.Server) *proxy.Proxy {
	p := &proxy.Proxy{Name: name, IsBackend: true, Options: options}
	for _, s := range servers {
		p.AddServer(s)
		s.Init(1e9, nil)
	}
	p.Refresh(1e9)
	return p
}

func server(name string, c *proxy.CheckConfig) *proxy.Server {
	s := &proxy.Server{Name: name, Weight0: 1, Check: c}
	s.Move(&proxy.Address{To: loop.IPSockaddr(netip.MustParseAddrPort("127.0.0.1:80"))})
	return s
}

// step lets the next check run with an outcome and returns the lines that it
// wrote; the goroutine waits for the following one then.
func (w *world) step(t *testing.T, outcome error) []string {
	t.Helper()
	w.gone <- true
	<-w.dials
	w.ends <- outcome
	next := <-w.waits // the result was reported
	w.waiting = next
	var lines []string
	for len(w.lines) > 0 {
		lines = append(lines, <-w.lines)
	}
	return lines
}

var refused = &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

const (
	downCause = `, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms`
	upCause   = ", reason: Layer4 check passed, check duration: 0ms"
)

// One server through its states with the reference's lines, and when it is
// checked next.
func TestTransitions(t *testing.T) {
	w := newWorld()
	s := server("s1", &proxy.CheckConfig{Rise: 2, Fall: 2, Inter: 2 * time.Second, FastInter: time.Second, DownInter: 5 * time.Second})
	other := server("s2", nil)
	other.Backup = true
	p := backend("b1", 0, s, other)
	c := w.checker(p)
	c.Start()
	defer c.Stop()
	if d := <-w.waits; d != 0 {
		t.Errorf("the only server's first check waits %v", d)
	}
	for i, step := range []struct {
		outcome error
		lines   []string
		next    time.Duration
		value   int
	}{
		{nil, nil, 2 * time.Second, 3}, // any success of a server that is up restores all
		{refused, nil, time.Second, 2},
		{nil, nil, 2 * time.Second, 3},
		{refused, nil, time.Second, 2},
		{refused, []string{"1 Server b1/s1 is DOWN" + downCause + ". 0 active and 1 backup servers left. Running on backup. 0 sessions active, 0 requeued, 0 remaining in queue."}, 5 * time.Second, 0},
		{refused, nil, 5 * time.Second, 0},
		{nil, nil, time.Second, 1},
		{refused, nil, 5 * time.Second, 0}, // a failure while rising starts over
		{nil, nil, time.Second, 1},
		{nil, []string{"5 Server b1/s1 is UP" + upCause + ". 1 active and 1 backup servers online. 0 sessions requeued, 0 total in queue."}, 2 * time.Second, 3},
	} {
		lines := w.step(t, step.outcome)
		if !slices.Equal(lines, step.lines) {
			t.Errorf("step %d: %q, want %q", i, lines, step.lines)
		}
		if w.waiting != step.next || s.Health().Value != step.value {
			t.Errorf("step %d: next in %v, health %d, want %v, %d", i, w.waiting, s.Health().Value, step.next, step.value)
		}
	}
	if h := s.Health(); h.Fails != 4 || h.Downs != 1 || h.InProgress {
		t.Errorf("%+v", h)
	}
}

// The last server takes the backend down; with log-health-checks results have
// their own lines and the state's line no cause.
func TestLogHealthChecks(t *testing.T) {
	w := newWorld()
	s := server("s1", &proxy.CheckConfig{Rise: 2, Fall: 2, Inter: time.Second})
	p := backend("b2", proxy.OptLogHealthChecks, s)
	var changes []proxy.Transition
	c := w.checker(p)
	c.Changed = func(_ *proxy.Server, tr proxy.Transition) { changes = append(changes, tr) }
	c.Start()
	<-w.waits
	const prefix = "5 Health check for server b2/s1 "
	for i, step := range []struct {
		outcome error
		lines   []string
	}{
		{refused, []string{
			prefix + "failed" + downCause + ", status: 0/2 DOWN.",
			"1 Server b2/s1 is DOWN. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
			"0 backend b2 has no server available!",
		}},
		{refused, nil}, // nothing new
		{nil, []string{prefix + "succeeded" + upCause + ", status: 1/2 DOWN."}},
		{nil, []string{
			prefix + "succeeded" + upCause + ", status: 2/2 UP.",
			"5 Server b2/s1 is UP. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
		}},
		{nil, nil},
		{refused, []string{prefix + "failed" + downCause + ", status: 1/2 UP."}},
	} {
		if lines := w.step(t, step.outcome); !slices.Equal(lines, step.lines) {
			t.Errorf("step %d:\n got %q\nwant %q", i, lines, step.lines)
		}
	}
	c.Stop()
	if !slices.Equal(changes, []proxy.Transition{proxy.WentDown, proxy.WentUp}) {
		t.Errorf("changes %v", changes)
	}
	if p.Downs.Load() != 1 || p.IsDown() {
		t.Errorf("the backend was down %d times, is now %v", p.Downs.Load(), p.IsDown())
	}
}

func TestClassify(t *testing.T) {
	sys := func(e syscall.Errno) error {
		return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", e)}
	}
	for _, c := range []struct {
		network, status, desc string
		err                   error
	}{
		{"tcp", L4OK, "", nil},
		{"tcp", L4CON, "Connection refused", refused},
		{"tcp", L4CON, "No route to host", sys(syscall.EHOSTUNREACH)},
		{"tcp", L4CON, "Connection timed out", sys(syscall.ETIMEDOUT)},
		{"tcp", L4CON, "General socket error (Network is unreachable)", sys(syscall.ENETUNREACH)},
		{"tcp", L4CON, "General socket error (Invalid argument)", sys(syscall.EINVAL)},
		{"tcp", L4TOUT, "", context.DeadlineExceeded},
		{"tcp", L4TOUT, "", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}},
		{"unix", SOCKERR, "General socket error (No such file or directory)", sys(syscall.ENOENT)},
		{"tcp", L4CON, "General socket error (Something else)", errors.New("something else")},
	} {
		r := (&target{network: c.network}).classify(c.err)
		if r.Status != c.status || r.Desc != c.desc || r.OK != (c.err == nil) {
			t.Errorf("%v: %+v, want %s %q", c.err, r, c.status, c.desc)
		}
		if Reason(r.Status) == "" {
			t.Errorf("%s has no reason", r.Status)
		}
	}
}

// First checks are spread over the smallest inter, addresses and limits come
// from the configuration.
func TestTargets(t *testing.T) {
	addr := loop.IPSockaddr(netip.MustParseAddrPort("127.0.0.7:8080"))
	unix, _ := loop.UnixSockaddr("\x00abstract")
	v6 := loop.IPSockaddr(netip.MustParseAddrPort("[::1]:9"))
	a := server("a", &proxy.CheckConfig{Inter: 4 * time.Second})
	b := server("b", &proxy.CheckConfig{Inter: 2 * time.Second, Addr: addr, Timeout: time.Second, ConnectTime: time.Second / 2, Start: time.Second})
	c := server("c", &proxy.CheckConfig{Inter: 2 * time.Second, Timeout: time.Second, ConnectTime: 5 * time.Second})
	d := server("d", &proxy.CheckConfig{Inter: 2 * time.Second, Timeout: time.Second})
	none := server("none", nil)
	c.Move(&proxy.Address{To: unix})
	d.Move(&proxy.Address{To: v6})
	ck := &Checker{Proxies: []*proxy.Proxy{backend("b", 0, a, none, b), backend("c", 0, c, d)}}
	var got []string
	for _, x := range ck.targets() {
		got = append(got, fmt.Sprintf("%s %s %s first %v limit %v", x.srv.Name, x.network, x.address, x.first, x.limit()))
	}
	want := []string{
		"a tcp 127.0.0.1:80 first 0s limit 4s",
		"b tcp 127.0.0.7:8080 first 1.5s limit 500ms",
		"c unix @abstract first 1s limit 2s",
		"d tcp [::1]:9 first 1.5s limit 2s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A server in maintenance is left alone, one in drain is not; the running check
// is seen, its duration is measured, and Stop ends it.
func TestMaintenanceAndStop(t *testing.T) {
	w := newWorld()
	w.took = 7 * time.Millisecond
	s := server("s1", &proxy.CheckConfig{Rise: 2, Fall: 2, Inter: time.Second})
	c := w.checker(backend("b", 0, s))
	c.Start()
	<-w.waits
	s.SetAdmin(proxy.ForcedMaint, 0, 1e9)
	w.gone <- true
	<-w.waits // no dial in between: nobody takes it, so it would hang
	s.SetAdmin(proxy.ForcedDrain, proxy.ForcedMaint, 1e9)
	w.gone <- true
	if to := <-w.dials; to != "tcp 127.0.0.1:80" {
		t.Error(to)
	}
	if !s.Health().InProgress {
		t.Error("a running check is not seen")
	}
	w.ends <- nil
	<-w.waits
	if h := s.Health(); h.Status != L4OK || h.Duration != w.took || h.InProgress {
		t.Errorf("%+v", h)
	}
	w.gone <- true
	<-w.dials
	c.Stop() // in the middle of a check
	if h := s.Health(); h.Status != L4OK || h.InProgress {
		t.Errorf("an interrupted check left %+v", h)
	}
}

// The machine's network: an open port, a closed one, and a backlog that is full.
func TestRealNetwork(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	at := func(l net.Listener) *loop.Sockaddr {
		return loop.IPSockaddr(netip.MustParseAddrPort(l.Addr().String()))
	}
	results := make(chan string, 10)
	s1 := server("up", &proxy.CheckConfig{Rise: 1, Fall: 1, Inter: time.Second})
	s2 := server("down", &proxy.CheckConfig{Rise: 1, Fall: 1, Inter: time.Second})
	s1.Move(&proxy.Address{To: at(open)})
	s2.Move(&proxy.Address{To: at(closed)})
	c := &Checker{
		Proxies: []*proxy.Proxy{backend("b", proxy.OptLogHealthChecks, s1, s2)},
		Wait: func(ctx context.Context, d time.Duration) bool {
			if d >= time.Second { // the second check: not here
				<-ctx.Done()
				return false
			}
			return true
		},
		Log: func(_ *proxy.Proxy, _ int, line string) {
			if strings.HasPrefix(line, "Health") {
				results <- line
			}
		},
	}
	c.Start()
	got := []string{<-results, <-results}
	c.Stop()
	slices.Sort(got)
	if !strings.HasPrefix(got[0], `Health check for server b/down failed, reason: Layer4 connection problem, info: "Connection refused", check duration: `) ||
		!strings.HasPrefix(got[1], "Health check for server b/up succeeded, reason: Layer4 check passed, check duration: ") {
		t.Errorf("%q", got)
	}
}

// A connection that nobody answers ends with the limit.
func TestTimeout(t *testing.T) {
	s := server("s", &proxy.CheckConfig{Rise: 2, Fall: 3, Inter: 30 * time.Millisecond})
	x := &target{srv: s, cfg: s.Check, network: "tcp", address: "x", Checker: &Checker{Clock: clock.System,
		Dial: func(ctx context.Context, _ *transport.Source, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}}
	r, ok := x.connect(context.Background())
	if !ok || r.OK || r.Status != L4TOUT || r.Desc != "" || r.Duration < 29*time.Millisecond {
		t.Errorf("%+v %v", r, ok)
	}
}
