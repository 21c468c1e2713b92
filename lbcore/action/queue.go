package action

import (
	"errors"
	"strconv"
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

// setRetries is set-retries, with a number or one that is computed.
type setRetries struct {
	most int
	expr *sample.Expr
}

// mostRetries is the highest number of retries.
const mostRetries = 100

func parseSetRetries(a *rule.Args) (rule.Action, error) {
	const backends = sample.BackendRequestHeader | sample.BackendContent
	if a.Options.Place != 0 && a.Options.Place&backends == 0 {
		return nil, errors.New("'set-retries' only available in backend or listen section")
	}
	if a.Done() {
		return nil, errors.New("expects exactly 1 argument (an expression or an integer between 1 and 100)")
	}
	n, err := strconv.Atoi(a.Peek())
	if err != nil {
		e, err := expression(a)
		return &setRetries{expr: e}, err
	}
	if n < 0 || n > mostRetries { // reference: its text leaves zero out
		return nil, errors.New("expects an expression or an integer between 1 and 100")
	}
	a.Next()
	return &setRetries{most: n}, nil
}

// Run implements rule.Action. Reference: what is no number in the range changes
// nothing.
func (r *setRetries) Run(c *sample.Context) rule.Verdict {
	x := exchange(c)
	if x == nil {
		return rule.Continue
	}
	n, ok := int64(r.most), true
	if r.expr != nil {
		s := c.Borrow()
		ok = r.expr.Eval(c, sample.SInt, s)
		n = s.Int
		c.Release()
	}
	if ok && n >= 0 && n <= mostRetries {
		x.SetRetries(int(n))
	}
	return rule.Continue
}
