package stream

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/balance"
	"gohap/lbcore/clock"
	"gohap/lbcore/h1"
	"gohap/lbcore/loop"
	"gohap/lbcore/loop/simkernel"
	"gohap/lbcore/mux"
	"gohap/lbcore/mux/testmux"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// A transcript is played on a simulated kernel: peers act, the loop turns until
// nothing is left to do, and what came out is compared. Lines:
//
//	# text                    comment
//	proxy OPTION…             mode=tcp client=5s server=5s connect=5s request=10s
//	                          keepalive=10s clientfin=1s serverfin=1s retries=3 redispatch forwardfor
//	                          maxconn=1 maxqueue=1 queue=1s hash (by source) again (retry-on all)
//	                          httpclose serverclose buffer abortonclose never servers=N
//	                          replace (a http-response rule answers 204) await (one waits 1s for the body)
//	                          tarpit=1s (an http-request rule)
//	                          mux (clients speak the test mux)
//	                          inspect=1s need=N reply=N switch noconn nosess
//	                          (content rules, see setup)
//	serve N MODE              how server N answers a dial: accept, slow, refuse
//	client C connect          a client connects
//	client C > BYTES          it sends (Go string text without quotes; {N*TEXT} repeats)
//	client C = BYTES          it must have received exactly this since last asked
//	client C is STATE         open, shut, closed or reset
//	client C close|reset      it ends its direction, or breaks the connection
//	client C room N           it takes N more bytes
//	server N = S              server N must have been dialled; the connection is called S
//	server S > < is …         the same for a server's connection: "<" means it sends
//	server S answer|refuse    completes a slow dial
//	time 5s                   time passes
//	server S last BYTES       it sends and ends its direction at once
//	counted N                 the frontend has counted N bytes for its clients
//	received N                and N bytes from them
//	none N                    server N must not have been dialled
//
// Each transcript is played whole, then with every piece of input cut into
// single bytes, and both must hold. Afterwards all connections are broken and
// nothing may be left: streams, buffers, exchanges, descriptors, gauges.
func TestTranscripts(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no transcripts")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), "\n---\n") {
			name := strings.TrimSuffix(filepath.Base(file), ".txt") + "/" + title(part)
			t.Run(name, func(t *testing.T) { play(t, part, false) })
			if !strings.Contains(part, "# whole only") {
				t.Run(name+"/bytewise", func(t *testing.T) { play(t, part, true) })
			}
		}
	}
}

func title(part string) string {
	for line := range strings.Lines(part) {
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "untitled"
}

// stage is the world of one transcript.
type stage struct {
	t        *testing.T
	k        *simkernel.Kernel
	l        *loop.Loop
	clk      *clock.Fake
	w        *Worker
	p        *proxy.Proxy
	listener int32
	clients  map[string]*simkernel.Peer
	servers  map[string]*simkernel.Peer
	bytewise bool
	many     bool // clients speak the test mux: many streams a connection
	port     uint16
}

func newStage(t *testing.T, bytewise bool) *stage {
	s := &stage{t: t, k: simkernel.New(), clk: clock.NewFake(time.Unix(1_800_000_000, 0)),
		clients: map[string]*simkernel.Peer{}, servers: map[string]*simkernel.Peer{}, bytewise: bytewise, port: 1000}
	s.l = loop.New(0, s.k.Loop(), s.clk, 32768, slog.New(slog.NewTextHandler(io.Discard, nil)))
	s.setup("")
	return s
}

func play(t *testing.T, script string, bytewise bool) {
	s := newStage(t, bytewise)
	n := 0
	for line := range strings.Lines(script) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.line(line); err != nil {
			t.Fatalf("line %d: %s\n%v", n, line, err)
		}
	}
	s.nothingLeft()
}

