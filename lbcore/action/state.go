package action

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/log"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// expression compiles the next words as a sample expression for this place.
func expression(a *rule.Args) (*sample.Expr, error) {
	words := a.Words[a.At:]
	e, n, err := sample.CompileWords(a.Set, words, a.Options)
	if err != nil {
		return nil, err
	}
	if err := e.CheckPlace(a.Options.Place, words[0]); err != nil {
		return nil, err
	}
	a.At += n
	return e, nil
}

const varWords = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'"

// variable reads the name and the conditions in the action's parentheses.
func variable(a *rule.Args) (v sample.Var, conds int64, err error) {
	_, rest, open := strings.Cut(a.Name, "(")
	if !open {
		return v, 0, fmt.Errorf("invalid or incomplete action '%s'. %s", a.Name, varWords)
	}
	inside, ok := strings.CutSuffix(rest, ")")
	if !ok {
		return v, 0, fmt.Errorf("incomplete argument after action '%s'. %s", a.Name, varWords)
	}
	words := strings.Split(inside, ",")
	if words[0] == "" {
		return v, 0, errors.New("Empty variable name cannot be accepted") //nolint:staticcheck // reference's text
	}
	if v, err = a.Options.ParseVar(words[0]); err != nil {
		return v, 0, err
	}
	if v.Scope == sample.ScopeProc && a.Options.ProcVars != nil {
		a.Options.ProcVars.Declare(v)
	}
	conds, err = sample.VarConditions(words[1:])
	return v, conds, err
}

// setVar is set-var and set-var-fmt.
type setVar struct {
	variable sample.Var
	conds    int64
	expr     *sample.Expr
	format   *sample.Format
}

func parseSetVar(a *rule.Args) (rule.Action, error) {
	v, conds, err := variable(a)
	if err != nil {
		return nil, err
	}
	r := &setVar{variable: v, conds: conds}
	if strings.HasPrefix(a.Name, "set-var-fmt") {
		r.format, err = a.Format(a.Next(), sample.ForString)
		return r, err
	}
	r.expr, err = expression(a)
	return r, err
}

// Run implements rule.Action. Reference: an expression without a value leaves
// the variable as it is.
func (r *setVar) Run(c *sample.Context) rule.Verdict {
	s := c.Borrow()
	if r.format != nil {
		s.Flags = 0
		s.SetStr(c.Arena.Keep(r.format.Append(c.Arena.Rest(256), c)))
		r.variable.SetIf(c, s, r.conds)
	} else if r.expr.Eval(c, sample.Any, s) {
		r.variable.SetIf(c, s, r.conds)
	}
	c.Release()
	return rule.Continue
}

func parseUnsetVar(a *rule.Args) (rule.Action, error) {
	v, _, err := variable(a)
	return rule.Func(func(c *sample.Context) rule.Verdict {
		v.Unset(c)
		return rule.Continue
	}), err
}

// parseDoLog reads do-log, which logs by the frontend's format or a log profile's.
func parseDoLog(a *rule.Args) (rule.Action, error) {
	o := map[keyword.Class]stream.LogOrigin{
		keyword.HTTPReq: stream.OriginHTTPReq, keyword.HTTPRes: stream.OriginHTTPRes, keyword.HTTPAfterRes: stream.OriginHTTPAfterRes,
		keyword.TCPReqConn: stream.OriginTCPReqConn, keyword.TCPReqSess: stream.OriginTCPReqSess,
		keyword.TCPReqCont: stream.OriginTCPReqCont, keyword.TCPResCont: stream.OriginTCPResCont,
	}[a.Class]
	return rule.Func(func(c *sample.Context) rule.Verdict {
		if x := exchange(c); x != nil {
			x.DoLog(o)
		} else if ss, ok := c.Session.(*stream.Session); ok {
			ss.DoLog(o)
		}
		return rule.Continue
	}), nil
}

func parseLogLevel(a *rule.Args) (rule.Action, error) {
	w, level := a.Next(), int8(-1)
	if w != "silent" {
		l, ok := log.ParseLevel(w)
		if !ok {
			return nil, errors.New("expects exactly 1 argument (log level name or 'silent')")
		}
		level = int8(l) + 1
	}
	return rule.Func(func(c *sample.Context) rule.Verdict {
		if x := exchange(c); x != nil {
			x.LogLevel = level
		}
		return rule.Continue
	}), nil
}

// parseNice is set-nice: how much of a loop's turn the exchange leaves to others.
func parseNice(a *rule.Args) (rule.Action, error) {
	w := a.Next()
	n, err := strconv.Atoi(w)
	if w == "" || err != nil { // reference: what is no number is 0
		return nil, errors.New("expects exactly 1 argument (integer value)")
	}
	nice := int16(min(max(n, -stream.Nicest), stream.Nicest))
	return rule.Func(func(c *sample.Context) rule.Verdict {
		if x := exchange(c); x != nil {
			x.Nice = nice
		}
		return rule.Continue
	}), nil
}

