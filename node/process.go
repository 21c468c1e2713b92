package node

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"gohap/lbcore"
	"gohap/lbcore/config"
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
	if f.daemon {
		diag.Rawf(config.Alert, "flag '-D' is known to HAProxy, not implemented by gohap.")
		return 1
	}
	// A signal that comes while the sockets are being opened is not lost.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP,
		syscall.SIGQUIT, syscall.SIGTTOU, syscall.SIGTTIN, syscall.SIGPIPE)
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

// checked ends -c. Reference: silent unless -V or warned, and exit code 2 when nothing
// would be listened to.
func (p *process) checked(c *lbcore.Config, diag *config.Diagnostics) int {
	if !c.HasListeners() && len(c.Global.Sockets) == 0 {
		if !p.flags.quiet {
			fmt.Fprintln(p.stdout, "Configuration file has no error but will not start (no listener) => exit(2).")
		}
		return 2
	}
	if p.flags.quiet {
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

// serve waits for signals. Reference: SIGUSR1 is a soft stop that ends with 0
// once idle; SIGTERM and SIGINT end at once, by the signal itself.
func (p *process) serve(ch <-chan os.Signal) int {
	idle := make(chan bool, 1)
	for {
		select {
		case <-idle:
			p.in.Stop()
			return 0
		case s := <-ch:
			switch s {
			case syscall.SIGTERM, syscall.SIGINT:
				p.in.Stop()
				return dieBy(s.(syscall.Signal))
			case syscall.SIGUSR1:
				p.softStop(idle)
			case syscall.SIGHUP:
				p.in.DumpStates()
			case syscall.SIGQUIT:
				p.in.DumpPools(p.stderr)
			case syscall.SIGTTOU:
				p.in.SetListening(false)
			case syscall.SIGTTIN:
				p.in.SetListening(true)
			}
		}
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
// sees it.
func dieBy(s syscall.Signal) int {
	signal.Reset(s)
	_ = syscall.Kill(os.Getpid(), s)
	time.Sleep(time.Second)
	return 128 + int(s)
}
