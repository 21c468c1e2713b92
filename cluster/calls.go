package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gohap/cluster/agree"
	"gohap/cluster/member"
	"gohap/cluster/rpc"
	"gohap/cluster/state"
)

// What nodes ask each other. Names and fields are the wire's: they stay.

// codeNotLeader says that another node leads.
const codeNotLeader = "not-leader"

func isCode(err error, code string) bool {
	var e *rpc.Error
	return errors.As(err, &e) && e.Code == code
}

// hello is who a node is and what it knows; asked of addresses.
type hello struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	At     string   `json:"at"`
	Fleet  string   `json:"fleet"`
	Known  bool     `json:"known"` // it belongs to a cluster
	List   []string `json:"list"`  // its founding list
	Expect int      `json:"expect"`
	Leader string   `json:"leader"`    // id
	LeadAt string   `json:"leader_at"` // address
}

// wish is a node that wants something: to found, or to come in.
type wish struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	At   string   `json:"at"`
	List []string `json:"list,omitempty"`
}

// proposed is what came of an entry.
type proposed struct {
	Generation uint64 `json:"generation"`
	Refused    string `json:"refused,omitempty"`
	Base       uint64 `json:"base,omitempty"`   // of a conflict
	Active     uint64 `json:"active,omitempty"` // of a conflict
}

// trial asks a node to check a bundle, whose contents the asker has.
type trial struct {
	Manifest state.Manifest `json:"manifest"`
	At       string         `json:"at"` // the asker's address
}

// verdict is what a node says of a bundle.
type verdict struct {
	OK     bool   `json:"ok"`
	Report string `json:"report,omitempty"`
}

// standing is what a node serves.
type standing struct {
	Generation uint64          `json:"generation"`
	Applied    uint64          `json:"applied"`           // of the fleet's log
	Refused    string          `json:"refused,omitempty"` // why RefusedOf is not served
	RefusedOf  uint64          `json:"refused_generation,omitempty"`
	Local      *state.Manifest `json:"local,omitempty"`
}

// handle sets who answers what.
func (n *Node) handle() {
	n.server.Handle("hello", func(context.Context, *rpc.Call) (any, error) { return n.hello(), nil })
	n.server.Handle("grant", func(_ context.Context, c *rpc.Call) (any, error) {
		return answer(c, func(w wish) (any, error) { return nil, n.granted(c.Peer, w) })
	})
	n.server.Handle("withdraw", func(_ context.Context, c *rpc.Call) (any, error) { return nil, n.withdrawn(c.Peer) })
	n.server.Handle("join", func(ctx context.Context, c *rpc.Call) (any, error) {
		return answer(c, func(w wish) (any, error) {
			if w.ID != c.Peer {
				return nil, errors.New("a node may ask for itself alone")
			}
			return nil, n.admit(ctx, w)
		})
	})
	n.server.Handle("propose", func(ctx context.Context, c *rpc.Call) (any, error) {
		return answer(c, func(e state.Entry) (any, error) {
			r, err := n.raft.Propose(ctx, &e)
			var not *agree.NotLeaderError
			if errors.As(err, &not) {
				err = &rpc.Error{Code: codeNotLeader, Text: err.Error()}
			}
			p := proposed{Generation: r.Generation}
			if r.Err != nil {
				p.Refused = r.Err.Error()
				var conflict *state.ConflictError
				if errors.As(r.Err, &conflict) {
					p.Base, p.Active = conflict.Base, conflict.Active
				}
			}
			return p, err
		})
	})
	n.server.Handle("check", func(ctx context.Context, c *rpc.Call) (any, error) {
		return answer(c, func(t trial) (any, error) { return n.try(ctx, c.Peer, &t), nil })
	})
	n.server.Handle("contents", func(_ context.Context, c *rpc.Call) (any, error) {
		return answer(c, func(h state.Hash) (any, error) {
			f, err := n.contents.Open(h)
			if err != nil {
				return nil, err
			}
			info, err := f.Stat()
			if err != nil {
				f.Close()
				return nil, err
			}
			return rpc.Contents{Body: f, Size: info.Size()}, nil
		})
	})
	n.server.Handle("standing", func(context.Context, *rpc.Call) (any, error) { return n.standing(), nil })
	n.server.Handle("command", func(ctx context.Context, c *rpc.Call) (any, error) {
		return answer(c, func(l line) (any, error) { return n.console(ctx, l) })
	})
	n.server.Handle("transfer", func(ctx context.Context, c *rpc.Call) (any, error) {
		return answer(c, func(id string) (any, error) { return nil, n.raft.Transfer(ctx, id) })
	})
	n.server.Handle("remove", func(ctx context.Context, c *rpc.Call) (any, error) {
		return answer(c, func(id string) (any, error) { return nil, n.removeHere(ctx, id) })
	})
}

// answer reads a call's arguments for f.
func answer[T any](c *rpc.Call, f func(T) (any, error)) (any, error) {
	var args T
	if err := c.Args(&args); err != nil {
		return nil, err
	}
	return f(args)
}

func (n *Node) hello() hello {
	s, _, _ := n.raft.State()
	known, _ := n.raft.Known()
	h := hello{ID: n.id.ID, Name: n.config.Name, At: n.config.Advertise.String(), Fleet: s.Fleet, Known: known,
		List: n.founders(), Expect: n.expect(), Leader: n.raft.Leader()}
	if h.Leader != "" {
		h.LeadAt, _ = n.where(h.Leader)
	}
	return h
}

func (n *Node) standing() standing {
	_, index, _ := n.raft.State()
	n.mu.Lock()
	defer n.mu.Unlock()
	return standing{Generation: n.running, Applied: index, Refused: n.refused, RefusedOf: n.refusedOf, Local: n.local}
}

// askToPropose has another node propose an entry.
func (n *Node) askToPropose(ctx context.Context, id, at string, e *state.Entry) (r state.Result, err error) {
	var p proposed
	if _, err := n.client.Ask(ctx, rpc.Question{Address: at, ID: id, Method: "propose", Args: e, Into: &p}); err != nil {
		return r, err
	}
	r.Generation = p.Generation
	switch {
	case p.Base != p.Active:
		r.Err = &state.ConflictError{Base: p.Base, Active: p.Active}
	case p.Refused != "":
		r.Err = errors.New(p.Refused)
	}
	return r, nil
}

// askLeader asks whoever leads, which may be this node itself: here does it then.
func (n *Node) askLeader(ctx context.Context, method string, args any, here func() error) error {
	for {
		err := error(&agree.NotLeaderError{})
		if n.raft.Leads() {
			err = here()
		} else if id := n.raft.Leader(); id != "" {
			at, ok := n.where(id)
			if !ok {
				return fmt.Errorf("the leader %s is not reached", id)
			}
			_, err = n.client.Ask(ctx, rpc.Question{Address: at, ID: id, Method: method, Args: args})
		}
		var not *agree.NotLeaderError
		if err == nil || !errors.As(err, &not) && !isCode(err, codeNotLeader) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// alive are the other members that can be asked.
func (n *Node) alive() (all []member.Member) {
	for _, m := range n.list.Members() {
		if m.ID != n.id.ID && (m.State == member.Alive || m.State == member.Suspect) {
			all = append(all, m)
		}
	}
	return all
}
