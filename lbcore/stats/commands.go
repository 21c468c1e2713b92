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
	wall := in.clock().Wall().Unix()
	for _, p := range in.Proxies {
		clearProxy(p)
		for _, b := range p.Binds {
			b.Conn.ResetMax()
			clearAll(all, b.Counters)
		}
		for _, s := range p.Servers {
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

// backends returns the backends that an optional name or id selects.
func (in *Instance) backends(r *cli.Request) ([]*proxy.Proxy, bool) {
	var some []*proxy.Proxy
	for _, p := range in.Proxies {
		if !p.IsBackend {
			continue
		}
		if len(r.Args) == 0 || r.Args[0] == p.Name || r.Args[0] == fmt.Sprint(p.ID) {
			some = append(some, p)
		}
	}
	if len(some) == 0 && len(r.Args) > 0 {
		r.Fail("Can't find backend.")
		return nil, false
	}
	return some, true
}

// address and port of a server as server lists print them.
func address(a *loop.Sockaddr) (ip string, port int) {
	if a == nil || !a.IP.IsValid() {
		return "-", 0
	}
	return a.IP.Addr().String(), int(a.IP.Port())
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
		servers = append(servers, p.Servers...)
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
		ip, port := address(s.Address().To)
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

const stateHeader = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight " +
	"srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state " +
	"bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"

func showServersState(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	list, ok := in.backends(r)
	if !ok {
		return
	}
	r.WriteString(stateHeader)
	wall := in.clock().Wall().Unix()
	for _, p := range list {
		for _, s := range p.Servers {
			stateLine(r, s, wall)
		}
	}
}

// checkNumbers are the reference's numbers of a check's status.
var checkNumbers = map[string]int{"": 1, "INI": 1, "SOCKERR": 5, "L4OK": 6, "L4TOUT": 7, "L4CON": 8}

func stateLine(r *cli.Request, s *proxy.Server, wall int64) {
	h := s.Health()
	ip, port := address(s.Address().To)
	oper, result, state := s.Oper(), 0, 0
	checkIP, checkPort := "-", 0
	if s.Admin().Maint() && (s.Check != nil || s.Admin()&proxy.ConfigMaint != 0) {
		state = 8 // checks are paused
	}
	if s.Check != nil {
		state |= 6
		switch {
		case h.InProgress:
			state |= 1
		case h.Status == "L4OK":
			result = 3
		case h.Status != "INI":
			result = 2
		}
		if a := s.Check.Addr; a != nil {
			if cip, cport := address(a); cip != ip || cport != port {
				checkPort = cport
				if cip != ip {
					checkIP = cip
				}
			}
		}
	}
	r.Printf("%d %s %d %s %s %d %d %d %d %d %d %d %d %d 0 0 0 - %d - 0 %d %s %s %d\n",
		s.Proxy.ID, s.Proxy.Name, s.ID, s.Name, ip, oper, s.Admin(), s.UserWeight(), s.Weight0,
		max(0, wall-h.LastChange), checkNumbers[h.Status], result, h.Value, state, port,
		checkPort, checkIP, checkIP, checkPort)
}
