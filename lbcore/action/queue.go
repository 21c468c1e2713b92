package action

import (
	"strings"

	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// priority is set-priority-class and set-priority-offset.
type priority struct {
	expr   *sample.Expr
	offset bool
}

// The bounds of a class and of an offset in ms; what lies outside is cut.
const (
	mostClass  = 2047
	mostOffset = 524287
)

func parsePriority(a *rule.Args) (rule.Action, error) {
	e, err := expression(a)
	return &priority{expr: e, offset: strings.HasSuffix(a.Name, "offset")}, err
}

// Run implements rule.Action. Reference: an expression without a value leaves
// the request where it is.
func (r *priority) Run(c *sample.Context) rule.Verdict {
	x := exchange(c)
	if x == nil {
		return rule.Continue
	}
	s := c.Borrow()
	ok, n := r.expr.Eval(c, sample.SInt, s), s.Int
	c.Release()
	switch {
	case !ok:
	case r.offset:
		x.Priority.Offset = int32(min(max(n, -mostOffset), mostOffset))
	default:
		x.Priority.Class = int16(min(max(n, -mostClass), mostClass))
	}
	return rule.Continue
}

// parseNoRetry is disable-l7-retry.
func parseNoRetry(*rule.Args) (rule.Action, error) {
	return rule.Func(func(c *sample.Context) rule.Verdict {
		if x := exchange(c); x != nil {
			x.NoRetry = true
		}
		return rule.Continue
	}), nil
}
