package stats

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/keyword"
	"gohap/lbcore/loop"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/lbcore/trace"
)

type host struct{ in *Instance }

func (h host) Stats() *Instance { return h.in }

func sockaddr(s string) *loop.Sockaddr { return loop.IPSockaddr(netip.MustParseAddrPort(s)) }

// build is testdata/haproxy.cfg as objects, after each checked server was
// checked once.
func build(t *testing.T) (*Instance, *clock.Fake) {
	t.Helper()
	g, err := loop.NewGroup(2, 16384, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g.Start()
	t.Cleanup(g.Stop)
	now := clock.NewFake(time.Unix(1e9, 0))
	in := &Instance{
		Process: &proxy.Process{Totals: proxy.NewCounters(2), HardMaxconn: 100, Facts: &sample.Process{}},
		Group:   g, Clock: now, Name: "gohap", Version: "3.2.0-gohap0.1.0", ReleaseDate: "2026/11/23",
		BuildInfo: "3.2.0-gohap0.1.0", Node: "lab", Description: `a, "quoted" one`, PID: 77,
		Started: 1e9, StartedMono: now.Mono(), ULimitN: 235, MaxSock: 235,
		Trace: trace.New(clock.Wall),
	}
	in.Process.Maxconn.Store(100)
	backend := func(p *proxy.Proxy, algorithm string) *proxy.Proxy {
		p.IsBackend, p.Algorithm, p.BE = true, algorithm, proxy.NewCounters(2)
		in.Proxies = append(in.Proxies, p)
		return p
	}
	server := func(p *proxy.Proxy, name, addr string, change func(*proxy.Server)) *proxy.Server {
		s := &proxy.Server{Name: name, ID: len(p.Set().All) + 1, Weight0: 1, MaxIdle: -1, PurgeTime: 5 * time.Second,
			Counters: proxy.NewCounters(2)}
		s.Move(&proxy.Address{To: sockaddr(addr), Text: addr})
		if change != nil {
			change(s)
		}
		s.Prepare(2)
		s.Init(1e9, nil)
		p.AddServer(s)
		return s
	}
	checked := func(rise, fall int) func(*proxy.Server) {
		return func(s *proxy.Server) { s.Check = &proxy.CheckConfig{Rise: rise, Fall: fall, Inter: time.Second} }
	}
	l1 := backend(&proxy.Proxy{Name: "l1", ID: 2, IsFrontend: true, Mode: proxy.HTTP, Options: proxy.OptSocketStats, Fullconn: 10, FE: proxy.NewCounters(2)}, "roundrobin")
	l1.MaxSessRate.Store(900)
	unix, _ := loop.UnixSockaddr("/x")
	l1.Binds = []*proxy.Bind{
		{Proxy: l1, Name: "b1", ID: 1, Sockaddr: sockaddr("127.0.0.1:10001")},
		{Proxy: l1, ID: 2, Sockaddr: sockaddr("127.0.0.1:10002"), Maxconn: 7},
		{Proxy: l1, ID: 3, Sockaddr: unix},
	}
	s1 := server(l1, "s1", "127.0.0.1:10003", func(s *proxy.Server) { checked(2, 3)(s); s.Cookie = "c1" })
	server(l1, "s2", "127.0.0.1:10003", func(s *proxy.Server) { s.MaxIdle = 3 })
	server(l1, "s3", "127.0.0.1:10003", func(s *proxy.Server) { s.Backup = true })
	s4 := server(l1, "s4", "127.0.0.1:10004", checked(1, 4))
	f1 := &proxy.Proxy{Name: "f1", ID: 3, IsFrontend: true, FE: proxy.NewCounters(2)}
	in.Proxies = append(in.Proxies, f1)
	b1 := backend(&proxy.Proxy{Name: "b1", ID: 4, Fullconn: 10}, "leastconn")
	t1 := server(b1, "t1", "127.0.0.1:10003", func(s *proxy.Server) {
		checked(2, 3)(s)
		s.Weight0, s.Maxqueue = 10, 7
		s.Maxconn.Store(5)
	})
	server(b1, "t2", "[::1]:10003", func(s *proxy.Server) { s.Weight0 = 0 })
	server(b1, "t3", "127.0.0.1:10003", nil)
	backend(&proxy.Proxy{Name: "empty", ID: 5, Mode: proxy.HTTP, Fullconn: 55}, "roundrobin")
	refused := proxy.Result{Status: "L4CON", Desc: "Connection refused"}
	s1.Checked(refused, 1e9)
	t1.Checked(refused, 1e9)
	s4.Checked(proxy.Result{OK: true, Status: "L4OK"}, 1e9)
	for _, p := range in.Proxies {
		p.Refresh(1e9)
	}
	return in, now
}

// serve makes an instance answer as the reference does over its socket.
func serve(t *testing.T, in *Instance) *reference {
	t.Helper()
	set := keyword.NewSet()
	cli.Register(set)
	Register(set)
	s := &cli.Server{Commands: cli.NewCommands(set, cli.OfWorker), Host: host{in}}
	path := filepath.Join(t.TempDir(), "s")
	done := make(chan error, 2)
	for name, level := range map[string]cli.Level{path: cli.Admin, path + "-user": cli.User} {
		k := cli.Socket{Network: "unix", Address: name, Level: level, UID: -1, GID: -1}
		l, err := cli.Listen(k)
		if err != nil {
			t.Fatal(err)
		}
		go func() { done <- s.Serve(l, k) }()
	}
	t.Cleanup(func() { s.Close(); <-done; <-done })
	return &reference{socket: path}
}

// What the reference answered, we answer: header, cells, their emptiness, tags,
// types, descriptions, texts of errors, lines of the help.
func TestAsReference(t *testing.T) {
	in, _ := build(t)
	ours := serve(t, in)
	for name := range questions {
		t.Run(name, func(t *testing.T) {
			got, err := ours.question(name)
			if err != nil {
				t.Fatal(err)
			}
			want := golden(t, name)
			if name == "stat.json" {
				got, want = genericJSON(t, got), genericJSON(t, want)
			}
			if d := firstDifference(steady(name, want), steady(name, got)); d != "" {
				t.Error(d)
			}
		})
	}
}

// genericJSON keeps the generic columns of a statistics dump.
func genericJSON(t *testing.T, s string) string {
	t.Helper()
	var rows [][]map[string]any
	if err := json.Unmarshal([]byte(s), &rows); err != nil {
		t.Fatalf("%v in %q", err, s)
	}
	var out []string
	for _, row := range rows {
		for _, c := range row {
			if c["field"].(map[string]any)["pos"].(float64) < float64(len(columns)) {
				out = append(out, fmt.Sprint(c))
			}
		}
	}
	return strings.Join(out, "\n")
}

func TestInfo(t *testing.T) {
	in, now := build(t)
	now.Advance(25*time.Hour + 61*time.Second + 250*time.Millisecond)
	in.Jobs = func() int { return 3 }
	in.Warnings = func() int64 { return 4 }
	in.Pools = func() []PoolInfo { return []PoolInfo{{Name: "big", Size: 1 << 20, Allocated: 3, Used: 2}} }
	ours := serve(t, in)
	got, err := ours.ask("show info")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Name: gohap", "Version: 3.2.0-gohap0.1.0", "Release_date: 2026/11/23", "Nbthread: 2", "Pid: 77",
		"Uptime: 1d 1h01m01s", "Uptime_sec: 90061", "PoolAlloc_MB: 3", "PoolUsed_MB: 2", "Maxconn: 100", "Hard_maxconn: 100",
		"PipesUsed: 0", "PipesFree: 0", "node: lab", `description: "a, ""quoted"" one"`, "Jobs: 3", "TotalWarnings: 4", "Ulimit-n: 235",
		"Start_time_sec: 1000000000", "Stopping: 0",
	} {
		if !strings.Contains("\n"+got, "\n"+line+"\n") {
			t.Errorf("no line %q in %s", line, got)
		}
	}
	got, _ = ours.ask("show info float typed")
	if !strings.Contains(got, "\n8.Uptime_sec.1:MDP:flt:90061.25\n") || !strings.Contains(got, `51.description.1:COS:str:a, "quoted" one`) {
		t.Error(got)
	}
	got, _ = ours.ask("show info json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(got), &list); err != nil || len(list) != len(fields) {
		t.Errorf("%v, %d values", err, len(list))
	}
}

