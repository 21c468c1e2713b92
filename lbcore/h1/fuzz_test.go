package h1

import (
	"bytes"
	"fmt"
	"testing"

	"gohap/lbcore/message"
)

// snapshot writes down everything that a head says.
func snapshot(h *message.Head) string {
	s := fmt.Sprintf("%x %v %d.%d %q %d %q %q %q %d %q %d", h.Flags, h.Response, h.Major, h.Minor, h.VersionText,
		h.Method, h.MethodText, h.Target, h.Reason, h.Status, h.Reason, h.BodyLen)
	for _, f := range h.Fields {
		s += fmt.Sprintf("|%q %q %d %d", f.Name, f.Value, f.ID, f.Flags)
	}
	return s
}

func describe(r *run) string {
	return fmt.Sprintf("%d %v %+v %q %s", r.state, r.inBody, r.fail, r.body, snapshot(&r.head))
}

// checkHead holds the invariants of one head: the same result at another split,
// and an encoding that reads as the same message and encodes to itself.
func checkHead(t *testing.T, b []byte, cut int, relaxed, request bool, req *RequestInfo) {
	o := &Options{MaxFields: 20, MaxHead: 4096, Relaxed: relaxed}
	whole := decode(&wire{all: bytes.Clone(b), have: len(b)}, o, request, req)
	cut = max(0, min(cut, len(b)))
	parts := decode(&wire{all: bytes.Clone(b), have: cut, cuts: []int{cut + 1, cut + 2, cut + 9}}, o, request, req)
	if whole.state != Failed {
		if g, w := describe(parts), describe(whole); g != w {
			t.Fatalf("cut at %d of %q:\n got %s\nwant %s", cut, b, g, w)
		}
	} else if parts.state != Failed || parts.fail != whole.fail {
		t.Fatalf("cut at %d of %q: %v %+v, want %+v", cut, b, parts.state, parts.fail, whole.fail)
	}
	if !whole.inBody || whole.head.Flags.Has(message.Preface) || whole.head.VersionText != nil {
		return
	}
	if twoPorts(&whole.head) {
		return
	}
	encode := AppendRequest
	if !request {
		encode = AppendResponse
	}
	first := encode(nil, &whole.head, ConnNone)
	o.MaxHead = 0
	var d Decoder
	var h message.Head
	st := NeedMore
	again := bytes.Clone(first)
	var size int
	if request {
		size, st = d.Request(again, &h, o)
	} else {
		size, st = d.Response(again, &h, o, req)
	}
	if st != Done || size != len(first) {
		t.Fatalf("%q encodes to %q, which reads as %v %d %+v", b, first, st, size, d.Failure())
	}
	if second := encode(nil, &h, ConnNone); string(second) != string(first) {
		t.Fatalf("%q encodes to %q, then to %q", b, first, second)
	}
	if h.BodyLen != whole.head.BodyLen || h.Method != whole.head.Method || h.Status != whole.head.Status {
		t.Fatalf("%q: %+v reads again as %+v", b, whole.head, h)
	}
}

// twoPorts reports whether a second pass would cut another port off: of "a:80:80"
// and "::1:80" the last goes (reference).
func twoPorts(h *message.Head) bool {
	switch {
	case h.Flags.Has(message.AuthorityForm):
		return bytes.Count(message.SplitAuthority(h.Target).Authority, []byte(":")) > 1
	case h.Flags.Has(message.AbsoluteForm):
		port := message.SplitURI(h.Target).Port
		return port != nil && (len(port) == 0 || string(port) == "80" || string(port) == "443")
	}
	return false
}

func seeds(f *testing.F, path string, add func(c *scriptCase)) {
	for _, c := range readScript(f, path) {
		if len(c.client)+len(c.server) < 500 {
			add(c)
		}
	}
}

func FuzzRequest(f *testing.F) {
	for _, p := range []string{"testdata/requests.txt", "testdata/request-edges.txt", "testdata/request-lists.txt"} {
		seeds(f, p, func(c *scriptCase) {
			f.Add([]byte(c.client), uint16(len(c.client)/2), c.conf == "relaxed")
		})
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, relaxed bool) {
		checkHead(t, b, int(cut), relaxed, true, nil)
	})
}

func FuzzResponse(f *testing.F) {
	seeds(f, "testdata/responses.txt", func(c *scriptCase) {
		f.Add([]byte(c.server), uint16(len(c.server)/2), c.conf == "relaxed", uint8(0))
	})
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, relaxed bool, what uint8) {
		req := &RequestInfo{Upgrade: what&1 != 0}
		if what&2 != 0 {
			req.Method = message.HEAD
		}
		if what&4 != 0 {
			req.Method = message.CONNECT
		}
		checkHead(t, b, int(cut), relaxed, false, req)
	})
}

func FuzzChunks(f *testing.F) {
	for _, s := range []string{"3\r\nabc\r\n0\r\n\r\n", "3;a=\"b\"\r\nabc\r\n0\r\nx: y\r\n z\r\n\r\n", "a \r\n0123456789\r\n", "fffffffffffff\r\n", "0\r\na(", "3\n"} {
		f.Add([]byte(s), uint16(len(s)/2))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		all := func(at int) *run {
			r := &run{}
			r.readChunks(&wire{all: bytes.Clone(b), have: at, cuts: []int{at + 1, at + 3}})
			return r
		}
		whole, parts := all(len(b)), all(min(int(cut), len(b)))
		if whole.state != parts.state || whole.fail != parts.fail || !bytes.Equal(whole.body, parts.body) {
			t.Fatalf("cut at %d of %q: %v %+v %q, want %v %+v %q", cut, b, parts.state, parts.fail, parts.body, whole.state, whole.fail, whole.body)
		}
		if whole.state != Done {
			return
		}
		again := &run{}
		again.readChunks(&wire{all: bytes.Clone(whole.body), have: len(whole.body)})
		if again.state != Done || !bytes.Equal(again.body, whole.body) {
			t.Fatalf("%q encodes to %q, then to %q", b, whole.body, again.body)
		}
	})
}
