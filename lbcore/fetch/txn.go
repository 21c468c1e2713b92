package fetch

import (
	"fmt"

	"gohap/lbcore/message"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// milliseconds sets an integer from nanoseconds.
func milliseconds(s *sample.Sample, ns int64) bool { s.SetInt(ns / 1e6); return true }

// on a stream: txn makes a fetch of what value says, -1 included.
func txn(value func(x *stream.Stream) int64) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		x := exchange(c)
		if x == nil {
			return false
		}
		s.SetInt(value(x))
		return true
	}
}

// txnIf is txn for what may not be there.
func txnIf(value func(x *stream.Stream) (int64, bool)) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		x := exchange(c)
		if x == nil {
			return false
		}
		v, ok := value(x)
		s.SetInt(v)
		return ok
	}
}

// fetchStatus is the response's status. Reference: once it was sent, that of a
// server's response.
func fetchStatus(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	if h := c.Response; h != nil {
		s.SetInt(int64(h.Status))
		return true
	}
	x := exchange(c)
	if x == nil || x.ResMajor == 0 || x.Local() {
		s.Flags |= sample.MayChange
		return false
	}
	s.SetInt(int64(x.Status))
	return true
}

// parsed tells whether there was a request at all.
func parsed(x *stream.Stream) bool { return x.Times.Request != 0 }

func fetchTermState(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil {
		return false
	}
	s.SetStr(x.Term[:2])
	return true
}

func fetchRedispatched(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil {
		return false
	}
	s.SetBool(x.Redispatched)
	return true
}

func fetchUniqueID(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil {
		return false
	}
	id := x.MakeUniqueID()
	s.SetStr(id)
	return id != nil
}

func fetchLastFile(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	setText(s, c.LastRule.File)
	return c.LastRule.Line > 0
}

func fetchLastLine(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	s.SetInt(int64(c.LastRule.Line))
	return c.LastRule.Line > 0
}

// checkCapture takes a slot's number.
func checkCapture(args []sample.Arg, _ *sample.Options) error {
	if args[0].Int < 0 {
		return fmt.Errorf("capture index %d is negative", args[0].Int)
	}
	return nil
}

func captured(of func(x *stream.Stream) [][]byte) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		x := exchange(c)
		if x == nil {
			return false
		}
		list := of(x)
		if args[0].Int >= int64(len(list)) || list[args[0].Int] == nil {
			return false
		}
		s.SetStr(list[args[0].Int])
		return true
	}
}

// requestLine returns the method, target and version of the request, also once
// it was sent, where the frontend keeps the line.
func requestLine(x *stream.Stream) (method, target, version []byte, ok bool) {
	switch {
	case x.Method != nil:
		return x.Method, x.URI, x.Version, true
	case x.Req != nil:
		return x.Req.MethodText, x.Req.Target, x.VersionOf(x.Req), true
	}
	return nil, nil, nil, false
}

func fetchCaptureMethod(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil {
		return false
	}
	m, _, _, ok := requestLine(x)
	s.SetStr(m)
	return ok
}

// fetchCaptureURI is the target without scheme and authority.
func fetchCaptureURI(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil {
		return false
	}
	m, t, _, ok := requestLine(x)
	if !ok {
		return false
	}
	h := message.Head{Method: message.IdentifyMethod(m), Target: t}
	p, _ := h.PathQuery()
	s.SetStr(p)
	return p != nil
}

func fetchCaptureVersion(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil {
		return false
	}
	major, minor := x.Major, x.Minor
	if x.Method == nil {
		if x.Req == nil {
			return false
		}
		major, minor = x.Req.Major, x.Req.Minor
	}
	s.SetStr(httpVersion(major, minor))
	return true
}

func fetchCaptureResVersion(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil || x.ResMajor == 0 || x.Local() {
		return false
	}
	s.SetStr(httpVersion(x.ResMajor, x.ResMinor))
	return true
}

var (
	http11 = []byte("HTTP/1.1")
	http10 = []byte("HTTP/1.0")
)

// httpVersion is HTTP/1.0 or, for everything later, HTTP/1.1 (reference).
func httpVersion(major, minor uint8) []byte {
	if major == 1 && minor == 0 || major == 0 {
		return http10
	}
	return http11
}

