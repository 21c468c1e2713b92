package action

import (
	"errors"
	"strconv"
	"strings"

	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// setSocket is set-fc-mark and set-fc-tos and their older names: a netfilter
// mark, or the type-of-service byte, of what goes to the client.
type setSocket struct {
	expr  *sample.Expr
	value int
	tos   bool
}

func parseSetSocket(a *rule.Args) (rule.Action, error) {
	r := &setSocket{tos: strings.HasSuffix(a.Name, "tos")}
	if a.Peek() == "" {
		return nil, errors.New("expects an argument")
	}
	if n, err := strconv.ParseUint(a.Peek(), 0, 32); err == nil {
		a.Next()
		r.value = int(n)
		return r, nil
	}
	e, err := expression(a)
	r.expr = e
	return r, err
}

// Run implements rule.Action. Reference: what the kernel refuses is passed
// over, as an expression without a value is.
func (r *setSocket) Run(c *sample.Context) rule.Verdict {
	value := r.value
	if r.expr != nil {
		s := c.Borrow()
		ok := r.expr.Eval(c, sample.SInt, s)
		value = int(s.Int)
		c.Release()
		if !ok {
			return rule.Continue
		}
	}
	ss, _ := c.Session.(*stream.Session)
	switch {
	case ss == nil:
	case r.tos:
		ss.SetTOS(value & 0xff)
	default:
		ss.SetMark(value)
	}
	return rule.Continue
}

const marked = httpReq | httpRes | tcpAll

var socketRows = []entry{
	{name: "set-fc-mark", in: marked, args: "<mark>|<expr>", parse: parseSetSocket, summary: "sets the netfilter mark of packets to the client",
		good: []string{"set-fc-mark 0x10", "set-fc-mark int(5)"}, bad: []string{"set-fc-mark", "set-fc-mark nope", "set-fc-mark 5 x"}},
	{name: "set-mark", in: marked, args: "<mark>|<expr>", parse: parseSetSocket, summary: "an older name of set-fc-mark",
		good: []string{"set-mark 16"}, bad: []string{"set-mark", "set-mark nope"}},
	{name: "set-fc-tos", in: marked, args: "<tos>|<expr>", parse: parseSetSocket, summary: "sets the type-of-service byte of packets to the client",
		good: []string{"set-fc-tos 0x10", "set-fc-tos int(5)"}, bad: []string{"set-fc-tos", "set-fc-tos nope", "set-fc-tos 5 x"}},
	{name: "set-tos", in: marked, args: "<tos>|<expr>", parse: parseSetSocket, summary: "an older name of set-fc-tos",
		good: []string{"set-tos 16"}, bad: []string{"set-tos", "set-tos nope"}},
}
