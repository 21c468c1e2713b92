package check

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gohap/lbcore/buffer"
	"gohap/lbcore/clock"
	"gohap/lbcore/message"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// run is one check while it runs. It belongs to its goroutine.
type run struct {
	*target
	ctx     context.Context
	plan    *Plan
	conn    net.Conn
	linger  bool // close the connection properly
	over    bool // TLS is spoken
	begin   int64
	data    []byte // received and not yet passed by
	eof     bool
	head    *message.Head
	body    []byte
	bodyEnd bool
	raw     []byte // of the HTTP response
	sc      sample.Context
	arena   buffer.Arena
	vars    sample.Store
	last    *Rule // the last rule that did something on the network
	spoken  bool  // anything but a connect was done
	stopped bool  // the checker stops
}

// Payload, CheckServer, CheckBody and CheckConn are what fetches ask a running check.
func (r *run) Payload() []byte            { return r.data }
func (r *run) CheckServer() *proxy.Server { return r.srv }
func (r *run) CheckBody() []byte          { return r.body }
func (r *run) CheckConn() net.Conn        { return r.conn }

// execute runs a plan. ok is false when the checker stops.
func (t *target) execute(ctx context.Context, plan *Plan) (proxy.Result, bool) {
	r := &run{target: t, ctx: ctx, plan: plan, begin: t.Clock.Mono()}
	r.sc = sample.Context{Check: r, Dir: sample.Response, Final: true, Arena: &r.arena, Process: plan.Process, Clock: t.Clock}
	if r.sc.Process == nil {
		r.sc.Process = &sample.Process{}
	}
	r.sc.Vars.Check, r.sc.Vars.Sess = &r.vars, &r.vars
	r.vars.Limit = plan.VarSize
	if p := r.sc.Process.ProcVars; p != nil {
		r.vars.Pool = p.Budget
	}
	res := r.rules()
	r.vars.Reset()
	res.Duration = time.Duration(t.Clock.Mono() - r.begin)
	r.close()
	return res, !r.stopped
}

func (r *run) rules() proxy.Result {
	for i := range r.plan.Rules {
		rule := &r.plan.Rules[i]
		var res *proxy.Result
		switch {
		case rule.Connect != nil:
			res = r.connectStep(rule)
		case rule.Send != nil:
			res = r.sendStep(rule)
		case rule.HTTP != nil:
			res = r.write(rule, r.request(rule.HTTP))
		case rule.Expect != nil && r.plan.Kind == KindHTTP:
			res = r.expectHTTP(rule)
		case rule.Expect != nil:
			res = r.expect(rule)
		case rule.Var != nil:
			r.setVar(rule.Var)
			continue
		default: // a comment
			continue
		}
		if res != nil {
			return *res
		}
		r.last = rule
		r.spoken = r.spoken || rule.Connect == nil
	}
	return r.passed()
}

// passed is the result of a plan whose rules all held.
func (r *run) passed() proxy.Result {
	res := proxy.Result{OK: true, Status: L7OK}
	switch {
	case !r.spoken && r.over:
		res.Status = L6OK
	case !r.spoken:
		res.Status = L4OK
	}
	if r.plan.Kind == KindTCP {
		res.Desc = "(tcp-check)"
	}
	if r.last == nil || r.last.Expect == nil {
		return res
	}
	e := r.last.Expect
	if e.OKStatus != "" {
		res.Status = e.OKStatus
	}
	res.Conditional = res.Status == L7OKC
	res.Code = r.code(e)
	switch {
	case e.OnSuccess != nil:
		res.Desc = r.text(e.OnSuccess)
	case e.SuccessText != nil:
		res.Desc = e.SuccessText(r.data)
	}
	return res
}

// fail makes a failed result.
func fail(status, desc string) *proxy.Result { return &proxy.Result{Status: status, Desc: desc} }

func (r *run) close() {
	if r.conn == nil {
		return
	}
	if r.linger {
		r.conn.Close()
	} else {
		quiet(r.conn)
	}
	r.conn = nil
}

// connectStep opens a connection and what stands above it.
func (r *run) connectStep(rule *Rule) *proxy.Result {
	r.close()
	r.data, r.eof, r.head, r.body, r.raw, r.bodyEnd = nil, false, nil, nil, nil, false
	ctx, cancel := context.WithTimeout(r.ctx, r.limit())
	defer cancel()
	conn, err := r.open(ctx, rule.Connect)
	if err == nil {
		r.conn, r.linger = conn, rule.Connect.Linger
		conn.SetDeadline(r.deadline())
		return nil
	}
	if r.ctx.Err() != nil {
		r.stopped = true
		return fail(SOCKERR, "")
	}
	var res proxy.Result
	var layer6 *tlsError
	if errors.As(err, &layer6) {
		res = layer6.result(ctx)
	} else {
		res = r.classify(err)
	}
	res.Desc += r.where(rule, true)
	return &res
}

