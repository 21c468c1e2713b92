package control

import (
	"strings"

	"gohap/lbcore/buffer"
	"gohap/lbcore/cli"
	"gohap/lbcore/sample"
)

func getVar(r *cli.Request) {
	if len(r.Args) == 0 {
		r.Fail("Missing process-wide variable identifier.")
		return
	}
	kind, value, ok := control(r).Vars.Lookup(r.Args[0])
	if !ok {
		r.Fail("Variable not found.")
		return
	}
	r.Message(cli.Info, "%s: type=%s value=<%s>", r.Args[0], kind, value)
}

// setVar gives a process-wide variable what an expression or a format yields here
// and now. One that yields nothing leaves the variable as it is.
func setVar(r *cli.Request) {
	if len(r.Args) == 0 {
		r.Fail("Missing process-wide variable identifier.")
		return
	}
	c := control(r)
	name, words := r.Args[0], r.Args[1:]
	o := sample.Options{Place: sample.CLIParser, Words: c.Words, ProcVars: c.Vars, File: "CLI", Line: 1, Env: c.Process.Facts.Env}
	v, err := o.ParseVar(name)
	switch {
	case err != nil:
		r.Fail("%s", err)
		return
	case len(words) == 0:
		r.Fail("Missing either 'expr', 'fmt' or expression.")
		return
	case v.Scope != sample.ScopeProc:
		r.Fail("'set var': cannot set variable '%s', only scope 'proc' is permitted here.", name)
		return
	}
	kind := "expr"
	if len(words) > 1 {
		if kind, words = words[0], words[1:]; kind != "expr" && kind != "fmt" {
			r.Fail("'set var': arg type must be either 'expr' or 'fmt' but got '%s'.", kind)
			return
		}
	}
	at := &sample.Context{Arena: new(buffer.Arena), Final: true, Process: c.Process.Facts}
	s := at.Borrow()
	if kind == "fmt" {
		f, err := sample.CompileFormat(c.Words, words[0], sample.FormatOptions{Options: o, For: sample.ForString})
		if err != nil {
			r.Fail("%s", strings.TrimSuffix(err.Error(), "."))
			return
		}
		s.SetStr(f.Append(nil, at))
		setVariable(r, c, v, s)
		return
	}
	e, _, err := sample.CompileWords(c.Words, words, o)
	if err == nil {
		err = e.CheckPlace(o.Place, "set-var("+name+")")
	}
	if err != nil {
		r.Fail("%s", strings.TrimSuffix(err.Error(), "."))
		return
	}
	if e.Eval(at, sample.Any, s) {
		setVariable(r, c, v, s)
	}
}

// setVariable sets a variable of the process and says so when there is no room.
func setVariable(r *cli.Request, c *Control, v sample.Var, s *sample.Sample) {
	if !c.Vars.Set(v, s) {
		r.Fail("'set var': cannot set variable '%s': tune.vars.proc-max-size or tune.vars.global-max-size is reached.", v.Name)
	}
}
