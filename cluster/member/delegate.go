package member

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
)

// delegate is the list as memberlist calls it, with its locks held.
type delegate List

var (
	_ memberlist.Delegate         = (*delegate)(nil)
	_ memberlist.EventDelegate    = (*delegate)(nil)
	_ memberlist.AliveDelegate    = (*delegate)(nil)
	_ memberlist.MergeDelegate    = (*delegate)(nil)
	_ memberlist.ConflictDelegate = (*delegate)(nil)
	_ memberlist.PingDelegate     = (*delegate)(nil)
)

// NodeMeta implements memberlist.Delegate.
func (d *delegate) NodeMeta(limit int) []byte {
	m := d.config.Meta()
	if d.leaving.Load() {
		m.State = leaving
	}
	b, err := m.encode()
	if err != nil || len(b) > limit {
		d.config.Log.Error("fleet: what this node says of itself is too long", "error", err)
		return nil
	}
	return b
}

// NotifyMsg implements memberlist.Delegate.
func (d *delegate) NotifyMsg(b []byte) {
	if d.config.Message != nil && len(b) > 0 {
		d.config.Message(append([]byte(nil), b...))
	}
}

// GetBroadcasts implements memberlist.Delegate.
func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.queue.GetBroadcasts(overhead, limit)
}

// LocalState implements memberlist.Delegate.
func (d *delegate) LocalState(bool) []byte {
	if d.config.State == nil {
		return nil
	}
	return d.config.State()
}

// MergeRemoteState implements memberlist.Delegate.
func (d *delegate) MergeRemoteState(b []byte, _ bool) {
	if d.config.Merge != nil && len(b) > 0 {
		d.config.Merge(b)
	}
}

// NotifyAlive implements memberlist.AliveDelegate: it refuses a stranger.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	(*List)(d).doubt(n.Name, false)
	return d.admit(n)
}

// AckPayload implements memberlist.PingDelegate.
func (d *delegate) AckPayload() []byte { return nil }

// NotifyPingComplete implements memberlist.PingDelegate.
func (d *delegate) NotifyPingComplete(n *memberlist.Node, _ time.Duration, _ []byte) {
	(*List)(d).doubt(n.Name, false)
}

// NotifyMerge implements memberlist.MergeDelegate: nothing is taken of a list that
// has a stranger.
func (d *delegate) NotifyMerge(all []*memberlist.Node) error {
	for _, n := range all {
		if n.State == memberlist.StateDead || n.State == memberlist.StateLeft {
			continue
		}
		if err := d.admit(n); err != nil {
			return err
		}
	}
	return nil
}

func (d *delegate) admit(n *memberlist.Node) error {
	if n.Name == d.config.Port.Ring().ID() {
		return nil
	}
	m, err := decodeMeta(n.Meta)
	if err != nil {
		return fmt.Errorf("node %.40s at %s: %w", n.Name, n.Address(), err)
	}
	own := d.config.Meta()
	if m.Fleet != "" && own.Fleet != "" && m.Fleet != own.Fleet {
		return fmt.Errorf("node %s (%s) at %s belongs to fleet %s, this one to fleet %s: an empty data directory makes it new", m.Name, n.Name, n.Address(), m.Fleet, own.Fleet)
	}
	if d.config.Admit != nil {
		return d.config.Admit(Member{ID: n.Name, Meta: m, Addr: addrOf(n), State: Alive})
	}
	return nil
}

func addrOf(n *memberlist.Node) netip.AddrPort {
	a, _ := netip.AddrFromSlice(n.Addr)
	return netip.AddrPortFrom(a.Unmap(), n.Port)
}

// NotifyConflict implements memberlist.ConflictDelegate.
func (d *delegate) NotifyConflict(is, other *memberlist.Node) {
	d.config.Log.Error("fleet: two nodes have one id: a data directory was copied", "id", is.Name, "at", is.Address(), "and", other.Address())
}

// NotifyJoin implements memberlist.EventDelegate.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.note(n, Alive) }

// NotifyUpdate implements memberlist.EventDelegate.
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.note(n, Alive) }

// NotifyLeave implements memberlist.EventDelegate.
func (d *delegate) NotifyLeave(n *memberlist.Node) {
	if m, err := decodeMeta(n.Meta); err == nil && m.State == leaving {
		d.note(n, Left)
	} else {
		d.note(n, Failed)
	}
}

// note keeps what is known of a node.
func (d *delegate) note(n *memberlist.Node, s State) {
	m, err := decodeMeta(n.Meta)
	if err != nil {
		m = Meta{Name: n.Name}
	}
	d.mu.Lock()
	was, known := d.seen[n.Name]
	d.seen[n.Name] = Member{ID: n.Name, Meta: m, Addr: addrOf(n), State: s, Since: was.Since}
	if !known || was.State != s {
		now := d.seen[n.Name]
		now.Since = time.Now()
		d.seen[n.Name] = now
	}
	d.mu.Unlock()
	if d.config.Changed != nil {
		d.config.Changed()
	}
}
