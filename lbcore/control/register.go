package control

import (
	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
)

// usages are the help's first column where it is not the name and its arguments
// (reference).
var usages = map[string]string{
	"disable agent": "disable agent", "disable health": "disable health", "disable server": "disable server (DEPRECATED)",
	"enable agent": "enable agent", "enable health": "enable health", "enable server": "enable server  (DEPRECATED)",
	"set maxconn server": "set maxconn server <bk>/<srv>", "set weight": "set weight <bk>/<srv>  (DEPRECATED)",
	"add server": "add server <bk>/<srv>",
}

// Register adds the commands of this package.
func Register(set *keyword.Set) {
	command := func(name, args, summary string, level cli.Level, run func(*cli.Request), good string, bad ...string) {
		set.Add(keyword.Row{Class: keyword.Command, Name: name, Args: args, Summary: summary, Bad: bad,
			Good: []keyword.Example{{Config: good}}, Impl: cli.Command{Level: level, Run: run, Usage: usages[name]}})
	}
	set.Add(keyword.Row{Class: keyword.Command, Name: "_getsocks", Summary: "hands the listening sockets over, over a socket with expose-fd listeners",
		Good: []keyword.Example{{Config: "_getsocks"}}, Impl: cli.Command{Hidden: true, Level: cli.Operator, Run: getSockets}})
	command("get weight", "<bk>/<srv>", "report a server's current weight", cli.User, on(getWeight), "get weight be/s1", "get weight be", "get weight be/nowhere")
	command("set weight", "<bk>/<srv> <w>", "change a server's weight (use 'set server' instead)", cli.Admin, on(setWeight), "set weight be/s1 50%", "set weight be/s1 300", "set weight be/s1 x")
	command("set server", "<bk>/<srv> [opts]", "change a server's state, weight, address or ssl", cli.Admin, on(setServer), "set server be/s1 state drain", "set server be/s1 nothing", "set server be/s1 state nowhere")
	command("enable server", "<bk>/<srv>", "enable a disabled server (use 'set server' instead)", cli.Admin, on(enable), "enable server be/s1", "enable server be")
	command("disable server", "<bk>/<srv>", "disable a server for maintenance (use 'set server' instead)", cli.Admin, on(disable), "disable server be/s1", "disable server be")
	command("enable health", "<bk>/<srv>", "enable health checks", cli.Admin, on(enableHealth), "enable health be/s1", "enable health be/none")
	command("disable health", "<bk>/<srv>", "disable health checks", cli.Admin, on(disableHealth), "disable health be/s1", "disable health be/none")
	command("enable agent", "<bk>/<srv>", "enable agent checks", cli.Admin, on(enableAgent), "enable agent be/s1", "enable agent be/none")
	command("disable agent", "<bk>/<srv>", "disable agent checks", cli.Admin, on(disableAgent), "disable agent be/s1", "disable agent be/none")
	command("set maxconn server", "<bk>/<srv> <n>", "change a server's maxconn setting", cli.Admin, on(setMaxconn), "set maxconn server be/s1 10", "set maxconn server be/s1 x")
	command("shutdown sessions server", "<bk>/<srv>", "kill sessions on a server", cli.Admin, on(shutdownServer), "shutdown sessions server be/s1", "shutdown sessions server be")
	command("show servers state", "[<backend>]", "dump volatile server information (all or for a single backend)", cli.User, showServersState, "show servers state", "show servers state nowhere")
	command("add server", "<bk>/<srv> <addr> [options]", "create a new server", cli.Admin, addServer, "add server be/new 127.0.0.1:80", "add server", "add server nowhere/new 127.0.0.1:80")
	command("del server", "<bk>/<srv>", "remove a server", cli.Admin, delServer, "del server be/new", "del server", "del server be/none")
	command("wait", "{-h|<delay_ms>} cond [args...]", "wait the specified delay or condition (-h to see list)", cli.Admin, wait, "wait 10ms srv-removable be/s1", "wait", "wait x")
	command("enable frontend", "<frontend>", "re-enable specific frontend", cli.Admin, switchFrontend(true, "enable"), "enable frontend fe", "enable frontend", "enable frontend nosuch")
	command("disable frontend", "<frontend>", "temporarily disable specific frontend", cli.Admin, switchFrontend(false, "disable"), "disable frontend fe", "disable frontend", "disable frontend nosuch")
	command("shutdown frontend", "<frontend>", "stop a specific frontend", cli.Admin, onFrontend(shutdownFrontend), "shutdown frontend fe", "shutdown frontend", "shutdown frontend nosuch")
	command("set maxconn frontend", "<frontend> <value>", "change a frontend's maxconn setting", cli.Admin, onFrontend(setFrontendMaxconn), "set maxconn frontend fe 100", "set maxconn frontend fe", "set maxconn frontend nosuch 5")
	command("set maxconn global", "<value>", "change the per-process maxconn setting", cli.Admin, setGlobalMaxconn, "set maxconn global 100", "set maxconn global", "set maxconn global -1")
	command("set rate-limit", "<setting> <value>", "change a rate limiting value", cli.Admin, setRateLimit, "set rate-limit connections global 100", "set rate-limit", "set rate-limit connections global")
	command("shutdown session", "[id]", "kill a specific session", cli.Admin, shutdownSession, "shutdown session 0x1", "shutdown session", "shutdown session x")
	command("get var", "<name>", "retrieve contents of a process-wide variable", cli.Operator, getVar, "get var proc.x", "get var", "get var proc.nosuch")
	set.Add(keyword.Row{Class: keyword.Command, Name: "set var", Args: "<name> [fmt|expr] {<fmt>|<expr>}", Summary: "set variable from an expression or a format",
		Good: []keyword.Example{{Config: "set var proc.x int(5)"}}, Bad: []string{"set var", "set var txn.x int(5)"},
		Impl: cli.Command{Level: cli.Admin, Experimental: true, Run: setVar}})
	for _, l := range []*lists{&aclLists, &mapLists} {
		registerLists(set, l)
	}
	registerTables(set)
	registerPeers(set)
	registerCerts(set)
	registerCrtLists(set)
	registerTrust(set)
	registerTickets(set)
	registerResponses(set)
	registerResolvers(set)
	for _, s := range settings {
		set.Add(keyword.Row{Class: keyword.SetServer, Name: s.name, Args: s.args, Summary: s.summary,
			Good: []keyword.Example{{Config: "set server be/s1 " + s.name}}, Impl: s.set})
	}
}
