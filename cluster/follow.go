package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gohap/cluster/bundle"
	"gohap/cluster/member"
	"gohap/cluster/rpc"
	"gohap/cluster/state"
)

const (
	retryLeast = 2 * time.Second // between attempts to serve a generation
	retryMost  = time.Minute
	fetchTime  = time.Minute
)

// follow has the active generation served, whenever there is another one.
func (n *Node) follow() {
	wait := retryLeast
	said := state.State{}
	for {
		s, _, changed := n.raft.State()
		if s.Fleet != said.Fleet || s.Active != said.Active {
			said = *s
			wait = retryLeast
			n.tell()
		}
		n.mu.Lock()
		running := n.running
		n.mu.Unlock()
		var again <-chan time.Time
		if s.Active != 0 && s.Active != running {
			if err := n.serve(s); err != nil {
				n.refuse(s.Active, err)
				again = time.After(wait)
				wait = min(2*wait, retryMost)
			} else {
				wait = retryLeast
			}
		}
		select {
		case <-changed:
		case <-again:
		case <-n.ctx.Done():
			return
		}
	}
}

func (n *Node) refuse(generation uint64, err error) {
	if n.ctx.Err() != nil {
		return
	}
	n.mu.Lock()
	same := n.refused == err.Error() && n.refusedOf == generation
	n.refused, n.refusedOf = err.Error(), generation
	n.mu.Unlock()
	if !same {
		n.config.Log.Error("fleet: the active configuration is not served here; the former one is", "generation", generation, "error", err)
	}
}

// serve fetches the active generation and has it served.
func (n *Node) serve(s *state.State) error {
	g, ok := s.Generation(s.Active)
	if !ok {
		return fmt.Errorf("generation %d is not known", s.Active)
	}
	defer n.contents.Hold(&g.Manifest)()
	ctx, cancel := n.within(fetchTime)
	defer cancel()
	if err := n.fetch(ctx, &g.Manifest, nil); err != nil {
		return err
	}
	files, err := n.contents.Files(&g.Manifest)
	if err != nil {
		return err
	}
	if err := n.config.Applier.Apply(ctx, &Bundle{Generation: g.Number, Dir: g.Manifest.Dir, Main: g.Manifest.Main, Files: files}); err != nil {
		return err
	}
	n.mu.Lock()
	n.running, n.refused, n.refusedOf = g.Number, "", 0
	n.mu.Unlock()
	if err := bundle.WriteLast(n.lastPath(), &bundle.Last{Fleet: s.Fleet, Generation: g.Number, Manifest: g.Manifest}); err != nil {
		n.config.Log.Error("fleet: the last good configuration cannot be kept on disk", "error", err)
	}
	n.config.Log.Info("fleet: serving", "generation", g.Number)
	n.tell()
	return nil
}

// fetch gets the contents that a manifest names and that are not here: from the one
// who is said to have them first, else from anybody.
func (n *Node) fetch(ctx context.Context, m *state.Manifest, first *member.Member) error {
	missing := n.contents.Missing(m)
	if len(missing) == 0 {
		return nil
	}
	from := n.alive()
	if first != nil {
		from = append([]member.Member{*first}, from...)
	}
	for _, f := range missing {
		why := errors.New("nobody is there to have it")
		for i, p := range from {
			_, err := n.client.Ask(ctx, rpc.Question{Address: p.Addr.String(), ID: p.ID, Method: "contents", Args: f.Hash, Take: func(r io.Reader, size int64) error {
				if size != f.Size {
					return fmt.Errorf("%d bytes came, not %d", size, f.Size)
				}
				_, _, err := n.contents.Put(r, f.Hash, f.Size)
				return err
			}})
			if err == nil || i == 0 { // who comes first has it most likely
				why = err
			}
			if err == nil {
				break
			}
		}
		if why != nil {
			return fmt.Errorf("%s was not fetched: %w", f.Name, why)
		}
	}
	return nil
}

// LastGood is the bundle that the node served last, for its start; nil without one.
func LastGood(dir string) (*Bundle, error) {
	last, err := bundle.ReadLast(dir + "/last.json")
	if err != nil || last == nil {
		return nil, err
	}
	contents, err := bundle.Open(dir + "/contents")
	if err != nil {
		return nil, err
	}
	files, err := contents.Files(&last.Manifest)
	if err != nil {
		return nil, err
	}
	return &Bundle{Generation: last.Generation, Dir: last.Manifest.Dir, Main: last.Manifest.Main, Files: files}, nil
}
