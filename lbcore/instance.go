package lbcore

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore/balance"
	"gohap/lbcore/build"
	"gohap/lbcore/check"
	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/control"
	"gohap/lbcore/log"
	"gohap/lbcore/loop"
	"gohap/lbcore/naming"
	"gohap/lbcore/proxy"
	"gohap/lbcore/renew"
	"gohap/lbcore/sample"
	"gohap/lbcore/stats"
	"gohap/lbcore/stream"
	"gohap/lbcore/trace"
	"gohap/peers/link"
)

// Instance is one running configuration.
type Instance struct {
	Config  *Config
	Process *proxy.Process
	Group   *loop.Group
	Workers []*stream.Worker

	checker  *check.Checker
	renewals *renew.Updater  // of OCSP responses
	pages    *stats.Instance // serves the statistics pages
	idle     *proxy.IdleLimits
	commands *cli.Server
	sockets  []net.Listener // of commands
	shared   *log.Shared
	writing  sync.Mutex // guards outputs
	outputs  map[int]*log.Writer
	traces   *trace.Set
	buf0     *log.Ring // for traces
	streams  []*log.Stream
	started  time.Time
	mono     int64
	slog     *slog.Logger
	accepts  [][]*stream.Acceptor // by loop
	stop     sync.Once
	stopped  chan struct{} // closed by Stop
	opening  sync.Mutex    // of listening sockets: the descriptors of bind lines once the loops run
	secrets  *os.File      // see secretsFD; under opening
	names    *naming.Names // of servers, as name servers know them
	links    []*link.Link  // of peers sections; fixed before serving begins
	telling  sync.Mutex    // of standard error, see tell
	changing sync.Mutex    // of the servers of backends, and what follows
	ended    bool          // no server comes or goes any more
	parted   bool          // a server was deleted since one was added last
	revision uint64        // reference: of servers: how often one was added behind a deletion
	serving  sync.WaitGroup

	meeting sync.Mutex // guards meshed
	meshed  *meshed
}

// Start is Open, Confine and Run.
func (c *Config) Start(logger *slog.Logger) (*Instance, error) {
	in, err := c.Open(logger)
	if err != nil {
		return nil, err
	}
	if err := in.Confine(); err != nil {
		in.abandon()
		return nil, err
	}
	in.Run()
	return in, nil
}

// Open binds the sockets of a configuration and makes everything ready to serve.
// The error is the text of alerts, a line each.
func (c *Config) Open(logger *slog.Logger) (*Instance, error) {
	defer c.Inherited.Close() // those that no line has, all where it fails before
	if len(c.Late) > 0 {
		return nil, errors.New(strings.Join(c.Late, "\n"))
	}
	in := &Instance{Config: c, slog: logger, started: clock.Wall(), mono: clock.Mono(), outputs: map[int]*log.Writer{}, stopped: make(chan struct{})}
	g := &c.Global
	loops := g.Loops()
	// Loops hold their processor through raw calls: leave room for the others.
	runtime.GOMAXPROCS(loops + 4)
	debug.SetGCPercent(200)
	var err error
	// A buffer takes a head and a full body piece in one receive.
	if in.Group, err = loop.NewGroup(loops, 2*g.Limits.BufSize, logger); err != nil {
		return nil, fmt.Errorf("cannot make the event loops: %w", err)
	}
	loop.PipeBudget().Limit(g.MaxPipes)
	for _, l := range in.Group.Loops {
		l.Pipes.Fix(g.Limits.PipeSize)
	}
	for i, l := range in.Group.Loops {
		l.CPUs = g.CPUs[i]
	}
	if err := in.raiseFileLimit(); err != nil {
		return nil, err
	}
	in.process(loops)
	in.proxies()
	in.restoreCounters()
	in.openLogs()
	in.prepareTraces()
	for _, l := range in.Group.Loops {
		w := stream.NewWorker(l, in.Process, g.Limits)
		w.FindBackend = in.findBackend
		w.Trace, w.Mux.Trace = in.traces, in.traces
		w.Logs.Encoder.Host = g.LogHost
		in.Workers = append(in.Workers, w)
	}
	for _, w := range in.Workers {
		w.Siblings = in.Workers
	}
	if err := in.bind(); err != nil {
		in.abandon()
		return nil, err
	}
	if c.Deaf {
		if err := in.Deafen(true); err != nil {
			in.tell(log.Warning, fmt.Sprintf("the node is drained and goes on taking connections: %s", err))
		}
	}
	in.prepareChecks()
	in.prepareRenewals()
	if err := in.openCommands(); err != nil {
		in.abandon()
		return nil, err
	}
	in.preparePages()
	return in, nil
}

