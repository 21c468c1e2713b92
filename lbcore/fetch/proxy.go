package fetch

import (
	"unsafe"

	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// setText makes s a string constant that is not copied.
func setText(s *sample.Sample, text string) {
	s.SetStr(unsafe.Slice(unsafe.StringData(text), len(text)))
}

// of makes a fetch of a number about the proxy that the argument names; the
// builder resolved it.
func of(value func(c *sample.Context, p *proxy.Proxy) int64) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		p, ok := args[0].Ref.(*proxy.Proxy)
		if !ok {
			return false
		}
		s.SetInt(value(c, p))
		return true
	}
}

func ofServer(value func(c *sample.Context, srv *proxy.Server) int64) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		srv, ok := args[0].Ref.(*proxy.Server)
		if !ok {
			return false
		}
		s.SetInt(value(c, srv))
		return true
	}
}

func fetchServerUp(_ *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	srv, ok := args[0].Ref.(*proxy.Server)
	if !ok {
		return false
	}
	s.SetBool(isUp(srv))
	return true
}

// isUp is what srv_is_up says: running and in no maintenance.
func isUp(srv *proxy.Server) bool {
	return !srv.Admin().Maint() && srv.Oper() != proxy.Down
}

// now is the monotonic time of the loop that evaluates.
func now(c *sample.Context) int64 {
	if x := exchange(c); x != nil {
		return x.Now()
	}
	if c.Clock != nil {
		return c.Clock.Mono()
	}
	return 0
}

// usable counts the servers that take new traffic: the active ones, or the
// backups when no active one does.
func usable(p *proxy.Proxy) int64 {
	n := int64(0)
	for _, list := range [2][]*proxy.Server{p.Set().Active, p.Set().Backups} {
		for _, srv := range list {
			if srv.Usable() {
				n++
			}
		}
		if n > 0 {
			return n
		}
	}
	return 0
}

// free sums the connections that the usable servers still take; -1 when one of
// them has no limit. Reference: backups are left out unless they are all there
// is.
func free(_ *sample.Context, p *proxy.Proxy) int64 {
	sum := int64(0)
	for _, srv := range p.Set().All {
		if !srv.Usable() || srv.IsBackup() && hasUsable(p.Set().Active) {
			continue
		}
		n := serverFree(nil, srv)
		if n < 0 {
			return -1
		}
		sum += n
	}
	return sum
}

// waiting counts what waits in all lines of a backend.
func waiting(_ *sample.Context, p *proxy.Proxy) int64 { return p.Queue.All.Load() }

// averageQueue is waiting by usable server. Reference: backups are counted when
// they serve.
func averageQueue(c *sample.Context, p *proxy.Proxy) int64 {
	n, servers := waiting(c, p), usable(p)
	if servers == 0 {
		return 2 * n
	}
	return (n + servers - 1) / servers
}

// slots sums what the usable servers and their lines still take; -1 when one has
// no limit of either.
func slots(_ *sample.Context, p *proxy.Proxy) int64 {
	sum := int64(0)
	for _, srv := range p.Set().All {
		if srv.Admin().Maint() || srv.Oper() == proxy.Down {
			continue
		}
		most := srv.Maxconn.Load()
		if most == 0 || srv.Maxqueue == 0 {
			return -1
		}
		sum += most - srv.Conn.Load() + int64(srv.Maxqueue) - srv.QueueLen()
	}
	return sum
}

func hasUsable(list []*proxy.Server) bool {
	for _, srv := range list {
		if srv.Usable() {
			return true
		}
	}
	return false
}

func serverFree(_ *sample.Context, srv *proxy.Server) int64 {
	limit := srv.Maxconn.Load()
	if limit == 0 {
		return -1
	}
	return max(limit-srv.Conn.Load(), 0)
}

func fetchActConn(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	ss := session(c)
	if ss == nil {
		return false
	}
	s.SetInt(ss.W.Proc.Conn.Load())
	return true
}