// Counters and gauges appear where they belong and are cleared as asked.
func TestCountersAndClear(t *testing.T) {
	in, now := build(t)
	l1 := in.Proxies[0]
	s2 := l1.Set().All[1]
	in.Group.Each(func(l *loop.Loop) {
		fe, be, sv := l1.FE.For(l), l1.BE.For(l), s2.Counters.For(l)
		fe.Add(proxy.CumSess, 2)
		fe.Add(proxy.CumConns, 3)
		fe.Add(proxy.CumReq, 5)
		fe.Add(proxy.H1Req, 5)
		fe.Add(proxy.BytesIn, 100)
		be.Add(proxy.Resp2xx, 4)
		be.Add(proxy.CumSess, 4)
		be.Add(proxy.CumReq, 4)
		sv.Add(proxy.LBTotal, 6)
		sv.Add(proxy.TTimeSum, 90)
		sv.Add(proxy.CumSess, 3)
	})
	in.Group.Each(func(*loop.Loop) {}) // a turn later everything is published
	l1.FEConn.Inc()
	l1.FEConn.Inc()
	l1.FEConn.Dec()
	s2.Conn.Inc()
	s2.LastSess.Store(1e9)
	s2.MaxTimes.Total.Observe(77)
	l1.SessRate.Count(now.Mono())
	now.Advance(3 * time.Second)
	ours := serve(t, in)
	cell := func(line, col string) string { return field1(t, ours, line, col) }
	for _, c := range []struct{ line, col, want string }{
		{"l1,FRONTEND", "scur", "1"}, {"l1,FRONTEND", "smax", "2"}, {"l1,FRONTEND", "stot", "4"}, {"l1,FRONTEND", "conn_tot", "6"},
		{"l1,FRONTEND", "req_tot", "10"}, {"l1,FRONTEND", "bin", "200"}, {"l1,FRONTEND", "h1sess", "4"}, {"l1,FRONTEND", "h1req", "10"},
		{"l1,FRONTEND", "rate", "0"}, {"l1,FRONTEND", "rate_max", "1"}, {"l1,BACKEND", "hrsp_2xx", "8"}, {"l1,BACKEND", "stot", "8"},
		{"l1,s2", "lbtot", "12"}, {"l1,s2", "ttime", "30"}, {"l1,s2", "ttime_max", "77"}, {"l1,s2", "lastsess", "3"}, {"l1,s2", "scur", "1"},
		{"l1,s1", "downtime", "3"}, {"l1,s1", "lastchg", "3"}, {"l1,s1", "chkfail", "1"}, {"l1,FRONTEND", "h1_total_connections", "6"},
		{"l1,BACKEND", "req_tot", "8"}, {"l1,FRONTEND", "h1_open_connections", "1"},
	} {
		if got := cell(c.line, c.col); got != c.want {
			t.Errorf("%s %s = %q, want %q", c.line, c.col, got, c.want)
		}
	}
	ours.ask("clear counters")
	if cell("l1,FRONTEND", "smax") != "1" || cell("l1,FRONTEND", "rate_max") != "0" || cell("l1,s2", "ttime_max") != "0" || cell("l1,FRONTEND", "stot") != "4" {
		t.Error("clear counters: maxima forgotten, totals kept")
	}
	ours.ask("clear counters all")
	for _, c := range []struct{ line, col, want string }{
		{"l1,FRONTEND", "stot", "0"}, {"l1,s2", "lbtot", "0"}, {"l1,s1", "chkfail", "0"}, {"l1,s1", "chkdown", "0"},
		{"l1,s1", "downtime", "0"}, {"l1,s1", "status", "DOWN"}, {"l1,FRONTEND", "scur", "1"},
	} {
		if got := cell(c.line, c.col); got != c.want {
			t.Errorf("after clear all: %s %s = %q, want %q", c.line, c.col, got, c.want)
		}
	}
	if got, _ := ours.ask("operator;clear counters all"); got != "\nPermission denied\n\n" {
		t.Errorf("clear all by an operator: %q", got)
	}
}

