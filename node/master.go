package node

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gohap/lbcore"
	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/config"
)

// A master starts the process that serves, its worker, and with each reload a new
// one that takes the listening sockets over from the one before. It reads nothing
// of the configuration but how processes come up, keeps its privileges, and is on
// no request's way.
//
// Everything in it belongs to the goroutine of run; commands get there by do.
type master struct {
	*process
	workers  []*workerProcess // the oldest first
	current  *workerProcess   // the one that serves, nil before there is one
	starting *workerProcess
	again    *reload // one that was asked for meanwhile
	hard     bool    // the former worker of the present reload is ended at once
	reloads  int
	failed   int // reloads in a row that came to nothing
	since    time.Time
	startLog strings.Builder // of the last start
	lastLog  string
	ending   bool
	code     int

	over    chan struct{} // closed when run has ended
	signals chan os.Signal
	cli     *cli.Server
	address string // of its command socket, "" without one
	serving sync.WaitGroup
}

// reload is a reload that was asked for.
type reload struct {
	hard bool
	done func(Report)
}

// workerProcess is a worker as its master sees it.
type workerProcess struct {
	*child
	since   time.Time
	reloads int
	over    *os.File // connections are passed over it
	leaving bool     // it was told to end
}

func newMaster(p *process) *master {
	return &master{process: p, since: clock.Wall(), over: make(chan struct{}), signals: make(chan os.Signal, 16)}
}

// run ends with the exit code.
func (m *master) run() int {
	m.stderr = io.MultiWriter(m.process.stderr, &m.startLog)
	signal.Notify(m.signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP, syscall.SIGTTIN, syscall.SIGTTOU)
	defer signal.Stop(m.signals)
	if err := m.writePid(); err != nil {
		m.say(config.Alert, err.Error())
		return 1
	}
	if !m.openSocket() {
		return 1
	}
	m.start(func(r Report) { m.started(r) })
	for len(m.workers) > 0 || !m.ending {
		select {
		case f := <-m.calls:
			f()
		case s := <-m.signals:
			m.signalled(s.(syscall.Signal))
		}
	}
	close(m.over)
	m.cli.Close()
	m.serving.Wait()
	m.notify("STOPPING=1")
	if m.current != nil || m.code != 1 {
		m.say(config.Warning, fmt.Sprintf("All workers exited. Exiting... (%d)", m.code))
	}
	return m.code
}

// do has f run on the master's goroutine; any other goroutine. It is dropped when
// run has ended.
func (m *master) do(f func()) {
	select {
	case m.calls <- f:
	case <-m.over:
	}
}

// ask has f answer on the master's goroutine; any other goroutine. The answer is
// the zero value when run has ended.
func ask[T any](m *master, f func() T) (answer T) {
	told := make(chan T, 1)
	m.do(func() { told <- f() })
	select {
	case answer = <-told:
	case <-m.over:
	}
	return answer
}

// reloadNow reloads and returns how that went; any goroutine but the master's. It
// gives up when given or run has ended.
func (m *master) reloadNow(hard bool, given <-chan struct{}) (r Report, ok bool) {
	told := make(chan Report, 1)
	m.do(func() { m.reload(reload{hard: hard, done: func(r Report) { told <- r }}) })
	select {
	case r = <-told:
		return r, true
	case <-given:
	case <-m.over:
	}
	return r, false
}

// started follows the very first start.
func (m *master) started(r Report) {
	if !r.Ready {
		m.ending, m.code = true, 1
		return
	}
	if m.birth.role == daemon {
		if err := m.birth.detach(); err != nil {
			m.say(config.Warning, "cannot let go of the terminal: "+err.Error())
		}
	}
	m.birth.tell(Report{Ready: true})
	m.flags.formers.signal(m.flags.formers.end)
}

// signalled is what a master does on a signal.
func (m *master) signalled(s syscall.Signal) {
	switch s {
	case syscall.SIGUSR2, syscall.SIGHUP:
		m.reload(reload{})
	case syscall.SIGTTIN, syscall.SIGTTOU:
		m.tellWorkers(s)
	default: // reference: a master that is interrupted says so by its code
		if s == syscall.SIGINT {
			m.code = 128 + int(s)
		}
		m.end(s)
	}
}

// end ends all workers, and then the master.
func (m *master) end(s syscall.Signal) {
	if !m.ending {
		m.say(config.Warning, "Exiting Master process...")
	}
	m.ending = true
	m.tellWorkers(s)
}

func (m *master) tellWorkers(s syscall.Signal) {
	for _, w := range m.workers {
		if s == syscall.SIGTERM || s == syscall.SIGINT || s == syscall.SIGUSR1 {
			w.leaving = true
		}
		_ = w.Signal(s)
	}
}

// reload starts a new worker; one that is asked for while another one starts
// follows it.
func (m *master) reload(r reload) {
	if m.ending {
		if r.done != nil {
			r.done(Report{})
		}
		return
	}
	if m.starting != nil {
		if m.again != nil && m.again.done != nil {
			r.done = both(m.again.done, r.done)
		}
		m.again = &r
		return
	}
	m.reloads++
	for _, w := range m.workers {
		w.reloads++
	}
	text := "Reloading gohap"
	if r.hard {
		text += " (hard-reload)"
	}
	m.say(config.Notice, text)
	m.notify(fmt.Sprintf("RELOADING=1\nSTATUS=Reloading Configuration.\nMONOTONIC_USEC=%d", clock.Mono()/1000))
	m.hard = r.hard
	m.startLog.Reset()
	m.start(r.done)
}

