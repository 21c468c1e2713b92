package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gohap/cluster/member"
	"gohap/cluster/rpc"
	"gohap/cluster/state"
)

const (
	checkTime  = 10 * time.Second // a node that is silent for longer refuses
	reportTime = 30 * time.Second // until all serve what was agreed on
)

// Proposal is a new configuration.
type Proposal struct {
	Bundle *Bundle
	Base   uint64 // the generation that it was made of
	Note   string
	Force  bool   // also where nodes refuse it
	Of     uint64 // the generation that it goes back to
}

// NodeReport is what a node said of a proposal.
type NodeReport struct {
	Node   string `json:"node"`
	OK     bool   `json:"ok"`
	Report string `json:"report,omitempty"`
}

// Applied is what came of a proposal.
type Applied struct {
	Generation uint64       `json:"generation,omitempty"` // 0: nothing changed
	Checked    []NodeReport `json:"checked"`
	Skipped    []string     `json:"skipped,omitempty"` // failed and left nodes
	Serving    []NodeReport `json:"serving,omitempty"`
	Error      string       `json:"error,omitempty"` // why nothing changed
}

// OK tells whether every node serves it.
func (a *Applied) OK() bool {
	return a.Error == "" && !slices.ContainsFunc(a.Serving, func(r NodeReport) bool { return !r.OK })
}

// Apply has a new configuration checked by every live node, agreed on and served.
// progress, if not nil, is told what is going on.
func (n *Node) Apply(ctx context.Context, p *Proposal, progress func(string)) *Applied {
	a := &Applied{}
	say := func(format string, args ...any) {
		if progress != nil {
			progress(fmt.Sprintf(format, args...))
		}
	}
	fail := func(err error) *Applied {
		a.Error = err.Error()
		return a
	}
	m, err := n.contents.Gather(p.Bundle.Dir, p.Bundle.Main, p.Bundle.Files)
	if err != nil {
		return fail(err)
	}
	defer n.contents.Hold(m)()
	say("checking on every node")
	a.Checked, a.Skipped = n.check(ctx, m)
	var no []string
	for _, r := range a.Checked {
		if !r.OK {
			no = append(no, r.Node)
		}
	}
	if len(no) > 0 && !p.Force {
		return fail(fmt.Errorf("refused by %s; nothing changed", strings.Join(no, ", ")))
	}
	say("agreeing")
	limit, cancel := context.WithTimeout(ctx, checkTime)
	r, err := n.propose(limit, &state.Entry{Commit: &state.Commit{Base: p.Base, Manifest: *m, By: n.config.Name, Note: p.Note, At: time.Now().Unix(), Of: p.Of}})
	cancel()
	if err = errors.Join(err, r.Err); err != nil {
		return fail(err)
	}
	a.Generation = r.Generation
	say("generation %d is agreed on; waiting for the nodes to serve it", r.Generation)
	a.Serving = n.await(ctx, r.Generation)
	return a
}

// currentTime is how long Current waits.
const currentTime = 5 * time.Second

// Current is the active generation once this node has all of the log that it knows of: a
// node that has just started knows none before there is a leader. Where that is not soon
// it is what is known.
func (n *Node) Current(ctx context.Context) uint64 {
	ctx, cancel := context.WithTimeout(ctx, currentTime)
	defer cancel()
	for {
		s := n.raft.Stats()
		if n.raft.Leader() != "" && s.Applied >= s.Last || s.Parked != nil || s.Halted != nil {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
			continue
		case <-ctx.Done():
		}
		break
	}
	st, _, _ := n.raft.State()
	return st.Active
}

// check has every live node check a bundle, this one too.
func (n *Node) check(ctx context.Context, m *state.Manifest) (all []NodeReport, skipped []string) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var mu sync.Mutex
	var work sync.WaitGroup
	put := func(name string, v verdict) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, NodeReport{name, v.OK, v.Report})
	}
	work.Go(func() { put(n.config.Name, *n.try(ctx, n.id.ID, &trial{Manifest: *m})) })
	for _, p := range n.list.Members() {
		switch {
		case p.ID == n.id.ID:
		case p.State == member.Failed || p.State == member.Left:
			skipped = append(skipped, p.Meta.Name)
		default:
			work.Go(func() {
				var v verdict
				_, err := n.client.Ask(ctx, rpc.Question{Address: p.Addr.String(), ID: p.ID, Method: "check", Args: trial{*m, n.config.Advertise.String()}, Into: &v})
				if errors.Is(err, context.DeadlineExceeded) {
					err = fmt.Errorf("it did not answer for %v", checkTime)
				}
				if err != nil {
					v = verdict{Report: err.Error()}
				}
				put(p.Meta.Name, v)
			})
		}
	}
	work.Wait()
	slices.SortFunc(all, func(a, b NodeReport) int { return strings.Compare(a.Node, b.Node) })
	return all, skipped
}