func fetchStopping(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	ss := session(c)
	if ss == nil {
		return false
	}
	s.SetBool(ss.W.Proc.Stopping.Load())
	return true
}

// frontend makes a fetch of a fact about the session's frontend.
func frontend(set func(p *proxy.Proxy, s *sample.Sample) bool) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		ss := session(c)
		return ss != nil && set(ss.FE, s)
	}
}

// backend makes a fetch of a fact about the stream's backend.
func backend(set func(p *proxy.Proxy, s *sample.Sample) bool) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		if k := runningCheck(c); k != nil {
			return set(k.CheckServer().Proxy, s)
		}
		x := exchange(c)
		return x != nil && set(x.Backend(), s)
	}
}

func fetchServerName(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	if k := runningCheck(c); k != nil {
		setText(s, k.CheckServer().Name)
		return true
	}
	x := exchange(c)
	if x == nil || x.Server == nil || x.Server.ID == 0 {
		return false
	}
	setText(s, x.Server.Name)
	return true
}

func fetchServerID(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	if k := runningCheck(c); k != nil {
		s.SetInt(int64(k.CheckServer().ID))
		return true
	}
	x := exchange(c)
	if x == nil || x.Server == nil || x.Server.ID == 0 {
		return false
	}
	s.SetInt(int64(x.Server.ID))
	return true
}

func proxyName(p *proxy.Proxy, s *sample.Sample) bool { setText(s, p.Name); return true }
func proxyID(p *proxy.Proxy, s *sample.Sample) bool   { s.SetInt(int64(p.ID)); return true }

func defaultBackend(p *proxy.Proxy, s *sample.Sample) bool {
	if p.DefaultBackend == nil {
		return false
	}
	setText(s, p.DefaultBackend.Name)
	return true
}

// fetchWaitEnd matches once no more data will come.
func fetchWaitEnd(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	if !c.Final {
		s.Flags |= sample.MayChange
		return false
	}
	s.SetBool(true)
	return true
}

var (
	oneBackend  = args(1, sample.ArgBackend)
	oneFrontend = args(1, sample.ArgFrontend)
	oneServer   = args(1, sample.ArgServer)
)

const (
	needsFE  = sample.NeedsFrontend
	needsBE  = sample.NeedsBackend
	needsSrv = sample.NeedsServer
)

