package fetch

import (
	"gohap/lbcore/proxy"
	"gohap/lbcore/stream"
)

// The timers of the log, in ms, -1 for a stage that was not reached:
//
//	start   first byte   end of request   backend known   left queue   connected   response   end
//	  |-- Th+Ti --|-- TR --|--- rules ---|----- Tw ------|---- Tc ----|--- Tr ----|--- Td ---|
//	  |------- Tq ---------|             |------------------- Ta from the first byte --------|
//
// Tt counts from the start, Tu from the start without the idle time.

func ms(ns int64) int64 { return max(ns, 0) / 1e6 }

func between(from, to int64) int64 {
	if from == 0 || to == 0 {
		return -1
	}
	return ms(to - from)
}

// timerHandshake is what comes in front of HTTP. Reference: it is the first
// request's alone.
func timerHandshake(x *stream.Stream) int64 {
	if x.Sess.PrevEnd != 0 {
		return 0
	}
	return ms(x.Sess.Handshakes())
}

func timerIdle(x *stream.Stream) int64 {
	if x.FE.Mode != proxy.HTTP {
		return 0
	}
	return max(ms(x.Times.Begin-x.Start())-timerHandshake(x), 0)
}

func timerRequest(x *stream.Stream) int64 {
	// Reference: a tarpitted request never counts as received.
	if x.Times.Request == 0 || x.Times.Tarpit != 0 || x.InRequestRules() && !x.Ending() {
		return -1
	}
	return ms(x.Times.Request - x.Times.Begin)
}

func timerTq(x *stream.Stream) int64 {
	r := timerRequest(x)
	if r < 0 {
		return -1
	}
	return timerHandshake(x) + timerIdle(x) + r
}

func timerQueue(x *stream.Stream) int64 {
	if x.Times.Tarpit != 0 {
		// Reference: the time in the tarpit, counted from a request time of -1.
		return timerSession(x) + 1
	}
	return between(x.Times.Rules, x.Times.Queue)
}

func timerConnect(x *stream.Stream) int64 { return between(x.Times.Queue, x.Times.Connect) }

func timerResponse(x *stream.Stream) int64 { return between(x.Times.Connect, x.Times.Response) }

func timerData(x *stream.Stream) int64 {
	if x.FE.Mode != proxy.HTTP {
		return between(x.Times.Connect, x.Now())
	}
	return between(x.Times.Response, x.Now())
}

func timerSession(x *stream.Stream) int64 { return ms(x.Now() - x.Start()) }

func timerActive(x *stream.Stream) int64 { return ms(x.Now() - x.Times.Begin) }

func timerUser(x *stream.Stream) int64 { return timerSession(x) - timerIdle(x) }