// abandon lets go of what Open has opened, before anything is served.
func (in *Instance) abandon() {
	in.closeListeners(all)
	in.closeLogs()
}

// Run begins to serve.
func (in *Instance) Run() {
	in.startPeers()
	for i, l := range in.sockets {
		in.serving.Add(1)
		go in.serveCommands(l, &in.Config.Global.Sockets[i])
	}
	in.Group.Start()
	in.names.Start(in.Config.Proxies) // the first request may ask for a name
	in.listen()
	in.checker.Start()
	in.renewals.Start()
	in.serving.Add(1)
	go in.expireTables()
}

// process fills what all proxies share.
func (in *Instance) process(loops int) {
	g := &in.Config.Global
	host, _ := os.Hostname()
	p := &proxy.Process{
		Totals: proxy.NewCounters(loops),
		Facts: &sample.Process{PID: os.Getpid(), Hostname: []byte(host), Node: g.Node, Threads: loops, Start: in.mono,
			Env: in.Config.Env.Lookup, ProcVars: in.Config.ProcVars},
	}
	p.Parting.Store(in.Config.Parting)
	p.HardMaxconn = g.Maxconn
	if p.HardMaxconn == 0 {
		p.HardMaxconn = in.defaultMaxconn()
	}
	p.Maxconn.Store(p.HardMaxconn)
	p.MaxConnRate.Store(g.MaxConnRate)
	p.PartTime = g.CloseSpread
	p.MaxSessRate.Store(g.MaxSessRate)
	p.SSL.Most.Store(g.MaxSSLConn)
	p.SSL.MostRate.Store(g.MaxSSLRate)
	in.Process = p
	p.Totals.Prepare(in.Group.Loops)
}

// restoreCounters gives the counters what the statistics file says. Without a sound
// one they begin at zero.
func (in *Instance) restoreCounters() {
	path := in.Config.Global.StatsFile
	if path == "" {
		return
	}
	text, err := os.ReadFile(path)
	switch {
	case err != nil:
		in.tell(log.Warning, fmt.Sprintf("config: Can't load stats-file '%s': cannot open file.", path))
	case stats.Restore(in.Config.Proxies, text) != nil:
		in.tell(log.Warning, fmt.Sprintf("config: Invalid stats-file format in file '%s'.", path))
	}
}

// raiseFileLimit does what ulimit-n asks for. Where the system refuses, that ends the
// start unless "no strict-limits" is said.
func (in *Instance) raiseFileLimit() error {
	n := uint64(in.Config.Global.UlimitN)
	if n == 0 {
		return nil
	}
	hard := build.HardFileLimit()
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: max(n, hard)}) == nil {
		return nil
	}
	text := fmt.Sprintf("[gohap.main()] Cannot raise FD limit to %d, limit is %d.", n, hard)
	if !in.Config.Global.LaxLimits {
		return errors.New(text)
	}
	in.tell(log.Warning, text)
	return nil
}

// defaultMaxconn derives the process's maxconn from the descriptors that it
// may open: two a connection, less what listeners and the rest need.
func (in *Instance) defaultMaxconn() int64 {
	limit := in.fileLimit()
	other := 22
	for _, p := range in.Config.Proxies {
		other += len(p.Binds)
	}
	return int64(max((limit-other)/2, 100))
}

