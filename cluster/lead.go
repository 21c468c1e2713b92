package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gohap/cluster/agree"
	"gohap/cluster/member"
	"gohap/cluster/rpc"
	"gohap/cluster/state"
)

const (
	leadEvery = time.Second
	// sweepEvery is how often contents that nobody needs are looked for.
	sweepEvery = time.Minute
	// stableTime is how long a node has to be there before it votes, and how long a
	// voter may be away before another one takes its place.
	stableTime = 10 * time.Second
	// keptGenerations is how many former configurations are kept.
	keptGenerations = 20
)

// lead does what the leader does besides: a step every second, each small and safe to
// be done again by the next leader.
func (n *Node) lead() {
	known := uint64(0) // the term in which all that was agreed on before is known here
	swept := time.Now()
	for n.sleep(2 * leadEvery) {
		if s, _, _ := n.raft.State(); s.Last == 0 { // the leader asks for it
			if _, err := n.own(); err != nil {
				n.config.Log.Debug("fleet: this node's own configuration", "error", err)
			}
		}
		if n.raft.Leads() {
			if err := n.step(&known); err != nil && n.ctx.Err() == nil {
				n.config.Log.Debug("fleet: leading", "error", err)
			}
		}
		if time.Since(swept) > sweepEvery {
			n.sweep()
			swept = time.Now()
		}
	}
}

func (n *Node) step(known *uint64) error {
	ctx, cancel := n.within(5 * time.Second)
	defer cancel()
	// Once a term: to confirm is an entry of the log, on every voter's disk.
	if term := n.raft.Stats().Term; term != *known {
		if err := n.raft.Confirm(ctx); err != nil {
			return err
		}
		*known = term
	}
	s, _, _ := n.raft.State()
	if s.Fleet == "" {
		_, err := n.raft.Propose(ctx, &state.Entry{Found: &state.Found{Fleet: newUUID()}})
		return err
	}
	servers, err := n.raft.Servers()
	if err != nil {
		return err
	}
	for _, v := range servers { // the founding members
		if _, ok := s.Node(v.ID); ok {
			continue
		}
		name := n.config.Name
		if v.ID != n.id.ID {
			m, ok := n.list.Member(v.ID)
			if !ok {
				continue
			}
			name = m.Meta.Name
		}
		if r, err := n.raft.Propose(ctx, &state.Entry{Admit: &state.Node{ID: v.ID, Name: name}}); err != nil {
			return err
		} else if r.Err != nil {
			n.config.Log.Error("fleet: a founding member is not taken in", "error", r.Err)
		}
	}
	if s.Last == 0 {
		return n.first(servers)
	}
	if old := len(s.Generations) - keptGenerations; old > 0 {
		var forget []uint64
		for _, g := range s.Generations[:old] {
			if g.Number != s.Active {
				forget = append(forget, g.Number)
			}
		}
		if _, err := n.raft.Propose(ctx, &state.Entry{Forget: &state.Forget{Generations: forget}}); err != nil {
			return err
		}
	}
	return n.electors(servers)
}

// electors promotes a node that only listens and is stable: while there are fewer
// voters than may be, or in the place of one that is gone.
func (n *Node) electors(servers []agree.Server) error {
	there := map[string]member.Member{n.id.ID: {ID: n.id.ID, State: member.Alive}}
	for _, m := range n.list.Members() {
		there[m.ID] = m
	}
	now := time.Now()
	var stable, gone string
	voters := 0
	for _, v := range servers {
		m, known := there[v.ID]
		switch {
		case v.Voter:
			voters++
			if known && (m.State == member.Failed || m.State == member.Left) && now.Sub(m.Since) > stableTime {
				gone = v.ID
			}
		case known && m.State == member.Alive && now.Sub(m.Since) > stableTime && stable == "":
			stable = v.ID
		}
	}
	if stable == "" || voters >= n.config.MaxVoters && gone == "" {
		return nil
	}
	ctx, cancel := n.within(10 * time.Second)
	defer cancel()
	if err := n.raft.Add(ctx, stable, there[stable].Addr.String(), true); err != nil {
		return err
	}
	if gone != "" && voters >= n.config.MaxVoters {
		return n.raft.Demote(ctx, gone)
	}
	return nil
}

