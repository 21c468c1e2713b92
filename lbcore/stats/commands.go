package stats

import (
	_ "embed"
	"fmt"
	"strings"

	"gohap/lbcore/cli"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
)

//go:embed schema.json
var schema string

func showSchema(r *cli.Request) { r.WriteString(schema) }

func showVersion(r *cli.Request) {
	if in, ok := instance(r); ok {
		r.Message(cli.Info, "%s", in.Version)
	}
}

func showBackend(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	r.WriteString("# name\n")
	for _, p := range in.Proxies {
		if p.IsBackend {
			r.WriteString(p.Name + "\n")
		}
	}
}

// showEnv prints the process's environment, or one variable of it.
func showEnv(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	var env []string
	if in.Environ != nil {
		env = in.Environ()
	}
	if len(r.Args) == 0 {
		for _, e := range env {
			r.WriteString(e + "\n")
		}
		return
	}
	for _, e := range env {
		if name, _, _ := strings.Cut(e, "="); name == r.Args[0] {
			r.WriteString(e + "\n")
			return
		}
	}
	r.Fail("Variable not found")
}

func showStartup(r *cli.Request) {
	in, ok := instance(r)
	if !ok || in.StartupLog == nil {
		return
	}
	if text := in.StartupLog(); text != "" {
		r.WriteString(strings.TrimSuffix(text, "\n") + "\n")
	}
}

// clearCounters forgets maxima, with "all" everything that was counted.
func clearCounters(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	all := len(r.Args) > 0 && r.Args[0] == "all"
	if all && !r.Require(cli.Admin) {
		return
	}
	in.Clear(all)
}

// Clear makes maxima what they are now and, with all, cumulative counters and
// times zero. The process's totals stay (reference). Any goroutine.
func (in *Instance) Clear(all bool) {
	in.Process.Conn.ResetMax()
	in.Process.Streams.ResetMax()
	in.Process.ConnRate.ResetMax()
	in.Process.SessRate.ResetMax()
	ask(in, func(l *loop.Loop) (none struct{}) {
		l.Stats.MaxStall, l.Stats.MaxTurn, l.Stats.MaxTurnCPU = 0, 0, 0
		return none
	})
	if all {
		in.clearNameservers()
	}
	wall := in.clock().Wall().Unix()
	for _, p := range in.Proxies {
		clearProxy(p)
		for _, b := range p.Binds {
			b.Conn.ResetMax()
			clearAll(all, b.Counters)
		}
		for _, s := range p.Set().All {
			s.Conn.ResetMax()
			s.QueueGauge().ResetMax()
			s.SessRate.ResetMax()
			clearTimes(&s.MaxTimes)
			clearAll(all, s.Counters)
			if all {
				s.ClearChecks(wall)
			}
		}
		if all {
			clearAll(all, p.FE)
			clearAll(all, p.BE)
			p.Downs.Store(0)
			p.DownTime.Store(0)
			p.LastChange.Store(wall)
		}
	}
}

func clearProxy(p *proxy.Proxy) {
	p.FEConn.ResetMax()
	p.BEConn.ResetMax()
	p.QueueGauge().ResetMax()
	for _, rate := range []*proxy.Rate{&p.ConnRate, &p.SessRate, &p.ReqRate, &p.BESessRate} {
		rate.ResetMax()
	}
	clearTimes(&p.MaxTimes)
}

func clearTimes(m *proxy.MaxTimes) {
	m.Queue.Reset(0)
	m.Connect.Reset(0)
	m.Response.Reset(0)
	m.Total.Reset(0)
}

func clearAll(all bool, c *proxy.Counters) {
	if all && c != nil {
		c.Clear()
	}
}

// backends returns the backends that an optional name, or id behind "#", selects.
func (in *Instance) backends(r *cli.Request) ([]*proxy.Proxy, bool) {
	var some []*proxy.Proxy
	for _, p := range in.Proxies {
		if !p.IsBackend {
			continue
		}
		if len(r.Args) == 0 || r.Args[0] == p.Name || r.Args[0] == fmt.Sprintf("#%d", p.ID) {
			some = append(some, p)
		}
	}
	if len(some) == 0 && len(r.Args) > 0 {
		r.Fail("Can't find backend.")
		return nil, false
	}
	return some, true
}

func showServersConn(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	list, ok := in.backends(r)
	if !ok {
		return
	}
	var servers []*proxy.Server
	for _, p := range list {
		servers = append(servers, p.Set().All...)
	}
	idle := ask(in, func(l *loop.Loop) []int { // idle[loop][server]
		n := make([]int, len(servers))
		for i, s := range servers {
			n[i] = s.IdleOn(l.ID)
		}
		return n
	})
	r.Printf("# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[%d]\n", len(idle))
	for i, s := range servers {
		ip, port := s.Address().Shown()
		now := s.Idle.Load()
		r.Printf("%s/%s %d/%d %s %d - %d %d %d %d 0 %d %d %d", s.Proxy.Name, s.Name, s.Proxy.ID, s.ID, ip, port,
			s.PurgeTime.Milliseconds(), s.Used.Load(), s.Used.Max(), s.Used.Load(), now, s.MaxIdle, now)
		for _, of := range idle {
			n := 0
			if i < len(of) { // a loop that did not answer has no list
				n = of[i]
			}
			r.Printf(" %d", n)
		}
		r.WriteString("\n")
	}
}