// deadline is when the dialogue must have ended: timeout check from the
// connection on, else what is left of inter.
func (r *run) deadline() time.Time {
	left := r.cfg.Timeout
	if left == 0 {
		left = r.cfg.Inter - time.Duration(r.Clock.Mono()-r.begin)
	}
	return clock.Wall().Add(max(left, time.Millisecond))
}

// where says which rule of a tcp-check failed.
func (r *run) where(rule *Rule, connecting bool) string {
	if r.plan.Kind != KindTCP {
		return ""
	}
	c := rule.Connect
	if c != nil && c.Implicit {
		return " at initial connection step of tcp-check"
	}
	what := "send"
	switch {
	case c != nil && c.Port != 0:
		what = fmt.Sprintf("connect port %d", c.Port)
	case c != nil:
		what = "connect"
	case rule.Expect != nil:
		what = "expect " + rule.Expect.what()
	}
	text := fmt.Sprintf(" at step %d of tcp-check (%s)", rule.Index, what)
	if rule.Comment != "" {
		text += " comment: '" + rule.Comment + "'"
	}
	return text
}

func (e *Expect) what() string {
	switch e.Match {
	case MatchString:
		return "string '" + string(e.Text) + "'"
	case MatchBinary:
		return "binary '" + hex.EncodeToString(e.Text) + "'"
	case MatchHexRegex:
		return "binary regex"
	case MatchFormat:
		return "log-format string"
	case MatchHexFormat:
		return "log-format binary"
	}
	return "regex"
}

func (r *run) sendStep(rule *Rule) *proxy.Result {
	s := rule.Send
	b := s.Data
	switch {
	case s.Make != nil:
		b = s.Make(r.Clock.Wall().Unix())
	case s.Format != nil:
		b = s.Format.Append(nil, &r.sc)
		if s.Hex {
			raw, err := hex.DecodeString(string(b))
			if err != nil {
				return fail(SOCKERR, fmt.Sprintf("tcp-check invalid binary string at step %d", rule.Index))
			}
			b = raw
		}
	}
	return r.write(rule, b)
}

func (r *run) write(rule *Rule, b []byte) *proxy.Result {
	r.data, r.head, r.body, r.raw, r.bodyEnd = nil, nil, nil, nil, false
	if r.conn == nil {
		return fail(SOCKERR, "")
	}
	if _, err := r.conn.Write(b); err != nil {
		return r.broken(rule, err)
	}
	return nil
}

// broken is the result of a connection that does not go on.
func (r *run) broken(rule *Rule, err error) *proxy.Result {
	var timeout net.Error
	switch {
	case r.ctx.Err() != nil:
		r.stopped = true
		return fail(SOCKERR, "")
	case errors.As(err, &timeout) && timeout.Timeout():
		status := L7TOUT
		if rule.Expect != nil && rule.Expect.TimeoutStatus != "" {
			status = rule.Expect.TimeoutStatus
		}
		return fail(status, r.where(rule, false))
	case errors.Is(err, syscall.ECONNRESET):
		return fail(SOCKERR, "ECONNRESET returned by OS (Connection reset by peer)"+r.where(rule, false))
	case errors.Is(err, syscall.EPIPE):
		return fail(SOCKERR, "EPIPE returned by OS (Broken pipe)"+r.where(rule, false))
	}
	return fail(SOCKERR, "")
}

// receive waits for more; nil means that data or the end came.
func (r *run) receive(rule *Rule) *proxy.Result {
	if r.conn == nil {
		return fail(SOCKERR, "")
	}
	buf := make([]byte, 4096)
	n, err := r.conn.Read(buf)
	if r.plan.Kind == KindHTTP {
		r.raw = append(r.raw, buf[:n]...)
	} else {
		r.data = append(r.data, buf[:n]...)
	}
	switch {
	case n > 0:
	case err == io.EOF, errors.Is(err, syscall.ECONNRESET) && len(r.data) > 0:
		r.eof = true // reference: what came before a reset is judged
	case err != nil:
		return r.broken(rule, err)
	}
	return nil
}