// setup makes the proxy; options as in the transcript's proxy line.
func (s *stage) setup(options string) {
	p := &proxy.Proxy{Name: "p", ID: 2, IsFrontend: true, IsBackend: true, Mode: proxy.HTTP, Retries: 3, SessionConns: 5, RetryOn: proxy.RetryConn,
		Timeouts: proxy.Timeouts{Client: 5 * time.Second, Server: 5 * time.Second, Connect: 2 * time.Second}}
	servers, maxconn, maxqueue, hashed := 2, 0, 0, false
	for _, o := range strings.Fields(options) {
		name, v, _ := strings.Cut(o, "=")
		d, _ := time.ParseDuration(v)
		n, _ := strconv.Atoi(v)
		switch name {
		case "mode":
			if v == "tcp" {
				p.Mode = proxy.TCP
			}
		case "client":
			p.Timeouts.Client = d
		case "server":
			p.Timeouts.Server = d
		case "connect":
			p.Timeouts.Connect = d
		case "request":
			p.Timeouts.HTTPRequest = d
		case "keepalive":
			p.Timeouts.KeepAlive = d
		case "tunnel":
			p.Timeouts.Tunnel = d
		case "clientfin":
			p.Timeouts.ClientFin = d
		case "serverfin":
			p.Timeouts.ServerFin = d
		case "retries":
			p.Retries = n
		case "redispatch":
			p.Options |= proxy.OptRedispatch
			p.RedispatchEvery = -1
		case "again":
			p.RetryOn = proxy.RetryAll
		case "maxconn":
			maxconn = n
		case "maxqueue":
			maxqueue = n
		case "hash":
			hashed = true
		case "queue":
			p.Timeouts.Queue = d
		case "cookie":
			p.Cookie = &proxy.Cookie{Name: []byte("SRV"), Mode: proxy.CookieInsert, Indirect: true, NoCache: true, Letters: true,
				MaxIdle: 60, Tail: []byte("; path=/")}
		case "forwardfor":
			p.Options |= proxy.OptForwardFor
			p.ForwardFor = &proxy.Forwarded{Header: []byte("x-forwarded-for")}
		case "httpclose":
			p.Options |= proxy.OptClose
		case "serverclose":
			p.Options |= proxy.OptServerClose
		case "buffer":
			p.Options |= proxy.OptBufferRequest
		case "abortonclose":
			p.Options |= proxy.OptAbortOnClose
		case "replace":
			p.HTTPResRules = append(p.HTTPResRules, rule.Rule{Action: rule.Func(func(c *sample.Context) rule.Verdict {
				return c.Stream.(*Stream).Answer(&rule.Reply{Status: 204, Complete: true}, 'L', 'H')
			})})
		case "await":
			p.HTTPResRules = append(p.HTTPResRules, rule.Rule{Action: rule.Func(func(c *sample.Context) rule.Verdict {
				return c.Stream.(*Stream).WaitResponseBody(0, int64(time.Second))
			})})
		case "tarpit":
			p.Timeouts.Tarpit = d
			p.HTTPReqRules = append(p.HTTPReqRules, rule.Rule{Action: rule.Func(func(c *sample.Context) rule.Verdict {
				c.Stream.(*Stream).Tarpit(&rule.Reply{Status: 500, Builtin: true})
				return rule.Answer
			})})
		case "mux":
			s.many = true
		case "never":
			p.Reuse = proxy.ReuseNever
		case "inspect":
			p.InspectDelay, p.InspectResp = d, d
		case "need": // a client's first n bytes are waited for, fewer are rejected
			p.TCPReqRules = append(p.TCPReqRules, needs(n, (*Stream).RequestLen))
		case "reply": // the same of a server's
			p.TCPResRules = append(p.TCPResRules, needs(n, (*Stream).ResponseLen))
		case "switch":
			p.TCPReqRules = append(p.TCPReqRules, rule.Rule{Action: rule.Func(func(c *sample.Context) rule.Verdict {
				c.Stream.(*Stream).SwitchHTTP()
				return rule.Stop
			})})
		case "noconn":
			p.TCPConnRules = append(p.TCPConnRules, rule.Rule{Action: rule.Func(func(*sample.Context) rule.Verdict { return rule.Close })})
		case "nosess":
			p.TCPSessRules = append(p.TCPSessRules, rule.Rule{Action: rule.Func(func(*sample.Context) rule.Verdict { return rule.Close })})
		case "servers":
			servers = n
		default:
			s.t.Fatalf("proxy option %q", o)
		}
	}
	p.Client = mux.ClientConfig{Decode: h1.Options{MaxHead: 15360}, RequestTime: int64(p.Timeouts.HTTPRequest),
		KeepAliveTime: int64(p.Timeouts.KeepAlive), ClientTime: int64(p.Timeouts.Client),
		Policy: h1.Policy{FrontendClose: p.Has(proxy.OptClose), FrontendServerClose: p.Has(proxy.OptServerClose)}}
	p.FE, p.BE = proxy.NewCounters(1), proxy.NewCounters(1)
	var nodes []balance.Node
	for i := range servers {
		srv := &proxy.Server{Name: fmt.Sprint("s", i+1), ID: i + 1, Weight0: 1, MaxIdle: -1, MaxReuse: -1, PurgeTime: 5 * time.Second,
			Counters: proxy.NewCounters(1)}
		srv.Move(&proxy.Address{To: loop.IPSockaddr(serverAddr(i + 1))})
		srv.Config.Decode = p.Client.Decode
		srv.Prepare(1)
		srv.Maxconn.Store(int64(maxconn))
		srv.Maxqueue = maxqueue
		p.AddServer(srv)
		srv.Init(0, nil)
		nodes = append(nodes, proxy.Node{Server: srv})
		s.k.Serve(serverAddr(i+1), simkernel.Accepting)
	}
	p.Set().Policy = balance.NewRoundRobin(nodes)
	if hashed { // by source: all clients have one
		p.Set().Policy, p.Hashing.Kind = balance.NewHashMap("source", nodes), proxy.HashSource
	}
	s.p = p
	proc := &proxy.Process{Totals: proxy.NewCounters(1), Facts: &sample.Process{}}
	s.w = NewWorker(s.l, proc, proxy.Limits{BufSize: 16384, MaxRewrite: 1024, LogURILen: 1024})
	s.w.Limits.ErrCodes, s.w.Limits.FailCodes = proxy.StandardCodes()
	s.w.Siblings = []*Worker{s.w}
	s.listener = s.k.Listener(netip.MustParseAddrPort("127.0.0.1:80"))
	a := NewAcceptor(s.w, &proxy.Bind{Proxy: p, ID: 1})
	if s.many {
		s.listenMany(a)
		return
	}
	ln, e := s.l.Listen(s.listener, a, 16, nil)
	if e != 0 {
		s.t.Fatal(e)
	}
	a.Listener = ln
}