// field1 asks for one cell by the names of line and column.
func field1(t *testing.T, r *reference, line, col string) string {
	t.Helper()
	csv, err := r.ask("show stat")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(csv, "\n")
	for i, name := range strings.Split(strings.TrimPrefix(lines[0], "# "), ",") {
		if name != col {
			continue
		}
		for _, l := range lines {
			if strings.HasPrefix(l, line+",") {
				return strings.Split(l, ",")[i]
			}
		}
	}
	t.Fatalf("no %s in %s", col, line)
	return ""
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		want    string
		results string // + and - checks, rise 2 fall 3; "" unchecked
		admin   proxy.Admin
	}{
		{"no check", "", 0},
		{"DRAIN", "", proxy.ForcedDrain},
		{"MAINT", "", proxy.ForcedMaint | proxy.ConfigMaint},
		{"MAINT (resolution)", "+", proxy.ResolutionMaint},
		{"MAINT", "-", proxy.ForcedMaint},
		{"UP", "+", 0},
		{"UP 2/3", "+-", 0},
		{"UP 1/3", "+--", 0},
		{"DOWN", "+---", 0},
		{"DOWN", "-", 0},
		{"DOWN 1/2", "-+", 0},
		{"UP", "-++", 0},
		{"DRAIN 2/3", "+-", proxy.ForcedDrain},
		{"DRAIN", "+", proxy.InheritedDrain},
	} {
		s := &proxy.Server{Weight0: 1}
		if c.results != "" {
			s.Check = &proxy.CheckConfig{Rise: 2, Fall: 3}
		}
		s.Init(0, nil)
		for _, r := range c.results {
			s.Checked(proxy.Result{OK: r == '+'}, 0)
		}
		s.SetAdmin(c.admin, 0, 0)
		h := s.Health()
		if got := serverStatus(s, &h); got != c.want {
			t.Errorf("%q admin %b: %s, want %s", c.results, c.admin, got, c.want)
		}
	}
}

