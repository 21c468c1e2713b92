package lbcore

import (
	"context"
	"net"

	"gohap/lbcore/clock"
	"gohap/lbcore/proxy"
	"gohap/peers/fleet"
	"gohap/peers/link"
)

// Mesh reaches the other nodes of the fleet that this one belongs to: over it the
// section "fleet" shares its tables. Any goroutine may call it.
type Mesh interface {
	// Others are the names of the other nodes that belong to the fleet, there or not.
	Others() []string
	// Dial connects to one of them, proved and encrypted.
	Dial(ctx context.Context, node string) (net.Conn, error)
}

// meshed is what an instance knows of the mesh; nil without a section "fleet".
type meshed struct {
	section *proxy.Peers
	link    *link.Link
	static  map[string]bool          // nodes that the configuration names
	added   map[string]chan struct{} // the others, by name; closed when one is forgotten
}

// mesh begins to share the tables of the section with the nodes of the fleet.
func (in *Instance) mesh(p *proxy.Peers, l *link.Link) {
	if in.Config.Mesh == nil {
		return
	}
	m := &meshed{section: p, link: l, static: map[string]bool{}, added: map[string]chan struct{}{}}
	for _, one := range p.Peers {
		m.static[one.Name] = true
	}
	in.meeting.Lock()
	in.meshed = m
	in.meeting.Unlock()
	in.MeetNodes()
}

// MeetNodes takes over which nodes belong to the fleet now; any goroutine but a loop's.
func (in *Instance) MeetNodes() {
	in.meeting.Lock()
	defer in.meeting.Unlock()
	m := in.meshed
	if m == nil {
		return
	}
	now := map[string]bool{}
	for _, name := range in.Config.Mesh.Others() {
		now[name] = true
		if m.static[name] || m.added[name] != nil {
			continue
		}
		forgotten := make(chan struct{})
		m.added[name] = forgotten
		p, _ := m.section.Fleet.Admit(name)
		m.link.Add(link.Peer{Remote: link.FleetPeer(m.section.Fleet, p), Dial: func(ctx context.Context) (net.Conn, error) {
			return in.Config.Mesh.Dial(ctx, name)
		}}, forgotten)
	}
	for name, forgotten := range m.added {
		if !now[name] {
			close(forgotten)
			delete(m.added, name)
			m.section.Fleet.Expel(name, clock.Millis())
		}
	}
}

// Nodes are the nodes of the section "fleet", none without one; any goroutine but a
// loop's.
func (in *Instance) Nodes() []fleet.PeerView {
	in.meeting.Lock()
	m := in.meshed
	in.meeting.Unlock()
	if m == nil {
		return nil
	}
	return m.section.Fleet.View(clock.Millis())
}

// TakeNode takes a connection that another node of the fleet made for its tables.
func (in *Instance) TakeNode(conn net.Conn) {
	in.meeting.Lock()
	defer in.meeting.Unlock()
	if in.meshed == nil {
		conn.Close()
		return
	}
	in.meshed.link.Take(conn)
}