// defaultFDLimit bounds the descriptors where the system allows any number of them.
const defaultFDLimit = 1 << 20

// fileLimit is how many descriptors the process uses at the most.
func (in *Instance) fileLimit() int {
	most := cmp.Or(in.Config.Global.FDLimit, defaultFDLimit)
	return min(build.FileLimit(), most)
}

// idleLimits are the limits of idle server connections, for each loop.
func (in *Instance) idleLimits() *proxy.IdleLimits {
	r := in.Config.Global.Idle
	each := int64(in.fileLimit()) / int64(len(in.Group.Loops))
	return &proxy.IdleLimits{Apart: r.Apart, Low: each * int64(r.LowRatio) / 100, High: each * int64(r.HighRatio) / 100}
}

// proxies makes the run-time parts of proxies and servers.
func (in *Instance) proxies() {
	now := in.started.Unix()
	loops := in.Group.Loops
	in.idle = in.idleLimits()
	for _, p := range in.Config.Proxies {
		p.FE, p.BE = proxy.NewCounters(len(loops)), proxy.NewCounters(len(loops))
		p.FE.Prepare(loops)
		p.BE.Prepare(loops)
		p.LastChange.Store(now)
		if p.IsFrontend && p.Maxconn.Load() == 0 {
			p.Maxconn.Store(cmp.Or(in.Config.PerProxy, in.Process.HardMaxconn))
		}
		for _, b := range p.Binds {
			if p.Has(proxy.OptSocketStats) {
				b.Counters = proxy.NewCounters(len(loops))
				b.Counters.Prepare(loops)
			}
		}
		for _, s := range p.Set().All {
			in.prepareServer(s)
		}
		if p.Direct != nil {
			in.partsOf(p.Direct)
			p.Direct.Init(in.started.Unix(), func(*proxy.Server) {})
		}
		if p.IsBackend && p.Unlimited > 0 {
			p.SetFullconn(in.Process.HardMaxconn)
		}
		if p.IsBackend {
			p.Balance(in.policy)
		}
	}
}

// prepareServer makes the run-time parts of a server.
func (in *Instance) prepareServer(s *proxy.Server) {
	in.partsOf(s)
	s.Init(in.started.Unix(), rebalance)
}

// rebalance follows a server's change of state or weight.
func rebalance(s *proxy.Server) { s.Proxy.Rebalance() }

// partsOf gives a server what its loops need.
func (in *Instance) partsOf(s *proxy.Server) {
	loops := in.Group.Loops
	s.Counters = proxy.NewCounters(len(loops))
	s.Counters.Prepare(loops)
	s.Prepare(len(loops))
	s.Share(loops, in.idle)
}

// policy makes what chooses among servers.
func (in *Instance) policy(p *proxy.Proxy, servers []*proxy.Server, backups bool) balance.Policy {
	switch {
	case len(servers) == 0:
		return nil
	case backups && !p.Has(proxy.OptAllBackups):
		return firstUsable(servers)
	}
	return build.NewPolicy(in.Config.Set, p, servers)
}

// findBackend serves use_backend rules whose name is computed.
func (in *Instance) findBackend(name []byte) *proxy.Proxy {
	for _, p := range in.Config.Proxies {
		if p.IsBackend && p.Name == string(name) {
			return p
		}
	}
	return nil
}

// openLogs gives every logger its output.
func (in *Instance) openLogs() {
	for t, l := range in.Config.Loggers {
		switch t.Kind {
		case log.FD:
			l.Out = in.output(t.FD)
		case log.InRing:
			l.Out = in.Config.Rings[t.Ring]
		case log.TCP, log.UnixStream:
			s := log.NewStream(t, &l.Dropped, clock.Wall)
			in.streams = append(in.streams, s)
			l.Out = s
		}
	}
	for i := range in.Config.Forwards {
		f := &in.Config.Forwards[i]
		in.streams = append(in.streams, log.NewForward(f.Ring, f.To, new(atomic.Uint64), clock.Wall))
	}
	in.shared = log.NewShared(log.Encoder{Host: in.Config.Global.LogHost, PID: os.Getpid()}, &log.Sockets{Now: clock.Wall, SendBuffer: in.Config.Global.Limits.LogSend})
}