func TestEnvAndStartup(t *testing.T) {
	in, _ := build(t)
	in.Environ = func() []string { return []string{"A=1", "AB=2=3"} }
	in.StartupLog = func() string { return "[NOTICE] one\n[WARNING] two\n" }
	ours := serve(t, in)
	got, _ := ours.ask("show env;show env AB;show env B;show startup-logs;show version")
	want := "A=1\nAB=2=3\n\nAB=2=3\n\nVariable not found\n\n[NOTICE] one\n[WARNING] two\n\n3.2.0-gohap0.1.0\n\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestActivityAndPools(t *testing.T) {
	in, _ := build(t)
	in.Group.Each(func(l *loop.Loop) {
		l.Stats.Recvs, l.Stats.Sends, l.Stats.MaxStall = 10, int64(5+l.ID), int64(1e12*(l.ID+1))
		l.Buffers.Get()
	})
	ours := serve(t, in)
	for q, lines := range map[string][]string{
		"show activity":    {"thread_id: 1 (1..2)", "data_syscalls: 31 [ 15 16 ]", "max_stall_us: 2000000000 [ 1000000000 2000000000 ]", "uptime_now: 0.000000"},
		"show activity -1": {"data_syscalls: 31 [ 15 16 ]"},
		"show activity 0":  {"data_syscalls: 31"},
		"show activity 2":  {"thread_id: 2 (1..2)", "data_syscalls: 16"},
	} {
		got, err := ours.ask(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if !strings.Contains(got, l+"\n") {
				t.Errorf("%s: no line %q in\n%s", q, l, got)
			}
		}
		if n := 0; !strings.Contains(got, "\nmallocs: ") {
			t.Errorf("%s: no mallocs", q)
		} else if _, err := fmt.Sscanf(got[strings.Index(got, "\nmallocs: "):], "\nmallocs: %d\n", &n); err != nil || n == 0 {
			t.Errorf("mallocs %d %v", n, err)
		}
	}
	got, _ := ours.ask("show pools")
	want := "Dumping pools usage. Use SIGQUIT to flush them.\n" +
		"  - Pool buffer (16384 bytes) : 2 allocated (32768 bytes), 2 used, needed_avg 2, 0 failures, 1 users\n" +
		"Total: 1 pools, 32768 bytes allocated, 32768 used.\n\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, _ := ours.ask("debug gc"); !strings.HasPrefix(got, "heap ") {
		t.Error(got)
	}
}

// fakeStream is what the reference showed of one request whose body is awaited.
func fakeStream(n uint64) StreamInfo {
	return StreamInfo{
		Ptr: 0x1000 + n, ID: n, Accepted: time.Date(2026, 11, 23, 16, 5, 48, 504759000, time.UTC), Proto: "tcpv4",
		Source: netip.MustParseAddrPort("127.0.0.1:52968"), Age: time.Duration(n) * time.Second, Calls: 2, Expire: 0,
		Frontend: "l1", FrontendID: 2, FrontendMode: "http", Listener: "sock-2", ListenerID: 2, ListenerAddr: "127.0.0.1:18082",
		Backend: "l1", BackendID: 2, BackendMode: "http", Server: "s2", ServerID: 2, Flags: 0xc0a, Retries: 1, RetryExpire: 0,
		HTTP: true, Method: "GET", URI: "/abc", Status: -1, ReqState: "DATA", RspState: "HEAD",
		Request:  Channel{Flags: 0x800000, Input: 16323, Analysers: 0x8000, Expire: Never, ToForward: -1, Total: 61, Output: 61, Size: 16384},
		Response: Channel{Flags: 0x80000000, Expire: Never, Size: 16384},
		Client:   Endpoint{State: SideEstablished, Flags: 0x400, FD: 17, ReadExp: 4 * time.Second, WriteExp: Never, Timeout: 5 * time.Second, Mux: "H1"},
		Upstream: Endpoint{State: SideTurnAround, Flags: 1, FD: -1, ReadExp: Never, WriteExp: Never},
	}
}