// setTimeout is set-timeout, with a fixed time or one that is computed, in ms.
type setTimeout struct {
	set  func(x *stream.Stream, ns int64)
	ns   int64
	expr *sample.Expr
}

func parseSetTimeout(a *rule.Args) (rule.Action, error) {
	which := a.Next()
	text := a.Peek()
	if which == "" || text == "" {
		return nil, errors.New("expects exactly 2 arguments")
	}
	r := &setTimeout{}
	side, needs := "backend", sample.BackendRequestHeader|sample.BackendResponseHeader
	switch which {
	case "server":
		r.set = (*stream.Stream).SetServerTimeout
	case "tunnel":
		r.set = (*stream.Stream).SetTunnelTimeout
	case "client":
		r.set = (*stream.Stream).SetClientTimeout
		side, needs = "frontend", sample.FrontendRequestHeader|sample.FrontendResponseHeader
	default:
		return nil, fmt.Errorf("'set-timeout' rule supports 'server'/'tunnel'/'client' (got '%s')", which)
	}
	if a.Options.Place != 0 && a.Options.Place&needs == 0 {
		return nil, fmt.Errorf("'%s' has no %s capability", a.Options.Proxy, side)
	}
	t, err := config.ParseTime(text, time.Millisecond)
	if err == nil && t.Trailing == "" {
		a.Next()
		if r.ns = int64(t.Value); r.ns == 0 {
			return nil, fmt.Errorf("null value is not valid for a 'set-timeout %s' rule", which)
		}
		return r, nil
	}
	var bad error
	if r.expr, bad = expression(a); bad == nil {
		return r, nil
	}
	var ce *config.CharError
	if errors.As(err, &ce) && ce.Rest != "" {
		return nil, fmt.Errorf("unexpected character '%c' in rule 'set-timeout %s'", ce.Rest[0], which)
	}
	return nil, fmt.Errorf("timer overflow in argument '%s' to rule 'set-timeout %s' (maximum value is 2147483647 ms or ~24.8 days)", text, which)
}

// Run implements rule.Action.
func (r *setTimeout) Run(c *sample.Context) rule.Verdict {
	x := exchange(c)
	if x == nil {
		return rule.Continue
	}
	ns := r.ns
	if r.expr != nil {
		s := c.Borrow()
		ok := r.expr.Eval(c, sample.SInt, s)
		ns = s.Int * int64(time.Millisecond)
		c.Release()
		if !ok || ns <= 0 {
			return rule.Continue
		}
	}
	r.set(x, ns)
	return rule.Continue
}

// setAddress is set-src, set-dst and their ports.
type setAddress struct {
	expr *sample.Expr
	dst  bool
	port bool
}

func parseSetAddress(a *rule.Args) (rule.Action, error) {
	e, err := expression(a)
	return &setAddress{expr: e, dst: strings.HasPrefix(a.Name, "set-dst"), port: strings.HasSuffix(a.Name, "-port")}, err
}

// Run implements rule.Action. Reference: an expression without a value leaves
// the address as it is; a port makes an address of 0.0.0.0 where there is none.
func (r *setAddress) Run(c *sample.Context) rule.Verdict {
	ss, _ := c.Session.(*stream.Session)
	if ss == nil {
		return rule.Continue
	}
	old := ss.Source()
	if r.dst {
		old = ss.Destination()
	}
	addr, ok := r.eval(c, old)
	switch {
	case !ok:
	case r.dst:
		ss.SetDestination(addr)
	default:
		ss.SetSource(addr)
	}
	return rule.Continue
}

func (r *setAddress) eval(c *sample.Context, old netip.AddrPort) (netip.AddrPort, bool) {
	s := c.Borrow()
	defer c.Release()
	if r.port {
		ok := r.expr.Eval(c, sample.SInt, s)
		ip := old.Addr()
		if !ip.IsValid() {
			ip = netip.IPv4Unspecified()
		}
		return netip.AddrPortFrom(ip, uint16(s.Int)), ok
	}
	ok := r.expr.Eval(c, sample.Addr, s)
	return netip.AddrPortFrom(s.IP, old.Port()), ok
}

// capture stores a sample where a declared capture would stand.
type capture struct {
	expr     *sample.Expr
	index    int
	max      int // zero: as declared
	response bool
	waits    bool // for what the expression lacks yet
}

const captureWords = "expects <expression> [ 'len' <length> | id <idx> ]"

