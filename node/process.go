package node

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore"
	"gohap/lbcore/build"
	"gohap/lbcore/clock"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// process is one run of the program with a configuration.
type process struct {
	flags          *flags
	birth          birth
	launch         build.Launch // flags considered
	stdout, stderr io.Writer
	said           *strings.Builder // what a worker reports of its start; nil behind it
	log            *slog.Logger
	in             *lbcore.Instance
	calls          chan func()        // for the goroutine that serves
	retiring       sync.WaitGroup     // instances that were replaced
	former         []*lbcore.Instance // those that still end; the goroutine's that serves
	idle           chan bool          // a soft stop has come to its end
	fleet          *fleet             // nil: a node of its own
	// instance is in, for goroutines that ask it something.
	instance atomic.Pointer[lbcore.Instance]
}

// run is the process from its command line on.
func (p *process) run() int {
	f := p.flags
	if f.check {
		return p.checkOnly()
	}
	o := p.options(p.stderr)
	if p.birth.role == worker {
		o.Master = true
		return p.work(o)
	}
	p.launch = f.launch(lbcore.Discover(o))
	if f.masterAt != "" && !f.master {
		p.say(config.Alert, "a master CLI socket was defined, but master-worker mode (-W) is not enabled.")
		return 1
	}
	switch {
	case p.launch.Daemon && p.birth.role == first:
		return p.goBackground()
	case p.launch.Master:
		return newMaster(p).run()
	}
	return p.work(o)
}

// options are those of a load of what the process serves.
func (p *process) options(stderr io.Writer) *lbcore.Options {
	o := p.flags.options(stderr)
	if p.fleet != nil {
		return p.fleet.options(o)
	}
	return o
}

func (p *process) checkOnly() int {
	c, diag := lbcore.Load(p.dumping(p.flags.options(p.stderr)))
	if c == nil {
		return 1
	}
	return p.checked(c, diag)
}

// dumping has a load print the configuration where -dC says so.
func (p *process) dumping(o *lbcore.Options) *lbcore.Options {
	if p.flags.dump {
		o.Dump = p.stdout
	}
	return o
}

// work serves. o are the options of its Load.
func (p *process) work(o *lbcore.Options) int {
	// A signal that comes while the sockets are being opened is not lost.
	signals := make(chan os.Signal, 8)
	for _, r := range signalRows {
		if p.flags.words.Lookup(keyword.Signal, r.name) != nil {
			signal.Notify(signals, r.signal)
		}
	}
	if p.birth.role == worker {
		p.said = new(strings.Builder)
		o.Stderr = io.MultiWriter(p.stderr, p.said)
	}
	lost, ok := p.open(o)
	if !ok {
		p.report(false)
		return 1
	}
	p.in.Run()
	p.instance.Store(p.in)
	if p.fleet != nil {
		if err := p.fleet.start(); err != nil {
			p.say(config.Alert, err.Error())
			p.in.Stop()
			p.report(false)
			return 1
		}
	}
	p.report(true)
	p.flags.formers.signal(p.flags.formers.end)
	return p.serve(signals, lost)
}

// open reads the configuration and opens its sockets. lost is closed when the
// master is gone, nil without one.
func (p *process) open(o *lbcore.Options) (lost <-chan struct{}, ok bool) {
	c, diag := lbcore.Load(p.dumping(o))
	if c == nil && p.fleet.fallBack() {
		c, diag = lbcore.Load(p.dumping(p.options(p.stderr)))
	}
	if c == nil {
		return nil, false
	}
	if !c.HasListeners() && len(c.Global.Sockets) == 0 {
		diag.Rawf(config.Alert, "[%s.main()] No enabled listener found (check for 'bind' directives) ! Exiting.", "gohap-node")
		return nil, false
	}
	var err error
	if c.Inherited, err = p.fetchSockets(); err != nil {
		diag.Rawf(config.Alert, "Failed to get the sockets of the old process: %s", err)
		return nil, false
	}
	c.Blocked = p.pauseFormers
	if p.fleet != nil {
		c.Mesh = p.fleet
		p.fleet.duty.prepare(c)
	}
	c.Takeover = p.birth.former >= 0 || len(p.flags.formers.pids) > 0
	if p.birth.control >= 0 {
		lost = c.ServeMaster(p.birth.control)
	}
	if p.in, err = c.Open(p.log); err == nil {
		if p.birth.role == daemon {
			if err = p.birth.hold(); err == nil {
				err = p.writePid()
			}
		}
		if err == nil {
			err = p.in.Confine()
		}
	}
	if err != nil {
		p.flags.formers.signal(syscall.SIGTTIN)
		for line := range strings.SplitSeq(err.Error(), "\n") {
			diag.Rawf(config.Alert, "%s", line)
		}
		return nil, false
	}
	return lost, true
}

// report tells whoever started the process how its start went. One in the
// background lets its terminal go.
func (p *process) report(ready bool) {
	r := Report{Ready: ready}
	if p.said != nil {
		r.Log = p.said.String()
	}
	if ready && p.birth.role == daemon {
		if err := p.birth.detach(); err != nil {
			p.log.Warn("cannot let go of the terminal", "error", err.Error())
		}
	}
	p.birth.tell(r)
}

