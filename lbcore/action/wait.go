package action

import (
	"errors"
	"fmt"
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
	{name: "wait-for-body", in: httpReq | httpRes, args: "time <time> [at-least <bytes>]", parse: parseWaitForBody, summary: "waits for the body, or for the first bytes of it",
		good: []string{"wait-for-body time 5s", "wait-for-body time 5s at-least 10k"}, bad: []string{"wait-for-body", "wait-for-body time", "wait-for-body time 5s at-least", "wait-for-body at-least 10k", "wait-for-body time 5x", "wait-for-body time 5s foo"}},
}
