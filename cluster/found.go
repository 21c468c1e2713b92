package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A fleet begins once. Who may begin it is the node with the lowest id of the founding
// list, and only when every member of that list has given it its word; each keeps its
// word on disk, one at a time, until the one who has it gives it back. So of one list
// no two clusters can come, whoever restarts or is cut off meanwhile.

// founders is the founding list: the seeds as the operator wrote them, in an order of
// its own, the same on every node.
func (n *Node) founders() []string {
	list := slices.Clone(n.config.Seeds)
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	slices.Sort(list)
	return list
}

// expect is how many founding members there are.
func (n *Node) expect() int {
	if n.config.Expect > 0 {
		return n.config.Expect
	}
	return len(n.config.Seeds)
}

// keep writes the identity after a change; the change is undone where that fails.
func (n *Node) keep(change func(*identity)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := *n.id
	change(n.id)
	if err := n.id.write(n.config.Dir); err != nil {
		*n.id = before
		return err
	}
	return nil
}

func (n *Node) grant() *grant {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id.Grant
}

// granted gives a node this one's word that it may found the fleet, or says why not.
func (n *Node) granted(id string, w wish) error {
	known, err := n.raft.Known()
	switch {
	case err != nil:
		return err
	case known:
		return errors.New("it belongs to a fleet already")
	case !slices.Equal(w.List, n.founders()):
		return fmt.Errorf("its founding list is %s, not %s: start all nodes with the same --peers", strings.Join(n.founders(), ","), strings.Join(w.List, ","))
	}
	if g := n.grant(); g != nil {
		if g.To == id && slices.Equal(g.List, w.List) {
			return nil
		}
		if g.To != id {
			return fmt.Errorf("it gave its word to node %s before; where that one is lost for good, empty this node's data directory", g.To)
		}
	}
	return n.keep(func(i *identity) { i.Grant = &grant{To: id, List: w.List} })
}

// withdrawn takes this node's word back that another one gives back.
func (n *Node) withdrawn(id string) error {
	if g := n.grant(); g == nil || g.To != id {
		return nil
	}
	return n.keep(func(i *identity) { i.Grant = nil })
}
