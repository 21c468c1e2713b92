package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// resumed loads one proxy with connections that resume their client's session by a
// ticket, a request each, and returns how many were answered. wrk begins every
// session anew, so the clients are ours; what they cost is not measured.
func resumed(ctx context.Context, p *profile, port string, d time.Duration) (requests int64, seconds float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var wg sync.WaitGroup
	var done, full atomic.Int64
	var failed atomic.Value
	begin := time.Now()
	for range p.connections {
		cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "bench.example", MinVersion: p.resume, MaxVersion: p.resume,
			ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		wg.Go(func() {
			for ctx.Err() == nil {
				again, err := askOnce(cfg, p, port)
				if err != nil {
					failed.Store(err)
					return
				}
				if done.Add(1); !again {
					full.Add(1)
				}
			}
		})
	}
	wg.Wait()
	seconds = time.Since(begin).Seconds()
	if err, _ := failed.Load().(error); err != nil {
		return 0, 0, err
	}
	if n := full.Load(); n > int64(p.connections) { // each client's first
		return 0, 0, fmt.Errorf("%d of %d sessions were not resumed", n, done.Load())
	}
	return done.Load(), seconds, nil
}

// askOnce makes one connection for one request and tells whether its session was
// resumed.
func askOnce(cfg *tls.Config, p *profile, port string) (again bool, err error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", "127.0.0.1:"+port, cfg)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n", p.path); err != nil {
		return false, err
	}
	answer, err := io.ReadAll(conn)
	if err == nil && !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
		err = fmt.Errorf("answer %.40q", answer)
	}
	return conn.ConnectionState().DidResume, err
}
