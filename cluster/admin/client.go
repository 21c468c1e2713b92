package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"gohap/cluster"
)

// Client asks a node over its socket.
type Client struct {
	path string
	http http.Client
}

// NewClient makes a client of the socket at a path.
func NewClient(path string) *Client {
	c := &Client{path: path}
	c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	return c
}

// unreachable says why nobody answers and what to do.
func (c *Client) unreachable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no node runs with the socket %s: start one with 'gohap-node join', or name its socket with --socket", c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s is for its owner alone: run this as the user that the node runs as", c.path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody answers at %s: the node has stopped; look at its log", c.path)
	}
	return fmt.Errorf("asking the node at %s: %w", c.path, err)
}

// ask makes a request and reads the answer's JSON into a value, nil for none.
func (c *Client) ask(ctx context.Context, method, path string, body, into any) error {
	r, err := c.open(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer r.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(r).Decode(into); err != nil {
		return fmt.Errorf("the node's answer cannot be read: %w", err)
	}
	return nil
}

func (c *Client) open(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	r, err := c.do(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	return r.Body, nil
}

func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = bytes.NewReader(b)
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://node"+path, text)
	if err != nil {
		return nil, err
	}
	r, err := c.http.Do(q)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if r.StatusCode == http.StatusOK {
		return r, nil
	}
	defer r.Body.Close()
	var f failure
	if err := json.NewDecoder(r.Body).Decode(&f); err != nil || f.Error == "" {
		return nil, fmt.Errorf("the node answers %s to %s: is it another version?", r.Status, path)
	}
	return nil, &Refusal{f.Error}
}

// Refusal is what a node says that does not do what it was asked for; any other error
// says that it could not be asked.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

// Status asks for the fleet's state.
func (c *Client) Status(ctx context.Context) (s *cluster.Status, err error) {
	s = new(cluster.Status)
	return s, c.ask(ctx, "GET", "/status", nil, s)
}

// Self asks the node who it is.
func (c *Client) Self(ctx context.Context) (s *Self, err error) {
	s = new(Self)
	return s, c.ask(ctx, "GET", "/node", nil, s)
}

// History asks for the generations.
func (c *Client) History(ctx context.Context) (h *History, err error) {
	h = new(History)
	return h, c.ask(ctx, "GET", "/history", nil, h)
}

// Bundle asks for a generation's contents; 0 is the active one.
func (c *Client) Bundle(ctx context.Context, generation uint64) (b *Bundle, err error) {
	b = new(Bundle)
	return b, c.ask(ctx, "GET", fmt.Sprintf("/bundle?generation=%d", generation), nil, b)
}

// Apply has a configuration applied; progress is told what goes on.
func (c *Client) Apply(ctx context.Context, a *Apply, progress func(string)) (*cluster.Applied, error) {
	r, err := c.open(ctx, "POST", "/apply", a)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	lines := json.NewDecoder(r)
	for {
		var p Progress
		if err := lines.Decode(&p); err != nil {
			return nil, fmt.Errorf("the node went away meanwhile (%w): 'gohap cluster status' tells whether it came about", err)
		}
		if p.Result != nil {
			return p.Result, nil
		}
		progress(p.Says)
	}
}

// Transfer hands the lead to a node, to any for an empty name.
func (c *Client) Transfer(ctx context.Context, node string) error {
	return c.ask(ctx, "POST", "/transfer", Target{node}, nil)
}

// Remove takes a node out that is gone.
func (c *Client) Remove(ctx context.Context, node string) error {
	return c.ask(ctx, "POST", "/remove", Target{node}, nil)
}

// Ready asks whether clients can be sent to the node.
func (c *Client) Ready(ctx context.Context) (r *Ready, err error) {
	r = new(Ready)
	return r, c.ask(ctx, "GET", "/ready", nil, r)
}

// Drain takes the node out of service, and has it stop behind that where d says so;
// progress is told what goes on. It returns the number of connections that are left.
func (c *Client) Drain(ctx context.Context, d Drain, progress func(string)) (left int, err error) {
	r, err := c.open(ctx, "POST", "/drain", d)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	lines := json.NewDecoder(r)
	for {
		var x Drained
		switch err := lines.Decode(&x); {
		case err != nil:
			return 0, fmt.Errorf("the node went away meanwhile: %w", err)
		case x.Error != "":
			return 0, &Refusal{x.Error}
		case x.Done:
			return x.Left, nil
		}
		progress(x.Says)
	}
}

// Undrain takes the node back into service.
func (c *Client) Undrain(ctx context.Context) error { return c.ask(ctx, "POST", "/undrain", nil, nil) }

// Rekey has the node read its file of secrets anew; it returns their names.
func (c *Client) Rekey(ctx context.Context) (names []string, err error) {
	return names, c.ask(ctx, "POST", "/secrets", nil, &names)
}

// Run has nodes execute a line, and writes what they answer.
func (c *Client) Run(ctx context.Context, x Command, w io.Writer) error {
	r, err := c.do(ctx, "POST", "/run", x)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if _, err := io.Copy(w, r.Body); err != nil {
		return fmt.Errorf("the node went away meanwhile: %w", err)
	}
	if text := r.Trailer.Get(failedTrailer); text != "" {
		return &Refusal{text}
	}
	return nil
}