// fetchSockets gets the listening sockets of the process before: those of the
// worker that this one is to replace, or of -x.
func (p *process) fetchSockets() (*lbcore.Sockets, error) {
	var conn net.Conn
	var err error
	switch {
	case p.birth.former >= 0:
		f := os.NewFile(uintptr(p.birth.former), "former worker")
		defer f.Close()
		conn, err = net.FileConn(f)
	case p.flags.socketsFrom != "":
		conn, err = net.Dial("unix", p.flags.socketsFrom)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(clock.Wall().Add(5 * time.Second))
	return lbcore.Receive(conn.(*net.UnixConn))
}

// pauseFormers asks the processes that are to end to free their addresses.
func (p *process) pauseFormers(try int) bool {
	if len(p.flags.formers.pids) == 0 || try >= 100 {
		return false
	}
	if try == 0 {
		p.flags.formers.signal(syscall.SIGTTOU)
	}
	time.Sleep(10 * time.Millisecond)
	return true
}

// executable is the program's own path.
func (p *process) executable() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// say writes a line to standard error, as the reference does.
func (p *process) say(s config.Severity, text string) {
	d := config.Diagnostics{Out: p.stderr, Pid: os.Getpid(), Quiet: p.flags.quiet, Loud: p.flags.verbose || p.flags.debug}
	d.Tell(s, text)
}

// checked ends -c. Reference: silent unless -V or warned, and exit code 2 when
// nothing would be listened to.
func (p *process) checked(c *lbcore.Config, diag *config.Diagnostics) int {
	if !c.HasListeners() && len(c.Global.Sockets) == 0 {
		if !diag.Muted() {
			if diag.Warnings() > 0 {
				fmt.Fprintln(p.stdout, "Warnings were found.")
			}
			fmt.Fprintln(p.stdout, "Configuration file has no error but will not start (no listener) => exit(2).")
		}
		return 2
	}
	if diag.Muted() {
		return 0
	}
	if diag.Warnings() > 0 {
		fmt.Fprintln(p.stdout, "Warnings were found.")
	}
	if p.flags.verbose {
		fmt.Fprintln(p.stdout, "Configuration file is valid")
	}
	return 0
}

// serve waits for signals, until one, the end of a soft stop or that of its master
// ends it.
func (p *process) serve(ch <-chan os.Signal, lost <-chan struct{}) int {
	p.idle = make(chan bool, 1)
	for {
		select {
		case <-p.idle:
			p.in.Stop()
			return 0
		case f := <-p.calls:
			f()
		case <-lost: // reference: likewise; nobody could reload or end it any more
			p.in.Stop()
			return 1
		case s := <-ch:
			for _, r := range signalRows {
				if r.signal != s || r.do == nil {
					continue
				}
				if code, ends := r.do(p, p.idle); ends {
					return code
				}
			}
		}
	}
}

// A signalRow is what a process without a master does on a signal.
type signalRow struct {
	name, summary string
	signal        syscall.Signal
	do            func(p *process, idle chan<- bool) (code int, ends bool) // nil: nothing
}

var signalRows = []signalRow{
	{"SIGTERM", "ends at once, by the signal", syscall.SIGTERM, dying(syscall.SIGTERM)},
	{"SIGINT", "ends at once, by the signal", syscall.SIGINT, dying(syscall.SIGINT)},
	{"SIGUSR1", "soft stop: ends with code 0 once idle", syscall.SIGUSR1, func(p *process, idle chan<- bool) (int, bool) {
		p.softStop(idle)
		return 0, false
	}},
	{"SIGHUP", "dumps the states of servers and proxies; in a fleet: serves anew what the fleet has", syscall.SIGHUP, going(func(p *process) {
		if p.fleet != nil {
			p.fleet.reloadActive()
			return
		}
		p.in.DumpStates()
	})},
	{"SIGQUIT", "dumps the use of pools", syscall.SIGQUIT, going(func(p *process) { p.in.DumpPools(p.stderr) })},
	{"SIGTTOU", "pauses all listeners", syscall.SIGTTOU, going(func(p *process) { p.in.SetListening(false) })},
	{"SIGTTIN", "resumes all listeners", syscall.SIGTTIN, going(func(p *process) { p.in.SetListening(true) })},
	{"SIGUSR2", "nothing: there is no master to reload", syscall.SIGUSR2, nil},
	{"SIGPIPE", "nothing", syscall.SIGPIPE, nil},
}

// going is a signal after which the process goes on.
func going(do func(p *process)) func(*process, chan<- bool) (int, bool) {
	return func(p *process, _ chan<- bool) (int, bool) {
		do(p)
		return 0, false
	}
}

// dying is a signal that ends the process.
func dying(s syscall.Signal) func(*process, chan<- bool) (int, bool) {
	return func(p *process, _ chan<- bool) (int, bool) {
		p.fleet.leave()
		p.in.Stop()
		return dieBy(s), true
	}
}

// softStop drains in the background and reports when nothing is left.
func (p *process) softStop(idle chan<- bool) {
	limit := p.in.Config.Global.HardStop
	p.in.Drain()
	go p.fleet.leave()
	go func() { // ends with the process at the latest
		if !p.in.Wait(limit) {
			p.in.TellHardStop()
		}
		idle <- true
	}()
}

// dieBy ends the process by a signal's default action, so that whoever waits
// sees it. The signal goes to the calling thread, which takes it before the call
// returns; there is an exit code for whom the kernel spares (the first process of
// a namespace) or who was started with the signal blocked.
func dieBy(s syscall.Signal) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signal.Reset(s)
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), s)
	return 128 + int(s)
}