// The short form is the reference's line for the same stream, its pointer and
// its task's state aside.
func TestShortStream(t *testing.T) {
	s := fakeStream(0)
	var b bytes.Buffer
	s.short(&b, true)
	want := `0x1000: proto=tcpv4 src=127.0.0.1:52968 fe=l1 be=l1 srv=s2 ts=00 epoch=0 age=0s calls=2 rate=0 cpu=0 lat=0 rq[f=800000h,i=16323,an=8000h,ax=] rp[f=80000000h,i=0,an=00h,ax=] scf=[8,400h,fd=17,rex=4s,wex=] scb=[3,1h,fd=-1,rex=,wex=] exp=0s rc=1 c_exp=0s uri="GET /abc HTTP/1.1"` + "\n"
	if b.String() != want {
		t.Errorf("got  %swant %s", b.String(), want)
	}
	s = StreamInfo{Ptr: 1, Proto: "unix_stream", ListenerID: 1, Frontend: "f", Expire: 2 * time.Minute, RetryExpire: Never}
	b.Reset()
	s.short(&b, true)
	if got := b.String(); !strings.HasPrefix(got, "0x1: proto=unix_stream src=unix:1 fe=f be=<NONE> srv=<none> ") || !strings.HasSuffix(got, " exp=2m rc=0 c_exp=\n") {
		t.Error(got)
	}
}

