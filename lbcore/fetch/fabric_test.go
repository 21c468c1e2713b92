package fetch

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/acl"
	"gohap/lbcore/auth"
	"gohap/lbcore/clock"
	"gohap/lbcore/h1"
	"gohap/lbcore/keyword"
	"gohap/lbcore/loop"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
	"gohap/stick"
)

// fabric is a stream without a connection, on a loop that does not run, and
// the proxies that the examples name.
type fabric struct {
	set     *keyword.Set
	clock   *clock.Fake
	worker  *stream.Worker
	session *stream.Session
	proxies map[string]*proxy.Proxy
	tables  map[string]*proxy.Table
}

func testSet() *keyword.Set {
	set := keyword.NewSet()
	sample.Register(set)
	acl.Register(set)
	Register(set)
	return set
}

// newFabric stands at 2023-11-15 00:13:20 GMT when the connection is accepted.
func newFabric(t testing.TB) *fabric {
	t.Helper()
	time.Local = time.UTC // the examples' dates are in one zone
	f := &fabric{set: testSet(), clock: clock.NewFake(time.Unix(1700007200, 0)), proxies: map[string]*proxy.Proxy{}}
	l := loop.New(0, nil, f.clock, 16384, nil)
	proc := &proxy.Process{Totals: proxy.NewCounters(1), Facts: &sample.Process{PID: 42, Hostname: []byte("node1"), ProcVars: sample.NewProcVars()}}
	proc.Conn.Inc()
	f.worker = stream.NewWorker(l, proc, proxy.Limits{LogURILen: 1024, BufSize: 16384, MaxRewrite: 1024, StickCounters: 3})
	f.worker.Limits.ErrCodes, f.worker.Limits.FailCodes = proxy.StandardCodes()
	f.addProxies()
	fe := f.proxies["fe"]
	bind := &proxy.Bind{Proxy: fe, ID: 1}
	bind.Conn.Inc()
	fe.FEConn.Inc()
	f.session = (&stream.Session{
		FE: fe, AcceptedAt: l.Now(), Requests: 1,
	}).On(bind)
	f.session.SetSource(netip.MustParseAddrPort("127.0.0.1:33333"))
	f.session.SetDestination(netip.MustParseAddrPort("127.1.0.1:8080"))
	return f
}

func (f *fabric) addProxies() {
	f.proxies["fe"] = &proxy.Proxy{Name: "fe", ID: 2, IsFrontend: true, Mode: proxy.HTTP, Timeouts: proxy.Timeouts{Client: 6 * time.Second}}
	for i, name := range []string{"be", "other", "limited"} {
		p := &proxy.Proxy{Name: name, ID: 3 + i, IsBackend: true, Mode: proxy.HTTP, Timeouts: proxy.Timeouts{Server: 5 * time.Second, Tunnel: 7 * time.Second}}
		f.proxies[name] = p
		for j := 1; j <= 2; j++ {
			s := &proxy.Server{Name: "s" + strconv.Itoa(j), ID: j, Weight0: 1}
			s.Move(&proxy.Address{To: loop.IPSockaddr(netip.MustParseAddrPort("127.0.0.1:8000"))})
			if name == "limited" {
				s.Maxconn.Store(int64(10 * j))
				s.Weight0 = 1 + 6*(j-1)
			}
			s.Init(1700007200, nil)
			if name == "other" && j == 2 {
				s.SetAdmin(proxy.ForcedMaint, 0, 0)
			}
			p.AddServer(s)
		}
	}
	for name, data := range map[string]stick.Data{"addresses": stick.GPC0, "counted": stick.GPC} {
		t, err := stick.New(stick.Config{Name: name, Key: stick.KeyIPv4, Size: 100, Expire: 60000, Store: []stick.Stored{{Data: data, N: 2}}}, 0)
		if err != nil {
			panic(err)
		}
		f.proxies[name] = &proxy.Proxy{Name: name, Table: &proxy.Table{Table: t}}
	}
	f.proxies["fe"].DefaultBackend = f.proxies["be"]
}

// refs resolves what expressions name, as the builder does.
func (f *fabric) refs(r sample.Ref) {
	if r.Arg.Type == sample.ArgUserlist {
		l := auth.NewList("users")
		l.Add(&auth.User{Name: "u", Secret: "p", Plain: true, Groups: [][]byte{[]byte("g")}})
		r.Arg.Ref = l
		return
	}
	if r.Arg.Type == sample.ArgTable {
		r.Arg.Ref = f.tables[r.Arg.Str]
		if p := f.proxies[r.Arg.Str]; p != nil {
			r.Arg.Ref = p.Table
		}
		return
	}
	be, srv, ok := strings.Cut(r.Arg.Str, "/")
	p := f.proxies[be]
	switch {
	case p == nil:
	case ok:
		r.Arg.Ref = p.Server(srv)
	default:
		r.Arg.Ref = p
	}
}

// exchange begins a stream with a message as examples write it: a request, or
// a response to the example request.
func (f *fabric) exchange(t testing.TB, text string) *stream.Stream {
	t.Helper()
	if text == "" {
		text = exampleHead
	}
	request := text
	if strings.HasPrefix(text, "HTTP/") {
		request = exampleHead
	}
	h, body := parse(t, request)
	s := new(stream.Stream)
	f.session.PrevEnd = 0
	s.Attach(f.worker, f.session, h)
	s.ID, s.ClientTimeout = 7, int64(6*time.Second)
	f.track(t, s)
	now := f.session.AcceptedAt
	s.Times.Begin, s.Times.Request = now, now
	if len(body) > 0 {
		b := f.worker.Loop.Buffers.Get()
		b.Append(body)
		s.Hold(b, true)
	}
	s.ReqCaptured = [][]byte{[]byte("www.e")}
	if request != text {
		f.respond(t, s, text)
	}
	return s
}