// text evaluates a message; it ends where the C library would end it.
func (r *run) text(f *sample.Format) string {
	b := f.Append(nil, &r.sc)
	if i := strings.IndexByte(string(b), 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// code is the status code that goes with a result.
func (r *run) code(e *Expect) int {
	switch {
	case e.StatusCode != nil:
		var s sample.Sample
		if e.StatusCode.Eval(&r.sc, sample.Str, &s) {
			n, _ := strconv.Atoi(string(s.Data))
			return n
		}
	case e.CodeOf != nil:
		return e.CodeOf(r.data)
	case r.head != nil:
		return r.head.Status
	}
	return 0
}

func (r *run) setVar(v *SetVar) {
	if v.Unset {
		v.Var.Unset(&r.sc)
		return
	}
	s := r.sc.Borrow()
	defer r.sc.Release()
	switch {
	case v.Format != nil:
		*s = sample.Sample{}
		s.SetStr(v.Format.Append(nil, &r.sc))
	case !v.Expr.Eval(&r.sc, sample.Any, s):
		return
	}
	v.Var.SetIf(&r.sc, s, v.Conds)
}

// expect judges the bytes that came, and waits while they may still match.
func (r *run) expect(rule *Rule) *proxy.Result {
	e := rule.Expect
	for {
		full := r.eof || len(r.data) >= r.plan.BufSize
		if full || len(r.data) > 0 {
			if res, done := r.judge(rule, full); done {
				return res
			}
		}
		if e.MinRecv < 0 && e.Not && full {
			return nil
		}
		if res := r.receive(rule); res != nil {
			return res
		}
	}
}

func (r *run) judge(rule *Rule, full bool) (res *proxy.Result, done bool) {
	e := rule.Expect
	if e.Match == MatchCustom {
		return r.custom(rule, full)
	}
	need := max(e.MinRecv, 0)
	if !e.Not && (e.Match == MatchString || e.Match == MatchBinary) {
		if need = len(e.Text); e.MinRecv > 0 {
			need = min(need, e.MinRecv)
		} else if e.MinRecv == 0 {
			need = 0
		}
	}
	if len(r.data) < need && !full {
		return nil, false
	}
	matched, open := r.matches(e, r.data), !full && (e.MinRecv < 0 || len(r.data) < e.MinRecv)
	switch {
	case matched && e.Not:
		return r.unmatched(rule), true
	case !matched && open: // more may come, that is wanted or that is not
		return nil, false
	case matched, e.Not:
		return nil, true
	}
	return r.unmatched(rule), true
}

// custom asks a built-in dialogue's own judge.
func (r *run) custom(rule *Rule, full bool) (*proxy.Result, bool) {
	if len(r.data) == 0 {
		return fail(L7RSP, fmt.Sprintf("TCPCHK got an empty response at step %d", rule.Index)), true
	}
	v := rule.Expect.Custom(r.data, full)
	switch {
	case v.Wait && !full:
		return nil, false
	case v.Wait:
		return fail(L7RSP, ""), true
	case v.OK:
		return nil, true
	}
	return &proxy.Result{Status: v.Status, Code: v.Code, Desc: v.Desc}, true
}

// matches tells whether data holds what a rule looks for.
func (r *run) matches(e *Expect, data []byte) bool {
	switch e.Match {
	case MatchString, MatchBinary:
		return strings.Contains(string(data), string(e.Text))
	case MatchRegex:
		return e.Regex.Match(data)
	case MatchHexRegex:
		return e.Regex.Match([]byte(strings.ToUpper(hex.EncodeToString(data))))
	case MatchFormat:
		return strings.Contains(string(data), string(e.Format.Append(nil, &r.sc)))
	case MatchHexFormat:
		raw, err := hex.DecodeString(string(e.Format.Append(nil, &r.sc)))
		return err == nil && strings.Contains(string(data), string(raw))
	}
	return false
}

// unmatched words the result of a rule that does not hold.
func (r *run) unmatched(rule *Rule) *proxy.Result {
	e := rule.Expect
	res := &proxy.Result{Status: L7RSP, Code: r.code(e)}
	if e.ErrorStatus != "" {
		res.Status = e.ErrorStatus
	}
	if res.Status == L7OKC {
		res.OK, res.Conditional = true, true
	}
	switch {
	case e.OnError != nil:
		res.Desc = r.text(e.OnError)
		return res
	case e.ErrorText != nil:
		res.Desc = e.ErrorText(r.data)
		return res
	case len(r.data) == 0:
		res.Desc = fmt.Sprintf("TCPCHK got an empty response at step %d", rule.Index)
	case r.plan.Kind == KindTCP:
		verb := "did not match content"
		if e.Not {
			verb = "matched unwanted content"
		}
		what := map[Match]string{MatchString: " '" + string(e.Text) + "'", MatchBinary: " (binary)", MatchRegex: " (regex)",
			MatchHexRegex: " (binary regex)", MatchFormat: " (log-format string)", MatchHexFormat: " (log-format binary)"}[e.Match]
		res.Desc = fmt.Sprintf("TCPCHK %s%s at step %d", verb, what, rule.Index)
	}
	if rule.Comment != "" && res.Desc != "" {
		res.Desc += " comment: " + rule.Comment
	}
	return res
}

// le24 reads three bytes, the least first.
func le24(b []byte) int { return int(binary.LittleEndian.Uint16(b)) | int(b[2])<<16 }
