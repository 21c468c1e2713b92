package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gohap/cluster/agree"
	"gohap/cluster/member"
	"gohap/cluster/rpc"
	"gohap/cluster/state"
)

const (
	joinEvery   = time.Second      // on the way in
	rejoinEvery = 10 * time.Second // afterwards, while somebody is missing
	helloTime   = 2 * time.Second
)

// join is the way in, and back after a partition, for ever.
func (n *Node) join() {
	for {
		at, named := n.seeds()
		known, err := n.raft.Known()
		wait := rejoinEvery
		switch {
		case err != nil:
			n.waiting("the fleet's log cannot be read: " + err.Error())
		case known:
			n.waiting("")
			n.remember()
		default:
			wait = joinEvery
			n.waiting(n.enter(at, named))
		}
		n.meet(at)
		if !n.sleep(wait) {
			return
		}
	}
}

func (n *Node) waiting(for_ string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waits != for_ && for_ != "" {
		n.config.Log.Info("fleet: " + for_)
	}
	n.waits = for_
}

// remember keeps the fleet's id on disk, and forgets what it took to come in.
func (n *Node) remember() {
	s, _, _ := n.raft.State()
	n.mu.Lock()
	same := s.Fleet == "" || n.id.Fleet == s.Fleet && n.id.Grant == nil
	n.mu.Unlock()
	if same {
		return
	}
	if err := n.keep(func(i *identity) { i.Fleet, i.Grant = s.Fleet, nil }); err != nil {
		n.config.Log.Error("fleet: the node's identity cannot be kept", "error", err)
	}
}

// named is what the names of seeds stand for.
type named struct {
	nodes   int    // addresses: of a name those of the family of which it has more
	several string // a name that stands for more than one node, "" for none
}

// count takes a name's addresses in. One of each family may be one node's.
func (k *named) count(name string, found []netip.Addr) {
	four := 0
	for _, a := range found {
		if a.Unmap().Is4() {
			four++
		}
	}
	most := max(four, len(found)-four)
	if k.nodes += most; most > 1 {
		k.several = name
	}
}

// seeds resolves the seeds; what cannot be is left out this time.
func (n *Node) seeds() (all []netip.AddrPort, names named) {
	for _, s := range n.config.Seeds {
		s = strings.TrimSpace(s)
		host, port := s, n.config.Port
		if h, p, err := net.SplitHostPort(s); err == nil {
			k, err := strconv.ParseUint(p, 10, 16)
			if err != nil {
				continue
			}
			host, port = h, uint16(k)
		}
		if a, err := netip.ParseAddr(host); err == nil {
			all = append(all, netip.AddrPortFrom(a, port))
			names.nodes++
			continue
		}
		ctx, cancel := n.within(helloTime)
		found, err := n.config.Resolve(ctx, host)
		cancel()
		if err != nil {
			n.config.Log.Debug("fleet: a seed cannot be resolved", "seed", s, "error", err)
		}
		names.count(host, found)
		for _, a := range found {
			all = append(all, netip.AddrPortFrom(a.Unmap(), port))
		}
	}
	return all, names
}

// meet joins the gossip of every address where a node was seen and none is now.
func (n *Node) meet(seeds []netip.AddrPort) {
	alive := map[netip.AddrPort]bool{n.config.Advertise: true}
	all := map[netip.AddrPort]bool{}
	for _, m := range n.list.Members() {
		if m.State == member.Alive || m.State == member.Suspect {
			alive[m.Addr] = true
		} else if m.State == member.Failed {
			all[m.Addr] = true
		}
	}
	for _, a := range seeds {
		all[a] = true
	}
	for a := range all {
		if !alive[a] && n.ctx.Err() == nil {
			if _, err := n.list.Join([]string{a.String()}); err != nil {
				n.config.Log.Debug("fleet: nobody joined", "address", a, "error", err)
			}
		}
	}
}

// ask asks a node who it is.
func (n *Node) ask(at netip.AddrPort) (h hello, err error) {
	ctx, cancel := n.within(helloTime)
	defer cancel()
	id, err := n.client.Ask(ctx, rpc.Question{Address: at.String(), Method: "hello", Into: &h})
	if err == nil && id != h.ID {
		err = fmt.Errorf("node %s says that it is %.40q", id, h.ID)
	}
	return h, err
}

// enter tries to come into a fleet or to found one; it returns what it waits for, ""
// where it is in.
func (n *Node) enter(seeds []netip.AddrPort, names named) string {
	met := map[string]hello{}
	missing := []string{}
	self := false
	for _, at := range seeds {
		h, err := n.ask(at)
		switch {
		case err != nil:
			missing = append(missing, at.String())
		case h.ID == n.id.ID:
			self = true
		default:
			h.At = at.String()
			met[h.ID] = h
		}
	}
	for _, h := range met {
		if h.Known && h.Fleet != "" {
			return n.come(h)
		}
	}
	if n.id.Fleet != "" {
		return "this node belongs to fleet " + n.id.Fleet + " and lost its log: waiting for a node of it"
	}
	if why := n.unsure(self, names); why != "" {
		return why
	}
	return n.found(met, missing)
}

// come asks a node that knows a cluster to be taken in.
func (n *Node) come(h hello) string {
	if n.id.Fleet != "" && n.id.Fleet != h.Fleet {
		return fmt.Sprintf("node %s belongs to fleet %s, this one to fleet %s: an empty data directory makes this node new", h.Name, h.Fleet, n.id.Fleet)
	}
	w := wish{ID: n.id.ID, Name: n.config.Name, At: n.config.Advertise.String()}
	at, id := h.At, h.ID
	if h.LeadAt != "" {
		at, id = h.LeadAt, h.Leader
	}
	ctx, cancel := n.within(10 * time.Second)
	defer cancel()
	if _, err := n.client.Ask(ctx, rpc.Question{Address: at, ID: id, Method: "join", Args: w}); err != nil {
		if isCode(err, codeNotLeader) {
			return "the fleet has no leader: this node is taken in when it has"
		}
		return fmt.Sprintf("the fleet does not take this node in: %v", err)
	}
	return "taken in; waiting for the fleet's log"
}