// exampleTables are the stick tables of the examples, with what they store.
var exampleTables = map[string][]stick.Stored{
	"t": singles(), "u": singles(),
	"ua": {{Data: stick.GPC, N: 2}, {Data: stick.GPCRate, N: 2, Period: 10000}, {Data: stick.GPT, N: 2}},
}

// singles are all data that are no arrays.
func singles() (list []stick.Stored) {
	for d := range stick.DataKinds {
		if !d.Array() && d.Form() != stick.Dict {
			list = append(list, stick.Stored{Data: d, N: 1, Period: 10000})
		}
	}
	return list
}

// track gives a stream new tables and has its slots track, as the rules of the
// examples do on a program that runs.
func (f *fabric) track(t testing.TB, s *stream.Stream) {
	f.tables = map[string]*proxy.Table{}
	now := uint32(f.worker.Loop.Now() / 1e6)
	for name, store := range exampleTables {
		table, err := stick.New(stick.Config{Name: name, Key: stick.KeyIPv4, Size: 1000, Store: store}, now)
		if err != nil {
			t.Fatal(err)
		}
		f.tables[name] = &proxy.Table{Table: table}
	}
	for i := range 3 {
		s.Track(i, f.tables["t"], []byte{127, 1, byte(i), 1})
		e := s.Tracked(i)
		e.Add(stick.HTTPReqCnt, 0, 1)
		e.AddRate(stick.HTTPReqRate, 0, 1, now)
	}
}

// respond makes the stream one whose server has answered.
func (f *fabric) respond(t testing.TB, s *stream.Stream, text string) {
	h, body := parse(t, text)
	if len(body) > 0 {
		b := f.worker.Loop.Buffers.Get()
		b.Append(body)
		s.HoldResponse(b)
	}
	s.BE = f.proxies["be"]
	s.Server = s.BE.Server("s1")
	s.ServerTimeout, s.TunnelTimeout = int64(5*time.Second), int64(7*time.Second)
	now := s.Times.Request
	s.Times.Rules, s.Times.Queue, s.Times.Connect, s.Times.Response = now, now, now, now
	s.Req, s.Ctx.Request = nil, nil
	s.Res, s.Ctx.Response, s.Status = h, h, h.Status
	s.ResMajor, s.ResMinor = h.Major, h.Minor
	s.Ctx.Dir = sample.Response
	if at := h.Find([]byte("x-cap")); at >= 0 {
		s.ResCaptured = [][]byte{h.Fields[at].Value[:5]}
	}
}

func parse(t testing.TB, text string) (*message.Head, []byte) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	raw := []byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n")
	var d h1.Decoder
	h := new(message.Head)
	st := h1.Done
	if strings.HasPrefix(text, "HTTP/") {
		_, st = d.Response(raw, h, &h1.Options{}, &h1.RequestInfo{Method: message.GET})
	} else {
		_, st = d.Request(raw, h, &h1.Options{})
	}
	if st != h1.Done {
		t.Fatalf("%q does not parse: %v", text, d.Failure())
	}
	return h, []byte(body)
}

// eval prints an expression as %[...] does, or says that it has no value.
func (f *fabric) eval(t testing.TB, s *stream.Stream, text string) string {
	t.Helper()
	e, rest, err := sample.Compile(f.set, text, sample.Options{Refs: f.refs})
	if err != nil || rest != "" {
		t.Fatalf("%s: %v, rest %q", text, err, rest)
	}
	var v sample.Sample
	if !e.Eval(&s.Ctx, sample.Str, &v) {
		return missing
	}
	return string(v.Data)
}

// logged is an exchange at its end: served by s1 after a redispatch, 100 ms
// after the accept.
func (f *fabric) logged(t testing.TB) *stream.Stream {
	t.Helper()
	s := f.exchange(t, "")
	s.Method, s.URI, s.Version, s.Major, s.Minor = []byte("GET"), []byte("/a/b.html?x=1&y=2"), []byte("HTTP/1.1"), 1, 1
	s.Req, s.Ctx.Request = nil, nil
	s.BE, s.Server = f.proxies["be"], f.proxies["be"].Server("s1")
	at := func(ms int64) int64 { return f.session.AcceptedAt + ms*1e6 }
	s.Times = stream.Times{Begin: at(5), Request: at(10), Rules: at(10), Queue: at(20), Connect: at(40), Response: at(60)}
	s.Term = [4]byte{'-', '-', '-', '-'}
	s.Status, s.BytesIn, s.BytesOut = 200, 56, 1234
	s.ResCaptured, s.ResCookie = [][]byte{nil}, []byte("SID=1")
	s.Retries, s.Redispatched = 1, true
	s.Conns = [5]int64{1, 1, 0, 0, 1}
	f.clock.Advance(time.Duration(at(100) - f.worker.Loop.Now()))
	f.worker.Loop.Precise()
	return s
}

// format renders a log format for a stream.
func (f *fabric) format(t testing.TB, s *stream.Stream, text string) string {
	t.Helper()
	lf, err := sample.CompileFormat(f.set, text, sample.FormatOptions{HTTP: true})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return string(lf.Append(nil, &s.Ctx))
}
