package h1

import (
	"bytes"
	"testing"

	"gohap/lbcore/message"
)

// browserGET is a request of six header lines and about 500 bytes.
const browserGET = "GET /articles/2026/11/a-page-with-a-usual-name.html?utm_source=feed&id=12345 HTTP/1.1\r\n" +
	"Host: www.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
	"Accept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes; ab=7\r\n\r\n"

const plainOK = "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 15:00:00 GMT\r\nServer: test\r\nContent-Type: text/html; charset=utf-8\r\n" +
	"Cache-Control: max-age=60\r\nETag: \"33a64df551425fcc55e4d42a148795d9\"\r\nContent-Length: 4096\r\n\r\n"

func TestNoAllocation(t *testing.T) {
	const chunked = "5\r\nhello\r\n0\r\nx-sum: abc\r\n\r\n"
	requests := [][]byte{
		[]byte(browserGET),
		[]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, X-A\r\nTE: trailers\r\n a\r\n\r\n"),
		[]byte("POST http://x:80 HTTP/1.1\r\nHost: x:80\r\nConnection: Upgrade\r\nUpgrade: foo, h2c\r\nContent-Length: 003\r\n\r\n"),
		[]byte("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"),
		[]byte("GET / HTTP/1.1\r\nHost: x\r\na(: b\r\n\r\n"), // refused
	}
	responses := [][]byte{[]byte(plainOK), []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")}
	var d Decoder
	var c Chunks
	var o Options
	h := message.Head{Fields: make([]message.Field, 0, 16)}
	in, out := make([]byte, 0, 4096), make([]byte, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		for _, b := range requests {
			in = append(in[:0], b...)
			d.Reset()
			d.Request(in[:len(in)/2], &h, &o)
			if _, st := d.Request(in, &h, &o); st == Done {
				out = AppendRequest(out[:0], &h, ServerConnection(&h, Policy{}))
			}
		}
		info := Info(&h)
		for _, b := range responses {
			in = append(in[:0], b...)
			d.Reset()
			if _, st := d.Response(in, &h, &o, &info); st != Done {
				t.Error("response is not done")
			}
			out = AppendResponse(out[:0], &h, ClientConnection(info, &h, Policy{}))
		}
		c.Reset()
		for in = append(in[:0], chunked...); len(in) > 0; {
			skip, data, _ := c.Next(in)
			in = in[skip+data:]
		}
		out = AppendTrailers(AppendChunkSize(out[:0], 0), c.Trailers())
		in = out[:0:cap(out)]
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestRuns proves that runs of untouched lines are copied at once and that
// nothing slips in when a line between them is taken out or changed.
func TestRuns(t *testing.T) {
	const text = "GET / HTTP/1.1\r\nhost: x\r\na: 1\r\nb: 2\r\nc:3\r\nd: 4\r\ne: 5 \r\nf: 6\r\n\r\n"
	for _, c := range []struct {
		name string
		edit func(h *message.Head)
		want string
	}{
		{"untouched", func(h *message.Head) {}, "host: x\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\nf: 6\r\n"},
		{"deleted", func(h *message.Head) { h.DelAt(1) }, "host: x\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\nf: 6\r\n"},
		{"first deleted", func(h *message.Head) { h.DelAt(0) }, "a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\nf: 6\r\n"},
		{"replaced", func(h *message.Head) { h.ReplaceValue(1, []byte("longer")) }, "host: x\r\na: longer\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\nf: 6\r\n"},
		{"set", func(h *message.Head) { h.Set([]byte("b"), []byte("new")) }, "host: x\r\na: 1\r\nc: 3\r\nd: 4\r\ne: 5\r\nf: 6\r\nb: new\r\n"},
		{"all deleted", func(h *message.Head) {
			for i := range h.Fields {
				h.DelAt(i)
			}
		}, ""},
	} {
		var d Decoder
		var h message.Head
		// The buffer goes on behind the head, as a receive buffer does.
		b := append([]byte(text), "GET /next HTTP/1.1\r\nx: y\r\n"...)
		if n, st := d.Request(b, &h, nil); st != Done || n != len(text) {
			t.Fatalf("%v after %d", st, n)
		}
		verbatim := 0
		for _, f := range h.Fields {
			if f.Flags == message.FieldVerbatim {
				verbatim++
			}
		}
		if verbatim != 5 {
			t.Errorf("%d lines are verbatim, want host, a, b, d and f", verbatim)
		}
		c.edit(&h)
		if got := string(AppendRequest(nil, &h, ConnClose)); got != "GET / HTTP/1.1\r\n"+c.want+"connection: close\r\n\r\n" {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// TestMessageFromElsewhere encodes heads that no HTTP/1 decoder made.
func TestMessageFromElsewhere(t *testing.T) {
	h := message.Head{Response: true, Major: 2, Status: 200, Flags: message.Chunked, BodyLen: -1}
	h.Add([]byte("a"), []byte("b"))
	if got := string(AppendResponse(nil, &h, ConnNone)); got != "HTTP/1.1 200 OK\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n" {
		t.Errorf("chunked without a field: %q", got)
	}
	h.Flags = message.HasLength
	h.Add([]byte("transfer-encoding"), []byte("chunked"))
	if got := string(AppendResponse(nil, &h, ConnNone)); got != "HTTP/1.1 200 OK\r\na: b\r\n\r\n" {
		t.Errorf("a field without chunks: %q", got)
	}
	message.ErrorPage(400).Head(&h)
	if got := string(AppendResponse(nil, &h, ConnClose)); got != "HTTP/1.1 400 Bad request\r\ncontent-length: 90\r\ncache-control: no-cache\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n" {
		t.Errorf("page: %q", got)
	}
}

func TestChunkSizes(t *testing.T) {
	for n, want := range map[int]string{0: "0\r\n", 1: "1\r\n", 15: "F\r\n", 16: "10\r\n", 0xabc: "ABC\r\n", 1<<62 + 1: "4000000000000001\r\n"} {
		if got := string(AppendChunkSize([]byte("x"), n)); got != "x"+want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestValueEnd(t *testing.T) {
	b := bytes.Repeat([]byte{' '}, 40)
	for c := range 256 {
		for i := range b {
			b[i] = byte(c)
			want := len(b)
			if c == 0 || c == '\r' || c == '\n' {
				want = i
			}
			if got := valueEnd(b, 0); got != want {
				t.Fatalf("byte %#x at %d is found at %d", c, i, got)
			}
			b[i] = ' '
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	var d Decoder
	var o Options
	h := message.Head{Fields: make([]message.Field, 0, 16)}
	in := []byte(browserGET)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		d.Reset()
		d.Request(in, &h, &o)
	}
}

func BenchmarkResponse(b *testing.B) {
	var d Decoder
	var o Options
	h := message.Head{Fields: make([]message.Field, 0, 16)}
	in := []byte(plainOK)
	req := RequestInfo{Method: message.GET, Version11: true, Keep: true}
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		d.Reset()
		d.Response(in, &h, &o, &req)
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	var d Decoder
	h := message.Head{Fields: make([]message.Field, 0, 16)}
	d.Request([]byte(browserGET), &h, nil)
	out := make([]byte, 0, 4096)
	for b.Loop() {
		out = AppendRequest(out[:0], &h, ConnNone)
	}
}
