package stream

import (
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gohap/lbcore/clock"
	"gohap/lbcore/loop"
	"gohap/lbcore/loop/simkernel"
)

// TestSteadyRequest holds what one request costs on connections that stand:
// four data system calls, no epoll_ctl, no read that finds nothing, and no
// allocation (principles L2 and M1).
func TestSteadyRequest(t *testing.T) {
	for _, options := range []string{"servers=1", "servers=1 forwardfor", "servers=1 cookie"} {
		s := &stage{t: t, k: simkernel.New(), clk: clock.NewFake(time.Unix(1_800_000_000, 0)),
			clients: map[string]*simkernel.Peer{}, servers: map[string]*simkernel.Peer{}, port: 1000}
		s.l = loop.New(0, s.k.Loop(), s.clk, 32768, slog.New(slog.NewTextHandler(io.Discard, nil)))
		s.setup(options)
		for _, line := range []string{
			`client a connect`,
			`client a > GET / HTTP/1.1\r\nhost: h\r\n\r\n`,
			`server 1 = s`,
			`server s < HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`,
		} {
			if err := s.line(line); err != nil {
				t.Fatal(err)
			}
		}
		request := []byte("GET /path HTTP/1.1\r\nHost: h\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n")
		response := []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello")
		if strings.Contains(options, "cookie") { // taken out of the request, set again where the server sets another
			request = []byte("GET /path HTTP/1.1\r\nHost: h\r\nCookie: a=b; SRV=none; c=d\r\n\r\n")
			response = []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: SRV=x\r\nETag: x\r\n\r\nhello")
		}
		c, srv := s.clients["a"], s.servers["s"]
		exchange := func() {
			c.Write(request)
			s.settle()
			srv.Write(response)
			s.settle()
		}
		for range 10 {
			exchange()
		}
		c.Take()
		srv.Take()
		before := s.l.Stats
		const n = 100
		for range n {
			exchange()
		}
		d := s.l.Stats
		calls := d.Recvs + d.Sends - before.Recvs - before.Sends
		if calls != 4*n || d.RecvAgain != before.RecvAgain || d.Ctls != before.Ctls || d.Connects != before.Connects {
			t.Errorf("%s: %d data calls, %d empty reads, %d epoll_ctl, %d connects for %d requests; want %d, 0, 0, 0", options,
				calls, d.RecvAgain-before.RecvAgain, d.Ctls-before.Ctls, d.Connects-before.Connects, n, 4*n)
		}
		// The simulated sockets grow their own buffers: empty them each time.
		allocs := testing.AllocsPerRun(200, func() {
			exchange()
			c.Reuse()
			srv.Reuse()
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations a request", options, allocs)
		}
	}
}
