package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"gohap/lbcore/build"
	"gohap/lbcore/keyword"
)

// flags are the command line.
type flags struct {
	words     *keyword.Set
	paths     []string
	check     bool
	cond      string // -cc
	hasCond   bool
	version   int // 1 -v, 2 -vv
	debug     bool
	noDaemon  bool // -db
	verbose   bool // -V
	quiet     bool
	diagnose  bool   // -dD
	zeroWarn  bool   // -dW
	dumpWords string // -dK classes
	hasDump   bool
	peer      string
	maxconn   int64
	noSplice  bool
	noReuse   bool // -dR
	only4     bool // -4
	dump      bool // -dC
	perProxy  int64
	memory    int64 // MiB
	chdir     string

	daemon      bool   // -D
	master      bool   // -W and -Ws
	notify      bool   // -Ws
	masterAt    string // -S
	pidFile     string
	formers     formers // -sf and -st
	socketsFrom string  // -x
}

// launch is how the process comes up: what a configuration says, and the flags
// over it.
func (f *flags) launch(l build.Launch) build.Launch {
	l.Daemon = l.Daemon || f.daemon
	l.Master = l.Master || f.master
	if f.pidFile != "" {
		l.PidFile = f.pidFile
	}
	if f.noDaemon || f.debug {
		l.Daemon = false
	}
	if f.debug || f.noDaemon && !f.master {
		l.Master = false
	}
	if f.notify {
		l.Daemon = false
	}
	return l
}

// errUsage asks for the usage text.
var errUsage = errors.New("usage")

// dumpClasses are the letters of -dK and what they dump.
var dumpClasses = []string{"acl", "cfg", "cli", "cnv", "flt", "smp", "svc"}

// parseFlags reads the reference's command line; words says which flags there
// are.
func parseFlags(words *keyword.Set, args []string) (*flags, error) {
	f := &flags{words: words}
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		if !strings.HasPrefix(a, "-") {
			return nil, errUsage
		}
		value := func() (string, error) {
			if len(args) == 0 {
				return "", errUsage
			}
			v := args[0]
			args = args[1:]
			return v, nil
		}
		if err := f.one(words, a, value); err != nil {
			return nil, err
		}
		for f.takesPids(words, a) && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			pid, err := strconv.Atoi(args[0])
			if err != nil || pid <= 0 {
				return nil, fmt.Errorf("%s: '%s' is not the number of a process", a, args[0])
			}
			f.formers.pids = append(f.formers.pids, pid)
			args = args[1:]
		}
		// Behind "--" come files alone.
		for len(args) > 0 && a == "--" {
			f.paths = append(f.paths, args[0])
			args = args[1:]
		}
	}
	return f, nil
}

// takesPids tells whether numbers of processes follow a flag.
func (f *flags) takesPids(words *keyword.Set, a string) bool {
	return (a == "-sf" || a == "-st") && words.Lookup(keyword.Flag, a) != nil
}

// one reads a flag that is there, with the value that it may want.
func (f *flags) one(words *keyword.Set, a string, value func() (string, error)) error {
	for i := range flagRows {
		r := &flagRows[i]
		glued := r.glued && strings.HasPrefix(a, r.name)
		if a != r.name && !glued || words.Lookup(keyword.Flag, r.name) == nil {
			continue
		}
		switch {
		case r.set == nil:
			return nil // see docs/differences.md
		case r.arg == "" || glued:
			return r.set(f, strings.TrimPrefix(a, r.name))
		}
		v, err := value()
		if err != nil {
			return err
		}
		return r.set(f, v)
	}
	if _, known := keyword.Known(keyword.Flag, a); known {
		return fmt.Errorf("flag '%s' is known to HAProxy, not implemented by gohap", a)
	}
	return errUsage
}

// A flagRow is one flag of the command line.
type flagRow struct {
	name, arg, summary string
	glued              bool                           // what it takes is part of its word
	set                func(f *flags, v string) error // nil: without effect
}

// on makes a row's function of a switch.
func on(at func(f *flags) *bool) func(*flags, string) error {
	return func(f *flags, _ string) error {
		*at(f) = true
		return nil
	}
}

func number(at func(f *flags) *int64) func(*flags, string) error {
	return func(f *flags, v string) (err error) {
		*at(f), err = strconv.ParseInt(v, 10, 64)
		return err
	}
}

