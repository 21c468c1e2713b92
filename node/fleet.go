package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gohap/cluster"
	"gohap/cluster/admin"
	"gohap/cluster/keyring"
	"gohap/lbcore"
	"gohap/lbcore/catalog"
	"gohap/lbcore/config"
	"gohap/lbcore/stats"
)

// leaveTime is how long a node may take to tell the others that it goes.
const leaveTime = 3 * time.Second

// runJoin is the verb join: a process that is one of a fleet.
func runJoin(args []string, b birth, stdout, stderr io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintf(stderr, "gohap-node join: %s\n", err)
		return 1
	}
	if slices.Contains(args, "-h") || slices.Contains(args, "--help") {
		joinUsage(stdout)
		return 0
	}
	j, rest, err := parseJoin(args)
	if err != nil {
		return fail(err)
	}
	f, err := parseFlags(catalog.New(Register), rest)
	switch {
	case err != nil && !errors.Is(err, errUsage):
		return fail(err)
	case err != nil || len(f.paths) == 0:
		return fail(errors.New("which configuration? gohap-node join --peers a,b,c -f haproxy.cfg ('gohap-node join --help' lists the options)"))
	case f.daemon || f.master:
		return fail(errors.New("-D and -W: a node of a fleet stays in the foreground and reloads by itself"))
	}
	if f.peer == "" {
		f.peer = j.name
	}
	p := &process{flags: f, birth: b, calls: make(chan func()), stdout: stdout, stderr: stderr, log: slog.New(slog.NewTextHandler(stderr, nil))}
	p.fleet = newFleet(p, j)
	if err := p.fleet.open(); err != nil {
		return fail(err)
	}
	defer p.fleet.close()
	return p.run()
}

// fleet is a process's part in a fleet.
type fleet struct {
	process  *process
	flags    *joinFlags
	record   *config.Recorder // of the process's own files while they are what it serves first
	own      *lbcore.Gathered // what the process was started with, once it was needed
	node     *cluster.Node
	joined   atomic.Pointer[cluster.Node] // node, for goroutines that ask it something
	admin    *admin.Server
	duty     *duty
	once     sync.Once
	ctx      context.Context // ends with the fleet's part
	stop     context.CancelFunc
	work     sync.WaitGroup
	measured atomic.Pointer[[]stats.Metric]
	behind   lag

	serving *lbcore.Gathered // the process's goroutine's; nil: its own files
}

func newFleet(p *process, j *joinFlags) *fleet {
	f := &fleet{process: p, flags: j}
	f.ctx, f.stop = context.WithCancel(context.Background())
	d := &duty{fleet: f}
	d.vip = vip{address: j.vip, file: j.track, keeps: d.keeps, log: p.log, ask: make(chan chan struct{}), quit: f.ctx.Done(), changed: func() { f.node.Tell() }}
	f.duty = d
	return f
}

// open finds what the process is to serve first: the last good configuration of the
// fleet, or else its own, of which is kept what was read, for the others to compare.
func (f *fleet) open() error {
	p := f.process
	if err := os.MkdirAll(f.flags.dir, 0o700); err != nil {
		return fmt.Errorf("the data directory: %w", err)
	}
	f.duty.vip.write(false) // until it serves
	last, err := cluster.LastGood(f.flags.dir)
	if err != nil {
		p.log.Error("fleet: the last good configuration cannot be read; starting with -f", "error", err)
	}
	if last == nil {
		f.record, err = config.NewRecorder()
		return err
	}
	p.log.Info("fleet: starting with the last good configuration", "generation", last.Generation)
	f.serving = gathered(last)
	return nil
}

// fallBack has the process's own files served in the place of a last good configuration
// that is not good any more; false where it is not that that failed.
func (f *fleet) fallBack() bool {
	if f == nil || f.serving == nil {
		return false
	}
	f.process.log.Error("fleet: the last good configuration is not good any more; starting with -f")
	f.serving = nil
	return true
}

