package check

import (
	"strconv"

	"gohap/lbcore/proxy"
	"gohap/lbcore/trace"
)

// tellStart tells of a check that begins.
func (t *target) tellStart() {
	if t.Trace != nil && t.Trace.Check.On() {
		t.Trace.Check.Emit(trace.CheckStart, trace.State, "health-check started", t.about(nil))
	}
}

// tellResult tells how one ended.
func (t *target) tellResult(r *proxy.Result) {
	switch {
	case t.Trace == nil || !t.Trace.Check.On():
	case r.OK:
		t.Trace.Check.Emit(trace.CheckEnd|trace.CheckSuccess, trace.User, "health-check succeeded", t.about(r))
	default:
		t.Trace.Check.Emit(trace.CheckEnd|trace.CheckFailure, trace.Error, "health-check failed", t.about(r))
	}
}

func (t *target) about(r *proxy.Result) *trace.About {
	a := &trace.About{Thread: -1, Side: 'B'}
	a.Of[trace.Backend], a.Of[trace.Server], a.Of[trace.Own] = t.srv.Proxy, t.srv, t
	a.Print = func(dst []byte, verbosity int) []byte {
		dst = append(append(dst, " - "...), t.srv.Proxy.Name...)
		dst = append(append(dst, '/'), t.srv.Name...)
		if r == nil || verbosity < 2 {
			return dst
		}
		dst = append(append(dst, ' '), r.Status...)
		if r.Code != 0 {
			dst = strconv.AppendInt(append(dst, " code="...), int64(r.Code), 10)
		}
		dst = strconv.AppendInt(append(dst, " ms="...), r.Duration.Milliseconds(), 10)
		if r.Desc != "" {
			dst = strconv.AppendQuoteToASCII(append(dst, ' '), r.Desc)
		}
		return dst
	}
	return a
}
