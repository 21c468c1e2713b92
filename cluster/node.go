package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"gohap/cluster/agree"
	"gohap/cluster/bundle"
	"gohap/cluster/keyring"
	"gohap/cluster/member"
	"gohap/cluster/port"
	"gohap/cluster/rpc"
	"gohap/cluster/state"
)

// Bundle is a configuration with everything that it names.
type Bundle struct {
	Generation uint64
	Dir        string            // where relative names in it count from
	Main       []string          // the names of the configuration's own files
	Files      map[string][]byte // all, by name
}

// Applier checks and serves configurations. Its errors are what a person reads: file,
// line, text.
type Applier interface {
	// Check tells whether this node could serve a bundle. It changes nothing.
	Check(ctx context.Context, b *Bundle) error
	// Apply has a bundle served in place of what is; where it fails that goes on.
	Apply(ctx context.Context, b *Bundle) error
}

// Load are figures that a node tells of itself.
type Load struct {
	Sessions int64
	TableLag int64 // ms that the slowest of the others is behind with this node's tables
	VIP      bool  // it holds the fleet's address
	Draining bool
}

// Config is what a node is made of.
type Config struct {
	Name    string
	Dir     string // of its data, for this process alone
	Version string // of the program
	Log     *slog.Logger

	Seeds     []string       // host or host:port of nodes to begin with
	Expect    int            // founding members; 0: as many as there are seeds
	MaxVoters int            // 0: 5
	Port      uint16         // of seeds that name none
	Listener  net.Listener   // the fleet's port, TCP; closed by Close
	Packets   net.PacketConn // and UDP
	Advertise netip.AddrPort // where others reach both
	Secrets   []keyring.Secret

	Applier Applier
	Load    func() Load
	// Streams are what else goes over the fleet's port, by ALPN name: each takes the
	// connections that other nodes make, on a goroutine of its own a connection.
	Streams map[string]func(from string, c net.Conn)
	// Console executes a line of the program's own commands at one of its levels, and
	// writes what it answers.
	Console func(ctx context.Context, level, line string, w io.Writer) error
	// Local is the configuration that the node was started with.
	Local func() (*Bundle, error)

	// For tests; nil is the real thing.
	Dial      func(ctx context.Context, address string) (net.Conn, error)
	Resolve   func(ctx context.Context, host string) ([]netip.Addr, error)
	Store     agree.Store
	Snapshots raft.SnapshotStore
}

// defaultVoters is how many nodes vote at the most: more make agreeing slower and
// survive more deaths at once than a fleet has.
const defaultVoters = 5

// Node is this process's part in the fleet.
type Node struct {
	config   Config
	port     *port.Port
	server   *rpc.Server
	client   *rpc.Client
	list     *member.List
	raft     *agree.Node
	contents *bundle.Store
	started  time.Time
	ctx      context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup

	rekeying sync.Mutex

	mu        sync.Mutex
	id        *identity
	running   uint64 // the generation that is served, 0: the node's own file
	refused   string // why the generation refusedOf is not
	refusedOf uint64
	waits     string // what the node waits for on its way in
	differ    string // why the founding members' files were not committed
	local     *state.Manifest
	closed    bool
}