func gathered(b *cluster.Bundle) *lbcore.Gathered {
	return &lbcore.Gathered{Dir: b.Dir, Main: b.Main, Files: b.Files}
}

// options has a load read what the node serves.
func (f *fleet) options(o *lbcore.Options) *lbcore.Options {
	switch {
	case f.serving != nil:
		o.Paths, o.Files = f.serving.Main, f.serving.Tree()
	case f.record != nil:
		o.Files = f.record
	}
	return o
}

// start joins, once the process serves.
func (f *fleet) start() error {
	j, p := f.flags, f.process
	if f.record != nil {
		f.own, f.record = p.in.Config.Recorded(f.record), nil
	}
	l, packets, at, err := j.listen()
	if err != nil {
		return err
	}
	secrets, err := j.secrets(at.Addr())
	if err == nil {
		f.node, err = cluster.Start(cluster.Config{
			Name: j.name, Dir: j.dir, Version: lbcore.Version, Log: p.log, Seeds: j.peers, Expect: j.expect, MaxVoters: j.voters,
			Streams: map[string]func(string, net.Conn){tablesProtocol: f.take},
			Port:    j.port, Listener: l, Packets: packets, Advertise: at, Secrets: secrets, Applier: f, Load: f.load, Local: f.local, Console: f.console,
		})
	}
	if err != nil {
		l.Close()
		packets.Close()
		return err
	}
	f.joined.Store(f.node)
	go f.meet()
	f.admin, err = admin.Serve(j.socket, f.node, f.duty, admin.Self{Name: j.name, ID: f.node.ID(), Address: at.String(), Dir: j.dir, Version: lbcore.Version, VIP: j.vipText(), Track: j.track})
	if err != nil {
		f.node.Close()
		f.node = nil
		return err
	}
	f.work.Go(func() { f.duty.vip.watch(f.ctx) })
	f.work.Go(func() { f.measure(f.ctx) })
	return nil
}

// tablesProtocol is the ALPN name of connections that share stick tables.
const tablesProtocol = "gohap-tables"

// take takes a connection that another node made for its tables.
func (f *fleet) take(_ string, c net.Conn) {
	if in := f.process.instance.Load(); in != nil {
		in.TakeNode(c)
		return
	}
	c.Close()
}

// Others implements lbcore.Mesh.
func (f *fleet) Others() []string {
	if n := f.joined.Load(); n != nil {
		return n.Others()
	}
	return nil
}

// Dial implements lbcore.Mesh.
func (f *fleet) Dial(ctx context.Context, node string) (net.Conn, error) {
	if n := f.joined.Load(); n != nil {
		return n.DialNode(ctx, node, tablesProtocol)
	}
	return nil, errors.New("this node has not joined yet")
}

// meetEvery is how often it is looked which nodes there are.
const meetEvery = time.Second

// meet has the tables shared with whoever belongs to the fleet.
func (f *fleet) meet() {
	t := time.NewTicker(meetEvery)
	defer t.Stop()
	for at := (time.Time{}); ; {
		select {
		case <-f.ctx.Done():
			return
		case at = <-t.C:
		}
		if in := f.process.instance.Load(); in != nil {
			in.MeetNodes()
			f.behind.see(in.Nodes(), at)
		}
	}
}

// leave tells the others that the node goes, once.
func (f *fleet) leave() {
	if f == nil || f.node == nil {
		return
	}
	f.duty.end()
	f.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
		defer cancel()
		if err := f.node.Leave(ctx); err != nil {
			f.process.log.Warn("fleet: leaving", "error", err)
		}
	})
}

func (f *fleet) close() {
	f.duty.end()
	f.stop()
	f.work.Wait()
	if f.admin != nil {
		f.admin.Close()
	}
	if f.node != nil {
		f.node.Close()
	}
}

// load are the figures that the node tells of itself; any goroutine.
func (f *fleet) load() cluster.Load {
	if in := f.process.instance.Load(); in != nil {
		return cluster.Load{Sessions: in.Process.Conn.Load(), TableLag: f.behind.millis(), VIP: f.duty.vip.held.Load(), Draining: f.duty.stage.Load() != inService || in.Process.Stopping.Load()}
	}
	return cluster.Load{}
}