func both(a, b func(Report)) func(Report) {
	return func(r Report) {
		a(r)
		if b != nil {
			b(r)
		}
	}
}

// start starts a worker; done is told how that went, nil for nobody.
func (m *master) start(done func(Report)) {
	w, err := m.bear()
	if err != nil {
		m.say(config.Alert, fmt.Sprintf("Cannot start a worker: %s", err))
		m.loaded(Report{}, done)
		return
	}
	m.say(config.Notice, fmt.Sprintf("Initializing new worker (%d)", w.Pid))
	m.workers = append(m.workers, w)
	m.starting = w
	go func() { // ends with the worker
		report := <-w.told
		m.do(func() {
			m.startLog.WriteString(report.Log)
			if report.Ready {
				m.took(w)
				m.loaded(report, done)
			}
		})
		state, err := w.Wait()
		m.do(func() {
			m.gone(w, state, err)
			if !report.Ready {
				m.loaded(report, done)
			}
		})
	}()
}

// bear makes the process of a worker, with its connection to the one before.
func (m *master) bear() (*workerProcess, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "worker"), os.NewFile(uintptr(ends[1]), "worker")
	defer theirs.Close()
	var former *os.File
	if m.current != nil {
		if former, err = m.current.connect(); err == nil {
			defer former.Close()
		}
	}
	c, err := bear(worker, m.executable(), os.Args, [2]*os.File{theirs, former}, false)
	if err != nil {
		ours.Close()
		return nil, err
	}
	return &workerProcess{child: c, since: clock.Wall(), over: ours}, nil
}

// connect opens a command connection to a worker.
func (w *workerProcess) connect() (*os.File, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(ends[1])
	if err := unix.Sendmsg(int(w.over.Fd()), []byte{0}, unix.UnixRights(ends[1]), nil, unix.MSG_NOSIGNAL); err != nil {
		unix.Close(ends[0])
		return nil, err
	}
	return os.NewFile(uintptr(ends[0]), "command"), nil
}

// took makes a worker that serves the present one, and ends the one before.
func (m *master) took(w *workerProcess) {
	m.say(config.Notice, "Loading success.")
	former := m.current
	m.current, m.starting, m.failed = w, nil, 0
	m.notify("READY=1\nSTATUS=Ready.")
	if former != nil {
		s := syscall.SIGUSR1
		if m.hard {
			s = syscall.SIGTERM
		}
		former.leaving = true
		_ = former.Signal(s)
	}
	for _, o := range m.workers {
		if most := m.launch.MaxReloads; most > 0 && o != w && o.reloads > most {
			_ = o.Signal(syscall.SIGTERM)
		}
	}
}

// loaded ends a reload.
func (m *master) loaded(r Report, done func(Report)) {
	m.starting = nil
	if !r.Ready {
		m.failed++
		m.notify("READY=1\nSTATUS=Reload failed!")
	}
	m.lastLog = m.startLog.String()
	if done != nil {
		r.Log = m.lastLog
		done(r)
	}
	if next := m.again; next != nil {
		m.again = nil
		m.reload(*next)
	}
}

// gone takes note of a worker that ended.
func (m *master) gone(w *workerProcess, state *os.ProcessState, err error) {
	w.over.Close()
	for i, o := range m.workers {
		if o == w {
			m.workers = append(m.workers[:i], m.workers[i+1:]...)
			break
		}
	}
	if err != nil {
		m.say(config.Alert, fmt.Sprintf("worker (%d): %s", w.Pid, err))
		return
	}
	how := ended(state)
	switch {
	case w == m.starting:
		m.say(config.Warning, fmt.Sprintf("Failed to load worker (%d) %s", w.Pid, how))
	case w != m.current:
		m.say(config.Warning, fmt.Sprintf("Former worker (%d) %s", w.Pid, how))
	default:
		m.say(config.Alert, fmt.Sprintf("Current worker (%d) %s", w.Pid, how))
		m.lost(exitCode(state))
	}
}

// lost follows the end of the worker that served, expected or not.
func (m *master) lost(code int) {
	switch {
	case m.ending:
	case m.launch.Tolerant && !m.current.leaving:
		m.current = nil
		m.say(config.Warning, "no-exit-on-failure: nothing serves until a reload succeeds")
		return
	default:
		m.say(config.Alert, "exit-on-failure: killing every processes with SIGTERM")
		m.ending, m.code = true, code
		m.tellWorkers(syscall.SIGTERM)
	}
}

// openSocket serves the commands of -S.
func (m *master) openSocket() bool {
	m.cli = newMasterCLI(m)
	if m.flags.masterAt == "" {
		return true
	}
	k, ok := lbcore.MasterSocket(m.flags.options(m.stderr), m.flags.masterAt)
	if !ok {
		return false
	}
	l, err := cli.Listen(k)
	if err != nil {
		m.say(config.Alert, fmt.Sprintf("Binding [-S] for master: %s", err))
		return false
	}
	m.address = k.String()
	m.serving.Go(func() { _ = m.cli.Serve(l, k) }) // until Close
	return true
}
