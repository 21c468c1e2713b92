package action

import (
	"errors"
	"strconv"
	"strings"

	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// setServerSocket is set-bc-mark and set-bc-tos: the same of what goes to the
// server.
type setServerSocket struct{ setSocket }

func parseSetServerSocket(a *rule.Args) (rule.Action, error) {
	act, err := parseSetSocket(a)
	if err != nil {
		return nil, err
	}
	return &setServerSocket{*act.(*setSocket)}, nil
}

// Run implements rule.Action.
func (r *setServerSocket) Run(c *sample.Context) rule.Verdict {
	value, ok := r.number(c)
	st := exchange(c)
	switch {
	case !ok || st == nil:
	case r.tos:
		st.SetServerTOS(uint8(value))
	default:
		st.SetServerMark(uint32(value))
	}
	return rule.Continue
}

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
	value, ok := r.number(c)
	ss, _ := c.Session.(*stream.Session)
	switch {
	case !ok || ss == nil:
	case r.tos:
		ss.SetTOS(value & 0xff)
	default:
		ss.SetMark(value)
	}
	return rule.Continue
}

// number is what to set; ok tells whether there is anything.
func (r *setSocket) number(c *sample.Context) (n int, ok bool) {
	if r.expr == nil {
		return r.value, true
	}
	s := c.Borrow()
	ok = r.expr.Eval(c, sample.SInt, s)
	n = int(s.Int)
	c.Release()
	return n, ok
}

const marked = httpReq | httpRes | tcpAll

var socketRows = []entry{
	{name: "set-bc-mark", in: httpReq | tcpReq, args: "<mark>|<expr>", parse: parseSetServerSocket, summary: "sets the netfilter mark of packets to the server",
		good: []string{"set-bc-mark 0x10", "set-bc-mark int(5)"}, bad: []string{"set-bc-mark", "set-bc-mark nope", "set-bc-mark 5 x"}},
	{name: "set-bc-tos", in: httpReq | tcpReq, args: "<tos>|<expr>", parse: parseSetServerSocket, summary: "sets the type-of-service byte of packets to the server",
		good: []string{"set-bc-tos 0x10", "set-bc-tos int(5)"}, bad: []string{"set-bc-tos", "set-bc-tos nope", "set-bc-tos 5 x"}},
	{name: "set-fc-mark", in: marked, args: "<mark>|<expr>", parse: parseSetSocket, summary: "sets the netfilter mark of packets to the client",
		good: []string{"set-fc-mark 0x10", "set-fc-mark int(5)"}, bad: []string{"set-fc-mark", "set-fc-mark nope", "set-fc-mark 5 x"}},
	{name: "set-mark", in: marked, args: "<mark>|<expr>", parse: parseSetSocket, summary: "an older name of set-fc-mark",
		good: []string{"set-mark 16"}, bad: []string{"set-mark", "set-mark nope"}},
	{name: "set-fc-tos", in: marked, args: "<tos>|<expr>", parse: parseSetSocket, summary: "sets the type-of-service byte of packets to the client",
		good: []string{"set-fc-tos 0x10", "set-fc-tos int(5)"}, bad: []string{"set-fc-tos", "set-fc-tos nope", "set-fc-tos 5 x"}},
	{name: "set-tos", in: marked, args: "<tos>|<expr>", parse: parseSetSocket, summary: "an older name of set-fc-tos",
		good: []string{"set-tos 16"}, bad: []string{"set-tos", "set-tos nope"}},
}