// needs is a content rule that is undecided while there are fewer than n bytes.
func needs(n int, have func(*Stream) int64) rule.Rule {
	return rule.Rule{Action: rule.Func(func(c *sample.Context) rule.Verdict {
		switch {
		case have(c.Stream.(*Stream)) >= int64(n):
			return rule.Continue
		case c.Final:
			return rule.Close
		}
		return rule.Undecided
	})}
}

// manyAcceptor opens sessions whose connection speaks the test mux.
type manyAcceptor struct {
	*Acceptor
	conns []*testmux.Conn
}

func (a *manyAcceptor) Accepted(_ *loop.Loop, fd int32, peer netip.AddrPort) {
	ss := a.W.session()
	ss.begin(a.Acceptor, peer)
	c := new(testmux.Conn)
	a.conns = append(a.conns, c)
	c.Open(a.W.Loop, fd, ss)
}

func (s *stage) listenMany(a *Acceptor) {
	if _, e := s.l.Listen(s.listener, &manyAcceptor{Acceptor: a}, 16, nil); e != 0 {
		s.t.Fatal(e)
	}
}

func serverAddr(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), 80)
}

// settle takes turns until nothing is left to do.
func (s *stage) settle() {
	for range 200 {
		s.l.Turn()
		if !s.k.Pending() && !s.l.Busy() {
			return
		}
	}
	s.t.Fatal("the loop does not come to rest")
}

func (s *stage) line(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "proxy":
		s.setup(rest)
		return nil
	case "time":
		d, err := time.ParseDuration(rest)
		s.clk.Advance(d)
		s.settle()
		return err
	case "counted", "received":
		k := proxy.BytesOut
		if word == "received" {
			k = proxy.BytesIn
		}
		n, err := strconv.ParseUint(rest, 10, 64)
		if got := uint64(s.p.FE.Sum(k)); got != n {
			return fmt.Errorf("%s %d", word, got)
		}
		return err
	case "serve":
		n, mode, _ := strings.Cut(rest, " ")
		i, _ := strconv.Atoi(n)
		s.k.Serve(serverAddr(i), map[string]simkernel.Mode{"accept": simkernel.Accepting, "slow": simkernel.Slow, "refuse": simkernel.Refusing}[mode])
		return nil
	case "none":
		i, _ := strconv.Atoi(rest)
		if s.k.Accept(serverAddr(i)) != nil {
			return fmt.Errorf("server %d was dialled", i)
		}
		return nil
	}
	name, rest, _ := strings.Cut(rest, " ")
	verb, arg, _ := strings.Cut(rest, " ")
	switch word {
	case "client":
		return s.client(name, verb, arg)
	case "server":
		return s.server(name, verb, arg)
	}
	return fmt.Errorf("unknown line")
}

