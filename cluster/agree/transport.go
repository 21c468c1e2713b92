package agree

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"gohap/cluster/port"
)

// Protocol is the ALPN name of Raft's connections.
const Protocol = "gohap-raft"

// dialTime bounds connecting: Raft's own back-off adds to it.
const dialTime = 2 * time.Second

// address is a server as Raft's configuration has it: whom to meet, and where it was.
func address(id, at string) raft.ServerAddress { return raft.ServerAddress(id + "@" + at) }

func splitAddress(a raft.ServerAddress) (id, at string, err error) {
	id, at, ok := strings.Cut(string(a), "@")
	if !ok || id == "" || at == "" {
		return "", "", fmt.Errorf("%q is no server's address", string(a))
	}
	return id, at, nil
}

// layer is Raft's way to connections; it is a raft.StreamLayer.
type layer struct {
	*port.Listener
	port *port.Port
	dead atomic.Bool // nobody is dialled any more
}

// Dial implements raft.StreamLayer. The id is the name that the other end must prove:
// an address that another node has now is no harm.
func (l *layer) Dial(a raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	if l.dead.Load() {
		return nil, errStill
	}
	id, at, err := splitAddress(a)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(timeout, dialTime))
	defer cancel()
	c, err := l.port.Dial(ctx, at, Protocol, id)
	if err != nil {
		return nil, err
	}
	if l.dead.Load() { // meanwhile, and those that stood then were dropped
		c.Close()
		return nil, errStill
	}
	return c, nil
}

var errStill = errors.New("this node's part in Raft stands still")

// directory tells Raft where a server is now; it is a raft.ServerAddressProvider.
type directory func(id string) (at string, ok bool)

// ServerAddr implements raft.ServerAddressProvider. Where nothing is known Raft takes
// the address of its configuration.
func (d directory) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	if at, ok := d(string(id)); ok {
		return address(string(id), at), nil
	}
	return "", errors.New("not seen yet")
}

// logger makes Raft's lines of logs ours.
func logger(l *slog.Logger) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: lines{l}, Level: hclog.Debug, DisableTime: true})
}

// lines passes them on for debugging alone: a node that is away makes some every
// second. What an operator is to know, package cluster says once.
type lines struct{ log *slog.Logger }

func (l lines) Write(b []byte) (int, error) {
	l.log.Debug("raft: " + strings.TrimSpace(string(b)))
	return len(b), nil
}