func parseCapture(a *rule.Args) (rule.Action, error) {
	if a.Done() {
		return nil, errors.New(captureWords)
	}
	e, err := expression(a)
	if err != nil {
		return nil, err
	}
	w, arg := a.Next(), a.Next()
	r := &capture{expr: e, response: isResponse(a.Class)}
	if w == "" || w != "len" && w != "id" && arg == "" {
		return nil, errors.New(captureWords)
	}
	switch {
	case w == "len" && r.response:
		return nil, errors.New("expects 'id', found 'len'")
	case w != "len" && w != "id":
		return nil, fmt.Errorf("expects 'len' or 'id', found '%s'", w)
	case arg == "":
		return nil, errors.New(captureWords)
	}
	n, err := strconv.Atoi(arg)
	switch {
	case w == "id" && (err != nil || n < 0):
		return nil, fmt.Errorf("cannot parse id '%s'", arg)
	case w == "id":
		r.index = n
	case err != nil || n <= 0:
		return nil, errors.New("length must be > 0")
	default:
		r.max, r.index = n, a.Host.NeedCapture(false, n)
	}
	return r, nil
}

// parseContentCapture reads capture <expr> len <length> of tcp-request content.
func parseContentCapture(a *rule.Args) (rule.Action, error) {
	e, err := expression(a)
	if err != nil {
		return nil, fmt.Errorf("'tcp-request content capture' : %w", err)
	}
	if a.Next() != "len" {
		return nil, errors.New("'tcp-request content capture' : a positive 'len' argument is mandatory")
	}
	n, err := strconv.Atoi(a.Next())
	if err != nil || n <= 0 {
		return nil, errors.New("'tcp-request content capture' : length must be > 0")
	}
	return &capture{expr: e, max: n, index: a.Host.NeedCapture(false, n), waits: true}, nil
}

// CaptureSlot returns the number of the declared capture that the action fills.
func (r *capture) CaptureSlot() (index int, response bool) { return r.index, r.response }

// Run implements rule.Action. Reference: in a backend's rules a slot that was
// never declared takes nothing.
func (r *capture) Run(c *sample.Context) rule.Verdict {
	x := exchange(c)
	if x == nil {
		return rule.Continue
	}
	s := c.Borrow()
	defer c.Release()
	s.Flags = 0
	switch {
	case r.expr.Eval(c, sample.Str, s):
		x.Capture(r.response, r.index, s.Data)
	case r.waits && s.Flags&sample.MayChange != 0 && !c.Final:
		return rule.Suspend
	}
	return rule.Continue
}

func parseStrictMode(a *rule.Args) (rule.Action, error) {
	w := a.Next()
	switch w {
	case "on", "off":
	case "":
		return nil, errors.New("expects exactly 1 arguments")
	default:
		return nil, fmt.Errorf("Unexpected value '%s'. Only 'on' and 'off' are supported", w) //nolint:staticcheck // reference's text
	}
	soft := w == "off"
	return rule.Func(func(c *sample.Context) rule.Verdict {
		c.SoftRewrite = soft
		return rule.Continue
	}), nil
}

const anyRules = contents | tcpConn | tcpSess

