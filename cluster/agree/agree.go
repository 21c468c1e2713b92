package agree

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"gohap/cluster/port"
	"gohap/cluster/raftlog"
	"gohap/cluster/state"
)

// Config is what a Raft node is made of.
type Config struct {
	ID      string
	At      string // the address that others reach this node at, host:port
	Port    *port.Port
	Streams *port.Listener // of Protocol
	Log     *slog.Logger
	// Where tells where a node was seen last.
	Where func(id string) (at string, ok bool)
	// Failed is told once when the disk failed: Raft stands still from then on.
	Failed func(error)

	Dir string // for log and snapshots, 0700
	// Store and Snapshots replace the files of Dir, in tests.
	Store     Store
	Snapshots raft.SnapshotStore
}

// Store is a log that can be emptied.
type Store interface {
	raftlog.Store
	DeleteAll() error
	Close() error
}

// Node is this node's part in Raft.
type Node struct {
	config  Config
	machine *machine
	store   Store
	snaps   raft.SnapshotStore

	mu     sync.Mutex // guards what a cure replaces
	raft   *raft.Raft
	park   *raftlog.Parking
	wire   *raft.NetworkTransport
	layer  *layer
	closed bool
	sick   chan struct{}
	done   chan struct{}
	cures  int
}

// Server is a server of Raft's configuration.
type Server struct {
	ID    string
	Voter bool
}

// NotLeaderError says who leads instead, if anybody does.
type NotLeaderError struct{ Leader string }

func (e *NotLeaderError) Error() string {
	if e.Leader == "" {
		return "the fleet has no leader: more than half of the voters have to be there ('gohap cluster status' says who is missing)"
	}
	return "node " + e.Leader + " leads"
}

// Open opens the log and starts Raft; a node without state waits to be bootstrapped
// or found by a leader.
func Open(c Config) (*Node, error) {
	n := &Node{config: c, machine: &machine{Machine: state.New()}, store: c.Store, snaps: c.Snapshots, sick: make(chan struct{}, 1), done: make(chan struct{})}
	n.layer = &layer{Listener: c.Streams, port: c.Port}
	if n.store == nil {
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return nil, err
		}
		b, err := raftlog.Open(filepath.Join(c.Dir, "raft.db"))
		if err != nil {
			return nil, err
		}
		n.store = b
		snaps, err := raft.NewFileSnapshotStoreWithLogger(c.Dir, 2, logger(c.Log))
		if err != nil {
			b.Close()
			return nil, err
		}
		n.snaps = snaps
	}
	var counting sync.Mutex
	var count installs
	restored := func(index uint64) {
		counting.Lock()
		defer counting.Unlock()
		if count.count(index, time.Now()) {
			count = installs{}
			select {
			case n.sick <- struct{}{}:
			default:
			}
		}
	}
	if err := n.start(); err != nil {
		n.store.Close()
		return nil, err
	}
	n.machine.restored.Store(&restored)
	go n.heal()
	return n, nil
}

// settings are Raft's; the times are what a fleet in one place can keep.
func (n *Node) settings() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID, c.Logger = raft.ServerID(n.config.ID), logger(n.config.Log)
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = 500*time.Millisecond, 500*time.Millisecond, 500*time.Millisecond
	// How often followers learn what is agreed on where nothing else comes: it is most of
	// what a fleet at rest costs.
	c.CommitTimeout = 100 * time.Millisecond
	c.SnapshotThreshold, c.TrailingLogs = 1024, 256
	c.NoLegacyTelemetry = true
	return c
}

// start starts Raft over what is stored; under mu, or before anybody else is there.
func (n *Node) start() error {
	n.park = raftlog.NewParking(n.store, n.parked)
	n.wire = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: n.layer, ServerAddressProvider: directory(n.config.Where), Logger: logger(n.config.Log), MaxPool: 2, Timeout: dialTime,
		// No pipelines: at a shutdown one that is full waits for ever for who has gone.
		MaxRPCsInFlight: 1,
	})
	r, err := raft.NewRaft(n.settings(), n.machine, n.park, n.park, n.snaps, n.wire)
	if err != nil {
		_ = n.wire.Close()
		return err
	}
	n.raft = r
	return nil
}

// parked cuts Raft off when its disk has failed: a leader that stands still but whose
// heartbeats go on would keep the others from electing another one.
func (n *Node) parked(err error) {
	n.layer.dead.Store(true)
	_ = n.layer.Close()
	n.config.Port.Drop(Protocol)
	n.config.Log.Error("raft: this node takes no part any more until it is started anew; it goes on serving", "error", err)
	if n.config.Failed != nil {
		n.config.Failed(err)
	}
}

func (n *Node) current() *raft.Raft {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.raft
}

// heal cures a node that snapshots are installed on again and again.
func (n *Node) heal() {
	for {
		select {
		case <-n.sick:
		case <-n.done:
			return
		}
		n.mu.Lock()
		if !n.closed {
			n.cures++
			n.config.Log.Warn("raft: one snapshot is installed again and again; beginning anew from it with an empty log")
			if err := n.cure(); err != nil {
				n.config.Log.Error("raft: it did not begin anew", "error", err)
			}
		}
		n.mu.Unlock()
	}
}

// cure stops Raft, empties its log and starts it again; under mu.
func (n *Node) cure() error {
	if err := within(shutTime, n.raft.Shutdown().Error); err != nil {
		return err
	}
	n.config.Port.Reopen(n.layer.Listener)
	if err := n.store.DeleteAll(); err != nil {
		return err
	}
	return n.start()
}

// shutTime is how long Raft may take to stop.
const shutTime = 5 * time.Second

// within waits for f at most as long as told; what does not come is left behind.
func within(limit time.Duration, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return errors.New("this node's part in Raft does not stop")
	}
}

