package action

import (
	"errors"
	"fmt"
	"strings"

	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/resolvers"
)

const resolveWords = "Expects 'do-resolve(<varname>,<resolvers>[,<options>]) <expr>'. Available options are 'ipv4' and 'ipv6'"

// doResolve is do-resolve: an address of a name goes into a variable.
type doResolve struct {
	variable sample.Var
	section  *resolvers.Section
	kind     resolvers.Kind
	expr     *sample.Expr
}

func parseDoResolve(a *rule.Args) (rule.Action, error) {
	wrong := fmt.Errorf("Can't parse '%s'. %s", a.Name, resolveWords) //nolint:staticcheck // reference's text
	_, rest, open := strings.Cut(a.Name, "(")
	inside, closed := strings.CutSuffix(rest, ")")
	args := strings.Split(inside, ",")
	if !open || !closed || len(args) < 2 || len(args) > 3 || args[0] == "" {
		return nil, wrong
	}
	r := &doResolve{}
	if len(args) == 3 {
		switch args[2] {
		case "ipv4":
			r.kind = resolvers.PreferIPv4
		case "ipv6":
		default:
			return nil, wrong
		}
	}
	v, err := a.Options.ParseVar(args[0])
	if err != nil {
		return nil, err
	}
	r.variable = v
	if v.Scope == sample.ScopeProc && a.Options.ProcVars != nil {
		a.Options.ProcVars.Declare(v)
	}
	if r.expr, err = resolveExpression(a); err != nil {
		return nil, err
	}
	a.Host.NeedResolvers("do-resolve", args[1], func(s any) { r.section, _ = s.(*resolvers.Section) })
	return r, nil
}

// resolveExpression reads what is resolved; errors are worded as the reference's.
func resolveExpression(a *rule.Args) (*sample.Expr, error) {
	word := a.Peek()
	e, n, err := sample.CompileWords(a.Set, a.Words[a.At:], a.Options)
	if err != nil {
		return nil, errors.New("Can't parse '" + word + "': " + strings.TrimSuffix(err.Error(), ".") + ". " + resolveWords) //nolint:staticcheck // reference's text
	}
	if err := e.CheckPlace(a.Options.Place, word); err != nil {
		return nil, err
	}
	a.At += n
	return e, nil
}

// Run implements rule.Action. Reference: a name without an address leaves the variable
// as it is.
func (r *doResolve) Run(c *sample.Context) rule.Verdict {
	st := exchange(c)
	if st == nil {
		return rule.Continue
	}
	s := c.Borrow()
	defer c.Release()
	if !r.expr.Eval(c, sample.Str, s) {
		return rule.Continue
	}
	ip, wait := st.Resolve(r.section, s.Data, r.kind)
	switch {
	case wait:
		return rule.Suspend
	case ip.IsValid():
		s.Flags = 0
		s.SetIP(ip)
		r.variable.SetIf(c, s, 0)
	}
	return rule.Continue
}

var resolveRows = []entry{
	{name: "do-resolve", in: httpReq | tcpReq, prefix: true, args: "(<var>,<resolvers>[,ipv4|ipv6]) <expr>", parse: parseDoResolve, summary: "asks a resolvers section for the address of a name and stores it in a variable",
		good: []string{"do-resolve(txn.a,default) str(localhost)", "do-resolve(txn.a,default,ipv4) str(localhost)"},
		bad:  []string{"do-resolve", "do-resolve(txn.a) str(x)", "do-resolve(txn.a,default,ipv5) str(x)", "do-resolve(txn.a,default)", "do-resolve(txn.a,default) nope", "do-resolve(txn.a,default str(x)"}},
}