// closeLogs writes the lines that are left, those of all connections at a time, and
// ends what writes them.
func (in *Instance) closeLogs() {
	in.writing.Lock()
	outputs := slices.Collect(maps.Values(in.outputs))
	in.writing.Unlock()
	for _, w := range outputs {
		w.Close()
	}
	var leaving sync.WaitGroup
	for _, s := range in.streams {
		leaving.Go(s.Close)
	}
	leaving.Wait()
}

// prepareChecks makes the checker and gives servers the states that they had in the
// process before.
func (in *Instance) prepareChecks() {
	g := &in.Config.Global
	for _, plan := range in.Config.Plans {
		plan.Process = in.Process.Facts
	}
	restoring := true // reference: what saved states mean is told, not logged
	in.checker = &check.Checker{Proxies: in.Config.Proxies, Endpoints: in.Config.Endpoints, Spread: g.SpreadChecks, MaxSpread: g.MaxSpreadChecks, NeverLocal: g.NeverLocal,
		AgentWords: in.Config.AgentWords, Changed: in.serverChanged, Trace: in.traces,
		Log: func(p *proxy.Proxy, level int, line string) {
			told := line
			if level == check.LevelEmerg { // reference: the name in quotes, but not in the log
				noun, rest, _ := strings.Cut(line, " ")
				told = noun + " '" + strings.Replace(rest, " ", "' ", 1)
			}
			in.tell(log.Level(level), told)
			if !restoring {
				in.logFor(p, log.Level(level), line)
			}
		}}
	if len(in.Config.Alerts) > 0 {
		in.checker.Mail = &check.Mailroom{Of: in.Config.Alerts, Failed: func(mailer string, err error) {
			in.tell(log.Err, fmt.Sprintf("e-mail alert not sent: %s", err))
		}}
	}
	in.checker.Prepare()
	if in.Config.States != nil {
		in.Config.States.Apply(in.checker, in.Config.Diag.Tell)
	}
	restoring = false
	in.names = &naming.Names{Sections: in.Config.Resolvers, Checker: in.checker, Changing: &in.changing,
		Demote: func(p *proxy.Proxy, which map[*proxy.Server]bool) { p.Demote(which, in.policy) },
		Log:    func(p *proxy.Proxy, line string) { in.logFor(p, log.Notice, line) }}
}

// prepareRenewals makes what keeps OCSP responses up to date.
func (in *Instance) prepareRenewals() {
	g := &in.Config.Global
	in.renewals = &renew.Updater{Store: in.Config.Certs, Least: g.OCSP.Least, Most: g.OCSP.Most, Proxy: g.OCSP.Proxy, Off: g.OCSP.Off,
		Log: func(level int, line string) {
			in.shared.Emit(in.Config.GlobalLoggers, &log.Message{Level: log.Level(level), Time: clock.Wall(), Tag: g.LogTag, Text: []byte(line)})
		}}
}

// openCommands binds the command sockets.
func (in *Instance) openCommands() error {
	g := &in.Config.Global
	in.commands = &cli.Server{Commands: cli.NewCommands(in.Config.Set, cli.OfWorker), Host: in, Fleet: in.Config.Fleet, Idle: g.StatsTimeout, MaxConn: g.StatsMaxconn, BufSize: g.Limits.BufSize, Started: in.mono}
	for i := range g.Sockets {
		s := &g.Sockets[i]
		s.Socket.Order = i
		l, err := cli.Listen(s.Socket)
		if err != nil {
			return fmt.Errorf("Binding [%s] for frontend GLOBAL: %w", s.Pos, err)
		}
		in.sockets = append(in.sockets, l)
	}
	return nil
}

