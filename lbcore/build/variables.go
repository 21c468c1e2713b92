//lint:file-ignore ST1005 the reference's messages are printed as they are

package build

import (
	"strconv"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// variableRows are the global words about rules and the memory of their variables.
func variableRows() []keyword.Row {
	size := func(scope, summary string, set func(*Builder, int)) keyword.Row {
		name := "tune.vars." + scope + "-max-size"
		return globalRow(name, "<bytes>", summary, name+" 10000", func(b *Builder, st *config.Statement) {
			n, err := strconv.Atoi(st.Word(1))
			if st.Word(1) == "" { // reference: taken as none
				b.Alertf(st, "'%s' expects a number of bytes.", name)
			} else if err != nil || n < 0 {
				b.Alertf(st, "%s: '%s' is an invalid size", name, st.Word(1))
			} else if !b.tooMany(st, 2) {
				set(b, n)
			}
		}, name, name+" x", name+" 1k", name+" -1")
	}
	return []keyword.Row{
		size("global", "most bytes of all variables together", func(b *Builder, n int) { b.budgets().Up.Limit = int64(n) }),
		size("proc", "most bytes of the variables of the process, and of all sessions together", func(b *Builder, n int) { b.budgets().Limit = int64(n) }),
		size("sess", "most bytes of the variables of a session and its requests", func(b *Builder, n int) { b.Global.Limits.Vars.Sess = n }),
		size("txn", "most bytes of the variables of a request, its response and both", func(b *Builder, n int) { b.Global.Limits.Vars.Txn = n }),
		size("reqres", "most bytes of the variables of a request, and of a response", func(b *Builder, n int) { b.Global.Limits.Vars.ReqRes = n }),
		size("check", "most bytes of the variables of a health check", func(b *Builder, n int) { b.Global.CheckVars = n }),
		globalRow("tune.max-rules-at-once", "<number>", "most rules of a message that are evaluated before other streams have their turn", "tune.max-rules-at-once 50", func(b *Builder, st *config.Statement) {
			if b.tooMany(st, 2) {
				return
			}
			n, err := strconv.Atoi(st.Word(1))
			if err != nil || n < 0 { // reference: letters are zero, which is no bound
				b.Alertf(st, "'tune.max-rules-at-once' expects a positive numeric value")
				return
			}
			b.Global.Limits.RulesAtOnce = n
		}, "tune.max-rules-at-once", "tune.max-rules-at-once -1", "tune.max-rules-at-once x"),
	}
}

// budgets returns what counts the bytes of the process's variables; around it is what
// counts those of all.
func (b *Builder) budgets() *sample.Budget {
	if b.procVars.Budget == nil {
		b.procVars.Budget = &sample.Budget{Up: &sample.Budget{}}
	}
	return b.procVars.Budget
}

// settleVars settles whether variables have limits at all.
func (b *Builder) settleVars() {
	v := &b.Global.Limits.Vars
	v.On = v.Sess > 0 || v.Txn > 0 || v.ReqRes > 0 || b.procVars.Budget != nil
	for _, p := range b.plans {
		p.VarSize = b.Global.CheckVars
	}
}
