package action

import (
	"errors"
	"fmt"
	"math"
	"time"

	"gohap/lbcore/config"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// parseWaitForBody reads wait-for-body time <time> [at-least <bytes>].
func parseWaitForBody(a *rule.Args) (rule.Action, error) {
	var within int64
	atLeast, timed := 0, false
	for !a.Done() && (a.Peek() == "time" || a.Peek() == "at-least") {
		w := a.Next()
		v := a.Next()
		if v == "" {
			return nil, fmt.Errorf("missing argument for '%s'", w)
		}
		if w == "time" {
			t, err := config.ParseTime(v, time.Millisecond)
			if errors.Is(err, config.ErrTimeOverflow) {
				return nil, errors.New("time overflow (maximum value is 2147483647 ms or ~24.8 days)")
			}
			if err != nil || t.Trailing != "" {
				return nil, unexpected(err, t.Trailing)
			}
			within, timed = int64(t.Value), true
			continue
		}
		n, err := config.ParseSize(v)
		if err != nil {
			return nil, unexpected(err, "")
		}
		atLeast = int(n)
	}
	if !timed {
		return nil, errors.New("expects time <time> [ at-least <bytes> ]")
	}
	return waitForBody{atLeast, within}, nil
}

// waitForBody waits for the body of the message whose rules run.
type waitForBody struct {
	atLeast int
	within  int64 // ns
}

// Run implements rule.Action.
func (w waitForBody) Run(c *sample.Context) rule.Verdict {
	if c.Dir == sample.Response {
		return exchange(c).WaitResponseBody(w.atLeast, w.within)
	}
	return exchange(c).WaitBody(w.atLeast, w.within)
}

// parsePause reads pause <time> or pause <expr>, in ms.
func parsePause(a *rule.Args) (rule.Action, error) {
	text := a.Peek()
	if a.Done() {
		return nil, errors.New("expects a time or an expression")
	}
	t, err := config.ParseTime(text, time.Millisecond)
	switch {
	case errors.Is(err, config.ErrTimeOverflow):
		return nil, fmt.Errorf("timer overflow in argument '%s' to rule 'pause' (maximum value is 2147483647 ms or ~24.8 days)", text)
	case err == nil && t.Trailing == "" && t.Value == 0:
		return nil, errors.New("null value is not valid for a 'pause' rule")
	case err == nil && t.Trailing == "":
		a.Next()
		return &pause{ns: int64(t.Value)}, nil
	}
	at := a.At
	e, err2 := expression(a)
	if err2 != nil {
		a.At = at
		if err = unexpected(err, t.Trailing); text[0] >= '0' && text[0] <= '9' {
			return nil, fmt.Errorf("%w in rule 'pause'", err)
		}
		return nil, fmt.Errorf("%w in rule 'pause': neither a time nor an expression (%w)", err, err2)
	}
	return &pause{expr: e}, nil
}

// pause suspends its message for a time that is fixed, or computed in ms.
type pause struct {
	ns   int64
	expr *sample.Expr
}

// Run implements rule.Action. Reference: without a number the rule does nothing.
func (r *pause) Run(c *sample.Context) rule.Verdict {
	x := exchange(c)
	ns := r.ns
	if r.expr != nil && !x.Pausing() {
		s := c.Borrow()
		if r.expr.Eval(c, sample.SInt, s) {
			ns = min(max(s.Int, 0), math.MaxInt32) * int64(time.Millisecond)
		}
		c.Release()
		if ns == 0 {
			return rule.Continue
		}
	}
	return x.Pause(ns)
}

func unexpected(err error, rest string) error {
	var ce *config.CharError
	if errors.As(err, &ce) {
		rest = ce.Rest
	}
	if rest == "" {
		return err
	}
	return fmt.Errorf("unexpected character '%c'", rest[0])
}

var waitRows = []entry{
	{name: "pause", in: httpReq | httpRes, args: "<time>|<expr>", parse: parsePause, summary: "waits; an expression says how many ms",
		good: []string{"pause 10ms", "pause req.hdr(x-wait)"}, bad: []string{"pause", "pause 5x", "pause 0", "pause 30d", "pause 5s foo", "pause nosuch(x)"}},
	{name: "wait-for-body", in: httpReq | httpRes, args: "time <time> [at-least <bytes>]", parse: parseWaitForBody, summary: "waits for the body, or for the first bytes of it",
		good: []string{"wait-for-body time 5s", "wait-for-body time 5s at-least 10k"}, bad: []string{"wait-for-body", "wait-for-body time", "wait-for-body time 5s at-least", "wait-for-body at-least 10k", "wait-for-body time 5x", "wait-for-body time 5s foo"}},
}
