package node

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
)

// process is one run of the program with a configuration.
type process struct {
	flags          *flags
	stdout, stderr io.Writer
	boot           time.Time
	log            *slog.Logger
	in             *lbcore.Instance
}

func (p *process) run() int {
	f := p.flags
	c, diag := lbcore.Load(f.options(p.stderr))
	if c == nil {
		return 1
	}
	if f.check {
		return p.checked(c, diag)
	}
	if !c.HasListeners() && len(c.Global.Sockets) == 0 {
		diag.Rawf(config.Alert, "[%s.main()] No enabled listener found (check for 'bind' directives) ! Exiting.", "gohap-node")
		return 1
	}
	// A signal that comes while the sockets are being opened is not lost.
	signals := make(chan os.Signal, 8)
	for _, r := range signalRows {
		if f.words.Lookup(keyword.Signal, r.name) != nil {
			signal.Notify(signals, r.signal)
		}
	}
	in, err := c.Start(p.log, p.boot)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			diag.Rawf(config.Alert, "%s", line)
		}
		return 1
	}
	p.in = in
	return p.serve(signals)
}

// checked ends -c. Reference: silent unless -V or warned, and exit code 2 when
// nothing would be listened to.
func (p *process) checked(c *lbcore.Config, diag *config.Diagnostics) int {
	if !c.HasListeners() && len(c.Global.Sockets) == 0 {
		if !diag.Muted() {
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

// serve waits for signals, until one or the end of a soft stop ends it.
func (p *process) serve(ch <-chan os.Signal) int {
	idle := make(chan bool, 1)
	for {
		select {
		case <-idle:
			p.in.Stop()
			return 0
		case s := <-ch:
			for _, r := range signalRows {
				if r.signal != s || r.do == nil {
					continue
				}
				if code, ends := r.do(p, idle); ends {
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
	{"SIGHUP", "dumps the states of servers and proxies", syscall.SIGHUP, going(func(p *process) { p.in.DumpStates() })},
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
		p.in.Stop()
		return dieBy(s), true
	}
}

// softStop drains in the background and reports when nothing is left.
func (p *process) softStop(idle chan<- bool) {
	limit := p.in.Config.Global.HardStop
	p.in.Drain()
	go func() { // ends with the process at the latest
		if !p.in.Wait(limit) {
			p.log.Warn("some sessions resisted the soft stop; closing them", "after", limit.String())
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
