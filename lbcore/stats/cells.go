package stats

import (
	"fmt"

	"gohap/lbcore/check"
	"gohap/lbcore/clock"
	"gohap/lbcore/proxy"
)

// cellType is the type that typed output names.
type cellType uint8

const (
	u32 cellType = iota
	s32
	u64
	str
	flt
)

func (t cellType) String() string { return [...]string{"u32", "s32", "u64", "str", "flt"}[t] }

// cell is one value; without set it is empty, which is not the same as zero.
type cell struct {
	n   int64
	s   string
	set bool
}

var empty = cell{}

func number(n int64) cell   { return cell{n: n, set: true} }
func word(s string) cell    { return cell{s: s, set: true} }
func zero(*object) cell     { return number(0) }
func one(*object) cell      { return number(1) }
func pxname(o *object) cell { return word(o.p.Name) }
func iid(o *object) cell    { return number(int64(o.p.ID)) }
func mode(o *object) cell   { return word(o.p.Mode.String()) }
func qcur(o *object) cell   { return number(o.queue().Load()) }
func qmax(o *object) cell   { return number(o.queue().Max()) }
func scur(o *object) cell   { return number(o.gauge().Load()) }
func smax(o *object) cell   { return number(o.gauge().Max()) }
func algo(o *object) cell {
	if o.p.Algorithm == "random" {
		return word("unknown") // reference: it has no name for it
	}
	return word(orElse(o.p.Algorithm, "roundrobin"))
}

func reqRate(o *object) cell { return number(int64(o.p.ReqRate.Read(o.mono))) }

func reqRateMax(o *object) cell  { return number(o.p.ReqRate.Max()) }
func connRate(o *object) cell    { return number(int64(o.p.ConnRate.Read(o.mono))) }
func connRateMax(o *object) cell { return number(o.p.ConnRate.Max()) }
func rateLimit(o *object) cell   { return number(o.p.MaxSessRate.Load()) }
func rateMax(o *object) cell     { return number(o.rate().Max()) }
func rate(o *object) cell        { return number(int64(o.rate().Read(o.mono))) }
func idleNow(o *object) cell     { return number(o.s.Idle.Load()) }
func provenNow(o *object) cell   { return number(o.s.Safe.Load()) }
func unprovenNow(o *object) cell { return number(max(0, o.s.Idle.Load()-o.s.Safe.Load())) }
func needNow(o *object) cell     { return number(o.s.Need()) }
func usedNow(o *object) cell     { return number(o.s.Used.Load()) }

// h1 gives a value to a proxy that speaks HTTP/1, others have zero (reference).
func h1(f func(*object) cell) func(*object) cell {
	return func(o *object) cell {
		if o.p.Mode != proxy.HTTP {
			return number(0)
		}
		return f(o)
	}
}

// sides counts one thing of a frontend, another of a backend: what comes in on one
// side goes out on the other.
func sides(front, back proxy.Counter) func(*object) cell {
	return func(o *object) cell {
		if o.kind == 'B' {
			return number(o.sum(back))
		}
		return number(o.sum(front))
	}
}

// h1OpenStreams counts the exchanges that are under way: a server connection that is
// in use has one.
func h1OpenStreams(o *object) cell {
	if o.kind == 'F' {
		return number(max(0, o.sum(proxy.OpenStreams)))
	}
	n := int64(0)
	for _, s := range o.p.Set().All {
		n += s.Used.Load()
	}
	return number(n)
}

// h1Open counts the connections that are open now.
func h1Open(o *object) cell {
	if o.kind == 'F' {
		return number(o.p.FEConn.Load())
	}
	n := int64(0)
	for _, s := range o.p.Set().All {
		n += s.Used.Load() + s.Idle.Load()
	}
	return number(n)
}

func orElse(s, or string) string {
	if s != "" {
		return s
	}
	return or
}

// object is what one line is about.
type object struct {
	kind   byte // F, L, S or B as typed output writes it
	p      *proxy.Proxy
	s      *proxy.Server // kind S
	b      *proxy.Bind   // kind L
	health proxy.Health  // of s
	in     *Instance
	mono   int64 // ns
	wall   int64 // seconds
	full   bool  // addresses, cookies and algorithms are shown
	only   bool  // "up" or "no-maint": the backend says how many of its servers
}

func (o *object) counters() *proxy.Counters {
	switch o.kind {
	case 'F':
		return o.p.FE
	case 'L':
		return o.b.Counters
	case 'S':
		return o.s.Counters
	}
	return o.p.BE
}

func (o *object) gauge() *proxy.Gauge {
	switch o.kind {
	case 'F':
		return &o.p.FEConn
	case 'L':
		return &o.b.Conn
	case 'S':
		return &o.s.Conn
	}
	return &o.p.BEConn
}

func (o *object) rate() *proxy.Rate {
	switch o.kind {
	case 'S':
		return &o.s.SessRate
	case 'B':
		return &o.p.BESessRate
	}
	return &o.p.SessRate
}