// local is the configuration that the node was started with. Where it serves another
// one it is read now, by the process's goroutine: reading may change its directory.
func (f *fleet) local() (*cluster.Bundle, error) {
	told := make(chan *lbcore.Gathered, 1)
	call := func() {
		if f.own == nil {
			f.own, _ = lbcore.Gather(f.process.flags.options(io.Discard))
		}
		told <- f.own
	}
	select {
	case f.process.calls <- call:
	case <-f.ctx.Done():
		return nil, context.Cause(f.ctx)
	}
	own := <-told
	if own == nil {
		return nil, errors.New("the files of -f are not valid")
	}
	return &cluster.Bundle{Dir: own.Dir, Main: own.Main, Files: own.Files}, nil
}

// Check implements cluster.Applier: it reads and checks a bundle in this node's own
// environment, and tries its new addresses.
func (f *fleet) Check(_ context.Context, b *cluster.Bundle) error {
	var said strings.Builder
	c, ok := gathered(b).Judge(f.process.flags.options(nil), &said)
	if !ok {
		return errors.New(strings.TrimSpace(said.String()))
	}
	if !c.HasListeners() && len(c.Global.Sockets) == 0 {
		return errors.New("it has no listener: nothing would be served")
	}
	in := f.process.instance.Load()
	if in == nil {
		return nil
	}
	if needsProcess(c, in) {
		return errors.New("chroot, user, group and ulimit-n need a new process, and a node of a fleet reloads in the one that it has")
	}
	c.FreeBind = true
	return in.Bindable(c)
}

// Apply implements cluster.Applier by a reload in the process.
func (f *fleet) Apply(ctx context.Context, b *cluster.Bundle) error {
	g := gathered(b)
	told := make(chan Report, 1)
	call := func() {
		former := f.serving
		f.serving = g
		if former == nil && f.own != nil && same(f.own, g) { // it is served already
			told <- Report{Ready: true}
			return
		}
		r := f.process.replace()
		if !r.Ready {
			f.serving = former
		}
		told <- r
	}
	select {
	case f.process.calls <- call:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if r := <-told; !r.Ready {
		return errors.New(strings.TrimSpace(r.Log))
	}
	return nil
}

// rekey reads the file of secrets anew, for sessions from now on; any goroutine.
func (f *fleet) rekey() ([]string, error) {
	if f.flags.secret == "" {
		return nil, errors.New("the node has no file of secrets (--secret-file)")
	}
	all, err := keyring.ReadFile(f.flags.secret)
	if err != nil {
		return nil, err
	}
	n := f.joined.Load()
	if n == nil {
		return nil, errors.New("this node has not joined yet")
	}
	if err := n.Rekey(all); err != nil {
		return nil, err
	}
	return n.Secrets(), nil
}

// reloadActive is SIGHUP on a node of a fleet: its secrets and what it serves are read
// anew, and a hint where its own files say something else by now.
func (f *fleet) reloadActive() {
	p := f.process
	if f.flags.secret != "" {
		f.work.Go(func() {
			if _, err := f.rekey(); err != nil {
				p.log.Error("fleet: the secrets stay what they were", "error", err)
			}
		})
	}
	if f.serving != nil {
		now, ok := lbcore.Gather(p.flags.options(io.Discard))
		if !ok || !same(now, f.serving) {
			p.say(config.Notice, "the files of -f are not what the fleet serves: 'gohap cluster diff -f FILE' shows how they differ, 'gohap cluster apply -f FILE' makes them the fleet's")
		}
	}
	p.replace()
}

func same(a, b *lbcore.Gathered) bool {
	if a.Dir != b.Dir || !slices.Equal(a.Main, b.Main) || len(a.Files) != len(b.Files) {
		return false
	}
	for name, text := range a.Files {
		if o, ok := b.Files[name]; !ok || string(o) != string(text) {
			return false
		}
	}
	return true
}
