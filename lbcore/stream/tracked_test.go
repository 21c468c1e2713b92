package stream

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/loop/simkernel"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/stick"
)

// trackingStage is a proxy with one server whose connections track key "c" and whose
// requests track key "r" in one table.
func trackingStage(t *testing.T) (*stage, *proxy.Table) {
	s := &stage{t: t, k: simkernel.New(), clk: clock.NewFake(time.Unix(1_800_000_000, 0)),
		clients: map[string]*simkernel.Peer{}, servers: map[string]*simkernel.Peer{}, port: 1000}
	s.l = loop.New(0, s.k.Loop(), s.clk, 32768, slog.New(slog.NewTextHandler(io.Discard, nil)))
	s.setup("servers=1")
	s.w.Limits.StickCounters = 3
	var store []stick.Stored
	for _, d := range []stick.Data{stick.ConnCnt, stick.ConnCur, stick.ConnRate, stick.SessCnt, stick.HTTPReqCnt, stick.HTTPReqRate,
		stick.HTTPErrCnt, stick.HTTPFailCnt, stick.BytesInCnt, stick.BytesOutCnt, stick.BytesOutRate} {
		store = append(store, stick.Stored{Data: d, N: 1, Period: 10000})
	}
	table, err := stick.New(stick.Config{Name: "t", Key: stick.KeyString, Size: 10, Expire: 60000, Store: store}, s.w.millis())
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy.Table{Table: table}
	c, r := []byte("c"), []byte("r")
	s.p.TCPConnRules = rule.Set{{Action: rule.Func(func(ctx *sample.Context) rule.Verdict {
		ctx.Session.(*Session).Track(0, p, c)
		return rule.Continue
	})}}
	s.p.HTTPReqRules = rule.Set{{Action: rule.Func(func(ctx *sample.Context) rule.Verdict {
		ctx.Stream.(*Stream).Track(1, p, r)
		return rule.Continue
	})}}
	return s, p
}

// holds returns what an entry has, and by how many it is held.
func holds(t *testing.T, s *stage, p *proxy.Table, key string, list ...stick.Data) (n int, v []uint64) {
	t.Helper()
	e, ok := p.Get([]byte(key), s.w.millis())
	if !ok {
		t.Fatalf("no entry %q", key)
	}
	defer e.Release()
	for _, d := range list {
		v = append(v, e.Get(d, 0))
	}
	return e.Holds() - 1, v
}

func script(t *testing.T, s *stage, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if err := s.line(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

// TestTracked counts on the entries of a connection and of its requests, and lets go
// of them as they end, properly or not.
func TestTracked(t *testing.T) {
	s, p := trackingStage(t)
	want := func(key string, holding int, conns, cur, sess, req, bad, fail uint64) {
		t.Helper()
		n, v := holds(t, s, p, key, stick.ConnCnt, stick.ConnCur, stick.SessCnt, stick.HTTPReqCnt, stick.HTTPErrCnt, stick.HTTPFailCnt)
		if got := [6]uint64(v); n != holding || got != [6]uint64{conns, cur, sess, req, bad, fail} {
			t.Errorf("%s: %d holds, %v; want %d, %v", key, n, got, holding, []uint64{conns, cur, sess, req, bad, fail})
		}
	}
	script(t, s, `client a connect`)
	want("c", 1, 1, 1, 1, 0, 0, 0)
	script(t, s, `client a > GET /1 HTTP/1.1\r\nhost: h\r\n\r\n`, `server 1 = s`)
	want("c", 1, 1, 1, 1, 1, 0, 0)
	want("r", 1, 1, 1, 0, 1, 0, 0)
	if s.w.Tracked() != 2 {
		t.Errorf("%d entries are tracked", s.w.Tracked())
	}
	script(t, s, `server s < HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nok`)
	want("c", 1, 1, 1, 1, 1, 1, 0)
	want("r", 0, 1, 0, 0, 1, 1, 0)
	script(t, s, `client a > GET /2 HTTP/1.1\r\nhost: h\r\n\r\n`, `server s < HTTP/1.1 503 Bad\r\ncontent-length: 0\r\n\r\n`)
	want("r", 0, 2, 0, 0, 2, 1, 1)
	script(t, s, `client a > GET /3 HTTP/1.1\r\nhost: h\r\n\r\n`, `server s < HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf`, `client a reset`, `server s < more`)
	want("c", 0, 1, 0, 1, 3, 1, 1)
	want("r", 0, 3, 0, 0, 3, 1, 1)
	script(t, s, `client b connect`, `client b > NONSENSE\r\n\r\n`, `client b close`)
	want("c", 0, 2, 0, 2, 4, 2, 1)
	want("r", 0, 3, 0, 0, 3, 1, 1)
	if s.w.Tracked() != 0 {
		t.Errorf("%d entries are still tracked", s.w.Tracked())
	}
	_, v := holds(t, s, p, "r", stick.BytesInCnt, stick.BytesOutCnt)
	_, w := holds(t, s, p, "c", stick.BytesInCnt, stick.BytesOutCnt)
	if v[0] == 0 || v[1] == 0 || v[0] != w[0] || v[1] != w[1] {
		t.Errorf("bytes of the requests are %v, of the connections %v", v, w)
	}
	s.nothingLeft()
}

// TestTrackingAllocates nothing a request.
func TestTrackingAllocates(t *testing.T) {
	s, _ := trackingStage(t)
	script(t, s, `client a connect`, `client a > GET / HTTP/1.1\r\nhost: h\r\n\r\n`, `server 1 = s`, `server s < HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`)
	request := []byte("GET /path HTTP/1.1\r\nHost: h\r\n\r\n")
	response := []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	c, srv := s.clients["a"], s.servers["s"]
	exchange := func() {
		c.Write(request)
		s.settle()
		srv.Write(response)
		s.settle()
		c.Reuse()
		srv.Reuse()
	}
	for range 10 {
		exchange()
	}
	if n := testing.AllocsPerRun(200, exchange); n > 0 {
		t.Errorf("%v allocations a request", n)
	}
}
