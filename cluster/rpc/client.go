package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gohap/cluster/port"
)

// kept is how many connections to a node wait for the next call.
const kept = 2

// Client calls other nodes.
type Client struct {
	port *port.Port

	mu     sync.Mutex
	idle   map[string][]*port.Conn // by address and id
	closed bool
}

// NewClient makes a client that connects from a port.
func NewClient(p *port.Port) *Client { return &Client{port: p, idle: map[string][]*port.Conn{}} }

// Close closes the connections that wait; calls under way go on.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, all := range c.idle {
		for _, conn := range all {
			conn.Close()
		}
	}
	c.idle = nil
}

// Question is a call to be made.
type Question struct {
	Address string // host:port
	ID      string // of the node that shall answer, "" for whichever is there
	Method  string
	Args    any
	Body    io.Reader // sent behind the arguments, Size bytes
	Size    int64
	Into    any                                    // what the result is read into, may be nil
	Take    func(body io.Reader, size int64) error // what takes the bytes behind the result
}

// Ask makes a call; it returns the id of the node that answered. Errors of the other
// node are of type *Error.
func (c *Client) Ask(ctx context.Context, q Question) (id string, err error) {
	args, err := json.Marshal(q.Args)
	if err != nil {
		return "", err
	}
	key := q.Address + " " + q.ID
	conn := c.take(key)
	fresh := conn == nil
	for {
		if conn == nil {
			if conn, err = c.port.Dial(ctx, q.Address, Protocol, q.ID); err != nil {
				return "", err
			}
		}
		reusable, answered, err := c.ask(ctx, conn, &q, args)
		id := conn.Peer
		if reusable {
			c.keep(key, conn)
		} else {
			conn.Close()
		}
		// One that waited may have been closed meanwhile: then nothing was done.
		if err == nil || answered || fresh || q.Body != nil || ctx.Err() != nil {
			return id, err
		}
		conn, fresh = nil, true
	}
}

// ask makes a call on a connection. reusable tells that the next one may follow,
// answered that the other node said something.
func (c *Client) ask(ctx context.Context, conn *port.Conn, q *Question, args []byte) (reusable, answered bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() {
			reusable = false
			if err != nil {
				err = context.Cause(ctx)
			}
		}
	}()
	if err := writeFrame(conn, request{q.Method, args, q.Size}, q.Body, q.Size); err != nil {
		return false, false, err
	}
	var r response
	if err := readHead(conn, &r); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%s: the other node closed the connection", q.Method)
		}
		return false, errors.Is(err, errFrame), err
	}
	if err := checkBody(r.Body); err != nil {
		return false, true, err
	}
	if r.Error != "" {
		return r.Body == 0, true, &Error{r.Code, r.Error}
	}
	if q.Into != nil {
		if err := json.Unmarshal(r.Result, q.Into); err != nil {
			return false, true, fmt.Errorf("%s: the answer cannot be read: %w", q.Method, err)
		}
	}
	body := &io.LimitedReader{R: conn, N: r.Body}
	if q.Take != nil {
		if err := q.Take(body, r.Body); err != nil {
			return false, true, err
		}
	}
	return body.N == 0, true, nil
}

func (c *Client) take(key string) *port.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.idle[key]
	if len(all) == 0 {
		return nil
	}
	c.idle[key] = all[:len(all)-1]
	return all[len(all)-1]
}

func (c *Client) keep(key string, conn *port.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle[key]) >= kept {
		conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	c.idle[key] = append(c.idle[key], conn)
}
