package stats

import "gohap/lbcore/cli"

// traceCommand sets what is traced, and how; traces belong to the instance that runs.
func traceCommand(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	text, err := in.Trace.Command(r.Args)
	if err != nil {
		r.Fail("%s", err)
		return
	}
	r.WriteString(text)
}

func showTrace(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	name := ""
	if len(r.Args) > 0 {
		name = r.Args[0]
	}
	text, err := in.Trace.Status(name)
	if err != nil {
		r.Fail("%s", err)
		return
	}
	r.WriteString(text)
}