// Close stops Raft and closes its files.
func (n *Node) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	close(n.done)
	var err error
	shut := n.raft.Shutdown()
	if n.park.Err() == nil {
		err = within(shutTime, shut.Error)
	} else { // some of Raft's goroutines wait for each other for ever then
		n.park.Release()
		_ = n.wire.Close()
	}
	n.mu.Unlock()
	_ = n.layer.Close()
	if e := n.store.Close(); err == nil {
		err = e
	}
	return err
}

// State returns what is agreed on as far as this node knows; see state.Machine.
func (n *Node) State() (s *state.State, index uint64, changed <-chan struct{}) {
	return n.machine.State()
}

// Known tells whether this node belongs to a cluster already: it has a log or a
// snapshot.
func (n *Node) Known() (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return raft.HasExistingState(n.store, n.store, n.snaps)
}

// Bootstrap makes a new cluster of some nodes, all voters, by id and address. It fails
// on a node that belongs to one.
func (n *Node) Bootstrap(at map[string]string) error {
	var c raft.Configuration
	for id, where := range at {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(id), Address: address(id, where)})
	}
	slices.SortFunc(c.Servers, func(a, b raft.Server) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return n.current().BootstrapCluster(c).Error()
}

// Leader is the id of the node that leads, "" where none is known.
func (n *Node) Leader() string {
	_, id := n.current().LeaderWithID()
	return string(id)
}

// Leads tells whether this node leads.
func (n *Node) Leads() bool { return n.current().State() == raft.Leader }

// Servers are those of the latest configuration, by id.
func (n *Node) Servers() ([]Server, error) {
	f := n.current().GetConfiguration()
	if err := f.Error(); err != nil {
		return nil, err
	}
	var all []Server
	for _, s := range f.Configuration().Servers {
		all = append(all, Server{string(s.ID), s.Suffrage == raft.Voter})
	}
	return all, nil
}

// Propose has an entry agreed on and applied here, which takes more than half of the
// voters. Where another node leads the error is a *NotLeaderError.
func (n *Node) Propose(ctx context.Context, e *state.Entry) (state.Result, error) {
	b, err := e.Encode()
	if err != nil {
		return state.Result{}, err
	}
	f := n.current().Apply(b, limit(ctx))
	if err := await(ctx, f); err != nil {
		return state.Result{}, n.failed(err)
	}
	return f.Response().(state.Result), nil
}

// Confirm returns when this node leads, and has applied all that was agreed on before.
func (n *Node) Confirm(ctx context.Context) error {
	r := n.current()
	if err := await(ctx, r.VerifyLeader()); err != nil {
		return n.failed(err)
	}
	if err := await(ctx, r.Barrier(limit(ctx))); err != nil {
		return n.failed(err)
	}
	return nil
}

// failed words Raft's errors.
func (n *Node) failed(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, raft.ErrAbortedByRestore):
		return &NotLeaderError{n.Leader()}
	case errors.Is(err, raft.ErrLeadershipLost):
		return fmt.Errorf("this node lost the lead meanwhile; whether it came about is not known: %w", err)
	case errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("nobody answered in time; whether it came about is not known: %w", err)
	}
	return err
}

// limit is how long Raft may take.
func limit(ctx context.Context) time.Duration {
	if d, ok := ctx.Deadline(); ok {
		return max(time.Until(d), time.Millisecond)
	}
	return 10 * time.Second
}

// await waits for a future; one whose node was shut down never comes.
func await(ctx context.Context, f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	ctx, cancel := context.WithTimeout(ctx, limit(ctx))
	defer cancel()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Add takes a node in, as a voter or as one that only listens. For the leader.
func (n *Node) Add(ctx context.Context, id, at string, voter bool) error {
	r := n.current()
	f := r.AddNonvoter
	if voter {
		f = r.AddVoter
	}
	return n.change(ctx, f(raft.ServerID(id), address(id, at), 0, limit(ctx)))
}

// Demote makes a voter one that only listens. For the leader.
func (n *Node) Demote(ctx context.Context, id string) error {
	return n.change(ctx, n.current().DemoteVoter(raft.ServerID(id), 0, limit(ctx)))
}

// Remove takes a node out. For the leader.
func (n *Node) Remove(ctx context.Context, id string) error {
	return n.change(ctx, n.current().RemoveServer(raft.ServerID(id), 0, limit(ctx)))
}

func (n *Node) change(ctx context.Context, f raft.Future) error {
	if err := await(ctx, f); err != nil {
		return n.failed(err)
	}
	return nil
}

// Transfer hands the lead to a node, or to the best one for an empty id.
func (n *Node) Transfer(ctx context.Context, id string) error {
	r := n.current()
	if id == "" {
		return n.change(ctx, r.LeadershipTransfer())
	}
	at, ok := n.config.Where(id)
	if !ok {
		return fmt.Errorf("node %s is not there", id)
	}
	return n.change(ctx, r.LeadershipTransferToServer(raft.ServerID(id), address(id, at)))
}

// Stats are figures of Raft here.
type Stats struct {
	Term, Applied, Last uint64
	Parked              error // why Raft stands still
	Halted              error // why nothing is applied
	Cures               int
	Heard               time.Time // when the leader was heard last; zero on the leader
}

// Stats returns figures.
func (n *Node) Stats() Stats {
	n.mu.Lock()
	r, parked, cures := n.raft, n.park.Err(), n.cures
	n.mu.Unlock()
	s := Stats{Parked: parked, Halted: n.machine.Halted(), Cures: cures}
	s.Term, s.Applied, s.Last = r.CurrentTerm(), r.AppliedIndex(), r.LastIndex()
	if r.State() != raft.Leader {
		s.Heard = r.LastContact()
	}
	return s
}