// Start starts a node. It returns at once; the way into the fleet is tried for ever in
// the background.
func Start(c Config) (*Node, error) {
	if err := member.CheckName(c.Name); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if c.MaxVoters <= 0 {
		c.MaxVoters = defaultVoters
	}
	if c.Resolve == nil {
		c.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	id, err := readIdentity(c.Dir)
	if err != nil {
		return nil, err
	}
	n := &Node{config: c, id: id, started: time.Now()}
	n.ctx, n.stop = context.WithCancel(context.Background())
	if err := n.open(); err != nil {
		n.release()
		return nil, err
	}
	n.work.Go(n.join)
	n.work.Go(n.follow)
	n.work.Go(n.lead)
	n.work.Go(n.figures)
	n.work.Go(n.watch)
	return n, nil
}

// open opens what the node consists of, from the bottom.
func (n *Node) open() error {
	c := &n.config
	ring, err := keyring.Open(n.id.ID)
	if len(c.Secrets) > 0 {
		ring, err = keyring.New(n.id.ID, c.Secrets)
	}
	if err != nil {
		return err
	}
	if n.contents, err = bundle.Open(filepath.Join(c.Dir, "contents")); err != nil {
		return err
	}
	last, err := bundle.ReadLast(n.lastPath())
	if err != nil {
		c.Log.Error("fleet: the last good configuration cannot be read; going on without", "error", err)
	} else if last != nil {
		n.running = last.Generation
	}
	n.port = port.New(port.Config{Ring: ring, Log: c.Log, Dial: c.Dial})
	gossip, votes, calls := n.port.Handle(member.Protocol), n.port.Handle(agree.Protocol), n.port.Handle(rpc.Protocol)
	n.client, n.server = rpc.NewClient(n.port), rpc.NewServer(c.Log)
	n.raft, err = agree.Open(agree.Config{
		ID: n.id.ID, At: c.Advertise.String(), Port: n.port, Streams: votes, Log: c.Log, Where: n.where,
		Dir: filepath.Join(c.Dir, "raft"), Store: c.Store, Snapshots: c.Snapshots,
	})
	if err != nil {
		return err
	}
	list, err := member.Start(member.Config{
		Port: n.port, Streams: gossip, Packets: c.Packets, Advertise: c.Advertise, Log: c.Log,
		Meta: n.meta,
	})
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.list = list
	n.mu.Unlock()
	n.handle()
	n.server.Serve(calls)
	for name, take := range c.Streams {
		n.take(n.port.Handle(name), take)
	}
	n.port.Serve(c.Listener)
	return nil
}

// take hands the connections of a protocol to who is to have them, with the name of
// the node that made each.
func (n *Node) take(l *port.Listener, to func(from string, c net.Conn)) {
	n.work.Go(func() {
		for {
			c, err := l.AcceptConn()
			if err != nil {
				return
			}
			go to(n.called(c.Peer), c) // its end is its owner's matter, or the port's
		}
	})
	context.AfterFunc(n.ctx, func() { l.Close() })
}

// DialNode connects to a node, by name, for a protocol of Streams.
func (n *Node) DialNode(ctx context.Context, name, protocol string) (net.Conn, error) {
	for _, m := range n.alive() {
		if m.Meta.Name == name {
			return n.port.Dial(ctx, m.Addr.String(), protocol, m.ID)
		}
	}
	return nil, fmt.Errorf("node %s is not there", name)
}

// Others are the names of the other nodes that belong to the fleet, there or not.
func (n *Node) Others() (names []string) {
	s, _, _ := n.raft.State()
	for _, k := range s.Nodes {
		if k.ID != n.id.ID {
			names = append(names, k.Name)
		}
	}
	return names
}

func (n *Node) lastPath() string { return filepath.Join(n.config.Dir, "last.json") }

// Close ends the node's part without a word; what it serves is not touched.
func (n *Node) Close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.closed = true
	n.mu.Unlock()
	n.stop()
	n.work.Wait()
	n.release()
}

func (n *Node) release() {
	n.stop()
	if n.list != nil {
		n.list.Close()
	}
	if n.server != nil {
		n.server.Close()
		n.client.Close()
	}
	if n.raft != nil {
		if err := n.raft.Close(); err != nil {
			n.config.Log.Warn("fleet: closing the log", "error", err)
		}
	}
	if n.port != nil {
		n.port.Close()
	}
	n.config.Listener.Close()
	n.config.Packets.Close()
}