// first commits the configuration that the founding members were started with, where
// all were started with the same; else a person has to apply one.
func (n *Node) first(servers []agree.Server) error {
	ctx, cancel := n.within(10 * time.Second)
	defer cancel()
	own, err := n.own()
	if err != nil {
		return err
	}
	var differ []string
	for _, v := range servers {
		if v.ID == n.id.ID {
			continue
		}
		var is standing
		m, ok := n.list.Member(v.ID)
		if !ok {
			return fmt.Errorf("founding member %s is not seen yet", v.ID)
		}
		if _, err := n.client.Ask(ctx, rpc.Question{Address: m.Addr.String(), ID: v.ID, Method: "standing", Into: &is}); err != nil {
			n.unlike("waiting for node " + m.Meta.Name + " to compare the configurations that the nodes were started with")
			return err
		}
		if is.Local == nil {
			return fmt.Errorf("founding member %s has not read its configuration yet", m.Meta.Name)
		}
		if !own.Equal(is.Local) {
			differ = append(differ, fmt.Sprintf("%s (%s)", m.Meta.Name, difference(own, is.Local)))
		}
	}
	if len(differ) > 0 {
		slices.Sort(differ)
		n.unlike(fmt.Sprintf("the nodes were started with different configurations: %s and %s; look at 'gohap cluster diff', then 'gohap cluster apply' the right one", n.config.Name, strings.Join(differ, ", ")))
		return nil
	}
	n.unlike("")
	_, err = n.raft.Propose(ctx, &state.Entry{Commit: &state.Commit{Manifest: *own, By: n.config.Name, Note: "all founding nodes were started with it", At: time.Now().Unix()}})
	return err
}

// difference names some files in which two bundles differ.
func difference(a, b *state.Manifest) string {
	var all []string
	for _, f := range b.Files {
		if o, ok := a.File(f.Name); !ok || o.Hash != f.Hash {
			all = append(all, f.Name)
		}
	}
	for _, f := range a.Files {
		if _, ok := b.File(f.Name); !ok {
			all = append(all, f.Name)
		}
	}
	if len(all) == 0 {
		return "the order of files"
	}
	if more := len(all) - 3; more > 0 {
		all = append(all[:3], fmt.Sprintf("%d more", more))
	}
	return strings.Join(all, ", ")
}

func (n *Node) unlike(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if text != "" && text != n.differ {
		n.config.Log.Warn("fleet: " + text)
	}
	n.differ = text
}

// own is the manifest of the configuration that this node was started with; its
// contents are stored and held for good.
func (n *Node) own() (*state.Manifest, error) {
	n.mu.Lock()
	m := n.local
	n.mu.Unlock()
	if m != nil {
		return m, nil
	}
	b, err := n.config.Local()
	if err != nil {
		return nil, err
	}
	if m, err = n.contents.Gather(b.Dir, b.Main, b.Files); err != nil {
		return nil, err
	}
	n.contents.Hold(m)
	n.mu.Lock()
	n.local = m
	n.mu.Unlock()
	return m, nil
}

// sweep deletes contents that no generation names, once all is known.
func (n *Node) sweep() {
	s, _, _ := n.raft.State()
	n.mu.Lock()
	running := n.running
	n.mu.Unlock()
	if s.Active == 0 || s.Active != running {
		return
	}
	if k, err := n.contents.Sweep(s.Needs()); err != nil {
		n.config.Log.Warn("fleet: sweeping contents", "error", err)
	} else if k > 0 {
		n.config.Log.Debug("fleet: contents that nobody needs are gone", "files", k)
	}
}
