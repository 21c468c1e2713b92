package build

import (
	"fmt"
	"os"
	"strings"

	"gohap/lbcore/buffer"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// globalVarRows are the words that give variables of the process their first
// values.
func globalVarRows() []keyword.Row {
	row := func(name, args, summary, good string, bad ...string) keyword.Row {
		return keyword.Row{Class: keyword.Global, Name: name, Where: keyword.InGlobal, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: good}}, Bad: bad, Impl: GlobalFunc(globalVar)}
	}
	return []keyword.Row{
		row("set-var", "proc.<name> <expr>", "gives a process-wide variable a value at the start", "set-var proc.limit int(5)",
			"set-var", "set-var proc.a", "set-var proc.a nope", "set-var txn.a int(5)", "set-var proc.a src", "set-var a int(5)"),
		row("set-var-fmt", "proc.<name> <fmt>", "gives a process-wide variable a text at the start", "set-var-fmt proc.id lb-%[hostname]",
			"set-var-fmt", "set-var-fmt proc.a", "set-var-fmt proc.a %[nope]", "set-var-fmt txn.a x", "set-var-fmt proc.a %[src]"),
	}
}

// globalVar reads set-var and set-var-fmt, and computes the value at once: what it
// says of other variables is what stands in front of it.
func globalVar(b *Builder, st *config.Statement) {
	word := st.Words[0]
	formatted := word == "set-var-fmt"
	if len(st.Words) < 3 {
		what := "sample expression"
		if formatted {
			what = "format string"
		}
		b.Alertf(st, "'%s' requires a process-wide variable name ('proc.<name>') and a %s.", word, what)
		return
	}
	o := sample.Options{Place: sample.ConfigParser, Words: b.Set, Files: b.Files, ProcVars: b.procVars, Lists: b.lists, File: st.Pos.File, Line: st.Pos.Line, Env: b.Env.Lookup,
		Warn: func(text string) { b.Warnf(st, "%s", text) }}
	v, err := o.ParseVar(st.Words[1])
	if err == nil && v.Scope != sample.ScopeProc {
		b.Alertf(st, "'%s': cannot set variable '%s', only scope 'proc' is permitted in the global section.", word, st.Words[1])
		return
	}
	if err == nil {
		err = b.initialValue(v, st, o)
	}
	if err != nil {
		b.Alertf(st, "%s", strings.TrimSuffix(err.Error(), "."))
	}
}

// initialValue computes a variable's first value.
func (b *Builder) initialValue(v sample.Var, st *config.Statement, o sample.Options) error {
	host, _ := hostname()
	c := &sample.Context{Arena: &buffer.Arena{}, Final: true,
		Process: &sample.Process{PID: os.Getpid(), Hostname: []byte(host), Node: b.Global.Node, Threads: 1, Env: b.Env.Lookup, ProcVars: b.procVars}}
	s := c.Borrow()
	used := 1
	if st.Words[0] == "set-var-fmt" {
		f, err := sample.CompileFormat(b.Set, st.Words[2], sample.FormatOptions{Options: o, For: sample.ForString})
		if err != nil {
			return err
		}
		s.SetStr(f.Append(nil, c))
	} else {
		e, n, err := sample.CompileWords(b.Set, st.Words[2:], o)
		if err == nil {
			err = e.CheckPlace(o.Place, "set-var("+st.Words[1]+")")
		}
		if err != nil {
			return err
		}
		if used = n; !e.Eval(c, sample.Any, s) {
			b.procVars.Declare(v)
			return nil
		}
	}
	if !b.procVars.Set(v, s) {
		return fmt.Errorf("'%s': cannot set variable '%s': tune.vars.proc-max-size or tune.vars.global-max-size is reached", st.Words[0], v.Name)
	}
	if extra := st.Words[2+used:]; len(extra) > 0 {
		b.Warnf(st, "'%s' behind the value of '%s' is ignored.", extra[0], st.Words[1])
	}
	return nil
}
