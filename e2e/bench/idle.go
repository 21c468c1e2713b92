package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

// idleBytes opens many connections, sends a request on each, and compares the
// proxy's memory before and after. The server's side is closed after each answer
// (option http-server-close), so that what is left is the client's.
func (b *bench) idleBytes(p *profile, list []*proxy, out *results) error {
	for _, x := range list {
		// The first connections pay for pools and buffers that the rest share.
		warm, err := openIdle(x, p, 64)
		if err != nil {
			return err
		}
		before, err := x.rss()
		if err != nil {
			return err
		}
		idle, err := openIdle(x, p, b.idle)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		after, err := x.rss()
		if err != nil {
			return err
		}
		out.addIdle(p, x.name, float64(after-before)/float64(b.idle))
		for _, conn := range append(warm, idle...) {
			conn.Close()
		}
	}
	return nil
}

// openIdle returns n connections that have had one answer each.
func openIdle(x *proxy, p *profile, n int) ([]net.Conn, error) {
	conns := make([]net.Conn, 0, n)
	for range n {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+x.port, 5*time.Second)
		if err != nil {
			return conns, err
		}
		if p.key != "" {
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		}
		conns = append(conns, conn)
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", p.path); err != nil {
			return conns, err
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return conns, fmt.Errorf("connection %d: %w", len(conns), err)
		}
		if resp.StatusCode != http.StatusOK || resp.Close {
			return conns, fmt.Errorf("connection %d: %s, close %v", len(conns), resp.Status, resp.Close)
		}
		resp.Body.Close()
	}
	return conns, nil
}