func (in *Instance) serveCommands(l net.Listener, s *build.StatsSocket) {
	defer in.serving.Done()
	if err := in.commands.Serve(l, s.Socket); err != nil {
		in.slog.Debug("command socket ended", "socket", s.String(), "error", err)
	}
	if s.Lost != nil {
		close(s.Lost)
	}
}

// Control implements control.Host.
func (in *Instance) Control() *control.Control {
	return &control.Control{Words: in.Config.Set, Proxies: in.Config.Proxies, Peers: in.Config.Peers, Tables: in.Config.Tables, Checks: in.checker, Names: in.names, Lists: in.Config.Lists, Certs: in.Config.Certs, Renewals: in.renewals, Shutdown: in.shutdownServer,
		Refuses: in.Config.Servers.Refuses, Add: in.AddServer, Delete: in.DeleteServer,
		Process: in.Process, Vars: in.Config.ProcVars, SetFrontend: in.SetFrontend, StopFrontend: in.StopFrontend,
		Readmit: in.Readmit, ShutdownStream: in.ShutdownStream}
}

// shutdownServer ends the sessions of a server; any goroutine.
func (in *Instance) shutdownServer(s *proxy.Server, cause byte) {
	for _, w := range in.Workers {
		w.Loop.PostSliced(func() bool { return w.KillServer(s, cause) })
	}
}

// serverChanged does what on-marked-down and on-marked-up ask for.
func (in *Instance) serverChanged(s *proxy.Server, change proxy.Transition) {
	switch {
	case change == proxy.WentDown && s.Watch.KillOnDown:
		in.shutdownServer(s, 'D')
	case change == proxy.WentUp && s.Watch.KillBackupsOnUp && !s.IsBackup():
		for _, b := range s.Proxy.Set().Backups {
			in.shutdownServer(b, 'U')
		}
	}
}

// preparePages makes what serves the statistics pages, which commands do not share:
// rates are over the time since they were asked for last. It counts the connections
// of the command sockets, which are there before.
func (in *Instance) preparePages() {
	in.pages = in.Stats()
	in.pages.Operator = in.Control()
	for _, w := range in.Workers {
		w.Statistics = in.pages
	}
}

// Stats implements stats.Host.
func (in *Instance) Stats() *stats.Instance {
	g := &in.Config.Global
	return &stats.Instance{
		Proxies: in.Config.Proxies, Rings: slices.Concat([]*log.Ring{in.buf0}, in.Config.RingOrder), Resolvers: in.Config.Resolvers, Trace: in.traces, Process: in.Process, Group: in.Group, Words: in.Config.Set,
		Name: Name, Version: Version, ReleaseDate: ReleaseDate,
		Node: g.Node, Description: g.Desc, PID: os.Getpid(),
		Started: in.started.Unix(), StartedMono: in.mono, ULimitN: in.fileLimit(),
		MaxSock:  in.Process.MaxSock(),
		Maxpipes: g.MaxPipes,
		Environ:  in.Config.Env.Pairs, StartupLog: in.Config.Diag.Log,
		Listeners: in.listeners, Streams: in.walkStreams, Descriptors: in.descriptors,
		More:        in.Config.Metrics,
		CommandsNow: in.commands.Conns, CommandsTotal: in.commands.Total,
		MemMax: memoryLimit(),
	}
}

// memoryLimit returns the limit of the process's memory in bytes, 0 without one.
func memoryLimit() int64 {
	if n := debug.SetMemoryLimit(-1); n != math.MaxInt64 {
		return n
	}
	return 0
}

func (in *Instance) listeners() int {
	n := len(in.Config.Global.Sockets)
	for _, p := range in.Config.Proxies {
		n += len(p.Binds)
	}
	return n
}
