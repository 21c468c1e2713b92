package fetch

import (
	"gohap/lbcore/message"
	"gohap/lbcore/sample"
)

// heldBody returns the request body that is held, in one piece.
func heldBody(c *sample.Context) (body []byte, ok bool) {
	x := exchange(c)
	if x == nil || c.Request == nil {
		return nil, false
	}
	n, _ := x.BodyHeld()
	return joined(c, n, x.Body), true
}

// joined returns the n bytes that walk visits, in one piece.
func joined(c *sample.Context, n int, walk func(func(piece []byte) bool)) (whole []byte) {
	walk(func(piece []byte) bool {
		if len(piece) == n {
			whole = piece
			return false
		}
		if whole == nil {
			whole = c.Arena.Alloc(n)[:0]
		}
		whole = append(whole, piece...)
		return true
	})
	return whole
}

func fetchResBody(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil || responseHead(c, s) == nil {
		return false
	}
	s.SetBin(joined(c, x.ResponseBodyHeld(), x.ResponseBody))
	return true
}

func fetchResBodyLen(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil || responseHead(c, s) == nil {
		return false
	}
	s.SetInt(int64(x.ResponseBodyHeld()))
	return true
}

// fetchResBodySize is the announced length, or what is there of a body without
// one.
func fetchResBodySize(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	h := responseHead(c, s)
	if h != nil && h.Flags.Has(message.HasLength) && h.BodyLen >= 0 {
		s.SetInt(h.BodyLen)
		return true
	}
	return fetchResBodyLen(c, args, s)
}

func fetchBody(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	b, ok := heldBody(c)
	s.SetBin(b)
	return ok
}

func fetchBodyLen(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil || c.Request == nil {
		return false
	}
	n, _ := x.BodyHeld()
	s.SetInt(int64(n))
	return true
}

// fetchBodySize is the announced length, or what is held of a body without one.
func fetchBodySize(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	h := requestHead(c, s)
	if h == nil {
		return false
	}
	if h.Flags.Has(message.HasLength) && h.BodyLen >= 0 {
		s.SetInt(h.BodyLen)
		return true
	}
	return fetchBodyLen(c, args, s)
}

func fetchBodyParam(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
	b, ok := heldBody(c)
	if !ok {
		return false
	}
	v, ok := parameters(b, args, len(args) > 1, '&', s)
	s.SetBin(v)
	return ok
}

func fetchProtoHTTP(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	x := exchange(c)
	if x == nil {
		return false
	}
	if c.Request == nil && x.InRequestRules() {
		if h := peekedHead(c, s); h == nil {
			s.SetBool(false)
			return s.Flags&sample.MayChange == 0
		}
	}
	s.SetBool(true)
	return true
}

func fetchFirstReq(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
	ss := session(c)
	if ss == nil {
		return false
	}
	s.SetBool(ss.Requests <= 1)
	return true
}

// post is a request with a body of 7 bytes; examples write it behind an empty
// line.
const post = "POST /p HTTP/1.1\nhost: h.com\ncontent-length: 7\n\na=1&b=2"

// answer is a response with a body of 5 bytes.
const answer = "HTTP/1.1 200 OK\ncontent-length: 5\n\nhello"

const (
	reqBody = sample.NeedsRequestBody
	resBody = sample.NeedsResponseBody
)

var bodyRows = []entry{
	{name: "req.body", out: sample.Bin, needs: reqBody, fetch: fetchBody, summary: "the part of the request's body that is held",
		good: plus(on("req.body", post, "a=1&b=2"), ex("req.body", "")), bad: []string{"req.body(x)"}},
	{name: "req.body_len", out: sample.SInt, needs: reqBody, fetch: fetchBodyLen, summary: "the length of the part of the request's body that is held",
		good: plus(on("req.body_len", post, "7"), ex("req.body_len", "0")), bad: []string{"req.body_len(x)"}},
	{name: "req.body_size", out: sample.SInt, needs: reqBody, fetch: fetchBodySize, summary: "the announced length of the request's body",
		good: plus(on("req.body_size", post, "7"), ex("req.body_size", "0")), bad: []string{"req.body_size(x)"}},
	{name: "req.body_param", out: sample.Bin, args: args(0, sample.ArgStr, sample.ArgStr), needs: reqBody, check: checkParam(1), fetch: fetchBodyParam, summary: "a parameter of an url-encoded request body",
		good: on("req.body_param(b)", post, "2", "req.body_param", post, "1", "req.body_param(B,i)", post, "2", "req.body_param(c)", post, missing), bad: []string{"req.body_param(a,x)"}},
	{name: "res.body", out: sample.Bin, needs: resBody, fetch: fetchResBody, summary: "the part of the response's body that has come",
		good: on("res.body", answer, "hello", "res.body", res("content-length: 0"), ""), bad: []string{"res.body(x)"}},
	{name: "res.body_len", out: sample.SInt, needs: resBody, fetch: fetchResBodyLen, summary: "the length of the part of the response's body that has come",
		good: on("res.body_len", answer, "5", "res.body_len", res("content-length: 0"), "0"), bad: []string{"res.body_len(x)"}},
	{name: "res.body_size", out: sample.SInt, needs: resBody, fetch: fetchResBodySize, summary: "the announced length of the response's body, or what has come of one without",
		good: on("res.body_size", answer, "5", "res.body_size", res("content-length: 0"), "0"), bad: []string{"res.body_size(x)"}},
	{name: "req.proto_http", out: sample.Bool, needs: reqLine, fetch: fetchProtoHTTP, summary: "whether the request is valid HTTP", good: ex("req.proto_http", "1"), bad: []string{"req.proto_http(x)"}},
	{name: "req_proto_http", out: sample.Bool, needs: reqLine, fetch: fetchProtoHTTP, instead: "req.proto_http", summary: "whether the request is valid HTTP", good: ex("req_proto_http", "1"), bad: []string{"req_proto_http(x)"}},
	{name: "http_first_req", out: sample.Bool, needs: reqLine, fetch: fetchFirstReq, summary: "whether the request is the first of its connection", good: ex("http_first_req", "1"), bad: []string{"http_first_req(x)"}},
}
