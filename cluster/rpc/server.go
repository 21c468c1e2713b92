package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"gohap/cluster/port"
)

// Protocol is the ALPN name of calls.
const Protocol = "gohap-rpc"

// Call is one call as its handler sees it.
type Call struct {
	Peer string    // the id of the node that asks
	Body io.Reader // what came behind the arguments; Size bytes
	Size int64
	args json.RawMessage
}

// Args reads the arguments.
func (c *Call) Args(into any) error {
	if err := json.Unmarshal(c.args, into); err != nil {
		return fmt.Errorf("the arguments cannot be read: %w", err)
	}
	return nil
}

// Contents are a result with bytes behind it, which are closed after they were sent.
type Contents struct {
	Result any
	Body   io.ReadCloser
	Size   int64
}

// Error is an error with a code by which the caller tells it from others.
type Error struct{ Code, Text string }

func (e *Error) Error() string { return e.Text }

// Handler answers a call with what becomes JSON, or with Contents.
type Handler func(ctx context.Context, c *Call) (any, error)

// Server answers calls.
type Server struct {
	log      *slog.Logger
	limit    time.Duration
	handlers map[string]Handler
	ctx      context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup
}

// callTime is how long a call may take, its bytes included.
const callTime = 2 * time.Minute

// idleTime is how long a connection waits for its next call.
const idleTime = time.Minute

// NewServer makes a server without handlers.
func NewServer(log *slog.Logger) *Server {
	s := &Server{log: log, limit: callTime, handlers: map[string]Handler{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Handle sets who answers a method; before Serve.
func (s *Server) Handle(method string, h Handler) { s.handlers[method] = h }

// Serve answers calls in the background until Close.
func (s *Server) Serve(l *port.Listener) {
	s.work.Go(func() {
		for {
			c, err := l.AcceptConn()
			if err != nil {
				return
			}
			s.work.Go(func() { s.serve(c) })
		}
	})
	context.AfterFunc(s.ctx, func() { l.Close() })
}

// Close ends all calls and waits for their handlers.
func (s *Server) Close() {
	s.stop()
	s.work.Wait()
}

func (s *Server) serve(c *port.Conn) {
	defer c.Close()
	defer context.AfterFunc(s.ctx, func() { c.Close() })()
	for {
		_ = c.SetDeadline(time.Now().Add(idleTime))
		var q request
		if err := readHead(c, &q); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && s.ctx.Err() == nil {
				s.log.Debug("fleet: a call cannot be read", "peer", c.Peer, "error", err)
			}
			return
		}
		if err := checkBody(q.Body); err != nil {
			s.log.Warn("fleet: a call cannot be read", "peer", c.Peer, "error", err)
			return
		}
		_ = c.SetDeadline(time.Now().Add(s.limit))
		if err := s.answer(c, &q); err != nil {
			s.log.Debug("fleet: a call was not answered", "peer", c.Peer, "method", q.Method, "error", err)
			return
		}
	}
}

// answer runs a call's handler and writes what it says.
func (s *Server) answer(c *port.Conn, q *request) error {
	body := io.LimitReader(c, q.Body)
	v, err := s.call(&Call{Peer: c.Peer, Body: body, Size: q.Body, args: q.Args}, q.Method)
	if _, e := io.Copy(io.Discard, body); e != nil {
		return e
	}
	var r response
	var contents io.Reader
	if held, ok := v.(Contents); ok && err == nil {
		defer held.Body.Close()
		v, contents, r.Body = held.Result, held.Body, held.Size
	}
	if err == nil {
		r.Result, err = json.Marshal(v)
	}
	if err != nil {
		var coded *Error
		if errors.As(err, &coded) {
			r.Code = coded.Code
		}
		r = response{Error: err.Error(), Code: r.Code}
	}
	return writeFrame(c, r, contents, r.Body)
}

// call runs a handler; one that panics fails its call alone.
func (s *Server) call(c *Call, method string) (v any, err error) {
	h := s.handlers[method]
	if h == nil {
		return nil, &Error{"unknown-method", fmt.Sprintf("this node does not know %.64q: it runs an older program", method)}
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("fleet: a call panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
			v, err = nil, fmt.Errorf("the node failed in %s", method)
		}
	}()
	return h(ctx, c)
}