// unsure says why the seeds do not tell how many found the fleet, "" where they do: of one
// list two fleets could come.
func (n *Node) unsure(self bool, names named) string {
	list, expect := strings.Join(n.founders(), ","), n.config.Expect
	switch {
	case expect == 0 && names.several != "":
		return fmt.Sprintf("%s stands for several nodes: say by --bootstrap-expect how many found the fleet", names.several)
	case expect == 0 && !self:
		return fmt.Sprintf("none of %s is this node: name it among --peers, or say --bootstrap-expect", list)
	case expect > 0 && expect*2 <= names.nodes:
		return fmt.Sprintf("--bootstrap-expect %d: %s stands for %d nodes, more than half of them are needed", expect, list, names.nodes)
	}
	return ""
}

// found founds a fleet when this node may, and says what it waits for until then.
func (n *Node) found(met map[string]hello, missing []string) string {
	list, expect := n.founders(), n.expect()
	for _, h := range met {
		if !slices.Equal(h.List, list) || h.Expect != expect {
			return fmt.Sprintf("node %s was started with --peers %s and expects %d nodes, this one with %s and %d: they must be the same", h.Name, strings.Join(h.List, ","), h.Expect, strings.Join(list, ","), expect)
		}
	}
	if have := len(met) + 1; have < expect {
		return fmt.Sprintf("%d of %d founding nodes are here; missing: %s", have, expect, strings.Join(missing, ", "))
	}
	ids := append(slices.Collect(maps.Keys(met)), n.id.ID)
	if first := slices.Min(ids); first != n.id.ID {
		n.giveBack(met)
		return "all founding nodes are here; waiting for node " + met[first].Name + " to found the fleet"
	}
	w := wish{ID: n.id.ID, Name: n.config.Name, At: n.config.Advertise.String(), List: list}
	if err := n.granted(n.id.ID, w); err != nil {
		return "this node cannot found the fleet: " + err.Error()
	}
	at := map[string]string{n.id.ID: n.config.Advertise.String()}
	for id, h := range met {
		ctx, cancel := n.within(helloTime)
		_, err := n.client.Ask(ctx, rpc.Question{Address: h.At, ID: id, Method: "grant", Args: w})
		cancel()
		if err != nil {
			return fmt.Sprintf("node %s does not agree that this one founds the fleet: %v", h.Name, err)
		}
		at[id] = h.At
	}
	if err := n.raft.Bootstrap(at); err != nil {
		return "founding the fleet: " + err.Error()
	}
	return "founded the fleet; electing a leader"
}

// giveBack gives back the words of others that this node has and may not use any more,
// for a node with a lower id came.
func (n *Node) giveBack(met map[string]hello) {
	if g := n.grant(); g == nil || g.To != n.id.ID {
		return
	}
	for id, h := range met {
		ctx, cancel := n.within(helloTime)
		_, err := n.client.Ask(ctx, rpc.Question{Address: h.At, ID: id, Method: "withdraw"})
		cancel()
		if err != nil {
			return // its own it keeps until all have theirs
		}
	}
	if err := n.withdrawn(n.id.ID); err != nil {
		n.config.Log.Error("fleet: the node's identity cannot be kept", "error", err)
	}
}

// admit takes a node in; for the leader. A node that has lost its disk comes back with
// a new id under its old name: it takes the place of the old one when that is gone.
func (n *Node) admit(ctx context.Context, w wish) error {
	if err := member.CheckName(w.Name); err != nil {
		return err
	}
	if !n.raft.Leads() {
		return &rpc.Error{Code: codeNotLeader, Text: (&agree.NotLeaderError{Leader: n.raft.Leader()}).Error()}
	}
	s, _, _ := n.raft.State()
	for _, old := range s.Nodes {
		if old.Name != w.Name || old.ID == w.ID {
			continue
		}
		if m, ok := n.list.Member(old.ID); ok && (m.State == member.Alive || m.State == member.Suspect) || old.ID == n.id.ID {
			return fmt.Errorf("there is a node %s already (%s at %s), and it is alive: take another --name", w.Name, old.ID, m.Addr)
		}
		if err := n.removeHere(ctx, old.ID); err != nil {
			return fmt.Errorf("the former node %s is not removed: %w", w.Name, err)
		}
	}
	r, err := n.raft.Propose(ctx, &state.Entry{Admit: &state.Node{ID: w.ID, Name: w.Name}})
	if err = errors.Join(err, r.Err); err != nil {
		return err
	}
	servers, err := n.raft.Servers()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(servers, func(s agree.Server) bool { return s.ID == w.ID }) {
		return nil
	}
	return n.raft.Add(ctx, w.ID, w.At, false)
}

// removeHere takes a node out; for the leader.
func (n *Node) removeHere(ctx context.Context, id string) error {
	if err := n.raft.Remove(ctx, id); err != nil {
		var not *agree.NotLeaderError
		if errors.As(err, &not) {
			return &rpc.Error{Code: codeNotLeader, Text: err.Error()}
		}
		return err
	}
	r, err := n.raft.Propose(ctx, &state.Entry{Remove: &state.Remove{ID: id}})
	n.list.Forget(id)
	return errors.Join(err, r.Err)
}