// flagRows are the flags; a longer one stands before what it begins with.
var flagRows = []flagRow{
	{name: "-f", arg: "<file|directory>", summary: "read the configuration from here; may be given several times", set: func(f *flags, v string) error {
		f.paths = append(f.paths, v)
		return nil
	}},
	{name: "--", arg: "<file>*", summary: "all that follows are files", set: func(f *flags, v string) error {
		f.paths = append(f.paths, v)
		return nil
	}},
	{name: "-cc", arg: "<condition>", summary: "evaluate a condition: exit code 0 true, 1 false, 2 bad", set: func(f *flags, v string) error {
		f.hasCond, f.cond = true, v
		return nil
	}},
	{name: "-c", summary: "check the configuration and end", set: on(func(f *flags) *bool { return &f.check })},
	{name: "-vv", summary: "show version and features", set: func(f *flags, _ string) error { f.version = 2; return nil }},
	{name: "-v", summary: "show the version", set: func(f *flags, _ string) error { f.version = 1; return nil }},
	{name: "-V", summary: "say that the configuration is valid", set: on(func(f *flags) *bool { return &f.verbose })},
	{name: "-q", summary: "say nothing", set: on(func(f *flags) *bool { return &f.quiet })},
	{name: "-D", summary: "run in the background", set: on(func(f *flags) *bool { return &f.daemon })},
	{name: "-Ws", summary: "as -W, and tell systemd when it serves", set: func(f *flags, _ string) error { f.master, f.notify = true, true; return nil }},
	{name: "-W", summary: "a master that starts the process that serves, and reloads", set: on(func(f *flags) *bool { return &f.master })},
	{name: "-S", arg: "<address>[,<option>]*", summary: "the command socket of the master", set: func(f *flags, v string) error { f.masterAt = v; return nil }},
	{name: "-p", arg: "<path>", summary: "where the process in the background, or the master, writes its number", set: func(f *flags, v string) error { f.pidFile = v; return nil }},
	{name: "-sf", summary: "<pid>*: softly ends these processes once it serves", set: func(f *flags, _ string) error { f.formers.end = syscall.SIGUSR1; return nil }},
	{name: "-st", summary: "<pid>*: ends these processes once it serves", set: func(f *flags, _ string) error { f.formers.end = syscall.SIGTERM; return nil }},
	{name: "-x", arg: "<path>", summary: "get the listening sockets from this command socket", set: func(f *flags, v string) error { f.socketsFrom = v; return nil }},
	{name: "-db", summary: "stay in the foreground", set: on(func(f *flags) *bool { return &f.noDaemon })},
	{name: "-dD", summary: "tell suspicious statements", set: on(func(f *flags) *bool { return &f.diagnose })},
	{name: "-dW", summary: "warnings are fatal", set: on(func(f *flags) *bool { return &f.zeroWarn })},
	{name: "-dK", arg: "<classes>", glued: true, summary: "list the implemented words: all, or acl,cfg,cli,cnv,flt,smp,svc", set: func(f *flags, v string) error {
		f.hasDump, f.dumpWords = true, v
		return nil
	}},
	{name: "-dC", summary: "print the configuration as it was read", set: on(func(f *flags) *bool { return &f.dump })},
	{name: "-4", summary: "names of hosts have addresses of IPv4 alone", set: on(func(f *flags) *bool { return &f.only4 })},
	{name: "-dR", summary: "no SO_REUSEPORT, as the word noreuseport", set: on(func(f *flags) *bool { return &f.noReuse })},
	{name: "-h", summary: "print this text", set: func(*flags, string) error { return errUsage }},
	{name: "-d", summary: "stay in the foreground", set: on(func(f *flags) *bool { return &f.debug })},
	{name: "-L", arg: "<name>", summary: "the name of the local peer", set: func(f *flags, v string) error { f.peer = v; return nil }},
	{name: "-C", arg: "<directory>", summary: "change to this directory first", set: func(f *flags, v string) error { f.chdir = v; return nil }},
	{name: "-n", arg: "<number>", summary: "most connections of the process", set: number(func(f *flags) *int64 { return &f.maxconn })},
	{name: "-N", arg: "<number>", summary: "most connections of a proxy that says nothing of it", set: func(f *flags, v string) error {
		f.perProxy, _ = strconv.ParseInt(v, 10, 32) // reference: what is no number counts as none
		return nil
	}},
	{name: "-m", arg: "<MiB>", summary: "limit of the memory", set: number(func(f *flags) *int64 { return &f.memory })},
	{name: "-dM", arg: "<options>", glued: true, summary: "debugging aids of an allocator"},
	{name: "-dr", summary: "ignore failures of name resolution"},
	{name: "-dV", summary: "no verification of servers' certificates"},
	{name: "-dS", summary: "no splicing, as the word nosplice", set: on(func(f *flags) *bool { return &f.noSplice })},
	{name: "-dZ", summary: "no zero-copy forwarding"},
	{name: "-dL", summary: "list the libraries"},
}

// usage is what is printed for an empty or unreadable command line.
func usage() string {
	var b strings.Builder
	b.WriteString(`gohap-node: a load balancer that takes HAProxy's configuration and command line.

Usage: gohap-node [-f <file|directory>]* [options]
       gohap-node join --peers a,b,c -f <file>   one of a fleet; join --help
       gohap-node demo           three nodes of a fleet and sample servers behind them
`)
	for i := range flagRows {
		r := &flagRows[i]
		arg := " " + r.arg
		if r.glued {
			arg = r.arg
		}
		if r.set != nil {
			fmt.Fprintf(&b, "  %-22s %s\n", r.name+arg, r.summary)
		}
	}
	return b.String()
}
