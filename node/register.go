package node

import "gohap/lbcore/keyword"

// Register adds the flags of the command line, the signals and the commands of a
// master.
func Register(set *keyword.Set) {
	set.Add(masterCommands()...)
	set.Add(fleetCommand())
	for _, r := range flagRows {
		example := r.name + " " + r.arg
		if r.glued || r.arg == "" {
			example = r.name
		}
		row := keyword.Row{Class: keyword.Flag, Name: r.name, Args: r.arg, Summary: r.summary, Good: []keyword.Example{{Config: example}}}
		if r.set == nil {
			row.Flags = keyword.NoEffect
		}
		set.Add(row)
	}
	for _, r := range signalRows {
		set.Add(keyword.Row{Class: keyword.Signal, Name: r.name, Summary: r.summary, Good: []keyword.Example{{Config: "kill -" + r.name[3:] + " <pid>"}}})
	}
}