var proxyRows = []entry{
	{name: "act_conn", out: sample.SInt, needs: 0, fetch: fetchActConn, summary: "the connections of the process", good: ex("act_conn,bool", "1"), bad: []string{"act_conn(x)"}},
	{name: "stopping", out: sample.Bool, needs: internal, fetch: fetchStopping, summary: "whether the process is stopping", good: ex("stopping", "0"), bad: []string{"stopping(x)"}},
	{name: "wait_end", out: sample.Bool, needs: internal, fetch: fetchWaitEnd, summary: "true once no more data will be waited for", good: ex("wait_end", "1"), bad: []string{"wait_end(x)"}},
	{name: "be_id", out: sample.SInt, needs: needsBE, fetch: backend(proxyID), summary: "the id of the backend", good: on("be_id,mul(0)", res("x: a"), "0"), bad: []string{"be_id(x)"}},
	{name: "be_name", out: sample.Str, needs: needsBE, fetch: backend(proxyName), summary: "the name of the backend", good: on("be_name", res("x: a"), "be"), bad: []string{"be_name(x)"}},
	{name: "be_conn", out: sample.SInt, args: oneBackend, needs: internal, fetch: of(func(_ *sample.Context, p *proxy.Proxy) int64 { return p.BEConn.Load() }), summary: "the streams on a backend", good: ex("be_conn(other)", "0"), bad: []string{"be_conn(other,x)"}},
	{name: "be_conn_free", out: sample.SInt, args: oneBackend, needs: internal, fetch: of(free), summary: "the connections that a backend's servers still take, -1 without a limit", good: ex("be_conn_free(other)", "-1", "be_conn_free(limited)", "30"), bad: []string{"be_conn_free(other,x)"}},
	{name: "queue", out: sample.SInt, args: oneBackend, needs: internal, fetch: of(waiting), summary: "the requests that wait on a backend, for any of its servers or for one", good: ex("queue(other)", "0"), bad: []string{"queue(other,x)"}},
	{name: "avg_queue", out: sample.SInt, args: oneBackend, needs: internal, fetch: of(averageQueue), summary: "the requests that wait on a backend for each usable server, rounded up; twice their number without one", good: ex("avg_queue(other)", "0"), bad: []string{"avg_queue(other,x)"}},
	{name: "connslots", out: sample.SInt, args: oneBackend, needs: internal, fetch: of(slots), summary: "the requests that a backend's servers and their queues still take, -1 without a limit", good: ex("connslots(other)", "-1"), bad: []string{"connslots(other,x)"}},
	{name: "be_sess_rate", out: sample.SInt, args: oneBackend, needs: internal, fetch: of(func(c *sample.Context, p *proxy.Proxy) int64 { return int64(p.BESessRate.Read(now(c))) }), summary: "the streams a second on a backend", good: ex("be_sess_rate(other)", "0"), bad: []string{"be_sess_rate(other,x)"}},
	{name: "be_server_timeout", out: sample.SInt, needs: needsBE, fetch: backend(func(p *proxy.Proxy, s *sample.Sample) bool { return milliseconds(s, int64(p.Timeouts.Server)) }), summary: "timeout server of the backend, ms", good: on("be_server_timeout", res("x: a"), "5000"), bad: []string{"be_server_timeout(x)"}},
	{name: "be_tunnel_timeout", out: sample.SInt, needs: needsBE, fetch: backend(func(p *proxy.Proxy, s *sample.Sample) bool { return milliseconds(s, int64(p.Timeouts.Tunnel)) }), summary: "timeout tunnel of the backend, ms", good: on("be_tunnel_timeout", res("x: a"), "7000"), bad: []string{"be_tunnel_timeout(x)"}},
	{name: "nbsrv", out: sample.SInt, args: oneBackend, needs: internal, fetch: of(func(_ *sample.Context, p *proxy.Proxy) int64 { return usable(p) }), summary: "the usable servers of a backend", good: ex("nbsrv(other)", "1", "nbsrv(limited)", "2"), bad: []string{"nbsrv(other,x)"}},
	{name: "fe_name", out: sample.Str, needs: needsFE, fetch: frontend(proxyName), summary: "the name of the frontend", good: ex("fe_name", "fe"), bad: []string{"fe_name(x)"}},
	{name: "fe_id", out: sample.SInt, needs: needsFE, fetch: frontend(proxyID), summary: "the id of the frontend", good: ex("fe_id,mul(0)", "0"), bad: []string{"fe_id(x)"}},
	{name: "fe_defbe", out: sample.Str, needs: needsFE, fetch: frontend(defaultBackend), summary: "the name of the frontend's default backend", good: ex("fe_defbe", "be"), bad: []string{"fe_defbe(x)"}},
	{name: "fe_conn", out: sample.SInt, args: oneFrontend, needs: internal, fetch: of(func(_ *sample.Context, p *proxy.Proxy) int64 { return p.FEConn.Load() }), summary: "the connections on a frontend", good: ex("fe_conn(fe),bool", "1"), bad: []string{"fe_conn(fe,x)"}},
	{name: "fe_req_rate", out: sample.SInt, args: oneFrontend, needs: internal, fetch: of(func(c *sample.Context, p *proxy.Proxy) int64 { return int64(p.ReqRate.Read(now(c))) }), summary: "the HTTP requests a second on a frontend", good: ex("fe_req_rate(fe),mul(0)", "0"), bad: []string{"fe_req_rate(fe,x)"}},
	{name: "fe_sess_rate", out: sample.SInt, args: oneFrontend, needs: internal, fetch: of(func(c *sample.Context, p *proxy.Proxy) int64 { return int64(p.SessRate.Read(now(c))) }), summary: "the sessions a second on a frontend", good: ex("fe_sess_rate(fe),mul(0)", "0"), bad: []string{"fe_sess_rate(fe,x)"}},
	{name: "fe_client_timeout", out: sample.SInt, needs: needsFE, fetch: frontend(func(p *proxy.Proxy, s *sample.Sample) bool { return milliseconds(s, int64(p.Timeouts.Client)) }), summary: "timeout client of the frontend, ms", good: ex("fe_client_timeout", "6000"), bad: []string{"fe_client_timeout(x)"}},
	{name: "srv_id", out: sample.SInt, needs: needsSrv, fetch: fetchServerID, summary: "the id of the server", good: on("srv_id", res("x: a"), "1"), bad: []string{"srv_id(x)"}},
	{name: "srv_name", out: sample.Str, needs: needsSrv, fetch: fetchServerName, summary: "the name of the server", good: on("srv_name", res("x: a"), "s1"), bad: []string{"srv_name(x)"}},
	{name: "srv_conn", out: sample.SInt, args: oneServer, needs: internal, fetch: ofServer(func(_ *sample.Context, s *proxy.Server) int64 { return s.Conn.Load() }), summary: "the connections to a server", good: ex("srv_conn(other/s1)", "0"), bad: []string{"srv_conn(other/s1,x)"}},
	{name: "srv_conn_free", out: sample.SInt, args: oneServer, needs: internal, fetch: ofServer(serverFree), summary: "the connections that a server still takes, -1 without a limit", good: ex("srv_conn_free(other/s1)", "-1", "srv_conn_free(limited/s1)", "10"), bad: []string{"srv_conn_free(other/s1,x)"}},
	{name: "srv_queue", out: sample.SInt, args: oneServer, needs: internal, fetch: ofServer(func(_ *sample.Context, s *proxy.Server) int64 { return s.QueueLen() }), summary: "the requests that wait for a server alone", good: ex("srv_queue(other/s1)", "0"), bad: []string{"srv_queue(other/s1,x)"}},
	{name: "srv_is_up", out: sample.Bool, args: oneServer, needs: internal, fetch: fetchServerUp, summary: "whether a server is up and in no maintenance", good: ex("srv_is_up(other/s1)", "1", "srv_is_up(other/s2)", "0"), bad: []string{"srv_is_up(other/s1,x)"}},
	{name: "srv_iweight", out: sample.SInt, args: oneServer, needs: internal, fetch: ofServer(func(_ *sample.Context, s *proxy.Server) int64 { return int64(s.Weight0) }), summary: "the configured weight of a server", good: ex("srv_iweight(limited/s2)", "7"), bad: []string{"srv_iweight(other/s1,x)"}},
	{name: "srv_uweight", out: sample.SInt, args: oneServer, needs: internal, fetch: ofServer(func(_ *sample.Context, s *proxy.Server) int64 { return int64(s.UserWeight()) }), summary: "the weight of a server as last set", good: ex("srv_uweight(limited/s2)", "7"), bad: []string{"srv_uweight(other/s1,x)"}},
	{name: "srv_weight", out: sample.SInt, args: oneServer, needs: internal, fetch: ofServer(func(_ *sample.Context, s *proxy.Server) int64 { return int64(s.UserWeight()) }), summary: "the effective weight of a server, whatever its state", good: ex("srv_weight(limited/s2)", "7", "srv_weight(other/s2)", "1"), bad: []string{"srv_weight(other/s1,x)"}},
	{name: "srv_sess_rate", out: sample.SInt, args: oneServer, needs: internal, fetch: ofServer(func(c *sample.Context, s *proxy.Server) int64 { return int64(s.SessRate.Read(now(c))) }), summary: "the streams a second on a server", good: ex("srv_sess_rate(other/s1)", "0"), bad: []string{"srv_sess_rate(other/s1,x)"}},
}