func (s *stage) client(name, verb, arg string) error {
	if verb == "connect" {
		s.port++
		s.clients[name] = s.k.Dial(s.listener, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), s.port))
		s.settle()
		return nil
	}
	p := s.clients[name]
	if p == nil {
		return fmt.Errorf("no such client")
	}
	return s.peer(p, verb, arg, ">")
}

func (s *stage) server(name, verb, arg string) error {
	if i, err := strconv.Atoi(name); err == nil {
		p := s.k.Accept(serverAddr(i))
		if p == nil {
			return fmt.Errorf("server %d was not dialled", i)
		}
		s.servers[arg] = p
		return nil
	}
	p := s.servers[name]
	if p == nil {
		return fmt.Errorf("no such connection")
	}
	return s.peer(p, verb, arg, "<")
}

func (s *stage) peer(p *simkernel.Peer, verb, arg, send string) error {
	switch verb {
	case send:
		b := unquote(s.t, arg)
		if !s.bytewise {
			p.Write(b)
			break
		}
		for i := range b {
			p.Write(b[i : i+1])
			s.settle()
		}
	case "=":
		want, got := unquote(s.t, arg), p.Take()
		if !bytes.Equal(got, want) {
			return fmt.Errorf("got  %q\nwant %q", got, want)
		}
	case "is":
		if got := p.State(); got != arg {
			return fmt.Errorf("is %s", got)
		}
	case "last":
		p.Write(unquote(s.t, arg))
		p.Close()
	case "close":
		p.Close()
	case "reset":
		p.Reset()
	case "answer":
		p.Answer()
	case "refuse":
		p.Refuse()
	case "room":
		n, _ := strconv.Atoi(arg)
		p.Room(n)
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
	s.settle()
	return nil
}

// nothingLeft breaks every connection and checks that everything was given
// back.
func (s *stage) nothingLeft() {
	s.t.Helper()
	for _, c := range s.clients {
		c.Reset()
	}
	s.settle()
	for _, c := range s.servers {
		c.Reset()
	}
	s.settle()
	s.clk.Advance(time.Hour)
	s.settle()
	s.p.Set().Active[0].CloseIdle(s.l)
	for _, srv := range s.p.Set().All {
		srv.CloseIdle(s.l)
		if n := srv.Conn.Load() + srv.Used.Load() + srv.Idle.Load(); n != 0 {
			s.t.Errorf("server %s: %d streams, %d used, %d idle connections left", srv.Name, srv.Conn.Load(), srv.Used.Load(), srv.Idle.Load())
		}
	}
	for what, n := range map[string]int64{
		"streams": int64(s.w.Active()), "sessions": int64(s.w.Sessions()), "exchanges": int64(s.w.Mux.Live()),
		"buffers": int64(s.l.Buffers.Used()), "frontend connections": s.p.FEConn.Load(), "backend streams": s.p.BEConn.Load(),
		"process connections": s.w.Proc.Conn.Load(), "process streams": s.w.Proc.Streams.Load(),
		"waiting requests": s.p.Queue.All.Load() + s.p.QueueGauge().Load(),
		"loop connections": s.l.Conns(), "descriptors": int64(s.k.Opened - s.k.Closed - s.listeners()),
	} {
		if n != 0 {
			s.t.Errorf("%d %s left", n, what)
		}
	}
	if n := s.l.Stats.Panics; n != 0 {
		s.t.Errorf("%d panics", n)
	}
}

// listeners is how many listening descriptors the stage opened: one for each
// proxy line and one at the start.
func (s *stage) listeners() int { return s.k.Listeners() }

func unquote(t *testing.T, text string) []byte {
	for {
		i := strings.Index(text, "{")
		j := strings.Index(text, "}")
		if i < 0 || j < i {
			break
		}
		count, what, ok := strings.Cut(text[i+1:j], "*")
		n, err := strconv.Atoi(count)
		if !ok || err != nil {
			break
		}
		text = text[:i] + strings.Repeat(what, n) + text[j+1:]
	}
	u, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return []byte(u)
}
