package stats

import (
	"fmt"

	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
)

// Register adds the commands, fields and columns of this package.
func Register(set *keyword.Set) {
	set.Add(
		command("show info", "[desc|json|typed|float]*", "report information about the running process", cli.User, showInfo, "show info typed desc"),
		command("show stat", "[desc|json|no-maint|typed|up]*", "report counters for each proxy and server", cli.User, showStat, "show stat typed", "show stat nowhere -1 -1", "show stat domain nowhere"),
		ofBoth(command("show version", "", "show version of the current process", cli.User, showVersion, "show version")),
		command("show activity", "[-1|0|thread_num]", "show per-thread activity stats (for support/developers)", cli.Operator, showActivity, "show activity", "show activity 999"),
		command("show pools", "[by*] [match <pfx>] [nb]", "report information about the memory pools usage", cli.User, showPools, "show pools byusage 5", "show pools by"),
		command("show backend", "", "list backends in the current running config", cli.User, showBackend, "show backend"),
		ofBoth(command("show env", "[var]", "dump environment variables known to the process", cli.Operator, showEnv, "show env", "show env NO_SUCH_VARIABLE")),
		ofBoth(command("show startup-logs", "", "report logs emitted during HAProxy startup", cli.Operator, showStartup, "show startup-logs")),
		command("show schema json", "", "report schema used for stats", cli.User, showSchema, "show schema json"),
		command("show servers conn", "[<backend>]", "dump server connections status (all or for a single backend)", cli.User, showServersConn, "show servers conn", "show servers conn nowhere"),
		command("show sess", "[help|<id>|all] [opts...]", "report the list of current streams or dump this exact stream", cli.Operator, showSess, "show sess all", "show sess 0x1", "show sess bogus", "show sess older x", "show sess backend nowhere"),
		command("show errors", "[<px>] [request|response]", "report last request and/or response errors for each proxy", cli.Operator, showErrors, "show errors", "show errors nowhere"),
		command("show fd", "[-!plcfbsd]* [num]", "dump list of file descriptors in use or a specific one", cli.Operator, showFD, "show fd", "show fd x"),
		command("show threads", "", "show some threads debugging information", cli.User, showThreads, "show threads"),
		command("show events", "[<sink>] [-w] [-n] [-0]", "show event sink state", cli.User, showEvents, "show events", "show events nosuch"),
		command("show trace", "[<module>]", "show live tracing state", cli.User, showTrace, "show trace h1", "show trace nosuch"),
		command("trace", "[<module>|0] [cmd [args...]]", "manage live tracing (empty to list, 0 to stop all)", cli.Operator, traceCommand, "trace h1 level user start now", "trace nosuch"),
		command("dump stats-file", "", "dump stats for restore", cli.User, dumpFile, "dump stats-file"),
		command("clear counters", "[all]", "clear max statistics counters (or all counters)", cli.Operator, clearCounters, "clear counters"),
	)
	set.Add(keyword.Row{Class: keyword.Service, Name: "prometheus-exporter", Summary: "the statistics in the text format of Prometheus",
		Good: []keyword.Example{{Config: "http-request use-service prometheus-exporter if { path /metrics }"}}, Impl: exporter{}})
	gc := command("debug gc", "", "force a garbage collection", cli.Admin, debugGC, "debug gc")
	gc.Flags = keyword.Ours
	set.Add(gc)
	for i := range columns {
		c := &columns[i]
		set.Add(keyword.Row{Class: keyword.StatColumn, Name: c.name, Out: c.typ.String(), Summary: lower(c.desc), Impl: c})
	}
	for i := range moduleColumns {
		c := &moduleColumns[i]
		set.Add(keyword.Row{Class: keyword.StatModule, Name: c.name, Out: c.typ.String(), Summary: lower(c.desc), Impl: c})
	}
	set.Add(nsRows()...)
	for i := range fields {
		f := &fields[i]
		set.Add(keyword.Row{Class: keyword.InfoField, Name: f.name, Out: f.typ.String(), Summary: lower(f.desc), Impl: f})
	}
	for _, m := range [][2]string{
		{"desc", "append a description to each value"},
		{"domain", "choose the domain of the statistics: proxy or resolvers"},
		{"float", "print rates and times with decimals where they have them"},
		{"json", "print JSON"},
		{"no-maint", "leave out servers in maintenance"},
		{"typed", "print one value a line with its type and nature"},
		{"up", "leave out servers that are down"},
	} {
		set.Add(keyword.Row{Class: keyword.StatModifier, Name: m[0], Summary: m[1]})
	}
}

// ofBoth makes a command one that masters have as well.
func ofBoth(r keyword.Row) keyword.Row {
	c := r.Impl.(cli.Command)
	c.Of = cli.OfBoth
	r.Impl = c
	return r
}

func command(name, args, summary string, level cli.Level, run func(*cli.Request), good string, bad ...string) keyword.Row {
	return keyword.Row{Class: keyword.Command, Name: name, Args: args, Summary: summary, Bad: bad,
		Good: []keyword.Example{{Config: good}}, Impl: cli.Command{Level: level, Run: run}}
}

// lower makes a description a row's summary: a small letter first, unless a
// name or an abbreviation begins it.
func lower(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'a' && s[1] <= 'z' {
		return string(s[0]|0x20) + s[1:]
	}
	return s
}

// instance returns what the command acts on; it answers an error when its host
// has no statistics.
func instance(r *cli.Request) (*Instance, bool) {
	if h, ok := r.Host.(Host); ok {
		if in := h.Stats(); in != nil {
			return in, true
		}
	}
	r.Fail("no instance is running (host %s)", fmt.Sprintf("%T", r.Host))
	return nil, false
}