// date makes a fetch of a moment of the stream, in the unit of its argument.
func date(moment func(x *stream.Stream) int64) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		x := exchange(c)
		if x == nil {
			return false
		}
		unit := int64(1e9)
		if len(args) > 0 {
			unit = args[0].Int
		}
		s.SetInt(x.W.Loop.WallNano(moment(x)) / unit)
		return true
	}
}

func checkUnit(args []sample.Arg, _ *sample.Options) error {
	if len(args) == 0 {
		return nil
	}
	switch args[0].Str {
	case "s":
		args[0].Int = 1e9
	case "ms":
		args[0].Int = 1e6
	case "us":
		args[0].Int = 1e3
	default:
		return fmt.Errorf("expects 's', 'ms' or 'us', got '%s'", args[0].Str)
	}
	return nil
}

// serverStatus is 0 where no server answered.
func serverStatus(x *stream.Stream) (int64, bool) {
	if x.ResMajor == 0 || x.Local() {
		return 0, parsed(x)
	}
	return int64(x.Status), true
}

const stats = sample.NeedsTransactionStatistics

var txnRows = []entry{
	{name: "status", out: sample.SInt, needs: sample.NeedsResponse, fetch: fetchStatus, summary: "the status of the response", good: on("status", "HTTP/1.1 404 Not Found\nx: a", "404"), bad: []string{"status(x)"}},
	{name: "txn.status", out: sample.SInt, needs: sample.NeedsResponse, fetch: txnIf(func(x *stream.Stream) (int64, bool) { return int64(x.Status), parsed(x) }), summary: "the status that the log shows", good: on("txn.status", "HTTP/1.1 404 Not Found\nx: a", "404"), bad: []string{"txn.status(x)"}},
	{name: "server_status", out: sample.SInt, needs: sample.NeedsResponse, fetch: txnIf(serverStatus), summary: "the status that the server sent", good: on("server_status", "HTTP/1.1 404 Not Found\nx: a", "404"), bad: []string{"server_status(x)"}},
	{name: "txn.sess_term_state", out: sample.Str, needs: internal, fetch: fetchTermState, summary: "the first two letters of the termination state", good: on("txn.sess_term_state", "", "--", "txn.sess_term_state", res("x: a"), "--"), bad: []string{"txn.sess_term_state(x)"}},
	{name: "txn.conn_retries", out: sample.SInt, needs: sample.NeedsServerConnection, fetch: txn(func(x *stream.Stream) int64 { return int64(x.Retries) }), summary: "how often the connection to a server was tried again", good: on("txn.conn_retries", res("x: a"), "0"), bad: []string{"txn.conn_retries(x)"}},
	{name: "txn.redispatched", out: sample.Bool, needs: sample.NeedsServerConnection, fetch: fetchRedispatched, summary: "whether the request went to another server after a failure", good: on("txn.redispatched", res("x: a"), "0"), bad: []string{"txn.redispatched(x)"}},
	{name: "prio_class", out: sample.SInt, needs: internal, fetch: txn(func(x *stream.Stream) int64 { return int64(x.Priority.Class) }), summary: "the class that set-priority-class gave the request", good: ex("prio_class", "0"), bad: []string{"prio_class(x)"}},
	{name: "prio_offset", out: sample.SInt, needs: internal, fetch: txn(func(x *stream.Stream) int64 { return int64(x.Priority.Offset) }), summary: "the offset in ms that set-priority-offset gave the request", good: ex("prio_offset", "0"), bad: []string{"prio_offset(x)"}},
	{name: "bc_be_queue", out: sample.SInt, needs: server, fetch: txn(func(x *stream.Stream) int64 { return int64(x.QueueBE) }), summary: "the request's place in the backend's queue, 0 when it did not wait there (%bq)", good: on("bc_be_queue", res("x: a"), "0"), bad: []string{"bc_be_queue(x)"}},
	{name: "bc_srv_queue", out: sample.SInt, needs: server, fetch: txn(func(x *stream.Stream) int64 { return int64(x.QueueSrv) }), summary: "the request's place in its server's queue, 0 when it did not wait there (%sq)", good: on("bc_srv_queue", res("x: a"), "0"), bad: []string{"bc_srv_queue(x)"}},
	{name: "txn.id32", out: sample.SInt, needs: internal, fetch: txn(func(x *stream.Stream) int64 { return int64(uint32(x.ID - 1)) }), summary: "the number of the request in this process", good: ex("txn.id32,mul(0)", "0"), bad: []string{"txn.id32(x)"}},
	{name: "unique-id", out: sample.Str, fetch: fetchUniqueID, summary: "the unique id of the request", good: ex("unique-id", missing), bad: []string{"unique-id(x)"}},
	{name: "last_rule_file", out: sample.Str, needs: internal, fetch: fetchLastFile, summary: "the file of the last rule that ended its rule set", good: ex("last_rule_file", missing), bad: []string{"last_rule_file(x)"}},
	{name: "last_rule_line", out: sample.SInt, needs: internal, fetch: fetchLastLine, summary: "the line of the last rule that ended its rule set", good: ex("last_rule_line", missing), bad: []string{"last_rule_line(x)"}},
	{name: "capture.req.hdr", out: sample.Str, args: args(1, sample.ArgInt), needs: reqLine, check: checkCapture, fetch: captured(func(x *stream.Stream) [][]byte { return x.ReqCaptured }), summary: "a captured request header, by the number of its declaration", good: ex("capture.req.hdr(0)", "www.e", "capture.req.hdr(5)", missing), bad: []string{"capture.req.hdr", "capture.req.hdr(x)"}},
	{name: "capture.res.hdr", out: sample.Str, args: args(1, sample.ArgInt), needs: sample.NeedsResponse, check: checkCapture, fetch: captured(func(x *stream.Stream) [][]byte { return x.ResCaptured }), summary: "a captured response header, by the number of its declaration", good: on("capture.res.hdr(0)", res("x-cap: abcdefgh"), "abcde"), bad: []string{"capture.res.hdr", "capture.res.hdr(x)"}},
	{name: "capture.req.method", out: sample.Str, needs: reqLine, fetch: fetchCaptureMethod, summary: "the method of the request, also after it was sent", good: ex("capture.req.method", "GET"), bad: []string{"capture.req.method(x)"}},
	{name: "capture.req.uri", out: sample.Str, needs: reqLine, fetch: fetchCaptureURI, summary: "the target of the request without scheme and authority, also after it was sent", good: plus(ex("capture.req.uri", "/a/b.html?x=1&y=2"), on("capture.req.uri", absolute, "/p?q")), bad: []string{"capture.req.uri(x)"}},
	{name: "capture.req.ver", out: sample.Str, needs: reqLine, fetch: fetchCaptureVersion, summary: "the version of the request, HTTP/1.0 or HTTP/1.1, also after it was sent", good: plus(ex("capture.req.ver", "HTTP/1.1"), on("capture.req.ver", "GET / HTTP/1.0", "HTTP/1.0")), bad: []string{"capture.req.ver(x)"}},
	{name: "capture.res.ver", out: sample.Str, needs: reqLine, fetch: fetchCaptureResVersion, summary: "the version of the response, HTTP/1.0 or HTTP/1.1", good: on("capture.res.ver", res("x: a"), "HTTP/1.1"), bad: []string{"capture.res.ver(x)"}},
	{name: "bytes_in", out: sample.SInt, needs: sample.NeedsRequestStatistics, fetch: txn(func(x *stream.Stream) int64 { return x.BytesIn }), summary: "the bytes received from the client", good: ex("bytes_in,mul(0)", "0"), bad: []string{"bytes_in(x)"}},
	{name: "bytes_out", out: sample.SInt, needs: sample.NeedsResponseStatistics, fetch: txn(func(x *stream.Stream) int64 { return x.BytesOut }), summary: "the bytes sent to the client", good: on("bytes_out,mul(0)", res("x: a"), "0"), bad: []string{"bytes_out(x)"}},
	{name: "cur_client_timeout", out: sample.SInt, needs: needsFE, fetch: txn(func(x *stream.Stream) int64 { return x.ClientTimeout / 1e6 }), summary: "timeout client of the stream, ms", good: ex("cur_client_timeout", "6000"), bad: []string{"cur_client_timeout(x)"}},
	{name: "cur_server_timeout", out: sample.SInt, needs: needsBE, fetch: txn(func(x *stream.Stream) int64 { return x.ServerTimeout / 1e6 }), summary: "timeout server of the stream, ms", good: on("cur_server_timeout", res("x: a"), "5000"), bad: []string{"cur_server_timeout(x)"}},
	{name: "cur_tunnel_timeout", out: sample.SInt, needs: needsBE, fetch: txn(func(x *stream.Stream) int64 { return x.TunnelTimeout / 1e6 }), summary: "timeout tunnel of the stream, ms", good: on("cur_tunnel_timeout", res("x: a"), "7000"), bad: []string{"cur_tunnel_timeout(x)"}},
	{name: "accept_date", out: sample.SInt, args: oneName, needs: client, check: checkUnit, fetch: date((*stream.Stream).Start), summary: "when the connection was accepted, or the previous exchange on it ended", good: ex("accept_date,length", "10", "accept_date(ms),length", "13"), bad: []string{"accept_date(x)"}},
	{name: "request_date", out: sample.SInt, args: oneName, needs: reqLine, check: checkUnit, fetch: date(func(x *stream.Stream) int64 { return x.Times.Begin }), summary: "when the first byte of the request came", good: ex("request_date,length", "10", "request_date(us),length", "16"), bad: []string{"request_date(x)"}},
	{name: "fc.timer.handshake", out: sample.SInt, needs: client, fetch: txn(timerHandshake), summary: "the time of the client connection's handshakes, ms (%Th)", good: ex("fc.timer.handshake", "0"), bad: []string{"fc.timer.handshake(x)"}},
	{name: "fc.timer.total", out: sample.SInt, needs: needsFE | sample.NeedsSessionStatistics, fetch: txn(timerSession), summary: "the time from the accept on, ms (%Tt)", good: ex("fc.timer.total,mul(0)", "0"), bad: []string{"fc.timer.total(x)"}},
	{name: "req.timer.idle", out: sample.SInt, needs: reqHead, fetch: txn(timerIdle), summary: "the idle time before the request, ms (%Ti)", good: ex("req.timer.idle,mul(0)", "0"), bad: []string{"req.timer.idle(x)"}},
	{name: "req.timer.hdr", out: sample.SInt, needs: reqHead, fetch: txn(timerRequest), summary: "the time to receive the request, ms (%TR); -1 while its rules run", good: ex("req.timer.hdr", "-1"), bad: []string{"req.timer.hdr(x)"}},
	{name: "req.timer.tq", out: sample.SInt, needs: reqHead, fetch: txn(timerTq), summary: "the time from the accept to the end of the request, ms (%Tq); -1 while its rules run", good: ex("req.timer.tq", "-1"), bad: []string{"req.timer.tq(x)"}},
	{name: "req.timer.queue", out: sample.SInt, needs: server, fetch: txn(timerQueue), summary: "the time spent in queues, ms (%Tw)", good: on("req.timer.queue", res("x: a"), "0"), bad: []string{"req.timer.queue(x)"}},
	{name: "bc.timer.connect", out: sample.SInt, needs: server, fetch: txn(timerConnect), summary: "the time to connect to the server, ms (%Tc)", good: on("bc.timer.connect,mul(0)", res("x: a"), "0"), bad: []string{"bc.timer.connect(x)"}},
	{name: "res.timer.hdr", out: sample.SInt, needs: resHead, fetch: txn(timerResponse), summary: "the time from the connection to the response's head, ms (%Tr)", good: on("res.timer.hdr,mul(0)", res("x: a"), "0"), bad: []string{"res.timer.hdr(x)"}},
	{name: "res.timer.data", out: sample.SInt, needs: sample.NeedsResponseStatistics, fetch: txn(timerData), summary: "the time from the response's head on, ms (%Td)", good: on("res.timer.data,mul(0)", res("x: a"), "0"), bad: []string{"res.timer.data(x)"}},
	{name: "txn.timer.total", out: sample.SInt, needs: stats, fetch: txn(timerActive), summary: "the time from the request's first byte on, ms (%Ta)", good: ex("txn.timer.total,mul(0)", "0"), bad: []string{"txn.timer.total(x)"}},
	{name: "txn.timer.user", out: sample.SInt, needs: stats, fetch: txn(timerUser), summary: "the time that the user waited, ms (%Tu)", good: ex("txn.timer.user,mul(0)", "0"), bad: []string{"txn.timer.user(x)"}},
}