func (o *object) sum(k proxy.Counter) int64 {
	if c := o.counters(); c != nil {
		return c.Sum(k)
	}
	return 0
}

// cum is a cumulative counter.
func cum(k proxy.Counter) func(*object) cell {
	return func(o *object) cell { return number(o.sum(k)) }
}

// http limits a value to proxies of mode http.
func http(f func(*object) cell) func(*object) cell {
	return func(o *object) cell {
		if o.p.Mode != proxy.HTTP {
			return empty
		}
		return f(o)
	}
}

// private shows a value from level operator on.
func private(f func(*object) cell) func(*object) cell {
	return func(o *object) cell {
		if !o.full {
			return empty
		}
		return f(o)
	}
}

// checked limits a value to servers that are checked.
func checked(f func(*object) cell) func(*object) cell {
	return func(o *object) cell {
		if !checks(o.s) {
			return empty
		}
		return f(o)
	}
}

// checking is checked without those whose checks rest in maintenance.
func checking(f func(*object) cell) func(*object) cell {
	return checked(func(o *object) cell {
		if o.s.ChecksPaused() {
			return empty
		}
		return f(o)
	})
}

// average is a time in ms over the streams so far. Reference: those that got no
// server count, with no time.
func average(k proxy.Counter) func(*object) cell {
	return func(o *object) cell {
		if n := o.sum(proxy.CumSess); n > 0 {
			return number(o.sum(k) / n)
		}
		return number(0)
	}
}

// queue is the line of a server or backend.
func (o *object) queue() *proxy.Gauge {
	if o.kind == 'S' {
		return o.s.QueueGauge()
	}
	return o.p.QueueGauge()
}

// longest is the highest time in ms.
func longest(of func(*proxy.MaxTimes) *clock.Max) func(*object) cell {
	return func(o *object) cell {
		if o.kind == 'S' {
			return number(int64(of(&o.s.MaxTimes).Load()))
		}
		return number(int64(of(&o.p.MaxTimes).Load()))
	}
}

func svname(o *object) cell {
	switch o.kind {
	case 'F':
		return word("FRONTEND")
	case 'L':
		return word(orElse(o.b.Name, fmt.Sprintf("sock-%d", o.b.ID)))
	case 'S':
		return word(o.s.Name)
	}
	return word("BACKEND")
}

func sid(o *object) cell {
	switch o.kind {
	case 'L':
		return number(int64(o.b.ID))
	case 'S':
		return number(int64(o.s.ID))
	}
	return number(0)
}

func objectType(o *object) cell {
	return number(map[byte]int64{'F': 0, 'B': 1, 'S': 2, 'L': 3}[o.kind])
}

func slim(o *object) cell {
	switch o.kind {
	case 'F':
		if n := o.p.Maxconn.Load(); n != 0 || o.in.Process == nil {
			return number(max(n, 0)) // below zero: closed to all
		}
		return number(o.in.Process.Maxconn.Load())
	case 'L':
		return number(o.b.Maxconn)
	case 'S':
		if n := o.s.Maxconn.Load(); n > 0 {
			return number(n)
		}
		return empty
	}
	return number(int64(o.p.Fullconn))
}

// throttle is how far a server is with slowstart.
func throttle(o *object) cell {
	if percent, starting := o.s.Throttle(); starting {
		return number(percent)
	}
	return empty
}

func userWeight(o *object) cell {
	if o.kind == 'B' {
		return number(int64(o.p.Availability().User))
	}
	return number(int64(o.s.UserWeight()))
}

func weight(o *object) cell {
	if o.kind == 'B' {
		return number(int64(o.p.Availability().Weight))
	}
	return number(int64(o.s.ShownWeight()))
}

// active and backup say of a server what it is, of a backend how many of such
// are usable.
func active(o *object) cell {
	if o.kind == 'B' {
		return number(int64(o.p.Availability().Active))
	}
	return bit(!o.s.IsBackup())
}

func backup(o *object) cell {
	if o.kind == 'B' {
		return number(int64(o.p.Availability().Backup))
	}
	return bit(o.s.IsBackup())
}

func bit(v bool) cell {
	if v {
		return number(1)
	}
	return number(0)
}

func qlimit(o *object) cell {
	if o.s.Maxqueue == 0 {
		return empty
	}
	return number(int64(o.s.Maxqueue))
}

func checkFails(o *object) cell { return number(o.health.Fails) }

func checkDowns(o *object) cell {
	if o.kind == 'B' {
		return number(o.p.Downs.Load())
	}
	return checked(func(o *object) cell { return number(o.health.Downs) })(o)
}

// lastChange is how long ago the state changed, seconds.
func lastChange(o *object) cell {
	last := o.health.LastChange
	if o.kind == 'B' {
		last = o.p.LastChange.Load()
	}
	if last == 0 {
		last = o.in.Started
	}
	return number(max(0, o.wall-last))
}

