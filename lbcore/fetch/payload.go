package fetch

import (
	"fmt"
	"net"
	"strconv"

	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/sample"
)

// content picks the bytes that content rules see; there are none in HTTP.
type content func(c *sample.Context) (b []byte, ok bool)

func requestBytes(c *sample.Context) ([]byte, bool) {
	if x := exchange(c); x != nil {
		return x.RequestBytes()
	}
	return nil, false
}

// checked is what a running health check shows.
type checked interface {
	Payload() []byte
	CheckServer() *proxy.Server
	CheckBody() []byte
	CheckConn() net.Conn // the connection that stands, a *tls.Conn over TLS; nil for none
}

func runningCheck(c *sample.Context) checked {
	k, _ := c.Check.(checked)
	return k
}

func responseBytes(c *sample.Context) ([]byte, bool) {
	if k := runningCheck(c); k != nil {
		return k.Payload(), true
	}
	if x := exchange(c); x != nil {
		return x.ResponseBytes()
	}
	return nil, false
}

// directionBytes are those of the direction that is being processed (payload).
func directionBytes(c *sample.Context) ([]byte, bool) {
	if c.Dir == sample.Response {
		return responseBytes(c)
	}
	return requestBytes(c)
}

// fetchLen counts what is there. Reference: any number may still change, so that
// a test that fails waits for more.
func fetchLen(response bool) sample.FetchFunc {
	return func(c *sample.Context, _ []sample.Arg, s *sample.Sample) bool {
		x := exchange(c)
		if x == nil {
			return false
		}
		s.Flags |= sample.MayChange
		if response {
			s.SetInt(x.ResponseLen())
		} else {
			s.SetInt(x.RequestLen())
		}
		return true
	}
}

// contentLimit is how many bytes may be looked at.
func contentLimit(c *sample.Context) int64 {
	if x := exchange(c); x != nil {
		return x.ContentLimit()
	}
	return 1 << 20
}

// fetchPayload extracts length bytes at offset, or all behind it.
func fetchPayload(of content) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		b, ok := of(c)
		if !ok {
			return false
		}
		off, n := args[0].Int, args[1].Int
		if off+n > contentLimit(c) {
			return false
		}
		if off+n > int64(len(b)) {
			s.Flags |= sample.MayChange
			return false
		}
		if n == 0 {
			s.Flags |= sample.MayChange
			n = int64(len(b)) - off
		}
		s.SetBin(b[off : off+n])
		return true
	}
}

// fetchPayloadLV extracts what a length of up to four bytes announces: behind
// the length, or at an offset, which with a sign counts from there.
func fetchPayloadLV(of content) sample.FetchFunc {
	return func(c *sample.Context, args []sample.Arg, s *sample.Sample) bool {
		b, ok := of(c)
		if !ok {
			return false
		}
		off, width := args[0].Int, args[1].Int
		if off+width > int64(len(b)) {
			s.Flags |= sample.MayChange
			return false
		}
		n := int64(0)
		for _, v := range b[off : off+width] {
			n = n<<8 | int64(v)
		}
		n &= 1<<32 - 1
		at := off + width
		if len(args) > 2 {
			if args[2].Data[0] == '+' || args[2].Data[0] == '-' {
				at += args[2].Int
			} else {
				at = args[2].Int
			}
		}
		if n == 0 || at < 0 || at+n > contentLimit(c) {
			return false
		}
		if at+n > int64(len(b)) {
			s.Flags |= sample.MayChange
			return false
		}
		s.SetBin(b[at : at+n])
		return true
	}
}

// checkPayload wants numbers that are not negative.
func checkPayload(args []sample.Arg, _ *sample.Options) error {
	if args[0].Int < 0 || args[1].Int < 0 {
		return fmt.Errorf("payload offset too negative")
	}
	return nil
}

// checkPayloadLV wants a length and an offset within the message.
func checkPayloadLV(args []sample.Arg, _ *sample.Options) error {
	if args[1].Int <= 0 {
		return fmt.Errorf("payload length must be > 0")
	}
	if len(args) < 3 || args[2].Str == "" {
		return nil
	}
	n, err := strconv.ParseInt(args[2].Str, 10, 32)
	if err != nil {
		return fmt.Errorf("payload offset2 is not a number")
	}
	args[2].Int = n
	if signed := args[2].Str[0]; signed == '-' && args[0].Int+args[1].Int+n < 0 {
		return fmt.Errorf("payload offset2 too negative")
	}
	return nil
}

const (
	reqBuf = sample.NeedsRequestBuffer
	resBuf = sample.NeedsResponseBuffer
)

// unseen are the examples of fetches that look at plain bytes: requests have
// none for them. What they find in bytes, the scenarios of content rules hold.
func unseen(call string) []keyword.Example { return ex(call, missing) }

func contentRows() []entry {
	rows := []entry{
		{name: "req.len", out: sample.SInt, needs: reqBuf, fetch: fetchLen(false), summary: "the bytes of the request that are there", good: ex("req.len,mul(0)", "0"), bad: []string{"req.len(x)"}},
		{name: "req_len", out: sample.SInt, needs: reqBuf, fetch: fetchLen(false), instead: "req.len", summary: "the bytes of the request that are there", good: ex("req_len,mul(0)", "0"), bad: []string{"req_len(x)"}},
		{name: "res.len", out: sample.SInt, needs: resBuf, fetch: fetchLen(true), summary: "the bytes of the response that are there", good: on("res.len,mul(0)", res("x: a"), "0"), bad: []string{"res.len(x)"}},
	}
	for _, f := range []struct {
		name, instead, what string
		needs               sample.Needs
		of                  content
	}{
		{"payload", "req.payload or res.payload", "what is looked at", reqBuf | resBuf, directionBytes},
		{"req.payload", "", "the request", reqBuf, requestBytes},
		{"res.payload", "", "the response", resBuf, responseBytes},
	} {
		plain := entry{name: f.name, out: sample.Bin, args: args(2, sample.ArgInt, sample.ArgInt), needs: f.needs, check: checkPayload, fetch: fetchPayload(f.of), instead: f.instead,
			summary: "bytes of " + f.what + " at an offset", good: unseen(f.name + "(0,4)"), bad: []string{f.name, f.name + "(0)", f.name + "(x,1)", f.name + "(0,1,2)"}}
		lv := entry{name: f.name + "_lv", out: sample.Bin, args: args(2, sample.ArgInt, sample.ArgInt, sample.ArgStr), needs: f.needs, check: checkPayloadLV, fetch: fetchPayloadLV(f.of), instead: f.instead,
			summary: "bytes of " + f.what + " whose length stands in front of them", good: unseen(f.name + "_lv(0,1)"), bad: []string{f.name + "_lv", f.name + "_lv(0)", f.name + "_lv(0,0)", f.name + "_lv(0,1,-2)"}}
		if f.name == "res.payload" {
			plain.good, lv.good = on(f.name+"(0,4)", res("x: a"), missing), on(f.name+"_lv(0,1)", res("x: a"), missing)
		}
		rows = append(rows, plain, lv)
	}
	return append(rows, helloRows()...)
}
