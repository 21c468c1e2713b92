package node

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"gohap/lbcore"
	"gohap/lbcore/cli"
	"gohap/lbcore/clock"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/stats"
)

// newMasterCLI makes the command socket of a master.
func newMasterCLI(m *master) *cli.Server {
	return &cli.Server{Commands: cli.NewCommands(m.flags.words, cli.OfMaster), Host: m, Router: m, Started: clock.Mono()}
}

// masterCommands are the commands that only a master has.
func masterCommands() (rows []keyword.Row) {
	command := func(name, summary, good string, level cli.Level, run func(*master, *cli.Request)) {
		rows = append(rows, keyword.Row{Class: keyword.Command, Name: name, Summary: summary, Good: []keyword.Example{{Config: good}},
			Impl: cli.Command{Of: cli.OfMaster, Level: level, Run: func(r *cli.Request) { run(r.Host.(*master), r) }}})
	}
	routed := func(*master, *cli.Request) {} // the connection's router takes them
	command("@!<pid>", "send a command to the <pid> process", "@!1234 show info", cli.User, routed)
	command("@<relative pid>", "send a command to the <relative pid> process", "@1 show info", cli.User, routed)
	command("@master", "send a command to the master process", "@master show proc", cli.User, routed)
	command("reload", "achieve a soft-reload (-sf) of haproxy", "reload", cli.Operator, func(m *master, r *cli.Request) { m.reloadCommand(r, false) })
	command("hard-reload", "achieve a hard-reload (-st) of haproxy", "hard-reload", cli.Operator, func(m *master, r *cli.Request) { m.reloadCommand(r, true) })
	command("show proc", "show processes status", "show proc", cli.User, (*master).showProc)
	return rows
}

// Stats implements stats.Host, for the commands that all processes have.
func (m *master) Stats() *stats.Instance {
	return &stats.Instance{Version: lbcore.Version, Environ: m.environ, StartupLog: func() string {
		return ask(m, func() string { return m.lastLog })
	}}
}

// environ is the environment of a master, with what it says of itself.
func (m *master) environ() []string {
	env := config.NewEnviron(os.Environ())
	env.SetStartup(lbcore.Version, "3.2", true)
	env.Set("HAPROXY_CFGFILES", strings.Join(m.flags.paths, ";"))
	env.SetServing(nil)
	if m.address != "" {
		env.Set("HAPROXY_MASTER_CLI", m.address)
	}
	return env.Pairs()
}

// reloadCommand reloads, and answers how that went.
func (m *master) reloadCommand(r *cli.Request, hard bool) {
	if report, ok := m.reloadNow(hard, r.Context().Done()); ok {
		r.Printf("Success=%d\n--\n%s", map[bool]int{true: 1}[report.Ready], report.Log)
	}
}

// showProc lists the processes.
func (m *master) showProc(r *cli.Request) {
	debug := len(r.Args) > 0
	switch {
	case debug && r.Args[0] != "debug":
		r.Fail("'show proc' only supports 'debug' as argument")
	case !debug || r.Require(cli.Admin):
		r.WriteString(ask(m, func() string { return m.processes(debug) }))
	}
}

// processes lists the processes, with debug the descriptors too over which the master
// talks to them.
func (m *master) processes(debug bool) string {
	var b strings.Builder
	row := func(pid, kind, reloads, up, version, ours, theirs string) {
		fmt.Fprintf(&b, "%-15s %-15s %-15s %-15s %-15s", pid, kind, reloads, up, version)
		if debug {
			fmt.Fprintf(&b, "\t\t %-15s %-15s", ours, theirs)
		}
		b.WriteByte('\n')
	}
	line := func(w *workerProcess, reloads string) {
		row(strconv.Itoa(w.Pid), "worker", reloads, uptime(w.since), lbcore.Version, strconv.Itoa(int(w.over.Fd())), "-1")
	}
	row("#<PID>", "<type>", "<reloads>", "<uptime>", "<version>", "<ipc_fd[0]>", "<ipc_fd[1]>")
	row(strconv.Itoa(os.Getpid()), "master", fmt.Sprintf("%d [failed: %d]", m.reloads, m.failed), uptime(m.since), lbcore.Version, "-1", "-1")
	b.WriteString("# workers\n")
	old := ""
	for _, w := range m.workers {
		switch {
		case w == m.starting:
		case w == m.current && w.reloads == 0:
			line(w, "0")
		default:
			old = "# old workers\n"
		}
	}
	b.WriteString(old)
	for _, w := range m.workers {
		if w != m.starting && (w != m.current || w.reloads > 0) {
			line(w, strconv.Itoa(w.reloads))
		}
	}
	return b.String()
}

func uptime(since time.Time) string {
	s := int(clock.Wall().Sub(since) / time.Second)
	return fmt.Sprintf("%dd%02dh%02dm%02ds", s/86400, s/3600%24, s/60%60, s%60)
}

// Name implements cli.Router.
func (m *master) Name() string {
	if ask(m, func() bool { return m.failed > 0 }) {
		return "master[ReloadFailed]"
	}
	return "master"
}

// Target implements cli.Router.
func (m *master) Target(word string) (cli.Target, bool) {
	if word == "@" || word == "@master" {
		return cli.Target{}, true
	}
	w := ask(m, func() *workerProcess { return m.find(word[1:]) })
	if w == nil {
		return cli.Target{}, false
	}
	return cli.Target{Name: strconv.Itoa(w.Pid), Dial: func() (net.Conn, error) {
		f, err := w.connect()
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return net.FileConn(f)
	}}, true
}

// find returns the worker that "1" or "!1234" names, nil for none.
func (m *master) find(name string) *workerProcess {
	if name == "1" {
		return m.current
	}
	text, byPid := strings.CutPrefix(name, "!")
	pid, err := strconv.Atoi(text)
	if !byPid || err != nil {
		return nil
	}
	for _, w := range m.workers {
		if w.Pid == pid {
			return w
		}
	}
	return nil
}