func TestLongStream(t *testing.T) {
	s := fakeStream(0)
	var b bytes.Buffer
	s.long(&b, false)
	want := `0x1000: [23/Nov/2026:16:05:48.504759] id=0 proto=tcpv4 source=127.0.0.1:52968
  flags=0xc0a, conn_retries=1, conn_exp=0s waiting=0
  frontend=l1 (id=2 mode=http), listener=sock-2 (id=2) addr=127.0.0.1:18082
  backend=l1 (id=2 mode=http)
  server=s2 (id=2)
  task=0x1000 (calls=2 exp=0s tid=0 age=0s)
  txn=0x1000 meth=GET status=-1 req.st=DATA rsp.st=HEAD
  scf flags=0x00000400 ioto=5s state=EST endp=CONN rex=4s wex=<NEVER>
      co ctrl xprt=RAW mux=H1 fd=17
  scb flags=0x00000001 ioto=0s state=TAR endp=NONE rex=<NEVER> wex=<NEVER>
  req (f=0x800000 an=0x8000 tofwd=-1 total=61)
      an_exp=<NEVER> o=61 i=16323 size=16384
  res (f=0x80000000 an=0x0 tofwd=0 total=0)
      an_exp=<NEVER> o=0 i=0 size=16384
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// Walks cover every stream of every loop once, in slices, with filters applied.
func TestShowSess(t *testing.T) {
	in, _ := build(t)
	const each = 1000 // streams a loop
	in.Streams = func(l *loop.Loop, at any, into *StreamInfo, visit func() bool) any {
		n, _ := at.(uint64)
		for ; n < each; n++ {
			*into = fakeStream(uint64(l.ID)*each + n)
			if n%2 == 1 {
				into.Backend, into.Server = "b1", "t3"
			}
			if !visit() {
				return n + 1
			}
		}
		return nil
	}
	ours := serve(t, in)
	for q, want := range map[string]int{
		"show sess": 2*each + 1, "show sess all": 2*each + 1, "show sess frontend f1": 0, // and the one that asks
		"show sess backend b1":   each,
		"show sess server b1/t3": each, "show sess server l1/s1": 0, "show sess older 1990": 10, "show sess older 33m show-uri": 20,
		"show sess all older 1990 backend b1": 5, "show sess 0x1003": 1, "show sess 0x10": 0,
	} {
		if q == "show sess older 33m show-uri" {
			q, want = "show sess older 33m10s show-uri", 10
		}
		got, err := ours.ask(q)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, line := range strings.Split(got, "\n") {
			if id, _, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(line, "0x") {
				if seen[id] {
					t.Fatalf("%s: %s twice", q, id)
				}
				seen[id] = true
			}
		}
		if len(seen) != want {
			t.Errorf("%s: %d streams, want %d", q, len(seen), want)
		}
	}
	if got, _ := ours.ask("show sess help"); !strings.HasPrefix(got, "Usage: show sess ") {
		t.Error(got)
	}
}

// The command sockets' own connections are listed, in both forms.
func TestShowSessOwn(t *testing.T) {
	in, _ := build(t)
	ours := serve(t, in)
	c, err := net.Dial("unix", ours.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	r := bufio.NewReader(c)
	ask := func(line string) (got string) {
		fmt.Fprintln(c, line)
		for {
			l, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(line, err)
			}
			if l == "\n" {
				return got
			}
			got += l
		}
	}
	ask("prompt i")
	line := ask("show sess")
	id, rest, _ := strings.Cut(line, ":")
	if !strings.HasPrefix(rest, " proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1 ") ||
		!strings.Contains(rest, " scf=[8,0h,fd=") || !strings.HasSuffix(rest, ",rex=10s,wex=] scb=[8,1h,fd=-1,rex=,wex=] exp=10s rc=0 c_exp=\n") {
		t.Errorf("%q", line)
	}
	for _, question := range []string{"show sess all", "show sess " + id} {
		got := ask(question)
		for _, want := range []string{id + ": [", "proto=unix_stream source=unix:1\n", "  frontend=GLOBAL (id=0 mode=tcp), listener=? (id=1) addr=unix:1\n",
			"  backend=<NONE> (id=-1 mode=-)\n  server=<NONE> (id=-1)\n", "applet=<CLI>", "mux=PASS"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %q", question, want, got)
			}
		}
	}
	for question, want := range map[string]string{
		"show sess 0x1": "Session not found.\n", "show sess older 1h": "", "show sess backend b1": "",
		"show sess self": "Unsupported option 'self', try 'help' for more info.\n",
	} {
		if got := ask(question); got != want {
			t.Errorf("%s: %q", question, got)
		}
	}
}

// A reader that leaves in the middle of a dump ends the walk, and the loops go
// on.
func TestShowSessAbandoned(t *testing.T) {
	in, _ := build(t)
	in.Streams = func(l *loop.Loop, at any, into *StreamInfo, visit func() bool) any {
		for {
			*into = fakeStream(1)
			if !visit() {
				return 1 // without end
			}
		}
	}
	ours := serve(t, in)
	c, err := net.Dial("unix", ours.socket)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(c, "show sess")
	if _, err := io.ReadFull(c, make([]byte, 300<<10)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	in.Group.Each(func(*loop.Loop) {})
}

// What was taken out of the registry is not there.
func TestWithoutWords(t *testing.T) {
	in, _ := build(t)
	in.Words = keyword.NewSet()
	Register(in.Words)
	for _, w := range []struct {
		class keyword.Class
		name  string
	}{{keyword.StatColumn, "scur"}, {keyword.InfoField, "Pid"}, {keyword.StatModifier, "typed"}} {
		if !in.Words.Remove(w.class, w.name) {
			t.Fatalf("no row %s", w.name)
		}
	}
	ours := serve(t, in)
	if got, _ := ours.ask("show stat typed"); !strings.HasPrefix(got, "# pxname,svname,qcur,qmax,smax,") {
		t.Errorf("%.80q", got)
	}
	if got, _ := ours.ask("show info typed"); !strings.Contains(got, "\nProcess_num: 1\nUptime: ") {
		t.Errorf("%.300q", got)
	}
}

// Every row has a summary; examples are answered as their row says.
func TestExamples(t *testing.T) {
	in, _ := build(t)
	ours := serve(t, in)
	set := keyword.NewSet()
	Register(set)
	for _, r := range set.Rows(keyword.Command) {
		for _, e := range r.Good {
			got, err := ours.ask("set severity-output number;" + e.Config)
			if err != nil || strings.Contains(got, "[3]") || strings.Contains(got, "Unknown command") {
				t.Errorf("%q: %.300q %v", e.Config, got, err)
			}
		}
		for _, bad := range r.Bad {
			got, err := ours.ask("set severity-output number;" + bad)
			if err != nil || !strings.Contains(got, "[3]") && !strings.Contains(got, "not found") {
				t.Errorf("%q is not refused: %.300q %v", bad, got, err)
			}
		}
	}
}