// try fetches a bundle from who proposes it and checks it here.
func (n *Node) try(ctx context.Context, from string, t *trial) *verdict {
	if err := t.Manifest.Check(); err != nil {
		return &verdict{Report: err.Error()}
	}
	release := n.contents.Hold(&t.Manifest)
	// It is needed until the commit has come about or not.
	time.AfterFunc(fetchTime, release)
	var first *member.Member
	if m, ok := n.list.Member(from); ok && from != n.id.ID {
		first = &m
	}
	err := n.fetch(ctx, &t.Manifest, first)
	var files map[string][]byte
	if err == nil {
		files, err = n.contents.Files(&t.Manifest)
	}
	if err == nil {
		err = n.config.Applier.Check(ctx, &Bundle{Dir: t.Manifest.Dir, Main: t.Manifest.Main, Files: files})
	}
	if err != nil {
		return &verdict{Report: err.Error()}
	}
	return &verdict{OK: true}
}

// await waits until every live node serves a generation, or says why not.
func (n *Node) await(ctx context.Context, generation uint64) []NodeReport {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	got := map[string]NodeReport{}
	for {
		open := 0
		ask := func(name string, s standing, err error) {
			switch {
			case err != nil:
				got[name] = NodeReport{name, false, err.Error()}
			case s.Generation >= generation:
				got[name] = NodeReport{name, true, ""}
				return
			case s.Refused != "" && s.RefusedOf >= generation:
				got[name] = NodeReport{name, false, s.Refused}
				return
			default:
				got[name] = NodeReport{name, false, fmt.Sprintf("it serves generation %d still", s.Generation)}
			}
			open++
		}
		ask(n.config.Name, n.standing(), nil)
		for _, p := range n.alive() {
			if got[p.Meta.Name].OK {
				continue
			}
			var s standing
			limit, cancel := context.WithTimeout(ctx, helloTime)
			_, err := n.client.Ask(limit, rpc.Question{Address: p.Addr.String(), ID: p.ID, Method: "standing", Into: &s})
			cancel()
			ask(p.Meta.Name, s, err)
		}
		if open == 0 {
			break
		}
		select {
		case <-time.After(50 * time.Millisecond):
			continue
		case <-ctx.Done():
		}
		break
	}
	var all []NodeReport
	for _, r := range got {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b NodeReport) int { return strings.Compare(a.Node, b.Node) })
	return all
}

// Bundle returns a generation's bundle, fetched where it is not here; 0 is the active
// one.
func (n *Node) Bundle(ctx context.Context, generation uint64) (*Bundle, error) {
	s, _, _ := n.raft.State()
	if generation == 0 {
		generation = s.Active
	}
	g, ok := s.Generation(generation)
	if !ok {
		if generation == 0 {
			return nil, errors.New("the fleet has no configuration yet: 'gohap cluster apply' brings one")
		}
		return nil, fmt.Errorf("generation %d is not kept", generation)
	}
	defer n.contents.Hold(&g.Manifest)()
	if err := n.fetch(ctx, &g.Manifest, nil); err != nil {
		return nil, err
	}
	files, err := n.contents.Files(&g.Manifest)
	if err != nil {
		return nil, err
	}
	return &Bundle{Generation: generation, Dir: g.Manifest.Dir, Main: g.Manifest.Main, Files: files}, nil
}

// Transfer hands the lead to a node by name, to any for an empty one.
func (n *Node) Transfer(ctx context.Context, name string) error {
	id := ""
	if name != "" {
		var err error
		if id, err = n.byName(name); err != nil {
			return err
		}
	}
	if id != "" && n.raft.Leader() == id {
		return nil
	}
	return n.askLeader(ctx, "transfer", id, func() error { return n.raft.Transfer(ctx, id) })
}

// Remove takes a node that is gone out of the fleet, by name.
func (n *Node) Remove(ctx context.Context, name string) error {
	id, err := n.byName(name)
	if err != nil {
		return err
	}
	if m, ok := n.list.Member(id); id == n.id.ID || ok && (m.State == member.Alive || m.State == member.Suspect) {
		return fmt.Errorf("node %s is alive: stop it first", name)
	}
	return n.askLeader(ctx, "remove", id, func() error { return n.removeHere(ctx, id) })
}

// byName finds a node's id.
func (n *Node) byName(name string) (string, error) {
	s, _, _ := n.raft.State()
	var names []string
	for _, k := range s.Nodes {
		if k.Name == name || k.ID == name {
			return k.ID, nil
		}
		names = append(names, k.Name)
	}
	return "", fmt.Errorf("the fleet has no node %s; it has %s", name, strings.Join(names, ", "))
}