// Leave hands the lead over and tells the others that this node goes on purpose.
// Close is still to be called. It takes at most as long as ctx says.
func (n *Node) Leave(ctx context.Context) error {
	err := n.HandOver(ctx)
	limit := 5 * time.Second
	if d, ok := ctx.Deadline(); ok {
		limit = time.Until(d)
	}
	return errors.Join(err, n.list.Leave(limit))
}

// HandOver gives the lead to another node where this one has it and there is another.
func (n *Node) HandOver(ctx context.Context) error {
	if !n.raft.Leads() {
		return nil
	}
	if servers, err := n.raft.Servers(); err != nil || len(servers) < 2 {
		return nil
	}
	return n.raft.Transfer(ctx, "")
}

// ID is the node's id.
func (n *Node) ID() string { return n.id.ID }

// Port is the fleet's port here, for protocols of others.
func (n *Node) Port() *port.Port { return n.port }

// gossip is the list of members, nil while the node starts.
func (n *Node) gossip() *member.List {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.list
}

// where tells where a node was seen last.
func (n *Node) where(id string) (at string, ok bool) {
	if id == n.id.ID {
		return n.config.Advertise.String(), true
	}
	l := n.gossip()
	if l == nil {
		return "", false
	}
	m, ok := l.Member(id)
	if !ok {
		return "", false
	}
	return m.Addr.String(), true
}

// The states that a node tells of itself.
const (
	stateDraining  = "draining"
	stateUnmanaged = "unmanaged"
)

// meta is what the node says of itself.
func (n *Node) meta() member.Meta {
	m := member.Meta{Name: n.config.Name, Version: n.config.Version, Entry: state.EntryVersion, Started: int64(time.Since(n.started).Seconds()), Secrets: strings.Join(n.Secrets(), " ")}
	s, _, _ := n.raft.State()
	n.mu.Lock()
	m.Fleet, m.Generation = n.id.Fleet, n.running
	n.mu.Unlock()
	if s.Fleet != "" {
		m.Fleet = s.Fleet
	}
	if s.Active == 0 {
		m.State = stateUnmanaged
	}
	if n.config.Load != nil {
		l := n.config.Load()
		m.Sessions, m.TableLag, m.VIP = l.Sessions, l.TableLag, l.VIP
		if l.Draining {
			m.State = stateDraining
		}
	}
	return m
}

// Tell has the others learn now what Config.Load says, which they are told every few
// seconds anyway.
func (n *Node) Tell() { n.tell() }

// tell has the others learn what the node says of itself now.
func (n *Node) tell() {
	if err := n.list.Update(); err != nil && n.ctx.Err() == nil {
		n.config.Log.Debug("fleet: telling the others of this node", "error", err)
	}
}

// figuresEvery is how often the others are told a node's figures.
const figuresEvery = 10 * time.Second

// figures keeps what the others know of this node's sessions and age fresh.
func (n *Node) figures() {
	for n.sleep(figuresEvery) {
		n.tell()
	}
}

// sleep waits about as long as told, at least half of it; false when the node ends.
func (n *Node) sleep(d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
	case <-n.ctx.Done():
	}
	return n.ctx.Err() == nil
}

// within is a context for something that takes at most as long as told.
func (n *Node) within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(n.ctx, d)
}

// propose has an entry agreed on, by whoever leads.
func (n *Node) propose(ctx context.Context, e *state.Entry) (r state.Result, err error) {
	for {
		if r, err = n.raft.Propose(ctx, e); err == nil {
			return r, nil
		}
		var not *agree.NotLeaderError
		if !errors.As(err, &not) {
			return r, err
		}
		if not.Leader != "" && not.Leader != n.id.ID {
			if at, ok := n.where(not.Leader); ok {
				if r, err = n.askToPropose(ctx, not.Leader, at, e); err == nil || !isCode(err, codeNotLeader) {
					return r, err
				}
			}
		}
		t := time.NewTimer(100 * time.Millisecond) // somebody is being elected
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return r, err
		}
	}
}