// downTime is the time spent down, seconds, the present one included.
func downTime(o *object) cell {
	if o.kind == 'B' {
		if len(o.p.Set().All) == 0 {
			return empty
		}
		n := o.p.DownTime.Load()
		if o.p.IsDown() {
			n += o.wall - o.p.LastChange.Load()
		}
		return number(n)
	}
	return checked(func(o *object) cell {
		n := o.health.DownTime
		if o.s.Oper() == proxy.Down {
			n += o.wall - o.health.DownSince
		}
		return number(n)
	})(o)
}

func lastSession(o *object) cell {
	last := o.p.LastSess.Load()
	if o.kind == 'S' {
		last = o.s.LastSess.Load()
	}
	if last == 0 {
		return number(-1)
	}
	return number(max(0, o.wall-last))
}

func checkStatus(o *object) cell {
	if o.health.InProgress {
		return word("* " + o.health.Status)
	}
	return word(o.health.Status)
}

// checkCode is set by results that have a code.
func checkCode(o *object) cell {
	if !check.HasCode(o.health.Status) {
		return empty
	}
	return number(int64(o.health.Code))
}

func checkDuration(o *object) cell {
	if o.health.Status == "INI" || o.health.Status == "UNK" {
		return empty
	}
	return number(o.health.Duration.Milliseconds())
}

func checkInfo(o *object) cell   { return word(o.health.Desc) }
func checkReason(o *object) cell { return word(check.Reason(o.health.Status)) }
func checkRise(o *object) cell   { return number(int64(o.s.Check.Rise)) }
func checkFall(o *object) cell   { return number(int64(o.s.Check.Fall)) }
func checkHealth(o *object) cell { return number(int64(o.health.Value)) }

// reqTotal is empty for what serves no HTTP, frontends excepted (reference).
func reqTotal(o *object) cell {
	switch {
	case o.kind == 'F':
		return number(o.sum(proxy.CumReq))
	case o.p.Mode != proxy.HTTP:
		return empty
	}
	return number(o.sum(proxy.CumReq)) // of servers: those that were answered
}

func addr(o *object) cell {
	if o.kind == 'S' {
		return word(o.s.Address().Text)
	}
	if o.b.Passed {
		return empty
	}
	if o.b.Sockaddr == nil || o.b.Sockaddr.Path != "" {
		return word("unix")
	}
	return word(o.b.Sockaddr.IP.String())
}

func proto(o *object) cell {
	switch {
	case o.b.Passed:
		return word("sockpair")
	case o.b.Sockaddr == nil || o.b.Sockaddr.Path != "":
		return word("unix_stream")
	case o.b.Sockaddr.IP.Addr().Unmap().Is4():
		return word("tcpv4")
	}
	return word("tcpv6")
}

func cookie(o *object) cell {
	if o.s == nil {
		if o.p.Cookie == nil {
			return empty
		}
		return word(string(o.p.Cookie.Name))
	}
	if o.s.Cookie == "" {
		return empty
	}
	return word(o.s.Cookie)
}

func idleLimit(o *object) cell {
	if o.s.MaxIdle < 0 {
		return empty
	}
	return number(int64(o.s.MaxIdle))
}

func sessH1(o *object) cell {
	if o.p.Mode != proxy.HTTP {
		return number(0)
	}
	return number(o.sum(proxy.CumSess))
}

func sessOther(o *object) cell {
	return number(o.sum(proxy.CumSess) - sessH1(o).n)
}

func reqOther(o *object) cell {
	return number(max(0, o.sum(proxy.CumReq)-o.sum(proxy.H1Req)))
}

// agented limits a value to servers with an agent.
func agented(f func(*object) cell) func(*object) cell {
	return func(o *object) cell {
		if o.s.Agent == nil || o.s.AgentOff() {
			return empty
		}
		return f(o)
	}
}

func agentStatus(o *object) cell {
	h := o.s.AgentHealth()
	if h.InProgress {
		return word("* " + h.Status)
	}
	return word(h.Status)
}

func agentCode(o *object) cell {
	h := o.s.AgentHealth()
	if !check.HasCode(h.Status) {
		return empty
	}
	return number(int64(h.Code))
}

func agentDuration(o *object) cell {
	h := o.s.AgentHealth()
	if h.Status == "INI" {
		return empty
	}
	return number(h.Duration.Milliseconds())
}

func agentInfo(o *object) cell   { return word(o.s.AgentHealth().Desc) }
func agentReason(o *object) cell { return word(check.Reason(o.s.AgentHealth().Status)) }
func agentHealth(o *object) cell { return number(int64(o.s.AgentHealth().Value)) }

// hanafail counts how often observed traffic had too many errors.
func hanafail(o *object) cell {
	if o.s.Watch.Observe == proxy.ObserveNone {
		return empty
	}
	return number(o.s.ObservedFails())
}

// tracked names the server whose state this one has.
func tracked(o *object) cell {
	t := o.s.Watch.Track
	if t == nil {
		return empty
	}
	return word(t.Proxy.Name + "/" + t.Name)
}

// revision is which server of that id it is.
func revision(o *object) cell {
	if o.s == nil {
		return number(0)
	}
	return number(int64(o.s.Revision))
}