var stateRows = []entry{
	{name: "do-log", in: http | tcpAll, parse: parseDoLog, summary: "logs a line here and now", good: []string{"do-log"}, bad: []string{"do-log x"}},
	{name: "set-var", in: anyRules, prefix: true, args: "(<var>[,<cond>]*) <expr>", parse: parseSetVar, summary: "stores a sample in a variable",
		good: []string{"set-var(txn.a) str(x)", "set-var(txn.a,ifnotset) str(x)"}, bad: []string{"set-var", "set-var(txn.a)", "set-var(nope) str(x)", "set-var(txn.a str(x)", "set-var(txn.a) nope", "set-var() str(x)", "set-var(txn.a,nope) str(x)", "set-var(txn.a) str(x) y"}},
	{name: "set-var-fmt", in: anyRules, prefix: true, args: "(<var>[,<cond>]*) <fmt>", parse: parseSetVar, summary: "stores a formatted text in a variable",
		good: []string{"set-var-fmt(txn.a) x%[str(y)]"}, bad: []string{"set-var-fmt", "set-var-fmt(nope) x", "set-var-fmt(txn.a) %[nope]"}},
	{name: "unset-var", in: anyRules, prefix: true, args: "(<var>)", parse: parseUnsetVar, summary: "forgets a variable",
		good: []string{"unset-var(txn.a)"}, bad: []string{"unset-var", "unset-var(nope)", "unset-var(txn.a) x"}},
	{name: "set-log-level", in: contents, args: "<level>", parse: parseLogLevel, summary: "changes the level of the log line, or silences it",
		good: []string{"set-log-level silent", "set-log-level warning"}, bad: []string{"set-log-level", "set-log-level nope", "set-log-level err x"}},
	{name: "set-nice", in: contents &^ httpAfter, args: "<nice>", parse: parseNice, summary: "how much the exchange leaves to others while it moves bytes: -1024 to 1024",
		good: []string{"set-nice 0", "set-nice -1024", "set-nice 500"}, bad: []string{"set-nice", "set-nice x", "set-nice 1 2"}},
	{name: "set-timeout", in: httpReq | httpRes, args: "{client|server|tunnel} {<time>|<expr>}", parse: parseSetTimeout, summary: "changes a time-out of the exchange",
		good: []string{"set-timeout client 5s", "set-timeout client int(5000)"}, bad: []string{"set-timeout", "set-timeout client", "set-timeout nope 5s", "set-timeout client nope", "set-timeout client 0", "set-timeout client 5x"}},
	{name: "set-src", in: httpReq | tcpConn | tcpSess | tcpReq, args: "<expr>", parse: parseSetAddress, summary: "changes the client's address",
		good: []string{"set-src str(192.0.2.1)"}, bad: []string{"set-src", "set-src nope", "set-src src x", "set-src res.hdr(a)"}},
	{name: "set-src-port", in: httpReq | tcpConn | tcpSess | tcpReq, args: "<expr>", parse: parseSetAddress, summary: "changes the client's port",
		good: []string{"set-src-port int(4000)"}, bad: []string{"set-src-port", "set-src-port nope"}},
	{name: "set-dst", in: httpReq | tcpConn | tcpSess | tcpReq, args: "<expr>", parse: parseSetAddress, summary: "changes the address that the client connected to",
		good: []string{"set-dst str(192.0.2.1)"}, bad: []string{"set-dst", "set-dst nope"}},
	{name: "set-dst-port", in: httpReq | tcpConn | tcpSess | tcpReq, args: "<expr>", parse: parseSetAddress, summary: "changes the port that the client connected to",
		good: []string{"set-dst-port int(4000)"}, bad: []string{"set-dst-port", "set-dst-port nope"}},
	{name: "capture", in: tcpReq, args: "<expr> len <length>", parse: parseContentCapture, summary: "captures a sample for the log",
		good: []string{"capture src len 10"}, bad: []string{"capture", "capture src", "capture src len", "capture src len 0", "capture src id 0", "capture nope len 5", "capture src len 5 x"}},
	{name: "capture", in: httpReq, args: "<expr> {len <length>|id <index>}", parse: parseCapture, summary: "captures a sample for the log",
		good: []string{"capture str(x) len 10"}, bad: []string{"capture", "capture str(x)", "capture str(x) len", "capture str(x) len 0", "capture str(x) foo 5", "capture nope len 5", "capture str(x) id x"}},
	{name: "capture", in: httpRes | httpAfter, args: "<expr> id <index>", parse: parseCapture, summary: "captures a sample for the log",
		good: []string{"capture str(x) id 0"}, bad: []string{"capture", "capture str(x)", "capture str(x) len 5", "capture str(x) id", "capture nope id 0", "capture str(x) id x"}},
	{name: "set-priority-class", in: httpReq | tcpReq, args: "<expr>", parse: parsePriority, summary: "the request's class in queues: lower ones first",
		good: []string{"set-priority-class int(5)"}, bad: []string{"set-priority-class", "set-priority-class nope", "set-priority-class int(5) x"}},
	{name: "set-priority-offset", in: httpReq | tcpReq, args: "<expr>", parse: parsePriority, summary: "ms by which the request stands behind its time in queues",
		good: []string{"set-priority-offset int(-500)"}, bad: []string{"set-priority-offset", "set-priority-offset nope"}},
	{name: "set-retries", in: httpReq | tcpReq, args: "{<number>|<expr>}", parse: parseSetRetries, summary: "how often the stream tries again, in place of retries",
		good: []string{"set-retries 3", "set-retries int(3)"}, bad: []string{"set-retries", "set-retries 101", "set-retries -1", "set-retries nope", "set-retries 3 x"}},
	{name: "disable-l7-retry", in: httpReq, parse: parseNoRetry, summary: "does not send the request again once a server took it",
		good: []string{"disable-l7-retry", "disable-l7-retry if { method POST }"}, bad: []string{"disable-l7-retry x"}},
	{name: "strict-mode", in: http, args: "{on|off}", parse: parseStrictMode, summary: "whether a rewrite of the following rules that fails is an internal error",
		good: []string{"strict-mode off"}, bad: []string{"strict-mode", "strict-mode nope", "strict-mode on x"}},
}
